//! Attacks on container credentials: by a web page, by a name that resolves to this machine, by paths and headers that two
//! programs read differently, by tokens for others, and by too many requests.

use std::num::NonZeroU32;
use std::sync::Arc;

use cognate::ambient::Still;
use serde_json::json;

use super::{Scene, header_map, raw, refused};
use crate::world::{World, beginning, config};

const NOBODYS: &str = "eu-west-1:00000000-0000-4000-8000-000000000000";

#[tokio::test]
async fn a_page_of_any_origin_gets_nothing() {
    let scene = Scene::new().await;
    let guest = format!("/guest-credentials/{}", scene.pool);
    let own = scene.world.base.clone();
    for header in [
        ("origin", "https://evil.example"),
        ("origin", own.as_str()),
        ("origin", "null"),
        ("referer", "https://evil.example/"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-origin"),
        ("sec-fetch-mode", "navigate"),
        ("sec-purpose", "prefetch"),
        ("purpose", "prefetch"),
        ("cookie", "session=1"),
        ("accept", "text/html,*/*;q=0.8"),
    ] {
        let answer = scene.fetch_with(&guest, &[header]).await;
        refused(&answer, 400, "InvalidRequest");
        let headers = [("authorization", scene.token.as_str()), header];
        let answer = scene.fetch_with(&scene.path(""), &headers).await;
        refused(&answer, 400, "InvalidRequest");
    }
    // A preflight is answered as any other method, without permission.
    for method in ["OPTIONS", "POST", "PUT", "DELETE", "PATCH"] {
        let headers = [
            ("origin", "https://evil.example"),
            ("access-control-request-method", "GET"),
        ];
        let answer = scene.send(method, &guest, &headers).await;
        assert_eq!(answer.header("allow").as_deref(), Some("GET"));
        refused(&answer, 405, "MethodNotAllowed");
    }
    let answer = scene.send("HEAD", &guest, &[]).await;
    assert_eq!((answer.status, answer.text.as_str()), (405, ""));
    scene.fetch_with(&guest, &[]).await.ok();
}

#[tokio::test]
async fn a_name_that_was_rebound_to_this_machine_gets_nothing() {
    let scene = Scene::new().await;
    let guest = format!("/guest-credentials/{}", scene.pool);
    for host in [
        "evil.example",
        "127.0.0.1.nip.io",
        "localhost.evil.example",
        "0.0.0.0",
        "",
    ] {
        let request = format!("GET {guest} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let (status, body) = raw(&scene.world, &request).await;
        assert_eq!(status, 421, "{host:?} {body}");
        assert!(
            body.contains("\"Code\"") && body.contains("\"code\""),
            "{body}"
        );
    }
    for host in ["HOST", "localhost", "localhost:2646", "[::1]"] {
        let request = format!("GET {guest} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        assert_eq!(raw(&scene.world, &request).await.0, 200, "{host}");
    }
    // Old programs that name no host aren't clients of this protocol.
    let request = format!("GET {guest} HTTP/1.0\r\n\r\n");
    assert_eq!(raw(&scene.world, &request).await.0, 400);
}

#[tokio::test]
async fn a_path_that_lost_or_gained_a_segment_is_no_other_path() {
    let scene = Scene::new().await;
    let (pool, token) = (&scene.pool, &scene.token);
    let fetch = async |path: &str| {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: HOST\r\nAuthorization: {token}\r\nConnection: close\r\n\r\n"
        );
        raw(&scene.world, &request).await
    };
    for path in [
        "/credentials".to_owned(),
        "/credentials/".to_owned(),
        format!("/credentials/{pool}/"),
        format!("/credentials//{pool}"),
        format!("//credentials/{pool}"),
        format!("/x/../credentials/{pool}"),
        format!("/credentials/{pool}//User"),
        format!("/credentials/{pool}/User/"),
        format!("/credentials/{pool}/User//900"),
        format!("/credentials/{pool}/./User"),
        format!("/credentials/{pool}/../{pool}"),
        format!("/credentials/{pool}%2FUser"),
        format!("/credentials/{pool}%252FUser"),
        format!("/credentials/{pool}/User%00"),
        format!("/credentials/{}", pool.replace(':', "%253A")),
        format!("/%63redentials/{pool}"),
        format!("/Credentials/{pool}"),
        format!("/credentials/{pool}/User/900/900"),
        format!("/guest-credentials/{pool}/User"),
        "/role-credentials/".to_owned(),
        "/role-credentials/User/900/1".to_owned(),
    ] {
        let (status, body) = fetch(&path).await;
        assert_eq!(status, 404, "{path} {body}");
    }
    // What the SDKs make of the same path: as it is, and with each reserved character encoded.
    for pool in [
        pool.clone(),
        pool.replace(':', "%3A"),
        pool.replace('-', "%2D"),
    ] {
        for role in ["", "/User", "/%55ser", "/User/1800"] {
            let path = format!("/credentials/{pool}{role}");
            assert_eq!(fetch(&path).await.0, 200, "{path}");
        }
    }
    for query in ["?", "?role=User", "?a=b&a=c"] {
        assert_eq!(
            fetch(&format!("/credentials/{pool}{query}")).await.0,
            400,
            "{query}"
        );
    }
}

#[tokio::test]
async fn two_headers_are_refused_and_a_final_newline_is_not() {
    let scene = Scene::new().await;
    let (path, token) = (scene.path(""), &scene.token);
    let of = |headers: &str| {
        format!("GET {path} HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n{headers}\r\n")
    };
    let twice = format!("Authorization: {token}\r\nAuthorization: {token}\r\n");
    assert_eq!(raw(&scene.world, &of(&twice)).await.0, 400);
    let twice = format!("Authorization: {token}\r\nauthorization: x\r\n");
    assert_eq!(raw(&scene.world, &of(&twice)).await.0, 400);
    let newline = format!("Authorization: {token}\n\r\n");
    assert_eq!(raw(&scene.world, &of(&newline)).await.0, 200);
    let joined = format!("Authorization: {token}, {token}\r\n");
    assert_eq!(raw(&scene.world, &of(&joined)).await.0, 401);
}

#[tokio::test]
async fn a_token_that_is_not_for_this_pool_gets_nothing() {
    let scene = Scene::new().await;
    let with = |more: serde_json::Value| scene.issuer.token_saying("ada", &more);
    let now = scene.world.now();
    let mut forged = scene.token.clone();
    forged.replace_range(forged.len() - 8.., "AAAAAAAA");
    for (token, status, code) in [
        (
            with(json!({ "aud": "stranger" })),
            401,
            "InvalidIdentityToken",
        ),
        (
            with(json!({ "aud": ["app", "other"], "azp": "stranger" })),
            401,
            "InvalidIdentityToken",
        ),
        (with(json!({ "exp": now })), 401, "ExpiredToken"),
        (
            with(json!({ "nbf": now + 3600 })),
            401,
            "InvalidIdentityToken",
        ),
        (
            with(json!({ "exp": now + 200_000 })),
            401,
            "InvalidIdentityToken",
        ),
        (with(json!({ "sub": "" })), 401, "InvalidIdentityToken"),
        (
            with(json!({ "token_use": "access" })),
            401,
            "InvalidIdentityToken",
        ),
        (
            with(json!({ "iss": "https://other.example" })),
            403,
            "AccessDenied",
        ),
        (forged, 401, "InvalidIdentityToken"),
        ("e30.e30.AA".to_owned(), 403, "AccessDenied"),
        ("opaque".to_owned(), 401, "InvalidIdentityToken"),
    ] {
        let headers = [("authorization", token.as_str())];
        let answer = scene.fetch_with(&scene.path(""), &headers).await;
        refused(&answer, status, code);
        assert!(!answer.text.contains("stranger") && !answer.text.contains(&token));
    }
    // An unknown pool, a role that isn't offered and a foreign issuer have one text.
    let unknown = scene.fetch(&format!("/credentials/{NOBODYS}")).await;
    refused(&unknown, 403, "AccessDenied");
    let bad_form = scene.fetch("/credentials/not-a-pool").await;
    let not_offered = scene.fetch(&scene.path("/Admin")).await;
    let other_pool = scene.world.pool(json!({})).await;
    let other_pool = scene.fetch(&format!("/credentials/{other_pool}")).await;
    for answer in [bad_form, not_offered, other_pool] {
        assert_eq!(answer.text, unknown.text);
    }
}

#[tokio::test]
async fn a_flood_from_one_address_is_refused_after_its_rate() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let mut config = config(folder.path(), |_| {});
    config.limits.requests_per_address_per_second = NonZeroU32::new(10);
    let clock = Arc::new(Still::at(beginning()));
    let world = World::of(config, folder, clock).await;
    let scene = Scene::of(world).await;
    let headers = header_map(&[("authorization", &scene.token)]);
    let mut answers = Vec::new();
    for _ in 0..24 {
        answers.push(
            scene
                .world
                .send("GET", &scene.path(""), headers.clone(), "")
                .await,
        );
    }
    let served = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(served, 20, "a burst of twice the rate");
    let last = answers.last().unwrap();
    assert_eq!(last.header("retry-after").as_deref(), Some("1"));
    refused(last, 429, "Throttling");
    // What can't be read counts as well.
    refused(&scene.fetch("/credentials/").await, 429, "Throttling");
}

#[tokio::test]
async fn each_kind_of_request_counts_for_its_work() {
    for (path, has_token) in [
        ("credentials", true),
        ("guest-credentials", false),
        ("role-credentials", true),
    ] {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let mut config = config(folder.path(), |_| {});
        config.limits.expensive_per_address_per_second = NonZeroU32::new(2);
        config.limits.guests_per_address_per_minute = NonZeroU32::new(4);
        let clock = Arc::new(Still::at(beginning()));
        let scene = Scene::of(World::of(config, folder, clock).await).await;
        let name = if path == "role-credentials" {
            "User"
        } else {
            &scene.pool
        };
        let path = format!("/{path}/{name}");
        let mut headers = Vec::new();
        if has_token {
            headers.push(("authorization", scene.token.as_str()));
        }
        for _ in 0..4 {
            let answer = scene.fetch_with(&path, &headers).await;
            assert_ne!(answer.status, 429, "{path}");
        }
        refused(&scene.fetch_with(&path, &headers).await, 429, "Throttling");
    }
}
