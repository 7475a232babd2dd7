use serde_json::{Value, json};

use crate::world::{
    Answer, Credentials, DEVELOPER, Given, Issuer, Key, USER_POOL, USER_ROLE, World, assumed, login,
};

const OPERATION: &str = "SetPrincipalTagAttributeMap";
const TAGS: &str = "https://aws.amazon.com/tags";

async fn set(world: &World, pool: &str, provider: &str, more: Value) -> Answer {
    let mut input = json!({ "IdentityPoolId": pool, "IdentityProviderName": provider });
    for (name, value) in more.as_object().unwrap() {
        input[name] = value.clone();
    }
    world.admin(OPERATION, input).await
}

/// An issuer, its ARN, and a pool that takes its tokens.
async fn with_issuer() -> (World, Issuer, String, String) {
    let world = World::new().await;
    let issuer = Issuer::with(Key::p256("one")).await;
    let arn = world.register(&issuer, &["app"]).await;
    let pool = world
        .pool(json!({ "OpenIdConnectProviderARNs": [arn] }))
        .await;
    (world, issuer, arn, pool)
}

/// The tags of the session of these logins, as their token has them, too.
async fn tags(world: &World, pool: &str, logins: Value) -> Value {
    let identity = world.identity(pool, logins.clone()).await;
    let session = json!(world.session(&identity, logins.clone()).await.tags);
    let token = Given::of(world.get_token(&identity, logins).await);
    let said = &token.claims()[TAGS];
    let in_token: serde_json::Map<String, Value> = match said["principal_tags"].as_object() {
        Some(tags) => {
            assert_eq!(said.as_object().unwrap().len(), 1, "nothing else");
            let first = |(tag, values): (&String, &Value)| (tag.clone(), values[0].clone());
            tags.iter().map(first).collect()
        }
        None => serde_json::Map::new(),
    };
    assert_eq!(session, Value::Object(in_token));
    session
}

#[tokio::test]
async fn a_map_of_ones_own_makes_tags_of_claims() {
    let (world, issuer, arn, pool) = with_issuer().await;
    let map = json!({ "department": "dept", "level": "level", "who": "sub", "app": "aud", "none": "absent", "list": "groups" });
    let answer = set(&world, &pool, &arn, json!({ "PrincipalTags": map.clone() })).await;
    let wanted = json!({
        "IdentityPoolId": pool, "IdentityProviderName": arn, "PrincipalTags": map, "UseDefaults": false,
    });
    assert_eq!(answer.ok(), wanted);
    let more = json!({ "dept": "legal", "level": 7, "groups": ["a", "b"] });
    let logins = login(&issuer, &issuer.token_saying("ada", &more));
    assert_eq!(
        tags(&world, &pool, logins).await,
        json!({ "department": "legal", "level": "7", "who": "ada", "app": "app" })
    );
}

#[tokio::test]
async fn the_defaults_are_the_subject_and_the_client() {
    let (world, issuer, arn, pool) = with_issuer().await;
    let logins = login(
        &issuer,
        &issuer.token_saying("ada", &json!({ "dept": "legal" })),
    );
    assert_eq!(tags(&world, &pool, logins.clone()).await, json!({}));
    let own = json!({ "department": "dept" });
    let defaults = json!({ "username": "ada", "client": "app" });
    for (more, use_defaults, wanted) in [
        (json!({}), true, defaults.clone()),
        (json!({ "PrincipalTags": {} }), true, defaults.clone()),
        (json!({ "UseDefaults": true }), true, defaults.clone()),
        (
            json!({ "UseDefaults": true, "PrincipalTags": {} }),
            true,
            defaults.clone(),
        ),
        (
            json!({ "UseDefaults": true, "PrincipalTags": own }),
            true,
            defaults,
        ),
        (json!({ "UseDefaults": false }), false, json!({})),
        (
            json!({ "UseDefaults": false, "PrincipalTags": own }),
            false,
            json!({ "department": "legal" }),
        ),
        (
            json!({ "PrincipalTags": own }),
            false,
            json!({ "department": "legal" }),
        ),
    ] {
        let answer = set(&world, &pool, &arn, more.clone()).await.ok();
        assert_eq!(answer["UseDefaults"], json!(use_defaults), "{more}");
        assert_eq!(tags(&world, &pool, logins.clone()).await, wanted, "{more}");
    }
}

