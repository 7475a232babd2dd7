//! The test issuer of `cognate dev`: who may trust it, and what its pages give to whom (security rule 21).

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cognate::ambient::Still;
use cognate::app::demo;
use cognate::config::{Config, Environment, Flags, read_file};
use cognate::model::ids::{AccountId, OidcProviderArn};
use cognate::model::pool::{Pool, PoolSettings};
use cognate::model::provider::OidcProvider;
use cognate::model::tags::Tags;
use cognate::store::record::{PutOutcome, RecordWrite};
use cognate::test_issuer::{TestIssuer, TestUser};
use http::HeaderMap;
use jiff::SignedDuration;
use reqwest::Url;
use serde_json::{Map, Value, json};

use crate::world::{Answer, Credentials, Issuer, World, beginning, form, login};

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const APP: &str = "http://localhost:3000";
const NOT_SUPPORTED: &str = "Token is not from a supported provider of this identity pool.";

/// A server that `cognate dev` started, and its demo pool.
struct Dev {
    world: World,
    pool: String,
}

impl Dev {
    async fn new() -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let flags = Flags {
            listen: Some("127.0.0.1:0".into()),
            data_dir: Some(folder.path().join("data")),
            ..Flags::default()
        };
        let root = Credentials::root();
        let environment: Environment = [
            ("COGNATE_ROOT_ACCESS_KEY_ID", root.id.as_str()),
            ("COGNATE_ROOT_SECRET_ACCESS_KEY", root.secret.as_str()),
            ("COGNATE_REGIONS", "eu-west-1"),
            ("COGNATE_DEV_ORIGINS", "http://app:3000"),
        ]
        .into_iter()
        .collect();
        let config = Config::for_dev(&flags, &environment, &read_file).unwrap();
        let world = World::of(config, folder, Arc::new(Still::at(beginning()))).await;
        let pool = demo::set_up(&world.app).await.unwrap().to_string();
        Self { world, pool }
    }

    fn issuer(&self) -> String {
        format!("{}/dev/issuer", self.world.base)
    }

    fn name(&self) -> String {
        self.issuer().split_once("://").unwrap().1.to_owned()
    }

    fn arn(&self) -> String {
        format!("arn:aws:iam::123456789012:oidc-provider/{}", self.name())
    }

    async fn ask(&self, headers: &[(&str, &str)], body: &Value) -> Answer {
        let mut all = vec![("content-type", "application/json")];
        all.extend(headers);
        let path = "/dev/issuer/id-token";
        self.world
            .send("POST", path, header_map(&all), body.to_string())
            .await
    }

    async fn token(&self, body: Value) -> String {
        let answer = self.ask(&[], &body).await.ok();
        answer["id_token"].as_str().unwrap().to_owned()
    }

    async fn page(&self, headers: &[(&str, &str)], change: &[(&str, &str)]) -> Answer {
        let path = format!("/dev/issuer/authorize?{}", form(&asked(change)));
        self.follow_nothing("GET", &path, headers, String::new())
            .await
    }

    async fn submit(&self, headers: &[(&str, &str)], change: &[(&str, &str)]) -> Answer {
        let mut all = vec![("content-type", "application/x-www-form-urlencoded")];
        all.extend(headers);
        let mut parameters = asked(change);
        parameters.push(("sub", "alice"));
        self.follow_nothing("POST", "/dev/issuer/authorize", &all, form(&parameters))
            .await
    }

    async fn follow_nothing(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> Answer {
        #[expect(
            clippy::disallowed_methods,
            reason = "the tests' own client has no fences"
        )]
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        let url = format!("{}{path}", self.world.base);
        let request = client.request(method.parse().unwrap(), url).body(body);
        let response = request.headers(header_map(headers)).send().await.unwrap();
        Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            text: response.text().await.unwrap(),
        }
    }

    /// A code for the app, as a browser gets it.
    async fn code(&self) -> String {
        let own = self.world.base.clone();
        let answer = self.submit(&[("origin", &own)], &[("nonce", "n")]).await;
        parameter(&answer, "code").unwrap_or_else(|| panic!("{answer:?}"))
    }

    async fn redeem(
        &self,
        headers: &[(&str, &str)],
        code: &str,
        change: &[(&str, &str)],
    ) -> Answer {
        let mut parameters = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("client_id", "demo"),
            ("redirect_uri", "http://localhost:3000/back"),
            ("code_verifier", VERIFIER),
        ];
        replace(&mut parameters, change);
        let mut all = vec![("content-type", "application/x-www-form-urlencoded")];
        all.extend(headers);
        let body = form(&parameters);
        self.world
            .send("POST", "/dev/issuer/token", header_map(&all), body)
            .await
    }

    /// The role of the credentials of an identity.
    async fn role(&self, identity: &str, logins: Value) -> String {
        let answer = self.world.credentials(identity, logins).await.ok();
        let keys = Credentials::of(&answer["Credentials"]);
        let call = [("Action", "GetCallerIdentity"), ("Version", "2011-06-15")];
        let caller = self.world.signed_query(&keys, "sts", &call).await;
        let arn = caller
            .xml("Arn")
            .unwrap_or_else(|| panic!("{}", caller.text));
        arn.split('/').nth(1).unwrap().to_owned()
    }
}

