//! Logins by access token: the provider is asked which user and which app the token is for (introspection). What differs
//! between the providers is in `AccessTokenProvider`; answers are cached for a minute in `cache`.
//!
//! A value that can't be a token is refused without asking. A provider that rejects a token is believed. A provider that
//! is unreachable, too slow, overloaded or unintelligible decides nothing: the login fails as that provider's failure.

pub mod amazon;
mod cache;
pub mod facebook;
mod findings;
mod introspection;
pub mod oauth1;
pub mod twitter;

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use aws_lc_rs::digest::{Context, SHA256};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

pub use self::amazon::Amazon;
pub(super) use self::cache::IntrospectionCache;
pub use self::facebook::Facebook;
pub use self::introspection::{
    AccessTokenFormatError, Introspection, IntrospectionError, IntrospectionFailure, TokenRejected,
};
pub use self::twitter::Twitter;
use super::error::LoginError;
use super::report::Report;
use super::{LoginAttempt, LoginProvider, Logins, VerifiedLogin};
use crate::model::identity::Login;
use crate::outgoing::Outgoing;

/// A provider that answers for which user and which of its apps an access token is.
pub(super) trait AccessTokenProvider: Debug + Clone + Send + Sync + 'static {
    /// The provider's `Logins` key.
    fn name(&self) -> &'static str;
    /// The app that the pool accepts tokens of.
    fn app(&self) -> &str;
    /// The form of the provider's tokens, in words.
    fn token_form(&self) -> &'static str {
        "an access token in visible ASCII characters"
    }
    /// Refuses a value that can't be one of the provider's tokens.
    fn check_form(&self, value: &str) -> Result<(), AccessTokenFormatError>;
    /// The parts of the cache's key beside the token: the credentials that the answer depends on.
    fn cache_key(&self) -> [&[u8]; 2] {
        [b"", b""]
    }
    /// Asks about a token that has passed [`AccessTokenProvider::check_form`].
    fn introspect(
        &self,
        value: &str,
        outgoing: &Outgoing,
        now: Timestamp,
    ) -> impl Future<Output = Result<Introspection, IntrospectionError>> + Send;
    /// The name of a claim that holds the user's id, beside `sub`.
    fn user_claim(&self) -> Option<&'static str> {
        None
    }
}

#[async_trait]
impl<P: AccessTokenProvider> LoginProvider for P {
    async fn verify(
        &self,
        logins: &Logins,
        attempt: &LoginAttempt<'_>,
        report: &mut Report,
    ) -> Result<VerifiedLogin, LoginError> {
        logins.verify_access_token(self, attempt, report).await
    }
}

impl Logins {
    /// Checks an access token at its provider.
    async fn verify_access_token<P: AccessTokenProvider>(
        &self,
        provider: &P,
        attempt: &LoginAttempt<'_>,
        report: &mut Report,
    ) -> Result<VerifiedLogin, LoginError> {
        let form = provider.check_form(attempt.token);
        let length = attempt.token.len();
        report
            .add_outcome("form", form, |form| {
                findings::form(provider, form.as_ref().err(), length)
            })
            .map_err(LoginError::NotAnAccessToken)?;
        let answer = self.introspection(provider, attempt).await;
        let (asked_at, answer) = report.add_outcome("answer", answer, |answer| {
            findings::answer(provider, answer.as_ref())
        })?;
        // Compared at every use: another pool may have caused the cached answer.
        let app = provider.app();
        let matches = answer.apps.iter().any(|one| one == app);
        report.add("app", matches, || findings::app(provider, &answer));
        if !matches {
            return Err(LoginError::Unsupported);
        }
        let (name, user) = (provider.name(), &answer.user);
        let end = |left| asked_at.saturating_add(left).unwrap_or(Timestamp::MAX);
        Ok(VerifiedLogin {
            single_use: None,
            login: Login::public(name, user),
            audience: app.to_owned(),
            claims: claims(provider, user),
            expires: answer.expires_in.map(end),
            amr: [name.to_owned(), format!("{name}:{app}:{user}")],
        })
    }

    /// The provider's answer, cached or fresh, and when it was asked.
    async fn introspection<P: AccessTokenProvider>(
        &self,
        provider: &P,
        attempt: &LoginAttempt<'_>,
    ) -> Result<(Timestamp, Arc<Introspection>), LoginError> {
        let (name, now) = (provider.name(), attempt.now);
        let request = {
            let provider = provider.clone();
            let token = Zeroizing::new(attempt.token.to_owned());
            let outgoing = Arc::clone(&self.outgoing);
            async move { provider.introspect(&token, &outgoing, now).await }
        };
        let [one, two] = provider.cache_key();
        let hash = hash(&[one, two, attempt.token.as_bytes()]);
        let answer = self.introspections.get(name, hash, now, request).await;
        answer.map_err(|error| match error {
            IntrospectionError::Rejected(source) => LoginError::Rejected(source),
            IntrospectionError::Failed(source) => LoginError::IntrospectionFailed {
                provider: name.to_owned(),
                source,
            },
        })
    }
}

/// The claims that role mappings and tag maps read; an access token has none of its own.
fn claims<P: AccessTokenProvider>(provider: &P, user: &str) -> Map<String, Value> {
    let mut claims = Map::new();
    claims.insert("iss".to_owned(), json!(provider.name()));
    claims.insert("aud".to_owned(), json!(provider.app()));
    claims.insert("sub".to_owned(), json!(user));
    if let Some(further) = provider.user_claim() {
        claims.insert(further.to_owned(), json!(user));
    }
    claims
}

/// The hash of several strings, each with its length, so that no string passes for a part of another.
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
mod tests {
    use super::*;

    #[test]
    fn no_text_passes_for_a_part_of_another() {
        assert_ne!(hash(&[b"a", b"bc"]), hash(&[b"ab", b"c"]));
        assert_ne!(hash(&[b"", b"a"]), hash(&[b"a", b""]));
    }
}
