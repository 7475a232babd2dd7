use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use axum::Router;
use axum::response::IntoResponse;
use axum::routing::get;
use axum_server::tls_rustls::RustlsConfig;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::StatusCode;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::fetch::{failed, max_age};
use super::*;

fn outgoing(settings: OutgoingSettings) -> Outgoing {
    // Another test may have been first.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    Outgoing::new(settings).unwrap()
}

fn to_loopback() -> Outgoing {
    outgoing(OutgoingSettings {
        allow_http_loopback: true,
        ..OutgoingSettings::default()
    })
}

/// Serves `router` on loopback and answers its `http://…` without a final slash.
async fn served(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    base
}

/// Serves one connection by hand: what comes after the request is up to `answer`.
async fn answered_by<F>(answer: impl FnOnce(TcpStream) -> F + Send + 'static) -> String
where
    F: Future<Output = ()> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        let read = stream.read(&mut request).await.unwrap();
        assert!(request[..read].ends_with(b"\r\n\r\n"));
        answer(stream).await;
    });
    url
}

async fn body_of(length: usize) -> Result<Fetched, OutgoingError> {
    let base =
        served(Router::new().route("/", get(move || async move { vec![b' '; length] }))).await;
    to_loopback().get(&base).await
}

#[tokio::test]
async fn an_answer_comes_with_status_body_and_age() {
    let base = served(Router::new().route(
        "/a",
        get(|| async { ([("cache-control", "public, Max-Age=600")], "{}") }),
    ))
    .await;
    let fetched = to_loopback().get(&format!("{base}/a")).await.unwrap();
    assert_eq!((fetched.status.as_u16(), &*fetched.body), (200, &b"{}"[..]));
    assert_eq!(fetched.max_age, Some(Duration::from_mins(10)));
    let missing = to_loopback().get(&format!("{base}/b")).await.unwrap();
    assert_eq!((missing.status.as_u16(), missing.max_age), (404, None));
}

#[test]
fn the_smallest_age_counts() {
    for (values, age) in [
        (&["max-age=60"][..], Some(60)),
        (&["public, max-age=20045, must-revalidate"], Some(20045)),
        (&["max-age=60", "max-age=30"], Some(30)),
        (&["no-store, max-age=60"], Some(0)),
        (&["no-cache"], Some(0)),
        (&["max-age=-1"], None),
        (&["max-age=soon", "public"], None),
        (&[], None),
    ] {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::CACHE_CONTROL, value.parse().unwrap());
        }
        assert_eq!(
            max_age(&headers),
            age.map(Duration::from_secs),
            "{values:?}"
        );
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let followed = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&followed);
    let router = Router::new()
        .route(
            "/",
            get(|| async { (StatusCode::FOUND, [("location", "/there")]) }),
        )
        .route(
            "/there",
            get(move || async move {
                count.fetch_add(1, Ordering::SeqCst);
                "{}"
            }),
        );
    let base = served(router).await;
    let fetched = to_loopback().get(&base).await.unwrap();
    assert_eq!(fetched.status, StatusCode::FOUND);
    assert_eq!(followed.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_body_has_a_bound() {
    assert_eq!(body_of(LARGEST).await.unwrap().body.len(), LARGEST);
    for length in [LARGEST + 1, 10 * LARGEST] {
        let refused = body_of(length).await;
        assert!(matches!(refused, Err(OutgoingError::TooLarge(1))));
    }
}

#[tokio::test]
async fn a_compressed_body_has_the_same_bound() {
    async fn unfolding_to(length: usize) -> Result<Fetched, OutgoingError> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&vec![b' '; length]).unwrap();
        let folded = encoder.finish().unwrap();
        assert!(folded.len() < LARGEST);
        let answer = ([("content-encoding", "gzip")], folded);
        let base = served(Router::new().route("/", get(|| async { answer.into_response() }))).await;
        to_loopback().get(&base).await
    }
    assert_eq!(unfolding_to(LARGEST).await.unwrap().body.len(), LARGEST);
    for length in [LARGEST + 1, 100 * LARGEST] {
        let refused = unfolding_to(length).await;
        assert!(matches!(refused, Err(OutgoingError::TooLarge(1))));
    }
}

