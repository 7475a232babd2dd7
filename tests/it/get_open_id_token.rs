use serde_json::{Value, json};

use crate::world::{Issuer, World, login, part, without_origin};

async fn token(world: &World, identity: &str, logins: Value) -> (String, String) {
    let input = json!({ "IdentityId": identity, "Logins": logins });
    let answer = world.public("GetOpenIdToken", input).await.ok();
    let text = |name: &str| answer[name].as_str().unwrap().to_owned();
    (text("IdentityId"), text("Token"))
}

#[tokio::test]
async fn a_guests_token_says_so_for_ten_minutes() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    let guest = world.identity(&pool, json!({})).await;
    let (id, token) = token(&world, &guest, json!({})).await;
    assert_eq!(id, guest);
    let arn = format!("arn:aws:cognito-identity:eu-west-1:123456789012:identitypool/{pool}");
    let wanted = json!({
        "sub": guest, "aud": pool, "amr": ["unauthenticated"], "iss": world.base,
        "https://cognito-identity.amazonaws.com/identity-pool-arn": arn,
        "exp": world.now() + 600, "iat": world.now(),
    });
    assert_eq!(without_origin(part(&token, 1)), wanted);
}

#[tokio::test]
async fn a_users_token_names_the_logins_that_were_used() {
    let (world, issuer) = (World::new().await, Issuer::new().await);
    let pool = world.pool_of(&issuer).await;
    let logins = login(&issuer, &issuer.token("ada"));
    let ada = world.identity(&pool, logins.clone()).await;
    let (_, token) = token(&world, &ada, logins).await;
    let third = format!(
        "arn:aws:iam::123456789012:oidc-provider/{}:OIDC:ada",
        issuer.name()
    );
    assert_eq!(
        part(&token, 1)["amr"],
        json!(["authenticated", issuer.name(), third])
    );
}

#[tokio::test]
async fn a_token_is_verified_by_the_served_key() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    let guest = world.identity(&pool, json!({})).await;
    let (_, token) = token(&world, &guest, json!({})).await;
    let discovery = world.get("/.well-known/openid-configuration").await;
    assert_eq!(
        discovery.header("content-type").as_deref(),
        Some("application/json")
    );
    let discovery = discovery.ok();
    assert_eq!(discovery["issuer"], json!(world.base));
    let uri = discovery["jwks_uri"]
        .as_str()
        .unwrap()
        .strip_prefix(&world.base)
        .unwrap()
        .to_owned();
    assert_eq!(uri, "/.well-known/jwks_uri");
    let keys = world.get(&uri).await.ok();
    assert_eq!(keys, world.get("/.well-known/jwks.json").await.ok());
    assert_eq!(
        part(&token, 0)["kid"],
        keys["keys"][0]["kid"],
        "the signing key stands first"
    );

    // By a library that knows nothing of this server.
    let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
    let jwk: jsonwebtoken::jwk::Jwk = serde_json::from_value(keys["keys"][0].clone()).unwrap();
    let key = jsonwebtoken::DecodingKey::from_jwk(&jwk).unwrap();
    let (message, signature) = token.rsplit_once('.').unwrap();
    let good = jsonwebtoken::crypto::verify(
        signature,
        message.as_bytes(),
        &key,
        jsonwebtoken::Algorithm::RS512,
    );
    assert!(good.unwrap());
}

#[tokio::test]
async fn the_classic_flow_can_be_switched_off() {
    let world = World::new().await;
    let text = "Basic (classic) flow is not enabled, please use enhanced flow.";
    for (switch, open) in [
        (json!(null), true),
        (json!(true), true),
        (json!(false), false),
    ] {
        let pool = world.pool(json!({ "AllowClassicFlow": switch })).await;
        let guest = world.identity(&pool, json!({})).await;
        let input = json!({ "IdentityId": guest });
        let answer = world.public("GetOpenIdToken", input.clone()).await;
        if open {
            answer.ok();
        } else {
            answer.refused("InvalidParameterException", text);
            let with_login = json!({ "IdentityId": guest, "Logins": { "x": "garbage" } });
            let answer = world.public("GetOpenIdToken", with_login).await;
            answer.refused("InvalidParameterException", text);
            world.credentials(&guest, json!({})).await.ok();
        }
    }
}

#[tokio::test]
async fn the_classic_flow_takes_no_saml() {
    let (world, issuer) = (World::new().await, Issuer::new().await);
    let pool = world.pool_of(&issuer).await;
    let guest = world.identity(&pool, json!({})).await;
    let saml = "arn:aws:iam::123456789012:saml-provider/x";
    let text = "Basic (classic) flow is not supported with SAML, please use enhanced flow.";
    for logins in [
        json!({ saml: "PHg+" }),
        json!({ issuer.name(): "garbage", saml: "PHg+" }),
    ] {
        let answer = world.get_token(&guest, logins).await;
        answer.refused("InvalidParameterException", text);
    }
    let off = world.pool(json!({ "AllowClassicFlow": false })).await;
    let guest = world.identity(&off, json!({})).await;
    let answer = world.get_token(&guest, json!({ saml: "PHg+" })).await;
    answer.refused(
        "InvalidParameterException",
        "Basic (classic) flow is not enabled, please use enhanced flow.",
    );
}

#[tokio::test]
async fn a_guest_signs_in_and_is_a_guest_no_more() {
    let (world, issuer) = (World::new().await, Issuer::new().await);
    let pool = world.pool_of(&issuer).await;
    let guest = world.identity(&pool, json!({})).await;
    let logins = login(&issuer, &issuer.token("ada"));
    let (id, _) = token(&world, &guest, logins.clone()).await;
    assert_eq!(id, guest, "the id stays");
    let forbidden = format!("Access to Identity '{guest}' is forbidden.");
    let alone = world
        .public("GetOpenIdToken", json!({ "IdentityId": guest }))
        .await;
    alone.refused("NotAuthorizedException", &forbidden);
    world
        .credentials(&guest, json!({}))
        .await
        .refused("NotAuthorizedException", &forbidden);
    assert_eq!(
        world.identity(&pool, logins).await,
        guest,
        "the login finds it"
    );
}

