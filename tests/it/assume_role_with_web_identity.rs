use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::world::{
    ACCOUNT, Answer, Credentials, GUEST_ROLE, Issuer, USER_ROLE, World, claims, login,
};

async fn token(world: &World, identity: &str, logins: Value) -> String {
    let input = json!({ "IdentityId": identity, "Logins": logins });
    let answer = world.public("GetOpenIdToken", input).await.ok();
    answer["Token"].as_str().unwrap().to_owned()
}

async fn assume(world: &World, role: &str, token: &str, more: &[(&str, &str)]) -> Answer {
    let mut parameters = vec![
        ("RoleArn", role),
        ("RoleSessionName", "me"),
        ("WebIdentityToken", token),
    ];
    parameters.extend(more);
    world.sts("AssumeRoleWithWebIdentity", &parameters).await
}

const DENIED: &str = "Not authorized to perform sts:AssumeRoleWithWebIdentity";

#[tokio::test]
async fn the_classic_flow_gives_credentials_that_sign() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    let guest = world.identity(&pool, json!({})).await;
    let token = token(&world, &guest, json!({})).await;
    let answer = assume(&world, GUEST_ROLE, &token, &[]).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("cache-control").as_deref(), Some("no-store"));
    let xml = |name: &str| {
        answer
            .xml(name)
            .unwrap_or_else(|| panic!("{name} in {}", answer.text))
    };
    assert_eq!(xml("SubjectFromWebIdentityToken"), guest);
    assert_eq!(xml("Provider"), "cognito-identity.amazonaws.com");
    assert_eq!(xml("Audience"), pool);
    assert_eq!(xml("Expiration"), "2026-03-01T13:00:00Z");
    assert_eq!(
        xml("Arn"),
        format!("arn:aws:sts::{ACCOUNT}:assumed-role/Guest/me")
    );
    assert!(xml("AssumedRoleId").starts_with("AROA") && xml("AssumedRoleId").ends_with(":me"));
    let who = Credentials {
        id: xml("AccessKeyId"),
        secret: xml("SecretAccessKey"),
        session_token: Some(xml("SessionToken")),
    };
    let caller = [("Action", "GetCallerIdentity"), ("Version", "2011-06-15")];
    let answer = world.signed_query(&who, "sts", &caller).await;
    assert_eq!(
        answer.xml("Arn"),
        Some(format!("arn:aws:sts::{ACCOUNT}:assumed-role/Guest/me"))
    );
}

#[tokio::test]
async fn a_role_is_given_only_as_what_the_pool_names_it() {
    let (world, issuer) = (World::new().await, Issuer::new().await);
    let pool = world.pool_of(&issuer).await;
    let guest = world.identity(&pool, json!({})).await;
    let logins = login(&issuer, &issuer.token("ada"));
    let ada = world.identity(&pool, logins.clone()).await;
    let guests = token(&world, &guest, json!({})).await;
    let users = token(&world, &ada, logins).await;
    assert_eq!(assume(&world, USER_ROLE, &users, &[]).await.status, 200);
    let other = "arn:aws:iam::123456789012:role/Administrator";
    for (role, token) in [
        (USER_ROLE, &guests),
        (GUEST_ROLE, &users),
        (other, &users),
        (other, &guests),
        ("not an arn, but long enough", &users),
    ] {
        assume(&world, role, token, &[])
            .await
            .query_refused(403, "AccessDenied", DENIED);
    }
}

#[tokio::test]
async fn a_guests_token_is_worth_nothing_once_the_guest_has_signed_in() {
    let (world, issuer) = (World::new().await, Issuer::new().await);
    let pool = world.pool_of(&issuer).await;
    let guest = world.identity(&pool, json!({})).await;
    let before = token(&world, &guest, json!({})).await;
    let after = token(&world, &guest, login(&issuer, &issuer.token("ada"))).await;
    assume(&world, GUEST_ROLE, &before, &[])
        .await
        .query_refused(403, "AccessDenied", DENIED);
    assert_eq!(assume(&world, USER_ROLE, &after, &[]).await.status, 200);
    world
        .admin("DeleteIdentityPool", json!({ "IdentityPoolId": pool }))
        .await
        .ok();
    assume(&world, USER_ROLE, &after, &[])
        .await
        .query_refused(403, "AccessDenied", DENIED);
}

