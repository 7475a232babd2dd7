//! The listener for the operator, and what the listener of the API shows without it.

use super::{Data, failed};
use crate::world::{Running, Start, client};

/// Where a server serves the metrics and the health, from its output.
fn management(server: &Running) -> String {
    let out = server.out();
    let (_, rest) = out.split_once("for the operator on ").expect("its line");
    rest.lines().next().expect("a URL").to_owned()
}

async fn status(method: &str, url: &str) -> u16 {
    let method = method.parse().unwrap();
    let answer = client().request(method, url).send().await.unwrap();
    answer.status().as_u16()
}

#[tokio::test]
async fn the_management_listener_serves_the_metrics_and_the_health_and_nothing_else() {
    let data = Data::new();
    let start = Start::serve(&data.path()).variable("COGNATE_MANAGEMENT_LISTEN", "127.0.0.1:0");
    let server = start.up().await;
    server.pool(serde_json::json!({})).await;
    let own = management(&server);
    for path in ["/health", "/health/live", "/health/ready", "/metrics"] {
        assert_eq!(status("GET", &format!("{own}{path}")).await, 200, "{path}");
        for method in ["POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"] {
            let url = format!("{own}{path}");
            assert_eq!(status(method, &url).await, 405, "{method} {path}");
        }
    }
    let metrics = client().get(format!("{own}/metrics")).send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    assert!(metrics.contains("CreateIdentityPool"), "{metrics}");
    for path in [
        "/",
        "/?Action=GetCallerIdentity&Version=2011-06-15",
        "/.well-known/jwks.json",
        "/.well-known/openid-configuration",
        "/metrics/",
        "//metrics",
        "/health/other",
        "/dev/issuer",
    ] {
        assert_eq!(status("GET", &format!("{own}{path}")).await, 404, "{path}");
    }
    let api = client()
        .post(format!("{own}/"))
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", "AWSCognitoIdentityService.GetId")
        .body("{}");
    assert_eq!(api.send().await.unwrap().status(), 405);
    // A page of another site, through a name that it makes resolve to this machine.
    let rebound = client().get(format!("{own}/metrics"));
    let rebound = rebound.header("host", "evil.example").send().await;
    assert_eq!(rebound.unwrap().status(), 421);

    // The metrics are there only, and the health is on both.
    assert_eq!(server.get("/metrics").await.status, 404);
    for (path, word) in [
        ("/health", "ok\n"),
        ("/health/live", "live\n"),
        ("/health/ready", "ready\n"),
    ] {
        let answer = server.get(path).await;
        assert_eq!((answer.status, answer.text.as_str()), (200, word));
    }
    let ended = server.stop().await;
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
}

#[tokio::test]
async fn metrics_leave_this_machine_only_where_the_file_says_so() {
    for (more, expected) in [("", 404), ("public_metrics = true", 200)] {
        let data = Data::new();
        let config = format!(
            "listen = '0.0.0.0:0'\npublic_url = 'https://id.example.com'\ntrusted_proxies = ['192.0.2.7/32']\n\
             [unsafe]\nhttp_listener = true\n{more}\n"
        );
        let start = Start::command(&["serve"])
            .flag("--config", data.beside("cognate.toml", config))
            .flag("--data-dir", data.path())
            .variable("COGNATE_DRAIN_DELAY", "0")
            .variable("COGNATE_UNSAFE_PUBLIC_METRICS", "true");
        let server = start.up().await;
        let base = server.base.replace("0.0.0.0", "127.0.0.1");
        assert_eq!(status("GET", &format!("{base}/metrics")).await, expected);
        assert_eq!(status("GET", &format!("{base}/health")).await, 200);
        let ended = server.stop().await;
        let warned = ended.err.contains("UNSAFE: unsafe.public_metrics is set");
        assert_eq!(warned, expected == 200, "{}", ended.err);
    }
}

#[tokio::test]
async fn a_management_listener_that_can_t_be_bound_stops_the_start() {
    let data = Data::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let start = Start::serve(&data.path()).variable("COGNATE_MANAGEMENT_LISTEN", &address);
    let words = [&address, "can't be listened on", "management_listen"];
    failed(&start.run().await, &words);
    assert!(!data.path().exists(), "a start that fails makes nothing");
}
