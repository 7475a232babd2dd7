//! The requests of clients, as they are sent.

use serde_json::{Map, Value, json};

use super::clients::{Clients, DEVELOPER};
use super::issuers::{LoginIssuer, Proof};
use super::model::{Login, State, issuer_of};
use super::server::{Core, Credentials};
use super::step::Request;

const ROLE: &str = "arn:aws:iam::123456789012:role/User";
const POLICY: &str =
    r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;

/// A request as it is sent.
pub struct Prepared {
    /// The operation, or the parameters of an action of the STS.
    operation: &'static str,
    input: Value,
    signer: Option<Credentials>,
}

impl Prepared {
    pub async fn send(&self, core: &Core) -> (u16, String) {
        let signer = self.signer.as_ref();
        let mut action = vec![("Action", self.operation), ("Version", "2011-06-15")];
        match self.operation {
            "GetCallerIdentity" => return core.query("sts", &action, signer).await,
            "AssumeRoleWithWebIdentity" => {
                let token = self.input.as_str().unwrap_or_default();
                action.push(("WebIdentityToken", token));
                action.extend([("RoleArn", ROLE), ("RoleSessionName", "me")]);
                return core.query("sts", &action, None).await;
            }
            _ => {}
        }
        core.json(self.operation, &self.input, signer).await
    }
}

/// The logins' tokens of a request.
pub fn proofs(
    issuers: &[LoginIssuer],
    logins: &[Login],
    kinds: &[Proof],
    now: i64,
) -> Map<String, Value> {
    let mut tokens = Map::new();
    for (login, kind) in logins.iter().zip(kinds) {
        if let Login::Public(issuer, user) = login {
            let issuer = &issuers[*issuer];
            let token = issuer.token(*kind, user, now);
            tokens.insert(issuer.name().to_owned(), json!(token));
        }
    }
    tokens
}

impl Clients {
    /// The request as it is sent, with these tokens of its logins.
    pub fn prepare(
        &self,
        request: &Request,
        state: &State,
        issuers: &[LoginIssuer],
        tokens: Map<String, Value>,
    ) -> Prepared {
        let id = |pool: &usize| {
            let known = state.pools.get(pool).and_then(|pool| pool.id.clone());
            // A pool that isn't there any more.
            known.unwrap_or_else(|| "eu-west-1:00000000-0000-4000-8000-000000000000".to_owned())
        };
        let tokens = Value::Object(tokens);
        let (operation, input) = self.input(request, &id, issuers, tokens);
        let signer = match request {
            Request::Guest { .. }
            | Request::SignIn { .. }
            | Request::Credentials { .. }
            | Request::Token { .. }
            | Request::Exchange(_)
            | Request::Assume(_)
            | Request::Unlink { .. } => None,
            Request::UseSession(session) => Some(self.sessions[session.number].0.clone()),
            Request::UseKey { name, .. } => self.secrets.get(name).cloned(),
            _ => Some(Credentials::root()),
        };
        Prepared {
            operation,
            input,
            signer,
        }
    }

    /// The operation and the input of a request.
    fn input(
        &self,
        request: &Request,
        id: &dyn Fn(&usize) -> String,
        issuers: &[LoginIssuer],
        mut tokens: Value,
    ) -> (&'static str, Value) {
        let pool = |number: &usize| json!({ "IdentityPoolId": id(number) });
        match request {
            Request::Guest { pool: at } => ("GetId", pool(at)),
            Request::SignIn { pool: at, .. } => ("GetId", with(pool(at), "Logins", tokens)),
            Request::Credentials { identity: id, .. } => {
                let input = with(identity(id), "Logins", tokens);
                ("GetCredentialsForIdentity", input)
            }
            Request::Token { identity: id, .. } => {
                ("GetOpenIdToken", with(identity(id), "Logins", tokens))
            }
            Request::Developer {
                pool: at,
                user,
                identity,
                ..
            } => {
                tokens[DEVELOPER] = json!(user);
                let mut input = with(pool(at), "Logins", tokens);
                if let Some(identity) = identity {
                    input["IdentityId"] = json!(identity);
                }
                ("GetOpenIdTokenForDeveloperIdentity", input)
            }
            Request::Exchange(token) => {
                let login = json!({ "cognito-identity.amazonaws.com": self.developers_tokens[token.number].0 });
                let input = with(identity(&token.identity), "Logins", login);
                ("GetCredentialsForIdentity", input)
            }
            Request::UseSession(_) => ("GetCallerIdentity", Value::Null),
            Request::Assume(token) => {
                let token = json!(self.tokens[token.number].0);
                ("AssumeRoleWithWebIdentity", token)
            }
            _ => self.input_of_change(request, id, issuers, tokens),
        }
    }

