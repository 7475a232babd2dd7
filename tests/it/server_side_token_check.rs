//! ServerSideTokenCheck: a user pool is asked about each user whose ID token is good.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use cognate::sigv4::{self, KeyCache, KeyError, SecretKey, SecretKeys, SignatureRules};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::world::{Answer, Key, World, beginning, claims};

const HOST: &str = "cognito-idp.us-west-2.amazonaws.com";
const NAME: &str = "cognito-idp.us-west-2.amazonaws.com/us-west-2_AbC";
const KEY_ID: &str = "AKIAUSERPOOLSEXAMPLE";
const SECRET: &str = "userpools/K7MDENG/bPxRfiCYEXAMPLEKEY";

/// What the stand-in for the user pool answers about a user, and what it was asked.
struct Inside {
    keys: String,
    answer: Mutex<(StatusCode, String)>,
    silent: Mutex<bool>,
    asked: Mutex<Vec<(HeaderMap, String)>>,
}

/// A stand-in for a user pool, and a pool that takes the tokens of its clients `checked` and `unchecked`.
struct Scene {
    world: World,
    inside: Arc<Inside>,
    key: Key,
    pool: String,
    _folder: tempfile::TempDir,
}

fn user() -> Value {
    json!({
        "Username": "ada", "Enabled": true, "UserStatus": "CONFIRMED", "UserCreateDate": 1.5,
        "UserAttributes": [{ "Name": "email", "Value": "ada@example.com" }, { "Name": "sub", "Value": "0a1b" }],
    })
}

impl Scene {
    async fn new() -> Self {
        let key = Key::rsa("one");
        let inside = Arc::new(Inside {
            keys: json!({ "keys": [key.jwk()] }).to_string(),
            answer: Mutex::new((StatusCode::OK, user().to_string())),
            silent: Mutex::new(false),
            asked: Mutex::default(),
        });
        let base = serve(Arc::clone(&inside)).await;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("cognate.toml");
        let text = format!(
            "[user_pools]\naccess_key_id = \"{KEY_ID}\"\nsecret_access_key = \"{SECRET}\"\n"
        );
        std::fs::write(&file, text).unwrap();
        let world = World::with(|flags| {
            flags.config = Some(file);
            flags.upstreams = vec![format!("{HOST}={base}")];
        })
        .await;
        let client = |id: &str, check: bool| json!({ "ProviderName": NAME, "ClientId": id, "ServerSideTokenCheck": check });
        let clients = [client("checked", true), client("unchecked", false)];
        let pool = world
            .pool(json!({ "CognitoIdentityProviders": clients }))
            .await;
        Self {
            world,
            inside,
            key,
            pool,
            _folder: folder,
        }
    }

    fn answers(&self, status: u16, text: &impl ToString) {
        let status = StatusCode::from_u16(status).unwrap();
        *self.inside.answer.lock().unwrap() = (status, text.to_string());
    }

    fn asked(&self) -> Vec<(HeaderMap, String)> {
        self.inside.asked.lock().unwrap().clone()
    }

    fn logins(&self, client: &str) -> Value {
        let mut claims = claims(&format!("https://{NAME}"), "0a1b");
        claims["aud"] = json!(client);
        claims["token_use"] = json!("id");
        claims["cognito:username"] = json!("ada");
        json!({ NAME: self.key.token(&claims) })
    }

    async fn get_id(&self) -> Answer {
        self.world.get_id(&self.pool, self.logins("checked")).await
    }
}

async fn serve(inside: Arc<Inside>) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new()
        .route(
            "/us-west-2_AbC/.well-known/jwks.json",
            get(|State(inside): State<Arc<Inside>>| async move { inside.keys.clone() }),
        )
        .route("/", post(answer))
        .with_state(inside);
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    base
}

async fn answer(
    State(inside): State<Arc<Inside>>,
    headers: HeaderMap,
    body: String,
) -> (StatusCode, String) {
    inside.asked.lock().unwrap().push((headers, body));
    if *inside.silent.lock().unwrap() {
        std::future::pending::<()>().await;
    }
    inside.answer.lock().unwrap().clone()
}

/// The one key that user pools are asked with.
struct OneKey;

impl SecretKeys for OneKey {
    type Owner = ();

    fn key(
        &self,
        id: &str,
        token: Option<&str>,
        _: Timestamp,
    ) -> Result<(SecretKey, ()), KeyError> {
        assert_eq!((id, token), (KEY_ID, None));
        Ok((SecretKey::new(SECRET.to_owned()), ()))
    }
}

#[tokio::test]
async fn the_user_pool_is_asked_about_each_user_with_a_signed_request() {
    let scene = Scene::new().await;
    let ada = scene.get_id().await.ok()["IdentityId"].clone();
    let (mut headers, body) = scene.asked().remove(0);
    assert_eq!(
        body,
        json!({ "UserPoolId": "us-west-2_AbC", "Username": "ada" }).to_string()
    );
    let target = "AWSCognitoIdentityProviderService.AdminGetUser";
    assert_eq!(headers["x-amz-target"], target);
    // It is signed for the real host, whatever stands in its place.
    headers.remove("host");
    let request = sigv4::Request {
        method: "POST",
        path: "/",
        query: "",
        authority: Some(HOST),
        headers: &headers,
        body: body.as_bytes(),
    };
    let rules = SignatureRules {
        services: &["cognito-idp"],
        region: &|region| region.as_str() == "us-west-2",
        presigned: false,
    };
    sigv4::verify(&request, &rules, &OneKey, &KeyCache::default(), beginning()).unwrap();

    // At each use, so that a user who is shut out gets no more credentials.
    let logins = scene.logins("checked");
    let ada = ada.as_str().unwrap();
    scene.world.credentials(ada, logins.clone()).await.ok();
    assert_eq!(scene.asked().len(), 2);
    scene.answers(400, &json!({ "__type": "UserNotFoundException" }));
    let answer = scene.world.credentials(ada, logins).await;
    assert_eq!(answer.error().1, "NotAuthorizedException");
}

