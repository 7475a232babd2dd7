//! Signatures as a client meets them: each failure with its code and text in both protocols. The verifier itself is
//! tested beside its code.

use cognate::ambient::Ambient;
use http::{HeaderMap, HeaderValue};
use jiff::SignedDuration;
use serde_json::json;

use crate::world::{Answer, Credentials, World, form, form_headers, json_headers};

const MISMATCH: &str = "The request signature we calculated does not match the signature you provided. Check your AWS \
                        Secret Access Key and signing method. Consult the service documentation for details.";
const INVALID_TOKEN: &str = "The security token included in the request is invalid.";
const LIST: &str = "AWSCognitoIdentityService.ListIdentityPools";

const BODY: &str = r#"{"MaxResults":1}"#;

fn signed(world: &World) -> HeaderMap {
    world.sign(
        &Credentials::root(),
        "cognito-identity",
        json_headers(LIST),
        BODY,
    )
}

async fn send(world: &World, headers: HeaderMap) -> Answer {
    world.send("POST", "/", headers, BODY).await
}

fn change(headers: &mut HeaderMap, name: &'static str, change: impl Fn(&str) -> String) {
    let value = change(headers[name].to_str().unwrap());
    headers.insert(name, HeaderValue::from_str(&value).unwrap());
}

#[tokio::test]
async fn a_signed_request_is_answered() {
    let world = World::new().await;
    assert_eq!(send(&world, signed(&world)).await.status, 200);
}

