//! Certificate pinning by thumbprint, for hosts of a private certificate authority. Thumbprints only restrict: a chain
//! that ends at no trusted root is always refused. A chain to a well-known root needs no thumbprint, as at the real
//! service.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{self, CryptoProvider};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use rustls_platform_verifier::Verifier;

/// The well-known and the private roots, separately.
#[derive(Debug)]
pub(super) struct Authorities {
    provider: Arc<CryptoProvider>,
    /// `None` if the system has no roots.
    well_known: Option<Arc<Verifier>>,
    private: Arc<WebPkiServerVerifier>,
}

impl Authorities {
    /// Takes the system's roots and those in `pem`, which was checked before; `None` if `pem` has none.
    pub(super) fn new(pem: &[u8]) -> Option<Self> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(CertificateDer::pem_slice_iter(pem).flatten());
        let provider = Arc::new(crypto::aws_lc_rs::default_provider());
        let builder = WebPkiServerVerifier::builder_with_provider(roots.into(), provider.clone());
        // Unusable roots count as none, so there is nothing to restrict.
        let private = builder.build().ok()?;
        Some(Self {
            well_known: Verifier::new(provider.clone()).ok().map(Arc::new),
            private,
            provider,
        })
    }

    /// Makes the TLS configuration for a host that must show one of `thumbprints` if its authority is private.
    pub(super) fn config(self: &Arc<Self>, thumbprints: &[String]) -> Result<ClientConfig, Error> {
        let verifier = Pinned {
            authorities: Arc::clone(self),
            thumbprints: thumbprints.to_vec(),
        };
        Ok(ClientConfig::builder_with_provider(self.provider.clone())
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth())
    }
}

#[derive(Debug)]
struct Pinned {
    authorities: Arc<Authorities>,
    /// SHA-1 in hexadecimal digits.
    thumbprints: Vec<String>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Some(well_known) = &self.authorities.well_known
            && let Ok(verified) = well_known.verify_server_cert(
                end_entity,
                intermediates,
                server_name,
                ocsp_response,
                now,
            )
        {
            return Ok(verified);
        }
        let private = &self.authorities.private;
        let verified = private.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        )?;
        let mut shown = std::iter::once(end_entity).chain(intermediates);
        if shown.any(|certificate| is_one_of(certificate, &self.thumbprints)) {
            Ok(verified)
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let private = &self.authorities.private;
        private.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let private = &self.authorities.private;
        private.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authorities.private.supported_verify_schemes()
    }
}

/// Whether the SHA-1 of a certificate is one of `thumbprints`. IAM defines them as SHA-1. The chain is verified before, so
/// a colliding certificate would have to come from the same authority.
fn is_one_of(certificate: &CertificateDer<'_>, thumbprints: &[String]) -> bool {
    let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, certificate);
    let same = |one: &String| {
        let bytes = one.as_bytes().chunks(2).map(hex_byte);
        bytes.eq(hash.as_ref().iter().copied().map(Some))
    };
    thumbprints.iter().any(same)
}

/// Decodes two hexadecimal digits.
fn hex_byte(digits: &[u8]) -> Option<u8> {
    let [high, low] = digits else { return None };
    let value = |digit: &u8| char::from(*digit).to_digit(16);
    u8::try_from(value(high)? * 16 + value(low)?).ok()
}
