//! An OpenID Connect issuer on loopback that signs whatever it is asked to.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256,
};
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::beginning;

/// A key that signs tokens.
#[derive(Clone)]
pub struct Key {
    pub kid: String,
    pair: Arc<Pair>,
}

enum Pair {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
}

impl Key {
    pub fn rsa(kid: &str) -> Self {
        Self::rsa_of(kid, KeySize::Rsa2048)
    }

    fn rsa_of(kid: &str, size: KeySize) -> Self {
        let pair = RsaKeyPair::generate(size).expect("a key");
        Self {
            kid: kid.into(),
            pair: Arc::new(Pair::Rsa(pair)),
        }
    }

    pub fn p256(kid: &str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
        Self {
            kid: kid.into(),
            pair: Arc::new(Pair::P256(pair)),
        }
    }

    pub fn jwk(&self) -> Value {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match self.pair.as_ref() {
            Pair::Rsa(pair) => {
                let public = pair.public_key();
                let (n, e) = (public.modulus(), public.exponent());
                json!({
                    "kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid,
                    "n": encode(n.big_endian_without_leading_zero()), "e": encode(e.big_endian_without_leading_zero()),
                })
            }
            Pair::P256(pair) => {
                let point = pair.public_key().as_ref();
                json!({
                    "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.kid,
                    "x": encode(&point[1..33]), "y": encode(&point[33..]),
                })
            }
        }
    }

    /// The public key as a PEM file holds it: what an attacker would use as an HMAC key.
    pub fn public_der(&self) -> Vec<u8> {
        match self.pair.as_ref() {
            Pair::Rsa(pair) => pair
                .public_key()
                .as_der()
                .expect("a public key")
                .as_ref()
                .to_vec(),
            Pair::P256(pair) => pair.public_key().as_ref().to_vec(),
        }
    }

    pub fn alg(&self) -> &'static str {
        match self.pair.as_ref() {
            Pair::Rsa(_) => "RS256",
            Pair::P256(_) => "ES256",
        }
    }

    pub fn signature(&self, message: &[u8]) -> Vec<u8> {
        match self.pair.as_ref() {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(
                    &RSA_PKCS1_SHA256,
                    &SystemRandom::new(),
                    message,
                    &mut signature,
                )
                .expect("a signature");
                signature
            }
            Pair::P256(pair) => pair
                .sign(&SystemRandom::new(), message)
                .expect("a signature")
                .as_ref()
                .to_vec(),
        }
    }

    /// A token with the usual header.
    pub fn token(&self, claims: &Value) -> String {
        self.token_with(
            &json!({ "alg": self.alg(), "typ": "JWT", "kid": self.kid }),
            &claims.to_string(),
        )
    }

    /// A token with any header over any text.
    pub fn token_with(&self, header: &Value, payload: &str) -> String {
        let message = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header.to_string()),
            URL_SAFE_NO_PAD.encode(payload)
        );
        let signature = URL_SAFE_NO_PAD.encode(self.signature(message.as_bytes()));
        format!("{message}.{signature}")
    }
}

/// The issuer.
pub struct Issuer {
    url: String,
    base: String,
    pub key: Key,
    shared: Arc<Shared>,
    serving: tokio::task::JoinHandle<()>,
}

struct Shared {
    url: String,
    keys: Mutex<String>,
    away: AtomicBool,
    /// Whether it keeps everybody waiting.
    held: watch::Sender<bool>,
    fetches: AtomicUsize,
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Issuer {
    /// An issuer with one RSA key.
    pub async fn new() -> Self {
        Self::with(Key::rsa("one")).await
    }

    pub async fn with(key: Key) -> Self {
        Self::serve(key, str::to_owned).await
    }

    /// An issuer whose URL has this path behind the host: `/realms/people`.
    pub async fn below(path: &str) -> Self {
        Self::serve(Key::rsa("one"), |base| format!("{base}{path}")).await
    }

    /// An issuer that calls itself `url` and is reached through an upstream.
    pub async fn named(url: &str) -> Self {
        Self::serve(Key::rsa("one"), |_| url.to_owned()).await
    }

    async fn serve(key: Key, named: impl FnOnce(&str) -> String) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let url = named(&base);
        let shared = Arc::new(Shared {
            url: url.clone(),
            keys: Mutex::new(json!({ "keys": [key.jwk()] }).to_string()),
            away: AtomicBool::new(false),
            held: watch::Sender::new(false),
            fetches: AtomicUsize::new(0),
        });
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route(
                "/realms/{realm}/.well-known/openid-configuration",
                get(discovery),
            )
            .route("/jwks", get(keys))
            .route("/realms/{realm}/jwks", get(keys))
            // A user pool's keys, for an upstream.
            .route("/{pool}/.well-known/jwks.json", get(keys))
            .with_state(Arc::clone(&shared));
        let serving = tokio::spawn(async move {
            axum::serve(listener, router)
                .await
                .expect("an issuer that serves");
        });
        Self {
            url,
            base,
            key,
            shared,
            serving,
        }
    }

    /// Where it really is.
    pub fn base(&self) -> &str {
        &self.base
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its name in `Logins`.
    pub fn name(&self) -> &str {
        self.url.strip_prefix("http://").expect("an http URL")
    }

    /// A token of the user `subject` for the client `app`, good for an hour from the world's beginning.
    pub fn token(&self, subject: &str) -> String {
        self.key.token(&claims(&self.url, subject))
    }

    /// From now on it serves these keys.
    #[expect(clippy::needless_pass_by_value, reason = "as json! makes it")]
    pub fn serve_keys(&self, keys: Value) {
        self.serve_text(keys.to_string());
    }

    /// From now on it serves this in the place of its keys.
    pub fn serve_text(&self, text: String) {
        *self.shared.keys.lock().expect("a lock") = text;
    }

    /// From now on it answers 503, or no longer.
    pub fn away(&self, away: bool) {
        self.shared.away.store(away, Ordering::Relaxed);
    }

    /// From now on it lets everybody wait, or no longer.
    pub fn hold(&self, held: bool) {
        self.shared.held.send_replace(held);
    }

    /// Whether somebody waits for it now.
    pub fn is_waited_for(&self) -> bool {
        self.shared.held.receiver_count() > 0
    }

    /// How often its keys were fetched.
    pub fn fetches(&self) -> usize {
        self.shared.fetches.load(Ordering::Relaxed)
    }
}

/// The claims of a good token of `issuer`.
pub fn claims(issuer: &str, subject: &str) -> Value {
    let now = beginning().as_second();
    json!({ "iss": issuer, "aud": "app", "sub": subject, "iat": now, "exp": now + 3600 })
}

async fn discovery(State(shared): State<Arc<Shared>>) -> Result<String, StatusCode> {
    let mut held = shared.held.subscribe();
    held.wait_for(|held| !held).await.ok();
    if shared.away.load(Ordering::Relaxed) {
        return Err(StatusCode::SERVICE_UNAVAILABLE);
    }
    Ok(json!({ "issuer": shared.url, "jwks_uri": format!("{}/jwks", shared.url) }).to_string())
}

async fn keys(State(shared): State<Arc<Shared>>) -> Result<String, StatusCode> {
    let mut held = shared.held.subscribe();
    held.wait_for(|held| !held).await.ok();
    if shared.away.load(Ordering::Relaxed) {
        return Err(StatusCode::SERVICE_UNAVAILABLE);
    }
    shared.fetches.fetch_add(1, Ordering::Relaxed);
    Ok(shared.keys.lock().expect("a lock").clone())
}
