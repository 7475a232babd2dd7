//! Changing pools and registered providers, none of which overwrites a change that it didn't see.

use super::Call;
use super::find::FindError;
use crate::model::ids::OidcProviderArn;
use crate::model::pool::Pool;
use crate::model::provider::OidcProvider;
use crate::store::{Added, PoolAdded, Replaced, StoreError};

/// How many OpenID Connect providers may be registered.
pub const OIDC_PROVIDERS: usize = 100;

/// Why something wasn't changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The region has as many pools as it may.
    #[error("too many pools")]
    TooManyPools,
    /// There are [`OIDC_PROVIDERS`] providers.
    #[error("too many providers")]
    TooManyProviders,
    /// A provider with this name, or with it and another final slash, is registered.
    #[error("the provider is registered already")]
    ProviderExists,
    /// No provider has this ARN; the ARN as it was given.
    #[error("no such provider")]
    NoProvider(String),
    /// Somebody else changed it meanwhile.
    #[error("changed by somebody else meanwhile")]
    Changed,
    /// The pool isn't there.
    #[error(transparent)]
    Find(#[from] FindError),
    /// The store can't do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Call<'_> {
    /// Adds a pool.
    pub async fn add_pool(&self, pool: Pool) -> Result<(), ChangeError> {
        match self
            .app
            .store
            .add_pool(pool, self.app.config.limits.pools_per_region)
            .await?
        {
            PoolAdded::Added => Ok(()),
            PoolAdded::LimitReached => Err(ChangeError::TooManyPools),
        }
    }

    /// Puts a pool in the place of the version before it.
    pub async fn replace_pool(&self, pool: Pool) -> Result<(), ChangeError> {
        let id = pool.id.to_string();
        match self.app.store.replace_pool(pool).await? {
            Replaced::Replaced => Ok(()),
            Replaced::Changed => Err(ChangeError::Changed),
            Replaced::Absent => Err(FindError::NoPool(id).into()),
        }
    }

    /// Changes the pool with this id, for its administrator, whatever else changes it meanwhile, and gives it as it then
    /// is; `change` may be asked more than once.
    pub async fn change_pool<E: From<FindError> + From<StoreError>>(
        &self,
        id: &str,
        change: impl Fn(&mut Pool) -> Result<(), E>,
    ) -> Result<Pool, E> {
        loop {
            let mut pool = self.own_pool(id).await?.as_ref().clone();
            change(&mut pool)?;
            pool.version += 1;
            match self.app.store.replace_pool(pool.clone()).await? {
                Replaced::Replaced => return Ok(pool),
                Replaced::Changed => {}
                Replaced::Absent => return Err(FindError::NoPool(id.to_owned()).into()),
            }
        }
    }

    /// Registers a provider.
    pub async fn add_provider(&self, provider: OidcProvider) -> Result<(), ChangeError> {
        match self
            .app
            .store
            .add_oidc_provider(provider, OIDC_PROVIDERS)
            .await?
        {
            Added::Added => Ok(()),
            Added::Exists => Err(ChangeError::ProviderExists),
            Added::LimitReached => Err(ChangeError::TooManyProviders),
        }
    }

    /// The provider with this ARN.
    pub async fn provider(&self, arn: &str) -> Result<OidcProvider, ChangeError> {
        let missing = || ChangeError::NoProvider(arn.to_owned());
        let wanted = OidcProviderArn::parse(arn).ok_or_else(missing)?;
        let found = self.app.store.oidc_provider(wanted.name()).await?;
        let found = found
            .filter(|provider| provider.arn == wanted)
            .ok_or_else(missing)?;
        Ok(found.as_ref().clone())
    }

    /// Puts a provider, as [`Call::provider`] gave it and then changed, in the place of what it was.
    pub async fn replace_provider(&self, mut provider: OidcProvider) -> Result<(), ChangeError> {
        provider.version += 1;
        let arn = provider.arn.to_string();
        match self.app.store.replace_oidc_provider(provider).await? {
            Replaced::Replaced => Ok(()),
            Replaced::Changed => Err(ChangeError::Changed),
            Replaced::Absent => Err(ChangeError::NoProvider(arn)),
        }
    }
}
