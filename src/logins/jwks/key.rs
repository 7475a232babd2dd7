//! One key of a JWK set: whether it may verify tokens, and with which algorithms.
//!
//! <https://www.rfc-editor.org/rfc/rfc7517>, <https://www.rfc-editor.org/rfc/rfc7518>, <https://www.rfc-editor.org/rfc/rfc8037>

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519,
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384,
    RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents, VerificationAlgorithm,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::algorithm::JwsAlgorithm;
use super::roca;

const RSA: [(JwsAlgorithm, &RsaParameters); 6] = [
    (JwsAlgorithm::RS256, &RSA_PKCS1_2048_8192_SHA256),
    (JwsAlgorithm::RS384, &RSA_PKCS1_2048_8192_SHA384),
    (JwsAlgorithm::RS512, &RSA_PKCS1_2048_8192_SHA512),
    (JwsAlgorithm::PS256, &RSA_PSS_2048_8192_SHA256),
    (JwsAlgorithm::PS384, &RSA_PSS_2048_8192_SHA384),
    (JwsAlgorithm::PS512, &RSA_PSS_2048_8192_SHA512),
];

/// The members of private and symmetric keys.
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// A public key that may verify tokens.
pub(in crate::logins) struct VerificationKey {
    id: Option<String>,
    /// The SHA-256 of the key's JWK.
    fingerprint: [u8; 32],
    /// The key parsed for the one algorithm that its `alg` states, or for all algorithms of its type. Parsing a key costs a
    /// third of a verification.
    parsed: ParsedKeys,
}

type ParsedKeys = Vec<(JwsAlgorithm, ParsedPublicKey)>;

/// The reason why a key isn't used, for the log.
pub(super) type KeyProblem = &'static str;

impl VerificationKey {
    /// Reads a key; an `Err` doesn't affect the other keys of the set.
    pub(super) fn read(jwk: &Map<String, Value>) -> Result<Self, KeyProblem> {
        if PRIVATE.iter().any(|member| jwk.contains_key(*member)) {
            return Err("it is not a public key");
        }
        check_use(jwk)?;
        let mut parsed = match text(jwk, "kty")? {
            Some("RSA") => rsa(jwk)?,
            Some("EC") => elliptic(jwk)?,
            Some("OKP") => edwards(jwk)?,
            _ => return Err("its key type isn't supported"),
        };
        if let Some(name) = text(jwk, "alg")? {
            let stated = name.parse().ok();
            parsed.retain(|(algorithm, _)| Some(*algorithm) == stated);
            if parsed.is_empty() {
                return Err("its algorithm isn't supported, or not of its key type");
            }
        }
        let text_of_jwk = serde_json::to_vec(jwk).expect("JSON can be written");
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(digest(&SHA256, &text_of_jwk).as_ref());
        Ok(Self {
            id: text(jwk, "kid")?.map(str::to_owned),
            fingerprint,
            parsed,
        })
    }

    /// A hash of everything that the issuer states about the key.
    pub(super) fn fingerprint(&self) -> &[u8; 32] {
        &self.fingerprint
    }

    pub(in crate::logins) fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Whether the key verifies signatures of `algorithm`.
    pub(in crate::logins) fn fits(&self, algorithm: JwsAlgorithm) -> bool {
        self.parsed.iter().any(|(its, _)| *its == algorithm)
    }

    /// Whether `signature` is the key's signature of `message` with `algorithm`.
    pub(in crate::logins) fn verifies(
        &self,
        algorithm: JwsAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> bool {
        let parsed = self.parsed.iter().find(|(its, _)| *its == algorithm);
        parsed.is_some_and(|(_, key)| key.verify_sig(message, signature).is_ok())
    }
}

fn text<'j>(jwk: &'j Map<String, Value>, member: &str) -> Result<Option<&'j str>, KeyProblem> {
    match jwk.get(member) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err("a member isn't a string"),
    }
}

