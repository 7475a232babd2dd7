//! SAML providers: registering, finding and changing them. A metadata document is parsed and checked before it is
//! stored.

use std::sync::Arc;

use crate::app::{Call, refusals};
use crate::error::{Code, Error};
use crate::logins::saml::{MetadataError, read_metadata};
use crate::model::ids::SamlProviderArn;
use crate::model::provider::{SamlMetadata, SamlProvider};
use crate::store::{Added, Replaced, StoreError};

/// How many SAML providers may be registered.
pub const LIMIT: usize = 100;

/// The record of the provider with this ARN, if it is registered.
pub async fn record(
    call: &Call<'_>,
    arn: &SamlProviderArn,
) -> Result<Option<Arc<SamlProvider>>, StoreError> {
    let found = call.app.store.saml_provider(arn.name()).await?;
    Ok(found.filter(|provider| provider.arn == *arn))
}

/// The provider with this ARN.
pub async fn find(call: &Call<'_>, arn: &str) -> Result<SamlProvider, Error> {
    let found = match SamlProviderArn::parse(arn) {
        Some(parsed) => record(call, &parsed).await?,
        None => None,
    };
    let found = found.ok_or_else(|| not_found(arn))?;
    Ok(found.as_ref().clone())
}

/// All providers, ordered by name.
pub async fn list(call: &Call<'_>) -> Result<Vec<Arc<SamlProvider>>, Error> {
    Ok(call.app.store.list_saml_providers().await?)
}

/// Registers a provider with this name, which the service model allows, and this metadata document.
pub async fn add(
    call: &Call<'_>,
    name: &str,
    document: String,
    tags: Vec<(String, String)>,
) -> Result<SamlProviderArn, Error> {
    let metadata = metadata(call, &document)?;
    let arn = SamlProviderArn::new(&call.app.config.account_id, name);
    let provider = SamlProvider {
        arn: arn.clone(),
        version: 1,
        uuid: call.app.ambient.uuid(),
        document,
        metadata,
        tags,
        created: call.now,
    };
    match call.app.store.add_saml_provider(provider, LIMIT).await? {
        Added::Added => Ok(arn),
        Added::Exists => {
            Err(Code::EntityAlreadyExists
                .because(format!("Provider with name {name} already exists.")))
        }
        Added::LimitReached => Err(Code::LimitExceeded.because(format!(
            "Cannot exceed quota for SAMLProvidersPerAccount: {LIMIT}"
        ))),
    }
}

/// Replaces the metadata document of the provider with this ARN.
pub async fn replace_metadata(call: &Call<'_>, arn: &str, document: String) -> Result<(), Error> {
    let mut provider = find(call, arn).await?;
    provider.metadata = metadata(call, &document)?;
    provider.document = document;
    provider.version += 1;
    match call.app.store.replace_saml_provider(provider).await? {
        Replaced::Replaced => Ok(()),
        Replaced::Changed => Err(refusals::changed_meanwhile()),
        Replaced::Absent => Err(not_found(arn)),
    }
}

/// Removes the provider with this ARN. A pool that names it refuses its responses from then on.
pub async fn remove(call: &Call<'_>, arn: &str) -> Result<(), Error> {
    let provider = find(call, arn).await?;
    let name = provider.arn.name();
    if call.app.store.remove_saml_provider(name).await? {
        Ok(())
    } else {
        Err(not_found(arn))
    }
}

fn metadata(call: &Call<'_>, document: &str) -> Result<SamlMetadata, Error> {
    let unusable = |error: MetadataError| {
        Code::InvalidInput.because(format!("Could not parse metadata: {error}."))
    };
    let metadata = read_metadata(document).map_err(unusable)?;
    if metadata.valid_until.is_some_and(|end| end <= call.now) {
        return Err(Code::InvalidInput.because("Could not parse metadata: validUntil is over."));
    }
    Ok(metadata)
}

fn not_found(arn: &str) -> Error {
    Code::NoSuchEntity.because(format!("Manifest not found for arn {arn}"))
}
