//! Container credentials: one GET with one token, as every AWS SDK fetches them.

mod answers;
mod attacks;
mod audited;
mod equal_calls;
mod listeners;
mod roles;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::equal_calls::{role_named, trust};
use crate::world::{Answer, Credentials, Issuer, Key, World};

/// A pool, a registered issuer with the clients `app` and `other`, and a token of the user `ada` in the group `staff`.
struct Scene {
    world: World,
    issuer: Issuer,
    arn: String,
    pool: String,
    token: String,
}

impl Scene {
    async fn new() -> Self {
        Self::of(World::new().await).await
    }

    async fn of(world: World) -> Self {
        let issuer = Issuer::with(Key::rsa("one")).await;
        let arn = world.register(&issuer, &["app", "other"]).await;
        let pool = world
            .pool(json!({ "OpenIdConnectProviderARNs": [arn] }))
            .await;
        let token = issuer.token_saying("ada", &json!({ "groups": ["staff"] }));
        Self {
            world,
            issuer,
            arn,
            pool,
            token,
        }
    }

    fn path(&self, rest: &str) -> String {
        format!("/credentials/{}{rest}", self.pool)
    }

    /// Fetches credentials with the scene's token.
    async fn fetch(&self, path: &str) -> Answer {
        self.fetch_with(path, &[("authorization", &self.token)])
            .await
    }

    async fn fetch_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send("GET", path, headers).await
    }

    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.world.send(method, path, header_map(headers), "").await
    }

    /// The access key id that the usual call gives.
    async fn key(&self) -> String {
        let answer = self.fetch(&self.path("")).await.ok();
        answer["AccessKeyId"].as_str().unwrap().to_owned()
    }

    async fn map(&self, group: &str, role: &str) {
        let rules = json!([rule(group, role)]);
        self.map_rules(rules).await;
    }

    async fn map_rules(&self, rules: Value) {
        let mapping = json!({
            "Type": "Rules", "AmbiguousRoleResolution": "AuthenticatedRole",
            "RulesConfiguration": { "Rules": rules },
        });
        let names = json!({
            "authenticated": role_named("User"), "unauthenticated": role_named("Guest"),
        });
        let input = json!({
            "IdentityPoolId": self.pool, "RoleMappings": { self.arn.as_str(): mapping }, "Roles": names,
        });
        self.world.admin("SetIdentityPoolRoles", input).await.ok();
    }
}

fn rule(group: &str, role: &str) -> Value {
    json!({
        "Claim": "groups", "MatchType": "Contains", "Value": group, "RoleARN": role_named(role),
    })
}

fn header_map(headers: &[(&str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        map.append(name, HeaderValue::from_str(value).unwrap());
    }
    map
}

/// The credentials of an answer.
fn keys_of(answer: &Value) -> Credentials {
    let text = |name: &str| answer[name].as_str().unwrap().to_owned();
    Credentials {
        id: text("AccessKeyId"),
        secret: text("SecretAccessKey"),
        session_token: Some(text("Token")),
    }
}

/// That an answer is a refusal in all four spellings, and no more than that.
#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status, status, "{}", answer.text);
    let body = answer.json();
    let text = &body["message"];
    assert!(text.as_str().is_some_and(|text| text.len() > 20), "{body}");
    let expected = json!({ "code": code, "message": text, "Code": code, "Message": text });
    assert_eq!(body, expected);
    has_common_headers(answer);
}

/// That an answer has the headers of every answer, and none for other origins.
#[track_caller]
fn has_common_headers(answer: &Answer) {
    let header = |name| answer.header(name).unwrap_or_default();
    assert_eq!(header("content-type"), "application/json");
    assert_eq!(header("cache-control"), "no-store");
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert_eq!(header("content-length"), answer.text.len().to_string());
    assert_eq!(header("x-amzn-requestid").len(), 36);
    for name in answer.headers.keys() {
        let name = name.as_str();
        let is_other = name.starts_with("access-control") || ["etag", "location"].contains(&name);
        assert!(!is_other, "{name}");
    }
}

/// Sends a request as it is written, and returns the status and the body.
async fn raw(world: &World, request: &str) -> (u16, String) {
    let address = world.base.strip_prefix("http://").unwrap();
    let mut connection = TcpStream::connect(address).await.unwrap();
    let request = request.replace("HOST", address);
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    (status, body.to_owned())
}
