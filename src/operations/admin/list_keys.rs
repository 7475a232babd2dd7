//! ListKeys.

use serde::{Deserialize, Serialize};

use super::{KeyOutput, RingPurpose, shown};
use crate::app::Call;
use crate::app::keys::rings;
use crate::error::Error;
use crate::operations::{Access, Operation, Service};

/// Lists the keys that sign tokens, or those that seal sessions.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListKeys {
    purpose: RingPurpose,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListKeysOutput {
    keys: Vec<KeyOutput>,
}

impl Operation for ListKeys {
    const SERVICE: Service = Service::Cognate;
    const NAME: &'static str = "ListKeys";
    const ACCESS: Access = Access::Signed;
    type Output = ListKeysOutput;

    async fn run(self, call: &Call<'_>) -> Result<ListKeysOutput, Error> {
        let ring = rings::find(call.app, self.purpose.into())?;
        Ok(ListKeysOutput { keys: shown(&ring) })
    }
}
