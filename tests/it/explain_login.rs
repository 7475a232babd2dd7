//! ExplainLogin: every check of a login, and what would come of it, without anything being done.

use serde_json::{Value, json};

use crate::world::{Answer, Credentials, Issuer, Key, USER_ROLE, World, claims, login};

async fn explain(world: &World, pool: &str, logins: &Value) -> Answer {
    let input = json!({ "IdentityPoolId": pool, "Logins": logins });
    world.admin("Cognate.ExplainLogin", input).await
}

/// The checks of an explanation, in their order, and whether each passed.
fn checks(explanation: &Value) -> Vec<(&str, bool)> {
    let all = explanation["Checks"].as_array().unwrap().iter();
    all.map(|check| (check["Check"].as_str().unwrap(), check["Passed"] == true))
        .collect()
}

fn with(mut claims: Value, name: &str, value: Value) -> Value {
    claims[name] = value;
    claims
}

#[tokio::test]
async fn a_good_login_passes_every_check_and_names_its_identity_and_role() {
    let (world, issuer) = (World::new().await, Issuer::new().await);
    let pool = world.pool_of(&issuer).await;
    let logins = login(&issuer, &issuer.token("ada"));
    let explanation = explain(&world, &pool, &logins).await.ok();
    let expected = [
        "pool",
        "own token",
        "public provider",
        "key",
        "form",
        "claims",
        "issuer",
        "times",
        "provider",
        "client",
        "signature",
        "identity",
        "tags",
        "role",
        "trust",
    ];
    assert_eq!(checks(&explanation), expected.map(|name| (name, true)));
    let all = explanation["Checks"].as_array().unwrap();
    assert!(all[1..11].iter().all(|it| it["Login"] == issuer.name()));
    assert_eq!(explanation["NewIdentity"], json!(true));
    assert_eq!(explanation["RoleArn"], json!(USER_ROLE));
    assert!(explanation.get("Refusal").is_none());

    // Nothing was made: the first sign-in still makes the identity.
    let admin = world.admin(
        "ListIdentities",
        json!({ "IdentityPoolId": pool, "MaxResults": 10 }),
    );
    assert_eq!(admin.await.ok()["Identities"], json!([]));
    let ada = world.identity(&pool, logins.clone()).await;
    let explanation = explain(&world, &pool, &logins).await.ok();
    assert_eq!(explanation["NewIdentity"], json!(false));
    assert_eq!(explanation["IdentityId"], json!(ada));
}

#[tokio::test]
async fn a_bad_login_is_refused_in_the_words_of_get_id_at_the_check_that_says_why() {
    let (world, issuer) = (World::new().await, Issuer::new().await);
    let pool = world.pool_of(&issuer).await;
    let good = claims(issuer.url(), "ada");
    let now = world.now();
    let signed = |claims: Value| issuer.key.token(&claims);
    let name = issuer.name();
    let forged = Key::rsa("one").token(&good);
    let other = "https://other.example";
    let mut nameless = good.clone();
    nameless.as_object_mut().unwrap().remove("sub");
    for (key, token, check, found, wanted) in [
        (
            name,
            "garbage".to_owned(),
            "form",
            "a string of 7 bytes",
            "a signed ID token",
        ),
        (name, signed(nameless), "claims", "sub", "sub"),
        (
            name,
            signed(with(good.clone(), "iss", json!(other))),
            "issuer",
            other,
            issuer.url(),
        ),
        (
            name,
            signed(with(good.clone(), "exp", json!(now - 1))),
            "times",
            "exp 2026-03-01T11:59:59Z",
            "exp > now (2026-03-01T12:00:00Z)",
        ),
        (
            name,
            signed(with(good.clone(), "aud", json!("web"))),
            "client",
            "`web`",
            "`app`",
        ),
        (
            name,
            signed(with(good.clone(), "azp", json!("web"))),
            "client",
            "azp `web`",
            "`app`",
        ),
        (name, forged, "signature", "the signature is wrong", "RS256"),
        (
            "graph.facebook.com",
            "opaque".to_owned(),
            "key",
            "doesn't have",
            "byte for byte",
        ),
        (
            "other.example",
            signed(with(good.clone(), "iss", json!(other))),
            "provider",
            "doesn't have",
            "other.example",
        ),
    ] {
        let logins = json!({ key: token });
        let (_, code, text) = world.get_id(&pool, logins.clone()).await.error();
        let answer = explain(&world, &pool, &logins).await;
        assert!(token.len() < 100 || !answer.text.contains(&token[..token.len() / 2]));
        let explanation = answer.ok();
        assert_eq!(
            explanation["Refusal"],
            json!({ "Code": code, "Message": text })
        );
        let last = explanation["Checks"].as_array().unwrap().last().unwrap();
        assert_eq!(last["Check"], json!(check), "{last}");
        assert_eq!(last["Passed"], json!(false), "{last}");
        assert!(last["Found"].as_str().unwrap().contains(found), "{last}");
        assert!(last["Wanted"].as_str().unwrap().contains(wanted), "{last}");
        assert!(explanation.get("RoleArn").is_none() && explanation.get("IdentityId").is_none());
        let passed = checks(&explanation);
        assert!(passed[..passed.len() - 1].iter().all(|(_, passed)| *passed));
    }
}

