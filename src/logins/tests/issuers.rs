use std::error::Error;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

/// The reasons behind a login that could not be checked, outermost first.
fn reasons(result: Result<VerifiedLogin, LoginError>) -> Vec<String> {
    let error = result.unwrap_err();
    let LoginError::Unreachable { provider, .. } = &error else {
        panic!("{error:?}");
    };
    let expected = format!("The identity provider {provider} can't be reached.");
    assert_eq!(error.client_text(), expected);
    let mut reasons = Vec::new();
    let mut next: Option<&dyn Error> = Some(&error);
    while let Some(error) = next {
        reasons.push(error.to_string());
        next = error.source();
    }
    reasons
}

/// Asserts that the issuer's keys can't be had, and that `why` is among the reasons.
async fn unreachable(scene: &Scene, why: &str) {
    let reasons = reasons(scene.verify(&scene.token(&json!({}))).await);
    assert!(
        reasons.iter().any(|reason| reason.contains(why)),
        "{why}: {reasons:?}"
    );
}

#[tokio::test]
async fn an_issuer_that_answers_with_an_error_is_unreachable() {
    for status in [201, 204, 400, 403, 404, 429, 500, 503] {
        for discovery in [true, false] {
            let scene = Scene::new().await;
            scene.issuer.answers(discovery, status, &[], "");
            unreachable(&scene, &format!("was answered with {status}")).await;
        }
    }
}

#[tokio::test]
async fn an_issuer_that_redirects_is_unreachable() {
    let elsewhere = FakeIssuer::with([&TestKey::rsa("a")]).await;
    for discovery in [true, false] {
        let scene = Scene::new().await;
        let location = [("location", elsewhere.base.as_str())];
        scene.issuer.answers(discovery, 302, &location, "");
        unreachable(&scene, "was answered with 302").await;
    }
    assert!(elsewhere.asked().is_empty());
}

#[tokio::test]
async fn an_issuer_that_publishes_garbage_is_unreachable() {
    for body in [
        "",
        "<html>",
        "[]",
        "{}",
        "{\"keys\":[],\"keys\":[]}",
        "\u{feff}{}",
    ] {
        for (discovery, what) in [(true, "discovery document"), (false, "key set")] {
            let scene = Scene::new().await;
            scene.issuer.answers(discovery, 200, &[], body);
            unreachable(&scene, &format!("the issuer's {what} can't be read")).await;
        }
    }
}

#[tokio::test]
async fn an_issuer_that_publishes_too_much_is_unreachable() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&vec![b' '; 100 << 20]).unwrap();
    let bomb = encoder.finish().unwrap();
    for discovery in [true, false] {
        let scene = Scene::new().await;
        scene
            .issuer
            .answers(discovery, 200, &[], vec![b' '; 10 << 20]);
        unreachable(&scene, "longer than 1 MiB").await;
        let scene = Scene::new().await;
        let folded = [("content-encoding", "gzip")];
        scene.issuer.answers(discovery, 200, &folded, bomb.clone());
        unreachable(&scene, "longer than 1 MiB").await;
    }
}

#[tokio::test]
async fn a_discovery_document_of_another_issuer_is_not_believed() {
    let scene = Scene::new().await;
    let own = scene.issuer.base.clone();
    for issuer in [
        format!("{own}/"),
        own.replace("127.0.0.1", "localhost"),
        "https://accounts.google.com".to_owned(),
    ] {
        let scene = Scene::new().await;
        scene.issuer.is_called(&issuer);
        unreachable(&scene, "is of another issuer").await;
        assert_eq!(scene.issuer.asked(), ["/.well-known/openid-configuration"]);
    }
}

#[tokio::test]
async fn keys_at_a_forbidden_place_are_not_fetched() {
    for url in [
        "http://example.com/keys",
        "https://169.254.169.254/latest/meta-data/",
        "https://10.0.0.1/keys",
        "file:///etc/passwd",
        "/keys",
        "",
    ] {
        let scene = Scene::new().await;
        scene.issuer.has_keys_at(url);
        unreachable(&scene, "the jwks_uri of the discovery document").await;
    }
}

/// An https issuer, served by an upstream, with its keys at `url`; `keys` is served at `https://keys.example`.
async fn with_https_issuer(
    url: &str,
    keys: &FakeIssuer,
    key: &TestKey,
) -> Result<VerifiedLogin, LoginError> {
    let issuer = FakeIssuer::with([key]).await;
    issuer.is_called_with_keys_at("https://issuer.example", url);
    let upstreams = [
        ("issuer.example", &*issuer.base),
        ("keys.example", &*keys.base),
    ];
    let logins = Logins::new(LoginRules::default(), outgoing(&upstreams), pools());
    let provider = registered("https://issuer.example", &["app"]);
    let token = key.token(&claims("https://issuer.example", &json!({})));
    verify(&logins, "issuer.example", Some(&provider), &token, now()).await
}

