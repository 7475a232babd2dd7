mod linking;

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::world::{
    DEVELOPER, Given, Issuer, Key, Mood, StandIn, World, login, part_text, without_origin,
};

const OPERATION: &str = "GetOpenIdTokenForDeveloperIdentity";
const NOT_SUPPORTED: &str = "This identity pool does not support the specified developer provider";

/// A world with an issuer, and a pool that takes its tokens and the developer's users.
async fn with_issuer() -> (World, Issuer, String) {
    let world = World::new().await;
    let issuer = Issuer::with(Key::p256("one")).await;
    let arn = world.register(&issuer, &["app"]).await;
    let pool = world
        .developer_pool(json!({ "OpenIdConnectProviderARNs": [arn] }))
        .await;
    (world, issuer, pool)
}

/// The developer's user with a login at the issuer beside.
fn beside(issuer: &Issuer, subject: &str, identity: &str) -> Value {
    json!({ "IdentityId": identity, "Logins": login(issuer, &issuer.token(subject)) })
}

async fn is_unknown(world: &World, pool: &str, user: &str) {
    let input = json!({ "IdentityPoolId": pool, "DeveloperUserIdentifier": user });
    let answer = world.admin("LookupDeveloperIdentity", input).await;
    answer.refused(
        "ResourceNotFoundException",
        "Developer user identifier not found.",
    );
}

#[tokio::test]
async fn a_new_user_gets_an_identity_and_a_token_for_a_quarter_of_an_hour() {
    let world = World::new().await;
    let pool = world.developer_pool(json!({})).await;
    let given = world.user(&pool, "user-1").await;
    let third = format!("{DEVELOPER}:{pool}:user-1");
    let arn = format!("arn:aws:cognito-identity:eu-west-1:123456789012:identitypool/{pool}");
    let wanted = json!({
        "sub": given.identity, "aud": pool, "amr": ["authenticated", DEVELOPER, third], "iss": world.base,
        "https://cognito-identity.amazonaws.com/identity-pool-arn": arn,
        "exp": world.now() + 900, "iat": world.now(), "cognate:developer": true,
    });
    assert_eq!(without_origin(given.claims()), wanted);
    assert_eq!(
        world.providers_of(&given.identity).await,
        json!([DEVELOPER])
    );
}

#[tokio::test]
async fn a_token_lasts_as_long_as_was_asked_within_a_day() {
    let world = World::new().await;
    let pool = world.developer_pool(json!({})).await;
    for seconds in [1, 900, 86_400] {
        let given = Given::of(
            world
                .developer(&pool, "u", json!({ "TokenDuration": seconds }))
                .await,
        );
        let claims = given.claims();
        let lifetime = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
        assert_eq!(lifetime, seconds);
    }
    for (seconds, bound) in [
        (0, "greater than or equal to 1"),
        (86_401, "less than or equal to 86400"),
    ] {
        let answer = world
            .developer(&pool, "u", json!({ "TokenDuration": seconds }))
            .await;
        let text = format!(
            "1 validation error detected: Value '{seconds}' at 'tokenDuration' failed to satisfy constraint: Member \
             must have value {bound}"
        );
        answer.refused("ValidationException", &text);
    }
}

#[tokio::test]
async fn the_same_user_gets_the_same_identity() {
    let world = World::new().await;
    let pool = world.developer_pool(json!({})).await;
    let first = world.user(&pool, "user-1").await;
    world.clock.advance(100_000);
    let again = world.user(&pool, "user-1").await;
    assert_eq!(again.identity, first.identity);
    let named = world.attach(&pool, "user-1", &first.identity).await;
    assert_eq!(named.identity, first.identity);
    assert_ne!(world.user(&pool, "user-2").await.identity, first.identity);
}

#[tokio::test]
async fn users_are_compared_as_bytes() {
    let world = World::new().await;
    let pool = world.developer_pool(json!({})).await;
    let users = [
        "ada",
        "Ada",
        "ada ",
        " ada",
        "a da",
        "é",
        "e\u{301}",
        "É",
        "ﬁ",
        "fi",
        "ß",
        "ss",
        "ada\n",
        "ada\u{200b}",
        "ada:b",
        "\u{1f600}",
    ];
    let mut ids = HashSet::new();
    for user in users {
        ids.insert(world.user(&pool, user).await.identity);
    }
    assert_eq!(ids.len(), users.len());
    for user in users {
        assert!(
            ids.contains(&world.user(&pool, user).await.identity),
            "{user:?}"
        );
    }
}

