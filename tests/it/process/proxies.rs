//! What an operator needs behind a proxy: a public URL with a path, and lines of the log about what the proxy changes.

use cognate::ambient::{Ambient, Real};
use cognate::sigv4::{self, SecretKey, Signer};
use http::{HeaderMap, HeaderValue};
use serde_json::json;

use super::{Data, until};
use crate::world::{Credentials, Running, Start, json_headers};

const BODY: &str = r#"{"MaxResults":1}"#;

/// The headers of a ListIdentityPools call that `key` signed for `path`.
fn signed(server: &Running, key: &Credentials, path: &str) -> HeaderMap {
    let mut headers = json_headers("AWSCognitoIdentityService.ListIdentityPools");
    headers.insert("host", HeaderValue::from_str(server.address()).unwrap());
    let secret = SecretKey::new(key.secret.clone());
    let signer = Signer {
        access_key_id: &key.id,
        secret: &secret,
        session_token: None,
        region: "eu-west-1",
        service: "cognito-identity",
    };
    let request = sigv4::Request {
        method: "POST",
        path,
        query: "",
        authority: None,
        headers: &headers,
        body: BODY.as_bytes(),
    };
    let added = sigv4::sign(&request, &signer, Real.now()).unwrap();
    headers.extend(added);
    headers
}

async fn post(server: &Running, path: &str, headers: HeaderMap) -> u16 {
    let request = server.client.post(format!("{}{path}", server.base));
    let answer = request.headers(headers).body(BODY).send().await.unwrap();
    answer.status().as_u16()
}

#[tokio::test]
async fn everything_is_served_below_the_path_of_the_public_url() {
    let data = Data::new();
    let url = "http://localhost:1/id/pools";
    let start = Start::serve(&data.path()).flag("--public-url", url);
    let server = start.up().await;
    let root = Credentials::root();
    for path in ["/id/pools", "/id/pools/"] {
        assert_eq!(
            post(&server, path, signed(&server, &root, path)).await,
            200,
            "{path}"
        );
        // A proxy that cuts the path off breaks the signature.
        assert_eq!(
            post(&server, "/", signed(&server, &root, path)).await,
            400,
            "{path}"
        );
        assert_eq!(
            post(&server, path, signed(&server, &root, "/")).await,
            400,
            "{path}"
        );
    }
    assert_eq!(post(&server, "/", signed(&server, &root, "/")).await, 200);
    for path in [
        "/health",
        "/.well-known/jwks.json",
        "/.well-known/openid-configuration",
    ] {
        assert_eq!(
            server.get(&format!("/id/pools{path}")).await.status,
            200,
            "{path}"
        );
        assert_eq!(server.get(path).await.status, 200, "{path}");
        assert_eq!(
            server.get(&format!("/id/poolsx{path}")).await.status,
            404,
            "{path}"
        );
    }
    let document = server
        .get("/id/pools/.well-known/openid-configuration")
        .await
        .ok();
    assert_eq!(document["issuer"], url);
    assert_eq!(document["jwks_uri"], format!("{url}/.well-known/jwks_uri"));
    let pool = server.pool(json!({})).await;
    let guest = server
        .client
        .post(format!("{}/id/pools/", server.base))
        .headers(json_headers("AWSCognitoIdentityService.GetId"))
        .body(json!({ "IdentityPoolId": pool }).to_string());
    assert_eq!(guest.send().await.unwrap().status(), 200);
    server.stop().await;
}

#[tokio::test]
async fn the_log_has_what_the_server_saw_of_a_signature_that_does_not_match() {
    let data = Data::new();
    let server = Start::serve(&data.path()).up().await;
    let headers = signed(&server, &Credentials::root(), "/");
    assert_eq!(post(&server, "/", headers).await, 200);
    let headers = signed(&server, &Credentials::root(), "/signed");
    let authorization = headers["authorization"].to_str().unwrap().to_owned();
    let (_, signature) = authorization.split_once("Signature=").unwrap();
    assert_eq!(post(&server, "/", headers.clone()).await, 400);
    until(async || server.err().contains("a signature doesn't match")).await;
    let log = server.err();
    let lines: Vec<_> = log
        .lines()
        .filter(|line| line.contains("doesn't match"))
        .collect();
    assert_eq!(lines.len(), 1, "{log}");
    let line = lines[0];
    let hash = line.split_once("canonical_request=").unwrap().1;
    let hash = hash.trim_matches('"').split(['"', ' ']).next().unwrap();
    assert!(
        hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit()),
        "{line}"
    );
    for word in [server.address(), "signed_path=\"/\"", "host", "x-amz-date"] {
        assert!(line.contains(word), "no {word:?} in: {line}");
    }
    assert!(!log.contains(&signature[..16]), "{log}");
    // A flood of them is bounded as every line that clients cause.
    for _ in 0..30 {
        post(&server, "/", headers.clone()).await;
    }
    let ended = server.stop().await;
    assert!(
        ended.err.matches("a signature doesn't match").count() <= 12,
        "{}",
        ended.err
    );
}

#[tokio::test]
async fn a_peer_that_is_no_trusted_proxy_is_warned_of_once_and_not_believed() {
    let data = Data::new();
    let server = Start::serve(&data.path()).up().await;
    for _ in 0..3 {
        let request = server
            .client
            .get(format!("{}/.well-known/jwks.json", server.base));
        let request = request.header("x-forwarded-for", "203.0.113.9");
        assert_eq!(request.send().await.unwrap().status(), 200);
    }
    let ended = server.stop().await;
    assert_eq!(
        ended.err.matches("trusted_proxies doesn't have").count(),
        1,
        "{}",
        ended.err
    );
    assert!(
        ended.err.contains("127.0.0.1") && !ended.err.contains("203.0.113.9"),
        "{}",
        ended.err
    );
    let data = Data::new();
    let config = data.beside("cognate.toml", "trusted_proxies = ['127.0.0.0/8']\n");
    let server = Start::serve(&data.path())
        .flag("--config", config)
        .up()
        .await;
    let request = server.client.get(format!("{}/health", server.base));
    request
        .header("x-forwarded-for", "203.0.113.9")
        .send()
        .await
        .unwrap();
    let ended = server.stop().await;
    assert!(!ended.err.contains("trusted_proxies"), "{}", ended.err);
}
