//! UpdateAccessKey.

use serde::{Deserialize, Serialize};

use crate::app::Call;
use crate::app::access::authorise::FurtherPermission;
use crate::app::keys::access_keys;
use crate::error::Error;
use crate::operations::{Access, Operation, Service};

/// Enables or disables an access key.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct UpdateAccessKey {
    access_key_id: String,
    status: Status,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
enum Status {
    Active,
    Inactive,
}

#[derive(Serialize)]
pub(crate) struct UpdateAccessKeyOutput {}

impl Operation for UpdateAccessKey {
    const SERVICE: Service = Service::Cognate;
    const NAME: &'static str = "UpdateAccessKey";
    const ACCESS: Access = Access::Signed;
    type Output = UpdateAccessKeyOutput;

    fn further_permissions(&self, call: &Call<'_>) -> Result<Vec<FurtherPermission>, Error> {
        Ok(vec![FurtherPermission::new(
            "iam:UpdateAccessKey",
            access_keys::resource(call, &self.access_key_id)?,
        )])
    }

    async fn run(self, call: &Call<'_>) -> Result<UpdateAccessKeyOutput, Error> {
        let enabled = self.status == Status::Active;
        access_keys::enable(call, &self.access_key_id, enabled).await?;
        Ok(UpdateAccessKeyOutput {})
    }
}