#[tokio::test]
async fn a_bad_token_is_refused_in_the_words_of_sts() {
    let (world, issuer) = (World::new().await, Issuer::new().await);
    let pool = world.pool(json!({})).await;
    let guest = world.identity(&pool, json!({})).await;
    let good = token(&world, &guest, json!({})).await;
    let not_a_jwt = "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)";
    let no_key = "Couldn't retrieve verification key from your identity provider, please reference \
                  AssumeRoleWithWebIdentity documentation for requirements";
    let (message, signature) = good.rsplit_once('.').unwrap();
    let (header, payload) = message.split_once('.').unwrap();
    let payload = String::from_utf8(URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    let forged = payload.replace("unauthenticated", "authenticated");
    let forged = format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(forged));
    let stranger = issuer.token("ada");
    let name = issuer.name();
    let nobody = format!(
        "No OpenIDConnect provider found in your account for https://{}",
        issuer.url()
    );
    for (token, text) in [
        ("opaque", not_a_jwt),
        (forged.as_str(), no_key),
        (format!("{message}.AAAA").as_str(), no_key),
        (stranger.as_str(), nobody.as_str()),
    ] {
        assume(&world, GUEST_ROLE, token, &[]).await.query_refused(
            400,
            "InvalidIdentityToken",
            text,
        );
    }
    world.clock.advance(600);
    let now = world.now();
    let text = format!(
        "Token expired: current date/time {now} must be before the expiration date/time {now}"
    );
    assume(&world, GUEST_ROLE, &good, &[])
        .await
        .query_refused(400, "ExpiredTokenException", &text);

    // A registered issuer's good token opens no role either: none trusts it.
    world.register(&issuer, &["app"]).await;
    assume(&world, GUEST_ROLE, &stranger, &[])
        .await
        .query_refused(403, "AccessDenied", DENIED);
    let mut other = claims(issuer.url(), "ada");
    other["aud"] = json!("other");
    let answer = assume(&world, GUEST_ROLE, &issuer.key.token(&other), &[]).await;
    answer.query_refused(400, "InvalidIdentityToken", "Incorrect token audience");
    let fresh = Issuer::new().await;
    world.register(&fresh, &["app"]).await;
    fresh.away(true);
    let text = format!("The identity provider {} can't be reached.", fresh.name());
    assume(&world, GUEST_ROLE, &fresh.token("ada"), &[])
        .await
        .query_refused(400, "IDPCommunicationError", &text);
    assert_ne!(name, fresh.name());
}

#[tokio::test]
async fn what_narrows_a_session_is_refused_rather_than_dropped() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    let guest = world.identity(&pool, json!({})).await;
    let token = token(&world, &guest, json!({})).await;
    for (more, text) in [
        (
            ("Policy", r#"{"Version":"2012-10-17","Statement":[]}"#),
            "Could not parse the policy: Statement is empty!",
        ),
        (
            (
                "PolicyArns.member.1.arn",
                "arn:aws:iam::aws:policy/ReadOnlyAccess",
            ),
            "Policy ARN arn:aws:iam::aws:policy/ReadOnlyAccess is not valid",
        ),
    ] {
        let answer = assume(&world, GUEST_ROLE, &token, &[more]).await;
        answer.query_refused(400, "MalformedPolicyDocument", text);
    }
    let statement = r#"{"Effect":"Allow","Action":"s3:*","Resource":"*"}"#;
    let policy = format!(r#"{{"Version":"2012-10-17","Statement":{statement}}}"#);
    let answer = assume(&world, GUEST_ROLE, &token, &[("Policy", &policy)]).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let packed: u8 = answer.xml("PackedPolicySize").unwrap().parse().unwrap();
    assert!((1..=100).contains(&packed));
}

#[tokio::test]
async fn a_session_lasts_as_long_as_was_asked_within_the_bounds() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    let guest = world.identity(&pool, json!({})).await;
    let token = token(&world, &guest, json!({})).await;
    let answer = assume(&world, GUEST_ROLE, &token, &[("DurationSeconds", "900")]).await;
    assert_eq!(
        answer.xml("Expiration").as_deref(),
        Some("2026-03-01T12:15:00Z")
    );
    let text = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
    assume(&world, GUEST_ROLE, &token, &[("DurationSeconds", "3601")])
        .await
        .query_refused(400, "ValidationError", text);
    let answer = assume(&world, GUEST_ROLE, &token, &[("DurationSeconds", "899")]).await;
    answer.query_refused(
        400,
        "ValidationError",
        "1 validation error detected: Value '899' at 'durationSeconds' failed to satisfy constraint: Member must have \
         value greater than or equal to 900",
    );
}
