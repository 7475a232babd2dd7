//! The signature algorithms of tokens, by their names in JWS headers.
//! <https://www.iana.org/assignments/jose/jose.xhtml#web-signature-encryption-algorithms>

use std::str::FromStr;

/// An algorithm that may sign tokens. Each is asymmetric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JwsAlgorithm {
    /// RSA with PKCS #1 padding and SHA-256.
    RS256,
    /// RSA with PKCS #1 padding and SHA-384.
    RS384,
    /// RSA with PKCS #1 padding and SHA-512.
    RS512,
    /// RSA with PSS padding and SHA-256.
    PS256,
    /// RSA with PSS padding and SHA-384.
    PS384,
    /// RSA with PSS padding and SHA-512.
    PS512,
    /// ECDSA on the curve P-256 with SHA-256.
    ES256,
    /// ECDSA on the curve P-384 with SHA-384.
    ES384,
    /// ECDSA on the curve P-521 with SHA-512.
    ES512,
    /// EdDSA on the curve Ed25519.
    EdDSA,
}

/// All algorithms: those that STS documents, and Ed25519.
pub const JWS_ALGORITHMS: &[JwsAlgorithm] = &[
    JwsAlgorithm::RS256,
    JwsAlgorithm::RS384,
    JwsAlgorithm::RS512,
    JwsAlgorithm::PS256,
    JwsAlgorithm::PS384,
    JwsAlgorithm::PS512,
    JwsAlgorithm::ES256,
    JwsAlgorithm::ES384,
    JwsAlgorithm::ES512,
    JwsAlgorithm::EdDSA,
];

/// The name is not an algorithm that may sign tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the algorithm isn't supported")]
pub struct UnknownAlgorithm;

impl FromStr for JwsAlgorithm {
    type Err = UnknownAlgorithm;

    fn from_str(name: &str) -> Result<Self, UnknownAlgorithm> {
        match name {
            "RS256" => Ok(Self::RS256),
            "RS384" => Ok(Self::RS384),
            "RS512" => Ok(Self::RS512),
            "PS256" => Ok(Self::PS256),
            "PS384" => Ok(Self::PS384),
            "PS512" => Ok(Self::PS512),
            "ES256" => Ok(Self::ES256),
            "ES384" => Ok(Self::ES384),
            "ES512" => Ok(Self::ES512),
            "EdDSA" => Ok(Self::EdDSA),
            _ => Err(UnknownAlgorithm),
        }
    }
}
