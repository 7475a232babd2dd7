//! What a session is: how long, with which tags, how narrow, and what it remembers of the response.

use serde_json::json;

use super::{ARN, ROLE, Scene, allowing, name, trust};
use crate::world::idp::{Says, encode};
use crate::world::{Answer, Credentials, assumed};

const SESSION_ENDS: &str = "<saml:AuthnStatement SessionNotOnOrAfter=\"2026-03-01T12:10:00Z\" ";

fn expiration(answer: &Answer) -> String {
    let text = answer.xml("Expiration");
    text.unwrap_or_else(|| panic!("{}", answer.text))
}

#[tokio::test]
async fn the_shortest_of_what_bounds_a_session_counts() {
    let scene = Scene::new().await;
    let of = |says: &Says| encode(&says.signed_by(&scene.idp));
    let plain = of(&scene.says());
    let limited = of(&scene.says().attribute(&name("SessionDuration"), &["1800"]));
    let longer = of(&scene.says().attribute(&name("SessionDuration"), &["43200"]));
    let says = scene.says();
    let assertion = says.assertion();
    let assertion = assertion.replacen("<saml:AuthnStatement ", SESSION_ENDS, 1);
    let ends = encode(&says.around(&scene.idp.sign(&assertion, &says.assertion_id)));
    let duration = |seconds: &'static str| vec![("DurationSeconds", seconds)];
    for (response, more, end) in [
        (&plain, vec![], "13:00:00"),
        (&plain, duration("900"), "12:15:00"),
        (&plain, duration("7200"), "14:00:00"),
        (&limited, vec![], "12:30:00"),
        (&limited, duration("900"), "12:15:00"),
        (&limited, duration("7200"), "12:30:00"),
        (&longer, vec![], "13:00:00"),
        (&ends, vec![], "12:10:00"),
        (&ends, duration("900"), "12:10:00"),
    ] {
        let answer = scene.assume(response, &more).await;
        assert_eq!(
            expiration(&answer),
            format!("2026-03-01T{end}Z"),
            "{more:?}"
        );
    }
    let text = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
    for response in [&plain, &limited, &ends] {
        let answer = scene.assume(response, &duration("7201")).await;
        answer.query_refused(400, "ValidationError", text);
    }
}

#[tokio::test]
async fn tags_need_a_role_that_lets_them_pass_and_are_the_sessions() {
    let scene = Scene::new().await;
    let says = scene
        .says()
        .attribute(&name("PrincipalTag:team"), &["blue"]);
    let says = says.attribute(&name("TransitiveTagKeys"), &["team"]);
    scene.denied(&says).await;
    let both = json!(["sts:AssumeRoleWithSAML", "sts:TagSession"]);
    let of_team = |team: &str| {
        let condition = json!({
            "StringEquals": { "aws:RequestTag/team": team },
            "ForAllValues:StringEquals": { "sts:TransitiveTagKeys": ["team"] },
        });
        trust(&both, &condition)
    };
    for (team, is_trusted) in [("red", false), ("blue", true)] {
        let policy = of_team(team);
        let parameters = [("RoleName", "Reader"), ("PolicyDocument", &*policy)];
        let answer = scene.world.iam("UpdateAssumeRolePolicy", &parameters).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        if !is_trusted {
            scene.denied(&says).await;
        }
    }
    let condition = json!({ "StringEquals": { "aws:PrincipalTag/team": "blue" } });
    scene.put("Reader", &allowing_if(&condition)).await;
    let who = assumed(&scene.given(&says, &[]).await);
    scene.list_pools(&who).await.ok();
}

#[tokio::test]
async fn transitive_tags_of_a_response_are_passed_on_and_no_others() {
    let scene = Scene::new().await;
    let both = json!(["sts:AssumeRoleWithSAML", "sts:TagSession"]);
    let policy = trust(&both, &json!({}));
    let parameters = [("RoleName", "Reader"), ("PolicyDocument", &*policy)];
    let changed = scene.world.iam("UpdateAssumeRolePolicy", &parameters).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    let statement = json!({
        "Effect": "Allow", "Principal": { "AWS": ROLE }, "Action": ["sts:AssumeRole", "sts:TagSession"],
    });
    let next = json!({ "Version": "2012-10-17", "Statement": statement }).to_string();
    scene.role("Next", &next).await;
    scene.put("Reader", &allowing("sts:*")).await;
    let tagged = |says: Says| {
        let says = says.attribute(&name("PrincipalTag:team"), &["blue"]);
        says.attribute(&name("PrincipalTag:stage"), &["test"])
    };
    for (transitive, passed_on) in [
        (&["TEAM"][..], json!({ "team": "blue" })),
        (
            &["team", "stage"],
            json!({ "team": "blue", "stage": "test" }),
        ),
        (&[], json!({})),
    ] {
        let says = tagged(scene.says()).attribute(&name("TransitiveTagKeys"), transitive);
        let who = assumed(&scene.given(&says, &[]).await);
        let parameters = [
            ("Action", "AssumeRole"),
            ("Version", "2011-06-15"),
            ("RoleArn", "arn:aws:iam::123456789012:role/Next"),
            ("RoleSessionName", "me"),
        ];
        let chained = assumed(&scene.world.signed_query(&who, "sts", &parameters).await);
        let found = scene.world.open_session(&chained).tags;
        assert_eq!(json!(found), passed_on, "{transitive:?}");
    }
}

