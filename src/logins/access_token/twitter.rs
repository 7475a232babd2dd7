//! Twitter, and Digits, which belonged to Twitter. Users log in with an OAuth 1.0a access token and its secret; both sign
//! a request for the user's account. <https://developer.x.com/en/docs/authentication/oauth-1-0a>
//!
//! The signature covers the documented URL, even if an upstream redirects the request.

use std::fmt;

use http::HeaderValue;
use jiff::Timestamp;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::AccessTokenProvider;
use super::introspection::{
    AccessTokenFormatError, Introspection, IntrospectionError, IntrospectionFailure, is_visible,
    numeric_id, parts,
};
use super::oauth1::OAuth1Signer;
use crate::model::json;
use crate::model::pool::PoolSettings;
use crate::outgoing::Outgoing;

/// The longest token or secret, in bytes. Twitter's have about fifty.
const LONGEST: usize = 512;

/// The errors that aren't about the token: rate limits, downtime, this server's clock, and the app's permissions.
/// <https://developer.x.com/en/support/x-api/error-troubleshooting>
const NOT_THE_TOKEN: [i64; 6] = [88, 130, 131, 135, 416, 453];

/// The two services with Twitter's protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TwitterService {
    /// Twitter, under `api.twitter.com`.
    Twitter,
    /// Digits, under `www.digits.com`.
    Digits,
}

/// Twitter or Digits, as a pool trusts it, for one request.
#[derive(Clone, PartialEq, Eq)]
pub struct Twitter {
    /// The service.
    pub service: TwitterService,
    /// The app that users log in to.
    pub consumer_key: String,
    /// The app's secret.
    pub consumer_secret: Zeroizing<String>,
    /// The nonce of the signature, never used twice.
    pub nonce: String,
}

impl fmt::Debug for Twitter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Twitter")
            .field("service", &self.service)
            .field("consumer_key", &self.consumer_key)
            .finish_non_exhaustive()
    }
}

impl TwitterService {
    /// The service's `Logins` key.
    pub fn name(self) -> &'static str {
        match self {
            Self::Twitter => "api.twitter.com",
            Self::Digits => "www.digits.com",
        }
    }
}

impl Twitter {
    /// The service as a pool with these settings trusts it; `None` if the pool has no app there. `consumer_secret` is
    /// the app's secret, `nonce` a random string.
    pub fn from_settings(
        service: TwitterService,
        settings: &PoolSettings,
        consumer_secret: Zeroizing<String>,
        nonce: String,
    ) -> Option<Self> {
        let consumer_key = settings.supported_login_providers.get(service.name())?;
        Some(Self {
            service,
            consumer_key: consumer_key.clone(),
            consumer_secret,
            nonce,
        })
    }
}

/// Splits a login's value (token and secret) or a pool's value (consumer key and secret) at its one semicolon; neither
/// part may be empty.
pub fn pair(value: &str) -> Option<(&str, &str)> {
    let (one, other) = value.split_once(';')?;
    let whole = !one.is_empty() && !other.is_empty() && !other.contains(';');
    whole.then_some((one, other))
}

impl AccessTokenProvider for Twitter {
    fn name(&self) -> &'static str {
        self.service.name()
    }

    fn app(&self) -> &str {
        &self.consumer_key
    }

    fn token_form(&self) -> &'static str {
        "an access token and its secret in visible ASCII characters, with a semicolon between them"
    }

    fn check_form(&self, value: &str) -> Result<(), AccessTokenFormatError> {
        let (token, secret) = pair(value).ok_or(AccessTokenFormatError::NotAPair)?;
        if is_visible(token, LONGEST) && is_visible(secret, LONGEST) {
            Ok(())
        } else {
            Err(AccessTokenFormatError::Malformed)
        }
    }

    fn cache_key(&self) -> [&[u8]; 2] {
        [
            self.consumer_key.as_bytes(),
            self.consumer_secret.as_bytes(),
        ]
    }

    async fn introspect(
        &self,
        value: &str,
        outgoing: &Outgoing,
        now: Timestamp,
    ) -> Result<Introspection, IntrospectionError> {
        let url = match self.service {
            TwitterService::Twitter => {
                "https://api.twitter.com/1.1/account/verify_credentials.json"
            }
            TwitterService::Digits => "https://api.digits.com/1.1/sdk/account.json",
        };
        let (token, token_secret) = pair(value).expect("a value that has passed the check");
        let signer = OAuth1Signer {
            consumer_key: &self.consumer_key,
            consumer_secret: &self.consumer_secret,
            token,
            token_secret,
            nonce: &self.nonce,
            timestamp: now.as_second(),
        };
        let header = HeaderValue::try_from(signer.get(url)).expect("an encoded header is ASCII");
        let answer = outgoing.get_authorized(url, header).await?;
        let (status, body) = parts(&answer);
        Ok(Introspection {
            // The app signed the request: a token of another app fails with this signature.
            apps: vec![self.consumer_key.clone()],
            user: read_account(status, body)?,
            expires_in: None,
        })
    }
}

#[derive(Deserialize)]
struct TwitterAccount {
    id_str: String,
}

