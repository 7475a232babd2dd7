//! Temporary credentials of the built-in STS, and in [`routes`] those of other STSs. Permission is checked before, in
//! `app`.
//!
//! A session token is sealed and self-contained: it holds the session and its end, and names its sealing key. No store
//! has a row for it. The secret key is derived from the token and is never part of it.

use std::sync::Arc;

use arc_swap::ArcSwap;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::ambient::Ambient;
use crate::model::ids::{PoolId, RoleArn, SamlProviderArn};
use crate::model::json;
use crate::model::managed_policy::PolicyArn;
use crate::model::origin::LoginOrigin;
use crate::model::tags::{Tags, stored};
use crate::seal::{SALT, SealKey};

mod reuse;
pub mod routes;

use reuse::IssuedSessions;
pub use reuse::{SharedCredentials, least_left};

/// The longest session token, in characters.
pub const LONGEST_TOKEN: usize = 4096;

/// How many bytes of `amr` a session token holds.
const LONGEST_AMR: usize = 1024;

/// The contents of a session token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The role that the session has.
    pub role: RoleArn,
    /// The role's unique id, if the built-in IAM knew the role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_id: Option<String>,
    /// The session's name: 2 to 64 of `[\w+=,.@-]`.
    pub name: String,
    /// The origin of the session. Every use checks that it is still valid.
    pub origin: SessionOrigin,
    /// The generation of the store: another one after a restore or a copy.
    pub generation: Uuid,
    /// Condition keys of the login that the session began with: `ISSUER:sub` and `ISSUER:aud` of another issuer's
    /// token, or `saml:sub`, `saml:sub_type` and `saml:namequalifier` of a SAML response.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub keys: IndexMap<String, String>,
    /// The session policies. A request needs a policy of each list that allows it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bounds: Vec<Vec<SessionPolicy>>,
    /// The session tags.
    #[serde(
        default,
        skip_serializing_if = "Tags::is_empty",
        with = "stored::sealed"
    )]
    pub tags: Tags,
    /// The session's beginning, in whole seconds.
    pub issued: Timestamp,
    /// The session's end, in whole seconds.
    pub expires: Timestamp,
    /// The time that no session outlives which comes from this one, in whole seconds: the end of what bounds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<Timestamp>,
}

impl Session {
    /// The identity that the session belongs to, if it came from one.
    pub fn identity(&self) -> Option<&SessionIdentity> {
        self.origin.identity()
    }
}

/// Where a session came from. A chained session keeps the origin of the first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionOrigin {
    /// An identity of a pool.
    Identity(SessionIdentity),
    /// An ID token of a registered provider.
    WebIdentity {
        /// The provider: its issuer without the scheme.
        provider: String,
        /// The unique id of its registration.
        registration: Uuid,
        /// The client that the token was for.
        client: String,
        /// The user at the provider.
        subject: String,
    },
    /// A token of a public provider without a registration. The trust policy of the role names the client.
    PublicProvider {
        /// The provider, as trust policies name it.
        provider: String,
        /// The user at the provider.
        subject: String,
    },
    /// A response of a registered SAML provider.
    Saml {
        /// The provider.
        provider: SamlProviderArn,
        /// The unique id of its registration.
        registration: Uuid,
        /// The user at the provider.
        subject: String,
    },
    /// An access key, by the unique id of its user.
    AccessKey(String),
    /// The root access key with this id.
    RootKey(String),
}

impl SessionOrigin {
    /// The identity, if the session came from one.
    pub fn identity(&self) -> Option<&SessionIdentity> {
        match self {
            Self::Identity(identity) => Some(identity),
            _ => None,
        }
    }

    /// The form in a session token, which has a limited length.
    #[must_use]
    pub fn for_a_session(self) -> Self {
        match self {
            Self::Identity(identity) => Self::Identity(identity.for_a_session()),
            other => other,
        }
    }
}

/// The identity of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionIdentity {
    /// The pool.
    pub pool: PoolId,
    /// The incarnation of the pool.
    pub incarnation: u64,
    /// The UUID of the identity.
    pub identity: Uuid,
    /// The identity's epoch at the session's beginning; a later epoch ends the session.
    pub epoch: u64,
    /// The authentication methods, as the claim `amr` has them.
    pub amr: Vec<String>,
    /// The logins that the session came from; empty for a guest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub logins: Vec<LoginOrigin>,
}

impl SessionIdentity {
    /// The form in a session token: the first values of `amr`, up to 1,024 bytes, each value whole. Only a trust
    /// policy sees the values that are left out.
    #[must_use]
    pub fn for_a_session(mut self) -> Self {
        let mut free = LONGEST_AMR;
        self.amr
            .retain(|value| match free.checked_sub(value.len()) {
                Some(left) => {
                    free = left;
                    true
                }
                None => false,
            });
        self
    }

