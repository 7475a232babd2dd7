//! How a form of the Query protocol is read.

use serde_json::json;

use crate::world::{Answer, Credentials, World, form_headers};

const ARN: &str = "arn:aws:iam::123456789012:oidc-provider/login.example.com";

/// Sends a form of IAM as it is written, signed by the root key.
async fn iam(world: &World, action: &str, rest: &str) -> Answer {
    let body = format!("Action={action}&Version=2010-05-08&{rest}");
    let headers = world.sign(&Credentials::root(), "iam", form_headers(), &body);
    world.send("POST", "/", headers, body).await
}

/// Registers a provider with the client ids that a form gives, answers those that it has then, and forgets it.
async fn clients(world: &World, rest: &str) -> Vec<String> {
    let url = "Url=https%3A%2F%2Flogin.example.com";
    let answer = iam(
        world,
        "CreateOpenIDConnectProvider",
        &format!("{url}&{rest}"),
    )
    .await;
    assert_eq!(answer.status, 200, "{rest}: {}", answer.text);
    let get = [("OpenIDConnectProviderArn", ARN)];
    let list = world.iam("GetOpenIDConnectProvider", &get).await;
    world.iam("DeleteOpenIDConnectProvider", &get).await;
    let list = list.xml("ClientIDList").unwrap_or_default();
    let members = list.split("<member>").skip(1);
    members
        .map(|member| member.split_once("</member>").unwrap().0.to_owned())
        .collect()
}

#[tokio::test]
async fn a_list_is_in_the_order_of_its_numbers() {
    let world = World::new().await;
    for (rest, wanted) in [
        (
            "ClientIDList.member.2=b&ClientIDList.member.1=a",
            &["a", "b"][..],
        ),
        (
            "ClientIDList.member.10=c&ClientIDList.member.9=b&ClientIDList.member.1=a",
            &["a", "b", "c"],
        ),
        (
            "ClientIDList.member.4294967295=b&ClientIDList.member.7=a",
            &["a", "b"],
        ),
        ("ClientIDList.member.0=a", &["a"]),
        ("ClientIDList=", &[]),
        ("ClientIDList=&ClientIDList.member.1=a", &["a"]),
        ("", &[]),
    ] {
        assert_eq!(clients(&world, rest).await, wanted, "{rest}");
    }
}

#[tokio::test]
async fn a_text_is_what_its_escapes_stand_for() {
    let world = World::new().await;
    for (written, wanted) in [
        ("a+b", "a b"),
        ("a%20b%2Bc", "a b+c"),
        ("%C3%A9%e2%82%ac", "é€"),
        ("a=b", "a=b"),
        ("100%", "100%"),
        ("%zz%4", "%zz%4"),
        ("a;b", "a;b"),
    ] {
        let rest = format!("ClientIDList.member.1={written}");
        assert_eq!(clients(&world, &rest).await, [wanted], "{written}");
    }
    for rest in [
        "&&ClientIDList.member.1=a&",
        "%43lientIDList%2Emember%2E1=a",
        "Unknown=1&Unknown.x=2&ClientIDList.member.1=a&clientidlist.member.2=b",
    ] {
        assert_eq!(clients(&world, rest).await, ["a"], "{rest}");
    }
}

#[tokio::test]
async fn what_is_not_utf_8_is_refused_rather_than_replaced() {
    let world = World::new().await;
    for written in ["%ff", "a%C3", "%ED%A0%80", "%00", "a%00b", "%C0%80"] {
        for rest in [
            format!("OpenIDConnectProviderArn={ARN}&ClientID={written}"),
            format!("OpenIDConnectProviderArn={ARN}&ClientID=a&{written}=x"),
        ] {
            let answer = iam(&world, "AddClientIDToOpenIDConnectProvider", &rest).await;
            let text = "The request is not UTF-8, or has U+0000 in it.";
            answer.query_refused(400, "MalformedInput", text);
        }
    }
}

const TWICE: &str = "The request has too many parameters, or one of them twice.";

#[tokio::test]
async fn a_doubled_parameter_is_refused() {
    let world = World::new().await;
    for rest in [
        "OpenIDConnectProviderArn=a&OpenIDConnectProviderArn=a",
        "OpenIDConnectProviderArn=a&OpenIDConnectProvider%41rn=b",
        "OpenIDConnectProviderArn=a&Action=GetOpenIDConnectProvider",
        "Version=2010-05-08&OpenIDConnectProviderArn=a",
        "Unknown=&Unknown=",
        "Unknown&Unknown",
    ] {
        let answer = iam(&world, "GetOpenIDConnectProvider", rest).await;
        answer.query_refused(400, "MalformedInput", TWICE);
    }
}

#[tokio::test]
async fn a_thousand_parameters_are_read_and_no_more() {
    let world = World::new().await;
    let many = |count: usize| {
        let names: Vec<String> = (2..count).map(|at| format!("x{at}=&")).collect();
        names.concat()
    };
    let answer = iam(&world, "ListOpenIDConnectProviders", &many(1000)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let answer = iam(&world, "ListOpenIDConnectProviders", &many(1001)).await;
    answer.query_refused(400, "MalformedInput", TWICE);
}

#[tokio::test]
async fn a_session_policy_that_is_written_otherwise_is_never_dropped() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    let guest = world.identity(&pool, json!({})).await;
    let token = world
        .public("GetOpenIdToken", json!({ "IdentityId": guest }))
        .await
        .ok();
    let given = [
        ("RoleArn", crate::world::GUEST_ROLE),
        ("RoleSessionName", "me"),
        ("WebIdentityToken", token["Token"].as_str().unwrap()),
    ];
    let assume = |more: &'static str| {
        let mut parameters = given.to_vec();
        if !more.is_empty() {
            parameters.push((more, "arn:aws:iam::aws:policy/ReadOnlyAccess"));
        }
        let world = &world;
        async move { world.sts("AssumeRoleWithWebIdentity", &parameters).await }
    };
    assert_eq!(assume("").await.status, 200);
    for narrowing in [
        "PolicyArns",
        "PolicyArns.1",
        "PolicyArns.1.arn",
        "PolicyArns.member",
        "PolicyArns.member.1",
        "PolicyArns.member.01.arn",
        "PolicyArns.member.1.Arn",
        "PolicyArns.member.1.arn.x",
        "PolicyArns.member.99999999999.arn",
        "PolicyArns.Member.1.arn",
        "Policy.x",
    ] {
        let answer = assume(narrowing).await;
        assert_eq!(answer.status, 400, "{narrowing}: {}", answer.text);
    }
}
