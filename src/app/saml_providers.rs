//! Registering SAML providers and changing them: nothing is kept that wasn't read and understood.

use super::Call;
use crate::logins::saml::{MetadataError, read_metadata};
use crate::model::ids::SamlProviderArn;
use crate::model::provider::{SamlMetadata, SamlProvider};
use crate::store::{Added, Replaced, StoreError};

/// How many SAML providers may be registered.
pub const SAML_PROVIDERS: usize = 100;

/// Why a SAML provider wasn't registered, found or changed.
#[derive(Debug, thiserror::Error)]
pub enum SamlProviderError {
    /// Its document is no metadata of an identity provider.
    #[error("the metadata can't be used")]
    Metadata(#[from] MetadataError),
    /// Its metadata say that they are good no longer.
    #[error("the metadata's time is over")]
    Outdated,
    /// One with this name is registered; the name.
    #[error("the provider is registered already")]
    Exists(String),
    /// There are [`SAML_PROVIDERS`] providers.
    #[error("too many providers")]
    TooMany,
    /// No provider has this ARN; the ARN as it was given.
    #[error("no such provider")]
    NoProvider(String),
    /// Somebody else changed it meanwhile.
    #[error("changed by somebody else meanwhile")]
    Changed,
    /// The store can't do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Call<'_> {
    /// Registers a provider of this name, as the service model lets providers be called, with this metadata document.
    pub async fn add_saml_provider(
        &self,
        name: &str,
        document: String,
        tags: Vec<(String, String)>,
    ) -> Result<SamlProviderArn, SamlProviderError> {
        let metadata = self.saml_metadata(&document)?;
        let arn = SamlProviderArn::new(&self.app.config.account_id, name);
        let provider = SamlProvider {
            arn: arn.clone(),
            version: 1,
            uuid: self.app.ambient.uuid(),
            document,
            metadata,
            tags,
            created: self.now,
        };
        let store = &self.app.store;
        match store.add_saml_provider(provider, SAML_PROVIDERS).await? {
            Added::Added => Ok(arn),
            Added::Exists => Err(SamlProviderError::Exists(name.to_owned())),
            Added::LimitReached => Err(SamlProviderError::TooMany),
        }
    }

    /// The provider with this ARN.
    pub async fn saml_provider(&self, arn: &str) -> Result<SamlProvider, SamlProviderError> {
        let missing = || SamlProviderError::NoProvider(arn.to_owned());
        let wanted = SamlProviderArn::parse(arn).ok_or_else(missing)?;
        let found = self.app.store.saml_provider(wanted.name()).await?;
        let found = found
            .filter(|provider| provider.arn == wanted)
            .ok_or_else(missing)?;
        Ok(found.as_ref().clone())
    }

    /// Gives the provider with this ARN another metadata document.
    pub async fn replace_saml_metadata(
        &self,
        arn: &str,
        document: String,
    ) -> Result<(), SamlProviderError> {
        let mut provider = self.saml_provider(arn).await?;
        provider.metadata = self.saml_metadata(&document)?;
        provider.document = document;
        provider.version += 1;
        match self.app.store.replace_saml_provider(provider).await? {
            Replaced::Replaced => Ok(()),
            Replaced::Changed => Err(SamlProviderError::Changed),
            Replaced::Absent => Err(SamlProviderError::NoProvider(arn.to_owned())),
        }
    }

    /// Forgets the provider with this ARN. A pool that names it takes its responses no longer.
    pub async fn remove_saml_provider(&self, arn: &str) -> Result<(), SamlProviderError> {
        let provider = self.saml_provider(arn).await?;
        let name = provider.arn.name();
        if self.app.store.remove_saml_provider(name).await? {
            Ok(())
        } else {
            Err(SamlProviderError::NoProvider(arn.to_owned()))
        }
    }

    fn saml_metadata(&self, document: &str) -> Result<SamlMetadata, SamlProviderError> {
        let metadata = read_metadata(document)?;
        if metadata.valid_until.is_some_and(|end| end <= self.now) {
            return Err(SamlProviderError::Outdated);
        }
        Ok(metadata)
    }
}
