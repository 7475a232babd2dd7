//! OpenID Connect providers: registering, finding and changing them (compare-and-swap on the version).

use std::sync::Arc;

use crate::app::{Call, records, refusals, test_issuer};
use crate::error::{Code, Error};
use crate::model::ids::{OidcProviderArn, PoolId};
use crate::model::provider::OidcProvider;
use crate::store::StoreError;
use crate::store::record::{PutOutcome, RecordWrite, Stored};

/// How many OpenID Connect providers may be registered.
pub const LIMIT: usize = 100;

/// The record of the provider with this name (the issuer without its scheme), if it is registered and this server may use
/// it.
pub fn record(call: &Call<'_>, name: &str) -> Result<Option<Arc<OidcProvider>>, StoreError> {
    let found = stored(call, name)?;
    Ok(found.filter(|provider| test_issuer::is_usable(call.app, provider)))
}

/// The record of the provider that a pool names, if it is registered and the pool may trust it.
pub fn record_of_pool(
    call: &Call<'_>,
    pool: &PoolId,
    name: &str,
) -> Result<Option<Arc<OidcProvider>>, StoreError> {
    let found = record(call, name)?;
    Ok(found.filter(|provider| test_issuer::may_trust(pool, provider)))
}

/// The record of the provider with this name, also where this server never uses it.
fn stored(call: &Call<'_>, name: &str) -> Result<Option<Arc<OidcProvider>>, StoreError> {
    let snapshot = call.app.records.snapshot()?;
    let found = snapshot.oidc_provider(name);
    Ok(found?.cloned())
}

/// The provider with this ARN, if it is registered.
pub fn lookup(call: &Call<'_>, arn: &str) -> Result<Option<Arc<OidcProvider>>, StoreError> {
    let Some(arn) = OidcProviderArn::parse(arn) else {
        return Ok(None);
    };
    let found = record(call, arn.name())?;
    Ok(found.filter(|provider| provider.arn == arn))
}

/// The provider with this ARN.
pub fn find(call: &Call<'_>, arn: &str) -> Result<OidcProvider, Error> {
    let found = lookup(call, arn)?.ok_or_else(|| not_found(arn))?;
    Ok(found.as_ref().clone())
}

/// All providers, ordered by name.
pub fn list(call: &Call<'_>) -> Result<Vec<Arc<OidcProvider>>, Error> {
    Ok(call
        .app
        .records
        .snapshot()?
        .oidc_providers()
        .cloned()
        .collect())
}

/// Registers a provider. Names that differ only by a final slash are the same name.
pub async fn add(call: &Call<'_>, provider: OidcProvider) -> Result<(), Error> {
    let url = provider.issuer.clone();
    match records::put(call, RecordWrite::add(&provider, LIMIT)).await? {
        PutOutcome::Stored(_) => Ok(()),
        PutOutcome::Conflict(_) | PutOutcome::Absent(_) => {
            Err(Code::EntityAlreadyExists
                .because(format!("Provider with url {url} already exists.")))
        }
        PutOutcome::LimitReached(_) => Err(Code::LimitExceeded.because(format!(
            "Cannot exceed quota for OpenIdConnectProvidersPerAccount: {LIMIT}"
        ))),
    }
}

/// Replaces a provider with a changed copy of what [`find`] returned.
pub async fn replace(call: &Call<'_>, provider: OidcProvider) -> Result<(), Error> {
    let arn = provider.arn.to_string();
    match records::put(call, RecordWrite::replace(&provider, provider.version)).await? {
        PutOutcome::Stored(_) => Ok(()),
        PutOutcome::Conflict(_) | PutOutcome::LimitReached(_) => Err(refusals::changed_meanwhile()),
        PutOutcome::Absent(_) => Err(not_found(&arn)),
    }
}

/// Removes the provider with this ARN; if it isn't registered, nothing happens. A pool that names it refuses its tokens
/// from then on.
pub async fn remove(call: &Call<'_>, arn: &str) -> Result<(), Error> {
    let Some(parsed) = OidcProviderArn::parse(arn) else {
        return Ok(());
    };
    let registered = || -> Result<_, StoreError> {
        let found = stored(call, parsed.name())?;
        Ok(found.filter(|provider| provider.arn == parsed))
    };
    while let Some(provider) = registered()? {
        let write = RecordWrite::delete(OidcProvider::KIND, provider.key(), provider.version);
        if let PutOutcome::Stored(_) = records::put(call, write).await? {
            break;
        }
    }
    Ok(())
}

fn not_found(arn: &str) -> Error {
    Code::NoSuchEntity.because(format!("OpenIDConnect Provider not found for arn {arn}"))
}
