//! Roles of SAML logins: those that the assertion names, and those that rules on its attributes give.

use serde_json::{Value, json};

use super::{ARN, Scene};
use crate::world::{Credentials, USER_ROLE};

const ROLES: &str = "https://aws.amazon.com/SAML/Attributes/Role";

/// Lets the assertion choose the role, or a rule on an attribute.
async fn map(scene: &Scene, mapping: Value) {
    let input = json!({
        "IdentityPoolId": scene.pool,
        "Roles": { "authenticated": USER_ROLE },
        "RoleMappings": { ARN: mapping },
    });
    let answer = scene.world.admin("SetIdentityPoolRoles", input).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

#[tokio::test]
async fn the_assertion_names_roles_that_the_pool_names_too() {
    let scene = Scene::new().await;
    map(
        &scene,
        json!({ "Type": "Token", "AmbiguousRoleResolution": "Deny" }),
    )
    .await;
    let pair = |role: &str| format!("{role},{ARN}");
    let other = "arn:aws:iam::123456789012:role/Other";
    let (user, unnamed) = (pair(USER_ROLE), pair(other));
    let ask = async |roles: &[&str], custom: Option<&str>| {
        let login = json!({ ARN: scene.says("ada").attribute(ROLES, roles).login(&scene.idp) });
        let identity = scene.world.identity(&scene.pool, login.clone()).await;
        let mut input = json!({ "IdentityId": identity, "Logins": login });
        if let Some(role) = custom {
            input["CustomRoleArn"] = json!(role);
        }
        scene.world.public("GetCredentialsForIdentity", input).await
    };
    assert_eq!(ask(&[&user], None).await.status, 200);
    assert_eq!(ask(&[&user, &unnamed], Some(USER_ROLE)).await.status, 200);
    let ambiguous = format!("The ambiguous role mapping rules for: {ARN} denied this request.");
    ask(&[&user, &unnamed], None)
        .await
        .refused("NotAuthorizedException", &ambiguous);
    ask(&[], None)
        .await
        .refused("NotAuthorizedException", &ambiguous);
    let elsewhere = format!("{USER_ROLE},arn:aws:iam::123456789012:saml-provider/other");
    ask(&[&elsewhere], None)
        .await
        .refused("NotAuthorizedException", &ambiguous);
    let forbidden = format!("Access to Role '{other}' is forbidden.");
    ask(&[&user], Some(other))
        .await
        .refused("NotAuthorizedException", &forbidden);
    let configuration =
        "Invalid identity pool configuration. Check assigned IAM roles for this pool.";
    ask(&[&unnamed], None)
        .await
        .refused("InvalidIdentityPoolConfigurationException", configuration);
}

#[tokio::test]
async fn rules_read_attributes() {
    let scene = Scene::new().await;
    let rule = json!({
        "Claim": "groups", "MatchType": "Equals", "Value": "admin", "RoleARN": "arn:aws:iam::123456789012:role/Admin",
    });
    map(
        &scene,
        json!({
            "Type": "Rules", "AmbiguousRoleResolution": "AuthenticatedRole",
            "RulesConfiguration": { "Rules": [rule] },
        }),
    )
    .await;
    for (groups, role) in [
        (vec!["x", "admin"], "Admin"),
        (vec!["x"], "User"),
        (vec![], "User"),
    ] {
        let login =
            json!({ ARN: scene.says("ada").attribute("groups", &groups).login(&scene.idp) });
        let identity = scene.world.identity(&scene.pool, login.clone()).await;
        let answer = scene.world.credentials(&identity, login).await.ok();
        let who = Credentials::of(&answer["Credentials"]);
        let parameters = [("Action", "GetCallerIdentity"), ("Version", "2011-06-15")];
        let arn = scene
            .world
            .signed_query(&who, "sts", &parameters)
            .await
            .xml("Arn")
            .unwrap();
        assert!(
            arn.contains(&format!("assumed-role/{role}/")),
            "{groups:?} {arn}"
        );
    }
}
