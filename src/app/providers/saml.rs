//! SAML providers: registering, finding and changing them. A metadata document is parsed and checked before it is
//! stored.

use std::sync::Arc;

use crate::app::providers::saml_keys::EncryptionChange;
use crate::app::{Call, records, refusals};
use crate::error::{Code, Error};
use crate::logins::saml::{MetadataError, read_metadata};
use crate::model::ids::SamlProviderArn;
use crate::model::provider::{SamlMetadata, SamlProvider};
use crate::model::tags::Tags;
use crate::store::StoreError;
use crate::store::record::{PutOutcome, RecordWrite, Stored};

/// How many SAML providers may be registered.
pub const LIMIT: usize = 100;

/// The record of the provider with this ARN, if it is registered.
pub fn record(
    call: &Call<'_>,
    arn: &SamlProviderArn,
) -> Result<Option<Arc<SamlProvider>>, StoreError> {
    let snapshot = call.app.records.snapshot()?;
    let found = snapshot.saml_provider(arn.name());
    let found = found?;
    Ok(found.filter(|provider| provider.arn == *arn).cloned())
}

/// The provider with this ARN.
pub fn find(call: &Call<'_>, arn: &str) -> Result<SamlProvider, Error> {
    let found = match SamlProviderArn::parse(arn) {
        Some(parsed) => record(call, &parsed)?,
        None => None,
    };
    let found = found.ok_or_else(|| not_found(arn))?;
    Ok(found.as_ref().clone())
}

/// All providers, ordered by name.
pub fn list(call: &Call<'_>) -> Result<Vec<Arc<SamlProvider>>, Error> {
    Ok(call
        .app
        .records
        .snapshot()?
        .saml_providers()
        .cloned()
        .collect())
}

/// Registers a provider with this name, which the service model allows, this metadata document and this encryption.
pub async fn add(
    call: &Call<'_>,
    name: &str,
    document: String,
    tags: Tags,
    encryption: EncryptionChange,
) -> Result<SamlProviderArn, Error> {
    let metadata = metadata(call, &document)?;
    let arn = SamlProviderArn::new(&call.app.config.account_id, name);
    let mut provider = SamlProvider {
        arn: arn.clone(),
        version: 0,
        uuid: call.app.ambient.uuid(),
        document,
        metadata,
        encryption: None,
        private_keys: Vec::new(),
        tags,
        created: call.now,
    };
    encryption.apply(call, &mut provider).await?;
    match records::put(call, RecordWrite::add(&provider, LIMIT)).await? {
        PutOutcome::Stored(_) => Ok(arn),
        PutOutcome::Conflict(_) | PutOutcome::Absent(_) => {
            Err(Code::EntityAlreadyExists
                .because(format!("Provider with name {name} already exists.")))
        }
        PutOutcome::LimitReached(_) => Err(Code::LimitExceeded.because(format!(
            "Cannot exceed quota for SAMLProvidersPerAccount: {LIMIT}"
        ))),
    }
}

/// Changes the metadata document of the provider with this ARN, if one is set, and its encryption.
pub async fn update(
    call: &Call<'_>,
    arn: &str,
    document: Option<String>,
    encryption: EncryptionChange,
) -> Result<(), Error> {
    let mut provider = find(call, arn)?;
    if document.is_none() && encryption.is_empty() {
        return Ok(());
    }
    if let Some(document) = document {
        provider.metadata = metadata(call, &document)?;
        provider.document = document;
    }
    encryption.apply(call, &mut provider).await?;
    replace(call, provider).await
}

/// Replaces a provider with a changed copy of what [`find`] returned.
pub async fn replace(call: &Call<'_>, provider: SamlProvider) -> Result<(), Error> {
    let arn = provider.arn.to_string();
    match records::put(call, RecordWrite::replace(&provider, provider.version)).await? {
        PutOutcome::Stored(_) => Ok(()),
        PutOutcome::Conflict(_) | PutOutcome::LimitReached(_) => Err(refusals::changed_meanwhile()),
        PutOutcome::Absent(_) => Err(not_found(&arn)),
    }
}

/// Removes the provider with this ARN. A pool that names it refuses its responses from then on.
pub async fn remove(call: &Call<'_>, arn: &str) -> Result<(), Error> {
    loop {
        let provider = find(call, arn)?;
        let write = RecordWrite::delete(SamlProvider::KIND, provider.key(), provider.version);
        match records::put(call, write).await? {
            PutOutcome::Stored(_) => return Ok(()),
            PutOutcome::Absent(_) => return Err(not_found(arn)),
            _ => {}
        }
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