#[tokio::test]
async fn headers_have_a_bound() {
    let url = answered_by(|mut stream| async move {
        let mut answer = b"HTTP/1.1 200 OK\r\n".to_vec();
        for field in 0..101 {
            answer.extend_from_slice(format!("x-{field}: a\r\n").as_bytes());
        }
        answer.extend_from_slice(b"content-length: 2\r\n\r\n{}");
        stream.write_all(&answer).await.unwrap();
    })
    .await;
    let refused = to_loopback().get(&url).await;
    assert!(matches!(refused, Err(OutgoingError::Unreachable(_))));
}

/// The clock is stopped once the request has come, and then runs ahead to the time limit on its own.
#[tokio::test]
async fn a_silent_host_is_given_up() {
    let url = answered_by(|stream| async move {
        tokio::time::pause();
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    let refused = to_loopback().get(&url).await;
    assert!(matches!(refused, Err(OutgoingError::TooSlow)));
}

#[tokio::test]
async fn a_host_that_answers_by_drops_is_given_up() {
    let url = answered_by(|mut stream| async move {
        tokio::time::pause();
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n";
        stream.write_all(head).await.unwrap();
        while stream.write_all(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    })
    .await;
    let refused = to_loopback().get(&url).await;
    assert!(matches!(refused, Err(OutgoingError::TooSlow)));
}

#[tokio::test]
async fn a_host_that_does_not_speak_http_is_unreachable() {
    let url = answered_by(|mut stream| async move {
        stream
            .write_all(b"SSH-2.0-OpenSSH_9.2p1\r\n")
            .await
            .unwrap();
    })
    .await;
    let refused = to_loopback().get(&url).await;
    assert!(matches!(refused, Err(OutgoingError::Unreachable(_))));
}

#[tokio::test]
async fn a_closed_port_is_unreachable_and_the_error_keeps_its_cause() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/secret-path", listener.local_addr().unwrap());
    drop(listener);
    let error = to_loopback().get(&url).await.unwrap_err();
    assert!(matches!(error, OutgoingError::Unreachable(_)));
    assert_eq!(error.to_string(), "the host can't be reached");
    let cause = error.source().unwrap().to_string();
    assert!(!cause.contains("secret-path"), "{cause}");
}

#[tokio::test]
async fn a_refused_url_is_not_fetched() {
    let base = served(Router::new().route("/", get(|| async { "{}" }))).await;
    let refused = outgoing(OutgoingSettings::default()).get(&base).await;
    assert!(matches!(
        refused,
        Err(OutgoingError::Forbidden(Forbidden::Scheme))
    ));
}

#[tokio::test]
async fn a_name_whose_addresses_are_out_of_reach_is_refused_at_the_connection() {
    let _ = to_loopback();
    let client = client(Reach::Public.into(), &[]).unwrap();
    let error = client.get("https://localhost:1/").send().await.unwrap_err();
    assert!(matches!(
        failed(error),
        OutgoingError::Forbidden(Forbidden::Address)
    ));
}

#[tokio::test]
async fn an_upstream_may_be_on_loopback_and_http() {
    let base = served(Router::new().route("/double/keys", get(|| async { "{}" }))).await;
    let outgoing = outgoing(OutgoingSettings {
        upstreams: [(
            "login.example".to_owned(),
            format!("{base}/double").parse().unwrap(),
        )]
        .into(),
        ..OutgoingSettings::default()
    });
    let fetched = outgoing.get("https://login.example/keys").await.unwrap();
    assert_eq!(fetched.status, StatusCode::OK);
}

#[test]
fn an_upstream_that_could_never_serve_is_refused_at_the_start() {
    for (host, base) in [
        ("Login.example", "https://a.example"),
        ("https://login.example", "https://a.example"),
        ("login.example/", "https://a.example"),
        ("login.example/a", "https://a.example"),
        ("login.example:443", "https://a.example"),
        ("login.example:0", "https://a.example"),
        ("user@login.example", "https://a.example"),
        ("", "https://a.example"),
        ("login.example", "ftp://a.example"),
        ("login.example", "https://user:secret@a.example"),
        ("login.example", "https://a.example?b"),
        ("login.example", "https://a.example#b"),
    ] {
        let settings = OutgoingSettings {
            upstreams: [(host.to_owned(), base.parse().unwrap())].into(),
            ..OutgoingSettings::default()
        };
        assert!(Outgoing::new(settings).is_err(), "{host} {base}");
    }
}

/// A private authority's root in PEM, and a TLS configuration for `localhost` under it.
async fn private_authority() -> (Vec<u8>, RustlsConfig) {
    let (root, _, tls) = private_chain().await;
    (root, tls)
}

/// A private authority's root and a certificate for `localhost` under it, in PEM, and a TLS configuration that shows
/// both.
async fn private_chain() -> (Vec<u8>, Vec<u8>, RustlsConfig) {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut authority = CertificateParams::new(vec![]).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    let root = authority.self_signed(&authority_key).unwrap();
    let authority = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["localhost".to_owned()])
        .unwrap()
        .signed_by(&key, &authority)
        .unwrap();
    let chain = vec![certificate.der().to_vec(), root.der().to_vec()];
    let tls = RustlsConfig::from_der(chain, key.serialize_der())
        .await
        .unwrap();
    (root.pem().into_bytes(), certificate.pem().into_bytes(), tls)
}

#[tokio::test]
async fn a_private_authority_is_trusted_when_it_is_named() {
    let (root, tls) = private_authority().await;
    let url = served_with(tls);
    let stranger = to_loopback().get(&url).await;
    assert!(matches!(stranger, Err(OutgoingError::Unreachable(_))));
    let trusting = outgoing(OutgoingSettings {
        allow_http_loopback: true,
        extra_roots: root,
        ..OutgoingSettings::default()
    });
    assert_eq!(trusting.get(&url).await.unwrap().status, StatusCode::OK);
}

/// Serves `{}` with this TLS configuration; gives the URL.
fn served_with(tls: RustlsConfig) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let router = Router::new().route("/", get(|| async { "{}" }));
    tokio::spawn(
        axum_server::from_tcp_rustls(listener, tls)
            .unwrap()
            .serve(router.into_make_service()),
    );
    format!("https://localhost:{port}/")
}

