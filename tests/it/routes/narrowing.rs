//! What narrows a session goes with it to every STS: attacks on rules 14 to 18.

use super::*;
use crate::world::Given;

/// Each identity's own folder.
fn own_folder(resource: &str) -> String {
    let policy = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": [resource] },
    ] });
    format!("audience = 'rgw.example.net'\nsession_policy = '{policy}'\n")
}

fn policy(asked: &Asked) -> Value {
    #[expect(
        clippy::disallowed_methods,
        reason = "a test reads what the server wrote"
    )]
    serde_json::from_str(asked.parameter("Policy")).expect("a policy")
}

fn resource(asked: &Asked) -> Value {
    policy(asked)["Statement"][0]["Resource"][0].clone()
}

#[tokio::test]
async fn the_session_policy_is_filled_in_for_each_identity() {
    let folder = "arn:aws:s3:::media/${cognito-identity.amazonaws.com:sub}/*";
    let scene = Scene::new(&(own_folder(folder) + "literal_escape = '?'")).await;
    for subject in ["ada", "bob"] {
        let (identity, logins) = scene.user(subject).await;
        scene.world.credentials(&identity, logins).await.ok();
        let asked = scene.last();
        let wanted = format!("arn:aws:s3:::media/{}/*", identity.replace(':', "?"));
        assert_eq!(resource(&asked), json!(wanted));
        assert!(!asked.parameter("Policy").contains(' '), "compact");
    }
    // Within what guests may, so guests are served, too.
    let guest = scene.guest().await;
    scene.world.credentials(&guest, json!({})).await.ok();
    assert_eq!(scene.last().parameter("PolicyArns.member.1.arn"), "");
    assert!(
        resource(&scene.last())
            .as_str()
            .unwrap()
            .contains(&guest.replace(':', "?"))
    );
}

/// Rule 17: a client that takes its own token to the STS, without the session policy, finds no role that trusts it.
#[tokio::test]
async fn no_client_gets_a_token_for_the_audience_of_a_route() {
    let folder = "arn:aws:s3:::media/${cognito-identity.amazonaws.com:sub}/*";
    let scene = Scene::new(&own_folder(folder)).await;
    let (ada, logins) = scene.user("ada").await;
    let own = Given::of(scene.world.get_token(&ada, logins.clone()).await);
    assert_eq!(own.claims()["aud"], json!(scene.pool));
    scene.world.credentials(&ada, logins).await.ok();
    let sent = scene.last().parameter("WebIdentityToken").to_owned();
    assert_eq!(
        crate::world::part(&sent, 1)["aud"],
        json!("rgw.example.net")
    );
    // And one that leaked from there is none here.
    let answer = scene.world.assume(crate::world::USER_ROLE, &sent).await;
    assert_eq!(
        answer.xml("Code").as_deref(),
        Some("InvalidIdentityToken"),
        "{}",
        answer.text
    );
    let logins = json!({ "cognito-identity.amazonaws.com": sent });
    let answer = scene.world.credentials(&ada, logins).await;
    answer.refused(
        "NotAuthorizedException",
        "Invalid login token. Not a Cognito token.",
    );
}

/// Rule 16: no tag widens the policy that it is filled in.
#[tokio::test]
async fn a_tag_that_could_widen_the_policy_refuses_the_call() {
    let scene = Scene::new(&own_folder("arn:aws:s3:::media/${aws:PrincipalTag/team}/*")).await;
    scene.tags(json!({ "team": "team" })).await;
    for (team, wanted) in [
        (json!("red"), Some("arn:aws:s3:::media/red/*")),
        (
            json!("a.b@example.com"),
            Some("arn:aws:s3:::media/a.b@example.com/*"),
        ),
        (json!(".."), None),
        (json!("red/../blue"), None),
        (json!("a/b"), None),
        (json!(""), None),
        (json!("red "), None),
        (json!(null), None),
    ] {
        let said = json!({ "team": team });
        let logins = login(&scene.issuer, &scene.issuer.token_saying("ada", &said));
        let ada = scene.world.identity(&scene.pool, logins.clone()).await;
        let before = scene.sts.asked().len();
        let answer = scene.world.credentials(&ada, logins).await;
        if let Some(wanted) = wanted {
            answer.ok();
            assert_eq!(resource(&scene.last()), json!(wanted));
        } else {
            answer.refused("InvalidIdentityPoolConfigurationException", NO_ROLE);
            assert_eq!(scene.sts.asked().len(), before, "{team}");
        }
    }
    // What isn't even a tag is refused before: quotes, wildcards, variables.
    for team in ["*", "a\"", "${aws:userid}", "?"] {
        let logins = login(
            &scene.issuer,
            &scene.issuer.token_saying("ada", &json!({ "team": team })),
        );
        let ada = scene.world.identity(&scene.pool, logins.clone()).await;
        let before = scene.sts.asked().len();
        assert_eq!(
            scene.world.credentials(&ada, logins).await.status,
            400,
            "{team}"
        );
        assert_eq!(scene.sts.asked().len(), before, "{team}");
    }
}

/// Rule 15: a guest is kept to what guests may, or gets nothing.
#[tokio::test]
async fn a_guest_is_narrowed_wherever_the_role_is() {
    let scene = Scene::new("").await;
    let guest = scene.guest().await;
    scene.world.credentials(&guest, json!({})).await.ok();
    let actions = policy(&scene.last())["Statement"][0]["Action"].clone();
    let actions = actions.as_array().unwrap();
    assert!(
        actions.contains(&json!("s3:*")) && !actions.contains(&json!("iam:*")),
        "{actions:?}"
    );
    // Another STS knows no managed policies.
    assert_eq!(scene.last().parameter("PolicyArns.member.1.arn"), "");

    let wide = json!({ "Version": "2012-10-17", "Statement": { "Effect": "Allow", "Action": "*", "Resource": "*" } });
    let scene = Scene::new(&format!("audience = 'a'\nsession_policy = '{wide}'")).await;
    let guest = scene.guest().await;
    let answer = scene.world.credentials(&guest, json!({})).await;
    answer.refused("InvalidIdentityPoolConfigurationException", NO_ROLE);
    assert!(scene.sts.asked().is_empty());
    let (ada, logins) = scene.user("ada").await;
    scene.world.credentials(&ada, logins).await.ok();
}

#[tokio::test]
async fn the_tags_of_a_session_are_in_its_token() {
    let scene = Scene::new("").await;
    scene.tags(json!({ "team": "team" })).await;
    let logins = login(
        &scene.issuer,
        &scene
            .issuer
            .token_saying("ada", &json!({ "team": "a b/c" })),
    );
    let ada = scene.world.identity(&scene.pool, logins.clone()).await;
    scene.world.credentials(&ada, logins).await.ok();
    let claims = crate::world::part(scene.last().parameter("WebIdentityToken"), 1);
    let tags = &claims["https://aws.amazon.com/tags"]["principal_tags"];
    assert_eq!(tags, &json!({ "team": ["a b/c"] }));
}
