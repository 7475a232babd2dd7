//! GetId: the heart of it. <https://docs.aws.amazon.com/cognitoidentity/latest/APIReference/API_GetId.html>

use serde::{Deserialize, Serialize};

use super::Logins;
use crate::app::Call;
use crate::app::find::FindError;
use crate::app::sign_in::logins::{self, PresentedTo};
use crate::error::Error;
use crate::model::ids::IdentityId;
use crate::model::sign_in::Asker;
use crate::operations::{Access, Operation, Service};

/// Gives the identity of the logins, a new one where nobody knows them; without logins, a new guest.
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

    async fn run(self, call: &Call<'_>) -> Result<GetIdOutput, Error> {
        let account = call.app.config.account_id.as_str();
        if self.account_id.is_some_and(|given| given != account) {
            return Err(FindError::NoPool(self.identity_pool_id).into());
        }
        let pool = call.pool(&self.identity_pool_id).await?;
        let identity_id = if self.logins.is_empty() {
            call.new_guest(&pool).await?
        } else {
            let proofs = logins::verify(call, &pool, &self.logins, PresentedTo::GetId).await?;
            let logins = proofs.into_iter().map(|proof| proof.login).collect();
            call.sign_in(Asker::User, &pool, None, logins).await?.0
        };
        Ok(GetIdOutput { identity_id })
    }
}
