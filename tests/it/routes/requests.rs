//! What goes to an STS, and what comes back to the client.

use cognate::operations::Service;

use super::*;
use crate::service_model::ServiceModel;
use crate::world::{Given, USER_ROLE};

#[tokio::test]
async fn a_user_gets_the_credentials_of_the_sts() {
    let scene = Scene::new("").await;
    let (ada, logins) = scene.user("ada").await;
    let answer = scene.world.credentials(&ada, logins).await;
    assert_eq!(answer.header("cache-control").as_deref(), Some("no-store"));
    let answer = answer.ok();
    let id = answer["Credentials"]["AccessKeyId"].as_str().unwrap();
    let wanted = json!({
        "AccessKeyId": id,
        "SecretKey": format!("secret/of+{id}"),
        "SessionToken": format!("token+of/{id}=="),
        "Expiration": scene.world.now() + 3600,
    });
    assert_eq!(answer, json!({ "IdentityId": ada, "Credentials": wanted }));
    let asked = scene.last();
    assert_eq!(
        (asked.path.as_str(), asked.accept.as_str()),
        ("/sts", "text/xml")
    );
    assert_eq!(asked.authorization, "", "the request isn't signed");
    for (name, value) in [
        ("Action", "AssumeRoleWithWebIdentity"),
        ("Version", "2011-06-15"),
        ("RoleArn", USER),
        ("RoleSessionName", "CognitoIdentityCredentials"),
        ("DurationSeconds", "3600"),
        ("Policy", ""),
    ] {
        assert_eq!(asked.parameter(name), value, "{name}");
    }
}

#[tokio::test]
async fn the_token_for_the_sts_is_of_the_identity_and_dated_back() {
    let scene = Scene::new("").await;
    let (ada, logins) = scene.user("ada").await;
    scene.world.credentials(&ada, logins.clone()).await.ok();
    let claims = crate::world::part(scene.last().parameter("WebIdentityToken"), 1);
    let now = scene.world.now();
    for (claim, value) in [
        ("iss", json!(scene.world.app.tokens.issuer())),
        ("sub", json!(ada)),
        ("aud", json!(scene.pool)),
        ("iat", json!(now - 60)),
        ("exp", json!(now + 600)),
    ] {
        assert_eq!(claims[claim], value, "{claim}");
    }
    let token = Given::of_token(&scene, &ada, logins).await;
    assert_eq!(claims["amr"], token["amr"], "as in the classic flow");
}

impl Given {
    /// What the token of the classic flow says.
    async fn of_token(scene: &Scene, identity: &str, logins: Value) -> Value {
        Self::of(scene.world.get_token(identity, logins).await).claims()
    }
}