#[tokio::test]
async fn the_same_user_is_another_identity_in_another_pool() {
    let world = World::new().await;
    let (one, two) = (
        world.developer_pool(json!({})).await,
        world.developer_pool(json!({})).await,
    );
    let first = world.user(&one, "user-1").await.identity;
    assert_ne!(world.user(&two, "user-1").await.identity, first);
}

#[tokio::test]
async fn a_public_subject_is_not_a_developers_user_of_the_same_name() {
    let (world, issuer, pool) = with_issuer().await;
    let ada = world
        .identity(&pool, login(&issuer, &issuer.token("ada")))
        .await;
    assert_ne!(world.user(&pool, "ada").await.identity, ada);
}

#[tokio::test]
async fn two_first_calls_at_once_make_one_identity() {
    let world = Arc::new(World::new().await);
    let pool = world.developer_pool(json!({})).await;
    let calls: Vec<_> = (0..16)
        .map(|_| {
            let (world, pool) = (Arc::clone(&world), pool.clone());
            tokio::spawn(async move { world.user(&pool, "user-1").await.identity })
        })
        .collect();
    let mut ids = HashSet::new();
    for call in calls {
        ids.insert(call.await.unwrap());
    }
    assert_eq!(ids.len(), 1);
}

#[tokio::test]
async fn a_public_login_is_verified_as_anywhere() {
    let (world, issuer, pool) = with_issuer().await;
    let cases = [
        (
            json!({ issuer.name(): "opaque" }),
            "Invalid login token. Not a valid OpenId Connect identity token.",
        ),
        (
            json!({ issuer.name(): Key::p256("one").token(&crate::world::claims(issuer.url(), "ada")) }),
            "Invalid login token. Couldn't verify signed token.",
        ),
        (
            json!({ "accounts.google.com": "x" }),
            "Token is not from a supported provider of this identity pool.",
        ),
        (
            json!({ "arn:aws:iam::123456789012:saml-provider/x": "x" }),
            "Token is not from a supported provider of this identity pool.",
        ),
    ];
    for (logins, text) in cases {
        let answer = world
            .developer(&pool, "user-1", json!({ "Logins": logins }))
            .await;
        answer.refused("NotAuthorizedException", text);
    }
    is_unknown(&world, &pool, "user-1").await;
}

#[tokio::test]
async fn a_provider_that_is_away_verifies_nothing_and_nothing_undeclared_is_answered() {
    let issuer = Issuer::with(Key::p256("one")).await;
    let facebook = StandIn::new(|_| (200, json!({ "id": "7" }))).await;
    let upstream = format!("graph.facebook.com={}", facebook.base);
    let world = World::with(|flags| flags.upstreams = vec![upstream]).await;
    let arn = world.register(&issuer, &["app"]).await;
    let members = json!({
        "OpenIdConnectProviderARNs": [arn], "SupportedLoginProviders": { "graph.facebook.com": "7" },
    });
    let pool = world.developer_pool(members).await;
    let both = [
        login(&issuer, &issuer.token("ada")),
        json!({ "graph.facebook.com": "EAA" }),
    ];
    issuer.away(true);
    facebook.is(Mood::Away);
    for logins in &both {
        let answer = world.get_id(&pool, logins.clone()).await;
        assert_eq!(answer.error().1, "ExternalServiceException");
        let more = json!({ "Logins": logins });
        let answer = world.developer(&pool, "user-1", more).await;
        let text = "Invalid login token. Couldn't verify signed token.";
        answer.refused("NotAuthorizedException", text);
    }
    is_unknown(&world, &pool, "user-1").await;
    issuer.away(false);
    facebook.is(Mood::Well);
    world.clock.advance(10);
    for logins in both {
        let more = json!({ "Logins": logins });
        Given::of(world.developer(&pool, "user-1", more).await);
    }
}

#[tokio::test]
async fn another_developers_key_is_not_supported() {
    let (world, issuer, pool) = with_issuer().await;
    let ask = |pool: &str, logins: Value| {
        let input = json!({ "IdentityPoolId": pool, "Logins": logins });
        world.admin(OPERATION, input)
    };
    let without = world.pool(json!({})).await;
    for (pool, logins) in [
        (&pool, json!({ "login.other": "u" })),
        (&pool, json!({ "Login.MyCompany": "u" })),
        (&pool, json!({ DEVELOPER: "u", "login.other": "u" })),
        (
            &pool,
            json!({ DEVELOPER: "u", "cognito-identity.amazonaws.com": "u" }),
        ),
        (
            &pool,
            json!({ "cognito-identity.amazonaws.com": "u", issuer.name(): issuer.token("ada") }),
        ),
        (&without, json!({ DEVELOPER: "u" })),
    ] {
        let answer = ask(pool, logins).await;
        answer.refused("NotAuthorizedException", NOT_SUPPORTED);
    }
}