fn header_map(headers: &[(&str, &str)]) -> HeaderMap {
    let headers = headers.iter();
    headers
        .map(|(name, value)| {
            let name: http::HeaderName = name.parse().unwrap();
            (name, value.parse().unwrap())
        })
        .collect()
}

fn replace<'a>(parameters: &mut Vec<(&'a str, &'a str)>, change: &[(&'a str, &'a str)]) {
    for (name, value) in change {
        parameters.retain(|(other, _)| other != name);
        if *value != "-" {
            parameters.push((name, value));
        }
    }
}

/// A good request for a code, with changes; `-` removes a parameter.
fn asked<'a>(change: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut parameters = vec![
        ("client_id", "demo"),
        ("redirect_uri", "http://localhost:3000/back"),
        ("response_type", "code"),
        ("scope", "openid profile"),
        ("state", "s t&te"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    replace(&mut parameters, change);
    parameters
}

/// A parameter of the URL that a browser is sent to.
fn parameter(answer: &Answer, name: &str) -> Option<String> {
    let url = Url::parse(&answer.header("location")?).unwrap();
    let mut all = url.query_pairs();
    all.find(|(other, _)| other == name)
        .map(|(_, value)| value.into_owned())
}

fn claims_of(token: &str) -> Value {
    let payload = URL_SAFE_NO_PAD
        .decode(token.split('.').nth(1).unwrap())
        .unwrap();
    #[expect(
        clippy::disallowed_methods,
        reason = "a test reads what the server wrote"
    )]
    serde_json::from_slice(&payload).unwrap()
}

#[tokio::test]
async fn a_guest_signs_in_keeps_the_identity_and_gets_a_role_by_claim() {
    let dev = Dev::new().await;
    let guest = dev.world.identity(&dev.pool, json!({})).await;
    assert_eq!(dev.role(&guest, json!({})).await, "DemoGuest");
    let alice = json!({ dev.name(): dev.token(json!({ "sub": "alice" })).await });
    assert_eq!(dev.role(&guest, alice.clone()).await, "DemoSignedIn");
    assert_eq!(dev.world.identity(&dev.pool, alice).await, guest);
    let bob = json!({ "sub": "bob", "claims": { "team": ["dev", "admins"] }, "expires_in": 60 });
    let bob = json!({ dev.name(): dev.token(bob).await });
    let identity = dev.world.identity(&dev.pool, bob.clone()).await;
    assert_eq!(dev.role(&identity, bob.clone()).await, "DemoAdmin");
    dev.world.clock.advance(61);
    dev.world
        .get_id(&dev.pool, bob)
        .await
        .refused("NotAuthorizedException", &{
            let now = dev.world.now();
            format!("Invalid login token. Token expired: {now} >= {}", now - 1)
        });
}

