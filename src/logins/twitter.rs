//! Twitter, and Digits, which was Twitter's. Users log in with an OAuth 1.0a access token and its secret, with which a
//! request for their account is signed. <https://developer.x.com/en/docs/authentication/oauth-1-0a>
//!
//! The signature is over the documented URL, wherever an upstream leads the request.

use std::fmt;

use http::HeaderValue;
use jiff::Timestamp;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::oauth1::Signer;
use super::vouching::{
    NoAnswer, NotAnAccessToken, NotVouched, Vouched, Vouching, is_visible, numeric_id, parts,
};
use crate::model::json;
use crate::outgoing::Outgoing;

/// How long a token, and its secret, may be, in bytes. Twitter's have about fifty.
const LONGEST: usize = 512;

/// The errors that don't speak of the token: limits, downtime, this server's clock, and what the app may ask for.
/// <https://developer.x.com/en/support/x-api/error-troubleshooting>
const NOT_THE_TOKEN: [i64; 6] = [88, 130, 131, 135, 416, 453];

/// Which of the two it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// `api.twitter.com`
    Twitter,
    /// `www.digits.com`
    Digits,
}

/// Twitter or Digits as a pool trusts it, for one request.
#[derive(Clone, PartialEq, Eq)]
pub struct Twitter {
    /// Which of the two.
    pub service: Service,
    /// The app whose users log in.
    pub consumer_key: String,
    /// The app's secret.
    pub consumer_secret: Zeroizing<String>,
    /// What makes the signature a new one: never the same twice.
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

/// A login's value, or a pool's: two texts with the semicolon between them, neither empty.
pub fn pair(value: &str) -> Option<(&str, &str)> {
    let (one, other) = value.split_once(';')?;
    let whole = !one.is_empty() && !other.is_empty() && !other.contains(';');
    whole.then_some((one, other))
}

impl Vouching for Twitter {
    fn name(&self) -> &'static str {
        match self.service {
            Service::Twitter => "api.twitter.com",
            Service::Digits => "www.digits.com",
        }
    }

    fn app(&self) -> &str {
        &self.consumer_key
    }

    fn form(&self) -> &'static str {
        "an access token and its secret in visible ASCII characters, with a semicolon between them"
    }

    fn check(&self, value: &str) -> Result<(), NotAnAccessToken> {
        let (token, secret) = pair(value).ok_or(NotAnAccessToken::NotAPair)?;
        if is_visible(token, LONGEST) && is_visible(secret, LONGEST) {
            Ok(())
        } else {
            Err(NotAnAccessToken::Malformed)
        }
    }

    fn asked_as(&self) -> [&[u8]; 2] {
        [
            self.consumer_key.as_bytes(),
            self.consumer_secret.as_bytes(),
        ]
    }

    async fn ask(
        &self,
        value: &str,
        outgoing: &Outgoing,
        now: Timestamp,
    ) -> Result<Vouched, NotVouched> {
        let url = match self.service {
            Service::Twitter => "https://api.twitter.com/1.1/account/verify_credentials.json",
            Service::Digits => "https://api.digits.com/1.1/sdk/account.json",
        };
        let (token, token_secret) = pair(value).expect("a value that has passed the check");
        let signer = Signer {
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
        Ok(Vouched {
            // The signature was the app's: no other app's token is good with it.
            apps: vec![self.consumer_key.clone()],
            user: read_account(status, body)?,
            good_for: None,
        })
    }
}

#[derive(Deserialize)]
struct Account {
    id_str: String,
}

#[derive(Deserialize)]
struct Failures {
    errors: Vec<Failure>,
}

#[derive(Deserialize)]
struct Failure {
    code: i64,
}

/// The user's id in an answer to a request for their account.
pub fn read_account(status: u16, body: &[u8]) -> Result<String, NotVouched> {
    match status {
        200 => {
            let account: Account = json::read_as(body).map_err(NoAnswer::Garbage)?;
            numeric_id(account.id_str, "id_str")
        }
        400 | 401 | 403 => {
            let failures: Failures = json::read_as(body).map_err(NoAnswer::Garbage)?;
            let first = failures.errors.first().ok_or(NoAnswer::Lacks("errors"))?;
            let code = first.code.to_string();
            if failures
                .errors
                .iter()
                .any(|one| NOT_THE_TOKEN.contains(&one.code))
            {
                Err(NotVouched::failure(status, &code))
            } else {
                Err(NotVouched::refused(status, &code))
            }
        }
        _ => Err(NoAnswer::Status(status).into()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::logins::vouching::tests::told;

    fn twitter() -> Twitter {
        Twitter {
            service: Service::Twitter,
            consumer_key: "key".into(),
            consumer_secret: Zeroizing::new("hidden".into()),
            nonce: "n".into(),
        }
    }

    #[test]
    fn a_good_token_has_a_user() {
        let twitter = br#"{"id":38895958,"id_str":"38895958","name":"Sean Cook","screen_name":"theSeanCook","verified":false,"status":{"id":1,"id_str":"1"}}"#;
        assert_eq!(told(read_account(200, twitter)), "38895958");
        let digits = br#"{"phone_number":"+15556787676","access_token":{"token":"t","secret":"s"},"id_str":"721984563421","verification_type":"sms","id":721984563421,"created_at":"Thu Jan 01 00:00:00 +0000 2015"}"#;
        assert_eq!(told(read_account(200, digits)), "721984563421");
    }

    #[test]
    fn what_twitter_says_of_a_bad_token_is_a_no() {
        for (status, body, wanted) in [
            (
                401,
                r#"{"errors":[{"code":32,"message":"Could not authenticate you."}]}"#,
                "no 401 32",
            ),
            (
                401,
                r#"{"errors":[{"code":89,"message":"Invalid or expired token."}]}"#,
                "no 401 89",
            ),
            (
                400,
                r#"{"errors":[{"code":215,"message":"Bad Authentication data."}]}"#,
                "no 400 215",
            ),
            (
                403,
                r#"{"errors":[{"code":64,"message":"Your account is suspended."}]}"#,
                "no 403 64",
            ),
        ] {
            assert_eq!(told(read_account(status, body.as_bytes())), wanted);
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
            let answer = told(read_account(status, body.as_bytes()));
            assert!(answer.starts_with("nothing"), "{status} {body}: {answer}");
        }
    }

    #[test]
    fn what_can_be_no_token_is_not_asked_about() {
        assert_eq!(twitter().check("7-abc;def"), Ok(()));
        for value in ["", ";", "a", "a;", ";b", "a;b;c", "a;b;"] {
            assert_eq!(twitter().check(value), Err(NotAnAccessToken::NotAPair));
        }
        for value in ["a b;c", "a;é", &format!("a;{}", "x".repeat(513))] {
            assert_eq!(twitter().check(value), Err(NotAnAccessToken::Malformed));
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
