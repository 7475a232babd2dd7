//! Who may trust the test issuer of `cognate dev`: the process that has it, its demo pool, and the roles of that pool.
//! Every step that reads a registered provider or a trust policy asks here, both when trust is written and when it is used.

use std::sync::Arc;

use uuid::Uuid;

use super::open::StartError;
use super::{App, Call, pools};
use crate::model::ids::{OidcProviderArn, PoolId, RoleArn};
use crate::model::pool::Pool;
use crate::model::provider::OidcProvider;
use crate::policy::Principal;
use crate::store::catalog::Snapshot;
use crate::store::event::Origin;
use crate::store::record::{PutOutcome, RecordWrite, Stored};
use crate::store::{Store, StoreError};

/// The demo pool's id without its region: the same in every data directory, so that pasted commands keep working.
pub(super) const DEMO_POOL: Uuid = Uuid::from_u128(0xc09a_7e00_0000_4000_8000_0000_0000_0001);

/// Whether this process may use a registered provider: a test issuer only if it is this process's own. A registration with
/// the URL of this process's test issuer that isn't marked, from before, would let any pool trust it.
pub(super) fn is_usable(app: &App, provider: &OidcProvider) -> bool {
    let own = app.test_issuer.as_ref();
    provider.is_test_issuer == own.is_some_and(|own| own.url() == provider.issuer)
}

/// Whether a pool may trust a registered provider: a test issuer only if the pool is the demo pool.
pub fn may_trust(pool: &PoolId, provider: &OidcProvider) -> bool {
    !provider.is_test_issuer || pool.uuid == DEMO_POOL
}

/// Whether a principal of a trust policy is the test issuer of this process.
pub(super) fn is_principal(call: &Call<'_>, principal: &str) -> bool {
    let own = call.app.test_issuer.as_ref();
    own.is_some_and(|own| {
        let arn = OidcProviderArn::new(&call.app.config.account_id, own.name());
        arn.to_string() == principal
    })
}

/// Whether `role` may be assumed by this principal: by the test issuer only if the demo pool has the role.
pub(super) fn may_be_assumed(
    call: &Call<'_>,
    role: &RoleArn,
    principal: Principal<'_>,
) -> Result<bool, StoreError> {
    match principal {
        Principal::Federated(provider) if is_principal(call, provider) => is_demo_role(call, role),
        _ => Ok(true),
    }
}

/// Whether the demo pool names `role`.
pub(super) fn is_demo_role(call: &Call<'_>, role: &RoleArn) -> Result<bool, StoreError> {
    let pool = pools::by_uuid(call.app, DEMO_POOL)?;
    Ok(pool.is_some_and(|pool| pool.roles.named().0.contains(role)))
}

/// Whether the test issuer serves this client: the registration of the issuer has it.
pub fn has_client(app: &App, client_id: &str) -> Result<bool, StoreError> {
    let Some(issuer) = &app.test_issuer else {
        return Ok(false);
    };
    let snapshot = app.records.snapshot()?;
    let registered = snapshot.oidc_provider(issuer.name())?;
    Ok(registered.is_some_and(|registered| {
        registered.is_test_issuer && registered.client_ids.iter().any(|one| one == client_id)
    }))
}

/// The test issuers in a store.
fn in_store(stored: &Snapshot) -> impl Iterator<Item = &Arc<OidcProvider>> {
    stored.oidc_providers().filter(|one| one.is_test_issuer)
}

/// Refuses a store with a test issuer, for a server that isn't to remove it.
pub(super) fn refuse(stored: &Snapshot) -> Result<(), StartError> {
    match in_store(stored).next() {
        Some(provider) => Err(StartError::TestIssuer(provider.issuer.clone())),
        None => Ok(()),
    }
}

/// Removes the test issuers from a store, and from the pools that name them.
pub(super) async fn remove_all(
    store: &dyn Store,
    stored: &Snapshot,
    origin: &Origin,
) -> Result<(), StartError> {
    let removed: Vec<_> = in_store(stored).collect();
    let writes = removal(stored, &removed);
    if let (Some(provider), false) = (removed.first(), writes.is_empty()) {
        match store.put(&writes, origin).await? {
            PutOutcome::Stored(_) => {
                tracing::warn!(
                    issuer = provider.issuer,
                    "the test issuer of cognate dev is removed"
                );
            }
            _ => return Err(StartError::TestIssuer(provider.issuer.clone())),
        }
    }
    Ok(())
}

/// The writes that remove providers, from the pools that name them, too.
pub(super) fn removal(stored: &Snapshot, providers: &[&Arc<OidcProvider>]) -> Vec<RecordWrite> {
    let mut writes: Vec<RecordWrite> = providers
        .iter()
        .map(|one| RecordWrite::delete(OidcProvider::KIND, one.key(), one.version))
        .collect();
    let pools = stored.pools().map(|pool| (pool, without(pool, providers)));
    let changed = pools.filter(|(pool, changed)| changed.settings != pool.settings);
    writes.extend(changed.map(|(pool, changed)| RecordWrite::replace(&changed, pool.version)));
    writes
}

/// A pool as it is without these providers.
fn without(pool: &Pool, providers: &[&Arc<OidcProvider>]) -> Pool {
    let mut changed = pool.clone();
    let is_removed = |arn: &OidcProviderArn| providers.iter().any(|one| one.arn == *arn);
    let arns = &mut changed.settings.oidc_provider_arns;
    if arns.iter().any(is_removed) {
        arns.retain(|arn| !is_removed(arn));
        changed.roles.mappings.retain(|key, _| {
            !providers
                .iter()
                .any(|one| one.arn.as_str() == key || one.arn.name() == key)
        });
    }
    changed
}

/// The pools of a store as they are without test issuers, which no other server has.
pub(super) fn pools_without(stored: &Snapshot) -> Vec<Pool> {
    let issuers: Vec<_> = in_store(stored).collect();
    stored.pools().map(|pool| without(pool, &issuers)).collect()
}
