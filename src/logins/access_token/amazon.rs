//! Login with Amazon. Users log in with an access token; Amazon's tokeninfo answers for which app and which user it is.
//! <https://developer.amazon.com/docs/login-with-amazon/access-token.html>

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::AccessTokenProvider;
use super::introspection::{
    AccessTokenFormatError, Introspection, IntrospectionError, IntrospectionFailure, is_visible,
    parts, user_id,
};
use crate::model::json;
use crate::model::pool::PoolSettings;
use crate::outgoing::Outgoing;

/// The longest token, in bytes; Amazon's own limit.
const LONGEST: usize = 2048;

/// The `Logins` key.
const NAME: &str = "www.amazon.com";

/// Login with Amazon, as a pool trusts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Amazon {
    /// The id of the app, or of its client, that users log in to.
    pub app: String,
}

impl Amazon {
    /// The provider as a pool with these settings trusts it; `None` if the pool has no app there.
    pub fn from_settings(settings: &PoolSettings) -> Option<Self> {
        let app = settings.supported_login_providers.get(NAME)?;
        Some(Self { app: app.clone() })
    }
}

impl AccessTokenProvider for Amazon {
    fn name(&self) -> &'static str {
        NAME
    }

    fn app(&self) -> &str {
        &self.app
    }

    fn check_form(&self, value: &str) -> Result<(), AccessTokenFormatError> {
        if is_visible(value, LONGEST) {
            Ok(())
        } else {
            Err(AccessTokenFormatError::Malformed)
        }
    }

    async fn introspect(
        &self,
        value: &str,
        outgoing: &Outgoing,
        _now: Timestamp,
    ) -> Result<Introspection, IntrospectionError> {
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
    /// The remaining lifetime of the token, in seconds.
    exp: i64,
}

#[derive(Deserialize)]
struct TokenInfoError {
    error: String,
}

/// Reads an answer of tokeninfo.
pub fn read_token_info(status: u16, body: &[u8]) -> Result<Introspection, IntrospectionError> {
    match status {
        200 => {
            let info: TokenInfo = json::read_as(body).map_err(IntrospectionFailure::Unreadable)?;
            if info.exp <= 0 {
                return Err(IntrospectionError::rejected(status, "expired"));
            }
            let apps: Vec<String> = [Some(info.aud), info.app_id]
                .into_iter()
                .flatten()
                .collect();
            if apps.iter().any(String::is_empty) {
                return Err(IntrospectionFailure::Lacks("app").into());
            }
            Ok(Introspection {
                apps,
                user: user_id(info.user_id)?,
                expires_in: Some(SignedDuration::from_secs(info.exp)),
            })
        }
        400 | 401 | 403 => {
            let failure: TokenInfoError =
                json::read_as(body).map_err(IntrospectionFailure::Unreadable)?;
            match failure.error.as_str() {
                // The errors about the token: <https://developer.amazon.com/docs/login-with-amazon/customer-profile.html>
                code @ ("invalid_token" | "invalid_request" | "invalid_grant"
                | "insufficient_scope") => Err(IntrospectionError::rejected(status, code)),
                code => Err(IntrospectionError::failure(status, code)),
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

    #[test]
    fn a_good_token_has_an_app_and_a_user() {
        let body = br#"{"iss":"https://www.amazon.com","user_id":"amzn1.account.K2LI23KL2LK2",
            "aud":"amzn1.application-oa2-client.ASFWDFBRN","app_id":"amzn1.application.436457DFHDH",
            "exp":3597,"iat":1311280970}"#;
        let vouched = read_token_info(200, body).unwrap();
        let wanted = Introspection {
            apps: vec![
                "amzn1.application-oa2-client.ASFWDFBRN".into(),
                "amzn1.application.436457DFHDH".into(),
            ],
            user: "amzn1.account.K2LI23KL2LK2".into(),
            expires_in: Some(SignedDuration::from_secs(3597)),
        };
        assert_eq!(vouched, wanted);
    }

    fn heard(status: u16, body: &str) -> String {
        summary(read_token_info(status, body.as_bytes()).map(|vouched| vouched.user))
    }

    #[test]
    fn what_tokeninfo_says_of_a_bad_token_is_a_no() {
        let invalid = r#"{"error":"invalid_token","error_description":"The request has an invalid parameter : access_token"}"#;
        assert_eq!(heard(400, invalid), "rejected 400 invalid_token");
        let expired = r#"{"aud":"a","user_id":"u","exp":0}"#;
        assert_eq!(heard(200, expired), "rejected 200 expired");
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
            assert!(heard(status, body).starts_with("failed"), "{status} {body}");
        }
    }

    #[test]
    fn what_can_be_no_token_is_not_asked_about() {
        let amazon = Amazon { app: "a".into() };
        assert_eq!(
            amazon.check_form("Atza|IQEBLjAsAhRmHjNgHpi0U-Dme37rR6CuUpSR"),
            Ok(())
        );
        for value in ["", "a b", "é", &"x".repeat(2049)] {
            assert_eq!(
                amazon.check_form(value),
                Err(AccessTokenFormatError::Malformed)
            );
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(status in 100u16..600, body: Vec<u8>) {
            let _ = read_token_info(status, &body);
        }
    }
}
