//! Tokens of GetOpenIdTokenForDeveloperIdentity, shown as logins under `cognito-identity.amazonaws.com` or taken to the
//! STS.

use serde_json::{Value, json};

use crate::world::{
    Credentials, DEVELOPER, GUEST_ROLE, Given, Issuer, Key, USER_ROLE, World, assumed, claims,
    login,
};

const NOT_COGNITO: &str = "Invalid login token. Not a Cognito token.";
const DENIED: &str = "Not authorized to perform sts:AssumeRoleWithWebIdentity";

async fn with_issuer() -> (World, Issuer, String) {
    let world = World::new().await;
    let issuer = Issuer::with(Key::p256("one")).await;
    let arn = world.register(&issuer, &["app"]).await;
    let pool = world
        .developer_pool(json!({ "OpenIdConnectProviderARNs": [arn] }))
        .await;
    (world, issuer, pool)
}

/// That neither credentials nor a token come from these logins, and why.
async fn opens_nothing(world: &World, identity: &str, logins: &Value, text: &str) {
    for operation in ["GetCredentialsForIdentity", "GetOpenIdToken"] {
        let input = json!({ "IdentityId": identity, "Logins": logins });
        let answer = world.public(operation, input).await;
        answer.refused("NotAuthorizedException", text);
    }
}

#[tokio::test]
async fn a_token_opens_its_identity() {
    let (world, _, pool) = with_issuer().await;
    let given = world.user(&pool, "user-1").await;
    let answer = world.credentials(&given.identity, given.login()).await.ok();
    assert_eq!(answer["IdentityId"], json!(given.identity));
    let session = world.open_session(&Credentials::of(&answer["Credentials"]));
    assert_eq!(session.role.as_str(), USER_ROLE);
    let token = Given::of(world.get_token(&given.identity, given.login()).await);
    assert_eq!(token.identity, given.identity);
    let third = format!("{DEVELOPER}:{pool}:user-1");
    assert_eq!(
        token.claims()["amr"],
        json!(["authenticated", DEVELOPER, third])
    );
    assert_eq!(token.claims()["cognate:developer"], Value::Null);
}

#[tokio::test]
async fn credentials_and_tokens_do_not_outlive_it() {
    let (world, _, pool) = with_issuer().await;
    for (duration, credentials, token) in [(60, 60, 60), (900, 900, 600), (86_400, 3600, 600)] {
        let more = json!({ "TokenDuration": duration });
        let given = Given::of(world.developer(&pool, "user-1", more).await);
        let answer = world.credentials(&given.identity, given.login()).await.ok();
        assert_eq!(
            answer["Credentials"]["Expiration"],
            json!(world.now() + credentials)
        );
        let made = Given::of(world.get_token(&given.identity, given.login()).await);
        assert_eq!(made.claims()["exp"], json!(world.now() + token));
        assert_eq!(made.claims()["iat"], json!(world.now()));
    }
}

#[tokio::test]
async fn an_expired_token_says_when() {
    let (world, _, pool) = with_issuer().await;
    let more = json!({ "TokenDuration": 60 });
    let given = Given::of(world.developer(&pool, "user-1", more).await);
    world.clock.advance(59);
    world.credentials(&given.identity, given.login()).await.ok();
    world.clock.advance(1);
    let now = world.now();
    let text = format!("Invalid login token. Token expired: {now} >= {now}");
    opens_nothing(&world, &given.identity, &given.login(), &text).await;
}

#[tokio::test]
async fn a_token_opens_no_other_identity_and_no_other_pool() {
    let (world, _, pool) = with_issuer().await;
    let other_pool = world.developer_pool(json!({})).await;
    let one = world.user(&pool, "user-1").await;
    let two = world.user(&pool, "user-2").await.identity;
    let guest = world.identity(&pool, json!({})).await;
    let elsewhere = world.user(&other_pool, "user-1").await.identity;
    for identity in [two, guest, elsewhere] {
        opens_nothing(&world, &identity, &one.login(), NOT_COGNITO).await;
    }
}

#[tokio::test]
async fn get_id_takes_none() {
    let (world, issuer, pool) = with_issuer().await;
    let given = world.user(&pool, "user-1").await;
    let text = "Invalid login token. Can't pass in a Cognito token.";
    for logins in [
        given.login(),
        json!({ DEVELOPER: given.token }),
        json!({ issuer.name(): given.token }),
    ] {
        let answer = world.get_id(&pool, logins).await;
        answer.refused("NotAuthorizedException", text);
    }
}

#[tokio::test]
async fn under_the_developers_own_name_it_is_no_public_login() {
    let (world, _, pool) = with_issuer().await;
    let given = world.user(&pool, "user-1").await;
    let logins = json!({ DEVELOPER: given.token });
    let text = "Please provide a valid public provider";
    opens_nothing(&world, &given.identity, &logins, text).await;
    let logins = json!({ DEVELOPER: "user-1" });
    opens_nothing(&world, &given.identity, &logins, text).await;
}

