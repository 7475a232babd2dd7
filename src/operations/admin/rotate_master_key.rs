//! RotateMasterKey.

use serde::{Deserialize, Serialize};

use crate::app::Call;
use crate::app::keys::resealing;
use crate::error::Error;
use crate::operations::{Access, Operation, Service};

/// Seals every stored secret again under the first master key of the server's file. Calls are served meanwhile, and a rotation
/// that was interrupted is continued by the next one.
#[derive(Deserialize)]
pub(crate) struct RotateMasterKey {}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct RotateMasterKeyOutput {
    records: u64,
    master_keys: Vec<String>,
}

impl Operation for RotateMasterKey {
    const SERVICE: Service = Service::Cognate;
    const NAME: &'static str = "RotateMasterKey";
    const ACCESS: Access = Access::Signed;
    type Output = RotateMasterKeyOutput;

    async fn run(self, call: &Call<'_>) -> Result<RotateMasterKeyOutput, Error> {
        let resealed = resealing::rotate(call).await?;
        Ok(RotateMasterKeyOutput {
            records: resealed.records,
            master_keys: resealed.keys,
        })
    }
}
