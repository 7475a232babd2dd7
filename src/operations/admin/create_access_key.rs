//! CreateAccessKey.

use serde::{Deserialize, Serialize};

use crate::app::Call;
use crate::app::access::authorise::FurtherPermission;
use crate::app::access::resource::Resource;
use crate::app::keys::access_keys;
use crate::error::Error;
use crate::operations::{Access, Operation, Service};

/// Makes an access key with a policy. Only this answer holds its secret.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CreateAccessKey {
    name: String,
    policy: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CreateAccessKeyOutput {
    access_key_id: String,
    secret_access_key: String,
}

impl Operation for CreateAccessKey {
    const SERVICE: Service = Service::Cognate;
    const NAME: &'static str = "CreateAccessKey";
    const ACCESS: Access = Access::Signed;
    type Output = CreateAccessKeyOutput;

    fn further_permissions(&self, call: &Call<'_>) -> Result<Vec<FurtherPermission>, Error> {
        let account = &call.app.config.account_id;
        Ok(vec![FurtherPermission::new(
            "iam:CreateAccessKey",
            Resource::user(&self.name, account),
        )])
    }

    async fn run(self, call: &Call<'_>) -> Result<CreateAccessKeyOutput, Error> {
        let (access_key_id, secret) = access_keys::create(call, self.name, self.policy).await?;
        Ok(CreateAccessKeyOutput {
            access_key_id,
            secret_access_key: secret.to_string(),
        })
    }
}
