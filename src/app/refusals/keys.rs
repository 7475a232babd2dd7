//! Refusals of changes of the server's own keys.

use crate::app::keys::access_keys::{AccessKeyError, MOST as ACCESS_KEYS};
use crate::app::keys::resealing::ResealError;
use crate::app::keys::rings::KeysError;
use crate::app::keys::root_key::RootKeyError;
use crate::app::refusals;
use crate::error::{Code, Error};
use crate::model::key_ring::NotRotated;

impl From<KeysError> for Error {
    fn from(error: KeysError) -> Self {
        match error {
            KeysError::NotRotated(NotRotated::TooSoon(ready)) => Code::InvalidParameter.because(format!(
                "The next key has not been published long enough: copies of the key set without it may be kept until \
                 {ready}. Rotate then; if the current key is compromised, say so, and it is dropped at once."
            )),
            KeysError::NotRotated(NotRotated::NoSuchKey) => {
                Code::InvalidParameter.because("There is no key with this KeyId.")
            }
            KeysError::Changed => refusals::changed_meanwhile(),
            KeysError::Store(error) => error.into(),
            other => Code::InternalError.because("Internal Server Error").from_source(other),
        }
    }
}

impl From<RootKeyError> for Error {
    fn from(error: RootKeyError) -> Self {
        match error {
            RootKeyError::Changed => refusals::changed_meanwhile(),
            RootKeyError::Configured => Code::InvalidParameter.because(
                "The root key of this server comes from its environment or configuration file: change it there and \
                 restart.",
            ),
            RootKeyError::Store(error) => error.into(),
            other => Code::InternalError.because("Internal Server Error").from_source(other),
        }
    }
}

impl From<ResealError> for Error {
    fn from(error: ResealError) -> Self {
        match error {
            ResealError::Unopened(_) => Code::InvalidParameter.because(
                "A stored secret was sealed under a master key that this server doesn't have: add that key to the file of the \
                 master key, in a line after the first.",
            ),
            ResealError::OtherServers(count) => Code::InvalidParameter.because(format!(
                "{count} other servers of this store have other settings or other master keys: give every server the same file \
                 of the master key, and try again a minute later."
            )),
            ResealError::Leased => Code::ConcurrentModification.because(
                "Another server rotates the master key now, or was killed while it did: try again ten seconds later.",
            ),
            ResealError::Changed => refusals::changed_meanwhile(),
            ResealError::Store(error) => error.into(),
        }
    }
}

impl From<AccessKeyError> for Error {
    fn from(error: AccessKeyError) -> Self {
        match error {
            AccessKeyError::Policy(error) => Code::InvalidParameter.because(error.to_string()),
            AccessKeyError::NameTaken => {
                Code::ResourceConflict.because("There is an access key with this name.")
            }
            AccessKeyError::IdTaken => {
                Code::ResourceConflict.because("There is a key with this access key id.")
            }
            AccessKeyError::NoPair => Code::InvalidParameter.because(
                "An access key id is 16 to 128 of A-Z and 0-9 and doesn't begin with ASIA; a secret is 16 to 256 visible \
                 ASCII characters.",
            ),
            AccessKeyError::TooMany => {
                Code::LimitExceeded.because(format!("There may be {ACCESS_KEYS} access keys."))
            }
            AccessKeyError::NoKey => {
                Code::ResourceNotFound.because("There is no access key with this id.")
            }
            AccessKeyError::Store(error) => error.into(),
            AccessKeyError::Unreadable => Code::InternalError
                .because("Internal Server Error")
                .from_source(error),
        }
    }
}