#[derive(Deserialize)]
struct TwitterErrors {
    errors: Vec<TwitterError>,
}

#[derive(Deserialize)]
struct TwitterError {
    code: i64,
}

/// Reads the user's id in an answer to a request for the user's account.
pub fn read_account(status: u16, body: &[u8]) -> Result<String, IntrospectionError> {
    match status {
        200 => {
            let account: TwitterAccount =
                json::read_as(body).map_err(IntrospectionFailure::Unreadable)?;
            numeric_id(account.id_str, "id_str")
        }
        400 | 401 | 403 => {
            let failures: TwitterErrors =
                json::read_as(body).map_err(IntrospectionFailure::Unreadable)?;
            let first = failures
                .errors
                .first()
                .ok_or(IntrospectionFailure::Lacks("errors"))?;
            let code = first.code.to_string();
            if failures
                .errors
                .iter()
                .any(|one| NOT_THE_TOKEN.contains(&one.code))
            {
                Err(IntrospectionError::failure(status, &code))
            } else {
                Err(IntrospectionError::rejected(status, &code))
            }
        }
        _ => Err(IntrospectionFailure::Status(status).into()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::logins::access_token::introspection::tests::summary;

    fn twitter() -> Twitter {
        Twitter {
            service: TwitterService::Twitter,
            consumer_key: "key".into(),
            consumer_secret: Zeroizing::new("hidden".into()),
            nonce: "n".into(),
        }
    }

    #[test]
    fn a_good_token_has_a_user() {
        let twitter = br#"{"id":38895958,"id_str":"38895958","name":"Sean Cook","screen_name":"theSeanCook","verified":false,"status":{"id":1,"id_str":"1"}}"#;
        assert_eq!(summary(read_account(200, twitter)), "38895958");
        let digits = br#"{"phone_number":"+15556787676","access_token":{"token":"t","secret":"s"},"id_str":"721984563421","verification_type":"sms","id":721984563421,"created_at":"Thu Jan 01 00:00:00 +0000 2015"}"#;
        assert_eq!(summary(read_account(200, digits)), "721984563421");
    }

    #[test]
    fn what_twitter_says_of_a_bad_token_is_a_no() {
        for (status, body, wanted) in [
            (
                401,
                r#"{"errors":[{"code":32,"message":"Could not authenticate you."}]}"#,
                "rejected 401 32",
            ),
            (
                401,
                r#"{"errors":[{"code":89,"message":"Invalid or expired token."}]}"#,
                "rejected 401 89",
            ),
            (
                400,
                r#"{"errors":[{"code":215,"message":"Bad Authentication data."}]}"#,
                "rejected 400 215",
            ),
            (
                403,
                r#"{"errors":[{"code":64,"message":"Your account is suspended."}]}"#,
                "rejected 403 64",
            ),
        ] {
            assert_eq!(summary(read_account(status, body.as_bytes())), wanted);
        }
    }

    #[test]
    fn what_does_not_speak_of_the_token_decides_nothing() {
        for (status, body) in [
            (
                401,
                r#"{"errors":[{"code":135,"message":"Timestamp out of bounds."}]}"#,
            ),
            (
                403,
                r#"{"errors":[{"code":453,"message":"You currently have access to a subset"}]}"#,
            ),
            (
                429,
                r#"{"errors":[{"code":88,"message":"Rate limit exceeded"}]}"#,
            ),
            (
                401,
                r#"{"errors":[{"code":32,"message":""},{"code":131,"message":""}]}"#,
            ),
            (401, r#"{"errors":[]}"#),
            (401, ""),
            (401, "<html>"),
            (404, r#"{"errors":[{"code":34,"message":"no such page"}]}"#),
            (410, ""),
            (503, ""),
            (302, ""),
            (200, ""),
            (200, "{}"),
            (200, r#"{"id":7}"#),
            (200, r#"{"id_str":7}"#),
            (200, r#"{"id_str":""}"#),
            (200, r#"{"id_str":"7 "}"#),
            (200, r#"{"id_str":"7","id_str":"8"}"#),
        ] {
            let answer = summary(read_account(status, body.as_bytes()));
            assert!(answer.starts_with("failed"), "{status} {body}: {answer}");
        }
    }

    #[test]
    fn what_can_be_no_token_is_not_asked_about() {
        assert_eq!(twitter().check_form("7-abc;def"), Ok(()));
        for value in ["", ";", "a", "a;", ";b", "a;b;c", "a;b;"] {
            assert_eq!(
                twitter().check_form(value),
                Err(AccessTokenFormatError::NotAPair)
            );
        }
        for value in ["a b;c", "a;é", &format!("a;{}", "x".repeat(513))] {
            assert_eq!(
                twitter().check_form(value),
                Err(AccessTokenFormatError::Malformed)
            );
        }
    }

    #[test]
    fn the_consumer_secret_is_not_printed() {
        assert!(!format!("{:?}", twitter()).contains("hidden"));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(status in 100u16..600, body: Vec<u8>) {
            let _ = read_account(status, &body);
        }
    }
}
