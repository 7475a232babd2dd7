//! Login with Amazon. Users log in with an access token, about which Amazon's tokeninfo is asked.
//! <https://developer.amazon.com/docs/login-with-amazon/access-token.html>

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::vouching::{
    NoAnswer, NotAnAccessToken, NotVouched, Vouched, Vouching, is_visible, parts, user_id,
};
use crate::model::json;
use crate::outgoing::Outgoing;

/// How long a token may be, in bytes; Amazon's own limit.
const LONGEST: usize = 2048;

/// Login with Amazon as a pool trusts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Amazon {
    /// The id of the app, or of its client, whose users log in.
    pub app: String,
}

impl Vouching for Amazon {
    fn name(&self) -> &'static str {
        "www.amazon.com"
    }

    fn app(&self) -> &str {
        &self.app
    }

    fn check(&self, value: &str) -> Result<(), NotAnAccessToken> {
        if is_visible(value, LONGEST) {
            Ok(())
        } else {
            Err(NotAnAccessToken::Malformed)
        }
    }

    async fn ask(
        &self,
        value: &str,
        outgoing: &Outgoing,
        _now: Timestamp,
    ) -> Result<Vouched, NotVouched> {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("access_token", value)
            .finish();
        let url = format!("https://api.amazon.com/auth/o2/tokeninfo?{query}");
        let answer = outgoing.get(&url).await?;
        let (status, body) = parts(&answer);
        read_token_info(status, body)
    }

    fn user_claim(&self) -> Option<&'static str> {
        Some("user_id")
    }
}

#[derive(Deserialize)]
struct TokenInfo {
    /// The client's id: `amzn1.application-oa2-client.…`.
    aud: String,
    /// The app's id: `amzn1.application.…`.
    app_id: Option<String>,
    user_id: String,
    /// In how many seconds the token ends.
    exp: i64,
}

#[derive(Deserialize)]
struct Failure {
    error: String,
}

/// What tokeninfo says of a token.
pub fn read_token_info(status: u16, body: &[u8]) -> Result<Vouched, NotVouched> {
    match status {
        200 => {
            let info: TokenInfo = json::read_as(body).map_err(NoAnswer::Garbage)?;
            if info.exp <= 0 {
                return Err(NotVouched::refused(status, "expired"));
            }
            let apps: Vec<String> = [Some(info.aud), info.app_id]
                .into_iter()
                .flatten()
                .collect();
            if apps.iter().any(String::is_empty) {
                return Err(NoAnswer::Lacks("app").into());
            }
            Ok(Vouched {
                apps,
                user: user_id(info.user_id)?,
                good_for: Some(SignedDuration::from_secs(info.exp)),
            })
        }
        400 | 401 | 403 => {
            let failure: Failure = json::read_as(body).map_err(NoAnswer::Garbage)?;
            match failure.error.as_str() {
                // Their names: <https://developer.amazon.com/docs/login-with-amazon/customer-profile.html>
                code @ ("invalid_token" | "invalid_request" | "invalid_grant"
                | "insufficient_scope") => Err(NotVouched::refused(status, code)),
                code => Err(NotVouched::failure(status, code)),
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

    #[test]
    fn a_good_token_has_an_app_and_a_user() {
        let body = br#"{"iss":"https://www.amazon.com","user_id":"amzn1.account.K2LI23KL2LK2",
            "aud":"amzn1.application-oa2-client.ASFWDFBRN","app_id":"amzn1.application.436457DFHDH",
            "exp":3597,"iat":1311280970}"#;
        let vouched = read_token_info(200, body).unwrap();
        let wanted = Vouched {
            apps: vec![
                "amzn1.application-oa2-client.ASFWDFBRN".into(),
                "amzn1.application.436457DFHDH".into(),
            ],
            user: "amzn1.account.K2LI23KL2LK2".into(),
            good_for: Some(SignedDuration::from_secs(3597)),
        };
        assert_eq!(vouched, wanted);
    }

    fn heard(status: u16, body: &str) -> String {
        told(read_token_info(status, body.as_bytes()).map(|vouched| vouched.user))
    }

    #[test]
    fn what_tokeninfo_says_of_a_bad_token_is_a_no() {
        let invalid = r#"{"error":"invalid_token","error_description":"The request has an invalid parameter : access_token"}"#;
        assert_eq!(heard(400, invalid), "no 400 invalid_token");
        let expired = r#"{"aud":"a","user_id":"u","exp":0}"#;
        assert_eq!(heard(200, expired), "no 200 expired");
    }

    #[test]
    fn what_does_not_speak_of_the_token_decides_nothing() {
        for (status, body) in [
            (500, r#"{"error":"ServerError"}"#),
            (400, r#"{"error":"ServerError"}"#),
            (400, r#"{"error":"<script>"}"#),
            (429, r#"{"error":"invalid_token"}"#),
            (503, ""),
            (302, ""),
            (400, ""),
            (400, "<html>"),
            (400, "{}"),
            (400, r#"{"error":7}"#),
            (200, ""),
            (200, "<html>"),
            (200, "{}"),
            (200, r#"{"aud":"a","user_id":"u"}"#),
            (200, r#"{"aud":"a","user_id":"u","exp":"9"}"#),
            (200, r#"{"aud":"a","user_id":"","exp":9}"#),
            (200, r#"{"aud":"","user_id":"u","exp":9}"#),
            (200, r#"{"aud":["a"],"user_id":"u","exp":9}"#),
            (200, r#"{"aud":"a","app_id":"","user_id":"u","exp":9}"#),
            (200, r#"{"aud":"a","user_id":"u","user_id":"v","exp":9}"#),
        ] {
            assert!(
                heard(status, body).starts_with("nothing"),
                "{status} {body}"
            );
        }
    }

    #[test]
    fn what_can_be_no_token_is_not_asked_about() {
        let amazon = Amazon { app: "a".into() };
        assert_eq!(
            amazon.check("Atza|IQEBLjAsAhRmHjNgHpi0U-Dme37rR6CuUpSR"),
            Ok(())
        );
        for value in ["", "a b", "é", &"x".repeat(2049)] {
            assert_eq!(amazon.check(value), Err(NotAnAccessToken::Malformed));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(status in 100u16..600, body: Vec<u8>) {
            let _ = read_token_info(status, &body);
        }
    }
}
