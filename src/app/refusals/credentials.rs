//! Refusals of roles and credentials.

use crate::app::credentials::assume_role::{AssumeError, EnhancedError};
use crate::app::credentials::external_sts::{ExternalStsError, IssueError};
use crate::app::credentials::session_policies::SessionPolicyError;
use crate::app::roles::choice::NoRole;
use crate::credentials::routes::StsError;
use crate::error::{Code, Error};
use crate::policy::PolicyError;

impl From<NoRole> for Error {
    fn from(error: NoRole) -> Self {
        match &error {
            NoRole::NotConfigured => Code::InvalidIdentityPoolConfiguration.because(
                "Invalid identity pool configuration. Check assigned IAM roles for this pool.",
            ),
            NoRole::NotOffered(role) => {
                Code::NotAuthorized.because(format!("Access to Role '{role}' is forbidden."))
            }
            NoRole::Ambiguous(provider) => Code::NotAuthorized.because(format!(
                "The ambiguous role mapping rules for: {provider} denied this request."
            )),
        }
        .from_source(error)
    }
}

impl From<IssueError> for Error {
    fn from(error: IssueError) -> Self {
        let error = match error {
            IssueError::BuiltIn(AssumeError::Store(error)) => return error.into(),
            other => other,
        };
        let refused = match &error {
            // The client gets the same refusal as from an STS that refuses the role.
            IssueError::BuiltIn(_) => NoRole::NotConfigured.into(),
            IssueError::ExternalSts { source, .. } => match source {
                ExternalStsError::EndsTooSoon => Code::NotAuthorized
                    .because("Invalid login token. Token expires too soon for this role."),
                ExternalStsError::Guests
                | ExternalStsError::NotFilled(_)
                | ExternalStsError::Sts(StsError::Refused(..)) => NoRole::NotConfigured.into(),
                ExternalStsError::Overloaded(_)
                | ExternalStsError::Sts(StsError::Throttled(_) | StsError::Crowded) => {
                    Code::TooManyRequests.because("Rate exceeded")
                }
                ExternalStsError::Sts(
                    StsError::Outgoing(_)
                    | StsError::Answer(_)
                    | StsError::ServerError(..)
                    | StsError::TooLong(_)
                    | StsError::Over,
                ) => Code::ExternalService.because("The STS of the role can't be reached."),
            },
        };
        refused.from_source(error)
    }
}

impl From<EnhancedError> for Error {
    fn from(error: EnhancedError) -> Self {
        match error {
            EnhancedError::NoRole(error) => error.into(),
            EnhancedError::Store(error) => error.into(),
        }
    }
}

impl From<SessionPolicyError> for Error {
    fn from(error: SessionPolicyError) -> Self {
        match error {
            SessionPolicyError::Policy(PolicyError::TooLong { limit }) => Code::Validation.because(format!(
                "1 validation error detected: Value at 'policy' failed to satisfy constraint: Member must have \
                 length less than or equal to {limit}"
            )),
            SessionPolicyError::Policy(error) => Code::MalformedPolicyDocument.because(error.to_string()),
            SessionPolicyError::TooMany => Code::Validation.because(
                "1 validation error detected: Value at 'policyArns' failed to satisfy constraint: Member must have \
                 length less than or equal to 10",
            ),
            SessionPolicyError::Store(error) => error.into(),
            SessionPolicyError::Unknown(arn) => {
                Code::MalformedPolicyDocument.because(format!("Policy ARN {arn} is not valid"))
            }
        }
    }
}

impl From<AssumeError> for Error {
    fn from(error: AssumeError) -> Self {
        match error {
            AssumeError::TooLarge => Code::PackedPolicyTooLarge
                .because("Packed policy consumes more than 100% of allotted space, please use a smaller policy")
                .from_source(error),
            AssumeError::Store(error) => error.into(),
        }
    }
}
