//! Facebook. Users log in with an access token; the Graph API answers for which app and which user it is.
//! <https://developers.facebook.com/docs/facebook-login/guides/access-tokens>

use jiff::Timestamp;
use serde::Deserialize;

use super::AccessTokenProvider;
use super::introspection::{
    AccessTokenFormatError, Introspection, IntrospectionError, IntrospectionFailure, is_visible,
    numeric_id, parts,
};
use crate::model::json;
use crate::model::pool::PoolSettings;
use crate::outgoing::Outgoing;

/// The longest token, in bytes. Facebook documents no limit; its tokens have a few hundred.
const LONGEST: usize = 4096;

/// The errors that aren't about the token: downtime, rate limits, and (100) missing parameters: the proof of an
/// app secret, if the app's settings require one.
/// <https://developers.facebook.com/docs/graph-api/guides/error-handling>
const NOT_THE_TOKEN: [i64; 9] = [1, 2, 4, 17, 32, 100, 341, 368, 613];

/// The `Logins` key.
const NAME: &str = "graph.facebook.com";

/// Facebook, as a pool trusts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facebook {
    /// The id of the app that users log in to.
    pub app: String,
}

impl Facebook {
    /// The provider as a pool with these settings trusts it; `None` if the pool has no app there.
    pub fn from_settings(settings: &PoolSettings) -> Option<Self> {
        let app = settings.supported_login_providers.get(NAME)?;
        Some(Self { app: app.clone() })
    }
}

impl AccessTokenProvider for Facebook {
    fn name(&self) -> &'static str {
        NAME
    }

    fn app(&self) -> &str {
        &self.app
    }

    fn check_form(&self, value: &str) -> Result<(), AccessTokenFormatError> {
        if is_jwt(value) {
            tracing::info!(
                "an ID token of Limited Login was sent as an access token of graph.facebook.com: register an OpenID \
                 Connect provider for its issuer (https://www.facebook.com or https://limited.facebook.com) and \
                 send the token under the issuer's name"
            );
            return Err(AccessTokenFormatError::IdToken);
        }
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
        // The app isn't compared here: the answer is cached, and each pool compares its own app.
        let (app, user) = (graph("app", value), graph("me", value));
        let (app, user) = tokio::join!(outgoing.get(&app), outgoing.get(&user));
        let (app, user) = (app?, user?);
        let (status, body) = parts(&app);
        let app = read_id(status, body)?;
        let (status, body) = parts(&user);
        Ok(Introspection {
            apps: vec![app],
            user: read_id(status, body)?,
            expires_in: None,
        })
    }
}

fn graph(node: &str, token: &str) -> String {
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("fields", "id")
        .append_pair("access_token", token)
        .finish();
    format!("https://graph.facebook.com/{node}?{query}")
}

/// Whether a value has the form of a signed JWT. Facebook's access tokens don't have it.
fn is_jwt(value: &str) -> bool {
    value.starts_with("ey") && value.split('.').count() == 3
}

/// A node of the graph, the app or the user; other members are ignored.
#[derive(Deserialize)]
struct GraphNode {
    id: String,
}

#[derive(Deserialize)]
struct GraphFailure {
    error: GraphError,
}

#[derive(Deserialize)]
struct GraphError {
    code: i64,
    error_subcode: Option<i64>,
    #[serde(default)]
    is_transient: bool,
}

