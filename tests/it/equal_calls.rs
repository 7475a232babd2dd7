//! Two equal calls with a change between them: whatever the server remembers of the first call, the second answer follows
//! the change. The caches replace the work of signatures, and never a check.

use serde_json::{Value, json};

use crate::world::{
    ACCOUNT, Answer, Credentials, GUEST_ROLE, Issuer, Key, USER_ROLE, World, login, part,
};

struct Scene {
    world: World,
    issuer: Issuer,
    arn: String,
    pool: String,
    logins: Value,
    identity: String,
}

impl Scene {
    async fn new() -> Self {
        let world = World::new().await;
        let issuer = Issuer::with(Key::rsa("one")).await;
        let arn = world.register(&issuer, &["app", "other"]).await;
        let pool = json!({ "OpenIdConnectProviderARNs": [arn] });
        let pool = world.pool(pool).await;
        let token = issuer.token_saying("ada", &json!({ "groups": ["staff"] }));
        let logins = login(&issuer, &token);
        let identity = world.identity(&pool, logins.clone()).await;
        Self {
            world,
            issuer,
            arn,
            pool,
            logins,
            identity,
        }
    }

    async fn credentials(&self) -> Answer {
        let logins = self.logins.clone();
        self.world.credentials(&self.identity, logins).await
    }

    /// The text of a refusal to give credentials.
    async fn refusal(&self) -> String {
        let (status, code, text) = self.credentials().await.error();
        let found = (status, code.as_str());
        assert_eq!(found, (400, "NotAuthorizedException"), "{text}");
        text
    }

    async fn role(&self) -> String {
        let answer = self.credentials().await.ok();
        let session = Credentials::of(&answer["Credentials"]);
        self.world.open_session(&session).role.to_string()
    }

    async fn token(&self) -> String {
        let answer = self.world.get_token(&self.identity, self.logins.clone());
        answer.await.ok()["Token"].as_str().unwrap().to_owned()
    }

    async fn map(&self, group: &str, name: &str) {
        let condition = json!({
            "Claim": "groups", "MatchType": "Contains", "Value": group, "RoleARN": role_named(name),
        });
        let mapping = json!({
            "Type": "Rules", "AmbiguousRoleResolution": "AuthenticatedRole",
            "RulesConfiguration": { "Rules": [condition] },
        });
        let input = json!({
            "IdentityPoolId": self.pool, "RoleMappings": { self.arn.as_str(): mapping },
            "Roles": { "authenticated": USER_ROLE, "unauthenticated": GUEST_ROLE },
        });
        self.world.admin("SetIdentityPoolRoles", input).await.ok();
    }

    async fn reuse_tokens(&self) {
        let pool = json!({ "IdentityPoolId": self.pool });
        let settings = self.world.admin("Cognate.GetPoolSettings", pool).await.ok();
        let text = settings["Settings"].as_str().unwrap();
        let changed = text.replace(
            r#""ReuseOpenIdTokens":false"#,
            r#""ReuseOpenIdTokens":true"#,
        );
        assert_ne!(text, changed);
        let input = json!({
            "IdentityPoolId": self.pool, "Settings": changed, "Version": settings["Version"],
        });
        self.world
            .admin("Cognate.SetPoolSettings", input)
            .await
            .ok();
    }
}

pub fn role_named(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{name}")
}

/// A trust policy for tokens of a registered issuer.
pub fn trust(provider: &str, client: &str) -> String {
    let issuer = provider.split_once(":oidc-provider/").unwrap().1;
    json!({
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow", "Principal": { "Federated": provider },
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": { "StringEquals": { format!("{issuer}:aud"): client } },
        },
    })
    .to_string()
}

#[tokio::test]
async fn a_group_that_another_rule_names() {
    let scene = Scene::new().await;
    scene.map("staff", "Staff").await;
    assert_eq!(scene.role().await, role_named("Staff"));
    scene.map("staff", "Other").await;
    assert_eq!(scene.role().await, role_named("Other"));
    scene.map("admins", "Other").await;
    assert_eq!(scene.role().await, USER_ROLE);
}

#[tokio::test]
async fn a_client_id_that_is_removed() {
    let scene = Scene::new().await;
    scene.credentials().await.ok();
    let parameters = [
        ("OpenIDConnectProviderArn", scene.arn.as_str()),
        ("ClientID", "app"),
    ];
    let removed = scene
        .world
        .iam("RemoveClientIDFromOpenIDConnectProvider", &parameters)
        .await;
    assert_eq!(removed.status, 200, "{}", removed.text);
    let text = scene.refusal().await;
    assert!(
        text.contains("Token is not from a supported provider"),
        "{text}"
    );
}

#[tokio::test]
async fn a_key_that_leaves_the_key_set() {
    let scene = Scene::new().await;
    scene.credentials().await.ok();
    // The set is fetched because a token names the new key. The time is not that of a set's end.
    let new = Key::rsa("two");
    scene.issuer.serve_keys(json!({ "keys": [new.jwk()] }));
    scene.world.clock.advance(6);
    let token = new.token(&crate::world::claims(scene.issuer.url(), "bob"));
    let pool = scene.pool.as_str();
    scene
        .world
        .identity(pool, login(&scene.issuer, &token))
        .await;
    scene.refusal().await;
}

