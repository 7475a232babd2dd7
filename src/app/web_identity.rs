//! Tokens that are taken to the STS, and the tokens that are made for that.

use std::sync::Arc;

use jiff::SignedDuration;

use super::Call;
use super::find::FindError;
use super::sign_in::Known;
use crate::logins::{Audience, LoginError, OpenIdConnect, Provider, Through};
use crate::model::identity::State;
use crate::model::pool::Pool;
use crate::store::StoreError;
use crate::tokens::{Claims, NotOwn, unverified_issuer};

/// Why a token opens no role.
#[derive(Debug, thiserror::Error)]
pub enum WebIdentityError {
    /// It is none of this server's, though it should be.
    #[error(transparent)]
    NotOwn(NotOwn),
    /// Nobody registered its issuer; the issuer.
    #[error("no provider is registered for the token's issuer")]
    NoProvider(String),
    /// It isn't good at its issuer.
    #[error(transparent)]
    Login(LoginError),
    /// It is good, but its identity is gone or has become another kind of thing since.
    #[error("the token's identity is not what it was")]
    Outdated,
    /// It is good, but no role trusts its issuer.
    #[error("no role trusts the token's issuer")]
    NoRole,
    /// The store can't say.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Call<'_> {
    /// An OpenID token of this server for an identity; `developer` for one of the developer's users, who may show it as
    /// a login.
    pub fn open_id_token(
        &self,
        pool: &Pool,
        who: &Known,
        lifetime: SignedDuration,
        developer: bool,
    ) -> String {
        self.app.tokens.issue(&Claims {
            identity: &who.id,
            pool: &pool.id,
            pool_arn: &pool.id.arn(&self.app.config.account_id),
            amr: &who.amr,
            tags: &who.tags,
            epoch: who.epoch,
            developer,
            issued: self.now,
            lifetime,
        })
    }

    /// The identity behind an OpenID token of this server, and its pool. A token is no good once its identity is in
    /// another epoch: a guest has signed in, a login was taken, it was merged away.
    pub async fn own_web_identity(
        &self,
        token: &str,
    ) -> Result<(Known, Arc<Pool>), WebIdentityError> {
        let own = match self.app.tokens.verify(token, self.now) {
            Ok(own) => own,
            Err(NotOwn::Issuer) => return Err(self.foreign(token).await?),
            Err(other) => return Err(WebIdentityError::NotOwn(other)),
        };
        let found = match self.identity(&own.identity.reveal()).await {
            Ok(found) => Some(found),
            Err(FindError::Store(error)) => return Err(error.into()),
            Err(_) => None,
        };
        let found = found.filter(|(identity, pool)| {
            pool.id == own.pool && identity.state == State::Live && identity.epoch == own.epoch
        });
        let (identity, pool) = found.ok_or(WebIdentityError::Outdated)?;
        Ok((
            Known {
                id: own.identity,
                epoch: identity.epoch,
                amr: own.amr,
                tags: own.tags,
            },
            pool,
        ))
    }

    /// Why a token of another issuer opens no role.
    async fn foreign(&self, token: &str) -> Result<WebIdentityError, StoreError> {
        let Some(issuer) = unverified_issuer(token) else {
            return Ok(WebIdentityError::NotOwn(NotOwn::Malformed));
        };
        let name = issuer
            .split_once("://")
            .map_or(issuer.as_str(), |(_, name)| name);
        let registered = self.app.store.oidc_provider(name).await?;
        let Some(registered) = registered.filter(|provider| provider.issuer == issuer) else {
            return Ok(WebIdentityError::NoProvider(issuer));
        };
        let audiences = registered.client_ids.iter().map(|client_id| Audience {
            client_id: client_id.clone(),
            through: Through::Registration(registered.arn.clone()),
        });
        let audiences = audiences.collect();
        let provider = Provider::OpenIdConnect(OpenIdConnect {
            name: name.to_owned(),
            issuer: issuer.clone(),
            thumbprints: registered.thumbprints.clone(),
            audiences,
        });
        match self
            .app
            .logins
            .verify(name, Some(&provider), token, self.now)
            .await
        {
            Ok(_) => Ok(WebIdentityError::NoRole),
            Err(error) => Ok(WebIdentityError::Login(error)),
        }
    }
}
