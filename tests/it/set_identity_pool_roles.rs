use std::sync::Arc;

use serde_json::{Value, json};

use crate::world::{Answer, DEVELOPER, GUEST_ROLE, Issuer, Key, USER_POOL, USER_ROLE, World};

const OPERATION: &str = "SetIdentityPoolRoles";
const GOOGLE: &str = "accounts.google.com";

async fn set(world: &World, pool: &str, roles: Value, mappings: Value) -> Answer {
    let input = json!({ "IdentityPoolId": pool, "Roles": roles, "RoleMappings": mappings });
    world.admin(OPERATION, input).await
}

async fn get(world: &World, pool: &str) -> Value {
    let input = json!({ "IdentityPoolId": pool });
    world.admin("GetIdentityPoolRoles", input).await.ok()
}

fn by_token(ambiguous: &str) -> Value {
    json!({ "Type": "Token", "AmbiguousRoleResolution": ambiguous })
}

fn by_rules(count: usize) -> Value {
    let rules: Vec<Value> = (0..count)
        .map(|n| json!({ "Claim": "sub", "MatchType": "Equals", "Value": format!("u{n}"), "RoleARN": USER_ROLE }))
        .collect();
    json!({
        "Type": "Rules", "AmbiguousRoleResolution": "Deny", "RulesConfiguration": { "Rules": rules },
    })
}

/// A pool with a provider of each kind, and the ARN of the registered one.
async fn with_providers() -> (World, Issuer, String, String) {
    let world = World::new().await;
    let issuer = Issuer::with(Key::p256("one")).await;
    let arn = world.register(&issuer, &["app"]).await;
    let client = json!({ "ProviderName": USER_POOL, "ClientId": "web" });
    let pool = world
        .developer_pool(json!({
            "OpenIdConnectProviderARNs": [arn], "CognitoIdentityProviders": [client],
            "SupportedLoginProviders": { GOOGLE: "123.apps" },
        }))
        .await;
    (world, issuer, arn, pool)
}

#[tokio::test]
async fn roles_are_replaced_as_a_whole() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    let answer = set(
        &world,
        &pool,
        json!({ "authenticated": USER_ROLE }),
        json!({}),
    )
    .await;
    assert_eq!((answer.status, answer.text.as_str()), (200, ""));
    let roles = get(&world, &pool).await;
    assert_eq!(roles["Roles"], json!({ "authenticated": USER_ROLE }));
}

#[tokio::test]
async fn a_role_that_is_not_this_accounts_is_forbidden_and_changes_nothing() {
    let world = World::new().await;
    let pool = world
        .pool(json!({ "SupportedLoginProviders": { GOOGLE: "123.apps" } }))
        .await;
    let before = get(&world, &pool).await;
    for role in [
        "arn:aws:iam::210987654321:role/User",
        "arn:aws:iam:::role/User-of-nobody",
        "Cognito_MyPoolAuth_Role",
        "arn:aws:iam::123456789012:user/somebody",
    ] {
        let mut mapping = by_rules(2);
        mapping["RulesConfiguration"]["Rules"][1]["RoleARN"] = json!(role);
        for (roles, mappings) in [
            (json!({ "authenticated": role }), json!({})),
            (json!({ "unauthenticated": role }), json!({})),
            (json!({}), json!({ GOOGLE: mapping })),
        ] {
            let answer = set(&world, &pool, roles, mappings).await;
            let text = format!("Access to Role '{role}' is forbidden.");
            answer.refused("NotAuthorizedException", &text);
        }
    }
    assert_eq!(get(&world, &pool).await, before);
    assert_eq!(before["Roles"]["unauthenticated"], json!(GUEST_ROLE));
}

#[tokio::test]
async fn mappings_come_back_as_they_were_written() {
    let (world, _, arn, pool) = with_providers().await;
    let of_client = format!("{USER_POOL}:web");
    let mappings = json!({
        GOOGLE: by_rules(1), of_client: by_token("AuthenticatedRole"), arn: by_token("Deny"),
    });
    let roles = json!({ "authenticated": USER_ROLE });
    set(&world, &pool, roles.clone(), mappings.clone())
        .await
        .ok();
    let wanted = json!({ "IdentityPoolId": pool, "Roles": roles, "RoleMappings": mappings });
    assert_eq!(get(&world, &pool).await, wanted);
    let world = world.restart().await;
    assert_eq!(get(&world, &pool).await, wanted);
}