    fn input_of_change(
        &self,
        request: &Request,
        id: &dyn Fn(&usize) -> String,
        issuers: &[LoginIssuer],
        tokens: Value,
    ) -> (&'static str, Value) {
        let pool = |number: &usize| json!({ "IdentityPoolId": id(number) });
        match request {
            Request::Merge {
                pool: at,
                source,
                destination,
            } => {
                let mut input = with(pool(at), "SourceUserIdentifier", json!(source));
                input["DestinationUserIdentifier"] = json!(destination);
                input["DeveloperProviderName"] = json!(DEVELOPER);
                ("MergeDeveloperIdentities", input)
            }
            Request::UnlinkDeveloper {
                pool: at,
                identity,
                user,
            } => {
                let mut input = with(pool(at), "IdentityId", json!(identity));
                input["DeveloperProviderName"] = json!(DEVELOPER);
                input["DeveloperUserIdentifier"] = json!(user);
                ("UnlinkDeveloperIdentity", input)
            }
            Request::Unlink {
                identity: id,
                login,
            } => {
                let issuer = issuer_of(login).expect("a login of an issuer");
                let mut input = with(identity(id), "Logins", tokens);
                input["LoginsToRemove"] = json!([issuers[issuer].name()]);
                ("UnlinkIdentity", input)
            }
            Request::Delete { identity } => (
                "DeleteIdentities",
                json!({ "IdentityIdsToDelete": [identity] }),
            ),
            Request::Revoke {
                identity: id,
                only_this_pool,
            } => {
                let input = with(identity(id), "OnlyThisPool", json!(only_this_pool));
                ("Cognate.RevokeIdentity", input)
            }
            Request::Restore { identity: id } => ("Cognate.RestoreIdentity", identity(id)),
            Request::Describe { identity: id } => ("DescribeIdentity", identity(id)),
            Request::Lookup { pool: at, user } => {
                let input = with(pool(at), "DeveloperUserIdentifier", json!(user));
                ("LookupDeveloperIdentity", input)
            }
            _ => self.input_of_settings(request, id),
        }
    }

    fn input_of_settings(
        &self,
        request: &Request,
        id: &dyn Fn(&usize) -> String,
    ) -> (&'static str, Value) {
        let pool = |number: &usize| json!({ "IdentityPoolId": id(number) });
        let members = |number: &usize, guests: bool, second_issuer: bool| {
            let issuers = if second_issuer { 2 } else { 1 };
            json!({
                "IdentityPoolName": format!("pool-{number}"), "AllowUnauthenticatedIdentities": guests,
                "DeveloperProviderName": DEVELOPER, "OpenIdConnectProviderARNs": self.registrations[..issuers],
            })
        };
        match request {
            Request::CreatePool { pool } => ("CreateIdentityPool", members(pool, true, true)),
            Request::UpdatePool {
                pool: at,
                guests,
                second_issuer,
            } => {
                let input = members(at, *guests, *second_issuer);
                let input = with(input, "IdentityPoolId", json!(id(at)));
                ("UpdateIdentityPool", input)
            }
            Request::SetRoles {
                pool: at,
                has_roles,
            } => {
                let roles = json!({ "authenticated": ROLE, "unauthenticated": ROLE });
                let roles = if *has_roles { roles } else { json!({}) };
                ("SetIdentityPoolRoles", with(pool(at), "Roles", roles))
            }
            Request::DescribePool { pool: at } | Request::UseKey { pool: at, .. } => {
                ("DescribeIdentityPool", pool(at))
            }
            Request::DeletePool { pool: at } => ("DeleteIdentityPool", pool(at)),
            Request::CreateKey { name } => (
                "Cognate.CreateAccessKey",
                json!({ "Name": name, "Policy": POLICY }),
            ),
            Request::EnableKey { id, enabled, .. } => {
                let status = if *enabled { "Active" } else { "Inactive" };
                let input = json!({ "AccessKeyId": id, "Status": status });
                ("Cognate.UpdateAccessKey", input)
            }
            Request::DeleteKey { id, .. } => {
                ("Cognate.DeleteAccessKey", json!({ "AccessKeyId": id }))
            }
            Request::Rotate => ("Cognate.RotateKeys", json!({ "Purpose": "Signing" })),
            other => unreachable!("{other:?} is no change of settings"),
        }
    }
}

fn identity(id: &str) -> Value {
    json!({ "IdentityId": id })
}

fn with(mut input: Value, name: &str, value: Value) -> Value {
    input[name] = value;
    input
}