#[tokio::test]
async fn a_token_of_the_public_operation_is_no_login() {
    let (world, issuer, pool) = with_issuer().await;
    let given = world.user(&pool, "user-1").await;
    let second = Given::of(world.get_token(&given.identity, given.login()).await);
    opens_nothing(&world, &given.identity, &second.login(), NOT_COGNITO).await;
    let logins = login(&issuer, &issuer.token("ada"));
    let ada = world.identity(&pool, logins.clone()).await;
    let public = Given::of(world.get_token(&ada, logins).await);
    opens_nothing(&world, &ada, &public.login(), NOT_COGNITO).await;
}

#[tokio::test]
async fn a_token_that_another_key_signed_is_none_of_ours() {
    let (world, issuer, pool) = with_issuer().await;
    let given = world.user(&pool, "user-1").await;
    let mut copied = claims(&world.base, &given.identity);
    for (name, value) in given.claims().as_object().unwrap() {
        copied[name] = value.clone();
    }
    let forged = json!({ "cognito-identity.amazonaws.com": issuer.key.token(&copied) });
    opens_nothing(&world, &given.identity, &forged, NOT_COGNITO).await;
    let (message, signature) = given.token.rsplit_once('.').unwrap();
    for token in [
        "opaque".to_owned(),
        message.to_owned(),
        format!("{message}."),
        format!("{message}.{}", signature.replace(['a', 'b', 'c'], "d")),
        issuer.token("ada"),
    ] {
        let logins = json!({ "cognito-identity.amazonaws.com": token });
        opens_nothing(&world, &given.identity, &logins, NOT_COGNITO).await;
    }
}

#[tokio::test]
async fn a_token_is_over_when_its_user_is_unlinked() {
    let (world, _, pool) = with_issuer().await;
    let one = world.user(&pool, "user-1").await;
    let two = world.attach(&pool, "user-2", &one.identity).await;
    let unlink = json!({
        "IdentityId": one.identity, "IdentityPoolId": pool, "DeveloperProviderName": DEVELOPER,
        "DeveloperUserIdentifier": "user-1",
    });
    world.admin("UnlinkDeveloperIdentity", unlink).await.ok();
    opens_nothing(&world, &one.identity, &one.login(), NOT_COGNITO).await;
    // Whatever was given out before any login was taken is over.
    opens_nothing(&world, &one.identity, &two.login(), NOT_COGNITO).await;
    let fresh = world.user(&pool, "user-2").await;
    assert_eq!(fresh.identity, one.identity);
    world.credentials(&fresh.identity, fresh.login()).await.ok();
}

#[tokio::test]
async fn a_token_is_over_when_another_login_is_unlinked() {
    let (world, issuer, pool) = with_issuer().await;
    let logins = login(&issuer, &issuer.token("ada"));
    let more = json!({ "Logins": logins });
    let given = Given::of(world.developer(&pool, "user-1", more).await);
    world.credentials(&given.identity, given.login()).await.ok();
    let unlink = json!({
        "IdentityId": given.identity, "Logins": logins, "LoginsToRemove": [issuer.name()],
    });
    world.public("UnlinkIdentity", unlink).await.ok();
    opens_nothing(&world, &given.identity, &given.login(), NOT_COGNITO).await;
}

#[tokio::test]
async fn after_a_merge_the_survivors_token_is_good_and_the_others_is_not() {
    let (world, _, pool) = with_issuer().await;
    let source = world.user(&pool, "user-1").await;
    let survivor = world.user(&pool, "user-2").await;
    let merge = json!({
        "IdentityPoolId": pool, "DeveloperProviderName": DEVELOPER, "SourceUserIdentifier": "user-1",
        "DestinationUserIdentifier": "user-2",
    });
    world.admin("MergeDeveloperIdentities", merge).await.ok();
    for identity in [&source.identity, &survivor.identity] {
        opens_nothing(&world, identity, &source.login(), NOT_COGNITO).await;
    }
    world
        .credentials(&survivor.identity, survivor.login())
        .await
        .ok();
    let fresh = world.user(&pool, "user-1").await;
    assert_eq!(fresh.identity, survivor.identity);
    world
        .credentials(&survivor.identity, fresh.login())
        .await
        .ok();
}