fn check_use(jwk: &Map<String, Value>) -> Result<(), KeyProblem> {
    if !matches!(text(jwk, "use")?, None | Some("sig")) {
        return Err("it is not for signatures");
    }
    match jwk.get("key_ops") {
        None => Ok(()),
        Some(Value::Array(operations)) if operations.iter().any(|o| o == "verify") => Ok(()),
        Some(_) => Err("it is not for verifying"),
    }
}

fn bytes(jwk: &Map<String, Value>, member: &str) -> Result<Vec<u8>, KeyProblem> {
    let text = text(jwk, member)?.ok_or("a part of it is missing")?;
    URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| "a part of it isn't base64url")
}

/// A number in big-endian octets. Leading zeros, which the standard forbids and Cognito itself writes, are removed.
fn number(jwk: &Map<String, Value>, member: &str) -> Result<Vec<u8>, KeyProblem> {
    let mut octets = bytes(jwk, member)?;
    let zeros = octets.iter().take_while(|octet| **octet == 0).count();
    octets.drain(..zeros);
    Ok(octets)
}

fn rsa(jwk: &Map<String, Value>) -> Result<ParsedKeys, KeyProblem> {
    let modulus = number(jwk, "n")?;
    let (Some(first), Some(last)) = (modulus.first(), modulus.last()) else {
        return Err("its modulus is zero");
    };
    let bits = modulus.len() * 8 - first.leading_zeros() as usize;
    if !(2048..=8192).contains(&bits) {
        return Err("its modulus is shorter than 2048 bits or longer than 8192");
    }
    if last % 2 == 0 || roca::has_fingerprint(&modulus) {
        return Err("its modulus can be factored");
    }
    let exponent = number(jwk, "e")?;
    // A large exponent makes every verification slow; an even exponent or 1 makes signatures worthless.
    let value = (exponent.len() <= 5).then(|| {
        exponent
            .iter()
            .fold(0, |sum, octet| sum << 8 | u64::from(*octet))
    });
    if !value.is_some_and(|value| value % 2 == 1 && (3..=1 << 32).contains(&value)) {
        return Err("its exponent is not an odd number from 3 to 2^32");
    }
    let public = RsaPublicKeyComponents {
        n: modulus,
        e: exponent,
    };
    let parsed = RSA.iter().map(|(algorithm, parameters)| {
        let key = public.to_parsed_public_key(parameters);
        Ok((*algorithm, key.map_err(|_| "it isn't an RSA key")?))
    });
    parsed.collect()
}

fn elliptic(jwk: &Map<String, Value>) -> Result<ParsedKeys, KeyProblem> {
    let (algorithm, width, curve): (_, _, &'static dyn VerificationAlgorithm) =
        match text(jwk, "crv")? {
            Some("P-256") => (JwsAlgorithm::ES256, 32, &ECDSA_P256_SHA256_FIXED),
            Some("P-384") => (JwsAlgorithm::ES384, 48, &ECDSA_P384_SHA384_FIXED),
            Some("P-521") => (JwsAlgorithm::ES512, 66, &ECDSA_P521_SHA512_FIXED),
            _ => return Err("its curve isn't supported"),
        };
    let (x, y) = (bytes(jwk, "x")?, bytes(jwk, "y")?);
    if x.len() != width || y.len() != width {
        return Err("its point has the wrong length");
    }
    let point = [&[4], x.as_slice(), y.as_slice()].concat();
    let key = ParsedPublicKey::new(curve, &point).map_err(|_| "its point is not on its curve")?;
    Ok(vec![(algorithm, key)])
}

fn edwards(jwk: &Map<String, Value>) -> Result<ParsedKeys, KeyProblem> {
    if text(jwk, "crv")? != Some("Ed25519") {
        return Err("its curve isn't supported");
    }
    let point = bytes(jwk, "x")?;
    let key =
        ParsedPublicKey::new(&ED25519, &point).map_err(|_| "its point is not on its curve")?;
    Ok(vec![(JwsAlgorithm::EdDSA, key)])
}