#[tokio::test]
async fn guests_have_no_tags() {
    let (world, _, arn, pool) = with_issuer().await;
    set(&world, &pool, &arn, json!({ "UseDefaults": true }))
        .await
        .ok();
    let guest = world.identity(&pool, json!({})).await;
    assert!(world.session(&guest, json!({})).await.tags.is_empty());
    let token = Given::of(world.get_token(&guest, json!({})).await);
    assert_eq!(token.claims()[TAGS], Value::Null);
}

#[tokio::test]
async fn the_sts_gives_a_session_the_tags_of_its_token() {
    let (world, issuer, arn, pool) = with_issuer().await;
    set(&world, &pool, &arn, json!({ "UseDefaults": true }))
        .await
        .ok();
    let logins = login(&issuer, &issuer.token("ada"));
    let ada = world.identity(&pool, logins.clone()).await;
    let token = Given::of(world.get_token(&ada, logins).await).token;
    let answer = world.assume(USER_ROLE, &token).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let session = world.open_session(&assumed(&answer));
    assert_eq!(
        json!(session.tags),
        json!({ "username": "ada", "client": "app" })
    );
}

#[tokio::test]
async fn of_several_logins_the_first_that_says_a_tag_counts() {
    let world = World::new().await;
    let one = Issuer::with(Key::p256("one")).await;
    let two = Issuer::with(Key::p256("one")).await;
    let arns = [
        world.register(&one, &["app"]).await,
        world.register(&two, &["app"]).await,
    ];
    let pool = world
        .pool(json!({ "OpenIdConnectProviderARNs": arns }))
        .await;
    for (arn, map) in arns.iter().zip([
        json!({ "who": "sub", "first": "sub" }),
        json!({ "who": "sub", "second": "sub" }),
    ]) {
        set(&world, &pool, arn, json!({ "PrincipalTags": map }))
            .await
            .ok();
    }
    let there = json!({ one.name(): one.token("ada"), two.name(): two.token("bob") });
    let back = json!({ two.name(): two.token("bob"), one.name(): one.token("ada") });
    for (logins, who) in [(there, "ada"), (back, "bob")] {
        assert_eq!(
            tags(&world, &pool, logins).await,
            json!({ "who": who, "first": "ada", "second": "bob" })
        );
    }
}

#[tokio::test]
async fn a_user_pool_has_a_map_of_its_own_or_one_for_each_client() {
    let issuer = Issuer::with(Key::rsa("one")).await;
    let world = World::with_user_pools(&issuer).await;
    let pool = world.pool_of_users().await;
    let of_client = format!("{USER_POOL}:web");
    for (name, tag) in [(USER_POOL, "any"), (&of_client, "web")] {
        let more = json!({ "PrincipalTags": { tag: "sub" } });
        set(&world, &pool, name, more).await.ok();
    }
    for (client, tag) in [("web", "web"), ("phone", "any")] {
        let token = issuer.user_pool_token(client, "ada", &json!({}));
        let logins = json!({ USER_POOL: token });
        assert_eq!(tags(&world, &pool, logins).await, json!({ tag: "ada" }));
    }
}

