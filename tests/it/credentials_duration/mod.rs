//! SetCredentialsDuration and GetCredentialsDuration: how long credentials of a pool last, and who may say so.

mod roles;
mod within_login;

use serde_json::{Value, json};

use crate::world::{ACCOUNT, Credentials, Issuer, USER_ROLE, World, login};

async fn shown(world: &World, pool: &str) -> Value {
    let input = json!({ "IdentityPoolId": pool });
    let answer = world.admin("Cognate.GetCredentialsDuration", input).await;
    answer.ok()
}

fn an_hour() -> Value {
    json!({ "DurationSeconds": 3600, "WithinLogin": false })
}

#[tokio::test]
async fn credentials_last_as_long_as_their_pool_says() {
    let (world, issuer) = (World::new().await, Issuer::new().await);
    let pool = world.pool_of(&issuer).await;
    let other = world.pool(json!({})).await;
    let logins = login(&issuer, &issuer.token("ada"));
    let ada = world.identity(&pool, logins.clone()).await;
    let guest = world.identity(&pool, json!({})).await;
    let elsewhere = world.identity(&other, json!({})).await;
    assert_eq!(shown(&world, &pool).await, an_hour());
    assert_eq!(world.lasting(&guest, json!({})).await, 3600);
    for seconds in [900, 43_200, 901] {
        let set = json!({ "DurationSeconds": seconds });
        let answer = world.set_duration(&pool, set).await.ok();
        let wanted = json!({ "DurationSeconds": seconds, "WithinLogin": false });
        assert_eq!(answer, wanted);
        assert_eq!(shown(&world, &pool).await, wanted);
        assert_eq!(world.lasting(&guest, json!({})).await, seconds);
        assert_eq!(world.lasting(&ada, logins.clone()).await, seconds);
        assert_eq!(world.lasting(&elsewhere, json!({})).await, 3600);
    }
}

#[tokio::test]
async fn a_session_of_twelve_hours_is_good_to_its_last_second() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    let guest = world.identity(&pool, json!({})).await;
    let set = json!({ "DurationSeconds": 43_200 });
    world.set_duration(&pool, set).await.ok();
    let answer = world.credentials(&guest, json!({})).await.ok();
    let session = Credentials::of(&answer["Credentials"]);
    // What was given keeps its end, whatever the pool says later.
    let set = json!({ "DurationSeconds": 900 });
    world.set_duration(&pool, set).await.ok();
    world.clock.advance(43_199);
    assert!(world.is_live(&session).await);
    world.clock.advance(1);
    assert!(!world.is_live(&session).await);
}

#[tokio::test]
async fn what_is_left_out_stays_as_it_is() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    for (set, seconds, within) in [
        (json!({ "WithinLogin": true }), 3600, true),
        (json!({ "DurationSeconds": 7200 }), 7200, true),
        (json!({}), 7200, true),
        (json!({ "WithinLogin": false }), 7200, false),
    ] {
        let answer = world.set_duration(&pool, set).await.ok();
        let wanted = json!({ "DurationSeconds": seconds, "WithinLogin": within });
        assert_eq!(answer, wanted);
    }
}

#[tokio::test]
async fn a_time_out_of_range_is_refused_and_changes_nothing() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    for (seconds, bound) in [
        (899, "greater than or equal to 900"),
        (43_201, "less than or equal to 43200"),
        (0, "greater than or equal to 900"),
        (-3600, "greater than or equal to 900"),
    ] {
        let set = json!({ "DurationSeconds": seconds, "WithinLogin": true });
        let text = format!(
            "1 validation error detected: Value '{seconds}' at 'durationSeconds' failed to satisfy constraint: Member \
             must have value {bound}"
        );
        let answer = world.set_duration(&pool, set).await;
        answer.refused("ValidationException", &text);
    }
    assert_eq!(shown(&world, &pool).await, an_hour());
}

#[tokio::test]
async fn what_else_changes_a_pool_keeps_it() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    let set = json!({ "DurationSeconds": 7200, "WithinLogin": true });
    world.set_duration(&pool, set.clone()).await.ok();
    let update = json!({
        "IdentityPoolId": pool, "IdentityPoolName": "Another name", "AllowUnauthenticatedIdentities": true,
    });
    let updated = world.admin("UpdateIdentityPool", update).await.ok();
    let roles = json!({ "IdentityPoolId": pool, "Roles": { "authenticated": USER_ROLE } });
    world.admin("SetIdentityPoolRoles", roles).await.ok();
    let arn = format!("arn:aws:cognito-identity:eu-west-1:{ACCOUNT}:identitypool/{pool}");
    let tag = json!({ "ResourceArn": arn, "Tags": { "team": "blue" } });
    world.admin("TagResource", tag).await.ok();
    assert_eq!(shown(&world, &pool).await, set);
    // The service's own answers have nothing of it.
    let names: Vec<&String> = updated.as_object().unwrap().keys().collect();
    let known = [
        "AllowUnauthenticatedIdentities",
        "IdentityPoolId",
        "IdentityPoolName",
    ];
    assert!(
        known
            .iter()
            .all(|name| names.contains(&&(*name).to_owned()))
    );
    assert!(!names.iter().any(|name| name.contains("Duration")));

    let world = world.restart().await;
    assert_eq!(shown(&world, &pool).await, set);
}

