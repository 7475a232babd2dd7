use std::collections::HashSet;
use std::sync::Mutex;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::{Scene, own_claims};
use crate::world::{Asked, StandIn};

pub const APP: &str = "DfwifTt1;Xgj5xb8x";
pub const TWITTER: &str = "https://api.twitter.com/1.1/account/verify_credentials.json";
const DIGITS: &str = "https://api.digits.com/1.1/sdk/account.json";

fn encode(text: &str) -> String {
    const SET: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~');
    utf8_percent_encode(text, SET).to_string()
}

/// The account call at `url`, for the app [`APP`]. A token is `USER-x` and its secret `secret/USER`.
pub fn account(url: &'static str) -> impl Fn(&Asked) -> (u16, Value) + Send + Sync {
    let nonces = Mutex::new(HashSet::new());
    let wrong = |code: i64, message: &str| {
        (
            401,
            json!({ "errors": [{ "code": code, "message": message }] }),
        )
    };
    move |asked| {
        assert!(url.ends_with(&asked.path), "{}", asked.path);
        let (key, secret) = APP.split_once(';').unwrap();
        let names = [
            "consumer_key",
            "nonce",
            "signature_method",
            "timestamp",
            "token",
            "version",
        ];
        let signed: Vec<String> = names
            .iter()
            .map(|name| {
                let name = format!("oauth_{name}");
                format!("{name}={}", encode(&asked.oauth(&name)))
            })
            .collect();
        let base = format!("GET&{}&{}", encode(url), encode(&signed.join("&")));
        let token = asked.oauth("oauth_token");
        let Some(user) = token.strip_suffix("-x") else {
            return wrong(89, "Invalid or expired token.");
        };
        let hmac_key = format!("{}&{}", encode(secret), encode(&format!("secret/{user}")));
        let hmac_key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, hmac_key.as_bytes());
        let signature = STANDARD.decode(asked.oauth("oauth_signature")).unwrap();
        let good = hmac::verify(&hmac_key, base.as_bytes(), &signature).is_ok();
        if !good || asked.oauth("oauth_consumer_key") != key {
            return wrong(32, "Could not authenticate you.");
        }
        assert!(nonces.lock().unwrap().insert(asked.oauth("oauth_nonce")));
        (
            200,
            json!({ "id": 7, "id_str": user, "screen_name": "ada" }),
        )
    }
}

async fn scene(key: &'static str) -> Scene {
    let (host, url) = match key {
        "api.twitter.com" => ("api.twitter.com", TWITTER),
        _ => ("api.digits.com", DIGITS),
    };
    let provider = StandIn::new(account(url)).await;
    Scene {
        world: Scene::world(host, &provider).await,
        provider,
        key,
        app: APP,
        other_app: "another;Xgj5xb8x",
        login: |user| format!("38895{user}-x;secret/38895{user}"),
        expired: "38895;secret",
        malformed: ["7-x", "7-x;", ";s", "7-x;s;s", "7 x;s", "7-x;é"]
            .map(str::to_owned)
            .into(),
        calls: 1,
    }
}

#[tokio::test]
async fn users_of_twitter_log_in_with_a_token_and_its_secret() {
    scene("api.twitter.com").await.check().await;
}

#[tokio::test]
async fn users_of_digits_log_in_with_a_token_and_its_secret() {
    scene("www.digits.com").await.check().await;
}

#[tokio::test]
async fn a_wrong_secret_is_refused_whosoever_it_is() {
    let scene = scene("api.twitter.com").await;
    let pool = scene.pool().await;
    let good = scene.world.identity(&pool, scene.logins(1)).await;
    let logins = json!({ scene.key: "388951-x;secret/388952" });
    let answer = scene.world.get_id(&pool, logins).await;
    answer.refused("NotAuthorizedException", super::INVALID);
    // A pool with the app's key and not its secret doesn't profit from what is remembered.
    let thief = scene.pool_of("DfwifTt1;guess").await;
    let answer = scene.world.get_id(&thief, scene.logins(1)).await;
    answer.refused("NotAuthorizedException", super::INVALID);
    assert_eq!(scene.world.identity(&pool, scene.logins(1)).await, good);
}

#[tokio::test]
async fn tokens_name_the_consumer_key_and_never_its_secret() {
    for key in ["api.twitter.com", "www.digits.com"] {
        let scene = scene(key).await;
        let pool = scene.pool().await;
        let set =
            json!({ "IdentityPoolId": pool, "IdentityProviderName": key, "UseDefaults": true });
        scene
            .world
            .admin("SetPrincipalTagAttributeMap", set)
            .await
            .ok();
        let ada = scene.world.identity(&pool, scene.logins(1)).await;
        let claims = own_claims(&scene.world, &ada, scene.logins(1)).await;
        let amr = json!(["authenticated", key, format!("{key}:DfwifTt1:388951")]);
        assert_eq!(claims["amr"], amr);
        let tags = json!({ "principal_tags": { "username": ["388951"], "client": ["DfwifTt1"] } });
        assert_eq!(claims["https://aws.amazon.com/tags"], tags);
        assert!(!claims.to_string().contains("Xgj5xb8x"));
    }
}
