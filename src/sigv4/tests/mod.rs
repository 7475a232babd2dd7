//! Attacks on the verifier, and what must be accepted. The published cases are in `tests/vectors`.

mod header_form;
mod keys;
mod oracle;
mod presigned_form;
mod properties;
mod texts;
mod times;

use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;

use super::*;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const NOW: &str = "2024-01-01T00:15:00Z";

/// The keys that there are: `AKIDROOT` without a token, and `ASIDSESSION` with one.
struct Few;

impl SecretKeys for Few {
    type Owner = &'static str;

    fn key(
        &self,
        access_key_id: &str,
        session_token: Option<&str>,
        _now: Timestamp,
    ) -> Result<(SecretKey, Self::Owner), KeyError> {
        match (access_key_id, session_token) {
            ("AKIDROOT", None) => Ok((secret(), "root")),
            ("ASIDSESSION", Some("a token/+=")) => Ok((secret(), "session")),
            ("ASIDSESSION", Some("an old token")) => Err(KeyError::Expired),
            _ => Err(KeyError::Unknown),
        }
    }
}

fn secret() -> SecretKey {
    SecretKey::new(SECRET.to_owned())
}

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn root(secret: &SecretKey) -> Signer<'_> {
    Signer {
        access_key_id: "AKIDROOT",
        secret,
        session_token: None,
        region: "eu-west-1",
        service: "cognito-identity",
    }
}

fn session(secret: &SecretKey) -> Signer<'_> {
    Signer {
        access_key_id: "ASIDSESSION",
        session_token: Some("a token/+="),
        ..root(secret)
    }
}

/// A request that can be tampered with.
#[derive(Debug, Clone)]
struct Sent {
    method: String,
    path: String,
    query: String,
    authority: Option<String>,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Sent {
    /// A request as an SDK would send it, unsigned.
    fn new() -> Self {
        let mut sent = Self {
            method: "POST".to_owned(),
            path: "/".to_owned(),
            query: String::new(),
            authority: None,
            headers: HeaderMap::new(),
            body: br#"{"MaxResults":10}"#.to_vec(),
        };
        sent.set("host", "cognito.example.net:2646");
        sent.set("content-type", "application/x-amz-json-1.1");
        sent.set(
            "x-amz-target",
            "AWSCognitoIdentityService.ListIdentityPools",
        );
        sent.set("user-agent", "aws-cli/2");
        sent
    }

    /// A request to be presigned.
    fn caller_identity() -> Self {
        let mut sent = Self {
            method: "GET".to_owned(),
            query: "Action=GetCallerIdentity&Version=2011-06-15".to_owned(),
            headers: HeaderMap::new(),
            body: Vec::new(),
            ..Self::new()
        };
        sent.set("host", "cognito.example.net:2646");
        sent
    }

    fn set(&mut self, name: &'static str, value: &str) {
        self.headers
            .insert(name, HeaderValue::from_str(value).unwrap());
    }

    fn add(&mut self, name: &'static str, value: &str) {
        self.headers
            .append(name, HeaderValue::from_str(value).unwrap());
    }

    fn header(&self, name: &str) -> String {
        self.headers[name].to_str().unwrap().to_owned()
    }

    /// Rewrites the `Authorization` header.
    fn rewrite(&mut self, from: &str, to: &str) {
        let header = self.header("authorization");
        assert!(header.contains(from), "{header} has no {from}");
        self.set("authorization", &header.replace(from, to));
    }

    fn request(&self) -> Request<'_> {
        Request {
            method: &self.method,
            path: &self.path,
            query: &self.query,
            authority: self.authority.as_deref(),
            headers: &self.headers,
            body: &self.body,
        }
    }

    /// Signs it in the header form, as whoever `who` says.
    fn signed(self, who: fn(&SecretKey) -> Signer<'_>) -> Self {
        self.signed_at(who, now())
    }

    fn signed_at(mut self, who: fn(&SecretKey) -> Signer<'_>, at: Timestamp) -> Self {
        let secret = secret();
        let added = sign(&self.request(), &who(&secret), at).unwrap();
        self.headers.extend(added);
        self
    }

    fn presigned(mut self, who: fn(&SecretKey) -> Signer<'_>, expires: u32) -> Self {
        let secret = secret();
        self.query = presign(&self.request(), &who(&secret), expires, now()).unwrap();
        self
    }

    /// Signs it again with another list of signed headers, as a client that has the secret could.
    fn signed_with(self, names: &str) -> Self {
        let mut sent = self.signed(root);
        let own = sent.header("authorization");
        let (before, rest) = own.split_once("SignedHeaders=").unwrap();
        let (_, after) = rest.split_once(", Signature=").unwrap();
        let canonical =
            canonical::canonical_request(&sent.request(), "/", "", names, &hex_hash(&sent.body));
        let scope = "20240101/eu-west-1/cognito-identity/aws4_request";
        let text = canonical::string_to_sign("20240101T001500Z", scope, &canonical);
        let key = DerivedKey::derive(&secret(), "20240101", "eu-west-1", "cognito-identity");
        assert_eq!(after.len(), 64);
        let header = format!(
            "{before}SignedHeaders={names}, Signature={}",
            key.sign(&text)
        );
        sent.set("authorization", &header);
        sent
    }

    fn verify(&self) -> Result<VerifiedSignature<'static, &'static str>, SignatureError> {
        self.verify_at(now())
    }

    fn verify_at(
        &self,
        now: Timestamp,
    ) -> Result<VerifiedSignature<'static, &'static str>, SignatureError> {
        let rules = SignatureRules {
            services: &["cognito-identity"],
            region: &|_| true,
            presigned: true,
        };
        verify(&self.request(), &rules, &Few, &KeyCache::new(), now)
    }
}

/// A change to a request.
type Tamper = fn(&mut Sent);

fn doubled_header(name: &'static str) -> SignatureError {
    Incomplete::DoubledHeader { name }.into()
}

fn name(text: &'static str) -> HeaderName {
    HeaderName::from_static(text)
}
