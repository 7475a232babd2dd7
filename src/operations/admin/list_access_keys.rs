//! ListAccessKeys.

use serde::{Deserialize, Serialize};

use crate::app::Call;
use crate::app::keys::{access_keys, last_use};
use crate::error::Error;
use crate::operations::answer::EpochSeconds;
use crate::operations::{Access, Operation, Service};

/// Lists the access keys beside the root key, with their policies and without their secrets.
#[derive(Deserialize)]
pub(crate) struct ListAccessKeys {}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListAccessKeysOutput {
    access_keys: Vec<AccessKeyMetadata>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct AccessKeyMetadata {
    access_key_id: String,
    user_id: String,
    name: String,
    status: &'static str,
    policy: String,
    create_date: EpochSeconds,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_date: Option<EpochSeconds>,
}

impl Operation for ListAccessKeys {
    const SERVICE: Service = Service::Cognate;
    const NAME: &'static str = "ListAccessKeys";
    const ACCESS: Access = Access::Signed;
    type Output = ListAccessKeysOutput;

    async fn run(self, call: &Call<'_>) -> Result<ListAccessKeysOutput, Error> {
        let keys = access_keys::list(call.app)?
            .into_iter()
            .map(|key| AccessKeyMetadata {
                access_key_id: key.id.clone(),
                user_id: key.user_id(),
                name: key.name.clone(),
                status: if key.enabled { "Active" } else { "Inactive" },
                policy: key.policy.clone(),
                create_date: EpochSeconds(key.created),
                last_used_date: last_use::of(call.app, &key.user_id()).map(EpochSeconds),
            });
        Ok(ListAccessKeysOutput {
            access_keys: keys.collect(),
        })
    }
}
