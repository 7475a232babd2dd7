//! The deployment that stored data belongs to. `cognate serve` refuses another account or another public URL over existing data,
//! unless the operator accepts the change.

use super::open::StartError;
use crate::config::Config;
use crate::model::deployment::Deployment;
use crate::store::Store;
use crate::store::catalog::Snapshot;
use crate::store::event::Origin;
use crate::store::record::{PutOutcome, RecordWrite};

/// Compares the configuration with the stored deployment, and returns the record to store, if it differs.
pub(super) fn check(config: &Config, stored: &Snapshot) -> Result<Option<Deployment>, StartError> {
    let stored = stored
        .deployment()
        .map_err(crate::store::StoreError::from)?;
    let Some(stored) = stored else {
        return Ok(Some(Deployment {
            account_id: config.account_id.clone(),
            public_url: config.public_url.clone(),
            version: 0,
        }));
    };
    let mut changed = Deployment::clone(stored);
    if stored.account_id != config.account_id {
        if !config.accept_changed_account_id {
            return Err(StartError::ChangedAccount {
                stored: stored.account_id.clone(),
                configured: config.account_id.clone(),
            });
        }
        changed.account_id = config.account_id.clone();
    }
    if let Some(configured) = &config.public_url {
        if let Some(before) = &stored.public_url
            && before != configured
            && !config.accept_changed_public_url
        {
            return Err(StartError::ChangedPublicUrl {
                stored: before.clone(),
                configured: configured.clone(),
            });
        }
        changed.public_url = Some(configured.clone());
    }
    Ok((changed != **stored).then_some(changed))
}

/// Stores the deployment. Servers that start at the same time store the same one, or refuse at their next start.
pub(super) async fn record(
    deployment: &Deployment,
    store: &dyn Store,
    origin: &Origin,
) -> Result<(), StartError> {
    let write = RecordWrite::replace(deployment, deployment.version);
    if let PutOutcome::Stored(_) = store.put(&[write], origin).await? {
        let account = deployment.account_id.as_str();
        let public_url = deployment.public_url.as_deref();
        tracing::info!(account, public_url, "this is the deployment of the store");
    } else {
        tracing::warn!("another server of the store has recorded its deployment meanwhile");
    }
    Ok(())
}