#[tokio::test]
async fn a_second_start_changes_nothing_and_an_earlier_issuer_is_removed() {
    let dev = Dev::new().await;
    let describe = || async {
        let id = json!({ "IdentityPoolId": dev.pool });
        dev.world.admin("DescribeIdentityPool", id).await.ok()
    };
    let before = describe().await;
    assert_eq!(before["OpenIdConnectProviderARNs"], json!([dev.arn()]));
    demo::set_up(&dev.world.app).await.unwrap();
    assert_eq!(describe().await, before);
    let stale = provider(
        "localhost:1/dev/issuer",
        "http://localhost:1/dev/issuer",
        true,
    );
    put(&dev.world, &[RecordWrite::replace(&stale, 0)]).await;
    demo::set_up(&dev.world.app).await.unwrap();
    let listed = dev.world.iam("ListOpenIDConnectProviders", &[]).await.text;
    assert!(
        !listed.contains("localhost:1/") && listed.contains(&dev.arn()),
        "{listed}"
    );
}

/// The registration of an issuer.
fn provider(name: &str, url: &str, is_test_issuer: bool) -> OidcProvider {
    OidcProvider {
        arn: OidcProviderArn::new(&AccountId::parse("123456789012").unwrap(), name),
        version: 1,
        uuid: uuid::Uuid::from_u128(7),
        issuer: url.to_owned(),
        client_ids: vec!["app".to_owned(), "demo".to_owned()],
        thumbprints: Vec::new(),
        tags: Tags::new(),
        created: beginning(),
        is_test_issuer,
    }
}

/// Writes records past the server, as another server of its store does.
async fn put(world: &World, writes: &[RecordWrite]) {
    let outcome = world.store.put(writes, &world.origin()).await.unwrap();
    assert!(matches!(outcome, PutOutcome::Stored(_)), "{outcome:?}");
    cognate::app::records::refresh(&world.app).await.unwrap();
}

/// Makes a pool trust an issuer, past the server.
async fn put_trust(world: &World, pool: &str, arn: &OidcProviderArn, more: &[RecordWrite]) {
    let id = cognate::model::ids::PoolId::parse(pool).unwrap();
    let mut found = cognate::app::pools::record(&world.app, &id)
        .unwrap()
        .unwrap();
    let changed: &mut Pool = Arc::make_mut(&mut found);
    changed.settings = PoolSettings {
        oidc_provider_arns: vec![arn.clone()],
        ..changed.settings.clone()
    };
    let mut writes = more.to_vec();
    writes.push(RecordWrite::replace(changed, changed.version));
    put(world, &writes).await;
}

