use serde_json::{Value, json};

use crate::world::{Issuer, World};

fn named(more: &Value) -> Value {
    let mut input =
        json!({ "IdentityPoolName": "A pool", "AllowUnauthenticatedIdentities": false });
    for (name, value) in more.as_object().unwrap() {
        input[name] = value.clone();
    }
    input
}

#[tokio::test]
async fn a_plain_pool_shows_what_it_was_given_and_empty_tags() {
    let world = World::new().await;
    let pool = world
        .admin("CreateIdentityPool", named(&json!({})))
        .await
        .ok();
    let id = pool["IdentityPoolId"].clone();
    assert!(
        id.as_str().unwrap().starts_with("eu-west-1:"),
        "in the region it was signed for"
    );
    let wanted = json!({
        "IdentityPoolId": id, "IdentityPoolName": "A pool", "AllowUnauthenticatedIdentities": false,
        "IdentityPoolTags": {},
    });
    assert_eq!(pool, wanted);
}

#[tokio::test]
async fn every_member_comes_back() {
    let (world, issuer) = (World::new().await, Issuer::new().await);
    let arn = world.register(&issuer, &["app"]).await;
    let given = json!({
        "IdentityPoolName": "All of it, + 1 = 2 @home.x-y",
        "AllowUnauthenticatedIdentities": true,
        "AllowClassicFlow": false,
        "SupportedLoginProviders": { "accounts.google.com": "123.apps.googleusercontent.com", "appleid.apple.com": "com.x.y",
            "www.digits.com": "digitsKey;digitsSecret", "graph.facebook.com": "1634271429961880",
            "www.amazon.com": "amzn1.application.436457DFHDH", "api.twitter.com": "twitterKey;twitterSecret" },
        "DeveloperProviderName": "login.mycompany",
        "OpenIdConnectProviderARNs": [arn],
        "CognitoIdentityProviders": [
            { "ProviderName": "cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC", "ClientId": "one", "ServerSideTokenCheck": false },
            { "ProviderName": "cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC", "ClientId": "two", "ServerSideTokenCheck": false },
        ],
        "IdentityPoolTags": { "team": "blue", "empty": "" },
    });
    let mut pool = world.admin("CreateIdentityPool", given.clone()).await.ok();
    let id = pool
        .as_object_mut()
        .unwrap()
        .remove("IdentityPoolId")
        .unwrap();
    assert_eq!(pool, given);
    let mut described = world
        .admin("DescribeIdentityPool", json!({ "IdentityPoolId": id }))
        .await
        .ok();
    described.as_object_mut().unwrap().remove("IdentityPoolId");
    assert_eq!(described, given);
}

