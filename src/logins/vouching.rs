//! Logins by access token: the provider is asked whose it is and for which app. What differs between the providers is in
//! [`Vouching`]; what they said is remembered by [`super::verdicts`].
//!
//! A value that can't be a token is refused without asking. A provider that says no is believed; one that is away, too
//! slow, overrun or unintelligible decides nothing, and the login fails as that provider's failure. Nothing that a
//! provider writes reaches a log but the numbers and names of its errors: its sentences may quote the token.

use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::error::LoginError;
use super::told;
use super::watch::Watch;
use super::{Logins, Verified};
use crate::model::identity::Login;
use crate::model::json::JsonError;
use crate::outgoing::{Fetched, Outgoing, OutgoingError};

/// For how long a provider's word counts at most.
pub(super) const REMEMBERED: SignedDuration = SignedDuration::from_secs(60);

/// How long a user's id may be, in characters.
const LONGEST_USER: usize = 255;

/// A provider that knows its tokens, and for which of its apps they are.
pub(super) trait Vouching: Clone + Send + Sync + 'static {
    /// Its `Logins` key.
    fn name(&self) -> &'static str;
    /// The app whose tokens the pool takes.
    fn app(&self) -> &str;
    /// What its tokens look like, in words.
    fn form(&self) -> &'static str {
        "an access token in visible ASCII characters"
    }
    /// Refuses a value that is none of its tokens, whoever was asked.
    fn check(&self, value: &str) -> Result<(), NotAnAccessToken>;
    /// What its answer depends on beside the token.
    fn asked_as(&self) -> [&[u8]; 2] {
        [b"", b""]
    }
    /// Asks whose a token is that has passed [`Vouching::check`].
    fn ask(
        &self,
        value: &str,
        outgoing: &Outgoing,
        now: Timestamp,
    ) -> impl Future<Output = Result<Vouched, NotVouched>> + Send;
    /// The name of a further claim that holds the user's id.
    fn user_claim(&self) -> Option<&'static str> {
        None
    }
}

/// Whom a provider vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vouched {
    /// The names of the one app that the token is for.
    pub apps: Vec<String>,
    /// The user's id there, 1 to 255 characters.
    pub user: String,
    /// How much longer the token is good, where the provider says so.
    pub good_for: Option<SignedDuration>,
}

/// Why a value is no access token, whoever was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAnAccessToken {
    /// Empty, too long, or with characters that none has.
    #[error("no access token of the provider looks like it")]
    Malformed,
    /// Not a token and its secret with a semicolon between them.
    #[error("it isn't a token and its secret")]
    NotAPair,
    /// An ID token.
    #[error(
        "it is an ID token (Limited Login): register an OpenID Connect provider for its issuer to take such"
    )]
    IdToken,
}

/// A provider's no.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it was answered with {status}, error {code}")]
pub struct TokenRefused {
    /// The status of the answer.
    pub status: u16,
    /// The number or name of the error, at most 64 printable characters.
    pub code: String,
}

/// Why a provider decided nothing.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// No answer at all.
    #[error("the provider can't be asked")]
    Outgoing(#[source] OutgoingError),
    /// An answer that means neither yes nor no.
    #[error("the provider answered with {0}")]
    Status(u16),
    /// A failure of the provider's, by its own words, or of what it thinks of this server.
    #[error("the provider answered with {status}, error {code}")]
    Failure {
        /// The status of the answer.
        status: u16,
        /// The number or name of the error.
        code: String,
    },
    /// An answer that can't be read.
    #[error("the provider's answer can't be read")]
    Garbage(#[source] JsonError),
    /// An answer that lacks something, or has it in a form that is none.
    #[error("the provider's answer has no usable {0}")]
    Lacks(&'static str),
    /// So many tokens are being asked about that this one isn't.
    #[error("the provider is being asked about too many tokens")]
    TooMany,
    /// The one who asked was stopped.
    #[error("the provider was not asked to the end")]
    Stopped,
}

/// Why a provider doesn't vouch for a token.
#[derive(Debug, Clone)]
pub enum NotVouched {
    /// It says no.
    Refused(TokenRefused),
    /// It says nothing.
    NoAnswer(Arc<NoAnswer>),
}

impl From<NoAnswer> for NotVouched {
    fn from(why: NoAnswer) -> Self {
        Self::NoAnswer(Arc::new(why))
    }
}

impl From<OutgoingError> for NotVouched {
    fn from(why: OutgoingError) -> Self {
        NoAnswer::Outgoing(why).into()
    }
}

impl NotVouched {
    /// A no; `code` is cut to what a log may hold.
    pub(super) fn refused(status: u16, code: &str) -> Self {
        Self::Refused(TokenRefused {
            status,
            code: printable(code),
        })
    }

    /// A failure of the provider's; `code` is cut likewise.
    pub(super) fn failure(status: u16, code: &str) -> Self {
        let code = printable(code);
        NoAnswer::Failure { status, code }.into()
    }
}

fn printable(code: &str) -> String {
    let safe = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '/');
    code.chars().filter(safe).take(64).collect()
}

/// The user's id in an answer: a text of 1 to 255 characters.
pub(super) fn user_id(id: String) -> Result<String, NotVouched> {
    if (1..=LONGEST_USER).contains(&id.chars().count()) {
        Ok(id)
    } else {
        Err(NoAnswer::Lacks("user id").into())
    }
}

/// An id that is a number written as a text, as Facebook and Twitter write theirs.
pub(super) fn numeric_id(id: String, what: &'static str) -> Result<String, NotVouched> {
    if !id.is_empty() && id.len() <= 64 && id.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(id)
    } else {
        Err(NoAnswer::Lacks(what).into())
    }
}