#[tokio::test]
async fn a_key_that_keeps_its_id_and_is_another() {
    let scene = Scene::new().await;
    scene.credentials().await.ok();
    let same_id = Key::rsa("one");
    scene
        .issuer
        .serve_keys(json!({ "keys": [same_id.jwk(), Key::rsa("two").jwk()] }));
    scene.world.clock.advance(6);
    let unknown = Key::rsa("three").token(&crate::world::claims(scene.issuer.url(), "bob"));
    let fetches = scene.issuer.fetches();
    let refused = scene
        .world
        .get_id(&scene.pool, login(&scene.issuer, &unknown))
        .await;
    assert_eq!(refused.status, 400);
    assert!(scene.issuer.fetches() > fetches, "the set was fetched");
    scene.refusal().await;
}

#[tokio::test]
async fn a_condition_of_a_trust_policy() {
    let scene = Scene::new().await;
    let world = &scene.world;
    let policy = trust(&scene.arn, "app");
    let parameters = [
        ("RoleName", "Web"),
        ("AssumeRolePolicyDocument", policy.as_str()),
    ];
    let made = world.iam("CreateRole", &parameters).await;
    assert_eq!(made.status, 200, "{}", made.text);
    let token = scene.logins[scene.issuer.name()].as_str().unwrap();
    let role = role_named("Web");
    for _ in 0..2 {
        assert_eq!(world.assume(&role, token).await.status, 200);
    }
    let policy = trust(&scene.arn, "other");
    let parameters = [("RoleName", "Web"), ("PolicyDocument", policy.as_str())];
    let changed = world.iam("UpdateAssumeRolePolicy", &parameters).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    let denied = "Not authorized to perform sts:AssumeRoleWithWebIdentity";
    let answer = world.assume(&role, token).await;
    answer.query_refused(403, "AccessDenied", denied);
}

#[tokio::test]
async fn a_revocation() {
    let scene = Scene::new().await;
    scene.reuse_tokens().await;
    scene.credentials().await.ok();
    assert_eq!(scene.token().await, scene.token().await);
    let input = json!({ "IdentityId": scene.identity });
    scene
        .world
        .admin("Cognate.RevokeIdentity", input)
        .await
        .ok();
    let text = format!("Access to Identity '{}' is forbidden.", scene.identity);
    scene
        .credentials()
        .await
        .refused("NotAuthorizedException", &text);
    let answer = scene
        .world
        .get_token(&scene.identity, scene.logins.clone())
        .await;
    answer.refused("NotAuthorizedException", &text);
}

#[tokio::test]
async fn the_signing_key_of_a_token_that_is_given_again() {
    let scene = Scene::new().await;
    scene.reuse_tokens().await;
    let first = scene.token().await;
    assert_eq!(scene.token().await, first);
    let purpose = json!({ "Purpose": "Signing" });
    scene.world.admin("Cognate.RotateKeys", purpose).await.ok();
    let second = scene.token().await;
    assert_ne!(part(&first, 0)["kid"], part(&second, 0)["kid"]);
    assert_eq!(scene.token().await, second);
}

#[tokio::test]
async fn an_open_id_token_is_given_again_only_where_the_pool_wants_it_and_half_its_life_is_left() {
    let scene = Scene::new().await;
    let first = scene.token().await;
    scene.world.clock.advance(1);
    let second = scene.token().await;
    assert_ne!(first, second, "as the real service");
    scene.reuse_tokens().await;
    let first = scene.token().await;
    scene.world.clock.advance(299);
    assert_eq!(scene.token().await, first);
    scene.world.clock.advance(1);
    let second = scene.token().await;
    assert_ne!(second, first);
    assert_eq!(scene.token().await, second);
    scene.world.clock.advance(-1);
    assert_ne!(scene.token().await, second, "it would be of the future");
}

#[tokio::test]
async fn an_open_id_token_of_other_logins_or_another_identity_is_another() {
    let scene = Scene::new().await;
    scene.reuse_tokens().await;
    let world = &scene.world;
    let ada = scene.token().await;
    let bob = login(&scene.issuer, &scene.issuer.token("bob"));
    let other = world.identity(&scene.pool, bob.clone()).await;
    let answer = world.get_token(&other, bob).await.ok();
    assert_ne!(
        part(answer["Token"].as_str().unwrap(), 1)["sub"],
        part(&ada, 1)["sub"]
    );
    // Another token of the same user for another client leads to another `amr`.
    let claims = json!({ "aud": "other" });
    let second = login(&scene.issuer, &scene.issuer.token_saying("ada", &claims));
    let answer = world.get_token(&scene.identity, second).await.ok();
    let second = answer["Token"].as_str().unwrap();
    assert_ne!(second, ada);
    assert_eq!(part(second, 1)["sub"], part(&ada, 1)["sub"]);
}
