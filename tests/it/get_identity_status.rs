use serde_json::json;

use crate::world::{DEVELOPER, World};

#[tokio::test]
async fn an_identity_that_was_merged_away_is_marked() {
    let world = World::new().await;
    let pool = world.developer_pool(json!({})).await;
    let one = world.user(&pool, "one").await;
    let two = world.user(&pool, "two").await;
    let merge = json!({
        "IdentityPoolId": pool, "DeveloperProviderName": DEVELOPER,
        "SourceUserIdentifier": "one", "DestinationUserIdentifier": "two",
    });
    let merged = world.admin("MergeDeveloperIdentities", merge).await.ok();
    for id in [&one.identity, &two.identity] {
        let input = json!({ "IdentityId": id });
        let shown = world.admin("Cognate.GetIdentityStatus", input).await.ok();
        let survives = merged["IdentityId"] == json!(id);
        assert_eq!(shown["Status"], if survives { "Active" } else { "Merged" });
        assert_eq!(shown["IdentityPoolId"], json!(pool));
    }
}

#[tokio::test]
async fn an_identity_that_is_not_there_is_not_found() {
    let world = World::new().await;
    let id = "eu-west-1:00000000-0000-4000-8000-000000000000";
    let input = json!({ "IdentityId": id });
    let answer = world.admin("Cognate.GetIdentityStatus", input).await;
    let text = format!("Identity '{id}' not found.");
    answer.refused("ResourceNotFoundException", &text);
}

#[tokio::test]
async fn an_unsigned_call_is_refused() {
    let world = World::new().await;
    let answer = world.public("Cognate.GetIdentityStatus", json!({})).await;
    answer.refused(
        "MissingAuthenticationTokenException",
        "Missing Authentication Token",
    );
}
