//! GetIdentityHandle.

use serde::{Deserialize, Serialize};

use crate::app::{Call, audit};
use crate::error::{Code, Error};
use crate::model::ids::IdentityId;
use crate::operations::{Access, Operation, Service};

/// Turns the id of a guest into the handle that the audit log and events have instead. The identity needn't exist, because the
/// log outlives it. A handle has no way back.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct GetIdentityHandle {
    identity_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct GetIdentityHandleOutput {
    handle: String,
}

impl Operation for GetIdentityHandle {
    const SERVICE: Service = Service::Cognate;
    const NAME: &'static str = "GetIdentityHandle";
    const ACCESS: Access = Access::Signed;
    type Output = GetIdentityHandleOutput;

    async fn run(self, call: &Call<'_>) -> Result<GetIdentityHandleOutput, Error> {
        let id = IdentityId::parse(&self.identity_id);
        let id = id.ok_or_else(|| {
            Code::InvalidParameter.because("IdentityId is not an identity's id: REGION:UUID")
        })?;
        Ok(GetIdentityHandleOutput {
            handle: audit::handle_of(call, &id),
        })
    }
}
