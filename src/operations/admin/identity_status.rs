//! An identity with its status, for administrators.

use serde::Serialize;

use crate::app::identities::id_in;
use crate::model::identity::{Identity, Revocation, State};
use crate::model::ids::{IdentityId, PoolId};
use crate::model::pool::Pool;
use crate::operations::answer::EpochSeconds;

/// An identity with its status: its times and the providers of its logins, but no subject.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct IdentityStatus {
    identity_id: IdentityId,
    identity_pool_id: PoolId,
    status: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    logins: Vec<String>,
    creation_date: EpochSeconds,
    last_modified_date: EpochSeconds,
}

impl IdentityStatus {
    /// The status of an identity of a pool.
    pub(super) fn of(identity: Identity, pool: &Pool) -> Self {
        let status = match (identity.revocation(), identity.state) {
            (Some(Revocation::EveryPool), _) => "Revoked",
            (Some(Revocation::ThisPool), _) => "RevokedInThisPool",
            (None, State::MergedInto(_)) => "Merged",
            (None, State::Live) => "Active",
        };
        let mut logins: Vec<String> = Vec::new();
        for login in identity.logins {
            if !logins.contains(&login.provider) {
                logins.push(login.provider);
            }
        }
        Self {
            identity_id: id_in(pool, identity.id),
            identity_pool_id: pool.id.clone(),
            status,
            logins,
            creation_date: EpochSeconds(identity.created),
            last_modified_date: EpochSeconds(identity.modified),
        }
    }
}