#[tokio::test]
async fn the_key_set_of_an_https_issuer_is_https_and_may_be_elsewhere() {
    let key = TestKey::edwards("a");
    let other = FakeIssuer::with([&key]).await;
    let good = with_https_issuer("https://keys.example/jwks", &other, &key).await;
    assert!(good.is_ok(), "{good:?}");
    for (url, why) in [
        (
            &*format!("{}/jwks", other.base),
            "the jwks_uri of the discovery document",
        ),
        (
            "http://localhost/jwks",
            "the jwks_uri of the discovery document",
        ),
        (
            "ftp://keys.example/jwks",
            "the jwks_uri of the discovery document",
        ),
        ("/jwks", "the jwks_uri of the discovery document"),
        ("https://10.0.0.1/keys", "logins.private_networks"),
        ("https://169.254.169.254/keys", "never connected to"),
    ] {
        let reasons = reasons(with_https_issuer(url, &other, &key).await);
        assert!(
            reasons.iter().any(|reason| reason.contains(why)),
            "{url}: {reasons:?}"
        );
    }
}

#[tokio::test]
async fn the_keys_of_an_http_issuer_are_at_its_own_scheme_host_and_port() {
    let scene = Scene::new().await;
    let other = FakeIssuer::with([&scene.key]).await;
    let at_home = format!("{}/jwks?v=1", scene.issuer.base);
    let host = scene.issuer.base.replace("127.0.0.1", "localhost");
    for url in [
        format!("{}/jwks", other.base),
        format!("{host}/jwks"),
        scene.issuer.base.replace("http:", "https:"),
    ] {
        scene.issuer.has_keys_at(&url);
        unreachable(&scene, "the jwks_uri of the discovery document").await;
    }
    assert!(other.asked().is_empty());
    let scene = Scene::new().await;
    scene.issuer.has_keys_at(
        &at_home
            .replace("v=1", "v=2")
            .replace(at_home.split("/jwks").next().unwrap(), &scene.issuer.base),
    );
    assert_eq!(scene.text(&json!({})).await, "");
}

#[tokio::test]
async fn an_issuer_that_is_down_is_asked_once_in_five_seconds() {
    let scene = Scene::new().await;
    scene.issuer.answers(true, 503, &[], "");
    for _ in 0..20 {
        unreachable(&scene, "was answered with 503").await;
    }
    assert_eq!(scene.issuer.asked().len(), 1);
}

#[tokio::test]
async fn keys_are_fetched_once_for_many_logins() {
    let scene = Scene::new().await;
    for _ in 0..20 {
        assert_eq!(scene.text(&json!({})).await, "");
    }
    let asked = scene.issuer.asked();
    assert_eq!(asked, ["/.well-known/openid-configuration", "/keys"]);
}

#[tokio::test]
async fn sixty_four_clients_come_through_a_rotation() {
    let scene = Arc::new(Scene::new().await);
    assert_eq!(scene.text(&json!({})).await, "");
    let next = Arc::new(TestKey::p256("b"));
    scene.issuer.publish([&scene.key, &next]);
    let later = now() + Duration::from_secs(5);
    let clients = (0..64).map(|n| {
        let (scene, next) = (Arc::clone(&scene), Arc::clone(&next));
        tokio::spawn(async move {
            let claims = scene.claims(&json!({ "sub": format!("user{n}") }));
            let key = if n % 2 == 0 { &scene.key } else { &*next };
            scene.verify_at(&key.token(&claims), later).await.unwrap()
        })
    });
    let clients: Vec<_> = clients.collect();
    for client in clients {
        client.await.unwrap();
    }
    let fetched = scene
        .issuer
        .asked()
        .iter()
        .filter(|path| *path == "/keys")
        .count();
    assert_eq!(fetched, 2);
}

#[tokio::test]
async fn every_issuer_has_keys_of_its_own() {
    let (one, two) = (Scene::new().await, Scene::new().await);
    let stranger = TestKey::p256("p");
    two.issuer.publish([&stranger]);
    let logins = &one.logins;
    let stolen = stranger.token(&two.claims(&json!({})));
    let good = verify(logins, two.name(), Some(&two.provider), &stolen, now()).await;
    assert_eq!(outcome(good), "");
    let stolen = stranger.token(&one.claims(&json!({})));
    let later = now() + Duration::from_secs(10);
    assert!(matches!(
        one.verify_at(&stolen, later).await,
        Err(LoginError::Unverifiable(_))
    ));
}
