//! ExplainLogin.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::app::access::resource::Resource;
use crate::app::sign_in::explain::{self, ExplainedCheck, ExplainedIdentity, Explanation};
use crate::app::{Call, pools};
use crate::error::{Code, Dialect, Error};
use crate::model::ids::{IdentityId, RoleArn};
use crate::operations::cognito_identity::pool_resource;
use crate::operations::{Access, Operation, Service};

/// Reports every check of a login and its outcome, without changing anything. The answer contains no token.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ExplainLogin {
    identity_pool_id: String,
    logins: IndexMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ExplainLoginOutput {
    checks: Vec<CheckOutput>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<RefusalOutput>,
    #[serde(skip_serializing_if = "Option::is_none")]
    new_identity: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity_id: Option<IdentityId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role_arn: Option<RoleArn>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CheckOutput {
    #[serde(skip_serializing_if = "Option::is_none")]
    login: Option<String>,
    check: &'static str,
    passed: bool,
    found: String,
    wanted: String,
}

/// The error that the client would get.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct RefusalOutput {
    code: &'static str,
    message: String,
}

impl From<ExplainedCheck> for CheckOutput {
    fn from(check: ExplainedCheck) -> Self {
        Self {
            login: check.login,
            check: check.name,
            passed: check.passed,
            found: check.found,
            wanted: check.wanted,
        }
    }
}

impl RefusalOutput {
    pub(super) fn new(error: Error, dialect: Dialect) -> Self {
        Self {
            code: error.code.on_the_wire(dialect).0,
            message: error.text.unwrap_or_default().into_owned(),
        }
    }
}

impl Operation for ExplainLogin {
    const SERVICE: Service = Service::Cognate;
    const NAME: &'static str = "ExplainLogin";
    const ACCESS: Access = Access::Signed;
    type Output = ExplainLoginOutput;

    fn resource(&self, call: &Call<'_>) -> Resource {
        pool_resource(call, &self.identity_pool_id)
    }

    async fn run(self, call: &Call<'_>) -> Result<ExplainLoginOutput, Error> {
        if self.logins.is_empty() {
            return Err(Code::InvalidParameter.because("There is no login to explain."));
        }
        let pool = pools::find_for_admin(call, &self.identity_pool_id)?;
        let Explanation {
            checks,
            identity,
            role,
            refusal,
        } = explain::explain(call, &pool, &self.logins).await?;
        let checks = checks.into_iter().map(CheckOutput::from);
        let refusal = refusal.map(|refusal| RefusalOutput::new(refusal.into(), Dialect::Json));
        Ok(ExplainLoginOutput {
            checks: checks.collect(),
            refusal,
            new_identity: identity
                .as_ref()
                .map(|identity| *identity == ExplainedIdentity::New),
            identity_id: match identity {
                Some(ExplainedIdentity::Existing(id)) => Some(id),
                Some(ExplainedIdentity::New) | None => None,
            },
            role_arn: role,
        })
    }
}