#[tokio::test]
async fn an_issuer_that_cannot_be_reached_is_told_with_its_reason() {
    let (world, issuer) = (World::new().await, Issuer::new().await);
    let pool = world.pool_of(&issuer).await;
    issuer.away(true);
    let logins = login(&issuer, &issuer.token("ada"));
    let explanation = explain(&world, &pool, &logins).await.ok();
    assert_eq!(
        explanation["Refusal"]["Code"],
        json!("ExternalServiceException")
    );
    let last = explanation["Checks"].as_array().unwrap().last().unwrap();
    assert!(last["Found"].as_str().unwrap().contains("503"), "{last}");
}

#[tokio::test]
async fn the_role_is_the_one_that_the_mapping_gives_or_the_reason_why_there_is_none() {
    let (world, issuer) = (World::new().await, Issuer::new().await);
    let arn = world.register(&issuer, &["app"]).await;
    let pool = world
        .pool(json!({ "OpenIdConnectProviderARNs": [arn] }))
        .await;
    let admin_role = "arn:aws:iam::123456789012:role/Admin";
    let rule =
        json!({ "Claim": "team", "MatchType": "Equals", "Value": "ops", "RoleARN": admin_role });
    let mapping = json!({
        "Type": "Rules", "AmbiguousRoleResolution": "Deny", "RulesConfiguration": { "Rules": [rule] },
    });
    let roles = json!({
        "IdentityPoolId": pool, "Roles": { "authenticated": USER_ROLE },
        "RoleMappings": { arn.clone(): mapping },
    });
    world.admin("SetIdentityPoolRoles", roles).await.ok();
    let token = |team: &str| {
        let claims = with(claims(issuer.url(), "ada"), "team", json!(team));
        login(&issuer, &issuer.key.token(&claims))
    };
    let explanation = explain(&world, &pool, &token("ops")).await.ok();
    assert_eq!(explanation["RoleArn"], json!(admin_role));
    let checks = explanation["Checks"].as_array().unwrap().iter();
    let chosen = checks
        .clone()
        .find(|check| check["Check"] == "role")
        .unwrap();
    assert!(
        chosen["Wanted"].as_str().unwrap().contains(&arn),
        "{chosen}"
    );
    let explanation = explain(&world, &pool, &token("art")).await.ok();
    let text = format!("The ambiguous role mapping rules for: {arn} denied this request.");
    let refusal = json!({ "Code": "NotAuthorizedException", "Message": text });
    assert_eq!(explanation["Refusal"], refusal);
    assert_eq!(explanation["NewIdentity"], json!(true));
}

#[tokio::test]
async fn logins_of_two_identities_are_explained_as_a_conflict_and_stay_apart() {
    let (world, one, two) = (World::new().await, Issuer::new().await, Issuer::new().await);
    let arns = [
        world.register(&one, &["app"]).await,
        world.register(&two, &["app"]).await,
    ];
    let pool = world
        .pool(json!({ "OpenIdConnectProviderARNs": arns }))
        .await;
    let (first, second) = (one.token("ada"), two.token("ada"));
    let ada = world.identity(&pool, login(&one, &first)).await;
    let both = json!({ one.name(): first, two.name(): second });
    let explanation = explain(&world, &pool, &both).await.ok();
    assert_eq!(explanation["IdentityId"], json!(ada));
    // What was explained was not linked.
    let other = world.identity(&pool, login(&two, &second)).await;
    assert_ne!(other, ada);
    let explanation = explain(&world, &pool, &both).await.ok();
    assert_eq!(
        explanation["Refusal"]["Code"],
        json!("ResourceConflictException")
    );
}

