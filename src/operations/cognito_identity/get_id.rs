//! GetId. <https://docs.aws.amazon.com/cognitoidentity/latest/APIReference/API_GetId.html>

use serde::{Deserialize, Serialize};

use super::Logins;
use crate::app::rates::RequestWork;
use crate::app::sign_in::logins::{self, PresentedTo};
use crate::app::{Call, pools, sign_in};
use crate::error::Error;
use crate::model::ids::IdentityId;
use crate::operations::{Access, Operation, Service};

/// Returns the identity of the logins, and makes one if no identity has them; without logins, makes a guest.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct GetId {
    account_id: Option<String>,
    identity_pool_id: String,
    #[serde(default)]
    logins: Logins,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct GetIdOutput {
    identity_id: IdentityId,
}

impl Operation for GetId {
    const SERVICE: Service = Service::CognitoIdentity;
    const NAME: &'static str = "GetId";
    const ACCESS: Access = Access::Public;
    type Output = GetIdOutput;

    fn work(&self, _call: &Call<'_>) -> RequestWork {
        if self.logins.is_empty() {
            RequestWork::NewGuest
        } else {
            RequestWork::Expensive
        }
    }

    async fn run(self, call: &Call<'_>) -> Result<GetIdOutput, Error> {
        let account = call.app.config.account_id.as_str();
        if self.account_id.is_some_and(|id| id != account) {
            return Err(pools::not_found(&self.identity_pool_id));
        }
        let pool = pools::find(call, &self.identity_pool_id)?;
        let identity_id = if self.logins.is_empty() {
            sign_in::new_guest(call, &pool).await?
        } else {
            let proofs = logins::verify(call, &pool, &self.logins, PresentedTo::GetId).await?;
            sign_in::resolve(call, &pool, None, None, &proofs).await?.0
        };
        Ok(GetIdOutput { identity_id })
    }
}
