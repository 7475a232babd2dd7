//! ExplainWebIdentity: a dry run of AssumeRoleWithWebIdentity that reports every check. Nothing is issued.

use super::web_identity::{self, PresentedToken, WebIdentity};
use crate::app::Call;
use crate::app::sign_in::explain::ExplainedCheck;
use crate::error::{Code, Error};
use crate::logins::report::{Finding, Report};
use crate::model::ids::RoleArn;

/// The checks of a token, up to the first that failed, and the role or the refusal of the STS. `assume` asks the trust
/// policy. An error is a failure of the store.
pub async fn explain(
    call: &Call<'_>,
    presented: PresentedToken<'_>,
    assume: impl FnOnce(&mut WebIdentity) -> Result<RoleArn, Error>,
) -> Result<(Vec<ExplainedCheck>, Result<RoleArn, Error>), Error> {
    let mut report = Report::enabled();
    let outcome = match web_identity::check(call, presented, &mut report).await {
        Ok(mut who) => {
            let role = assume(&mut who);
            report.about_all_logins();
            report.add_outcome("trust", role, |role| trust_finding(role.is_ok(), &who))
        }
        Err(error) => Err(error.into()),
    };
    match outcome {
        Err(error) if error.code == Code::InternalError => Err(error),
        outcome => {
            let checks = report.into_checks().into_iter();
            Ok((checks.map(ExplainedCheck::from).collect(), outcome))
        }
    }
}

fn trust_finding(is_allowed: bool, who: &WebIdentity) -> Finding {
    let provider = &who.provider;
    let found = if is_allowed {
        format!("a role whose trust policy allows the token of {provider}")
    } else {
        format!("no such role, or a trust policy that doesn't allow this token of {provider}")
    };
    Finding::new(
        found,
        "sts:AssumeRoleWithWebIdentity allowed for the provider, under the conditions of the trust policy",
    )
}
