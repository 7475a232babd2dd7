//! ExplainWebIdentity.

use serde::{Deserialize, Serialize};

use super::explain_login::{CheckOutput, RefusalOutput};
use crate::app::Call;
use crate::app::access::resource::Resource;
use crate::app::credentials::explain;
use crate::app::credentials::web_identity::{PresentedToken, WebIdentity};
use crate::error::{Dialect, Error};
use crate::model::ids::RoleArn;
use crate::operations::sts::assume_role_with_web_identity::AssumeRoleWithWebIdentity;
use crate::operations::{Access, Operation, Service};

/// Reports every check of AssumeRoleWithWebIdentity and its outcome. Nothing is issued. The answer contains no token.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ExplainWebIdentity {
    role_arn: String,
    web_identity_token: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ExplainWebIdentityOutput {
    checks: Vec<CheckOutput>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<RefusalOutput>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role_arn: Option<RoleArn>,
}

impl Operation for ExplainWebIdentity {
    const SERVICE: Service = Service::Cognate;
    const NAME: &'static str = "ExplainWebIdentity";
    const ACCESS: Access = Access::Signed;
    type Output = ExplainWebIdentityOutput;

    fn resource(&self, _call: &Call<'_>) -> Resource {
        RoleArn::parse(&self.role_arn).map_or_else(Resource::any, |role| Resource::role(&role))
    }

    async fn run(self, call: &Call<'_>) -> Result<ExplainWebIdentityOutput, Error> {
        let request = AssumeRoleWithWebIdentity::for_role(self.role_arn, "explain", None);
        let role = request.known_role(call)?;
        let presented = PresentedToken {
            token: &self.web_identity_token,
            provider_id: None,
            role: role.as_deref(),
        };
        let assume = |who: &mut WebIdentity| Ok(request.assumption(call, who)?.role);
        let (checks, outcome) = explain::explain(call, presented, assume).await?;
        let (role_arn, refusal) = match outcome {
            Ok(role) => (Some(role), None),
            Err(error) => (None, Some(RefusalOutput::new(error, Dialect::Sts))),
        };
        Ok(ExplainWebIdentityOutput {
            checks: checks.into_iter().map(CheckOutput::from).collect(),
            refusal,
            role_arn,
        })
    }
}