#[tokio::test]
async fn changes_at_once_lose_nothing_of_each_other() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    for seconds in 7200..7210 {
        let (one, other, tagged) = tokio::join!(
            world.set_duration(&pool, json!({ "DurationSeconds": seconds })),
            world.set_duration(&pool, json!({ "WithinLogin": seconds % 2 == 0 })),
            world.admin(
                "SetIdentityPoolRoles",
                json!({ "IdentityPoolId": pool, "Roles": {} })
            ),
        );
        one.ok();
        other.ok();
        tagged.ok();
        let wanted = json!({ "DurationSeconds": seconds, "WithinLogin": seconds % 2 == 0 });
        assert_eq!(shown(&world, &pool).await, wanted);
    }
}

#[tokio::test]
async fn a_pool_is_reached_in_its_own_region_and_only_where_it_is() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    let unknown = "eu-west-1:00000000-0000-4000-8000-000000000000";
    for operation in [
        "Cognate.GetCredentialsDuration",
        "Cognate.SetCredentialsDuration",
    ] {
        for (region, pool) in [("us-east-1", pool.as_str()), ("eu-west-1", unknown)] {
            let input = json!({ "IdentityPoolId": pool });
            let text = format!("IdentityPool '{pool}' not found.");
            let answer = world.admin_of(region, operation, input).await;
            answer.refused("ResourceNotFoundException", &text);
        }
    }
}

#[tokio::test]
async fn a_key_may_only_what_its_policy_says_of_the_pool() {
    let world = World::new().await;
    let (ours, theirs) = (world.pool(json!({})).await, world.pool(json!({})).await);
    let arn =
        |pool: &str| format!("arn:aws:cognito-identity:eu-west-1:{ACCOUNT}:identitypool/{pool}");
    let key = async |name: &str, action: &str, resource: String| {
        let statement = json!({ "Effect": "Allow", "Action": action, "Resource": resource });
        let policy = json!({ "Version": "2012-10-17", "Statement": statement });
        let input = json!({ "Name": name, "Policy": policy.to_string() });
        Credentials::of(&world.admin("Cognate.CreateAccessKey", input).await.ok())
    };
    let pools = key("pools", "cognito-identity:*", "*".to_owned()).await;
    let reader = key("reader", "cognate:GetCredentialsDuration", arn(&ours)).await;
    let writer = key("writer", "cognate:SetCredentialsDuration", arn(&ours)).await;
    for (name, who, operation, pool, may) in [
        ("pools", &pools, "GetCredentialsDuration", &ours, false),
        ("pools", &pools, "SetCredentialsDuration", &ours, false),
        ("reader", &reader, "GetCredentialsDuration", &ours, true),
        ("reader", &reader, "SetCredentialsDuration", &ours, false),
        ("reader", &reader, "GetCredentialsDuration", &theirs, false),
        ("writer", &writer, "SetCredentialsDuration", &ours, true),
        ("writer", &writer, "SetCredentialsDuration", &theirs, false),
    ] {
        let input = json!({ "IdentityPoolId": pool });
        let answer = world
            .signed(who, &format!("Cognate.{operation}"), input)
            .await;
        if may {
            answer.ok();
        } else {
            let text = format!(
                "User: arn:aws:iam::{ACCOUNT}:user/{name} is not authorized to perform: cognate:{operation} on \
                 resource: {} because no identity-based policy allows the cognate:{operation} action",
                arn(pool)
            );
            answer.refused("AccessDeniedException", &text);
        }
    }
}

#[tokio::test]
async fn the_session_of_an_identity_never_may() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    let role = roles::make(&world, "Everything", &pool, 3600).await;
    roles::allow(&world, "Everything", "*").await;
    let given = json!({ "authenticated": USER_ROLE, "unauthenticated": role });
    let given = json!({ "IdentityPoolId": pool, "Roles": given });
    world.admin("SetIdentityPoolRoles", given).await.ok();
    let guest = world.identity(&pool, json!({})).await;
    let answer = world.credentials(&guest, json!({})).await.ok();
    let session = Credentials::of(&answer["Credentials"]);
    for operation in ["GetCredentialsDuration", "SetCredentialsDuration"] {
        let input = json!({ "IdentityPoolId": pool, "DurationSeconds": 43_200 });
        let answer = world
            .signed(&session, &format!("Cognate.{operation}"), input)
            .await;
        let (_, code, text) = answer.error();
        assert_eq!(code, "AccessDeniedException");
        let wanted = format!("not authorized to perform: cognate:{operation}");
        assert!(text.contains(&wanted), "{text}");
    }
    assert_eq!(shown(&world, &pool).await, an_hour());
}
