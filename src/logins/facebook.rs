//! Facebook. Users log in with an access token; the Graph API says for which app it is, and whose.
//! <https://developers.facebook.com/docs/facebook-login/guides/access-tokens>

use jiff::Timestamp;
use serde::Deserialize;

use super::vouching::{
    NoAnswer, NotAnAccessToken, NotVouched, Vouched, Vouching, is_visible, numeric_id, parts,
};
use crate::model::json;
use crate::outgoing::Outgoing;

/// How long a token may be, in bytes. Facebook names no limit; what it gives out has a few hundred.
const LONGEST: usize = 4096;

/// The errors that don't speak of the token: downtime, limits of what may be asked, and (100) parameters that Graph
/// misses: the proof of an app secret, where the app's settings demand one.
/// <https://developers.facebook.com/docs/graph-api/guides/error-handling>
const NOT_THE_TOKEN: [i64; 9] = [1, 2, 4, 17, 32, 100, 341, 368, 613];

/// Facebook as a pool trusts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facebook {
    /// The id of the app whose users log in.
    pub app: String,
}

impl Vouching for Facebook {
    fn name(&self) -> &'static str {
        "graph.facebook.com"
    }

    fn app(&self) -> &str {
        &self.app
    }

    fn check(&self, value: &str) -> Result<(), NotAnAccessToken> {
        if is_jwt(value) {
            tracing::info!(
                "an ID token of Limited Login was shown as an access token of graph.facebook.com: register an OpenID \
                 Connect provider for its issuer (https://www.facebook.com or https://limited.facebook.com) to take \
                 such, and let the app send it under the issuer's name"
            );
            return Err(NotAnAccessToken::IdToken);
        }
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
        // Whatever app it turns out to be for: the answer is remembered, and each pool compares its own app.
        let (app, user) = (graph("app", value), graph("me", value));
        let (app, user) = tokio::join!(outgoing.get(&app), outgoing.get(&user));
        let (app, user) = (app?, user?);
        let (status, body) = parts(&app);
        let app = read_id(status, body)?;
        let (status, body) = parts(&user);
        Ok(Vouched {
            apps: vec![app],
            user: read_id(status, body)?,
            good_for: None,
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

/// Whether a value has the form of a signed JWT, which no access token of Facebook has.
fn is_jwt(value: &str) -> bool {
    value.starts_with("ey") && value.split('.').count() == 3
}

/// What is read of a node: the app or the user.
#[derive(Deserialize)]
struct Node {
    id: String,
}

#[derive(Deserialize)]
struct Failure {
    error: FailureBody,
}

#[derive(Deserialize)]
struct FailureBody {
    code: i64,
    error_subcode: Option<i64>,
    #[serde(default)]
    is_transient: bool,
}

/// The id of a node (an app, a user) in an answer of the Graph API.
pub fn read_id(status: u16, body: &[u8]) -> Result<String, NotVouched> {
    match status {
        200 => {
            let node: Node = json::read_as(body).map_err(NoAnswer::Garbage)?;
            numeric_id(node.id, "id")
        }
        400..=428 | 430..=499 => {
            let failure: Failure = json::read_as(body).map_err(NoAnswer::Garbage)?;
            let error = failure.error;
            let code = match error.error_subcode {
                Some(subcode) => format!("{}/{subcode}", error.code),
                None => error.code.to_string(),
            };
            if error.is_transient || NOT_THE_TOKEN.contains(&error.code) {
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

    #[test]
    fn a_node_has_an_id() {
        let app = br#"{"category":"Business","link":"https://x.example","name":"An app","id":"1634271429961880"}"#;
        assert_eq!(told(read_id(200, app)), "1634271429961880");
        assert_eq!(told(read_id(200, br#"{"id":"7"}"#)), "7");
    }

    #[test]
    fn what_graph_says_of_a_bad_token_is_a_no() {
        for (body, wanted) in [
            (
                r#"{"error":{"message":"Error validating access token: Session has expired on Sunday, 01-Mar-26 04:00:00 PST.","type":"OAuthException","code":190,"error_subcode":463,"fbtrace_id":"A"}}"#,
                "no 400 190/463",
            ),
            (
                r#"{"error":{"message":"Error validating access token: The user has not authorized application 1.","type":"OAuthException","code":190,"error_subcode":458,"fbtrace_id":"A"}}"#,
                "no 400 190/458",
            ),
            (
                r#"{"error":{"message":"Malformed access token EAAC","type":"OAuthException","code":190,"fbtrace_id":"A"}}"#,
                "no 400 190",
            ),
            (
                r#"{"error":{"message":"An active access token must be used to query information about the current user.","type":"OAuthException","code":2500,"fbtrace_id":"A"}}"#,
                "no 400 2500",
            ),
        ] {
            assert_eq!(told(read_id(400, body.as_bytes())), wanted);
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
            let answer = told(read_id(status, body));
            assert!(answer.starts_with("nothing"), "{status} {body:?}: {answer}");
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
            assert_eq!(facebook.check(value), Ok(()));
        }
        for value in ["", "a b", "a\nb", "é", "a\0", &"x".repeat(4097)] {
            assert_eq!(facebook.check(value), Err(NotAnAccessToken::Malformed));
        }
        let id_token = facebook.check("eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0.c2ln");
        assert_eq!(id_token, Err(NotAnAccessToken::IdToken));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(status in 100u16..600, body: Vec<u8>) {
            let _ = read_id(status, &body);
        }
    }
}