/// Reads the id of a node (an app, a user) in an answer of the Graph API.
pub fn read_id(status: u16, body: &[u8]) -> Result<String, IntrospectionError> {
    match status {
        200 => {
            let node: GraphNode = json::read_as(body).map_err(IntrospectionFailure::Unreadable)?;
            numeric_id(node.id, "id")
        }
        400..=428 | 430..=499 => {
            let failure: GraphFailure =
                json::read_as(body).map_err(IntrospectionFailure::Unreadable)?;
            let error = failure.error;
            let code = match error.error_subcode {
                Some(subcode) => format!("{}/{subcode}", error.code),
                None => error.code.to_string(),
            };
            if error.is_transient || NOT_THE_TOKEN.contains(&error.code) {
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

    #[test]
    fn a_node_has_an_id() {
        let app = br#"{"category":"Business","link":"https://x.example","name":"An app","id":"1634271429961880"}"#;
        assert_eq!(summary(read_id(200, app)), "1634271429961880");
        assert_eq!(summary(read_id(200, br#"{"id":"7"}"#)), "7");
    }

    #[test]
    fn what_graph_says_of_a_bad_token_is_a_no() {
        for (body, wanted) in [
            (
                r#"{"error":{"message":"Error validating access token: Session has expired on Sunday, 01-Mar-26 04:00:00 PST.","type":"OAuthException","code":190,"error_subcode":463,"fbtrace_id":"A"}}"#,
                "rejected 400 190/463",
            ),
            (
                r#"{"error":{"message":"Error validating access token: The user has not authorized application 1.","type":"OAuthException","code":190,"error_subcode":458,"fbtrace_id":"A"}}"#,
                "rejected 400 190/458",
            ),
            (
                r#"{"error":{"message":"Malformed access token EAAC","type":"OAuthException","code":190,"fbtrace_id":"A"}}"#,
                "rejected 400 190",
            ),
            (
                r#"{"error":{"message":"An active access token must be used to query information about the current user.","type":"OAuthException","code":2500,"fbtrace_id":"A"}}"#,
                "rejected 400 2500",
            ),
        ] {
            assert_eq!(summary(read_id(400, body.as_bytes())), wanted);
        }
    }

    #[test]
    fn what_does_not_speak_of_the_token_decides_nothing() {
        let limit = br#"{"error":{"message":"(#4) Application request limit reached","type":"OAuthException","code":4,"fbtrace_id":"A"}}"#;
        let transient = br#"{"error":{"message":"Please retry","type":"OAuthException","is_transient":true,"code":190,"fbtrace_id":"A"}}"#;
        let down = br#"{"error":{"message":"Service temporarily unavailable","type":"OAuthException","code":2}}"#;
        let proof = br#"{"error":{"message":"API calls from the server require an appsecret_proof argument","type":"GraphMethodException","code":100}}"#;
        for (status, body) in [
            (400, &proof[..]),
            (400, &limit[..]),
            (403, &limit[..]),
            (400, &transient[..]),
            (400, &down[..]),
            (500, &down[..]),
            (503, b""),
            (429, &limit[..]),
            (302, b""),
            (204, b""),
            (400, b""),
            (400, b"<html>"),
            (400, b"{}"),
            (400, br#"{"error":"x"}"#),
            (400, br#"{"error":{"code":"190"}}"#),
            (400, br#"{"error":{"code":190},"error":{"code":190}}"#),
            (200, b""),
            (200, b"<html>"),
            (200, b"[]"),
            (200, b"{}"),
            (200, br#"{"id":7}"#),
            (200, br#"{"id":""}"#),
            (200, br#"{"id":" 7"}"#),
            (200, br#"{"id":"me"}"#),
            (200, br#"{"id":"7","id":"8"}"#),
            (200, br#"{"error":{"code":190}}"#),
        ] {
            let answer = summary(read_id(status, body));
            assert!(answer.starts_with("failed"), "{status} {body:?}: {answer}");
        }
    }

    #[test]
    fn a_token_is_asked_about_as_it_is() {
        assert_eq!(
            graph("me", "a|b&c=d e"),
            "https://graph.facebook.com/me?fields=id&access_token=a%7Cb%26c%3Dd+e"
        );
    }

    #[test]
    fn what_can_be_no_token_is_not_asked_about() {
        let facebook = Facebook { app: "1".into() };
        for value in ["EAACEdEose0cBA", "1634271429961880|x-Y_z"] {
            assert_eq!(facebook.check_form(value), Ok(()));
        }
        for value in ["", "a b", "a\nb", "é", "a\0", &"x".repeat(4097)] {
            assert_eq!(
                facebook.check_form(value),
                Err(AccessTokenFormatError::Malformed)
            );
        }
        let id_token = facebook.check_form("eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0.c2ln");
        assert_eq!(id_token, Err(AccessTokenFormatError::IdToken));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(status in 100u16..600, body: Vec<u8>) {
            let _ = read_id(status, &body);
        }
    }
}
