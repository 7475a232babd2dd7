//! GetCallerIdentity. <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>

use serde::{Deserialize, Serialize};

use crate::app::Call;
use crate::error::Error;
use crate::operations::{Access, Operation, Service};

/// Returns the signer of the request. No policy can deny it.
#[derive(Deserialize)]
pub(crate) struct GetCallerIdentity {}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct GetCallerIdentityOutput {
    user_id: String,
    account: String,
    arn: String,
}

impl Operation for GetCallerIdentity {
    const SERVICE: Service = Service::Sts;
    const NAME: &'static str = "GetCallerIdentity";
    const ACCESS: Access = Access::AnySigner;
    type Output = GetCallerIdentityOutput;

    async fn run(self, call: &Call<'_>) -> Result<GetCallerIdentityOutput, Error> {
        let account = &call.app.config.account_id;
        let caller = call.signer();
        Ok(GetCallerIdentityOutput {
            user_id: caller.user_id(account),
            account: account.to_string(),
            arn: caller.arn(account),
        })
    }
}
