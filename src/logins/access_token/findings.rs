//! The checks of access tokens in words, for reports. These functions decide nothing, and repeat no token.

use std::sync::Arc;

use jiff::Timestamp;

use super::AccessTokenProvider;
use super::introspection::{AccessTokenFormatError, Introspection};
use crate::logins::error::LoginError;
use crate::logins::report::{Finding, all_quoted, error_chain, moment, quoted};

pub(super) fn form<P: AccessTokenProvider>(
    provider: &P,
    error: Option<&AccessTokenFormatError>,
    length: usize,
) -> Finding {
    let found = match error {
        None => format!("a string of {length} bytes"),
        Some(error) => format!("a string of {length} bytes: {error}"),
    };
    Finding::new(found, provider.token_form())
}

pub(super) fn answer<P: AccessTokenProvider>(
    provider: &P,
    answer: Result<&(Timestamp, Arc<Introspection>), &LoginError>,
) -> Finding {
    let found = match answer {
        Ok((asked_at, answer)) => {
            let time = answer.expires_in;
            let time = time.map_or("not stated".to_owned(), |time| {
                format!("{} seconds", time.as_secs())
            });
            format!(
                "user {}, remaining time {time}, as of {}",
                quoted(&answer.user),
                moment(Some(asked_at.as_second()))
            )
        }
        Err(error) => error_chain(error),
    };
    Finding::new(
        found,
        format!(
            "an answer of {} that names the token's user",
            provider.name()
        ),
    )
}

pub(super) fn app<P: AccessTokenProvider>(provider: &P, answer: &Introspection) -> Finding {
    Finding::new(
        format!(
            "a token for {}",
            all_quoted(answer.apps.iter().map(String::as_str))
        ),
        format!("{}, the pool's app, byte for byte", quoted(provider.app())),
    )
}