#[tokio::test]
async fn what_is_left_out_is_cleared() {
    let (world, _, arn, pool) = with_providers().await;
    let mappings = json!({ arn: by_token("Deny") });
    set(&world, &pool, json!({}), mappings.clone()).await.ok();
    let only_mappings = json!({ "IdentityPoolId": pool, "RoleMappings": mappings });
    assert_eq!(get(&world, &pool).await, only_mappings);
    set(&world, &pool, json!({}), json!({})).await.ok();
    assert_eq!(get(&world, &pool).await, json!({ "IdentityPoolId": pool }));
    set(&world, &pool, json!({}), mappings).await.ok();
    let without = json!({ "IdentityPoolId": pool, "Roles": {} });
    world.admin(OPERATION, without).await.ok();
    assert_eq!(get(&world, &pool).await, json!({ "IdentityPoolId": pool }));
}

#[tokio::test]
async fn a_mapping_is_of_a_provider_of_the_pool() {
    let (world, issuer, arn, pool) = with_providers().await;
    let before = get(&world, &pool).await;
    for key in [
        format!("https://{USER_POOL}:web"),
        USER_POOL.to_owned(),
        format!("{USER_POOL}:phone"),
        format!("{USER_POOL}:web:web"),
        issuer.name().to_owned(),
        format!("{arn}/"),
        "appleid.apple.com".to_owned(),
        DEVELOPER.to_owned(),
        "cognito-identity.amazonaws.com".to_owned(),
        "arn:aws:iam::123456789012:saml-provider/corp".to_owned(),
    ] {
        let mappings = json!({ GOOGLE: by_rules(1), key.as_str(): by_rules(1) });
        let answer = set(&world, &pool, json!({}), mappings).await;
        let text = format!(
            "({key}) is not a valid RoleMapping ProviderName or is not a configured provider."
        );
        answer.refused("InvalidParameterException", &text);
    }
    assert_eq!(get(&world, &pool).await, before);
}

#[tokio::test]
async fn a_mapping_says_all_that_its_type_wants_and_nothing_else() {
    let (world, _, arn, pool) = with_providers().await;
    let without = |mut mapping: Value, name: &str| {
        mapping.as_object_mut().unwrap().remove(name);
        mapping
    };
    let mut both = by_token("Deny");
    both["RulesConfiguration"] = by_rules(1)["RulesConfiguration"].clone();
    for (mapping, text) in [
        (
            without(by_token("Deny"), "AmbiguousRoleResolution"),
            format!("AmbiguousRoleResolution is required in the RoleMapping of {arn}."),
        ),
        (
            without(by_rules(1), "AmbiguousRoleResolution"),
            format!("AmbiguousRoleResolution is required in the RoleMapping of {arn}."),
        ),
        (
            without(by_rules(1), "RulesConfiguration"),
            format!("RulesConfiguration is required in the RoleMapping of {arn}."),
        ),
        (
            both,
            format!("RulesConfiguration goes with the type Rules in the RoleMapping of {arn}."),
        ),
    ] {
        let answer = set(&world, &pool, json!({}), json!({ arn.as_str(): mapping })).await;
        answer.refused("InvalidParameterException", &text);
    }
    let of_google = json!({ GOOGLE: by_token("Deny") });
    let answer = set(&world, &pool, json!({}), of_google).await;
    let text = format!("The tokens of {GOOGLE} name no roles.");
    answer.refused("InvalidParameterException", &text);
}

