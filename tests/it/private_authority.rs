//! An issuer whose certificate is of a private authority: the authority's file, and the provider's thumbprints.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use axum::Router;
use axum::routing::get;
use axum_server::tls_rustls::RustlsConfig;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::json;

use crate::world::{Answer, Key, World, claims, client};

/// A world, and an issuer on `https://localhost` under a private authority.
struct Scene {
    world: World,
    key: Key,
    url: String,
    arn: String,
    pool: String,
    /// Of the issuer's own certificate.
    thumbprint: String,
    _folder: tempfile::TempDir,
}

impl Scene {
    /// `trusted` says whether the server's configuration names the authority.
    async fn new(trusted: bool) -> Self {
        client();
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority_key = KeyPair::generate().unwrap();
        let root = params.self_signed(&authority_key).unwrap();
        let authority = Issuer::new(params, authority_key);
        let its_key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&its_key, &authority).unwrap();
        let tls = RustlsConfig::from_der(vec![certificate.der().to_vec()], its_key.serialize_der());
        let key = Key::rsa("one");
        let url = serve(&key, tls.await.unwrap());

        let folder = tempfile::tempdir().unwrap();
        let (file, config) = (folder.path().join("ca.pem"), folder.path().join("c.toml"));
        std::fs::write(&file, root.pem()).unwrap();
        let text = format!("[logins]\nextra_ca_file = '{}'\n", file.display());
        std::fs::write(&config, text).unwrap();
        let world = World::with(|flags| flags.config = trusted.then_some(config)).await;
        let provider = [("Url", url.as_str()), ("ClientIDList.member.1", "app")];
        let answer = world.iam("CreateOpenIDConnectProvider", &provider).await;
        let arn = answer.xml("OpenIDConnectProviderArn").unwrap();
        let pool = world
            .pool(json!({ "OpenIdConnectProviderARNs": [arn] }))
            .await;
        let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, certificate.der());
        let hash = hash.as_ref().iter();
        let thumbprint = hash.fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        Self {
            world,
            key,
            url,
            arn,
            pool,
            thumbprint,
            _folder: folder,
        }
    }

    async fn set_thumbprint(&self, thumbprint: &str) {
        let parameters = [
            ("OpenIDConnectProviderArn", self.arn.as_str()),
            ("ThumbprintList.member.1", thumbprint),
        ];
        let action = "UpdateOpenIDConnectProviderThumbprint";
        assert_eq!(self.world.iam(action, &parameters).await.status, 200);
    }

    async fn login(&self) -> Answer {
        let token = self.key.token(&claims(&self.url, "ada"));
        let name = self.url.strip_prefix("https://").unwrap();
        self.world.get_id(&self.pool, json!({ name: token })).await
    }
}

fn serve(key: &Key, tls: RustlsConfig) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let url = format!("https://localhost:{port}");
    let discovery = json!({ "issuer": url, "jwks_uri": format!("{url}/jwks") }).to_string();
    let keys = json!({ "keys": [key.jwk()] }).to_string();
    let router = Router::new()
        .route(
            "/.well-known/openid-configuration",
            get(|| async { discovery }),
        )
        .route("/jwks", get(|| async { keys }));
    let server = axum_server::from_tcp_rustls(listener, tls).unwrap();
    tokio::spawn(server.serve(router.into_make_service()));
    url
}

#[tokio::test]
async fn the_issuer_is_believed_where_the_configuration_names_its_authority() {
    Scene::new(true).await.login().await.ok();
    let answer = Scene::new(false).await.login().await;
    assert_eq!(answer.error().1, "ExternalServiceException");
}

#[tokio::test]
async fn a_thumbprint_must_be_the_certificates_and_makes_up_for_no_authority() {
    let scene = Scene::new(true).await;
    scene.set_thumbprint(&"f".repeat(40)).await;
    assert_eq!(scene.login().await.error().1, "ExternalServiceException");
    scene.set_thumbprint(&scene.thumbprint).await;
    scene.login().await.ok();

    let scene = Scene::new(false).await;
    scene.set_thumbprint(&scene.thumbprint).await;
    assert_eq!(scene.login().await.error().1, "ExternalServiceException");
}