/// Whether a text has 1 to `longest` visible ASCII characters.
pub(super) fn is_visible(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The status and the body of an answer.
pub(super) fn parts(fetched: &Fetched) -> (u16, &[u8]) {
    (fetched.status.as_u16(), &fetched.body)
}

impl Logins {
    /// Checks the access token `value` at the provider.
    pub(super) async fn verify_access_token<P: Vouching, W: Watch>(
        &self,
        provider: &P,
        value: &str,
        now: Timestamp,
        watch: &mut W,
    ) -> Result<Verified, LoginError> {
        let form = provider.check(value);
        let length = value.len();
        watch
            .made("form", form, |form| {
                told::access_token(provider, form.as_ref().err(), length)
            })
            .map_err(LoginError::NotAnAccessToken)?;
        let name = provider.name();
        let asked = {
            let (provider, value) = (provider.clone(), zeroize::Zeroizing::new(value.to_owned()));
            let outgoing = Arc::clone(&self.outgoing);
            async move { provider.ask(&value, &outgoing, now).await }
        };
        let [one, two] = provider.asked_as();
        let hash = hash(&[one, two, value.as_bytes()]);
        let verdict = self.verdicts.of(name, hash, now, asked).await;
        let verdict = verdict.map_err(|why| match why {
            NotVouched::Refused(source) => LoginError::Refused(source),
            NotVouched::NoAnswer(source) => LoginError::NoAnswer {
                provider: name.to_owned(),
                source,
            },
        });
        let (since, vouched) = watch.made("answer", verdict, |verdict| {
            told::vouched(provider, verdict.as_ref())
        })?;
        // At every use: what is remembered was perhaps asked for another pool.
        let app = provider.app();
        let is_the_pools = vouched.apps.iter().any(|one| one == app);
        watch.told("app", is_the_pools, || told::app(provider, &vouched));
        if !is_the_pools {
            return Err(LoginError::Unsupported);
        }
        let user = &vouched.user;
        let end = |good_for| since.saturating_add(good_for).unwrap_or(Timestamp::MAX);
        Ok(Verified {
            login: Login::public(name, user),
            audience: app.to_owned(),
            claims: claims(provider, user),
            expires: vouched.good_for.map(end),
            amr: [name.to_owned(), format!("{name}:{app}:{user}")],
        })
    }
}

/// What stands for the claims of a token that has none.
fn claims<P: Vouching>(provider: &P, user: &str) -> Map<String, Value> {
    let mut claims = Map::new();
    claims.insert("iss".to_owned(), json!(provider.name()));
    claims.insert("aud".to_owned(), json!(provider.app()));
    claims.insert("sub".to_owned(), json!(user));
    if let Some(further) = provider.user_claim() {
        claims.insert(further.to_owned(), json!(user));
    }
    claims
}

/// One hash of several texts, none of which can pass for a part of another.
fn hash(texts: &[&[u8]]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for text in texts {
        context.update(&(text.len() as u64).to_be_bytes());
        context.update(text);
    }
    let digest = context.finish();
    digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// What a reader of answers makes of one, in a word: the user, `no …` or `nothing …`.
    pub(in crate::logins) fn told(read: Result<String, NotVouched>) -> String {
        match read {
            Ok(user) => user,
            Err(NotVouched::Refused(no)) => format!("no {} {}", no.status, no.code),
            Err(NotVouched::NoAnswer(why)) => format!("nothing: {why}"),
        }
    }

    #[test]
    fn what_a_provider_calls_its_error_is_safe_in_a_log() {
        let NotVouched::Refused(no) = NotVouched::refused(400, &"a\n\"<é 190/463".repeat(20))
        else {
            panic!("a no")
        };
        assert!(no.code.starts_with("a190/463a190"), "{}", no.code);
        assert_eq!(no.code.len(), 64);
    }

    #[test]
    fn no_text_passes_for_a_part_of_another() {
        assert_ne!(hash(&[b"a", b"bc"]), hash(&[b"ab", b"c"]));
        assert_ne!(hash(&[b"", b"a"]), hash(&[b"a", b""]));
    }
}
