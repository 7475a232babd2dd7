//! RotateRootKey.

use serde::{Deserialize, Serialize};

use crate::app::Call;
use crate::app::access::authorise::FurtherPermission;
use crate::app::access::resource::Resource;
use crate::app::keys::root_key;
use crate::error::Error;
use crate::operations::{Access, Operation, Service};

/// Makes a new root access key and writes it to the server's `root-credentials` file, which alone holds the secret. The
/// old key is invalid at once.
#[derive(Deserialize)]
pub(crate) struct RotateRootKey {}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct RotateRootKeyOutput {
    access_key_id: String,
    credentials_file: String,
}

impl Operation for RotateRootKey {
    const SERVICE: Service = Service::Cognate;
    const NAME: &'static str = "RotateRootKey";
    const ACCESS: Access = Access::Signed;
    type Output = RotateRootKeyOutput;

    fn further_permissions(&self, call: &Call<'_>) -> Result<Vec<FurtherPermission>, Error> {
        Ok(vec![FurtherPermission::new(
            "iam:CreateAccessKey",
            Resource::account(&call.app.config.account_id),
        )])
    }

    async fn run(self, call: &Call<'_>) -> Result<RotateRootKeyOutput, Error> {
        let (access_key_id, file) = root_key::rotate(call).await?;
        Ok(RotateRootKeyOutput {
            access_key_id,
            credentials_file: file.display().to_string(),
        })
    }
}