#[tokio::test]
async fn a_token_outlives_neither_its_identity_nor_its_pool() {
    let (world, _, pool) = with_issuer().await;
    let given = world.user(&pool, "user-1").await;
    let delete = json!({ "IdentityIdsToDelete": [given.identity] });
    world.admin("DeleteIdentities", delete).await.ok();
    let text = format!("Identity '{}' not found.", given.identity);
    let answer = world.credentials(&given.identity, given.login()).await;
    answer.refused("ResourceNotFoundException", &text);
    let again = world.user(&pool, "user-1").await;
    opens_nothing(&world, &again.identity, &given.login(), NOT_COGNITO).await;
}

#[tokio::test]
async fn another_login_beside_it_is_linked() {
    let (world, issuer, pool) = with_issuer().await;
    let given = world.user(&pool, "user-1").await;
    let mut both = given.login();
    both[issuer.name()] = json!(issuer.token("ada"));
    let answer = world.credentials(&given.identity, both.clone()).await.ok();
    assert_eq!(answer["IdentityId"], json!(given.identity));
    let ada = world
        .identity(&pool, login(&issuer, &issuer.token("ada")))
        .await;
    assert_eq!(ada, given.identity);
    let token = Given::of(world.get_token(&given.identity, both).await);
    let amr = token.claims()["amr"].clone();
    let of_issuer = format!(
        "arn:aws:iam::123456789012:oidc-provider/{}:OIDC:ada",
        issuer.name()
    );
    let third = format!("{DEVELOPER}:{pool}:user-1");
    assert_eq!(
        amr,
        json!(["authenticated", DEVELOPER, third, issuer.name(), of_issuer])
    );
}

#[tokio::test]
async fn another_identitys_login_beside_it_merges_that_identity() {
    let (world, issuer, pool) = with_issuer().await;
    let logins = login(&issuer, &issuer.token("ada"));
    let ada = world.identity(&pool, logins.clone()).await;
    let given = world.user(&pool, "user-1").await;
    let mut both = given.login();
    both[issuer.name()] = logins[issuer.name()].clone();
    let answer = world.credentials(&given.identity, both).await.ok();
    assert_eq!(answer["IdentityId"], json!(given.identity));
    assert_eq!(world.identity(&pool, logins.clone()).await, given.identity);
    let answer = world.credentials(&ada, logins).await.ok();
    assert_eq!(answer["IdentityId"], json!(given.identity));
}

#[tokio::test]
async fn a_bad_login_beside_it_refuses_both() {
    let (world, issuer, pool) = with_issuer().await;
    let given = world.user(&pool, "user-1").await;
    let mut both = given.login();
    both[issuer.name()] = json!("opaque");
    let text = "Invalid login token. Not a valid OpenId Connect identity token.";
    opens_nothing(&world, &given.identity, &both, text).await;
    let mut other_way = login(&issuer, &issuer.token("ada"));
    other_way["cognito-identity.amazonaws.com"] = json!("opaque");
    opens_nothing(&world, &given.identity, &other_way, NOT_COGNITO).await;
    assert_eq!(
        world.providers_of(&given.identity).await,
        json!([DEVELOPER]),
        "nothing was linked"
    );
}

#[tokio::test]
async fn the_developers_tags_come_along() {
    let (world, _, pool) = with_issuer().await;
    let more = json!({ "PrincipalTags": { "department": "legal" } });
    let given = Given::of(world.developer(&pool, "user-1", more).await);
    let session = world.session(&given.identity, given.login()).await;
    assert_eq!(
        session.tags.iter().collect::<Vec<_>>(),
        [("department", "legal")]
    );
    let token = Given::of(world.get_token(&given.identity, given.login()).await);
    assert_eq!(
        token.claims()["https://aws.amazon.com/tags"],
        json!({ "principal_tags": { "department": ["legal"] } })
    );
}

#[tokio::test]
async fn the_sts_takes_it_in_the_classic_flow_with_its_tags() {
    let (world, _, pool) = with_issuer().await;
    let off = world
        .developer_pool(json!({ "AllowClassicFlow": false }))
        .await;
    for pool in [pool, off] {
        let more = json!({ "PrincipalTags": { "department": "legal" } });
        let given = Given::of(world.developer(&pool, "user-1", more).await);
        let answer = world.assume(USER_ROLE, &given.token).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(
            answer.xml("SubjectFromWebIdentityToken"),
            Some(given.identity.clone())
        );
        let session = world.open_session(&assumed(&answer));
        assert_eq!(session.tags.get("department"), Some("legal"));
        world
            .assume(GUEST_ROLE, &given.token)
            .await
            .query_refused(403, "AccessDenied", DENIED);
        let unlink = json!({
            "IdentityId": given.identity, "IdentityPoolId": pool, "DeveloperProviderName": DEVELOPER,
            "DeveloperUserIdentifier": "user-1",
        });
        world.admin("UnlinkDeveloperIdentity", unlink).await.ok();
        world
            .assume(USER_ROLE, &given.token)
            .await
            .query_refused(403, "AccessDenied", DENIED);
    }
}
