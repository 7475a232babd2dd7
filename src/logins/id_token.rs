//! Logins by ID token: the checks in their order, for every kind of issuer. What differs between kinds is in [`Issuer`].
//!
//! The order is the service's, as far as its texts show it: the token's form, its claims, its issuer, its times, whether
//! the pool takes it, and its signature last. So nothing is fetched for a token that can be refused without keys, nor
//! for a provider that the pool doesn't have.

use jiff::Timestamp;
use jsonwebtoken::Algorithm;

use super::error::LoginError;
use super::issuer_keys::{NoKeys, NotVerified};
use super::jwt::Unverified;
use super::remote::Place;
use super::told;
use super::watch::Watch;
use super::{Logins, Verified};
use crate::model::identity::Login;

/// What an issuer's ID tokens are held to.
pub(super) trait Issuer: Sync {
    /// Its `Logins` key.
    fn name(&self) -> &str;
    /// Whether its tokens may say `issuer` in `iss`.
    fn signs_as(&self, issuer: &str) -> bool;
    /// Whether the pool takes tokens of this client.
    fn takes(&self, client: &str) -> bool;
    /// The clients whose tokens the pool takes.
    fn clients(&self) -> Vec<&str>;
    /// What its tokens may be signed with.
    fn algorithms(&self) -> &'static [Algorithm];
    /// Where its keys are.
    fn place(&self) -> Place;
    /// How `amr` names the user.
    fn user(&self, client: &str, subject: &str) -> String;
}

impl Logins {
    /// Checks `token` under the `Logins` key `key`, where the pool trusts `issuer`, or nothing.
    pub(super) async fn verify_id_token<W: Watch>(
        &self,
        key: &str,
        issuer: Option<&dyn Issuer>,
        token: &str,
        now: Timestamp,
        watch: &mut W,
    ) -> Result<Verified, LoginError> {
        let length = token.len();
        let token = Unverified::parse(token).map_err(LoginError::NotAToken);
        let token = watch.made("form", token, |token| told::form(token.as_ref(), length))?;
        let claims = watch.made("claims", token.claims(), |claims| {
            told::claims(claims.as_ref())
        })?;
        let is_its_own = match issuer {
            Some(issuer) => issuer.signs_as(claims.issuer),
            None => claims.issuer.strip_prefix("https://") == Some(key),
        };
        watch.told("issuer", is_its_own, || told::issuer(&claims, issuer, key));
        if !is_its_own {
            return Err(LoginError::IssuerMismatch);
        }
        let longest = self.rules.max_lifetime;
        let times = claims.check_times(now, longest);
        watch.made("times", times, |_| told::times(&claims, now, longest))?;
        let issuer = issuer.ok_or(LoginError::Unsupported);
        let issuer = watch.made("provider", issuer, |found| {
            told::provider(found.is_ok(), key)
        })?;
        let party_alone = self.rules.authorized_party_alone;
        let client = claims.client(|client| issuer.takes(client), party_alone);
        let client = watch.made("client", client, |_| {
            told::client(&claims, issuer, party_alone)
        })?;
        let vouched = self
            .key_sets
            .verify(issuer.place(), token.jws(), issuer.algorithms(), now)
            .await
            .map_err(|why| match why {
                NotVerified::Refused(why) => LoginError::Unverifiable(why),
                NotVerified::NoKeys(NoKeys::TooMany) => LoginError::Crowded {
                    provider: issuer.name().to_owned(),
                },
                NotVerified::NoKeys(source) => LoginError::Unreachable {
                    provider: issuer.name().to_owned(),
                    source,
                },
            });
        watch.made("signature", vouched, |vouched| {
            told::signature(vouched.as_ref().err(), issuer)
        })?;
        let name = issuer.name().to_owned();
        Ok(Verified {
            login: Login::public(&name, claims.subject),
            audience: client.to_owned(),
            expires: Some(Timestamp::from_second(claims.expires).unwrap_or(Timestamp::MAX)),
            amr: [name, issuer.user(client, claims.subject)],
            claims: token.into_claims(),
        })
    }
}
