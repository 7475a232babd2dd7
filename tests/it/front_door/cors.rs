use http::HeaderMap;
use serde_json::json;

use super::{NOBODYS, with};
use crate::world::{Answer, Credentials, World, form, form_headers, json_headers};

const ORIGIN: &str = "https://app.example.com";
const EXPOSED: &str = "x-amzn-RequestId,x-amzn-ErrorType,x-amzn-ErrorMessage,Date";

fn of_a_page(headers: HeaderMap) -> HeaderMap {
    with(headers, "origin", ORIGIN)
}

/// The headers of an answer that tell a browser what a page may read.
fn allowed(answer: &Answer) -> Vec<(String, String)> {
    let names = answer.headers.keys().map(http::HeaderName::as_str);
    let mut found: Vec<_> = names
        .filter(|name| name.starts_with("access-control-"))
        .map(|name| (name.to_owned(), answer.header(name).unwrap()))
        .collect();
    found.sort();
    found
}

fn readable() -> Vec<(String, String)> {
    let pairs = [
        ("access-control-allow-origin", "*"),
        ("access-control-expose-headers", EXPOSED),
    ];
    pairs
        .map(|(name, value)| (name.into(), value.into()))
        .into()
}

#[tokio::test]
async fn a_preflight_is_answered_as_it_was_captured() {
    let world = World::new().await;
    let asked = "content-type,x-amz-target,X-Amz-User-Agent, amz-sdk-invocation-id,cache-control";
    let headers = of_a_page(HeaderMap::new());
    let headers = with(headers, "access-control-request-method", "POST");
    let headers = with(headers, "access-control-request-headers", asked);
    let answer = world.send("OPTIONS", "/", headers, "").await;
    assert_eq!((answer.status, answer.text.as_str()), (200, ""));
    let wanted = [
        ("access-control-allow-headers", asked),
        ("access-control-allow-methods", "POST"),
        ("access-control-allow-origin", "*"),
        ("access-control-expose-headers", EXPOSED),
        ("access-control-max-age", "172800"),
    ];
    assert_eq!(
        allowed(&answer),
        wanted.map(|(name, value)| (name.into(), value.into()))
    );
    assert_eq!(answer.header("content-length").as_deref(), Some("0"));
    assert!(answer.header("x-amzn-requestid").is_some());
}

#[tokio::test]
async fn a_preflight_does_not_repeat_a_long_list() {
    let world = World::new().await;
    for (length, repeated) in [(2048, true), (2049, false)] {
        let headers = with(
            of_a_page(HeaderMap::new()),
            "access-control-request-headers",
            &"x".repeat(length),
        );
        let answer = world.send("OPTIONS", "/", headers, "").await;
        let list = answer.header("access-control-allow-headers");
        assert_eq!((answer.status, list.is_some()), (200, repeated));
    }
}

#[tokio::test]
async fn a_page_reads_every_success_and_every_error() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    let good = json!({ "IdentityPoolId": pool }).to_string();
    let get_id = of_a_page(json_headers("AWSCognitoIdentityService.GetId"));
    let list = of_a_page(json_headers("AWSCognitoIdentityService.ListIdentityPools"));
    let signed = world.sign(
        &Credentials::root(),
        "cognito-identity",
        list.clone(),
        r#"{"MaxResults":1}"#,
    );
    let too_large = "a".repeat((1 << 20) + 1);
    for (method, path, headers, body, status) in [
        ("POST", "/", &get_id, &*good, 200),
        ("POST", "/", &signed, r#"{"MaxResults":1}"#, 200),
        ("POST", "/", &get_id, NOBODYS, 400),
        ("POST", "/", &get_id, "{}", 400),
        ("POST", "/", &get_id, "no JSON", 400),
        ("POST", "/", &list, "{}", 400),
        ("POST", "/", &of_a_page(json_headers("nothing")), "{}", 400),
        ("POST", "/", &of_a_page(HeaderMap::new()), "{}", 400),
        ("POST", "/", &get_id, &*too_large, 413),
        ("PUT", "/", &get_id, &*good, 404),
        ("GET", "/", &of_a_page(HeaderMap::new()), "", 404),
        ("POST", "/nothing", &get_id, &*good, 404),
    ] {
        let answer = world
            .send(method, path, headers.clone(), body.to_owned())
            .await;
        let shown: String = body.chars().take(40).collect();
        let found = (answer.status, allowed(&answer));
        assert_eq!(found, (status, readable()), "{method} {path} {shown}");
    }
}

