//! Verifies that a request was signed with the secret of the access key that it names.

use aws_lc_rs::constant_time;
use jiff::Timestamp;

use super::canonical::{Query, canonical_path, canonical_request, string_to_sign};
use super::error::{Invalid, SignatureError};
use super::key::{DerivedKey, KeyCache, SecretKey, fingerprint};
use super::parts::{Form, Scope, SignatureParts};
use super::{Request, amz_date, hex_hash};
use crate::model::ids::Region;

/// The lookup of secret keys.
pub trait SecretKeys {
    /// The owner of a key.
    type Owner;

    /// Finds the secret of an access key, and its owner. The request is still unverified. `now` is the call's time, for
    /// tokens that expire.
    fn key(
        &self,
        access_key_id: &str,
        session_token: Option<&str>,
        now: Timestamp,
    ) -> Result<(SecretKey, Self::Owner), KeyError>;
}

/// Why the lookup of a secret fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The access key doesn't exist, or not with this session token.
    #[error("the access key or its session token is unknown")]
    Unknown,
    /// The session token has expired.
    #[error("the session token has expired")]
    Expired,
}

/// The rules for a signature: its scope and its form.
pub struct SignatureRules<'r> {
    /// The services that its scope may have; an error names the first.
    pub services: &'r [&'r str],
    /// Whether this server has a region.
    pub region: &'r dyn Fn(&Region) -> bool,
    /// Whether the presigned form is accepted.
    pub presigned: bool,
}

/// A verified signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedSignature<'r, O> {
    /// The key's owner, from [`SecretKeys`].
    pub owner: O,
    /// The access key's id.
    pub access_key_id: String,
    /// The region of its scope.
    pub region: Region,
    /// The service of its scope: one of the rules'.
    pub service: &'r str,
}

/// Verifies the signature of `request` at `now`. Its date may differ by 5 minutes; a presigned request is valid for its
/// own lifetime, 15 minutes at most. Checks have the real service's order: form, parts, date, signed headers, algorithm,
/// scope, key, signature.
pub fn verify<'r, K: SecretKeys + ?Sized>(
    request: &Request<'_>,
    rules: &SignatureRules<'r>,
    keys: &K,
    cache: &KeyCache,
    now: Timestamp,
) -> Result<VerifiedSignature<'r, K::Owner>, SignatureError> {
    verify_hashed(request, None, rules, (keys, cache), now)
}

/// Does as [`verify`], with the [`hex_hash`] of the body if it is known already.
pub fn verify_hashed<'r, K: SecretKeys + ?Sized>(
    request: &Request<'_>,
    hash: Option<String>,
    rules: &SignatureRules<'r>,
    (keys, cache): (&K, &KeyCache),
    now: Timestamp,
) -> Result<VerifiedSignature<'r, K::Owner>, SignatureError> {
    let query = Query::parse(request.query)?;
    let stated = SignatureParts::read(request, &query, rules.presigned)?;
    amz_date::check(stated.date, stated.lifetime, now)?;
    stated.check_signed_headers(request)?;
    stated.check_algorithm()?;
    let scope = stated.scope(rules)?;
    let candidates = strings_to_sign(request, hash, &query, &stated, &scope)?;

    let found = keys.key(scope.access_key_id, stated.session_token, now);
    let genuine = if let Ok((secret, _)) = &found {
        is_genuine(&candidates, stated.signature, secret, &scope, cache, true)
    } else {
        // Without a key, the same work is done (constant time), so that timing doesn't reveal which keys exist.
        let dummy = SecretKey::new("0".repeat(40));
        is_genuine(&candidates, stated.signature, &dummy, &scope, cache, false)
    };
    match found {
        Ok((_, owner)) if genuine => Ok(VerifiedSignature {
            owner,
            access_key_id: scope.access_key_id.to_owned(),
            region: scope.region,
            service: scope.service,
        }),
        Ok(_) => Err(Invalid::Mismatch.into()),
        Err(KeyError::Unknown) => Err(SignatureError::UnknownKey),
        Err(KeyError::Expired) => Err(SignatureError::ExpiredToken),
    }
}