#[tokio::test]
async fn a_provider_has_25_rules_at_most() {
    let (world, _, arn, pool) = with_providers().await;
    let both = |count: usize| json!({ GOOGLE: by_rules(25), arn.as_str(): by_rules(count) });
    set(&world, &pool, json!({}), both(25)).await.ok();
    let answer = set(&world, &pool, json!({}), both(26)).await;
    let text = format!("A RoleMapping has at most 25 rules, that of {arn} has 26.");
    answer.refused("InvalidParameterException", &text);
    assert_eq!(get(&world, &pool).await["RoleMappings"], both(25));
}

#[tokio::test]
async fn a_mapping_stays_while_its_provider_is_away() {
    let (world, _, arn, pool) = with_providers().await;
    let mappings = json!({ arn: by_token("Deny") });
    set(&world, &pool, json!({}), mappings.clone()).await.ok();
    let update = json!({
        "IdentityPoolId": pool, "IdentityPoolName": "A pool", "AllowUnauthenticatedIdentities": true,
    });
    world.admin("UpdateIdentityPool", update).await.ok();
    assert_eq!(get(&world, &pool).await["RoleMappings"], mappings);
}

#[tokio::test]
async fn two_at_once_never_lose_one_in_silence() {
    let world = Arc::new(World::new().await);
    let pool = world.pool(json!({})).await;
    let calls: Vec<_> = (0..16)
        .map(|at| {
            let (world, pool) = (Arc::clone(&world), pool.clone());
            tokio::spawn(async move {
                let role = format!("arn:aws:iam::123456789012:role/User-{at}");
                let roles = json!({ "authenticated": role });
                let answer = set(&world, &pool, roles, json!({})).await;
                if answer.status == 200 {
                    return true;
                }
                answer.refused(
                    "ConcurrentModificationException",
                    "Another request changed the same thing meanwhile. Try again.",
                );
                false
            })
        })
        .collect();
    let mut kept = 0;
    for call in calls {
        kept += u64::from(call.await.unwrap());
    }
    let uuid = pool.split_once(':').unwrap().1.parse().unwrap();
    let stored = world.pool_version(uuid).await;
    // Made, given roles, and then every call that was answered.
    assert_eq!(stored.version, 2 + kept);
}

#[tokio::test]
async fn a_pool_that_is_not_there_is_not_found() {
    let world = World::new().await;
    let unknown = "eu-west-1:00000000-0000-4000-8000-000000000000";
    let answer = set(&world, unknown, json!({}), json!({})).await;
    answer.refused(
        "ResourceNotFoundException",
        &format!("IdentityPool '{unknown}' not found."),
    );
}

/// As Terraform does it, which sets all that belongs to a pool at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn roles_and_tags_set_at_once_are_all_kept() {
    let world = std::sync::Arc::new(World::new().await);
    let providers = ["accounts.google.com", "appleid.apple.com"];
    let logins = json!({ "accounts.google.com": "web", "appleid.apple.com": "web" });
    let pool = world
        .pool(json!({ "SupportedLoginProviders": logins }))
        .await;
    let set = json!({ "IdentityPoolId": pool, "Roles": { "authenticated": USER_ROLE } });
    let mut requests = vec![("SetIdentityPoolRoles", set); 8];
    for provider in providers {
        let tags = json!({
            "IdentityPoolId": pool, "IdentityProviderName": provider, "PrincipalTags": { "user": "sub" },
        });
        requests.extend(vec![("SetPrincipalTagAttributeMap", tags); 4]);
    }
    let answers = requests.into_iter().map(|(operation, input)| {
        let world = std::sync::Arc::clone(&world);
        tokio::spawn(async move { world.admin(operation, input).await })
    });
    for answer in answers.collect::<Vec<_>>() {
        let answer = answer.await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    let of_pool = json!({ "IdentityPoolId": pool });
    let roles = world.admin("GetIdentityPoolRoles", of_pool).await.ok();
    assert_eq!(roles["Roles"], json!({ "authenticated": USER_ROLE }));
    for provider in providers {
        let wanted = json!({ "IdentityPoolId": pool, "IdentityProviderName": provider });
        let map = world.admin("GetPrincipalTagAttributeMap", wanted).await;
        assert_eq!(map.ok()["PrincipalTags"], json!({ "user": "sub" }));
    }
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
