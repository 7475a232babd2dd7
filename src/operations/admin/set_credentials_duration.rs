//! SetCredentialsDuration.

use serde::Deserialize;

use super::CredentialsDurationOutput;
use crate::app::access::resource::Resource;
use crate::app::{Call, pools};
use crate::error::Error;
use crate::operations::cognito_identity::pool_resource;
use crate::operations::{Access, Operation, Service};

/// Sets how long new credentials of a pool's identities last. Omitted members stay unchanged.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SetCredentialsDuration {
    identity_pool_id: String,
    duration_seconds: Option<i64>,
    within_login: Option<bool>,
}

impl Operation for SetCredentialsDuration {
    const SERVICE: Service = Service::Cognate;
    const NAME: &'static str = "SetCredentialsDuration";
    const ACCESS: Access = Access::Signed;
    type Output = CredentialsDurationOutput;

    fn resource(&self, call: &Call<'_>) -> Resource {
        pool_resource(call, &self.identity_pool_id)
    }

    async fn run(self, call: &Call<'_>) -> Result<CredentialsDurationOutput, Error> {
        let pool = pools::change(call, &self.identity_pool_id, |pool| {
            let set = &mut pool.credentials;
            set.seconds = self.duration_seconds.unwrap_or(set.seconds);
            set.within_login = self.within_login.unwrap_or(set.within_login);
            Ok::<(), Error>(())
        });
        Ok(pool.await?.credentials.into())
    }
}