#[tokio::test]
async fn what_was_signed_cannot_be_changed() {
    let world = World::new().await;
    let code = "InvalidSignatureException";
    let headers = signed(&world);
    let answer = world
        .send("POST", "/", headers.clone(), r#"{"MaxResults":2}"#)
        .await;
    answer.refused(code, MISMATCH);
    let mut target = headers.clone();
    target.insert(
        "x-amz-target",
        HeaderValue::from_static("AWSCognitoIdentityService.DescribeIdentityPool"),
    );
    send(&world, target).await.refused(code, MISMATCH);
    let answer = world.send("POST", "/?a=b", headers.clone(), BODY).await;
    answer.refused(code, MISMATCH);
    let mut signature = headers;
    change(&mut signature, "authorization", |value| {
        let last = if value.ends_with('0') { "1" } else { "0" };
        format!("{}{last}", &value[..value.len() - 1])
    });
    send(&world, signature).await.refused(code, MISMATCH);
}

#[tokio::test]
async fn a_wrong_secret_and_an_unknown_key_are_told_apart_as_the_service_does() {
    let world = World::new().await;
    let wrong = Credentials {
        secret: "x".repeat(40),
        ..Credentials::root()
    };
    let answer = world
        .signed(&wrong, "ListIdentityPools", json!({ "MaxResults": 1 }))
        .await;
    answer.refused("InvalidSignatureException", MISMATCH);
    let unknown = Credentials {
        id: "AKIAI44QH8DHBEXAMPLE".into(),
        ..Credentials::root()
    };
    let answer = world
        .signed(&unknown, "ListIdentityPools", json!({ "MaxResults": 1 }))
        .await;
    answer.refused("UnrecognizedClientException", INVALID_TOKEN);
    let list = [
        ("Action", "ListOpenIDConnectProviders"),
        ("Version", "2010-05-08"),
    ];
    let answer = world.signed_query(&wrong, "iam", &list).await;
    answer.query_refused(403, "SignatureDoesNotMatch", MISMATCH);
    let answer = world.signed_query(&unknown, "iam", &list).await;
    answer.query_refused(403, "InvalidClientTokenId", INVALID_TOKEN);
}

#[tokio::test]
async fn a_request_without_a_signature_is_refused_in_each_protocols_words() {
    let world = World::new().await;
    let answer = world.send("POST", "/", json_headers(LIST), BODY).await;
    answer.refused(
        "MissingAuthenticationTokenException",
        "Missing Authentication Token",
    );
    let list = [
        ("Action", "ListOpenIDConnectProviders"),
        ("Version", "2010-05-08"),
    ];
    let answer = world.query(&list).await;
    answer.query_refused(
        403,
        "MissingAuthenticationToken",
        "Request is missing Authentication Token",
    );
}

#[tokio::test]
async fn a_signature_is_good_for_five_minutes_either_way() {
    let world = World::new().await;
    let headers = signed(&world);
    world.clock.advance(300);
    assert_eq!(send(&world, headers.clone()).await.status, 200);
    world.clock.advance(1);
    send(&world, headers).await.refused(
        "InvalidSignatureException",
        "Signature expired: 20260301T120000Z is now earlier than 20260301T120001Z (20260301T120501Z - 5 min.)",
    );
    let headers = signed(&world);
    world.clock.advance(-301);
    send(&world, headers).await.refused(
        "InvalidSignatureException",
        "Signature not yet current: 20260301T120501Z is still later than 20260301T120500Z (20260301T120000Z + 5 min.)",
    );
}

#[tokio::test]
async fn a_signature_for_another_service_or_an_unserved_region_is_refused() {
    let world = World::with(|flags| flags.regions = vec!["us-west-2".into()]).await;
    let answer = send(&world, signed(&world)).await;
    let (status, code, text) = answer.error();
    assert_eq!((status, code.as_str()), (400, "InvalidSignatureException"));
    assert!(
        text.starts_with("Credential should be scoped to a valid region. "),
        "{text}"
    );

    let world = World::new().await;
    let headers = world.sign(&Credentials::root(), "s3", json_headers(LIST), BODY);
    let (status, code, text) = send(&world, headers).await.error();
    assert_eq!((status, code.as_str()), (400, "InvalidSignatureException"));
    assert_eq!(
        text,
        "Credential should be scoped to correct service: 'cognito-identity'. "
    );
}

#[tokio::test]
async fn iam_and_sts_are_global() {
    let world = World::with(|flags| flags.regions = vec!["us-west-2".into()]).await;
    let caller = [("Action", "GetCallerIdentity"), ("Version", "2011-06-15")];
    let answer = world
        .signed_query(&Credentials::root(), "sts", &caller)
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

#[tokio::test]
async fn half_a_signature_says_what_is_missing() {
    let world = World::new().await;
    let mut headers = signed(&world);
    headers.insert(
        "authorization",
        HeaderValue::from_static("AWS4-HMAC-SHA256 SignedHeaders=host"),
    );
    let (status, code, text) = send(&world, headers).await.error();
    assert_eq!(
        (status, code.as_str()),
        (400, "IncompleteSignatureException")
    );
    assert!(
        text.contains("Authorization header requires 'Credential' parameter."),
        "{text}"
    );
    assert!(
        text.contains("Authorization header requires 'Signature' parameter."),
        "{text}"
    );
}

#[tokio::test]
async fn every_amz_header_must_be_signed() {
    let world = World::new().await;
    let mut headers = signed(&world);
    headers.insert("x-amz-meta", HeaderValue::from_static("added on the way"));
    let (status, code, _) = send(&world, headers).await.error();
    assert_eq!((status, code.as_str()), (400, "InvalidSignatureException"));
}

#[tokio::test]
async fn public_operations_are_served_whatever_the_signature() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    let mut headers = json_headers("AWSCognitoIdentityService.GetId");
    headers.insert(
        "authorization",
        HeaderValue::from_static("AWS4-HMAC-SHA256 nonsense"),
    );
    headers.insert("x-amz-date", HeaderValue::from_static("yesterday"));
    let body = json!({ "IdentityPoolId": pool }).to_string();
    assert_eq!(world.send("POST", "/", headers, body).await.status, 200);
}

#[tokio::test]
async fn a_session_signs_with_its_token_and_not_without_or_with_another() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    let guest = world.identity(&pool, json!({})).await;
    let session = async || {
        let answer = world.credentials(&guest, json!({})).await.ok();
        Credentials::of(&answer["Credentials"])
    };
    let (one, two) = (session().await, session().await);
    let caller = [("Action", "GetCallerIdentity"), ("Version", "2011-06-15")];
    assert_eq!(world.signed_query(&one, "sts", &caller).await.status, 200);
    let tampered = one.session_token.clone().map(|token| {
        let middle = token.len() / 2;
        let other = if token.as_bytes()[middle] == b'A' {
            "B"
        } else {
            "A"
        };
        format!("{}{other}{}", &token[..middle], &token[middle + 1..])
    });
    for session_token in [
        None,
        two.session_token,
        tampered,
        Some("x".into()),
        Some("A".repeat(5000)),
    ] {
        let who = Credentials {
            session_token,
            ..one.clone()
        };
        let answer = world.signed_query(&who, "sts", &caller).await;
        answer.query_refused(403, "InvalidClientTokenId", INVALID_TOKEN);
    }
    let wrong = Credentials {
        secret: two.secret,
        ..one
    };
    world
        .signed_query(&wrong, "sts", &caller)
        .await
        .query_refused(403, "SignatureDoesNotMatch", MISMATCH);
}

