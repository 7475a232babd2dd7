use http::HeaderMap;
use serde_json::{Value, json};

use super::{NOBODYS, NOT_FOUND, with};
use crate::world::{World, form_headers, json_headers};

/// Sends the good request to a target, or to several.
async fn to(world: &World, targets: &[&str]) -> (u16, Value) {
    let headers = targets.iter().fold(HeaderMap::new(), |headers, target| {
        with(headers, "x-amz-target", target)
    });
    let answer = world.send("POST", "/", headers, NOBODYS).await;
    (answer.status, answer.json())
}

fn reached() -> (u16, Value) {
    let body = json!({ "__type": "ResourceNotFoundException", "message": NOT_FOUND });
    (400, body)
}

fn unknown() -> (u16, Value) {
    (400, json!({ "__type": "UnknownOperationException" }))
}

#[tokio::test]
async fn an_operation_is_reached_by_its_target_and_by_that_of_old_clients() {
    let world = World::new().await;
    for target in [
        "AWSCognitoIdentityService.GetId",
        "com.amazonaws.cognito.identity.model.AWSCognitoIdentityService.GetId",
        " AWSCognitoIdentityService.GetId ",
    ] {
        assert_eq!(to(&world, &[target]).await, reached(), "{target}");
    }
}

#[tokio::test]
async fn any_other_target_is_an_unknown_operation_without_a_message() {
    let world = World::new().await;
    for target in [
        "",
        ".",
        "GetId",
        ".GetId",
        "AWSCognitoIdentityService",
        "AWSCognitoIdentityService.",
        "AWSCognitoIdentityService.Nothing",
        "AWSCognitoIdentityService.getId",
        "AWSCognitoIdentityService.getid",
        "awscognitoidentityservice.getid",
        "awscognitoidentityservice.GetId",
        "AWSCognitoIdentityService/GetId",
        "AWSCognitoIdentityService.GetId.GetId",
        "AWSCognitoIdentityService. GetId",
        "AWSCognitoIdentityService.GetId,AWSCognitoIdentityService.GetId",
        "com.x.AWSCognitoIdentityService.GetId,com.x.AWSCognitoIdentityService.GetId",
        "AWSCognitoIdentityServiceX.GetId",
        "XAWSCognitoIdentityService.GetId",
        "com.amazonaws.cognito.identity.model.XAWSCognitoIdentityService.GetId",
        "AWSCognitoIdentityService.GetÍd",
        // The operations of the other services are not of this protocol.
        "AWSCognitoIdentityService.AssumeRoleWithWebIdentity",
        "AWSCognitoIdentityService.GetCallerIdentity",
        "AWSCognitoIdentityService.ListOpenIDConnectProviders",
        // Nor are Cognate's own called anything else.
        "AWSCognitoIdentityService.ListKeys",
        "Cognate.GetId",
        "cognate.ListKeys",
        "com.example.Cognate.ListKeys",
    ] {
        assert_eq!(to(&world, &[target]).await, unknown(), "{target}");
    }
}

#[tokio::test]
async fn no_target_and_two_of_them_are_an_unknown_operation() {
    let world = World::new().await;
    let target = "AWSCognitoIdentityService.GetId";
    for targets in [&[][..], &[target, target], &[target, ""], &["", target]] {
        assert_eq!(to(&world, targets).await, unknown(), "{targets:?}");
    }
}

#[tokio::test]
async fn an_unknown_operation_says_so_in_its_headers_too() {
    let world = World::new().await;
    let answer = world
        .send("POST", "/", json_headers("x"), "no JSON at all")
        .await;
    assert_eq!(answer.text, r#"{"__type":"UnknownOperationException"}"#);
    assert_eq!(
        answer.header("x-amzn-errortype").as_deref(),
        Some("UnknownOperationException:")
    );
    assert_eq!(answer.header("x-amzn-errormessage"), None);
}

#[tokio::test]
async fn the_content_type_is_looked_at_only_where_there_is_no_target() {
    let world = World::new().await;
    let target = "AWSCognitoIdentityService.GetId";
    for content_type in [
        "application/x-amz-json-1.1",
        "application/x-amz-json-1.0",
        "application/json; charset=utf-8",
        "application/x-www-form-urlencoded",
        "text/plain",
        "nonsense",
    ] {
        let headers = with(HeaderMap::new(), "content-type", content_type);
        let headers = with(headers, "x-amz-target", target);
        let answer = world.send("POST", "/", headers, NOBODYS).await;
        answer.refused("ResourceNotFoundException", NOT_FOUND);
    }
    let answer = world
        .send("POST", "/", form_headers(), "Action=GetId")
        .await;
    assert_eq!(answer.xml("Code").as_deref(), Some("InvalidAction"));
}

#[tokio::test]
async fn what_else_old_and_new_clients_send_along_changes_nothing() {
    let world = World::new().await;
    let mut headers = json_headers("AWSCognitoIdentityService.GetId");
    for (name, value) in [
        ("x-http-method-override", "POST"),
        ("x-amz-api-version", "2014-06-30"),
        ("x-amz-user-agent", "aws-sdk-js/3.0.0"),
        ("amz-sdk-invocation-id", "c0ffee"),
        ("amz-sdk-request", "attempt=1; max=3"),
        ("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
        ("cache-control", "no-store"),
    ] {
        headers = with(headers, name, value);
    }
    let answer = world.send("POST", "/", headers, NOBODYS).await;
    answer.refused("ResourceNotFoundException", NOT_FOUND);
}

#[tokio::test]
async fn another_method_or_path_is_404() {
    let world = World::new().await;
    for (method, path) in [
        ("GET", "/"),
        ("PUT", "/"),
        ("PATCH", "/"),
        ("DELETE", "/"),
        ("BREW", "/"),
        ("POST", "/x"),
        ("POST", "//"),
        ("POST", "/%2f"),
        ("POST", "/index.html"),
        ("GET", "/favicon.ico"),
        ("GET", "/.well-known/"),
        ("GET", "/.well-known/openid-configuration/"),
        ("POST", "/.well-known/openid-configuration"),
        ("OPTIONS", "/.well-known/jwks_uri"),
        ("POST", "/health"),
        ("DELETE", "/metrics"),
        ("OPTIONS", "/x"),
    ] {
        let headers = json_headers("AWSCognitoIdentityService.GetId");
        let answer = world.send(method, path, headers, NOBODYS).await;
        let found = (answer.status, answer.text.as_str());
        let wanted = (404, r#"{"__type":"UnknownOperationException"}"#);
        assert_eq!(found, wanted, "{method} {path}");
        assert_eq!(
            answer.header("x-amzn-errortype").as_deref(),
            Some("UnknownOperationException:"),
            "{method} {path}"
        );
    }
}