/// A request as the server sees it, for the log. It contains no signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenRequest {
    /// The SHA-256 of the canonical request, in hexadecimal.
    pub canonical_hash: String,
    /// The header `Host`, or the authority of HTTP/2.
    pub host: String,
    /// The path that must have been signed.
    pub path: String,
    /// The names of the signed headers.
    pub signed_headers: String,
}

/// What the server sees of a request with a readable signature; `None` for another.
pub fn seen(
    request: &Request<'_>,
    hash: Option<String>,
    rules: &SignatureRules<'_>,
) -> Option<SeenRequest> {
    let query = Query::parse(request.query).ok()?;
    let stated = SignatureParts::read(request, &query, rules.presigned).ok()?;
    let left_out: &[&str] = match stated.form {
        Form::Header => &[],
        Form::Presigned => &["X-Amz-Signature"],
    };
    let (path, names) = (canonical_path(request.path, true), stated.signed_headers);
    let payload = payload_hash(request, hash).ok()?;
    let query = query.canonical(left_out);
    let canonical = canonical_request(request, &path, &query, names, &payload);
    let host = request.headers.get(http::header::HOST);
    let host = host.and_then(|host| host.to_str().ok());
    Some(SeenRequest {
        canonical_hash: hex_hash(&canonical),
        host: host.or(request.authority).unwrap_or_default().to_owned(),
        path: request.path.to_owned(),
        signed_headers: names.to_owned(),
    })
}

/// The strings that the client may have signed: one, or two if a presigned query has a session token, which may be added
/// after signing.
fn strings_to_sign(
    request: &Request<'_>,
    hash: Option<String>,
    query: &Query<'_>,
    stated: &SignatureParts<'_>,
    scope: &Scope<'_, '_>,
) -> Result<Vec<String>, Invalid> {
    let payload_hash = payload_hash(request, hash)?;
    let path = canonical_path(request.path, true);
    let text = |left_out: &[&str]| {
        let query = query.canonical(left_out);
        let names = stated.signed_headers;
        let canonical = canonical_request(request, &path, &query, names, &payload_hash);
        string_to_sign(stated.written, scope.text, &canonical)
    };
    Ok(match (stated.form, stated.session_token) {
        (Form::Header, _) => vec![text(&[])],
        (Form::Presigned, None) => vec![text(&["X-Amz-Signature"])],
        (Form::Presigned, Some(_)) => vec![
            text(&["X-Amz-Signature"]),
            text(&["X-Amz-Signature", "X-Amz-Security-Token"]),
        ],
    })
}

/// The hash of the body as received. The client's own hash is only compared with it, and an unsigned payload is refused.
fn payload_hash(request: &Request<'_>, hash: Option<String>) -> Result<String, Invalid> {
    let computed = hash.unwrap_or_else(|| hex_hash(request.body));
    match request.headers.get("x-amz-content-sha256") {
        Some(stated) if stated.as_bytes() != computed.as_bytes() => Err(Invalid::Payload),
        _ => Ok(computed),
    }
}

/// Whether `signature` is `secret`'s for one of the strings. A wrong signature always costs a derivation, whether the key is
/// cached, known or neither. Only keys of genuine signatures are cached, so that strangers can't fill the cache.
fn is_genuine(
    candidates: &[String],
    signature: &str,
    secret: &SecretKey,
    scope: &Scope<'_, '_>,
    cache: &KeyCache,
    known: bool,
) -> bool {
    let (id, region) = (scope.access_key_id, scope.region.as_str());
    let derive = || DerivedKey::derive(secret, scope.day, region, scope.service);
    let fingerprint = fingerprint(id, secret, scope.day, region, scope.service);
    let remembered = cache.get(&fingerprint);
    let is_new = remembered.is_none();
    let key = remembered.unwrap_or_else(derive);
    let genuine = candidates.iter().fold(false, |genuine, text| {
        let computed = key.sign(text);
        let same =
            constant_time::verify_slices_are_equal(computed.as_bytes(), signature.as_bytes());
        genuine | same.is_ok()
    });
    match (genuine, is_new) {
        (true, true) if known => cache.put(fingerprint, key),
        (false, false) => drop(std::hint::black_box(derive())),
        _ => {}
    }
    genuine
}
