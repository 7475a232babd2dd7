//! Thumbprints: which certificates a host under a private authority must show. They only ever narrow: whatever they say,
//! a chain that leads to no root is refused. Chains that lead to a well-known root are taken without, as the real
//! service takes them.

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

/// The roots of both kinds, apart.
#[derive(Debug)]
pub(super) struct Authorities {
    provider: Arc<CryptoProvider>,
    /// `None` where the system has none.
    well_known: Option<Arc<Verifier>>,
    private: Arc<WebPkiServerVerifier>,
}

impl Authorities {
    /// The system's roots, and those in `pem`, which were read before; `None` where it has none.
    pub(super) fn new(pem: &[u8]) -> Option<Self> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(CertificateDer::pem_slice_iter(pem).flatten());
        let provider = Arc::new(crypto::aws_lc_rs::default_provider());
        let builder = WebPkiServerVerifier::builder_with_provider(roots.into(), provider.clone());
        // Roots that can't be used are none: then there is nothing to narrow.
        let private = builder.build().ok()?;
        Some(Self {
            well_known: Verifier::new(provider.clone()).ok().map(Arc::new),
            private,
            provider,
        })
    }

    /// What a connection is checked with whose host must show one of `thumbprints` where its authority is private.
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

/// Whether the SHA-1 of a certificate is one of `thumbprints`. SHA-1 is the form that IAM has; since the chain was
/// verified before, a second certificate of the same hash would have to come from the same authority.
fn is_one_of(certificate: &CertificateDer<'_>, thumbprints: &[String]) -> bool {
    let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, certificate);
    let same = |one: &String| {
        let bytes = one.as_bytes().chunks(2).map(hex_byte);
        bytes.eq(hash.as_ref().iter().copied().map(Some))
    };
    thumbprints.iter().any(same)
}

/// The byte that two hexadecimal digits are.
fn hex_byte(digits: &[u8]) -> Option<u8> {
    let [high, low] = digits else { return None };
    let value = |digit: &u8| char::from(*digit).to_digit(16);
    u8::try_from(value(high)? * 16 + value(low)?).ok()
}