#[tokio::test]
async fn a_value_that_the_sts_would_not_take_refuses_the_call_and_links_nothing() {
    let (world, issuer, arn, pool) = with_issuer().await;
    let map = json!({ "a": "a", "b": "b" });
    set(&world, &pool, &arn, json!({ "PrincipalTags": map }))
        .await
        .ok();
    let none = "the value of the tag a is none that STS takes.";
    let long = "the tags are longer than 460 bytes together.";
    let guest = world.identity(&pool, json!({})).await;
    for (more, text) in [
        (json!({ "a": "*" }), none),
        (json!({ "a": "${x}" }), none),
        (json!({ "a": "a\nb" }), none),
        (json!({ "a": "x".repeat(257) }), none),
        (json!({ "a": "x".repeat(230), "b": "y".repeat(230) }), long),
    ] {
        let logins = login(&issuer, &issuer.token_saying("ada", &more));
        for answer in [
            world.credentials(&guest, logins.clone()).await,
            world.get_token(&guest, logins).await,
        ] {
            answer.refused("InvalidParameterException", text);
        }
    }
    world.session(&guest, json!({})).await;
    assert_eq!(world.providers_of(&guest).await, Value::Null);
}

#[tokio::test]
async fn only_providers_of_the_pool_have_maps() {
    let (world, issuer, arn, _) = with_issuer().await;
    let client = json!({ "ProviderName": USER_POOL, "ClientId": "web" });
    let pool = world
        .developer_pool(json!({
            "OpenIdConnectProviderARNs": [arn], "CognitoIdentityProviders": [client],
            "SupportedLoginProviders": { "accounts.google.com": "123.apps" },
        }))
        .await;
    let of_client = format!("{USER_POOL}:web");
    for name in ["accounts.google.com", USER_POOL, &of_client, &arn] {
        set(&world, &pool, name, json!({})).await.ok();
    }
    for name in [
        issuer.name(),
        "appleid.apple.com",
        "https://accounts.google.com",
        "accounts.google.com:123.apps",
        DEVELOPER,
        "cognito-identity.amazonaws.com",
        &format!("{USER_POOL}:phone"),
        &format!("https://{USER_POOL}"),
        &format!("{USER_POOL}d"),
        &format!("{arn}/"),
        "arn:aws:iam::123456789012:saml-provider/corp",
    ] {
        let answer = set(&world, &pool, name, json!({})).await;
        let text = format!("({name}) is not a configured provider.");
        answer.refused("InvalidParameterException", &text);
    }
}

#[tokio::test]
async fn a_pool_that_is_not_there_is_not_found() {
    let (world, _, arn, pool) = with_issuer().await;
    let unknown = "eu-west-1:00000000-0000-4000-8000-000000000000";
    set(&world, unknown, &arn, json!({})).await.refused(
        "ResourceNotFoundException",
        &format!("IdentityPool '{unknown}' not found."),
    );
    let input = json!({ "IdentityPoolId": pool, "IdentityProviderName": arn });
    let answer = world.admin_of("us-east-1", OPERATION, input).await;
    answer.refused(
        "ResourceNotFoundException",
        &format!("IdentityPool '{pool}' not found."),
    );
}

#[tokio::test]
async fn a_session_keeps_the_tags_that_it_began_with() {
    let (world, issuer, arn, pool) = with_issuer().await;
    set(&world, &pool, &arn, json!({ "UseDefaults": true }))
        .await
        .ok();
    let logins = login(&issuer, &issuer.token("ada"));
    let ada = world.identity(&pool, logins.clone()).await;
    let answer = world.credentials(&ada, logins.clone()).await.ok();
    let session = Credentials::of(&answer["Credentials"]);
    set(&world, &pool, &arn, json!({ "UseDefaults": false }))
        .await
        .ok();
    assert_eq!(world.open_session(&session).tags.len(), 2);
    assert!(world.session(&ada, logins).await.tags.is_empty());
}

#[tokio::test]
async fn an_unsigned_call_is_refused() {
    let world = World::new().await;
    let answer = world.public(OPERATION, json!({})).await;
    answer.refused(
        "MissingAuthenticationTokenException",
        "Missing Authentication Token",
    );
}