/// The members of the request by the model of the STS: every name is one of it, every value within its limits.
#[tokio::test]
async fn each_request_follows_the_service_model_of_the_sts() {
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/${cognito-identity.amazonaws.com:sub}/*"}]}"#;
    let sts = StandIn::new(|asked| (200, json!(given(asked)))).await;
    let route =
        "[[credentials.route]]\nrole = 'arn:aws:iam::210987654321:role/*'\nregion = 'eu-west-1'\n";
    let narrow = format!(
        "[[credentials.route]]\nrole = 'arn:aws:iam:::role/*'\nendpoint = 'https://sts.eu-west-1.amazonaws.com'\n\
         audience = 'narrow'\nsession_policy = '{policy}'\n"
    );
    let scene = Scene::with(sts, &format!("{route}{narrow}")).await;
    let aws = [
        "arn:aws:iam::210987654321:role/User",
        "arn:aws:iam::210987654321:role/Guest",
    ];
    let (ada, logins) = scene.user("ada").await;
    let guest = scene.guest().await;
    for roles in [aws, [USER, GUEST]] {
        scene.roles(roles[0], roles[1]).await.ok();
        scene.world.credentials(&ada, logins.clone()).await.ok();
        scene.world.credentials(&guest, json!({})).await.ok();
    }
    let requests = scene.sts.asked();
    assert_eq!(requests.len(), 4);
    for asked in &requests {
        follows_the_model(asked);
        assert_eq!(asked.path, "/");
    }
    // A guest at AWS is narrowed as the real service does it.
    let guest = &requests[1];
    assert_eq!(guest.parameter("RoleArn"), aws[1]);
    assert_eq!(
        guest.parameter("PolicyArns.member.1.arn"),
        "arn:aws:iam::aws:policy/AmazonCognitoUnAuthedIdentitiesSessionPolicy"
    );
    assert!(guest.parameter("Policy").contains("\"mobileanalytics:*\""));
}

fn follows_the_model(asked: &Asked) {
    let model = ServiceModel::of(Service::Sts);
    let input = model.operation("AssumeRoleWithWebIdentity")["input"]["shape"]
        .as_str()
        .unwrap();
    let members = model.members(input);
    let mut names = std::collections::BTreeSet::new();
    for (name, value) in &asked.query {
        assert!(names.insert(name), "{name} stands there twice");
        if ["Action", "Version"].contains(&name.as_str()) {
            continue;
        }
        let shape = match name.strip_prefix("PolicyArns.member.") {
            Some(rest) => {
                assert_eq!(rest.split_once('.').unwrap().1, "arn");
                "arnType"
            }
            None => {
                members
                    .iter()
                    .find(|member| member.0 == name)
                    .unwrap_or_else(|| panic!("{name}"))
                    .1
            }
        };
        let shape = model.shape(shape);
        let limit = |name: &str| shape[name].as_i64();
        let size = match shape["type"].as_str().unwrap() {
            "integer" => value.parse().unwrap(),
            _ => i64::try_from(value.chars().count()).unwrap(),
        };
        assert!(
            limit("min").is_none_or(|min| size >= min),
            "{name} = {value}"
        );
        assert!(
            limit("max").is_none_or(|max| size <= max),
            "{name} = {value}"
        );
        if let Some(pattern) = shape["pattern"].as_str() {
            let pattern = regex::Regex::new(&format!("\\A(?:{pattern})\\z")).unwrap();
            assert!(pattern.is_match(value), "{name} = {value}");
        }
    }
    for (name, _, required) in members {
        assert!(
            !required || names.contains(&name.to_owned()),
            "{name} is missing"
        );
    }
}

#[tokio::test]
async fn the_first_route_that_matches_is_asked_and_the_built_in_sts_serves_the_rest() {
    let sts = StandIn::new(|asked| (200, json!(given(asked)))).await;
    let route = |role: &str, path: &str| {
        format!(
            "[[credentials.route]]\nrole = '{role}'\nendpoint = '{}/{path}'\n",
            sts.base
        )
    };
    let routes =
        route("arn:aws:iam:::role/User", "first") + &route("arn:aws:iam:::role/*", "second");
    let scene = Scene::with(sts, &routes).await;
    scene.roles(USER, GUEST).await.ok();
    let (ada, logins) = scene.user("ada").await;
    let guest = scene.guest().await;
    scene.world.credentials(&ada, logins.clone()).await.ok();
    scene.world.credentials(&guest, json!({})).await.ok();
    let paths: Vec<_> = scene
        .sts
        .asked()
        .into_iter()
        .map(|asked| asked.path)
        .collect();
    assert_eq!(paths, ["/first", "/second"]);
    scene.roles(USER_ROLE, GUEST).await.ok();
    let own = scene.world.session(&ada, logins).await;
    assert_eq!(own.role.as_str(), USER_ROLE);
    assert_eq!(scene.sts.asked().len(), 2);
}

#[tokio::test]
async fn a_role_may_have_another_name_there() {
    let minio = "arn:minio:iam:::role/nOybJqMNzNmroqEKq5D0EUsRZw0";
    let scene = Scene::new(&format!("assume = '{minio}'")).await;
    let (ada, logins) = scene.user("ada").await;
    scene.world.credentials(&ada, logins).await.ok();
    assert_eq!(scene.last().parameter("RoleArn"), minio);
}

#[tokio::test]
async fn a_pool_names_roles_elsewhere_only_where_a_route_does() {
    let scene = Scene::new("").await;
    let other = "arn:aws:iam::210987654321:role/User";
    let refused = scene.roles(other, GUEST).await;
    refused.refused(
        "NotAuthorizedException",
        &format!("Access to Role '{other}' is forbidden."),
    );
    scene
        .roles("arn:aws:iam:::role/media/User", GUEST)
        .await
        .ok();
}

#[tokio::test]
async fn a_role_that_is_known_here_must_trust_the_identity_whoever_gives_it() {
    let sts = StandIn::new(|asked| (200, json!(given(asked)))).await;
    let all = format!(
        "[[credentials.route]]\nrole = 'arn:aws:iam::*:role/*'\nendpoint = '{}'\n",
        sts.base
    );
    let scene = Scene::with(sts, &all).await;
    scene.roles(USER_ROLE, GUEST).await.ok();
    let (ada, logins) = scene.user("ada").await;
    scene.world.credentials(&ada, logins.clone()).await.ok();
    let trust = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": { "Federated": "cognito-identity.amazonaws.com" },
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": { "StringEquals": {
            "cognito-identity.amazonaws.com:aud": "eu-west-1:00000000-0000-4000-8000-000000000000" } },
    }] });
    let role = [
        ("RoleName", "User"),
        ("AssumeRolePolicyDocument", &trust.to_string()),
    ];
    assert_eq!(scene.world.iam("CreateRole", &role).await.status, 200);
    let answer = scene.world.credentials(&ada, logins).await;
    answer.refused("InvalidIdentityPoolConfigurationException", NO_ROLE);
    assert_eq!(scene.sts.asked().len(), 1);
}

#[tokio::test]
async fn a_role_that_only_the_token_names_may_be_one_of_a_route() {
    let scene = Scene::new("").await;
    let roles = json!({ "authenticated": USER, "unauthenticated": GUEST });
    let by_token =
        json!({ &scene.provider: { "Type": "Token", "AmbiguousRoleResolution": "Deny" } });
    let input = json!({ "IdentityPoolId": scene.pool, "Roles": roles, "RoleMappings": by_token });
    scene.world.admin("SetIdentityPoolRoles", input).await.ok();
    for (role, given) in [
        ("arn:aws:iam:::role/Writer", true),
        ("arn:aws:iam::210987654321:role/Writer", false),
    ] {
        let said = json!({ "cognito:preferred_role": role, "cognito:roles": [role] });
        let logins = login(&scene.issuer, &scene.issuer.token_saying("ada", &said));
        let ada = scene.world.identity(&scene.pool, logins.clone()).await;
        let answer = scene.world.credentials(&ada, logins).await;
        assert_eq!(answer.status == 200, given, "{role}: {}", answer.text);
    }
    assert_eq!(
        scene.last().parameter("RoleArn"),
        "arn:aws:iam:::role/Writer"
    );
}

#[tokio::test]
async fn an_explanation_names_the_route_of_the_role_and_asks_nobody() {
    let scene = Scene::new("region = 'us-east-1'").await;
    let logins = login(&scene.issuer, &scene.issuer.token("ada"));
    let input = json!({ "IdentityPoolId": scene.pool, "Logins": logins });
    let explanation = scene.world.admin("Cognate.ExplainLogin", input).await.ok();
    assert_eq!(explanation["RoleArn"], json!(USER));
    let trust = explanation["Checks"].as_array().unwrap().last().unwrap();
    let found = trust["Found"].as_str().unwrap();
    let wanted = format!("route 1 gets from {}/sts (us-east-1)", scene.sts.base);
    assert!(found.contains(&wanted), "{found}");
    assert!(scene.sts.asked().is_empty());
}
