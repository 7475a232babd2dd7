//! The 38 cases of signature version 4 that AWS publishes with aws-c-auth, in header and in query form.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use cognate::model::ids::Region;
use cognate::model::json::read_as;
use cognate::sigv4::canonical::{Query, canonical_path, canonical_request, string_to_sign};
use cognate::sigv4::{
    DerivedKey, KeyCache, KeyError, Request, SecretKey, SecretKeys, SignatureError, SignatureRules,
    Signer, hex_hash, presign, sign, verify,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use serde::Deserialize;

/// What a case says of how it was signed.
#[derive(Deserialize)]
struct Context {
    credentials: Credentials,
    expiration_in_seconds: u32,
    normalize: bool,
    region: String,
    service: String,
    sign_body: bool,
    timestamp: Timestamp,
    #[serde(default)]
    omit_session_token: bool,
}

#[derive(Deserialize)]
struct Credentials {
    access_key_id: String,
    secret_access_key: String,
    token: Option<String>,
}

struct Case {
    name: String,
    context: Context,
    files: BTreeMap<String, String>,
}

/// A request read from a file.
struct Read {
    method: String,
    path: String,
    query: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Read {
    fn new(text: &str) -> Self {
        let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
        // A line that begins with a blank continues the one before, as an HTTP parser reads it.
        let head = head.replace("\n ", " ");
        let mut lines = head.lines();
        let line = lines.next().unwrap();
        let (method, rest) = line.split_once(' ').unwrap();
        let (target, _version) = rest.rsplit_once(' ').unwrap();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut headers = HeaderMap::new();
        for line in lines.filter(|line| !line.is_empty()) {
            let (name, value) = line.split_once(':').unwrap();
            let name: HeaderName = name.parse().unwrap();
            headers.append(name, HeaderValue::from_str(value.trim()).unwrap());
        }
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers,
            body: body.trim_end_matches('\n').as_bytes().to_vec(),
        }
    }

    fn request(&self) -> Request<'_> {
        Request {
            method: &self.method,
            path: &self.path,
            query: &self.query,
            authority: None,
            headers: &self.headers,
            body: &self.body,
        }
    }
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for entry in fs::read_dir(super::folder("sigv4")).expect("the folder sigv4") {
        let folder = entry.unwrap().path();
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let files = files(&folder);
        let context = &files["context.json"];
        let context = read_as(context.as_bytes()).unwrap_or_else(|_| panic!("{name}: its context"));
        cases.push(Case {
            name,
            context,
            files,
        });
    }
    assert_eq!(cases.len(), 38);
    cases
}

fn files(folder: &Path) -> BTreeMap<String, String> {
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect()
}

impl Case {
    fn file(&self, name: &str) -> &str {
        self.files[name].trim_end_matches('\n')
    }

    fn secret(&self) -> SecretKey {
        SecretKey::new(self.context.credentials.secret_access_key.clone())
    }

    fn date(&self) -> String {
        self.context
            .timestamp
            .strftime("%Y%m%dT%H%M%SZ")
            .to_string()
    }

    fn scope(&self) -> String {
        let Context {
            region, service, ..
        } = &self.context;
        format!("{}/{region}/{service}/aws4_request", &self.date()[..8])
    }

    /// The token, where the case signs it.
    fn signed_token(&self) -> Option<&str> {
        let token = self.context.credentials.token.as_deref();
        token.filter(|_| !self.context.omit_session_token)
    }

    fn signer<'s>(&'s self, secret: &'s SecretKey) -> Signer<'s> {
        Signer {
            access_key_id: &self.context.credentials.access_key_id,
            secret,
            session_token: self.signed_token(),
            region: &self.context.region,
            service: &self.context.service,
        }
    }

    /// The request before it was signed, with the header that says its body's hash where the case has one.
    fn unsigned(&self, header_form: bool) -> Read {
        let mut read = Read::new(&self.files["request.txt"]);
        if self.context.sign_body && header_form {
            let hash = HeaderValue::from_str(&hex_hash(&read.body)).unwrap();
            read.headers.insert("x-amz-content-sha256", hash);
        }
        read
    }

