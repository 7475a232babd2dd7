//! The clients: they send the requests, read the answers, and keep the tokens, credentials and key sets that they get.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::issuers::LoginIssuer;
use super::model::Login;
use super::published::KeySets;
use super::server::{Core, Credentials};
use super::step::{Found, Issued, Reply, Request};

/// The name of the developer provider of all pools.
pub const DEVELOPER: &str = "login.mycompany";

/// What clients keep.
#[derive(Default)]
pub struct Clients {
    pub sessions: Vec<(Credentials, Issued)>,
    /// OpenID tokens.
    pub tokens: Vec<(String, Issued)>,
    /// Those of developers, which are logins, too.
    pub developers_tokens: Vec<(String, Issued)>,
    /// Access keys by their names, also deleted ones.
    pub secrets: BTreeMap<String, Credentials>,
    pub key_sets: KeySets,
    /// The ARNs of the issuers' registrations.
    pub registrations: Vec<String>,
}

impl Clients {
    /// Reads an answer, checks the token in it, and keeps what a client would keep.
    pub fn read(
        &mut self,
        core: &Core,
        request: &Request,
        issuers: &[LoginIssuer],
        now: i64,
        (status, text): (u16, String),
    ) -> Result<Reply, String> {
        if status >= 500 {
            return Ok(Reply::Failed(text));
        }
        if matches!(request, Request::UseSession(_) | Request::Assume(_)) {
            let found = text.split("<Code>").nth(1);
            let found = found.and_then(|rest| rest.split("</Code>").next());
            return Ok(match (status, found) {
                (200, None) => Reply::Done(Found::default()),
                (_, found) => Reply::Refused(found.unwrap_or(&text).to_owned()),
            });
        }
        let answer = match text.as_str() {
            "" => Value::Null,
            text => super::json(text),
        };
        let member = |name: &str| answer[name].as_str().map(str::to_owned);
        if status != 200 {
            return Ok(Reply::Refused(member("__type").unwrap_or(text)));
        }
        let mut found = Found::default();
        match request {
            Request::Credentials { .. } | Request::Exchange(_) => {
                found.id = member("IdentityId");
                found.epoch = self.keep_session(core, request, &answer);
            }
            Request::Token { .. } | Request::Developer { .. } => {
                found.id = member("IdentityId");
                let token = member("Token").ok_or("an answer without a token")?;
                let epoch = self.keep_token(request, &token, &found, now)?;
                found.epoch = Some(epoch);
            }
            Request::Delete { .. } => {
                let kept = answer["UnprocessedIdentityIds"].as_array();
                let first = kept.and_then(|kept| kept.first());
                match first.and_then(|one| one["ErrorCode"].as_str()) {
                    None => found.flags = vec![false],
                    Some("AccessDenied") => found.flags = vec![true],
                    Some(_) => return Ok(Reply::Failed(text)),
                }
            }
            Request::Describe { .. } => {
                found.id = member("IdentityId");
                let names = answer["Logins"].as_array().cloned().unwrap_or_default();
                let names = names.iter().filter_map(Value::as_str).map(|name| {
                    let issuer = issuers.iter().position(|issuer| issuer.name() == name);
                    let is_developer = name == DEVELOPER;
                    match issuer {
                        Some(issuer) => issuer.to_string(),
                        None if is_developer => "developer".to_owned(),
                        None => name.to_owned(),
                    }
                });
                found.names = names.collect();
            }
            Request::Lookup { .. } => {
                found.id = member("IdentityId");
                let users = answer["DeveloperUserIdentifierList"].as_array();
                let users = users.into_iter().flatten().filter_map(Value::as_str);
                found.names = users.map(str::to_owned).collect();
            }
            Request::CreatePool { .. } | Request::UpdatePool { .. } => {
                if let Request::CreatePool { .. } = request {
                    found.id = member("IdentityPoolId");
                }
                found.flags = shown(&answer);
            }
            Request::DescribePool { .. } | Request::UseKey { .. } => found.flags = shown(&answer),
            Request::CreateKey { name } => {
                found.id = member("AccessKeyId");
                let key = Credentials {
                    id: member("AccessKeyId").ok_or("a key without an id")?,
                    secret: member("SecretAccessKey").ok_or("a key without a secret")?,
                    session_token: None,
                };
                self.secrets.insert(name.clone(), key);
            }
            Request::SetRoles { .. }
            | Request::DeletePool { .. }
            | Request::EnableKey { .. }
            | Request::DeleteKey { .. }
            | Request::Rotate
            | Request::Unlink { .. }
            | Request::UnlinkDeveloper { .. } => {}
            _ => found.id = member("IdentityId"),
        }
        Ok(Reply::Done(found))
    }

    fn keep_session(&mut self, core: &Core, request: &Request, answer: &Value) -> Option<u64> {
        let found = &answer["Credentials"];
        let text = |name: &str| found[name].as_str().unwrap_or_default().to_owned();
        let credentials = Credentials {
            id: text("AccessKeyId"),
            secret: text("SecretKey"),
            session_token: Some(text("SessionToken")),
        };
        let opened = core
            .app
            .credentials
            .open(&credentials.id, &text("SessionToken"));
        let session = opened?.0;
        let epoch = session.identity()?.epoch;
        let logins = match request {
            Request::Exchange(token) => token.logins.clone(),
            other => other.logins().to_vec(),
        };
        let issued = Issued {
            identity: answer["IdentityId"].as_str()?.to_owned(),
            epoch,
            logins,
            expires: session.expires.as_second(),
            number: self.sessions.len(),
        };
        self.sessions.push((credentials, issued));
        Some(epoch)
    }

    fn keep_token(
        &mut self,
        request: &Request,
        token: &str,
        found: &Found,
        now: i64,
    ) -> Result<u64, String> {
        self.key_sets.verify(token, now)?;
        let claims = token.split('.').nth(1).unwrap_or_default();
        let claims = URL_SAFE_NO_PAD.decode(claims).unwrap_or_default();
        let claims = super::json(&String::from_utf8_lossy(&claims));
        if claims["sub"].as_str() != found.id.as_deref() {
            return Err(format!(
                "a token for {} was issued to {found:?}",
                claims["sub"]
            ));
        }
        let epoch = claims["cognate:epoch"].as_u64().unwrap_or(0);
        let mut issued = Issued {
            identity: claims["sub"].as_str().unwrap_or_default().to_owned(),
            epoch,
            logins: request.logins().to_vec(),
            expires: claims["exp"].as_i64().unwrap_or(0),
            number: self.tokens.len(),
        };
        if let Request::Developer { user, logins, .. } = request {
            issued.logins.push(Login::Developer(user.clone()));
            if logins.is_empty() {
                let number = self.developers_tokens.len();
                let issued = Issued {
                    number,
                    ..issued.clone()
                };
                self.developers_tokens.push((token.to_owned(), issued));
            }
        }
        self.tokens.push((token.to_owned(), issued));
        Ok(epoch)
    }
}

/// Whether a pool has guests and its second issuer.
fn shown(answer: &Value) -> Vec<bool> {
    let issuers = answer["OpenIdConnectProviderARNs"].as_array();
    vec![
        answer["AllowUnauthenticatedIdentities"] == true,
        issuers.is_some_and(|all| all.len() == 2),
    ]
}
