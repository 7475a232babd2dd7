//! `cognate dev` as a process: the store that it leaves, `--expose`, and what a container lacks.

use super::{Data, failed};
use crate::world::{Running, Start};

fn dev(words: &[&str]) -> Start {
    let mut all = vec!["dev"];
    all.extend(words);
    Start::command(&all)
}

/// An ID token of the test issuer, as the command prints it.
async fn token(server: &Running, words: &[&str]) -> crate::world::Ended {
    let mut all = vec!["dev", "token"];
    all.extend(words);
    Start::command(&all)
        .flag("--endpoint", &server.base)
        .run()
        .await
}

#[tokio::test]
async fn serve_refuses_a_store_with_the_test_issuer_unless_it_removes_it() {
    let data = Data::new();
    let server = dev(&["--listen", "127.0.0.1:0", "--region", "eu-west-1"])
        .flag("--data-dir", data.path())
        .up()
        .await;
    assert!(
        server.out().contains("Test issuer http://127.0.0.1:"),
        "{}",
        server.out()
    );
    assert!(server.stop().await.status.success());
    for _ in 0..2 {
        let refused = Start::keyless(&data.path()).run().await;
        failed(
            &refused,
            &["the test issuer of cognate dev", "--drop-test-issuer"],
        );
    }
    let dropping = Start::command(&["serve", "--listen", "127.0.0.1:0", "--drop-test-issuer"]);
    let server = dropping.flag("--data-dir", data.path()).up().await;
    assert!(server.stop().await.status.success());
    let server = Start::keyless(&data.path())
        .up()
        .await
        .with_root(data.root_key());
    let pool = "eu-west-1:c09a7e00-0000-4000-8000-000000000001";
    let members = serde_json::json!({ "IdentityPoolId": pool });
    let shown = server
        .admin("DescribeIdentityPool", members.clone())
        .await
        .ok();
    assert_eq!(shown.get("OpenIdConnectProviderARNs"), None, "{shown}");
    let roles = server.admin("GetIdentityPoolRoles", members).await.ok();
    assert_eq!(roles.get("RoleMappings"), None, "{roles}");
    let providers = server.iam("ListOpenIDConnectProviders", &[]).await.text;
    assert!(!providers.contains("dev/issuer"), "{providers}");
    // Nor does it have the routes.
    let refused = token(&server, &["--sub", "alice"]).await;
    failed(&refused, &["has no test issuer", "cognate dev"]);
}

#[tokio::test]
async fn another_port_has_another_test_issuer_in_the_same_store() {
    let data = Data::new();
    let mut issuers = Vec::new();
    for _ in 0..2 {
        let server = dev(&["--listen", "localhost:0"])
            .flag("--data-dir", data.path())
            .up()
            .await;
        let server = server.with_root(data.root_key());
        let providers = server.iam("ListOpenIDConnectProviders", &[]).await.text;
        issuers.push((server.address().to_owned(), providers));
        assert!(server.stop().await.status.success());
    }
    for (address, providers) in issuers {
        assert_eq!(providers.matches("/dev/issuer").count(), 1, "{providers}");
        assert!(providers.contains(&address), "{address}: {providers}");
    }
}

#[tokio::test]
async fn an_exposed_server_says_so_and_names_the_switches() {
    let data = Data::new();
    let everywhere = ["--listen", "0.0.0.0:0"];
    let refused = dev(&everywhere).flag("--data-dir", data.path()).run().await;
    failed(&refused, &["loopback addresses only", "add --expose"]);
    let server = dev(&everywhere)
        .flag("--data-dir", data.path())
        .flag("--expose", "--ephemeral")
        .up()
        .await;
    let (_, port) = server.address().rsplit_once(':').unwrap();
    let out = server.out();
    for words in [
        "EXPOSED: every machine that reaches 0.0.0.0:",
        &format!("Issuer http://localhost:{port}"),
        &format!("--public-url http://NAME:{port}"),
        &format!("Test issuer http://localhost:{port}/dev/issuer"),
    ] {
        assert!(out.contains(words), "{words}: {out}");
    }
    let made = token(
        &server,
        &[
            "--sub",
            "alice",
            "--claim",
            "team=admins",
            "--expires",
            "5m",
            "--login",
        ],
    )
    .await;
    assert!(
        made.out
            .starts_with(&format!("localhost:{port}/dev/issuer=ey")),
        "{made:?}"
    );
    let refused = dev(&everywhere)
        .with_root()
        .flag("--expose", "--ephemeral")
        .run()
        .await;
    failed(&refused, &["--expose", "the secret of the root key is set"]);
    let routes = data.beside("routes.toml", "[[credentials.route]]\nrole = 'arn:aws:iam:::role/*'\nendpoint = 'https://sts.example.net'\n");
    let refused = dev(&everywhere)
        .variable("COGNATE_CREDENTIALS_ROUTE", routes)
        .flag("--expose", "--ephemeral")
        .run()
        .await;
    failed(&refused, &["--expose", "credentials.route is set"]);
}

#[tokio::test]
async fn a_missing_temporary_directory_and_missing_certificates_are_no_obstacle() {
    let server = dev(&["--listen", "127.0.0.1:0", "--ephemeral"])
        .variable("TMPDIR", "/nonexistent/temporary")
        .variable("SSL_CERT_FILE", "/nonexistent/certificates.pem")
        .variable("SSL_CERT_DIR", "/nonexistent/certificates")
        .up()
        .await;
    let made = Start::command(&["dev", "token", "--sub", "alice"])
        .flag("--endpoint", &server.base)
        .variable("SSL_CERT_FILE", "/nonexistent/certificates.pem")
        .variable("SSL_CERT_DIR", "/nonexistent/certificates")
        .run()
        .await;
    assert!(made.out.starts_with("ey"), "{made:?}");
    let folder = server.out();
    let folder = folder
        .lines()
        .find_map(|line| line.strip_prefix("  Data   "))
        .unwrap()
        .to_owned();
    assert!(std::path::Path::new(&folder).exists());
    assert!(server.stop().await.status.success());
    assert!(!std::path::Path::new(&folder).exists());
}