    /// Whether the identity is signed in, not a guest.
    pub fn is_authenticated(&self) -> bool {
        self.amr
            .first()
            .is_some_and(|method| method == "authenticated")
    }
}

/// A policy that narrows a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionPolicy {
    /// A policy in the request for the session.
    Inline(Value),
    /// A policy of the scope-down of guests.
    Managed(GuestPolicy),
    /// A managed policy. It is read at each use, so that the session follows a change.
    Named {
        /// The ARN.
        arn: PolicyArn,
        /// The unique id: a later policy with the same ARN is another one.
        id: String,
    },
}

/// The policies that limit guests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GuestPolicy {
    /// The inline policy that the service adds for guests.
    GuestInline,
    /// The managed policy AmazonCognitoUnAuthedIdentitiesSessionPolicy, for guests.
    Guest,
    /// The older managed policy AmazonCognitoUnauthenticatedIdentities, for guests.
    GuestOld,
}

/// Temporary credentials, for their owner alone.
pub struct IssuedCredentials {
    /// The access key id: 20 characters, beginning with `ASIA`.
    pub access_key_id: String,
    /// The secret access key: 40 characters.
    pub secret_key: Zeroizing<String>,
    /// The session token: at most [`LONGEST_TOKEN`] characters of base64url.
    pub session_token: String,
}

impl IssuedCredentials {
    /// How much of [`LONGEST_TOKEN`] the session token takes, in percent.
    pub fn percent_used(&self) -> usize {
        (self.session_token.len() * 100).div_ceil(LONGEST_TOKEN)
    }
}

/// The sealing keys; the first key seals, all keys open.
pub struct SealingKeys {
    keys: Vec<(KeyId, SealKey)>,
}

/// A sealing key's id, as a session token carries it.
pub type KeyId = [u8; 8];

/// A new id for an access key: `prefix` (4 characters) and 16 of `[A-Z2-7]`.
pub fn access_key_id(prefix: &str, ambient: &dyn Ambient) -> String {
    let mut bytes = [0; 16];
    ambient.fill(&mut bytes);
    access_key_id_of(prefix, &bytes)
}

fn access_key_id_of(prefix: &str, bytes: &[u8; 16]) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let letters = bytes
        .iter()
        .map(|byte| char::from(ALPHABET[usize::from(byte % 32)]));
    prefix.chars().chain(letters).collect()
}

/// 40 characters of base64 for a secret key, from 30 of `bytes`.
pub fn secret_key(bytes: &[u8; 32]) -> Zeroizing<String> {
    Zeroizing::new(STANDARD.encode(&bytes[..30]))
}

impl SealingKeys {
    /// Takes the trusted keys, the key that seals first; `None` for an empty list.
    pub fn new(keys: Vec<(KeyId, SealKey)>) -> Option<Self> {
        (!keys.is_empty()).then_some(Self { keys })
    }
}

/// Issues and reads session tokens.
pub struct SessionTokens {
    keys: ArcSwap<SealingKeys>,
    issued: IssuedSessions,
}

const VERSION: u8 = 2;
const PURPOSE: &str = "session token 2";
/// The version of tokens without an origin, which are not accepted any more, and the purpose that they were sealed for.
const EARLIER: (u8, &str) = (1, "session token");
const SECRET: &str = "session secret key";

impl SessionTokens {
    /// Starts with these keys; [`SessionTokens::use_keys`] replaces them.
    pub fn new(keys: SealingKeys) -> Self {
        Self {
            keys: ArcSwap::from_pointee(keys),
            issued: IssuedSessions::new(),
        }
    }

    /// Replaces the keys from now on.
    pub fn use_keys(&self, keys: SealingKeys) {
        self.keys.store(Arc::new(keys));
    }

    /// SessionTokens for a session; `None` where its token would be longer than [`LONGEST_TOKEN`].
    pub fn issue(&self, session: &Session, ambient: &dyn Ambient) -> Option<IssuedCredentials> {
        let keys = self.keys.load();
        let (key_id, key) = keys.keys.first().expect("there is always a key that seals");
        // One draw: each costs as much as the cipher.
        let mut random = [0; SALT + 16];
        ambient.fill(&mut random);
        let (salt, letters) = random.split_first_chunk::<SALT>().expect("it is longer");
        let letters = letters.try_into().expect("16 bytes are left");
        let access_key_id = access_key_id_of("ASIA", letters);
        let box_key = key.box_key(salt);
        let text = serde_json::to_vec(session).expect("a session can be written");
        let sealed = box_key.seal(PURPOSE, &access_key_id, &text);
        let secret = Zeroizing::new(box_key.derive(SECRET, &access_key_id));
        let session_token =
            URL_SAFE_NO_PAD.encode([&[VERSION], key_id.as_slice(), &sealed].concat());
        (session_token.len() <= LONGEST_TOKEN).then(|| IssuedCredentials {
            session_token,
            secret_key: secret_key(&secret),
            access_key_id,
        })
    }

