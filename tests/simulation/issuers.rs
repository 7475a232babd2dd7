//! The issuers of logins: OpenID Connect servers that rotate their keys, are slow, fail and lie; and the tokens, among them
//! forged ones.

use serde_json::{Value, json};

use super::issuer::{Issuer, Key};
use super::random::Random;
use super::step::Trust;

/// The client for which the issuers issue tokens.
pub const CLIENT: &str = "app";

const SECOND: i64 = 1000;
const HOUR: i64 = 3600 * SECOND;

/// What an issuer answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conduct {
    Honest,
    /// 503.
    Away,
    /// Something that is no key set.
    Garbage,
    /// A key set without any key.
    Empty,
    /// Another key under the id of the present one.
    ForeignKey,
}

/// A kind of token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    Good,
    /// Signed by the key before the present one.
    EarlierKey,
    /// Signed by another key under the id of the present one.
    OtherKey,
    /// Signed by a key that no key set ever had.
    UnknownKey,
    OtherIssuer,
    OtherClient,
    Expired,
    Unsigned,
    Garbage,
}

impl Proof {
    const FORGED: [Self; 7] = [
        Self::OtherKey,
        Self::UnknownKey,
        Self::OtherIssuer,
        Self::OtherClient,
        Self::Expired,
        Self::Unsigned,
        Self::Garbage,
    ];

    /// A proof that is good in most cases.
    pub fn random(random: &mut Random) -> Self {
        match random.below(20) {
            0 => *random.pick(&Self::FORGED).unwrap_or(&Self::Garbage),
            1 => Self::EarlierKey,
            _ => Self::Good,
        }
    }
}

/// An issuer, and what is certain about it.
pub struct LoginIssuer {
    server: Issuer,
    /// The present key, and the one before with the time at which it was withdrawn.
    key: Key,
    earlier: Option<(Key, i64)>,
    other: Key,
    conduct: Conduct,
    /// From when the server must have the keys, if the issuer stays as it is.
    settled: i64,
    was_honest: bool,
    /// Whether it has ever answered with the other key.
    has_published_other: bool,
    keys: usize,
}

impl LoginIssuer {
    pub async fn new() -> Self {
        let key = Key::p256("1");
        Self {
            server: Issuer::with(key.clone()).await,
            key,
            earlier: None,
            other: Key::p256("1"),
            conduct: Conduct::Honest,
            settled: i64::MIN,
            was_honest: true,
            has_published_other: false,
            keys: 1,
        }
    }

    pub fn url(&self) -> &str {
        self.server.url()
    }

    pub fn name(&self) -> &str {
        self.server.name()
    }

    /// Whether tokens of the present key are valid and the server has, or gets, that key.
    pub fn is_settled(&self, now: i64) -> bool {
        self.conduct == Conduct::Honest && now >= self.settled
    }

    pub fn conduct(&self) -> Conduct {
        self.conduct
    }

    /// Begins to use another key. The one before is withdrawn.
    pub fn rotate(&mut self, now: i64) {
        self.keys += 1;
        let key = Key::p256(&self.keys.to_string());
        self.other = Key::p256(&self.keys.to_string());
        self.earlier = Some((std::mem::replace(&mut self.key, key), now));
        self.settled = self.settled.max(now + 70 * SECOND);
        self.serve();
    }

    pub fn behave(&mut self, conduct: Conduct, now: i64) {
        // A key set that the issuer answered may be used for an hour.
        let unsettled = match (self.conduct, conduct) {
            (Conduct::ForeignKey | Conduct::Empty, _)
            | (_, Conduct::ForeignKey | Conduct::Empty) => HOUR,
            _ => 0,
        };
        self.settled = self.settled.max(now + unsettled + 70 * SECOND);
        self.was_honest &= conduct == Conduct::Honest;
        self.has_published_other |= conduct == Conduct::ForeignKey;
        self.conduct = conduct;
        self.serve();
    }

    fn serve(&self) {
        self.server.away(self.conduct == Conduct::Away);
        match self.conduct {
            Conduct::Garbage => self.server.serve_text("<html>".to_owned()),
            Conduct::Empty => self.server.serve_keys(json!({ "keys": [] })),
            Conduct::ForeignKey => self
                .server
                .serve_keys(json!({ "keys": [self.other.jwk()] })),
            Conduct::Honest | Conduct::Away => {
                self.server.serve_keys(json!({ "keys": [self.key.jwk()] }));
            }
        }
    }

    /// Lets all requests wait, or no longer.
    pub fn hold(&self, held: bool) {
        self.server.hold(held);
    }

    pub fn is_waited_for(&self) -> bool {
        self.server.is_waited_for()
    }

    /// Whether the server must trust a token.
    pub fn trust(&self, proof: Proof, now: i64) -> Trust {
        match (proof, &self.earlier) {
            (Proof::Good, _) | (Proof::EarlierKey, None) if self.is_settled(now) => Trust::Yes,
            (Proof::Good, _) | (Proof::EarlierKey, None) => Trust::Perhaps,
            (Proof::EarlierKey, Some((_, withdrawn))) => {
                // A key set is used for an hour, and for a day while the issuer doesn't answer.
                let longest = if self.was_honest { HOUR } else { 25 * HOUR };
                if now > withdrawn + longest {
                    Trust::No
                } else {
                    Trust::Perhaps
                }
            }
            // The other key may be the one that the issuer has answered.
            (Proof::OtherKey, _) if self.has_published_other => Trust::Perhaps,
            _ => Trust::No,
        }
    }

    /// A token for a user.
    pub fn token(&self, proof: Proof, user: &str, now: i64) -> String {
        let now = now / SECOND;
        let mut claims =
            json!({ "iss": self.url(), "aud": CLIENT, "sub": user, "iat": now, "exp": now + 3600 });
        let mut set = |name: &str, value: Value| claims[name] = value;
        match proof {
            Proof::OtherIssuer => set("iss", json!("https://issuer.example")),
            Proof::OtherClient => set("aud", json!("another")),
            Proof::Expired => set("exp", json!(now - 3600)),
            _ => {}
        }
        match (proof, &self.earlier) {
            (Proof::Garbage, _) => "garbage".to_owned(),
            (Proof::EarlierKey, Some((key, _))) => key.token(&claims),
            (Proof::OtherKey, _) => self.other.token(&claims),
            (Proof::UnknownKey, _) => Key::p256("unknown").token(&claims),
            (Proof::Unsigned, _) => {
                let header = json!({ "alg": "none", "typ": "JWT", "kid": self.key.kid });
                self.key.token_with(&header, &claims.to_string())
            }
            _ => self.key.token(&claims),
        }
    }
}
