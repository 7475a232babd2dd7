//! What is served to anybody who asks: the issuer's documents, health and metrics.

use std::sync::Arc;

use cognate::app::App;
use cognate::wire::Front;
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::{Value, json};

use super::raw;
use crate::world::{Answer, Credentials, Issuer, World, login};

/// A second door of a world's house, which the test has the key to.
async fn door(app: &Arc<App>) -> (Arc<Front>, String) {
    let metrics = PrometheusBuilder::new().build_recorder().handle();
    let front = Front::new(Arc::clone(app), metrics);
    let base = serve(&front).await;
    (front, base)
}

async fn serve(front: &Arc<Front>) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(crate::world::serve(Arc::clone(front), listener));
    base
}

fn is_public(answer: &Answer) {
    for (name, value) in [
        ("content-type", "application/json"),
        ("access-control-allow-origin", "*"),
    ] {
        assert_eq!(answer.header(name).as_deref(), Some(value), "{name}");
    }
    // For how long is what rotation counts on: `keys` holds it.
    let control = answer.header("cache-control").unwrap();
    assert!(control.starts_with("public, max-age="), "{control}");
}

#[tokio::test]
async fn the_discovery_document_names_the_issuer_and_its_keys() {
    let world = World::new().await;
    let answer = world.get("/.well-known/openid-configuration").await;
    is_public(&answer);
    let wanted = json!({
        "issuer": world.base,
        "jwks_uri": format!("{}/.well-known/jwks_uri", world.base),
        "authorization_endpoint": format!("{}/authorize", world.base),
        "response_types_supported": ["code", "id_token", "token id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS512"],
        "claims_supported": ["sub", "aud", "amr", "iss", "exp", "iat"],
    });
    assert_eq!(answer.ok(), wanted);
}

#[tokio::test]
async fn the_discovery_document_is_the_same_whatever_the_host_header_says() {
    let world = World::new().await;
    let plain = world.get("/.well-known/openid-configuration").await;
    for lines in [
        "host: localhost\r\n",
        "host: 127.0.0.9\r\nx-forwarded-host: evil.example\r\nx-forwarded-proto: https\r\n",
        "host: 127.0.0.9\r\nforwarded: host=evil.example\r\n",
    ] {
        let request = format!(
            "GET /.well-known/openid-configuration HTTP/1.1\r\nconnection: close\r\n{lines}\r\n"
        );
        let answer = raw::send(&world, request.into_bytes()).await;
        assert_eq!(answer.body, plain.text);
    }
}

#[tokio::test]
async fn the_key_set_is_the_same_at_both_its_places() {
    let world = World::new().await;
    let answer = world.get("/.well-known/jwks_uri").await;
    is_public(&answer);
    let keys = answer.ok();
    assert_eq!(keys, world.get("/.well-known/jwks.json").await.ok());
    let keys = keys["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 2);
    for key in keys {
        let mut members: Vec<&str> = key
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        members.sort_unstable();
        assert_eq!(members, ["alg", "e", "kid", "kty", "n", "use", "x5c"]);
        assert_eq!(
            (&key["kty"], &key["alg"], &key["use"]),
            (&json!("RSA"), &json!("RS512"), &json!("sig"))
        );
    }
}

#[tokio::test]
async fn a_server_is_healthy_until_it_drains() {
    let world = World::new().await;
    let (front, base) = door(&world.app).await;
    let health = || async {
        let answer = world
            .client
            .get(format!("{base}/health"))
            .send()
            .await
            .unwrap();
        let control = answer.headers()["cache-control"].clone();
        assert_eq!(control, "no-store");
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    assert_eq!(health().await, (200, "ok\n".to_owned()));
    front.drain();
    assert_eq!(health().await, (503, "draining\n".to_owned()));
    let list = world
        .admin("ListIdentityPools", json!({ "MaxResults": 1 }))
        .await;
    assert_eq!(list.status, 200, "what comes is served all the same");
}

#[tokio::test]
async fn a_server_whose_store_is_away_is_not_healthy() {
    let world = World::new().await;
    cognate::app::maintenance::close(&world.app).await;
    let answer = world.get("/health").await;
    let found = (answer.status, answer.text.as_str());
    assert_eq!(found, (503, "unavailable\n"));
}

#[tokio::test]
async fn metrics_count_operations_and_codes_and_hold_nobodys_id_or_token() {
    let world = World::new().await;
    let recorder = PrometheusBuilder::new().build_recorder();
    let front = Front::new(Arc::clone(&world.app), recorder.handle());
    let base = serve(&front).await;
    // The server's tasks run on this test's one thread.
    let _counting = metrics::set_default_local_recorder(&recorder);

    let issuer = Issuer::new().await;
    let pool = world.pool_of(&issuer).await;
    let token = issuer.token("ada");
    let user = world.identity(&pool, login(&issuer, &token)).await;
    let guest = world.identity(&pool, json!({})).await;
    let given = world.credentials(&guest, json!({})).await.ok();
    let bad = world.get_id(&pool, login(&issuer, "not-a-token")).await;
    assert_eq!(bad.status, 400);
    let nowhere = world.public("NoSuchOperation-secret", Value::Null).await;
    assert_eq!(nowhere.status, 400);
    let caller = world.sts("GetCallerIdentity", &[]).await;
    assert_eq!(caller.status, 403);

    let answer = world
        .client
        .get(format!("{base}/metrics"))
        .send()
        .await
        .unwrap();
    assert_eq!(
        answer.headers()["content-type"],
        "text/plain; version=0.0.4"
    );
    let text = answer.text().await.unwrap();
    for line in [
        r#"cognate_requests_total{operation="GetId",code="OK"} 2"#,
        r#"cognate_requests_total{operation="GetId",code="NotAuthorizedException"} 1"#,
        r#"cognate_requests_total{operation="GetCredentialsForIdentity",code="OK"} 1"#,
        r#"cognate_requests_total{operation="GetCallerIdentity",code="MissingAuthenticationToken"} 1"#,
        r#"cognate_requests_total{operation="unknown",code="UnknownOperationException"} 1"#,
        r#"cognate_requests_total{operation="CreateOpenIDConnectProvider",code="OK"} 1"#,
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    let credentials = Credentials::of(&given["Credentials"]);
    for secret in [
        pool.split_once(':').unwrap().1,
        user.split_once(':').unwrap().1,
        guest.split_once(':').unwrap().1,
        &token,
        "not-a-token",
        "ada",
        issuer.name(),
        "NoSuchOperation",
        &credentials.id,
        &credentials.secret,
        credentials.session_token.as_deref().unwrap(),
        &Credentials::root().id,
    ] {
        assert!(!text.contains(secret), "{secret}\n{text}");
    }
}