/// A policy that lets pools be listed under this condition.
fn allowing_if(condition: &serde_json::Value) -> String {
    let statement = json!({
        "Effect": "Allow", "Action": "cognito-identity:List*", "Resource": "*", "Condition": condition,
    });
    json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string()
}

#[tokio::test]
async fn a_session_remembers_whose_it_is_also_when_it_takes_another_role() {
    let scene = Scene::new().await;
    let answer = scene.given(&scene.says(), &[]).await;
    let qualifier = answer.xml("NameQualifier").unwrap();
    let keys = json!({ "StringEquals": {
        "saml:sub": "ada", "saml:sub_type": "persistent", "saml:namequalifier": qualifier,
    } });
    scene.put("Reader", &allowing_if(&keys)).await;
    let who = assumed(&answer);
    scene.list_pools(&who).await.ok();
    let other = json!({ "StringEquals": { "saml:sub": "eve" } });
    scene.put("Reader", &allowing_if(&other)).await;
    assert_eq!(scene.list_pools(&who).await.status, 400);

    let statement =
        json!({ "Effect": "Allow", "Principal": { "AWS": ROLE }, "Action": "sts:AssumeRole" });
    let next = json!({ "Version": "2012-10-17", "Statement": statement }).to_string();
    scene.role("Next", &next).await;
    scene.put("Reader", &allowing("sts:AssumeRole")).await;
    scene.put("Next", &allowing_if(&keys)).await;
    let parameters = [
        ("Action", "AssumeRole"),
        ("Version", "2011-06-15"),
        ("RoleArn", "arn:aws:iam::123456789012:role/Next"),
        ("RoleSessionName", "me"),
    ];
    let chained = assumed(&scene.world.signed_query(&who, "sts", &parameters).await);
    scene.list_pools(&chained).await.ok();
}

#[tokio::test]
async fn a_policy_narrows_a_session_and_is_never_dropped() {
    let scene = Scene::new().await;
    let says = scene.says();
    let list = allowing("cognito-identity:ListIdentityPools");
    let who = assumed(&scene.given(&says, &[("Policy", &list)]).await);
    scene.list_pools(&who).await.ok();
    let s3 = allowing("s3:*");
    let answer = scene.given(&says, &[("Policy", &s3)]).await;
    let packed: u8 = answer.xml("PackedPolicySize").unwrap().parse().unwrap();
    assert!((1..=100).contains(&packed));
    let answer = scene.list_pools(&assumed(&answer)).await;
    assert_eq!(answer.error().1, "AccessDeniedException");
    let response = says.login(&scene.idp);
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
        let answer = scene.assume(&response, &[more]).await;
        answer.query_refused(400, "MalformedPolicyDocument", text);
    }
    // What the response says doesn't fit into a session token beside them.
    let resource = format!("arn:aws:s3:::{}", "é".repeat(1900));
    let statement = json!({ "Effect": "Allow", "Action": "s3:*", "Resource": resource });
    let long = json!({ "Version": "2012-10-17", "Statement": statement }).to_string();
    let answer = scene.assume(&response, &[("Policy", &long)]).await;
    let text =
        "Packed policy consumes more than 100% of allotted space, please use a smaller policy";
    answer.query_refused(400, "PackedPolicyTooLarge", text);
}

#[tokio::test]
async fn a_session_ends_with_the_role_that_it_was_given() {
    let scene = Scene::new().await;
    let who = assumed(&scene.given(&scene.says(), &[]).await);
    let denied = async |who: &Credentials| {
        let answer = scene.list_pools(who).await;
        assert_eq!(answer.error().1, "AccessDeniedException");
    };
    let named = [("RoleName", "Reader"), ("PolicyName", "p")];
    scene.world.iam("DeleteRolePolicy", &named).await;
    scene.world.iam("DeleteRole", &named[..1]).await;
    denied(&who).await;
    scene
        .role(
            "Reader",
            &trust(&json!("sts:AssumeRoleWithSAML"), &json!({})),
        )
        .await;
    denied(&who).await;
    scene.given(&scene.says(), &[]).await;
    let gone = [("SAMLProviderArn", ARN)];
    scene.world.iam("DeleteSAMLProvider", &gone).await;
    let answer = scene.assume(&scene.says().login(&scene.idp), &[]).await;
    let text = "Specified provider doesn't exist";
    answer.query_refused(400, "InvalidIdentityToken", text);
}
