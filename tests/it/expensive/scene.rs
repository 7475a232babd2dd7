//! A server with everything that the documents are for: a pool, a SAML provider, an issuer, roles.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cognate::ambient::{Ambient, Real};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::documents::Document;
use crate::process::Data;
use crate::world::idp::{self, How, IdentityProvider, Says, encode};
use crate::world::{Answer, Credentials, Door, Issuer, Running, Start};

pub const SAML: &str = "arn:aws:iam::123456789012:saml-provider/corp";
pub const ROLE: &str = "arn:aws:iam::123456789012:role/Reader";

const ENTITY: &str = "https://idp.example/metadata";

/// The signature method of the SAML provider: the most expensive one.
const ECDSA_SHA512: &str = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512";

pub struct Scene {
    pub server: Running,
    pub pool: String,
    pub idp: IdentityProvider,
    stranger: IdentityProvider,
    pub issuer: Issuer,
    /// An issuer with eight of the largest keys, none with an id.
    pub slow_issuer: Issuer,
    _data: Data,
}

impl Scene {
    pub async fn new() -> Self {
        let data = Data::new();
        let server = Start::serve(&data.path()).without_rates().up().await;
        let curve = &rcgen::PKCS_ECDSA_P521_SHA512;
        let idp = IdentityProvider::elliptic(ENTITY, curve);
        let stranger = IdentityProvider::elliptic(ENTITY, curve);
        // Of ten certificates, the last one is tried last.
        let others: Vec<_> = (0..9)
            .map(|_| IdentityProvider::elliptic(ENTITY, curve).certificate)
            .collect();
        let mut certificates: Vec<&str> = others.iter().map(String::as_str).collect();
        certificates.push(&idp.certificate);
        let metadata = idp::metadata(ENTITY, &certificates, "");
        let parameters = [("Name", "corp"), ("SAMLMetadataDocument", &metadata)];
        let answer = server.iam("CreateSAMLProvider", &parameters).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let (issuer, slow_issuer) = (Issuer::new().await, Issuer::new().await);
        slow_issuer.serve_keys(slow_keys());
        let arns = [
            server.register(&issuer, &["app"]).await,
            server.register(&slow_issuer, &["app"]).await,
        ];
        let pool = server
            .pool(json!({ "SamlProviderARNs": [SAML], "OpenIdConnectProviderARNs": arns }))
            .await;
        let trust = super::policies::trust(&arns[0], issuer.name());
        let parameters = [("RoleName", "Reader"), ("AssumeRolePolicyDocument", &trust)];
        let answer = server.iam("CreateRole", &parameters).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        Self {
            server,
            pool,
            idp,
            stranger,
            issuer,
            slow_issuer,
            _data: data,
        }
    }

    pub async fn send(&self, document: &Document) -> Answer {
        let (path, headers) = ("/", document.headers.clone());
        self.server
            .send("POST", path, headers, document.body.clone())
            .await
    }

    /// Another client.
    pub fn sender(&self) -> Sender {
        let client = crate::world::client();
        let door = Door::new(self.server.base.clone(), client, std::sync::Arc::new(Real));
        Sender(door)
    }

    /// Makes a guest.
    pub async fn guest(&self) {
        let input = json!({ "IdentityPoolId": self.pool });
        self.server.public("GetId", input).await.ok();
    }

    /// A response of the provider's user.
    pub fn says(&self) -> Says {
        Says::of(&self.idp, "ada", now())
    }

    /// A response with a signed assertion.
    pub fn signed(&self, says: &Says) -> String {
        says.around(&self.sign(&says.assertion(), &says.assertion_id, ""))
    }

    /// `xml` with the provider's signature of the element with this ID.
    pub fn sign(&self, xml: &str, id: &str, prefixes: &str) -> String {
        sign(&self.idp, xml, id, prefixes)
    }

    /// `xml` with the signature of another provider.
    pub fn sign_by_stranger(&self, xml: &str, id: &str) -> String {
        sign(&self.stranger, xml, id, "")
    }

    /// The headers of a request that the root key signed.
    pub fn root_signed(
        &self,
        service: &str,
        headers: http::HeaderMap,
        body: &str,
    ) -> http::HeaderMap {
        self.server
            .sign(&Credentials::root(), service, headers, body)
    }
}

fn sign(idp: &IdentityProvider, xml: &str, id: &str, prefixes: &str) -> String {
    let how = How {
        method: ECDSA_SHA512,
        prefixes,
        ..How::default()
    };
    idp.sign_as(xml, id, &how)
}

/// A client that can be moved to another task.
pub struct Sender(Door);

impl Sender {
    pub async fn send(&self, document: &Document) {
        let (headers, body) = (document.headers.clone(), document.body.clone());
        self.0.send("POST", "/", headers, body).await;
    }
}

/// The claims of a good token.
pub fn claims(issuer: &Issuer) -> Value {
    let now = now().as_second();
    json!({ "iss": issuer.url(), "aud": "app", "sub": "ada", "iat": now, "exp": now + 3600 })
}

/// A response in the form of a `Logins` map.
pub fn encoded(xml: &str) -> String {
    encode(xml)
}

fn now() -> Timestamp {
    Real.now()
}

/// Eight keys with moduli of 8,192 bits and the largest exponent. Nobody needs to have the private keys.
fn slow_keys() -> Value {
    let keys = (0..8).map(|_| {
        let mut modulus = [0xa5; 1024];
        Real.fill(&mut modulus);
        modulus[0] |= 0x80;
        modulus[1023] |= 1;
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        json!({
            "kty": "RSA", "use": "sig", "alg": "RS512",
            "n": encode(&modulus), "e": encode(&[0xff, 0xff, 0xff, 0xff]),
        })
    });
    json!({ "keys": keys.collect::<Vec<_>>() })
}
