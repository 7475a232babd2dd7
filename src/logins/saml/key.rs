//! The keys that verify a provider's responses: the keys of the certificates in its metadata.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bergshamra_keys::Key;
use bergshamra_keys::loader::load_x509_cert_der;
use x509_parser::oid_registry::{OID_EC_P256, OID_NIST_EC_P384, OID_NIST_EC_P521};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

/// The size of an RSA key's modulus, in bits.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// Why a certificate has no usable key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// The string isn't base64 of a certificate in DER.
    #[error("it isn't an X.509 certificate")]
    Malformed,
    /// The RSA key has an unsupported size or exponent.
    #[error("its RSA key must have 2048 to 8192 bits and a small exponent")]
    Size,
    /// The key is neither RSA nor on a supported curve.
    #[error("its key is neither RSA nor on P-256, P-384 or P-521")]
    Kind,
}

/// The key of a certificate in base64 of its DER without white space, if it is strong enough for registration.
pub(super) fn registered_key(certificate: &str) -> Result<Key, CertificateError> {
    let der = STANDARD
        .decode(certificate)
        .map_err(|_| CertificateError::Malformed)?;
    let (rest, parsed) =
        X509Certificate::from_der(&der).map_err(|_| CertificateError::Malformed)?;
    if !rest.is_empty() {
        return Err(CertificateError::Malformed);
    }
    check_strength(parsed.public_key())?;
    certificate_key(certificate)
}

/// The key of a certificate. Its strength was checked at registration.
pub(super) fn certificate_key(certificate: &str) -> Result<Key, CertificateError> {
    let der = STANDARD
        .decode(certificate)
        .map_err(|_| CertificateError::Malformed)?;
    load_x509_cert_der(&der).map_err(|_| CertificateError::Kind)
}

fn check_strength(key: &SubjectPublicKeyInfo<'_>) -> Result<(), CertificateError> {
    match key.parsed().map_err(|_| CertificateError::Malformed)? {
        PublicKey::RSA(rsa) => {
            let small = rsa
                .try_exponent()
                .is_ok_and(|e| (3..1 << 32).contains(&e) && e % 2 == 1);
            if RSA_BITS.contains(&rsa.key_size()) && small {
                Ok(())
            } else {
                Err(CertificateError::Size)
            }
        }
        PublicKey::EC(_) => {
            let curve = key.algorithm.parameters.as_ref();
            let curve = curve.and_then(|curve| curve.as_oid().ok());
            let known = [OID_EC_P256, OID_NIST_EC_P384, OID_NIST_EC_P521];
            if curve.is_some_and(|curve| known.contains(&curve)) {
                Ok(())
            } else {
                Err(CertificateError::Kind)
            }
        }
        _ => Err(CertificateError::Kind),
    }
}
