//! How an identity is shown to administrators.

use serde::Serialize;

use crate::app::identities::id_in;
use crate::model::identity::Identity;
use crate::model::ids::IdentityId;
use crate::model::pool::Pool;
use crate::operations::answer::Seconds;

/// When an identity was made and last changed, and at which providers it has logins; never as whom.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct IdentityDescription {
    identity_id: IdentityId,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    logins: Vec<String>,
    creation_date: Seconds,
    last_modified_date: Seconds,
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
            creation_date: Seconds(identity.created),
            last_modified_date: Seconds(identity.modified),
        }
    }
}
