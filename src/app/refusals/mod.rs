//! Refusals: the [`Error`] that each error of the lower modules becomes on the wire, and the refusals that several
//! modules of `app` share. Clients get the real service's text or a fixed one; causes go to the log.

use super::rates::RateExceeded;
use crate::blocking::PoolFull;
use crate::error::{Code, Error};
use crate::store::StoreError;

mod credentials;
mod keys;
mod policies;
mod sign_in;
mod sts;

pub(super) use policies::{managed_policy, role_policies_too_long, role_policy};

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Code::InternalError
            .because("Internal Server Error")
            .from_source(error)
    }
}

impl From<PoolFull> for Error {
    fn from(error: PoolFull) -> Self {
        Code::TooManyRequests
            .because("Rate exceeded")
            .from_source(error)
    }
}

impl From<RateExceeded> for Error {
    fn from(error: RateExceeded) -> Self {
        Code::TooManyRequests
            .because("Rate exceeded")
            .from_source(error)
    }
}

/// The refusal of a change that another request overtook.
pub(super) fn changed_meanwhile() -> Error {
    Code::ConcurrentModification
        .because("Another request changed the same thing meanwhile. Try again.")
}

/// The pool changed while the request ran: the request runs again.
pub(super) fn outdated() -> Error {
    Code::Outdated.because("Internal Server Error")
}

/// The refusal of logins that belong to different identities.
pub(super) fn logins_conflict() -> Error {
    Code::ResourceConflict.because("Logins are already linked to another account")
}
