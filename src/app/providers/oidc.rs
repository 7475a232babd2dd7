//! OpenID Connect providers: registering, finding and changing them (compare-and-swap on the version).

use std::sync::Arc;

use crate::app::{Call, refusals};
use crate::error::{Code, Error};
use crate::model::ids::OidcProviderArn;
use crate::model::provider::OidcProvider;
use crate::store::{Added, Replaced, StoreError};

/// How many OpenID Connect providers may be registered.
pub const LIMIT: usize = 100;

/// The record of the provider with this name (the issuer without its scheme), if it is registered.
pub async fn record(call: &Call<'_>, name: &str) -> Result<Option<Arc<OidcProvider>>, StoreError> {
    call.app.store.oidc_provider(name).await
}

/// The provider with this ARN, if it is registered.
pub async fn lookup(call: &Call<'_>, arn: &str) -> Result<Option<Arc<OidcProvider>>, StoreError> {
    let Some(arn) = OidcProviderArn::parse(arn) else {
        return Ok(None);
    };
    let found = record(call, arn.name()).await?;
    Ok(found.filter(|provider| provider.arn == arn))
}

/// The provider with this ARN.
pub async fn find(call: &Call<'_>, arn: &str) -> Result<OidcProvider, Error> {
    let found = lookup(call, arn).await?.ok_or_else(|| not_found(arn))?;
    Ok(found.as_ref().clone())
}

/// All providers, ordered by name.
pub async fn list(call: &Call<'_>) -> Result<Vec<Arc<OidcProvider>>, Error> {
    Ok(call.app.store.list_oidc_providers().await?)
}

/// Registers a provider. Names that differ only by a final slash are the same name.
pub async fn add(call: &Call<'_>, provider: OidcProvider) -> Result<(), Error> {
    let url = provider.issuer.clone();
    match call.app.store.add_oidc_provider(provider, LIMIT).await? {
        Added::Added => Ok(()),
        Added::Exists => {
            Err(Code::EntityAlreadyExists
                .because(format!("Provider with url {url} already exists.")))
        }
        Added::LimitReached => Err(Code::LimitExceeded.because(format!(
            "Cannot exceed quota for OpenIdConnectProvidersPerAccount: {LIMIT}"
        ))),
    }
}

/// Replaces a provider with a changed copy of what [`find`] returned.
pub async fn replace(call: &Call<'_>, mut provider: OidcProvider) -> Result<(), Error> {
    provider.version += 1;
    let arn = provider.arn.to_string();
    match call.app.store.replace_oidc_provider(provider).await? {
        Replaced::Replaced => Ok(()),
        Replaced::Changed => Err(refusals::changed_meanwhile()),
        Replaced::Absent => Err(not_found(&arn)),
    }
}

/// Removes the provider with this ARN; if it isn't registered, nothing happens. A pool that names it refuses its tokens
/// from then on.
pub async fn remove(call: &Call<'_>, arn: &str) -> Result<(), Error> {
    if let Some(provider) = lookup(call, arn).await? {
        let name = provider.arn.name();
        call.app.store.remove_oidc_provider(name).await?;
    }
    Ok(())
}

fn not_found(arn: &str) -> Error {
    Code::NoSuchEntity.because(format!("OpenIDConnect Provider not found for arn {arn}"))
}