#[tokio::test]
async fn names_need_not_be_unique() {
    let world = World::new().await;
    let one = world
        .admin("CreateIdentityPool", named(&json!({})))
        .await
        .ok();
    let two = world
        .admin("CreateIdentityPool", named(&json!({})))
        .await
        .ok();
    assert_ne!(one["IdentityPoolId"], two["IdentityPoolId"]);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_and_makes_no_pool() {
    let world = World::new().await;
    let client = |name: &str, id: &str| json!({ "ProviderName": name, "ClientId": id });
    let pool = "cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC";
    let many: Vec<Value> = (0..51).map(|at| client(pool, &format!("c{at}"))).collect();
    let tags: serde_json::Map<String, Value> =
        (0..51).map(|at| (format!("t{at}"), json!(""))).collect();
    let missing = "arn:aws:iam::123456789012:oidc-provider/example.com";
    let saml = "arn:aws:iam::123456789012:saml-provider/corp";
    for (members, text) in [
        (
            json!({ "CognitoIdentityProviders": [client("https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_A", "c")] }),
            "Invalid Cognito Identity Provider",
        ),
        (
            json!({ "CognitoIdentityProviders": [client("cognito-idp.eu-west-1.amazonaws.com/us-east-1_A", "c")] }),
            "Invalid Cognito Identity Provider",
        ),
        (
            json!({ "CognitoIdentityProviders": [{ "ProviderName": pool }] }),
            "Invalid Cognito Identity Provider",
        ),
        (
            json!({ "CognitoIdentityProviders": [{ "ClientId": "c" }] }),
            "Invalid Cognito Identity Provider",
        ),
        (
            json!({ "CognitoIdentityProviders": [client(pool, "c"), client(pool, "c")] }),
            "Duplicate Cognito Identity Provider: cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC:c",
        ),
        (
            json!({ "CognitoIdentityProviders": many }),
            "A pool has at most 50 Cognito Identity Providers.",
        ),
        (
            json!({ "CognitoIdentityProviders": [{ "ProviderName": pool, "ClientId": "c", "ServerSideTokenCheck": true }] }),
            "ServerSideTokenCheck needs the access key that user_pools.access_key_id in this server's configuration names: user pools are asked with it.",
        ),
        (
            json!({ "OpenIdConnectProviderARNs": [missing] }),
            "OpenIDConnect Provider not found for arn arn:aws:iam::123456789012:oidc-provider/example.com",
        ),
        (
            json!({ "OpenIdConnectProviderARNs": ["not an arn, but long enough"] }),
            "OpenIDConnect Provider not found for arn not an arn, but long enough",
        ),
        (
            json!({ "SamlProviderARNs": [saml] }),
            "SAML provider not found for arn arn:aws:iam::123456789012:saml-provider/corp",
        ),
        (
            json!({ "SupportedLoginProviders": { "login.example.com": "x" } }),
            "login.example.com is not a supported login provider.",
        ),
        (
            json!({ "SupportedLoginProviders": { "graph.facebook.com": "1", "api.twitter.com": "key" } }),
            "The value of api.twitter.com is consumerKey;consumerSecret.",
        ),
        (
            json!({ "SupportedLoginProviders": { "www.digits.com": "key;" } }),
            "The value of www.digits.com is consumerKey;consumerSecret.",
        ),
        (
            json!({ "SupportedLoginProviders": { "www.digits.com": "key;secret;more" } }),
            "The value of www.digits.com is consumerKey;consumerSecret.",
        ),
        (
            json!({ "IdentityPoolTags": tags }),
            "A pool has at most 50 tags.",
        ),
        (
            json!({ "IdentityPoolTags": { "AWS:x": "y" } }),
            "Tag keys must not begin with aws:",
        ),
        (
            json!({ "IdentityPoolTags": { "x": "<" } }),
            "Tags hold letters, digits, spaces and _ . : / = + - @ only.",
        ),
    ] {
        let answer = world.admin("CreateIdentityPool", named(&members)).await;
        answer.refused("InvalidParameterException", text);
    }
    let list = world
        .admin("ListIdentityPools", json!({ "MaxResults": 60 }))
        .await
        .ok();
    assert_eq!(list, json!({ "IdentityPools": [] }));
}

#[tokio::test]
async fn a_developer_provider_is_not_named_like_somebody_else() {
    let world = World::new().await;
    for name in [
        "graph.facebook.com",
        "accounts.google.com",
        "cognito-identity.amazonaws.com",
        "authenticated",
        "unauthenticated",
        "cognito-idp.eu-west-1.amazonaws.com",
    ] {
        let answer = world
            .admin(
                "CreateIdentityPool",
                named(&json!({ "DeveloperProviderName": name })),
            )
            .await;
        answer.refused(
            "InvalidParameterException",
            &format!("{name} is not a valid developer provider name."),
        );
    }
}

#[tokio::test]
async fn a_region_has_its_limit_of_pools() {
    let folder = std::sync::Arc::new(tempfile::tempdir().unwrap());
    let file = folder.path().join("cognate.toml");
    std::fs::write(&file, "[limits]\npools_per_region = 2\n").unwrap();
    let clock = std::sync::Arc::new(cognate::ambient::Still::at(crate::world::beginning()));
    let world = World::open(folder, clock, |flags| flags.config = Some(file)).await;
    for _ in 0..2 {
        world
            .admin("CreateIdentityPool", named(&json!({})))
            .await
            .ok();
    }
    let answer = world.admin("CreateIdentityPool", named(&json!({}))).await;
    answer.refused(
        "LimitExceededException",
        "The maximum number of identity pools has been reached.",
    );
}

#[tokio::test]
async fn an_unsigned_call_is_refused() {
    let world = World::new().await;
    let answer = world.public("CreateIdentityPool", named(&json!({}))).await;
    answer.refused(
        "MissingAuthenticationTokenException",
        "Missing Authentication Token",
    );
}