    /// As [`SessionTokens::issue`], or the credentials of an equal session that was issued lately and has most of its life left.
    /// `lifetime` is the one that was requested.
    pub fn issue_or_reuse(
        &self,
        session: &Session,
        lifetime: SignedDuration,
        now: Timestamp,
        ambient: &dyn Ambient,
    ) -> Option<Arc<SharedCredentials>> {
        let hash = {
            let keys = self.keys.load();
            let (key_id, _) = keys.keys.first().expect("there is always a key that seals");
            reuse::hash(*key_id, session, lifetime)
        };
        if let Some(found) = self.issued.find(&hash, now) {
            return Some(found);
        }
        let shared = Arc::new(SharedCredentials {
            credentials: self.issue(session, ambient)?,
            issued: session.issued,
            expires: session.expires,
        });
        self.issued.keep(hash, Arc::clone(&shared));
        Some(shared)
    }

    /// Whether `token` is a session token of an earlier version, which was issued here with this access key id and isn't
    /// accepted any more.
    pub fn is_of_earlier_version(&self, access_key_id: &str, token: &str) -> bool {
        let (version, purpose) = EARLIER;
        self.unseal(version, purpose, access_key_id, token)
            .is_some()
    }

    /// Opens a session token: the session and its secret key. `None` for a token that wasn't issued here with this
    /// access key id, or after its sealing key was removed. The caller checks the session's end.
    pub fn open(&self, access_key_id: &str, token: &str) -> Option<(Session, Zeroizing<String>)> {
        let (text, secret) = self.unseal(VERSION, PURPOSE, access_key_id, token)?;
        Some((json::read_as(&text).ok()?, secret))
    }

