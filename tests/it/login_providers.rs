//! What every kind of provider that signs ID tokens is held to: an OpenID Connect issuer, a Cognito user pool, Google and
//! Apple, each good and bad, away, slow and mad.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;

use crate::world::{Answer, Issuer, Key, World, claims};

/// A world with one provider of a kind, and a pool that takes its tokens for the client `app`.
struct Scene {
    world: World,
    issuer: Issuer,
    pool: String,
    /// The provider's `Logins` key.
    name: String,
    /// What its tokens say of their issuer.
    url: String,
}

impl Scene {
    async fn oidc() -> Self {
        let (world, issuer) = (World::new().await, Issuer::new().await);
        let pool = world.pool_of(&issuer).await;
        let (name, url) = (issuer.name().to_owned(), issuer.url().to_owned());
        Self {
            world,
            issuer,
            pool,
            name,
            url,
        }
    }

    /// The pool is in another region than the user pool.
    async fn user_pool() -> Self {
        let issuer = Issuer::new().await;
        let host = "cognito-idp.us-west-2.amazonaws.com";
        let world =
            World::with(|flags| flags.upstreams = vec![format!("{host}={}", issuer.base())]).await;
        let name = format!("{host}/us-west-2_AbC");
        let client = json!({ "ProviderName": name, "ClientId": "app" });
        let pool = world
            .pool(json!({ "CognitoIdentityProviders": [client] }))
            .await;
        let url = format!("https://{name}");
        Self {
            world,
            issuer,
            pool,
            name,
            url,
        }
    }

    /// Google or Apple.
    async fn public(name: &str) -> Self {
        let url = format!("https://{name}");
        let issuer = Issuer::named(&url).await;
        let upstream = format!("{name}={}", issuer.base());
        let world = World::with(|flags| flags.upstreams = vec![upstream]).await;
        let pool = world
            .pool(json!({ "SupportedLoginProviders": { name: "app" } }))
            .await;
        Self {
            world,
            issuer,
            pool,
            name: name.to_owned(),
            url,
        }
    }

    async fn all() -> [Self; 4] {
        [
            Self::oidc().await,
            Self::user_pool().await,
            Self::public("accounts.google.com").await,
            Self::public("appleid.apple.com").await,
        ]
    }

    /// A good token of a user, into which `more` is written.
    fn token(&self, subject: &str, more: &Value) -> String {
        self.token_by(&self.issuer.key, subject, more)
    }

    fn token_by(&self, key: &Key, subject: &str, more: &Value) -> String {
        let mut claims = claims(&self.url, subject);
        claims["token_use"] = json!("id");
        for (name, value) in more.as_object().unwrap() {
            claims[name] = value.clone();
        }
        key.token(&claims)
    }

    async fn get_id(&self, token: &str) -> Answer {
        let logins = json!({ &self.name: token });
        self.world.get_id(&self.pool, logins).await
    }

    async fn identity(&self, token: &str) -> String {
        let answer = self.get_id(token).await.ok();
        answer["IdentityId"].as_str().unwrap().to_owned()
    }

    async fn refused(&self, token: &str, text: &str) {
        let answer = self.get_id(token).await;
        answer.refused("NotAuthorizedException", text);
    }

    /// That a good login is answered with an external failure, within seconds.
    async fn cannot_be_asked(&self) {
        let token = self.token("ada", &json!({}));
        let answer = timeout(Duration::from_secs(8), self.get_id(&token)).await;
        let answer = answer.expect("an answer within seconds");
        let text = format!("The identity provider {} can't be reached.", self.name);
        answer.refused("ExternalServiceException", &text);
    }
}

#[tokio::test]
async fn a_user_is_the_same_identity_each_time_and_another_user_another() {
    for scene in Scene::all().await {
        let ada = scene.identity(&scene.token("ada", &json!({}))).await;
        let again = scene.token("ada", &json!({ "jti": "another token" }));
        assert_eq!(scene.identity(&again).await, ada);
        let bob = scene.identity(&scene.token("bob", &json!({}))).await;
        assert_ne!(bob, ada);
        let logins = json!({ &scene.name: again });
        let answer = scene.world.credentials(&ada, logins).await.ok();
        assert_eq!(answer["IdentityId"], json!(ada));
    }
}

