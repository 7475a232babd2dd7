//! Cognate's own operations on keys, and what a rotation means to those who hold tokens and credentials.

use serde_json::{Value, json};

use crate::world::{Credentials, GUEST_ROLE, World};

async fn token(world: &World, guest: &str) -> String {
    let answer = world
        .public("GetOpenIdToken", json!({ "IdentityId": guest }))
        .await
        .ok();
    answer["Token"].as_str().unwrap().to_owned()
}

async fn published(world: &World) -> Vec<String> {
    let keys = world.get("/.well-known/jwks_uri").await.ok();
    let ids = keys["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key["kid"].as_str().unwrap().to_owned());
    ids.collect()
}

async fn assume(world: &World, token: &str) -> u16 {
    let parameters = [
        ("RoleArn", GUEST_ROLE),
        ("RoleSessionName", "me"),
        ("WebIdentityToken", token),
    ];
    world
        .sts("AssumeRoleWithWebIdentity", &parameters)
        .await
        .status
}

async fn guest(world: &World) -> String {
    let pool = world.pool(json!({})).await;
    world.identity(&pool, json!({})).await
}

fn states(answer: &Value) -> Vec<(String, String)> {
    let text = |key: &Value, name: &str| key[name].as_str().unwrap().to_owned();
    let keys = answer["Keys"].as_array().unwrap();
    keys.iter()
        .map(|key| (text(key, "State"), text(key, "KeyId")))
        .collect()
}

#[tokio::test]
async fn a_rotation_leaves_no_gap() {
    let world = World::new().await;
    let guest = guest(&world).await;
    let before = published(&world).await;
    assert_eq!(before.len(), 2, "the key that signs and the one that will");
    let old = token(&world, &guest).await;

    let answer = world
        .admin("Cognate.RotateKeys", json!({ "Purpose": "Signing" }))
        .await
        .ok();
    let after = published(&world).await;
    assert_eq!(
        after[0], before[1],
        "the key that was published behind it signs now, and stands first"
    );
    assert!(
        !before.contains(&after[1]),
        "a new one is published behind it"
    );
    assert_eq!(after[2], before[0], "the old one is still believed");
    let wanted = ["current", "next", "retired"].into_iter().zip(&after);
    assert_eq!(
        states(&answer),
        wanted
            .map(|(state, id)| (state.to_owned(), id.clone()))
            .collect::<Vec<_>>()
    );

    assert_eq!(assume(&world, &old).await, 200);
    assert_eq!(assume(&world, &token(&world, &guest).await).await, 200);
    world.clock.advance(24 * 3600 + 600);
    assert_eq!(
        published(&world).await,
        after[..2],
        "until the last token it signed has expired"
    );
}

#[tokio::test]
async fn a_key_that_is_not_published_long_enough_does_not_sign() {
    let world = World::new().await;
    let rotate = async || {
        world
            .admin("Cognate.RotateKeys", json!({ "Purpose": "Signing" }))
            .await
    };
    rotate().await.ok();
    let keys = published(&world).await;
    rotate().await.refused(
        "InvalidParameterException",
        "The next key has not been published long enough: copies of the key set without it may be kept until \
         2026-03-01T12:05:00Z. Rotate then; if the current key is compromised, say so, and it is dropped at once.",
    );
    assert_eq!(
        published(&world).await,
        keys,
        "nothing is changed by a refusal"
    );
    let control = world
        .get("/.well-known/jwks_uri")
        .await
        .header("cache-control");
    assert_eq!(
        control.as_deref(),
        Some("public, max-age=300"),
        "as long as copies are kept"
    );
    world.clock.advance(300);
    rotate().await.ok();
}

#[tokio::test]
async fn a_compromised_signing_key_is_dropped_at_once() {
    let world = World::new().await;
    let guest = guest(&world).await;
    let old = token(&world, &guest).await;
    let before = published(&world).await;
    let answer = world
        .admin(
            "Cognate.RotateKeys",
            json!({ "Purpose": "Signing", "Compromised": true }),
        )
        .await
        .ok();
    assert!(
        answer["Consequence"]
            .as_str()
            .unwrap()
            .contains("refused here at once")
    );
    let after = published(&world).await;
    assert!(!after.contains(&before[0]) && after[0] == before[1]);
    assert_eq!(assume(&world, &old).await, 400);
    assert_eq!(assume(&world, &token(&world, &guest).await).await, 200);
}

#[tokio::test]
async fn sessions_outlive_a_rotation_and_end_with_a_compromised_key() {
    let world = World::new().await;
    let guest = guest(&world).await;
    let session = async || {
        let answer = world.credentials(&guest, json!({})).await.ok();
        Credentials::of(&answer["Credentials"])
    };
    let caller = [("Action", "GetCallerIdentity"), ("Version", "2011-06-15")];
    let status = async |who: &Credentials| world.signed_query(who, "sts", &caller).await.status;
    let one = session().await;
    world
        .admin("Cognate.RotateKeys", json!({ "Purpose": "Sealing" }))
        .await
        .ok();
    let two = session().await;
    assert_eq!((status(&one).await, status(&two).await), (200, 200));
    let list = world
        .admin("Cognate.ListKeys", json!({ "Purpose": "Sealing" }))
        .await
        .ok();
    let retired = states(&list)
        .into_iter()
        .find(|(state, _)| state == "retired")
        .unwrap()
        .1;
    let drop = json!({ "Purpose": "Sealing", "Compromised": true, "KeyId": retired });
    world.admin("Cognate.RotateKeys", drop).await.ok();
    assert_eq!((status(&one).await, status(&two).await), (403, 200));
    world
        .admin(
            "Cognate.RotateKeys",
            json!({ "Purpose": "Sealing", "Compromised": true }),
        )
        .await
        .ok();
    assert_eq!(status(&two).await, 403);
    assert_eq!(status(&session().await).await, 200);
}

#[tokio::test]
async fn keys_are_the_same_after_a_restart() {
    let world = World::new().await;
    let guest = guest(&world).await;
    let old = token(&world, &guest).await;
    world
        .admin("Cognate.RotateKeys", json!({ "Purpose": "Signing" }))
        .await
        .ok();
    let answer = world.credentials(&guest, json!({})).await.ok();
    let session = Credentials::of(&answer["Credentials"]);
    let keys = published(&world).await;
    let base = world.base.clone();
    let world = world.restart().await;
    assert_eq!(published(&world).await, keys);
    let caller = [("Action", "GetCallerIdentity"), ("Version", "2011-06-15")];
    assert_eq!(
        world.signed_query(&session, "sts", &caller).await.status,
        200
    );
    // The issuer is another here, for its port is; the old token is told by that, and by nothing else.
    assert_ne!(world.base, base);
    assert_eq!(assume(&world, &old).await, 400);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let world = World::new().await;
    let answer = world
        .admin(
            "Cognate.RotateKeys",
            json!({ "Purpose": "Signing", "KeyId": "x" }),
        )
        .await;
    let text = "KeyId goes with Compromised: it names the key to forget.";
    answer.refused("InvalidParameterException", text);
    let drop = json!({ "Purpose": "Signing", "Compromised": true, "KeyId": "x" });
    let answer = world.admin("Cognate.RotateKeys", drop).await;
    answer.refused(
        "InvalidParameterException",
        "There is no key with this KeyId.",
    );
    let answer = world
        .admin("Cognate.ListKeys", json!({ "Purpose": "Other" }))
        .await;
    answer.refused(
        "ValidationException",
        "1 validation error detected: Value 'Other' at 'purpose' failed to satisfy constraint: Member must satisfy enum \
         value set: [Signing, Sealing]",
    );
}

#[tokio::test]
async fn a_list_shows_nothing_of_a_secret() {
    let world = World::new().await;
    for purpose in ["Signing", "Sealing"] {
        let answer = world
            .admin("Cognate.ListKeys", json!({ "Purpose": purpose }))
            .await
            .ok();
        for key in answer["Keys"].as_array().unwrap() {
            let names: Vec<&str> = key
                .as_object()
                .unwrap()
                .keys()
                .map(String::as_str)
                .collect();
            let public = ["KeyId", "State", "Made", "ReadyFrom", "BelievedUntil"];
            assert!(names.iter().all(|name| public.contains(name)), "{names:?}");
        }
    }
}

#[tokio::test]
async fn a_root_key_that_the_operator_gives_is_not_rotated_here() {
    let world = World::new().await;
    world.admin("Cognate.RotateRootKey", json!({})).await.refused(
        "InvalidParameterException",
        "The root key of this server comes from its environment or configuration file: change it there and restart.",
    );
}

#[tokio::test]
async fn secrets_that_are_sealed_under_the_first_master_key_are_left_alone() {
    let world = World::new().await;
    let (before, signed) = (world.app.tokens.key_set(world.app.now()), json!({}));
    let answer = world.admin("Cognate.RotateMasterKey", signed.clone()).await;
    let answer = answer.ok();
    assert_eq!(answer["Records"], 0);
    assert_eq!(answer["MasterKeys"].as_array().unwrap().len(), 1);
    assert_eq!(world.app.tokens.key_set(world.app.now()), before);
    let unsigned = world.public("Cognate.RotateMasterKey", signed).await;
    assert_eq!(unsigned.error().1, "MissingAuthenticationTokenException");
}
