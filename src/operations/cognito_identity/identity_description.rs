//! The description of an identity for administrators.

use serde::Serialize;

use crate::app::identities::id_in;
use crate::model::identity::Identity;
use crate::model::ids::IdentityId;
use crate::model::pool::Pool;
use crate::operations::answer::EpochSeconds;

/// The description of an identity: its times and the providers of its logins, but no subject.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct IdentityDescription {
    identity_id: IdentityId,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    logins: Vec<String>,
    creation_date: EpochSeconds,
    last_modified_date: EpochSeconds,
}

impl IdentityDescription {
    /// Shows an identity of a pool.
    pub(super) fn of(identity: Identity, pool: &Pool) -> Self {
        let mut logins: Vec<String> = Vec::new();
        for login in identity.logins {
            if !logins.contains(&login.provider) {
                logins.push(login.provider);
            }
        }
        Self {
            identity_id: id_in(pool, identity.id),
            logins,
            creation_date: EpochSeconds(identity.created),
            last_modified_date: EpochSeconds(identity.modified),
        }
    }
}
