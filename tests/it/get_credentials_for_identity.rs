use serde_json::json;

use crate::world::{Credentials, GUEST_ROLE, Issuer, World, login};

const NO_ROLE: &str =
    "Invalid identity pool configuration. Check assigned IAM roles for this pool.";

#[tokio::test]
async fn a_guest_gets_credentials_of_the_guest_role_for_an_hour() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    let guest = world.identity(&pool, json!({})).await;
    let answer = world.credentials(&guest, json!({})).await;
    assert_eq!(answer.header("cache-control").as_deref(), Some("no-store"));
    let order = [
        "Credentials",
        "AccessKeyId",
        "Expiration",
        "SecretKey",
        "SessionToken",
        "IdentityId",
    ];
    let places: Vec<_> = order
        .iter()
        .map(|name| answer.text.find(&format!("\"{name}\":")).unwrap())
        .collect();
    assert!(
        places.is_sorted(),
        "members in the real order: {}",
        answer.text
    );
    let answer = answer.ok();
    assert_eq!(answer["IdentityId"], json!(guest));
    assert_eq!(
        answer["Credentials"]["Expiration"],
        json!(world.now() + 3600)
    );
    let credentials = Credentials::of(&answer["Credentials"]);
    assert!(credentials.id.starts_with("ASIA"));
    assert!(credentials.session_token.as_ref().unwrap().len() <= 4096);
    let who = world.signed_query(&credentials, "sts", &CALLER).await;
    let arn = "arn:aws:sts::123456789012:assumed-role/Guest/CognitoIdentityCredentials";
    assert_eq!(who.xml("Arn").as_deref(), Some(arn), "{}", who.text);
}

#[tokio::test]
async fn a_user_gets_credentials_of_the_user_role() {
    let (world, issuer) = (World::new().await, Issuer::new().await);
    let pool = world.pool_of(&issuer).await;
    let logins = login(&issuer, &issuer.token("ada"));
    let ada = world.identity(&pool, logins.clone()).await;
    let answer = world.credentials(&ada, logins).await.ok();
    let credentials = Credentials::of(&answer["Credentials"]);
    let who = world.signed_query(&credentials, "sts", &CALLER).await;
    let arn = "arn:aws:sts::123456789012:assumed-role/User/CognitoIdentityCredentials";
    assert_eq!(who.xml("Arn").as_deref(), Some(arn));
}

#[tokio::test]
async fn a_pool_without_the_role_gives_none() {
    let (world, issuer) = (World::new().await, Issuer::new().await);
    let pool = world.pool_of(&issuer).await;
    let logins = login(&issuer, &issuer.token("ada"));
    let ada = world.identity(&pool, logins.clone()).await;
    let guest = world.identity(&pool, json!({})).await;
    let roles = json!({ "IdentityPoolId": pool, "Roles": { "unauthenticated": GUEST_ROLE } });
    world.admin("SetIdentityPoolRoles", roles).await.ok();
    let code = "InvalidIdentityPoolConfigurationException";
    world
        .credentials(&ada, logins.clone())
        .await
        .refused(code, NO_ROLE);
    world.credentials(&guest, json!({})).await.ok();
    world
        .admin(
            "SetIdentityPoolRoles",
            json!({ "IdentityPoolId": pool, "Roles": {} }),
        )
        .await
        .ok();
    world
        .credentials(&guest, json!({}))
        .await
        .refused(code, NO_ROLE);
}

#[tokio::test]
async fn a_role_that_nobody_offers_is_refused_and_changes_nothing() {
    let (world, issuer) = (World::new().await, Issuer::new().await);
    let pool = world.pool_of(&issuer).await;
    let guest = world.identity(&pool, json!({})).await;
    let input = json!({
        "IdentityId": guest, "CustomRoleArn": GUEST_ROLE, "Logins": login(&issuer, &issuer.token("ada")),
    });
    let text = format!("Access to Role '{GUEST_ROLE}' is forbidden.");
    let answer = world.public("GetCredentialsForIdentity", input).await;
    answer.refused("NotAuthorizedException", &text);
    world.credentials(&guest, json!({})).await.ok();
}