fn thumbprint(pem: &[u8]) -> String {
    use rustls::pki_types::pem::PemObject;
    let certificate = rustls::pki_types::CertificateDer::from_pem_slice(pem).unwrap();
    let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, &certificate);
    let hash = hash.as_ref().iter();
    hash.fold(String::new(), |text, byte| format!("{text}{byte:02X}"))
}

#[tokio::test]
async fn under_a_private_authority_a_thumbprint_of_a_certificate_that_is_shown_is_wanted() {
    let (root, leaf, tls) = private_chain().await;
    let (_, other, _) = private_chain().await;
    let url = served_with(tls);
    let to = |extra_roots: Vec<u8>| {
        outgoing(OutgoingSettings {
            allow_http_loopback: true,
            extra_roots,
            ..OutgoingSettings::default()
        })
    };
    let (leaf, other, top) = (thumbprint(&leaf), thumbprint(&other), thumbprint(&root));
    let trusting = to(root.clone());
    for (thumbprints, good) in [
        (vec![], true),
        (vec![leaf.clone()], true),
        (vec![leaf.to_ascii_lowercase()], true),
        (vec![other.clone(), top.clone()], true),
        (vec![other.clone()], false),
        (vec![String::new(), leaf[..39].to_owned()], false),
    ] {
        let answer = trusting.get_pinned(&url, &thumbprints).await;
        assert_eq!(answer.is_ok(), good, "{thumbprints:?}: {answer:?}");
    }
    // A thumbprint is no reason to trust anybody: neither without the authority, nor under another.
    let (stranger, ..) = private_chain().await;
    for roots in [Vec::new(), stranger] {
        let answer = to(roots)
            .get_pinned(&url, &[leaf.clone(), top.clone()])
            .await;
        assert!(matches!(answer, Err(OutgoingError::Unreachable(_))));
    }
    // The name counts all the same.
    let elsewhere = url.replace("localhost", "127.0.0.1");
    let answer = trusting.get_pinned(&elsewhere, &[leaf]).await;
    assert!(matches!(answer, Err(OutgoingError::Unreachable(_))));
}

#[test]
fn roots_that_are_no_certificates_are_refused() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    for pem in [
        "no certificate",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        let refused = Outgoing::new(OutgoingSettings {
            extra_roots: pem.into(),
            ..OutgoingSettings::default()
        });
        assert!(refused.is_err(), "{pem}");
    }
}