    /// The sealed text of a token with this version, and the secret key of its session.
    fn unseal(
        &self,
        version: u8,
        purpose: &str,
        access_key_id: &str,
        token: &str,
    ) -> Option<(Vec<u8>, Zeroizing<String>)> {
        if token.len() > LONGEST_TOKEN {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (found, rest) = bytes.split_first()?;
        let (key_id, sealed) = rest.split_first_chunk::<8>()?;
        let keys = self.keys.load();
        let (_, key) = keys.keys.iter().find(|(id, _)| id == key_id)?;
        if *found != version {
            return None;
        }
        let box_key = key.box_key(sealed.first_chunk::<SALT>()?);
        let text = box_key.open(purpose, access_key_id, sealed)?;
        let secret = Zeroizing::new(box_key.derive(SECRET, access_key_id));
        Some((text, secret_key(&secret)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ambient::Real;

    fn session() -> Session {
        let issued = Timestamp::from_second(1_700_000_000).unwrap();
        Session {
            role: RoleArn::parse("arn:aws:iam::123456789012:role/Guest").unwrap(),
            name: "CognitoIdentityCredentials".into(),
            role_id: Some("AROAIOSFODNN7EXAMPLE".into()),
            origin: SessionOrigin::Identity(SessionIdentity {
                pool: PoolId::parse("us-east-1:0b1c2d3e-4f50-4678-9abc-def012345678").unwrap(),
                incarnation: 5,
                identity: Uuid::from_u128(7),
                epoch: 3,
                amr: vec!["authenticated".into(), "login.example.com".into()],
                logins: vec![LoginOrigin {
                    provider: "login.example.com".into(),
                    client: "app".into(),
                    registration: Some(Uuid::from_u128(8)),
                }],
            }),
            generation: Uuid::from_u128(9),
            keys: IndexMap::new(),
            bounds: vec![vec![
                SessionPolicy::Inline(serde_json::json!({ "Statement": [] })),
                SessionPolicy::Managed(GuestPolicy::Guest),
                SessionPolicy::Named {
                    arn: PolicyArn::parse("arn:aws:iam::123456789012:policy/Read").unwrap(),
                    id: "ANPAIOSFODNN7EXAMPLE".into(),
                },
            ]],
            tags: Tags::new(),
            issued,
            expires: issued + SignedDuration::from_hours(1),
            not_after: Some(issued + SignedDuration::from_hours(2)),
        }
    }

    fn keys(ids: &[u8]) -> SealingKeys {
        let keys = ids
            .iter()
            .map(|id| ([*id; 8], SealKey::new([*id; 32])))
            .collect();
        SealingKeys::new(keys).unwrap()
    }

    #[test]
    fn a_session_token_says_what_was_put_in_it() {
        let credentials = SessionTokens::new(keys(&[1]));
        let issued = credentials.issue(&session(), &Real).unwrap();
        assert!(issued.access_key_id.starts_with("ASIA") && issued.access_key_id.len() == 20);
        assert_eq!(issued.secret_key.len(), 40);
        let (opened, secret) = credentials
            .open(&issued.access_key_id, &issued.session_token)
            .unwrap();
        assert_eq!((opened, secret), (session(), issued.secret_key));
    }

    #[test]
    fn no_changed_token_and_no_other_access_key_id_opens() {
        let credentials = SessionTokens::new(keys(&[1]));
        let issued = credentials.issue(&session(), &Real).unwrap();
        let bytes = URL_SAFE_NO_PAD.decode(&issued.session_token).unwrap();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            let changed = URL_SAFE_NO_PAD.encode(changed);
            assert!(
                credentials.open(&issued.access_key_id, &changed).is_none(),
                "byte {at}"
            );
            let cut = URL_SAFE_NO_PAD.encode(&bytes[..at]);
            assert!(
                credentials.open(&issued.access_key_id, &cut).is_none(),
                "cut at {at}"
            );
        }
        let other = credentials.issue(&session(), &Real).unwrap();
        assert!(
            credentials
                .open(&other.access_key_id, &issued.session_token)
                .is_none()
        );
        assert!(
            credentials
                .open(&issued.access_key_id, &"A".repeat(LONGEST_TOKEN + 1))
                .is_none()
        );
    }

    #[test]
    fn a_token_of_the_earlier_version_is_recognised_and_never_opens() {
        let sealing = SealKey::new([1; 32]);
        let id = "ASIAIOSFODNN7EXAMPLE";
        let token = |version: u8, purpose: &str, text: &[u8]| {
            let sealed = sealing.seal(purpose, id, text, &Real);
            URL_SAFE_NO_PAD.encode([&[version], [1; 8].as_slice(), &sealed].concat())
        };
        let text = serde_json::to_vec(&session()).unwrap();
        let credentials = SessionTokens::new(keys(&[1]));
        let (version, purpose) = EARLIER;
        let earlier = token(version, purpose, &text);
        assert!(credentials.open(id, &earlier).is_none());
        assert!(credentials.is_of_earlier_version(id, &earlier));
        assert!(!credentials.is_of_earlier_version("ASIAIOSFODNN8EXAMPLE", &earlier));
        // The version byte alone makes no other version of a token.
        for relabelled in [
            token(VERSION, purpose, &text),
            token(version, PURPOSE, &text),
        ] {
            assert!(credentials.open(id, &relabelled).is_none());
            assert!(!credentials.is_of_earlier_version(id, &relabelled));
        }
        assert!(
            credentials
                .open(id, &token(VERSION, PURPOSE, &text))
                .is_some()
        );
        let without_origin = serde_json::json!({ "role": session().role, "name": "x" });
        let without_origin = token(VERSION, PURPOSE, without_origin.to_string().as_bytes());
        assert!(credentials.open(id, &without_origin).is_none());
    }

    #[test]
    fn a_retired_sealing_key_opens_and_a_dropped_one_does_not() {
        let credentials = SessionTokens::new(keys(&[1]));
        let issued = credentials.issue(&session(), &Real).unwrap();
        credentials.use_keys(keys(&[2, 1]));
        assert!(
            credentials
                .open(&issued.access_key_id, &issued.session_token)
                .is_some()
        );
        credentials.use_keys(keys(&[2]));
        assert!(
            credentials
                .open(&issued.access_key_id, &issued.session_token)
                .is_none()
        );
    }

    #[test]
    fn a_session_that_says_too_much_is_none() {
        let credentials = SessionTokens::new(keys(&[1]));
        let mut session = session();
        session.tags.set("key".into(), "x".repeat(3000));
        assert!(credentials.issue(&session, &Real).is_none());
    }

    #[test]
    fn no_text_makes_the_reader_panic() {
        let credentials = SessionTokens::new(keys(&[1]));
        for text in [
            "",
            "A",
            "AQ",
            "AQEBAQEBAQEB",
            "é",
            "====",
            &"A".repeat(4096),
        ] {
            assert!(credentials.open("ASIAAAAAAAAAAAAAAAAA", text).is_none());
        }
    }
}
