//! The public client with which the people of a pool sign in at their provider, for `cognate login`. It has no secret.

use serde::{Deserialize, Serialize};

use super::issuer;

/// The most scopes.
const SCOPES: usize = 20;

/// A provider's issuer, and a client there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginClient {
    /// The issuer's URL, exactly as its tokens write it: https, or on this machine.
    pub issuer: String,
    /// The id of the public client.
    pub client_id: String,
    /// The scopes that it asks for; `openid` is one of them.
    pub scopes: Vec<String>,
}

impl LoginClient {
    /// What is wrong with it, as a sentence without its end.
    pub fn mistake(&self) -> Option<&'static str> {
        let is_issuer = issuer::spelling(&self.issuer)
            .is_ok_and(|spelling| !spelling.http || issuer::is_loopback(&spelling.host));
        if !is_issuer {
            return Some("Issuer must be an https:// URL");
        }
        let is_text = |text: &str| {
            (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
        };
        if !is_text(&self.client_id) {
            return Some("ClientId must be 1 to 255 printable ASCII characters");
        }
        let plain = |scope: &String| is_text(scope) && !scope.contains(['"', '\\']);
        if self.scopes.len() > SCOPES || !self.scopes.iter().all(plain) {
            return Some("Scopes must be up to 20 names");
        }
        if !self.scopes.iter().any(|scope| scope == "openid") {
            return Some("Scopes must contain openid");
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistake(issuer: &str, client_id: &str, scopes: &[&str]) -> Option<&'static str> {
        let client = LoginClient {
            issuer: issuer.to_owned(),
            client_id: client_id.to_owned(),
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        };
        client.mistake()
    }

    #[test]
    fn a_client_has_an_issuer_with_one_spelling_and_asks_for_an_id_token() {
        let issuer = "https://login.example.com/realms/a";
        assert_eq!(mistake(issuer, "cli", &["openid", "offline_access"]), None);
        assert_eq!(mistake("http://127.0.0.1:4000", "cli", &["openid"]), None);
        for (issuer, client, scopes) in [
            ("http://login.example.com", "cli", &["openid"][..]),
            ("https://Login.example.com", "cli", &["openid"]),
            ("https://login.example.com?x", "cli", &["openid"]),
            ("login.example.com", "cli", &["openid"]),
            (issuer, "", &["openid"]),
            (issuer, "a b", &["openid"]),
            (issuer, "cli", &[]),
            (issuer, "cli", &["profile"]),
            (issuer, "cli", &["openid", "a b"]),
            (issuer, "cli", &["openid", "\""]),
        ] {
            assert!(
                mistake(issuer, client, scopes).is_some(),
                "{issuer} {client} {scopes:?}"
            );
        }
    }
}