#[tokio::test]
async fn whoever_may_not_is_refused_and_another_regions_pool_is_not_found() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    let input = json!({ "IdentityPoolId": pool, "Logins": { "a.example": "x" } });
    let answer = world.public("Cognate.ExplainLogin", input.clone()).await;
    assert_eq!(answer.error().1, "MissingAuthenticationTokenException");
    let policy = r#"{"Statement":{"Effect":"Allow","Action":"cognito-identity:*","Resource":"*"}}"#;
    let key = world
        .admin(
            "Cognate.CreateAccessKey",
            json!({ "Name": "ci", "Policy": policy }),
        )
        .await
        .ok();
    let key = Credentials {
        id: key["AccessKeyId"].as_str().unwrap().to_owned(),
        secret: key["SecretAccessKey"].as_str().unwrap().to_owned(),
        session_token: None,
    };
    let answer = world.signed(&key, "Cognate.ExplainLogin", input).await;
    assert_eq!(answer.error().1, "AccessDeniedException");
    let answer = explain(&world, &pool, &json!({})).await;
    answer.refused("InvalidParameterException", "There is no login to explain.");
    let elsewhere = pool.replace("eu-west-1", "us-east-1");
    let answer = explain(&world, &elsewhere, &json!({ "a.example": "x" })).await;
    assert_eq!(answer.error().1, "ResourceNotFoundException");
}

/// ExplainWebIdentity: the checks of the STS.
async fn explain_role(world: &World, role: &str, token: &str) -> Value {
    let input = json!({ "RoleArn": role, "WebIdentityToken": token });
    let answer = world.admin("Cognate.ExplainWebIdentity", input).await;
    answer.ok()
}

#[tokio::test]
async fn a_refusal_of_the_sts_is_explained() {
    let (world, issuer) = (World::new().await, Issuer::new().await);
    let pool = world.pool_of(&issuer).await;
    let now = world.app.now().as_second();
    let good = || claims(issuer.url(), "ada");
    let day = |seconds: i64| with(with(good(), "iat", json!(now)), "exp", json!(now + seconds));
    let without = |name: &str| with(good(), name, Value::Null);
    let long = "The ID Token provided is not a valid JWT: its lifetime is longer than 24 hours.";
    for (claims, failed, message) in [
        (day(86_701), "times", long),
        (day(31_536_000), "times", long),
        (without("aud"), "claims", "Missing a required claim: aud"),
        (without("sub"), "claims", "Missing a required claim: sub"),
        (without("exp"), "claims", "Missing a required claim: exp"),
        (
            with(good(), "aud", json!(["other"])),
            "client",
            "Incorrect token audience",
        ),
        (
            day(86_700),
            "trust",
            "Not authorized to perform sts:AssumeRoleWithWebIdentity",
        ),
    ] {
        let token = issuer.key.token(&claims);
        let explanation = explain_role(&world, USER_ROLE, &token).await;
        let last = checks(&explanation).pop().unwrap();
        assert_eq!(last, (failed, false), "{explanation}");
        assert_eq!(explanation["Refusal"]["Message"], json!(message));
        let parameters = [
            ("RoleArn", USER_ROLE),
            ("RoleSessionName", "me"),
            ("WebIdentityToken", &*token),
        ];
        let answer = world.sts("AssumeRoleWithWebIdentity", &parameters).await;
        assert_eq!(answer.xml("Message").as_deref(), Some(message));
        assert_eq!(
            answer.xml("Code").map(Value::from).as_ref(),
            Some(&explanation["Refusal"]["Code"])
        );
    }
    let opaque = explain_role(&world, USER_ROLE, "opaque").await;
    assert_eq!(checks(&opaque).pop(), Some(("form", false)));
    // The own token of a user passes all checks, and nothing is issued.
    let logins = login(&issuer, &issuer.token("ada"));
    let ada = world.identity(&pool, logins.clone()).await;
    let input = json!({ "IdentityId": ada, "Logins": logins });
    let own = world.public("GetOpenIdToken", input).await.ok();
    let explained = explain_role(&world, USER_ROLE, own["Token"].as_str().unwrap()).await;
    assert_eq!(explained["RoleArn"], json!(USER_ROLE), "{explained}");
    assert_eq!(
        checks(&explained),
        [("own token", true), ("identity", true), ("trust", true)]
    );
}

#[tokio::test]
async fn a_revoked_login_is_explained_at_the_sts() {
    let (world, issuer) = (World::new().await, Issuer::new().await);
    let pool = world.pool_of(&issuer).await;
    let token = issuer.token("ada");
    let ada = world.identity(&pool, login(&issuer, &token)).await;
    let before = explain_role(&world, USER_ROLE, &token).await;
    assert!(checks(&before).contains(&("revocation", true)), "{before}");
    let revoke = json!({ "IdentityId": ada });
    world.admin("Cognate.RevokeIdentity", revoke).await.ok();
    let after = explain_role(&world, USER_ROLE, &token).await;
    assert_eq!(checks(&after).pop(), Some(("revocation", false)), "{after}");
    assert_eq!(after["Refusal"]["Code"], json!("AccessDenied"));
}
