//! From logins to an identity: which provider each key means, whether each token is good, and whose identity they are.

use indexmap::IndexMap;

use super::Call;
use super::find::FindError;
use crate::logins::{Audience, LoginError, OpenIdConnect, Provider, Through, UserPool, Verified};
use crate::model::identity::{Identity, State};
use crate::model::ids::IdentityId;
use crate::model::pool::Pool;
use crate::model::provider::{ProviderKind, PublicProvider};
use crate::model::sign_in::{Asker, Refusal};
use crate::store::{GuestAdded, SignIn, SignedIn, StoreError};

/// Which operation logins are presented to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// GetId, which takes no token of this service.
    GetId,
    /// GetOpenIdToken or GetCredentialsForIdentity.
    Elsewhere,
}

/// An identity that may have a token or credentials now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Its id.
    pub id: IdentityId,
    /// The epoch that it is in.
    pub epoch: u64,
    /// How it was authenticated now: `unauthenticated`, or `authenticated` and what each login adds.
    pub amr: Vec<String>,
}

impl Known {
    /// Whether it is signed in, and not a guest.
    pub fn is_authenticated(&self) -> bool {
        self.amr
            .first()
            .is_some_and(|method| method == "authenticated")
    }
}

/// Why somebody isn't signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// The pool takes no logins at all; its id.
    #[error("the pool has no login providers")]
    NoProviders(String),
    /// The pool has no guests.
    #[error("the pool has no guests")]
    NoGuests,
    /// A developer's user in a public operation.
    #[error("a developer provider in a public operation")]
    DeveloperProvider,
    /// A token of this service, where none is taken.
    #[error("a token of this service")]
    CognitoToken,
    /// No token of this service, where only one is taken.
    #[error("not a token of this service")]
    NotCognitoToken,
    /// A login is no good.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// The logins belong to other identities.
    #[error("a login belongs to another identity")]
    Conflict,
    /// No login is one of the identity that was named.
    #[error("no login is one of this identity")]
    LoginsDontMatch,
    /// The identity that was named can't be used with what was presented; its id.
    #[error("the identity is not a guest's")]
    Forbidden(IdentityId),
    /// What was named isn't there.
    #[error(transparent)]
    Find(#[from] FindError),
    /// The store can't say.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Call<'_> {
    /// Makes a guest in a pool that has guests.
    pub async fn new_guest(&self, pool: &Pool) -> Result<IdentityId, SignInError> {
        if !pool.settings.allow_unauthenticated {
            return Err(SignInError::NoGuests);
        }
        let uuid = self.app.ambient.uuid();
        let guest = Identity::new(uuid, pool.id.uuid, Vec::new(), self.now);
        match self.app.store.add_guest(guest).await? {
            GuestAdded::Added => Ok(id_in(pool, uuid)),
            GuestAdded::NoPool => Err(FindError::NoPool(pool.id.to_string()).into()),
        }
    }

    /// Verifies logins, in their order; the first that is no good refuses all.
    pub async fn verify(
        &self,
        pool: &Pool,
        logins: &IndexMap<String, String>,
        place: Place,
    ) -> Result<Vec<Verified>, SignInError> {
        if !logins.is_empty() && !pool.settings.has_providers() {
            return Err(SignInError::NoProviders(pool.id.to_string()));
        }
        let mut verified = Vec::with_capacity(logins.len());
        for (key, token) in logins {
            self.refuse_own(pool, key, token, place)?;
            let provider = self.provider_of(pool, key).await?;
            verified.push(
                self.app
                    .logins
                    .verify(key, provider.as_ref(), token, self.now)
                    .await?,
            );
        }
        Ok(verified)
    }

    /// This service's own tokens, and the developer's users, are no public logins.
    fn refuse_own(
        &self,
        pool: &Pool,
        key: &str,
        token: &str,
        place: Place,
    ) -> Result<(), SignInError> {
        let own_key = ProviderKind::of(key) == ProviderKind::Own;
        if place == Place::GetId && (own_key || self.app.tokens.claims_to_be_own(token)) {
            return Err(SignInError::CognitoToken);
        }
        if own_key {
            return Err(SignInError::NotCognitoToken);
        }
        if pool.settings.developer_provider_name.as_deref() == Some(key) {
            return Err(SignInError::DeveloperProvider);
        }
        Ok(())
    }

    /// What the pool trusts under a `Logins` key. A key that is known by its name and isn't configured is refused
    /// whatever the token; any other is taken for an issuer, and `None` is one that the pool doesn't trust.
    async fn provider_of(&self, pool: &Pool, key: &str) -> Result<Option<Provider>, SignInError> {
        let settings = &pool.settings;
        let mut audiences = Vec::new();
        if let Some(client_id) = settings.supported_login_providers.get(key) {
            audiences.push(Audience {
                client_id: client_id.clone(),
                through: Through::Pool,
            });
        }
        let mut issuer = format!("https://{key}");
        let arn = settings
            .oidc_provider_arns
            .iter()
            .find(|arn| arn.name() == key);
        let registered = match arn {
            Some(_) => self.app.store.oidc_provider(key).await?,
            None => None,
        };
        if let Some(registered) = &registered {
            issuer.clone_from(&registered.issuer);
            audiences.extend(registered.client_ids.iter().map(|client_id| Audience {
                client_id: client_id.clone(),
                through: Through::Registration(registered.arn.clone()),
            }));
        }
        let named = match ProviderKind::of(key) {
            ProviderKind::OpenIdConnect => {
                return Ok(registered.map(|_| oidc(key, issuer, audiences)));
            }
            ProviderKind::Public(PublicProvider::Google | PublicProvider::Apple) => {
                (!audiences.is_empty()).then(|| oidc(key, issuer, audiences))
            }
            ProviderKind::UserPool => {
                let of_pool = settings
                    .user_pool_clients
                    .iter()
                    .filter(|client| client.provider_name == key);
                let mut clients: Vec<String> =
                    of_pool.map(|client| client.client_id.clone()).collect();
                clients.extend(audiences.into_iter().map(|audience| audience.client_id));
                let name = key.to_owned();
                (!clients.is_empty()).then_some(Provider::UserPool(UserPool { name, clients }))
            }
            ProviderKind::Public(_) | ProviderKind::Saml | ProviderKind::Own => None,
        };
        match named {
            Some(provider) => Ok(Some(provider)),
            None => Err(LoginError::Unsupported.into()),
        }
    }

    /// The identity of verified logins, and the epoch that it is in. `presented` is the identity that the caller named.
    pub async fn sign_in(
        &self,
        pool: &Pool,
        presented: Option<&Identity>,
        verified: &[Verified],
    ) -> Result<(IdentityId, u64), SignInError> {
        let ask = SignIn {
            asker: Asker::User,
            pool: pool.id.uuid,
            presented: presented.map(|identity| identity.id),
            logins: verified
                .iter()
                .map(|verified| verified.login.clone())
                .collect(),
            new_id: self.app.ambient.uuid(),
            now: self.now,
        };
        let named = presented.map(|identity| id_in(pool, identity.id));
        match (self.app.store.sign_in(ask).await?, named) {
            (SignedIn::Identity(identity), _) => Ok((id_in(pool, identity.id), identity.epoch)),
            (SignedIn::Refused(Refusal::Conflict | Refusal::DeveloperUserRegistered), _) => {
                Err(SignInError::Conflict)
            }
            (SignedIn::Refused(Refusal::LoginsDontMatch), _) => Err(SignInError::LoginsDontMatch),
            (SignedIn::Refused(Refusal::Forbidden), Some(id)) => Err(SignInError::Forbidden(id)),
            (SignedIn::NoIdentity, Some(id)) => Err(FindError::NoIdentity(id.reveal()).into()),
            _ => Err(FindError::NoPool(pool.id.to_string()).into()),
        }
    }

    /// The identity that may have a token or credentials for what was presented: a guest for nothing at all.
    pub async fn known(
        &self,
        pool: &Pool,
        identity: Identity,
        verified: &[Verified],
    ) -> Result<Known, SignInError> {
        if verified.is_empty() {
            let id = id_in(pool, identity.id);
            if identity.authenticated || identity.state != State::Live {
                return Err(SignInError::Forbidden(id));
            }
            if !pool.settings.allow_unauthenticated {
                return Err(SignInError::NoGuests);
            }
            return Ok(Known {
                id,
                epoch: identity.epoch,
                amr: vec!["unauthenticated".to_owned()],
            });
        }
        let (id, epoch) = self.sign_in(pool, Some(&identity), verified).await?;
        let mut amr = vec!["authenticated".to_owned()];
        amr.extend(verified.iter().flat_map(|verified| verified.amr.clone()));
        Ok(Known { id, epoch, amr })
    }
}

fn oidc(key: &str, issuer: String, audiences: Vec<Audience>) -> Provider {
    Provider::OpenIdConnect(OpenIdConnect {
        name: key.to_owned(),
        issuer,
        audiences,
    })
}

fn id_in(pool: &Pool, uuid: uuid::Uuid) -> IdentityId {
    IdentityId {
        region: pool.id.region.clone(),
        uuid,
    }
}
