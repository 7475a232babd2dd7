//! Issuers that can't be reached, whose keys the operator gives in files: `[[issuers]]` in the configuration.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::world::{Key, World, claims};

const ISSUER: &str = "https://login.corp.example";
const USER_POOL: &str = "cognito-idp.us-west-2.amazonaws.com/us-west-2_AbC";

/// A world that knows the keys of an issuer and of a user pool from one file, and a pool that takes their tokens.
struct Scene {
    world: World,
    file: PathBuf,
    pool: String,
    _folder: tempfile::TempDir,
}

impl Scene {
    async fn with(key: &Key) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys.json");
        publish(&file, &[key]);
        let config = folder.path().join("cognate.toml");
        let issuer = |url: &str| {
            format!(
                "[[issuers]]\nurl = \"{url}\"\njwks_file = '{}'\n",
                file.display()
            )
        };
        let text = issuer(ISSUER) + &issuer(&format!("https://{USER_POOL}"));
        std::fs::write(&config, text).unwrap();
        let world = World::with(|flags| flags.config = Some(config)).await;
        let provider = [("Url", ISSUER), ("ClientIDList.member.1", "app")];
        let answer = world.iam("CreateOpenIDConnectProvider", &provider).await;
        let arn = answer.xml("OpenIDConnectProviderArn").unwrap();
        let client = json!({ "ProviderName": USER_POOL, "ClientId": "app" });
        let pool = world
            .pool(
                json!({ "OpenIdConnectProviderARNs": [arn], "CognitoIdentityProviders": [client] }),
            )
            .await;
        Self {
            world,
            file,
            pool,
            _folder: folder,
        }
    }

    /// The status of a login that `key` signs now.
    async fn login(&self, name: &str, key: &Key) -> u16 {
        let mut claims = claims(&format!("https://{name}"), "ada");
        claims["iat"] = json!(self.world.now());
        claims["exp"] = json!(self.world.now() + 60);
        let logins = json!({ name: key.token(&claims) });
        self.world.get_id(&self.pool, logins).await.status
    }

    async fn issuers(&self, key: &Key) -> u16 {
        self.login("login.corp.example", key).await
    }
}

fn publish(file: &PathBuf, keys: &[&Key]) {
    let keys: Vec<Value> = keys.iter().map(|key| key.jwk()).collect();
    // As an operator would: no reader sees half a file.
    let new = file.with_extension("new");
    std::fs::write(&new, json!({ "keys": keys }).to_string()).unwrap();
    std::fs::rename(new, file).unwrap();
}

#[tokio::test]
async fn issuers_that_cannot_be_reached_vouch_by_the_keys_in_their_file() {
    let (key, other) = (Key::rsa("one"), Key::rsa("one"));
    let scene = Scene::with(&key).await;
    assert_eq!(scene.issuers(&key).await, 200);
    assert_eq!(scene.login(USER_POOL, &key).await, 200);
    assert_eq!(scene.issuers(&other).await, 400);
}

#[tokio::test]
async fn a_file_that_changes_counts_at_once_for_new_keys_and_within_minutes_for_those_that_are_gone()
 {
    let (old, new) = (Key::rsa("old"), Key::p256("new"));
    let scene = Scene::with(&old).await;
    assert_eq!(scene.issuers(&old).await, 200);
    publish(&scene.file, &[&new]);
    scene.world.clock.advance(10);
    assert_eq!(scene.issuers(&new).await, 200);
    assert_eq!(scene.issuers(&old).await, 400);

    publish(&scene.file, &[&old]);
    scene.world.clock.advance(310);
    // This one begins the reading, the next one sees what was read.
    scene.issuers(&new).await;
    for _ in 0..100 {
        if scene.issuers(&new).await == 400 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("a key that is gone from its file is still believed");
}

#[tokio::test]
async fn a_file_that_is_gone_is_no_reason_to_believe_anybody() {
    let key = Key::rsa("one");
    let scene = Scene::with(&key).await;
    std::fs::remove_file(&scene.file).unwrap();
    let claims = claims(ISSUER, "ada");
    let logins = json!({ "login.corp.example": key.token(&claims) });
    let answer = scene.world.get_id(&scene.pool, logins).await;
    let text = "The identity provider login.corp.example can't be reached.";
    answer.refused("ExternalServiceException", text);
}