#[tokio::test]
async fn credentials_given_before_a_guest_signed_in_are_over() {
    let (world, issuer) = (World::new().await, Issuer::new().await);
    let pool = world.pool_of(&issuer).await;
    let guest = world.identity(&pool, json!({})).await;
    let answer = world.credentials(&guest, json!({})).await.ok();
    let before = Credentials::of(&answer["Credentials"]);
    let logins = login(&issuer, &issuer.token("ada"));
    let answer = world.credentials(&guest, logins).await.ok();
    let after = Credentials::of(&answer["Credentials"]);
    assert_eq!(world.signed_query(&after, "sts", &CALLER).await.status, 200);
    let text = "The security token included in the request is invalid.";
    let answer = world.signed_query(&before, "sts", &CALLER).await;
    answer.query_refused(403, "InvalidClientTokenId", text);
}

#[tokio::test]
async fn credentials_outlive_neither_their_pool_nor_their_hour() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    let guest = world.identity(&pool, json!({})).await;
    let answer = world.credentials(&guest, json!({})).await.ok();
    let credentials = Credentials::of(&answer["Credentials"]);
    world.clock.advance(3599);
    assert_eq!(
        world
            .signed_query(&credentials, "sts", &CALLER)
            .await
            .status,
        200
    );
    world.clock.advance(1);
    let text = "The security token included in the request is expired";
    world
        .signed_query(&credentials, "sts", &CALLER)
        .await
        .query_refused(403, "ExpiredToken", text);
    let answer = world
        .signed(
            &credentials,
            "ListIdentityPools",
            json!({ "MaxResults": 1 }),
        )
        .await;
    answer.refused("ExpiredTokenException", text);

    let answer = world.credentials(&guest, json!({})).await.ok();
    let credentials = Credentials::of(&answer["Credentials"]);
    world
        .admin("DeleteIdentityPool", json!({ "IdentityPoolId": pool }))
        .await
        .ok();
    let text = "The security token included in the request is invalid.";
    world
        .signed_query(&credentials, "sts", &CALLER)
        .await
        .query_refused(403, "InvalidClientTokenId", text);
}

#[tokio::test]
async fn a_session_may_ask_who_it_is_and_nothing_else() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    let guest = world.identity(&pool, json!({})).await;
    let answer = world.credentials(&guest, json!({})).await.ok();
    let who = Credentials::of(&answer["Credentials"]);
    let user = "User: arn:aws:sts::123456789012:assumed-role/Guest/CognitoIdentityCredentials";
    let pool_arn = "arn:aws:cognito-identity:eu-west-1:123456789012:identitypool/";
    let denied = |action: &str, resource: &str| {
        format!(
            "{user} is not authorized to perform: {action} on resource: {resource} because no identity-based policy \
             allows the {action} action"
        )
    };
    let answer = world
        .signed(&who, "ListIdentityPools", json!({ "MaxResults": 1 }))
        .await;
    answer.refused(
        "AccessDeniedException",
        &denied("cognito-identity:ListIdentityPools", pool_arn),
    );
    let answer = world
        .signed(&who, "DescribeIdentity", json!({ "IdentityId": guest }))
        .await;
    answer.refused(
        "AccessDeniedException",
        &denied("cognito-identity:DescribeIdentity", "*"),
    );
    let answer = world.signed(&who, "Cognate.RotateRootKey", json!({})).await;
    answer.refused(
        "AccessDeniedException",
        &denied("cognate:RotateRootKey", "*"),
    );
    let list = [
        ("Action", "ListOpenIDConnectProviders"),
        ("Version", "2010-05-08"),
    ];
    let answer = world.signed_query(&who, "iam", &list).await;
    answer.query_refused(
        403,
        "AccessDenied",
        &denied("iam:ListOpenIDConnectProviders", "*"),
    );
    // Public operations ignore the signature.
    world
        .signed(&who, "GetId", json!({ "IdentityPoolId": pool }))
        .await
        .ok();
}

const CALLER: [(&str, &str); 2] = [("Action", "GetCallerIdentity"), ("Version", "2011-06-15")];
