//! Whether a request was signed with the secret of the key that it names.

use aws_lc_rs::constant_time;
use jiff::Timestamp;

use super::canonical::{Query, canonical_path, canonical_request, string_to_sign};
use super::claim::{Claim, Form, Scope};
use super::error::{Invalid, SignatureError};
use super::key::{KeyCache, SecretKey, SigningKey, fingerprint};
use super::{Request, hex_hash, moment};
use crate::model::ids::Region;

/// Where secrets are found.
pub trait Keys {
    /// Whose key it is.
    type Who;

    /// The secret of an access key and whose it is. Nothing was checked yet of the request that names them. `now` is
    /// the call's moment, for tokens that expire.
    fn key(
        &self,
        access_key_id: &str,
        session_token: Option<&str>,
        now: Timestamp,
    ) -> Result<(SecretKey, Self::Who), KeyError>;
}

/// Why there is no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// No such key, or not with this token, or not without one.
    #[error("the access key or its session token is unknown")]
    Unknown,
    /// The session token was good once.
    #[error("the session token has expired")]
    Expired,
}

/// Where a signature must be scoped, and where it may stand.
pub struct Rules<'r> {
    /// The services that it may be for; the first is the one that a refusal names.
    pub services: &'r [&'r str],
    /// Whether a region is served.
    pub region: &'r dyn Fn(&Region) -> bool,
    /// Whether it may stand in the query.
    pub presigned: bool,
}

/// A request whose signature is genuine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified<'r, W> {
    /// Whose key it was, as [`Keys`] says.
    pub who: W,
    /// The key's id.
    pub access_key_id: String,
    /// The region that it was signed for.
    pub region: Region,
    /// The service that it was signed for: one of the rules'.
    pub service: &'r str,
}

/// Verifies the signature of `request` at `now`. Its date may be 5 minutes off either way; a presigned request lives
/// as long as it says, 15 minutes at most. Refusals come in the real service's order: form, parts, date, signed headers,
/// algorithm, scope, key, signature.
pub fn verify<'r, K: Keys + ?Sized>(
    request: &Request<'_>,
    rules: &Rules<'r>,
    keys: &K,
    cache: &KeyCache,
    now: Timestamp,
) -> Result<Verified<'r, K::Who>, SignatureError> {
    let query = Query::parse(request.query)?;
    let claim = Claim::read(request, &query, rules.presigned)?;
    moment::check(claim.date, claim.lifetime, now)?;
    claim.check_signed_headers(request)?;
    claim.check_algorithm()?;
    let scope = claim.scope(rules)?;
    let candidates = strings_to_sign(request, &query, &claim, &scope)?;

    let found = keys.key(scope.access_key_id, claim.session_token, now);
    let genuine = if let Ok((secret, _)) = &found {
        is_genuine(&candidates, claim.signature, secret, &scope, cache, true)
    } else {
        // Without a key the same is computed, so that time doesn't tell which keys there are.
        let nobody = SecretKey::new("0".repeat(40));
        is_genuine(&candidates, claim.signature, &nobody, &scope, cache, false)
    };
    match found {
        Ok((_, who)) if genuine => Ok(Verified {
            who,
            access_key_id: scope.access_key_id.to_owned(),
            region: scope.region,
            service: scope.service,
        }),
        Ok(_) => Err(Invalid::Mismatch.into()),
        Err(KeyError::Unknown) => Err(SignatureError::UnknownKey),
        Err(KeyError::Expired) => Err(SignatureError::ExpiredToken),
    }
}

/// What the client may have signed: one text, or two where a presigned query has a session token, which is signed or
/// added after signing.
fn strings_to_sign(
    request: &Request<'_>,
    query: &Query<'_>,
    claim: &Claim<'_>,
    scope: &Scope<'_, '_>,
) -> Result<Vec<String>, Invalid> {
    let payload_hash = payload_hash(request)?;
    let path = canonical_path(request.path, true);
    let text = |left_out: &[&str]| {
        let query = query.canonical(left_out);
        let names = claim.signed_headers;
        let canonical = canonical_request(request, &path, &query, names, &payload_hash);
        string_to_sign(claim.written, scope.text, &canonical)
    };
    Ok(match (claim.form, claim.session_token) {
        (Form::Header, _) => vec![text(&[])],
        (Form::Presigned, None) => vec![text(&["X-Amz-Signature"])],
        (Form::Presigned, Some(_)) => vec![
            text(&["X-Amz-Signature"]),
            text(&["X-Amz-Signature", "X-Amz-Security-Token"]),
        ],
    })
}

/// The hash of the body as it came. What the client says of it is only ever compared: that a payload is unsigned is
/// not accepted.
fn payload_hash(request: &Request<'_>) -> Result<String, Invalid> {
    let computed = hex_hash(request.body);
    match request.headers.get("x-amz-content-sha256") {
        Some(stated) if stated.as_bytes() != computed.as_bytes() => Err(Invalid::Payload),
        _ => Ok(computed),
    }
}

/// Whether `signature` is `secret`'s under one of the texts. A wrong one costs a derivation whether the key was
/// remembered, known or neither. Only a genuine one is remembered, so that strangers can't fill the memory.
fn is_genuine(
    candidates: &[String],
    signature: &str,
    secret: &SecretKey,
    scope: &Scope<'_, '_>,
    cache: &KeyCache,
    known: bool,
) -> bool {
    let (id, region) = (scope.access_key_id, scope.region.as_str());
    let derive = || SigningKey::derive(secret, scope.day, region, scope.service);
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
