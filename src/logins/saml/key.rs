//! The keys that verify a provider's responses: the keys of the certificates in its metadata.

use std::ops::RangeInclusive;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bergshamra_keys::Key;
use bergshamra_keys::loader::load_x509_cert_der;
use x509_cert::Certificate;
use x509_cert::der::asn1::{ObjectIdentifier, UintRef};
use x509_cert::der::{self, Decode, Reader, SliceReader};
use x509_cert::spki::SubjectPublicKeyInfoOwned;

/// The size of an RSA key's modulus, in bits.
const RSA_BITS: RangeInclusive<usize> = 2048..=8192;

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const ELLIPTIC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
/// P-256, P-384 and P-521.
const CURVES: [ObjectIdentifier; 3] = [
    ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7"),
    ObjectIdentifier::new_unwrap("1.3.132.0.34"),
    ObjectIdentifier::new_unwrap("1.3.132.0.35"),
];

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
    let parsed = Certificate::from_der(&der).map_err(|_| CertificateError::Malformed)?;
    check_strength(&parsed.tbs_certificate.subject_public_key_info)?;
    certificate_key(certificate)
}

/// The key of a certificate. Its strength was checked at registration.
pub(super) fn certificate_key(certificate: &str) -> Result<Key, CertificateError> {
    let der = STANDARD
        .decode(certificate)
        .map_err(|_| CertificateError::Malformed)?;
    load_x509_cert_der(&der).map_err(|_| CertificateError::Kind)
}

fn check_strength(key: &SubjectPublicKeyInfoOwned) -> Result<(), CertificateError> {
    let algorithm = &key.algorithm;
    if algorithm.oid == RSA {
        let key = key.subject_public_key.raw_bytes();
        let (bits, exponent) = rsa_size(key).map_err(|_| CertificateError::Malformed)?;
        let small = exponent.is_some_and(|e| (3..1 << 32).contains(&e) && e % 2 == 1);
        return if RSA_BITS.contains(&bits) && small {
            Ok(())
        } else {
            Err(CertificateError::Size)
        };
    }
    let curve = algorithm.parameters.as_ref();
    let curve = curve.and_then(|curve| curve.decode_as::<ObjectIdentifier>().ok());
    if algorithm.oid == ELLIPTIC && curve.is_some_and(|curve| CURVES.contains(&curve)) {
        Ok(())
    } else {
        Err(CertificateError::Kind)
    }
}

/// The bits of the modulus, and the exponent if it fits into 64 bits, of a PKCS #1 `RSAPublicKey`.
fn rsa_size(key: &[u8]) -> der::Result<(usize, Option<u64>)> {
    let mut reader = SliceReader::new(key)?;
    let size = reader.sequence(|fields| {
        let (modulus, exponent) = (UintRef::decode(fields)?, UintRef::decode(fields)?);
        let bytes = modulus.as_bytes();
        let unused = bytes
            .first()
            .map_or(0, |first| first.leading_zeros() as usize);
        let exponent = exponent.as_bytes();
        let exponent = (exponent.len() <= 8).then(|| {
            exponent
                .iter()
                .fold(0, |sum, byte| sum << 8 | u64::from(*byte))
        });
        Ok((bytes.len() * 8 - unused, exponent))
    })?;
    reader.finish(size)
}