    /// Compares the three steps of one form with the published ones.
    fn check_steps(&self, form: &str, signed: &Read, query: &str, names: &str) {
        let name = format!("{} in the {form} form", self.name);
        let canonical = canonical_request(
            &signed.request(),
            &canonical_path(&signed.path, self.context.normalize),
            query,
            names,
            &hex_hash(&signed.body),
        );
        let text = String::from_utf8_lossy(&canonical).into_owned();
        assert_eq!(
            text,
            self.file(&format!("{form}-canonical-request.txt")),
            "{name}"
        );
        let text = string_to_sign(&self.date(), &self.scope(), &canonical);
        assert_eq!(
            text,
            self.file(&format!("{form}-string-to-sign.txt")),
            "{name}"
        );
        let day = &self.date()[..8];
        let key = DerivedKey::derive(
            &self.secret(),
            day,
            &self.context.region,
            &self.context.service,
        );
        let signature = key.sign(&text);
        assert_eq!(
            signature,
            self.file(&format!("{form}-signature.txt")),
            "{name}"
        );
    }
}

#[test]
fn every_case_has_its_published_steps_in_the_header_form() {
    for case in cases() {
        let signed = Read::new(&case.files["header-signed-request.txt"]);
        let authorization = signed.headers["authorization"].to_str().unwrap();
        let (_, names) = authorization.split_once("SignedHeaders=").unwrap();
        let (names, _) = names.split_once(',').unwrap();
        let query = Query::parse(&signed.query).unwrap().canonical(&[]);
        case.check_steps("header", &signed, &query, names);
    }
}

#[test]
fn every_case_has_its_published_steps_in_the_query_form() {
    for case in cases() {
        let signed = Read::new(&case.files["query-signed-request.txt"]);
        let query = Query::parse(&signed.query).unwrap();
        let names = query.get("X-Amz-SignedHeaders").unwrap();
        let names = std::str::from_utf8(names).unwrap();
        let left_out: &[&str] = if case.context.omit_session_token {
            &["X-Amz-Signature", "X-Amz-Security-Token"]
        } else {
            &["X-Amz-Signature"]
        };
        case.check_steps("query", &signed, &query.canonical(left_out), names);
    }
}

/// The cases whose paths are signed as the services other than S3 have it.
fn normalised() -> Vec<Case> {
    let mut cases = cases();
    cases.retain(|case| case.context.normalize);
    assert!(cases.len() > 25, "{}", cases.len());
    cases
}

#[test]
fn we_sign_every_case_as_published() {
    for case in normalised() {
        let secret = case.secret();
        let signer = case.signer(&secret);
        let now = case.context.timestamp;
        let added = sign(&case.unsigned(true).request(), &signer, now).unwrap();
        let published = Read::new(&case.files["header-signed-request.txt"]);
        assert_eq!(
            added["authorization"], published.headers["authorization"],
            "{}",
            case.name
        );
        if case.context.omit_session_token {
            continue;
        }
        let expires = case.context.expiration_in_seconds;
        let query = presign(&case.unsigned(false).request(), &signer, expires, now).unwrap();
        let published = Read::new(&case.files["query-signed-request.txt"]);
        assert_eq!(query, published.query, "{}", case.name);
    }
}

/// The one key of the published cases.
struct Published<'c>(&'c Case);

impl SecretKeys for Published<'_> {
    type Owner = ();

    fn key(
        &self,
        access_key_id: &str,
        session_token: Option<&str>,
        _now: Timestamp,
    ) -> Result<(SecretKey, ()), KeyError> {
        let Credentials {
            access_key_id: known,
            token,
            ..
        } = &self.0.context.credentials;
        if access_key_id == known && session_token == token.as_deref() {
            Ok((self.0.secret(), ()))
        } else {
            Err(KeyError::Unknown)
        }
    }
}

#[test]
fn every_published_header_signature_is_genuine() {
    let cache = KeyCache::new();
    for case in normalised() {
        let rules = SignatureRules {
            services: &["service"],
            region: &|region: &Region| region.as_str() == "us-east-1",
            presigned: false,
        };
        let signed = Read::new(&case.files["header-signed-request.txt"]);
        let now = case.context.timestamp;
        verify(&signed.request(), &rules, &Published(&case), &cache, now)
            .unwrap_or_else(|error: SignatureError| panic!("{}: {error}", case.name));
    }
}