#[tokio::test]
async fn the_presigned_form_serves_get_caller_identity_and_nothing_else() {
    let world = World::new().await;
    let query = |action: &str, version: &str, service: &str, seconds: u32| {
        presign(
            &world,
            &form(&[("Action", action), ("Version", version)]),
            service,
            seconds,
        )
    };
    let who = world
        .get(&format!(
            "/?{}",
            query("GetCallerIdentity", "2011-06-15", "sts", 900)
        ))
        .await;
    assert_eq!(
        who.xml("Arn").as_deref(),
        Some("arn:aws:iam::123456789012:root"),
        "{}",
        who.text
    );

    let path = format!("/?{}", query("GetCallerIdentity", "2011-06-15", "sts", 60));
    world.clock.advance(61);
    let answer = world.get(&path).await;
    assert_eq!(
        (answer.status, answer.xml("Code").as_deref()),
        (403, Some("SignatureDoesNotMatch")),
        "{}",
        answer.text
    );

    let long = world
        .get(&format!(
            "/?{}",
            query("GetCallerIdentity", "2011-06-15", "sts", 901)
        ))
        .await;
    assert_ne!(long.status, 200, "fifteen minutes at most");
    let list = query("ListOpenIDConnectProviders", "2010-05-08", "iam", 60);
    assert_ne!(world.get(&format!("/?{list}")).await.status, 200);
    // Nor with a POST, whose form holds the action.
    let body = form(&[
        ("Action", "ListOpenIDConnectProviders"),
        ("Version", "2010-05-08"),
    ]);
    let path = format!("/?{}", presign(&world, "", "iam", 60));
    let answer = world.send("POST", &path, form_headers(), body).await;
    assert_ne!(answer.status, 200);
    let path = format!("/?{}", presign(&world, "", "cognito-identity", 60));
    let answer = world.send("POST", &path, json_headers(LIST), BODY).await;
    assert_ne!(answer.status, 200);
}

/// A presigned query of the root key.
fn presign(world: &World, query: &str, service: &str, seconds: u32) -> String {
    use cognate::sigv4::{self, SecretKey, Signer};
    let root = Credentials::root();
    let host = world.base.strip_prefix("http://").unwrap();
    let mut headers = HeaderMap::new();
    headers.insert("host", HeaderValue::from_str(host).unwrap());
    let request = sigv4::Request {
        method: "GET",
        path: "/",
        query,
        authority: None,
        headers: &headers,
        body: b"",
    };
    let secret = SecretKey::new(root.secret);
    let signer = Signer {
        access_key_id: &root.id,
        secret: &secret,
        session_token: None,
        region: "eu-west-1",
        service,
    };
    sigv4::presign(
        &request,
        &signer,
        seconds,
        world.clock.now() + SignedDuration::ZERO,
    )
    .unwrap()
}
