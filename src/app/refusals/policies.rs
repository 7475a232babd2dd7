//! Refusals of policy documents of roles, and of managed policies.

use std::error::Error as StdError;

use crate::app::roles::trust_policy::TrustError;
use crate::error::{Code, Error};
use crate::policy::{MAX_CHARACTERS, PolicyError};

impl From<TrustError> for Error {
    fn from(error: TrustError) -> Self {
        match error {
            TrustError::Policy(PolicyError::TooLong { limit }) => Code::LimitExceeded
                .because(format!("Cannot exceed quota for ACLSizePerRole: {limit}")),
            other => malformed(&other),
        }
    }
}

/// The refusal of a document that is not a policy of a role.
pub(in crate::app) fn role_policy(error: PolicyError) -> Error {
    match error {
        PolicyError::TooLong { .. } => role_policies_too_long(),
        other @ PolicyError::Malformed(_) => malformed(&other),
    }
}

/// The refusal of a document that is not a version of a managed policy.
pub(in crate::app) fn managed_policy(error: PolicyError) -> Error {
    match error {
        PolicyError::TooLong { limit } => {
            Code::LimitExceeded.because(format!("Cannot exceed quota for PolicySize: {limit}"))
        }
        other @ PolicyError::Malformed(_) => malformed(&other),
    }
}

/// The refusal of policies that are too long for a role, all together.
pub(in crate::app) fn role_policies_too_long() -> Error {
    Code::LimitExceeded.because(format!(
        "Maximum policy size of {MAX_CHARACTERS} bytes exceeded for the role"
    ))
}

fn malformed(error: &dyn StdError) -> Error {
    Code::MalformedPolicyDocument.because(error.to_string())
}
