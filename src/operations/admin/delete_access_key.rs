//! DeleteAccessKey.

use serde::{Deserialize, Serialize};

use crate::app::Call;
use crate::app::access::authorise::FurtherPermission;
use crate::app::keys::access_keys;
use crate::error::Error;
use crate::operations::{Access, Operation, Service};

/// Removes an access key.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DeleteAccessKey {
    access_key_id: String,
}

#[derive(Serialize)]
pub(crate) struct DeleteAccessKeyOutput {}

impl Operation for DeleteAccessKey {
    const SERVICE: Service = Service::Cognate;
    const NAME: &'static str = "DeleteAccessKey";
    const ACCESS: Access = Access::Signed;
    type Output = DeleteAccessKeyOutput;

    fn further_permissions(&self, call: &Call<'_>) -> Result<Vec<FurtherPermission>, Error> {
        Ok(vec![FurtherPermission::new(
            "iam:DeleteAccessKey",
            access_keys::resource(call, &self.access_key_id)?,
        )])
    }

    async fn run(self, call: &Call<'_>) -> Result<DeleteAccessKeyOutput, Error> {
        access_keys::remove(call, &self.access_key_id).await?;
        Ok(DeleteAccessKeyOutput {})
    }
}
