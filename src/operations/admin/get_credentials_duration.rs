//! GetCredentialsDuration.

use serde::Deserialize;

use super::CredentialsDurationOutput;
use crate::app::access::resource::Resource;
use crate::app::{Call, pools};
use crate::error::Error;
use crate::operations::cognito_identity::pool_resource;
use crate::operations::{Access, Operation, Service};

/// Shows how long credentials of a pool's identities last.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct GetCredentialsDuration {
    identity_pool_id: String,
}

impl Operation for GetCredentialsDuration {
    const SERVICE: Service = Service::Cognate;
    const NAME: &'static str = "GetCredentialsDuration";
    const ACCESS: Access = Access::Signed;
    type Output = CredentialsDurationOutput;

    fn resource(&self, call: &Call<'_>) -> Resource {
        pool_resource(call, &self.identity_pool_id)
    }

    async fn run(self, call: &Call<'_>) -> Result<CredentialsDurationOutput, Error> {
        let pool = pools::find_for_admin(call, &self.identity_pool_id)?;
        Ok(pool.credentials.into())
    }
}
