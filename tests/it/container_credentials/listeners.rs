//! Listeners that other machines reach: plain http gives no container credentials without the exception, and only the host of
//! the public URL does.

use std::sync::Arc;

use cognate::ambient::Still;

use super::{Scene, refused};
use crate::world::{World, beginning, config};

/// A world that listens on all addresses, and whose configuration has these lines in `[unsafe]`.
async fn world(exceptions: &str, top: &str) -> World {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let file = folder.path().join("cognate.toml");
    let text = format!(
        "public_url = 'https://id.example.com'\n{top}\n[unsafe]\nhttp_listener = true\nhttp_issuers = true\n{exceptions}\n"
    );
    std::fs::write(&file, text).unwrap();
    let config = config(folder.path(), |flags| {
        flags.config = Some(file);
        flags.listen = Some("0.0.0.0:0".into());
    });
    World::of(config, folder, Arc::new(Still::at(beginning()))).await
}

#[tokio::test]
async fn plain_http_for_other_machines_needs_an_exception() {
    let scene = Scene::of(world("", "").await).await;
    let headers = [
        ("authorization", scene.token.as_str()),
        ("host", "id.example.com"),
    ];
    let answer = scene.fetch_with(&scene.path(""), &headers).await;
    refused(&answer, 403, "AccessDenied");
    assert!(answer.text.contains("unsafe.http_container_credentials"));

    let scene = Scene::of(world("http_container_credentials = true", "").await).await;
    let headers = [
        ("authorization", scene.token.as_str()),
        ("host", "id.example.com"),
    ];
    scene.fetch_with(&scene.path(""), &headers).await.ok();
    // A loopback name is no own host where other machines are served.
    for host in [
        "evil.example",
        "localhost",
        "127.0.0.1",
        "id.example.com.evil.example",
    ] {
        let headers = [("authorization", scene.token.as_str()), ("host", host)];
        refused(
            &scene.fetch_with(&scene.path(""), &headers).await,
            400,
            "InvalidRequest",
        );
    }
}

#[tokio::test]
async fn a_proxy_that_speaks_tls_needs_no_exception() {
    let scene = Scene::of(world("", "trusted_proxies = ['127.0.0.0/8']").await).await;
    let headers = [
        ("authorization", scene.token.as_str()),
        ("host", "id.example.com"),
        ("x-forwarded-for", "192.0.2.1"),
    ];
    scene.fetch_with(&scene.path(""), &headers).await.ok();
}
