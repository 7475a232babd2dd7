//! The lines of container credentials in the audit log: one for each answer and each refusal, without a secret.

use std::fs;

use serde_json::{Value, json};

use super::Scene;
use crate::world::World;

#[tokio::test]
async fn each_answer_and_refusal_has_a_line_without_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let (path, config) = (
        folder.path().join("audit.jsonl"),
        folder.path().join("cognate.toml"),
    );
    let text = format!("[audit]\nfile = {:?}\n", path.display().to_string());
    fs::write(&config, text).unwrap();
    let scene = Scene::of(World::with(|flags| flags.config = Some(config)).await).await;
    let given = scene.fetch(&scene.path("")).await.ok();
    let again = scene.fetch(&scene.path("")).await.ok();
    assert_eq!(given, again);
    let guest = format!("/guest-credentials/{}", scene.pool);
    let guest = scene.fetch_with(&guest, &[]).await.ok();
    scene.fetch(&scene.path("/Admin")).await;
    scene
        .fetch_with(&scene.path(""), &[("authorization", "opaque")])
        .await;
    // Lines of refusals are written later; this call waits for its own.
    scene.world.pool(json!({})).await;
    scene.world.pool(json!({})).await;
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| {
            #[expect(
                clippy::disallowed_methods,
                reason = "a test reads what the server wrote"
            )]
            serde_json::from_str(line).unwrap()
        })
        .collect();
    let of = |operation: &str| -> Vec<&Value> {
        let lines = lines.iter();
        lines
            .filter(|line| line["eventName"] == operation)
            .collect()
    };
    let found = of("GetContainerCredentials");
    assert_eq!(found.len(), 3, "{text}");
    for line in &found[..2] {
        assert_eq!(
            line["responseElements"]["accessKeyId"],
            given["AccessKeyId"]
        );
        assert_eq!(line["responseElements"]["roleArn"], given["RoleArn"]);
        assert_eq!(line["eventCategory"], "Data");
    }
    assert_ne!(found[0]["requestID"], found[1]["requestID"]);
    assert_eq!(found[2]["errorCode"], "AccessDenied");
    let guests = of("GetGuestContainerCredentials");
    assert_eq!(
        guests[0]["responseElements"]["accessKeyId"],
        guest["AccessKeyId"]
    );
    let id = scene.world.open_session(&super::keys_of(&guest));
    let id = id.identity().unwrap().identity.to_string();
    assert!(!text.contains(&id), "a guest's id is a password");
    assert_eq!(of("unknown")[0]["errorCode"], "InvalidIdentityToken");
    for secret in [
        given["SecretAccessKey"].as_str().unwrap(),
        given["Token"].as_str().unwrap(),
        guest["SecretAccessKey"].as_str().unwrap(),
        scene.token.as_str(),
    ] {
        assert!(!text.contains(secret));
    }
}
