//! The hosts that a server on a loopback address answers, over both versions of HTTP.

use super::Data;
use crate::world::Start;

#[tokio::test]
async fn a_loopback_listener_answers_loopback_hosts_and_the_public_host_only() {
    let data = Data::new();
    let start = Start::serve(&data.path()).flag("--public-url", "https://id.example.com");
    let server = start.up().await;
    for path in ["/health", "/.well-known/openid-configuration", "/", "/none"] {
        let url = format!("{}{path}", server.base);
        for (host, answered) in [
            ("localhost", true),
            ("localhost:2646", true),
            ("127.0.0.1", true),
            ("[::1]:1", true),
            ("id.example.com", true),
            ("evil.example", false),
            ("evil.example:2646", false),
            ("127.0.0.1.nip.io", false),
            ("10.0.0.1", false),
        ] {
            let answer = server.client.get(&url).header("host", host).send().await;
            let answer = answer.unwrap();
            assert_eq!(answer.status() != 421, answered, "{path} {host}");
            if !answered {
                let text = answer.text().await.unwrap();
                assert!(text.contains("public_url"), "{text}");
                assert!(!text.contains(host), "{text}");
            }
        }
    }
}