#[tokio::test]
async fn a_call_without_a_developers_user_is_refused() {
    let (world, issuer, pool) = with_issuer().await;
    for logins in [json!({}), login(&issuer, &issuer.token("ada"))] {
        let input = json!({ "IdentityPoolId": pool, "Logins": logins });
        let answer = world.admin(OPERATION, input).await;
        answer.refused(
            "InvalidParameterException",
            "Please provide a login of the developer provider.",
        );
    }
    let answer = world.developer(&pool, "", json!({})).await;
    let (status, code, text) = answer.error();
    assert_eq!((status, code.as_str()), (400, "ValidationException"));
    assert!(
        text.starts_with("1 validation error detected: Value at 'logins' failed"),
        "{text}"
    );
}

#[tokio::test]
async fn a_user_has_1024_characters_at_most() {
    let world = World::new().await;
    let pool = world.developer_pool(json!({})).await;
    for letter in ["x", "\u{1f600}", "\u{1}"] {
        let longest = letter.repeat(1024);
        let given = world.user(&pool, &longest).await;
        let third = format!("{DEVELOPER}:{pool}:{longest}");
        assert_eq!(given.claims()["amr"][2], json!(third));
        world.credentials(&given.identity, given.login()).await.ok();
        let answer = world
            .developer(&pool, &letter.repeat(1025), json!({}))
            .await;
        answer.refused(
            "InvalidParameterException",
            "A developer user identifier has at most 1024 characters.",
        );
    }
}

#[tokio::test]
async fn an_identity_of_another_pool_is_not_found() {
    let world = World::new().await;
    let (one, two) = (
        world.developer_pool(json!({})).await,
        world.developer_pool(json!({})).await,
    );
    let other = world.user(&two, "user-1").await.identity;
    let unknown = "eu-west-1:00000000-0000-4000-8000-000000000000".to_owned();
    for id in [other, unknown] {
        let answer = world
            .developer(&one, "user-1", json!({ "IdentityId": id }))
            .await;
        let text = format!("Identity '{id}' not found.");
        answer.refused("ResourceNotFoundException", &text);
    }
    is_unknown(&world, &one, "user-1").await;
}

#[tokio::test]
async fn a_pool_of_another_region_is_not_found() {
    let world = World::new().await;
    let pool = world.developer_pool(json!({})).await;
    let input = json!({ "IdentityPoolId": pool, "Logins": { DEVELOPER: "u" } });
    let answer = world.admin_of("us-east-1", OPERATION, input).await;
    let text = format!("IdentityPool '{pool}' not found.");
    answer.refused("ResourceNotFoundException", &text);
}

#[tokio::test]
async fn tags_stand_in_the_token_as_the_real_service_writes_them() {
    let world = World::new().await;
    let pool = world.developer_pool(json!({})).await;
    let more = json!({ "PrincipalTags": { "department": "legal", "level": "7" } });
    let given = Given::of(world.developer(&pool, "u", more).await);
    let text = part_text(&given.token, 1);
    let tags = r#""https://aws.amazon.com/tags":{"principal_tags":{"department":["legal"],"level":["7"]}},"iss""#;
    assert!(text.contains(tags), "{text}");
    let plain = world.user(&pool, "u").await;
    assert_eq!(
        plain.claims()["https://aws.amazon.com/tags"],
        Value::Null,
        "tags are of the token, not of the user"
    );
}

#[tokio::test]
async fn the_classic_switch_and_role_mappings_do_not_matter() {
    let (world, issuer, _) = with_issuer().await;
    let arn = format!("arn:aws:iam::123456789012:oidc-provider/{}", issuer.name());
    let pool = world
        .developer_pool(json!({ "AllowClassicFlow": false, "OpenIdConnectProviderARNs": [arn] }))
        .await;
    let roles = json!({
        "IdentityPoolId": pool, "Roles": { "authenticated": crate::world::USER_ROLE },
        "RoleMappings": { arn: { "Type": "Token", "AmbiguousRoleResolution": "Deny" } },
    });
    world.admin("SetIdentityPoolRoles", roles).await.ok();
    let given = world.user(&pool, "user-1").await;
    let session = world.session(&given.identity, given.login()).await;
    assert_eq!(session.role.as_str(), crate::world::USER_ROLE);
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
