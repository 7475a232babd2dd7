//! ExportConfiguration.

use serde::{Deserialize, Serialize};

use crate::app::Call;
use crate::error::Error;
use crate::operations::seeds::describe;
use crate::operations::{Access, Operation, Service};

/// Shows all pools, providers, roles and access keys as a seed, without secrets and without identities.
#[derive(Deserialize)]
pub(crate) struct ExportConfiguration {}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ExportConfigurationOutput {
    document: String,
}

impl Operation for ExportConfiguration {
    const SERVICE: Service = Service::Cognate;
    const NAME: &'static str = "ExportConfiguration";
    const ACCESS: Access = Access::Signed;
    type Output = ExportConfigurationOutput;

    async fn run(self, call: &Call<'_>) -> Result<ExportConfigurationOutput, Error> {
        let document = describe::everything(call)?;
        Ok(ExportConfigurationOutput {
            document: document.to_json().to_string(),
        })
    }
}
