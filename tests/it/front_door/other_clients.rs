//! Browsers and clients of other services get a sentence in their own form.

use http::HeaderMap;
use serde_json::json;

use super::{NOBODYS, with};
use crate::world::{Credentials, World, form_headers};

const THIS: &str = "This server is Cognate.";

/// A header of a signature for a service. It decides only the form of the answer.
fn signed_for(service: &str) -> HeaderMap {
    let scope = format!("AKIAIOSFODNN7EXAMPLE/20260301/eu-west-1/{service}/aws4_request");
    let header = format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=00");
    with(HeaderMap::new(), "authorization", &header)
}

#[tokio::test]
async fn a_browser_gets_a_page() {
    let world = World::new().await;
    let accept = "text/html,application/xhtml+xml,*/*;q=0.8";
    for (path, status) in [("/", 200), ("/console/", 404), ("/login?client_id=x", 404)] {
        let headers = with(HeaderMap::new(), "accept", accept);
        let answer = world.send("GET", path, headers, "").await;
        assert_eq!(answer.status, status, "{path}");
        let content_type = answer.header("content-type").unwrap();
        assert_eq!(content_type, "text/html; charset=utf-8");
        assert_eq!(answer.header("x-frame-options").as_deref(), Some("DENY"));
        for words in [THIS, "not a user pool", "no S3"] {
            assert!(answer.text.contains(words), "{words}: {}", answer.text);
        }
    }
}

#[tokio::test]
async fn a_client_of_s3_gets_an_error_of_s3() {
    let world = World::new().await;
    let empty = HeaderMap::new;
    for (method, path, headers) in [
        ("GET", "/", signed_for("s3")),
        ("GET", "/bucket?list-type=2", empty()),
        ("GET", "/bucket/key?x-id=GetObject", empty()),
        (
            "PUT",
            "/bucket/key",
            with(empty(), "x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
        ),
        ("POST", "/bucket?delete", signed_for("s3")),
        ("DELETE", "/bucket", signed_for("s3express")),
        (
            "GET",
            "/bucket",
            with(empty(), "authorization", "AWS AKIAIOSFODNN7EXAMPLE:abc"),
        ),
        (
            "GET",
            "/k?X-Amz-Credential=AKIA%2F20260301%2Feu-west-1%2Fs3%2Faws4_request",
            empty(),
        ),
    ] {
        let answer = world.send(method, path, headers, "").await;
        assert_eq!(answer.status, 501, "{method} {path}: {}", answer.text);
        assert_eq!(answer.xml("Code").as_deref(), Some("NotImplemented"));
        let message = answer.xml("Message").unwrap();
        assert!(
            message.starts_with(THIS) && message.contains("S3"),
            "{message}"
        );
    }
}

#[tokio::test]
async fn a_client_of_another_json_service_gets_its_error_with_a_sentence() {
    let world = World::new().await;
    for (target, words) in [
        (
            "AWSCognitoIdentityProviderService.InitiateAuth",
            "user pools (the service cognito-idp)",
        ),
        ("AWSCognitoIdentityProviderService.GetId", "user pools"),
        ("DynamoDB_20120810.ListTables", "DynamoDB_20120810"),
        (
            "AWSSecurityTokenServiceV20110615.GetCallerIdentity",
            "AWSSecurityTokenServiceV20110615",
        ),
        ("secretsmanager.GetSecretValue", "secretsmanager"),
    ] {
        let headers = with(HeaderMap::new(), "x-amz-target", target);
        let answer = world.send("POST", "/", headers, NOBODYS).await;
        let (status, code, text) = answer.error();
        assert_eq!((status, code.as_str()), (400, "UnknownOperationException"));
        assert!(
            text.starts_with(THIS) && text.contains(words),
            "{target}: {text}"
        );
    }
    // Text that isn't a name isn't repeated.
    for target in ["<script>.X", "a b.C", &format!("{}.X", "x".repeat(65))] {
        let headers = with(HeaderMap::new(), "x-amz-target", target);
        let answer = world.send("POST", "/", headers, NOBODYS).await;
        assert_eq!(
            answer.json(),
            json!({ "__type": "UnknownOperationException" })
        );
    }
}

#[tokio::test]
async fn a_client_of_another_rest_or_query_service_gets_a_sentence() {
    let world = World::new().await;
    let answer = world
        .send("GET", "/2015-03-31/functions", signed_for("lambda"), "")
        .await;
    let text = answer.json()["message"].as_str().unwrap().to_owned();
    assert_eq!(answer.status, 404);
    assert!(text.starts_with(THIS) && text.contains("lambda"), "{text}");
    let mut headers = form_headers();
    headers.extend(signed_for("sns"));
    let body = "Action=ListTopics&Version=2010-03-31";
    let answer = world.send("POST", "/", headers, body).await;
    let text = answer.xml("Message").unwrap();
    assert!(
        text.starts_with("Could not find operation ListTopics for version 2010-03-31. "),
        "{text}"
    );
    assert!(text.contains("service sns"), "{text}");
}

#[tokio::test]
async fn a_correct_client_gets_what_it_got_before() {
    let world = World::new().await;
    let root = Credentials::root();
    let unknown = [("Action", "Nothing"), ("Version", "2011-06-15")];
    let text = "Could not find operation Nothing for version 2011-06-15";
    world
        .signed_query(&root, "sts", &unknown)
        .await
        .query_refused(400, "InvalidAction", text);
    let headers = with(HeaderMap::new(), "accept", "*/*");
    let answer = world.send("GET", "/", headers, "").await;
    assert_eq!(
        (answer.status, answer.text.as_str()),
        (404, r#"{"__type":"UnknownOperationException"}"#)
    );
    let headers = with(
        HeaderMap::new(),
        "x-amz-target",
        "AWSCognitoIdentityService.Nothing",
    );
    let answer = world.send("POST", "/", headers, "{}").await;
    assert_eq!(answer.text, r#"{"__type":"UnknownOperationException"}"#);
}
