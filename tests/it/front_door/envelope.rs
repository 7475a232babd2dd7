use std::collections::BTreeSet;

use serde_json::{Value, json};
use uuid::Uuid;

use super::{NOBODYS, NOT_FOUND, get_id};
use crate::world::{Credentials, World};

#[tokio::test]
async fn an_error_has_its_type_in_the_body_and_in_a_header_with_a_colon() {
    let world = World::new().await;
    let answer = get_id(&world, NOBODYS).await;
    assert_eq!(answer.status, 400);
    assert_eq!(
        answer.text,
        format!(r#"{{"__type":"ResourceNotFoundException","message":"{NOT_FOUND}"}}"#)
    );
    for (name, value) in [
        ("content-type", "application/x-amz-json-1.1"),
        ("x-amzn-errortype", "ResourceNotFoundException:"),
        ("x-amzn-errormessage", NOT_FOUND),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(answer.header(name).as_deref(), Some(value), "{name}");
    }
}

#[tokio::test]
async fn a_success_has_its_headers_and_none_of_an_error() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    let answer = world.get_id(&pool, json!({})).await;
    assert_eq!(answer.status, 200);
    for (name, value) in [
        ("content-type", "application/x-amz-json-1.1"),
        ("content-length", &answer.text.len().to_string()),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(answer.header(name).as_deref(), Some(value), "{name}");
    }
    assert!(answer.header("date").is_some());
    for name in ["x-amzn-errortype", "x-amzn-errormessage"] {
        assert_eq!(answer.header(name), None, "{name}");
    }
}

#[tokio::test]
async fn each_answer_has_an_id_of_its_own() {
    let world = World::new().await;
    let mut seen = BTreeSet::new();
    for _ in 0..5 {
        for answer in [
            get_id(&world, NOBODYS).await,
            get_id(&world, "").await,
            world
                .admin("ListIdentityPools", json!({ "MaxResults": 1 }))
                .await,
            world
                .admin("Cognate.ListKeys", json!({ "Purpose": "Signing" }))
                .await,
            world.iam("ListOpenIDConnectProviders", &[]).await,
            world.sts("GetCallerIdentity", &[]).await,
            world.get("/nothing").await,
            world.send("OPTIONS", "/", http::HeaderMap::new(), "").await,
        ] {
            let id = answer.header("x-amzn-requestid").unwrap();
            let parsed = Uuid::parse_str(&id).unwrap();
            assert_eq!(parsed.get_version_num(), 4);
            assert_eq!(parsed.hyphenated().to_string(), id);
            seen.insert(id);
        }
    }
    assert_eq!(seen.len(), 40);
}

#[tokio::test]
async fn what_has_no_output_is_answered_with_no_body() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    for (operation, input) in [
        (
            "SetIdentityPoolRoles",
            json!({ "IdentityPoolId": pool, "Roles": {} }),
        ),
        ("DeleteIdentityPool", json!({ "IdentityPoolId": pool })),
    ] {
        let answer = world.admin(operation, input).await;
        assert_eq!((answer.status, answer.text.as_str()), (200, ""));
        assert_eq!(answer.header("content-length").as_deref(), Some("0"));
    }
}

#[tokio::test]
async fn a_refused_permission_and_a_wrong_type_have_a_capital_message() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    let guest = world.identity(&pool, json!({})).await;
    let given = world.credentials(&guest, json!({})).await.ok();
    let session = Credentials::of(&given["Credentials"]);
    let list = json!({ "MaxResults": 1 });
    let denied = world.signed(&session, "ListIdentityPools", list).await;
    let mistyped = get_id(&world, r#"{"IdentityPoolId":1}"#).await;
    for (answer, code) in [
        (denied, "AccessDeniedException"),
        (mistyped, "SerializationException"),
    ] {
        let body = answer.json();
        assert_eq!((answer.status, &body["__type"]), (400, &json!(code)));
        let text = body["Message"].as_str().unwrap();
        assert_eq!(answer.header("x-amzn-errormessage").as_deref(), Some(text));
        assert_eq!(body["message"], Value::Null);
    }
}

#[tokio::test]
async fn what_is_echoed_stays_printable_in_the_header_and_whole_in_the_body() {
    let world = World::new().await;
    for (id, shown) in [
        ("a\r\nx-evil: yes", "a??x-evil: yes"),
        ("a\tb\u{1}\u{7f}\u{85}", "a?b???"),
        ("é–😀\u{202e}", "????"),
        ("\"<&'\\\">{}", "\"<&'\\\">{}"),
        ("", ""),
        (" ", " "),
    ] {
        let answer = get_id(&world, json!({ "IdentityPoolId": id }).to_string()).await;
        let text = answer.header("x-amzn-errormessage").unwrap();
        let begins = format!("Value '{shown}' at 'identityPoolId' failed");
        assert!(text.contains(&begins), "{text}");
        assert!(answer.headers.get("x-evil").is_none());
        let body = answer.json();
        let begins = format!("Value '{id}' at 'identityPoolId' failed");
        assert!(
            body["message"].as_str().unwrap().contains(&begins),
            "{body}"
        );
    }
}

#[tokio::test]
async fn what_is_echoed_is_bounded_in_the_header_and_in_the_body() {
    let world = World::new().await;
    for letter in ["x", "é", "😀", "\n", "\\"] {
        let id = letter.repeat(10_000);
        let answer = get_id(&world, json!({ "IdentityPoolId": id }).to_string()).await;
        assert_eq!(answer.status, 400);
        let text = answer.header("x-amzn-errormessage").unwrap();
        assert_eq!(text.len(), 1024);
        assert!(answer.text.len() < 2 * 4 * 4096 + 1024, "{letter}");
    }
}