#[tokio::test]
async fn an_expired_token_is_refused_with_both_times() {
    for scene in Scene::all().await {
        let (now, token) = (
            scene.world.now(),
            scene.token("ada", &json!({ "exp": scene.world.now() })),
        );
        let text = format!("Invalid login token. Token expired: {now} >= {now}");
        scene.refused(&token, &text).await;
    }
}

#[tokio::test]
async fn a_token_for_another_client_is_refused_and_nothing_is_fetched_for_it() {
    for scene in Scene::all().await {
        let token = scene.token("ada", &json!({ "aud": "other" }));
        let text = "Token is not from a supported provider of this identity pool.";
        scene.refused(&token, text).await;
        assert_eq!(scene.issuer.fetches(), 0);
    }
}

#[tokio::test]
async fn what_is_no_token_or_not_the_providers_is_refused() {
    for scene in Scene::all().await {
        let good = scene.token("ada", &json!({}));
        let no_token = "Invalid login token. Not a valid OpenId Connect identity token.";
        for malformed in ["x", "x.y.z", &format!("{good}."), &good[1..]] {
            scene.refused(malformed, no_token).await;
        }
        let forged = scene.token_by(&Key::rsa("one"), "ada", &json!({}));
        let text = "Invalid login token. Couldn't verify signed token.";
        scene.refused(&forged, text).await;
        let of_another = scene.token("ada", &json!({ "iss": "https://example.com" }));
        let text = "Invalid login token. Issuer doesn't match providerName";
        scene.refused(&of_another, text).await;
    }
}

#[tokio::test]
async fn a_provider_that_is_away_is_an_external_failure_until_it_is_back() {
    for scene in Scene::all().await {
        scene.issuer.away(true);
        scene.cannot_be_asked().await;
        scene.issuer.away(false);
        scene.world.clock.advance(10);
        scene.identity(&scene.token("ada", &json!({}))).await;
    }
}

#[tokio::test]
async fn a_provider_that_does_not_answer_is_given_up_within_seconds() {
    let all = Scene::all().await;
    for scene in &all {
        scene.issuer.hold(true);
    }
    let [one, two, three, four] = &all;
    tokio::join!(
        one.cannot_be_asked(),
        two.cannot_be_asked(),
        three.cannot_be_asked(),
        four.cannot_be_asked(),
    );
}

#[tokio::test]
async fn a_provider_that_answers_garbage_or_megabytes_is_an_external_failure() {
    for scene in Scene::all().await {
        let jwk = scene.issuer.key.jwk().to_string();
        let megabytes = format!(r#"{{"keys":[{jwk}],"x":"{}"}}"#, "x".repeat(10_000_000));
        for text in [
            "<html>garbage",
            "[]",
            r#"{"keys":{}}"#,
            r#"{"keys":[],"keys":[]}"#,
            &megabytes,
        ] {
            scene.issuer.serve_text(text.to_owned());
            scene.cannot_be_asked().await;
            // Past the pause between two fetches.
            scene.world.clock.advance(10);
        }
        scene
            .issuer
            .serve_keys(json!({ "keys": [scene.issuer.key.jwk()] }));
        scene.identity(&scene.token("ada", &json!({}))).await;
    }
}

#[tokio::test]
async fn an_issuer_may_have_a_path_and_its_keys_no_names() {
    let world = World::new().await;
    let issuer = Issuer::below("/realms/people").await;
    assert!(issuer.name().ends_with("/realms/people"));
    let pool = world.pool_of(&issuer).await;
    let mut nameless = issuer.key.jwk();
    nameless.as_object_mut().unwrap().remove("kid");
    issuer.serve_keys(json!({ "keys": [nameless] }));
    let header = json!({ "alg": "RS256" });
    let claims = claims(issuer.url(), "ada").to_string();
    let token = issuer.key.token_with(&header, &claims);
    let logins = json!({ issuer.name(): token });
    world.identity(&pool, logins).await;
    // Its neighbour on the same host is another issuer.
    let neighbour = json!({ issuer.name().replace("people", "others"): token });
    let answer = world.get_id(&pool, neighbour).await;
    let text = "Invalid login token. Issuer doesn't match providerName";
    answer.refused("NotAuthorizedException", text);
}