#[tokio::test]
async fn a_user_who_is_disabled_deleted_or_another_is_refused() {
    let scene = Scene::new().await;
    let with = |name: &str, value: Value| {
        let mut user = user();
        user[name] = value;
        (200, user)
    };
    let another = json!([{ "Name": "sub", "Value": "9z" }]);
    let two = json!([{ "Name": "sub", "Value": "0a1b" }, { "Name": "sub", "Value": "9z" }]);
    let gone = json!({ "__type": "UserNotFoundException", "message": "User does not exist." });
    let qualified = json!({ "__type": "com.amazonaws.cognito#UserNotFoundException" });
    for (status, answer) in [
        with("Enabled", json!(false)),
        with("UserStatus", json!("RESET_REQUIRED")),
        with("UserStatus", json!("FORCE_CHANGE_PASSWORD")),
        with("UserAttributes", another),
        with("UserAttributes", two),
        with("UserAttributes", json!([])),
        (400, gone),
        (400, qualified),
    ] {
        scene.answers(status, &answer);
        let text = "Invalid login token. The user is disabled or no longer there.";
        let refused = scene.get_id().await;
        refused.refused("NotAuthorizedException", text);
    }
    scene.answers(200, &with("UserStatus", json!("EXTERNAL_PROVIDER")).1);
    scene.get_id().await.ok();
}

#[tokio::test]
async fn a_user_pool_that_cannot_tell_is_an_external_failure() {
    let scene = Scene::new().await;
    let megabytes = json!({ "Enabled": true, "x": "x".repeat(10_000_000) });
    let doubled = user().to_string().replacen('{', r#"{"Enabled":false,"#, 1);
    for (status, answer) in [
        (500, String::new()),
        (
            400,
            json!({ "__type": "NotAuthorizedException" }).to_string(),
        ),
        (
            400,
            json!({ "__type": "ResourceNotFoundException" }).to_string(),
        ),
        (
            400,
            json!({ "__type": "TooManyRequestsException" }).to_string(),
        ),
        (302, String::new()),
        (200, "<html>".to_owned()),
        (200, "{}".to_owned()),
        (200, doubled),
        (200, megabytes.to_string()),
    ] {
        scene.answers(status, &answer);
        let text = format!("The identity provider {NAME} can't be reached.");
        let refused = scene.get_id().await;
        refused.refused("ExternalServiceException", &text);
    }
}

#[tokio::test]
async fn a_user_pool_that_keeps_silent_is_given_up_within_seconds() {
    let scene = Scene::new().await;
    scene.get_id().await.ok();
    *scene.inside.silent.lock().unwrap() = true;
    let answer = timeout(Duration::from_secs(8), scene.get_id()).await;
    let answer = answer.expect("an answer within seconds");
    assert_eq!(answer.error().1, "ExternalServiceException");
}

#[tokio::test]
async fn nobody_asks_for_a_client_without_the_check_or_about_a_forged_token() {
    let scene = Scene::new().await;
    scene.answers(500, &"");
    scene
        .world
        .identity(&scene.pool, scene.logins("unchecked"))
        .await;
    let mut forged = claims(&format!("https://{NAME}"), "0a1b");
    forged["aud"] = json!("checked");
    forged["cognito:username"] = json!("ada");
    let logins = json!({ NAME: Key::rsa("one").token(&forged) });
    let answer = scene.world.get_id(&scene.pool, logins).await;
    let text = "Invalid login token. Couldn't verify signed token.";
    answer.refused("NotAuthorizedException", text);
    assert!(scene.asked().is_empty());
}

#[tokio::test]
async fn a_token_without_a_user_name_cannot_be_asked_about() {
    let scene = Scene::new().await;
    let mut claims = claims(&format!("https://{NAME}"), "0a1b");
    claims["aud"] = json!("checked");
    let logins = json!({ NAME: scene.key.token(&claims) });
    let answer = scene.world.get_id(&scene.pool, logins).await;
    let text = "Invalid login token. Missing a required claim: cognito:username";
    answer.refused("NotAuthorizedException", text);
}

#[tokio::test]
async fn an_explanation_asks_the_user_pool_and_tells_what_it_said() {
    let scene = Scene::new().await;
    let mut disabled = user();
    disabled["Enabled"] = json!(false);
    scene.answers(200, &disabled);
    let input = json!({ "IdentityPoolId": scene.pool, "Logins": scene.logins("checked") });
    let answer = scene.world.admin("Cognate.ExplainLogin", input).await.ok();
    let last = answer["Checks"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&last["Check"], &last["Passed"]),
        (&json!("user"), &json!(false))
    );
    assert!(
        last["Found"]
            .as_str()
            .unwrap()
            .contains("the user is disabled"),
        "{last}"
    );
}
