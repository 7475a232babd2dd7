//! The keys that vouch for a provider's responses: those of the certificates in its metadata, and no others.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bergshamra_keys::Key;
use bergshamra_keys::loader::load_x509_cert_der;
use x509_parser::oid_registry::{OID_EC_P256, OID_NIST_EC_P384, OID_NIST_EC_P521};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

/// How long an RSA key's modulus may be, in bits.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// Why a certificate has no key that could vouch for anything.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoKey {
    /// Not base64 of a certificate in DER.
    #[error("it is no X.509 certificate")]
    Malformed,
    /// RSA of another size, or with an exponent that nobody uses.
    #[error("its RSA key must have 2048 to 8192 bits and a small exponent")]
    Size,
    /// Neither RSA nor one of the curves.
    #[error("its key is neither RSA nor on P-256, P-384 or P-521")]
    Kind,
}

/// The key of a certificate, given as base64 of its DER without white space, if it is strong enough to be registered.
pub(super) fn of_metadata(certificate: &str) -> Result<Key, NoKey> {
    let der = STANDARD.decode(certificate).map_err(|_| NoKey::Malformed)?;
    let (rest, parsed) = X509Certificate::from_der(&der).map_err(|_| NoKey::Malformed)?;
    if !rest.is_empty() {
        return Err(NoKey::Malformed);
    }
    check_strength(parsed.public_key())?;
    of_certificate(certificate)
}

/// The key of a certificate, however strong: its strength was checked when it was registered.
pub(super) fn of_certificate(certificate: &str) -> Result<Key, NoKey> {
    let der = STANDARD.decode(certificate).map_err(|_| NoKey::Malformed)?;
    load_x509_cert_der(&der).map_err(|_| NoKey::Kind)
}

fn check_strength(key: &SubjectPublicKeyInfo<'_>) -> Result<(), NoKey> {
    match key.parsed().map_err(|_| NoKey::Malformed)? {
        PublicKey::RSA(rsa) => {
            let small = rsa
                .try_exponent()
                .is_ok_and(|e| (3..1 << 32).contains(&e) && e % 2 == 1);
            if RSA_BITS.contains(&rsa.key_size()) && small {
                Ok(())
            } else {
                Err(NoKey::Size)
            }
        }
        PublicKey::EC(_) => {
            let curve = key.algorithm.parameters.as_ref();
            let curve = curve.and_then(|curve| curve.as_oid().ok());
            let known = [OID_EC_P256, OID_NIST_EC_P384, OID_NIST_EC_P521];
            if curve.is_some_and(|curve| known.contains(&curve)) {
                Ok(())
            } else {
                Err(NoKey::Kind)
            }
        }
        _ => Err(NoKey::Kind),
    }
}