#[tokio::test]
async fn a_page_reads_that_the_server_failed() {
    let world = World::new().await;
    cognate::app::maintenance::close(&world.app).await;
    let headers = of_a_page(json_headers("AWSCognitoIdentityService.GetId"));
    let answer = world.send("POST", "/", headers, NOBODYS).await;
    assert_eq!(answer.status, 500);
    assert_eq!(
        answer.text,
        r#"{"__type":"InternalErrorException","message":"Internal Server Error"}"#
    );
    assert_eq!(allowed(&answer), readable());
}

#[tokio::test]
async fn who_is_no_page_gets_no_such_headers() {
    let world = World::new().await;
    let headers = json_headers("AWSCognitoIdentityService.GetId");
    let answer = world.send("POST", "/", headers, NOBODYS).await;
    assert_eq!(allowed(&answer), []);
}

#[tokio::test]
async fn a_page_reads_every_answer_of_the_sts() {
    let world = World::new().await;
    let root = Credentials::root();
    let query = |action: &str| form(&[("Action", action), ("Version", "2011-06-15")]);
    let forms = of_a_page(form_headers());
    let in_json = with(forms.clone(), "accept", "application/json");
    let who = query("GetCallerIdentity");
    let signed = world.sign(&root, "sts", forms.clone(), &who);
    let signed_in_json = world.sign(&root, "sts", in_json.clone(), &who);
    for (headers, body, status) in [
        (&signed, &who, 200),
        (&signed_in_json, &who, 200),
        (&forms, &who, 403),
        (&in_json, &who, 403),
        (&forms, &query("AssumeRoleWithWebIdentity"), 400),
        (&forms, &query("AssumeRoleWithSAML"), 400),
        (&forms, &query("AssumeRole"), 403),
        (&forms, &query("Nothing"), 400),
        (&forms, &String::new(), 400),
        (&forms, &"a".repeat((1 << 20) + 1), 413),
    ] {
        let answer = world.send("POST", "/", headers.clone(), body.clone()).await;
        let shown: String = body.chars().take(60).collect();
        let found = (answer.status, allowed(&answer));
        assert_eq!(found, (status, readable()), "{shown}");
    }
    let page = of_a_page(HeaderMap::new());
    for method in ["GET", "POST"] {
        let path = format!("/?{}", query("AssumeRoleWithWebIdentity"));
        let answer = world.send(method, &path, page.clone(), "").await;
        assert_eq!((answer.status, allowed(&answer)), (400, readable()));
    }
    let answer = world.query(&[("Action", "AssumeRole")]).await;
    assert_eq!(allowed(&answer), [], "no page asked");
}

#[tokio::test]
async fn no_page_reads_the_answers_of_iam_and_cognate() {
    let world = World::new().await;
    let root = Credentials::root();
    let query = |action: &str| form(&[("Action", action), ("Version", "2010-05-08")]);
    let list = query("ListOpenIDConnectProviders");
    let role = query("GetRole");
    let forms = of_a_page(form_headers());
    let keys = of_a_page(json_headers("Cognate.ListKeys"));
    let purpose = r#"{"Purpose":"Signing"}"#.to_owned();
    let sign = |service: &str, headers: &HeaderMap, body: &str| {
        world.sign(&root, service, headers.clone(), body)
    };
    let too_large = "a".repeat((1 << 20) + 1);
    for (headers, body, status) in [
        (sign("iam", &forms, &list), &list, 200),
        (sign("iam", &forms, &role), &role, 400),
        (sign("iam", &forms, &too_large), &too_large, 413),
        (sign("cognito-identity", &keys, &purpose), &purpose, 200),
        (forms.clone(), &list, 403),
        (forms.clone(), &role, 403),
        (forms.clone(), &query("Nothing"), 400),
        (keys.clone(), &purpose, 400),
        (sign("cognito-identity", &keys, "{}"), &"{}".to_owned(), 400),
    ] {
        let answer = world.send("POST", "/", headers, body.clone()).await;
        let shown: String = body.chars().take(60).collect();
        let found = (answer.status, allowed(&answer));
        assert_eq!(found, (status, vec![]), "{shown}");
    }
    let path = format!("/?{list}");
    for method in ["GET", "POST"] {
        let page = of_a_page(HeaderMap::new());
        let answer = world.send(method, &path, page, "").await;
        assert_eq!((answer.status, allowed(&answer)), (403, vec![]));
    }
}