#[tokio::test]
async fn a_guest_who_signs_in_as_somebody_known_becomes_that_identity() {
    let (world, issuer) = (World::new().await, Issuer::new().await);
    let pool = world.pool_of(&issuer).await;
    let logins = login(&issuer, &issuer.token("ada"));
    let ada = world.identity(&pool, logins.clone()).await;
    let guest = world.identity(&pool, json!({})).await;
    let (id, _) = token(&world, &guest, logins.clone()).await;
    assert_eq!(id, ada);
    let forbidden = format!("Access to Identity '{guest}' is forbidden.");
    let alone = world
        .public("GetOpenIdToken", json!({ "IdentityId": guest }))
        .await;
    alone.refused("NotAuthorizedException", &forbidden);
    let (again, _) = token(&world, &guest, logins).await;
    assert_eq!(
        again, ada,
        "with its survivor's login the old id still answers"
    );
    let eve = json!({ "IdentityId": guest, "Logins": login(&issuer, &issuer.token("eve")) });
    let answer = world.public("GetOpenIdToken", eve).await;
    answer.refused("NotAuthorizedException", &forbidden);
}

#[tokio::test]
async fn another_users_token_opens_nothing() {
    let (world, issuer) = (World::new().await, Issuer::new().await);
    let pool = world.pool_of(&issuer).await;
    let ada = world
        .identity(&pool, login(&issuer, &issuer.token("ada")))
        .await;
    world
        .identity(&pool, login(&issuer, &issuer.token("eve")))
        .await;
    let text = "Logins don't match. Please include at least one valid login for this identity or identity pool.";
    for subject in ["eve", "unknown"] {
        let logins = login(&issuer, &issuer.token(subject));
        let input = json!({ "IdentityId": ada, "Logins": logins });
        let answer = world.public("GetOpenIdToken", input).await;
        answer.refused("NotAuthorizedException", text);
        world
            .credentials(&ada, logins)
            .await
            .refused("NotAuthorizedException", text);
    }
}

#[tokio::test]
async fn two_identities_become_one_with_a_token_of_each() {
    let (world, one, two) = (World::new().await, Issuer::new().await, Issuer::new().await);
    let arns = [
        world.register(&one, &["app"]).await,
        world.register(&two, &["app"]).await,
    ];
    let pool = world
        .pool(json!({ "OpenIdConnectProviderARNs": arns }))
        .await;
    let first = login(&one, &one.token("ada"));
    let second = login(&two, &two.token("ada"));
    let ada = world.identity(&pool, first).await;
    let other = world.identity(&pool, second.clone()).await;
    let both = json!({ one.name(): one.token("ada"), two.name(): two.token("ada") });
    let (id, _) = token(&world, &ada, both).await;
    assert_eq!(id, ada, "the identity that was passed in wins");
    assert_eq!(world.identity(&pool, second.clone()).await, ada);
    let (id, _) = token(&world, &other, second).await;
    assert_eq!(id, ada);
}

#[tokio::test]
async fn guests_that_are_switched_off_later_get_nothing_more() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    let guest = world.identity(&pool, json!({})).await;
    let off = json!({
        "IdentityPoolId": pool, "IdentityPoolName": "A pool", "AllowUnauthenticatedIdentities": false,
    });
    world.admin("UpdateIdentityPool", off).await.ok();
    let text = "Unauthenticated access is not supported for this identity pool.";
    let answer = world
        .public("GetOpenIdToken", json!({ "IdentityId": guest }))
        .await;
    answer.refused("NotAuthorizedException", text);
    world
        .credentials(&guest, json!({}))
        .await
        .refused("NotAuthorizedException", text);
}

#[tokio::test]
async fn own_tokens_count_only_where_a_developer_was_given_them() {
    let (world, issuer) = (World::new().await, Issuer::new().await);
    let pool = world.pool_of(&issuer).await;
    let guest = world.identity(&pool, json!({})).await;
    let (_, own) = token(&world, &guest, json!({})).await;
    let logins = json!({ "cognito-identity.amazonaws.com": own });
    let text = "Invalid login token. Not a Cognito token.";
    let input = json!({ "IdentityId": guest, "Logins": logins });
    world
        .public("GetOpenIdToken", input)
        .await
        .refused("NotAuthorizedException", text);
    world
        .credentials(&guest, logins)
        .await
        .refused("NotAuthorizedException", text);
    let foreign = json!({ "cognito-identity.amazonaws.com": issuer.token("ada") });
    world
        .credentials(&guest, foreign)
        .await
        .refused("NotAuthorizedException", text);
}

#[tokio::test]
async fn an_unknown_identity_is_not_found() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    let guest = world.identity(&pool, json!({})).await;
    let uuid = guest.split_once(':').unwrap().1;
    for id in [
        "eu-west-1:00000000-0000-4000-8000-000000000000".to_owned(),
        format!("us-east-1:{uuid}"),
    ] {
        let text = format!("Identity '{id}' not found.");
        let answer = world
            .public("GetOpenIdToken", json!({ "IdentityId": id }))
            .await;
        answer.refused("ResourceNotFoundException", &text);
        world
            .credentials(&id, json!({}))
            .await
            .refused("ResourceNotFoundException", &text);
        let answer = world
            .admin("DescribeIdentity", json!({ "IdentityId": id }))
            .await;
        answer.refused("ResourceNotFoundException", &text);
    }
}