#[tokio::test]
async fn serve_has_none_of_the_issuers_routes() {
    let world = World::new().await;
    for (method, path) in [
        ("GET", "/.well-known/openid-configuration"),
        ("GET", "/keys"),
        ("GET", "/authorize"),
        ("POST", "/authorize"),
        ("POST", "/token"),
        ("POST", "/id-token"),
        ("OPTIONS", "/token"),
        ("GET", ""),
    ] {
        let path = format!("/dev/issuer{path}");
        let answer = world.send(method, &path, HeaderMap::new(), "{}").await;
        assert_eq!(answer.status, 404, "{method} {path}");
        assert_eq!(answer.text, r#"{"__type":"UnknownOperationException"}"#);
    }
}

#[tokio::test]
async fn a_server_that_dev_did_not_start_never_uses_a_marked_registration() {
    for is_marked in [false, true] {
        let world = World::new().await;
        let issuer = Issuer::new().await;
        let pool = world.pool(json!({})).await;
        let registered = provider(issuer.name(), issuer.url(), is_marked);
        let write = RecordWrite::replace(&registered, 0);
        put_trust(&world, &pool, &registered.arn, &[write]).await;
        let token = issuer.token("alice");
        let answer = world.get_id(&pool, login(&issuer, &token)).await;
        let arn = ("OpenIDConnectProviderArn", registered.arn.to_string());
        let arn = (arn.0, arn.1.as_str());
        if is_marked {
            answer.refused("NotAuthorizedException", NOT_SUPPORTED);
            assert_eq!(issuer.fetches(), 0, "nothing is fetched");
            let shown = world.iam("GetOpenIDConnectProvider", &[arn]).await;
            assert_eq!(shown.status, 404);
            // An administrator can remove it.
            let removed = world.iam("DeleteOpenIDConnectProvider", &[arn]).await;
            assert_eq!(removed.status, 200);
            let listed = world.iam("ListOpenIDConnectProviders", &[]).await.text;
            assert!(!listed.contains(issuer.name()), "{listed}");
        } else {
            answer.ok();
        }
    }
}

#[tokio::test]
async fn only_the_demo_pool_can_trust_the_issuer() {
    let dev = Dev::new().await;
    let world = &dev.world;
    let refusal = format!(
        "Only the demo pool of cognate dev can trust its test issuer, {}.",
        dev.arn()
    );
    let members = json!({
        "IdentityPoolName": "x",
        "AllowUnauthenticatedIdentities": true,
        "OpenIdConnectProviderARNs": [dev.arn()],
    });
    world
        .admin("CreateIdentityPool", members.clone())
        .await
        .refused("InvalidParameterException", &refusal);
    let other = world
        .pool(json!({ "DeveloperProviderName": "login.dev" }))
        .await;
    let mut update = members.clone();
    update["IdentityPoolId"] = json!(other);
    update["DeveloperProviderName"] = json!("login.dev");
    world
        .admin("UpdateIdentityPool", update.clone())
        .await
        .refused("InvalidParameterException", &refusal);
    // The demo pool itself can be changed.
    update["IdentityPoolId"] = json!(dev.pool);
    update
        .as_object_mut()
        .unwrap()
        .shift_remove("DeveloperProviderName");
    world.admin("UpdateIdentityPool", update).await.ok();
    // A record that got in past the server gives nothing, either.
    let logins = json!({ dev.name(): dev.token(json!({ "sub": "alice" })).await });
    let guest = world.identity(&other, json!({})).await;
    let arn = OidcProviderArn::parse(&dev.arn()).unwrap();
    put_trust(world, &other, &arn, &[]).await;
    for answer in [
        world.get_id(&other, logins.clone()).await,
        world.credentials(&guest, logins.clone()).await,
        world
            .public(
                "GetOpenIdToken",
                json!({ "IdentityId": guest, "Logins": logins }),
            )
            .await,
    ] {
        answer.refused("NotAuthorizedException", NOT_SUPPORTED);
    }
    world.identity(&dev.pool, logins).await;
}

#[tokio::test]
async fn an_unmarked_registration_with_the_issuers_url_is_not_used() {
    let dev = Dev::new().await;
    let world = &dev.world;
    let arn = ("OpenIDConnectProviderArn", dev.arn());
    world
        .iam("DeleteOpenIDConnectProvider", &[(arn.0, &arn.1)])
        .await;
    let other = world.pool(json!({})).await;
    let registered = provider(&dev.name(), &dev.issuer(), false);
    let write = RecordWrite::replace(&registered, 0);
    put_trust(world, &other, &registered.arn, &[write]).await;
    // The next start leaves it alone.
    demo::set_up(&world.app).await.unwrap();
    let mine = TestUser::new("alice", Map::new()).unwrap();
    let hour = SignedDuration::from_hours(1);
    let issuer = world.app.test_issuer.as_ref().unwrap();
    let token = issuer.id_token(&mine, "demo", None, hour, world.clock_now());
    for pool in [&other, &dev.pool] {
        let answer = world.get_id(pool, json!({ dev.name(): token })).await;
        answer.refused("NotAuthorizedException", NOT_SUPPORTED);
    }
}

#[tokio::test]
async fn nobody_registers_the_issuer_or_what_is_below_the_servers_url() {
    let dev = Dev::new().await;
    let name = dev.name();
    for url in [
        format!("http://{name}"),
        format!("https://{name}"),
        format!("http://{name}/"),
        format!("http://{name}/keys"),
        format!("{}/dev", dev.world.base),
    ] {
        let answer = dev
            .world
            .iam("CreateOpenIDConnectProvider", &[("Url", &url)])
            .await;
        let text = "this server's own issuer, and what is below it, can't be registered.";
        answer.query_refused(400, "InvalidInput", text);
    }
}

#[tokio::test]
async fn only_roles_of_the_demo_pool_can_trust_the_issuer() {
    let dev = Dev::new().await;
    let world = &dev.world;
    let name = dev.name();
    let policy = json!({ "Version": "2012-10-17", "Statement": {
        "Effect": "Allow",
        "Principal": { "Federated": dev.arn() },
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": { "StringEquals": { format!("{name}:aud"): "demo" } },
    } })
    .to_string();
    let refusal = format!(
        "Only the roles of the demo pool of cognate dev can trust its test issuer, {}.",
        dev.arn()
    );
    let create = |role: &'static str| {
        let document = policy.clone();
        async move {
            let parameters = [
                ("RoleName", role),
                ("AssumeRolePolicyDocument", document.as_str()),
            ];
            world.iam("CreateRole", &parameters).await
        }
    };
    create("Production")
        .await
        .query_refused(400, "MalformedPolicyDocument", &refusal);
    assert_eq!(create("DemoSignedIn").await.status, 200);
    let token = dev.token(json!({ "sub": "alice" })).await;
    let assume = || async {
        let parameters = [
            ("RoleArn", "arn:aws:iam::123456789012:role/DemoSignedIn"),
            ("RoleSessionName", "alice"),
            ("WebIdentityToken", token.as_str()),
        ];
        world.sts("AssumeRoleWithWebIdentity", &parameters).await
    };
    assert_eq!(assume().await.status, 200);
    // The role stops being the pool's.
    let roles = json!({ "IdentityPoolId": dev.pool, "Roles": {} });
    world.admin("SetIdentityPoolRoles", roles).await.ok();
    assert_eq!(assume().await.status, 403);
    let parameters = [
        ("RoleName", "DemoSignedIn"),
        ("PolicyDocument", policy.as_str()),
    ];
    let answer = world.iam("UpdateAssumeRolePolicy", &parameters).await;
    answer.query_refused(400, "MalformedPolicyDocument", &refusal);
}

