//! DescribeIdentity.

use serde::{Deserialize, Serialize};

use crate::app::Call;
use crate::app::find::FindError;
use crate::error::Error;
use crate::model::ids::IdentityId;
use crate::operations::answer::Seconds;
use crate::operations::{Access, Operation, Service};

/// Shows an identity: when it was made and last changed, and at which providers it has logins; never as whom.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DescribeIdentity {
    identity_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct IdentityDescription {
    identity_id: IdentityId,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    logins: Vec<String>,
    creation_date: Seconds,
    last_modified_date: Seconds,
}

impl Operation for DescribeIdentity {
    const SERVICE: Service = Service::CognitoIdentity;
    const NAME: &'static str = "DescribeIdentity";
    const ACCESS: Access = Access::Signed;
    type Output = IdentityDescription;

    async fn run(self, call: &Call<'_>) -> Result<IdentityDescription, Error> {
        let (identity, pool) = call.identity(&self.identity_id).await?;
        if pool.id.region != *call.signed_region() {
            return Err(FindError::NoIdentity(self.identity_id).into());
        }
        let mut logins: Vec<String> = Vec::new();
        for login in identity.logins {
            if !logins.contains(&login.provider) {
                logins.push(login.provider);
            }
        }
        Ok(IdentityDescription {
            identity_id: IdentityId {
                region: pool.id.region.clone(),
                uuid: identity.id,
            },
            logins,
            creation_date: Seconds(identity.created),
            last_modified_date: Seconds(identity.modified),
        })
    }
}
