//! The checks of an ID token in their order, for every kind of issuer.
//!
//! The order is the service's, as far as its texts show it: the token's form, its claims, its issuer, its times, whether
//! the pool accepts its client, and its signature last. So nothing is fetched for a token that can be refused without
//! keys, nor for a provider that the pool doesn't have.

use jiff::Timestamp;

use super::jwt::{IdTokenFormatError, UnverifiedIdToken};
use super::{IdTokenIssuer, findings};
use crate::blocking::PoolFull;
use crate::logins::error::LoginError;
use crate::logins::jwks::{JwksError, SignatureCheckError};
use crate::logins::report::Report;
use crate::logins::{LoginAttempt, Logins, VerifiedLogin};
use crate::model::identity::Login;
use crate::model::provider::PublicProvider;

/// The longest token that is parsed at once, in bytes.
const SMALL_TOKEN: usize = 16 * 1024;

/// Whether `issuer` is the issuer that a `Logins` key names, before it is known whether the pool has it.
fn is_issuer_of(issuer: &str, key: &str) -> bool {
    let google = PublicProvider::named(key) == Some(PublicProvider::Google);
    let name = issuer
        .strip_prefix("https://")
        .or(issuer.strip_prefix("http://"));
    name == Some(key) || (google && issuer == key)
}

impl Logins {
    /// Checks an ID token of `issuer`. `None` is an issuer that the pool doesn't trust: its token is refused as the
    /// service would refuse it.
    pub(in crate::logins) async fn verify_id_token(
        &self,
        issuer: Option<&dyn IdTokenIssuer>,
        attempt: &LoginAttempt<'_>,
        report: &mut Report,
    ) -> Result<VerifiedLogin, LoginError> {
        let &LoginAttempt {
            key, token, now, ..
        } = attempt;
        let length = token.len();
        let token = self.parse_id_token(token).await?;
        let token = token.map_err(LoginError::NotAToken);
        let token = report.add_outcome("form", token, |token| {
            findings::form(token.as_ref(), length)
        })?;
        let claims = report.add_outcome("claims", token.claims(), |claims| {
            findings::claims(claims.as_ref())
        })?;
        let matches = match issuer {
            Some(issuer) => issuer.is_issuer(claims.issuer),
            None => is_issuer_of(claims.issuer, key),
        };
        report.add("issuer", matches, || findings::issuer(&claims, issuer, key));
        if !matches {
            return Err(LoginError::IssuerMismatch);
        }
        let longest = self.rules.longest_lifetime(claims.issuer);
        let times = claims.check_times(now, longest);
        report.add_outcome("times", times, |_| findings::times(&claims, now, longest))?;
        let issuer = issuer.ok_or(LoginError::Unsupported);
        let issuer = report.add_outcome("provider", issuer, |issuer| {
            findings::provider(issuer.is_ok(), key)
        })?;
        let party_alone = self.rules.authorized_party_alone;
        let client = claims.client(&issuer.clients(), party_alone);
        let client = report.add_outcome("client", client, |_| {
            findings::client(&claims, issuer, party_alone)
        })?;
        let signature = self.check_signature(issuer, &token, now).await;
        report.add_outcome("signature", signature, |signature| {
            findings::signature(signature.as_ref().err(), issuer)
        })?;
        let name = issuer.name().to_owned();
        Ok(VerifiedLogin {
            single_use: None,
            login: Login::public(&name, claims.subject),
            audience: client.to_owned(),
            expires: Some(Timestamp::from_second(claims.expires).unwrap_or(Timestamp::MAX)),
            amr: [name, issuer.user(client, claims.subject)],
            claims: token.into_claims(),
        })
    }

    /// Parses a token, which is expensive if it isn't small.
    async fn parse_id_token<'t>(
        &self,
        token: &'t str,
    ) -> Result<Result<UnverifiedIdToken<'t>, IdTokenFormatError>, PoolFull> {
        if token.len() <= SMALL_TOKEN {
            return Ok(UnverifiedIdToken::parse(token));
        }
        let token = token.to_owned();
        let parse = move || UnverifiedIdToken::parse(&token).map(|token| token.to_static());
        self.pools.expensive.run(parse).await
    }

    async fn check_signature(
        &self,
        issuer: &dyn IdTokenIssuer,
        token: &UnverifiedIdToken<'_>,
        now: Timestamp,
    ) -> Result<(), LoginError> {
        let (source, algorithms) = (issuer.jwks_source(), issuer.algorithms());
        let checked = self.jwks.verify(source, token.jws(), algorithms, now).await;
        let provider = || issuer.name().to_owned();
        checked.map_err(|error| match error {
            SignatureCheckError::Jws(error) => LoginError::Unverifiable(error),
            SignatureCheckError::Jwks(JwksError::TooManyWaiters) => LoginError::TooManyWaiters {
                provider: provider(),
            },
            SignatureCheckError::Full(error) => LoginError::Overloaded(error),
            SignatureCheckError::Jwks(source) => LoginError::Unreachable {
                provider: provider(),
                source,
            },
        })
    }
}