#[tokio::test]
async fn a_token_of_another_process_is_refused() {
    let dev = Dev::new().await;
    let other = TestIssuer::new(&dev.world.base, &[]).unwrap();
    assert_eq!(other.url(), dev.issuer());
    let user = TestUser::new("alice", Map::new()).unwrap();
    let hour = SignedDuration::from_hours(1);
    let token = other.id_token(&user, "demo", None, hour, dev.world.clock_now());
    let answer = dev
        .world
        .get_id(&dev.pool, json!({ dev.name(): token }))
        .await;
    answer.refused(
        "NotAuthorizedException",
        "Invalid login token. Couldn't verify signed token.",
    );
}

#[tokio::test]
async fn a_person_signs_in_on_the_page_and_the_app_redeems_the_code_once() {
    let dev = Dev::new().await;
    let page = dev.page(&[("sec-fetch-dest", "document")], &[]).await;
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(page.text.contains("s t&amp;te"), "{}", page.text);
    assert_eq!(page.header("x-frame-options").as_deref(), Some("DENY"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(!page.text.contains("<script"), "{}", page.text);
    let own = dev.world.base.clone();
    let answer = dev.submit(&[("origin", &own)], &[("nonce", "n")]).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    assert!(
        answer
            .header("location")
            .unwrap()
            .starts_with("http://localhost:3000/back?code=")
    );
    assert_eq!(parameter(&answer, "state").as_deref(), Some("s t&te"));
    assert_eq!(parameter(&answer, "iss"), Some(dev.issuer()));
    let code = parameter(&answer, "code").unwrap();
    let redeemed = dev.redeem(&[("origin", APP)], &code, &[]).await;
    assert_eq!(
        redeemed.header("access-control-allow-origin").as_deref(),
        Some(APP)
    );
    let token = redeemed.ok()["id_token"].as_str().unwrap().to_owned();
    assert_eq!(claims_of(&token)["nonce"], "n");
    dev.world
        .identity(&dev.pool, json!({ dev.name(): token }))
        .await;
    let again = dev.redeem(&[], &code, &[]).await;
    assert_eq!(
        (again.status, &again.json()["error"]),
        (400, &json!("invalid_grant"))
    );
}

#[tokio::test]
async fn the_token_endpoint_redeems_only_for_the_client_that_asked() {
    let dev = Dev::new().await;
    for (headers, change, error) in [
        (&[][..], ("code_verifier", "x"), "invalid_grant"),
        (&[], ("code_verifier", "-"), "invalid_grant"),
        (&[], ("client_id", "other"), "invalid_grant"),
        (
            &[],
            ("redirect_uri", "http://localhost:3000/"),
            "invalid_grant",
        ),
        (&[], ("code", "guess"), "invalid_grant"),
        (&[], ("grant_type", "password"), "unsupported_grant_type"),
        (&[], ("client_secret", "s"), "invalid_client"),
        (
            &[("authorization", "Basic eDp5")],
            ("x", "y"),
            "invalid_client",
        ),
    ] {
        let code = dev.code().await;
        let answer = dev.redeem(headers, &code, &[change]).await;
        assert_eq!(
            (answer.status, &answer.json()["error"]),
            (400, &json!(error)),
            "{change:?}"
        );
    }
    for origin in ["https://evil.example", "null", "http://app:3001"] {
        let code = dev.code().await;
        let answer = dev.redeem(&[("origin", origin)], &code, &[]).await;
        assert_eq!(answer.status, 403, "{origin}");
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    let code = dev.code().await;
    dev.redeem(&[("origin", "http://app:3000")], &code, &[])
        .await
        .ok();
}

#[tokio::test]
async fn a_frame_a_script_and_a_silent_request_get_no_code() {
    let dev = Dev::new().await;
    let own = dev.world.base.clone();
    for dest in [
        "iframe", "frame", "embed", "object", "image", "empty", "script",
    ] {
        for answer in [
            dev.page(&[("sec-fetch-dest", dest)], &[]).await,
            dev.submit(&[("origin", &own), ("sec-fetch-dest", dest)], &[])
                .await,
        ] {
            assert_eq!(answer.status, 403, "{dest}");
            assert_eq!(answer.header("location"), None);
            assert_eq!(answer.header("x-frame-options").as_deref(), Some("DENY"));
        }
    }
    for prompt in ["none", "none login"] {
        let asked = dev.page(&[], &[("prompt", prompt)]).await;
        assert_eq!(
            parameter(&asked, "error").as_deref(),
            Some("login_required")
        );
        assert_eq!(parameter(&asked, "code"), None);
    }
    for origin in [
        None,
        Some("null"),
        Some("https://evil.example"),
        Some(APP),
        Some("http://app:3000"),
        Some("http://localhost:1"),
    ] {
        let headers: Vec<_> = origin
            .map(|origin| ("origin", origin))
            .into_iter()
            .collect();
        let answer = dev.submit(&headers, &[]).await;
        assert_eq!(answer.status, 403, "{origin:?}");
        assert_eq!(answer.header("location"), None);
    }
    for site in ["cross-site", "same-site", "none"] {
        let answer = dev
            .submit(&[("origin", &own), ("sec-fetch-site", site)], &[])
            .await;
        assert_eq!(answer.status, 403, "{site}");
    }
    // A name that was bound again to this machine is no origin of the page.
    let rebound = [("origin", "http://evil.example"), ("host", "evil.example")];
    assert_eq!(dev.submit(&rebound, &[]).await.status, 421);
}

#[tokio::test]
async fn nothing_is_sent_to_a_foreign_redirect_or_for_an_unknown_client() {
    let dev = Dev::new().await;
    let own = dev.world.base.clone();
    for change in [
        ("redirect_uri", "https://evil.example/"),
        ("redirect_uri", "http://localhost.evil.example/"),
        ("redirect_uri", "http://user@localhost:3000/"),
        ("redirect_uri", "http://localhost:3000/#fragment"),
        ("redirect_uri", "javascript:alert(1)"),
        ("redirect_uri", "/back"),
        ("redirect_uri", "-"),
        ("client_id", "other"),
        ("client_id", "-"),
    ] {
        for answer in [
            dev.page(&[], &[change]).await,
            dev.page(&[], &[change, ("prompt", "none")]).await,
            dev.submit(&[("origin", &own)], &[change]).await,
        ] {
            assert_eq!(answer.status, 400, "{change:?}");
            assert_eq!(answer.header("location"), None);
        }
    }
    for (change, error) in [
        (("code_challenge", "-"), "invalid_request"),
        (("code_challenge_method", "plain"), "invalid_request"),
        (("code_challenge_method", "-"), "invalid_request"),
        (("response_type", "id_token"), "unsupported_response_type"),
        (("response_mode", "fragment"), "invalid_request"),
        (("scope", "profile"), "invalid_scope"),
        (("request", "x"), "request_not_supported"),
    ] {
        for answer in [
            dev.page(&[], &[change]).await,
            dev.submit(&[("origin", &own)], &[change]).await,
        ] {
            assert_eq!(
                parameter(&answer, "error").as_deref(),
                Some(error),
                "{change:?}"
            );
            assert_eq!(parameter(&answer, "code"), None);
        }
    }
    let many = vec![("x", "y"); 1001];
    let query = form(&asked(&[]).into_iter().chain(many).collect::<Vec<_>>());
    let path = format!("/dev/issuer/authorize?{query}");
    let answer = dev.follow_nothing("GET", &path, &[], String::new()).await;
    assert_eq!((answer.status, answer.header("location")), (400, None));
    let denied = dev
        .submit(&[("origin", &own)], &[("decision", "deny")])
        .await;
    assert_eq!(
        parameter(&denied, "error").as_deref(),
        Some("access_denied")
    );
}

#[tokio::test]
async fn a_browser_makes_no_token_without_a_person() {
    let dev = Dev::new().await;
    let alice = json!({ "sub": "alice" });
    for header in [
        ("origin", dev.world.base.as_str()),
        ("origin", "null"),
        ("sec-fetch-site", "same-origin"),
        ("sec-fetch-mode", "cors"),
        ("cookie", "a=b"),
    ] {
        assert_eq!(dev.ask(&[header], &alice).await.status, 403, "{header:?}");
    }
    let plain = header_map(&[("content-type", "text/plain")]);
    let answer = dev
        .world
        .send("POST", "/dev/issuer/id-token", plain, alice.to_string())
        .await;
    assert_eq!(answer.status, 403);
    for wrong in [
        json!({}),
        json!({ "sub": "" }),
        json!({ "sub": "a", "claims": { "iss": "https://evil.example" } }),
        json!({ "sub": "a", "expires_in": 0 }),
        json!({ "sub": "a", "expires_in": 86_401 }),
        json!({ "sub": "a", "client_id": "other" }),
        json!({ "sub": "a", "other": 1 }),
    ] {
        let answer = dev.ask(&[], &wrong).await;
        assert_eq!(answer.status, 400, "{wrong}");
        assert!(answer.json()["error_description"].is_string());
    }
}
