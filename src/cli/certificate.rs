//! The certificate of the listener: read at the start and at each reload, so that it is replaced without a restart.

use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::{SignedDuration, Timestamp};
use miette::{IntoDiagnostic, Result, WrapErr, miette};
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use x509_cert::Certificate;
use x509_cert::der::Decode;

use crate::config::{Contents, TlsFiles, read_file};

/// The times before the end of a certificate at which the log warns.
const WARNINGS: [SignedDuration; 4] = [
    SignedDuration::ZERO,
    SignedDuration::from_hours(24),
    SignedDuration::from_hours(7 * 24),
    SignedDuration::from_hours(30 * 24),
];

/// The certificate in use, and the files that it comes from.
#[derive(Debug)]
pub(super) struct ServerCertificate {
    files: TlsFiles,
    in_use: Arc<InUse>,
    contents: FileContents,
    ends: Timestamp,
    /// The last of `WARNINGS` that is in the log.
    warned: Option<SignedDuration>,
}

/// A certificate that can be used.
#[derive(Debug)]
pub(super) struct PreparedCertificate {
    files: TlsFiles,
    contents: FileContents,
    certified: CertifiedKey,
    ends: Timestamp,
}

#[derive(Debug)]
struct InUse(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for InUse {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

impl PreparedCertificate {
    /// Reads the certificate and its key.
    pub(super) fn read(files: &TlsFiles) -> Result<Self> {
        let contents = FileContents::read(files)?;
        let (certified, ends) = contents.certified(files)?;
        Ok(Self {
            files: files.clone(),
            contents,
            certified,
            ends,
        })
    }
}

impl ServerCertificate {
    /// Reads the certificate and its key.
    pub(super) fn read(files: &TlsFiles, now: Timestamp) -> Result<Self> {
        let prepared = PreparedCertificate::read(files)?;
        let mut read = Self {
            files: prepared.files,
            in_use: Arc::new(InUse(ArcSwap::from_pointee(prepared.certified))),
            contents: prepared.contents,
            ends: prepared.ends,
            warned: None,
        };
        read.warn_of_its_end(now);
        Ok(read)
    }

    /// The settings of connections. New connections get the certificate that is in use then.
    pub(super) fn server_config(&self) -> Arc<ServerConfig> {
        let resolver: Arc<dyn ResolvesServerCert> = Arc::<InUse>::clone(&self.in_use);
        let mut config = ServerConfig::builder()
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Arc::new(config)
    }

    /// Uses a certificate in new connections.
    pub(super) fn replace(&mut self, new: PreparedCertificate, now: Timestamp) {
        if new.contents != self.contents {
            let (file, ends) = (new.files.certificate_file.display(), new.ends);
            tracing::info!(certificate = %file, %ends, "a new certificate is in use");
            self.warned = None;
        }
        self.in_use.0.store(Arc::new(new.certified));
        (self.files, self.contents, self.ends) = (new.files, new.contents, new.ends);
        self.warn_of_its_end(now);
    }

    /// Logs a warning at each time of `WARNINGS` before the end.
    pub(super) fn warn_of_its_end(&mut self, now: Timestamp) {
        let ends = self.ends.as_duration().as_secs_f64();
        metrics::gauge!("cognate_certificate_end_seconds").set(ends);
        let left = self.ends.duration_since(now);
        let due = WARNINGS.into_iter().find(|warning| left <= *warning);
        if due.is_some() && due != self.warned {
            self.warned = due;
            let (file, ends) = (self.files.certificate_file.display(), self.ends);
            if left.is_negative() {
                tracing::error!(certificate = %file, %ends, "the certificate of the listener has expired: replace its files");
            } else {
                tracing::warn!(certificate = %file, %ends, "the certificate of the listener expires soon: replace its files");
            }
        }
    }
}

/// Checks the files as a start does. Returns a warning if the certificate has expired, or expires within 30 days.
pub(super) fn check(files: &TlsFiles, now: Timestamp) -> Result<Option<String>> {
    let (_, ends) = FileContents::read(files)?.certified(files)?;
    let file = files.certificate_file.display();
    let left = ends.duration_since(now);
    Ok(if left.is_negative() {
        Some(format!(
            "the certificate in {file} has expired: it ended at {ends}"
        ))
    } else if left <= SignedDuration::from_hours(30 * 24) {
        Some(format!(
            "the certificate in {file} expires soon: it ends at {ends}"
        ))
    } else {
        None
    })
}

fn end(certificate: &CertificateDer<'_>) -> Result<Timestamp> {
    let certificate = Certificate::from_der(certificate).into_diagnostic()?;
    let end = certificate.tbs_certificate.validity.not_after;
    let seconds = i64::try_from(end.to_unix_duration().as_secs()).into_diagnostic()?;
    Timestamp::from_second(seconds).into_diagnostic()
}

/// The contents of both files.
struct FileContents {
    certificate: Contents,
    key: Contents,
}

impl std::fmt::Debug for FileContents {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("FileContents(…)")
    }
}

impl PartialEq for FileContents {
    fn eq(&self, other: &Self) -> bool {
        self.certificate.bytes == other.certificate.bytes && self.key.bytes == other.key.bytes
    }
}

impl FileContents {
    fn read(files: &TlsFiles) -> Result<Self> {
        let read = |path: &std::path::Path| {
            let contents = read_file(path).into_diagnostic();
            contents.wrap_err_with(|| format!("{} can't be read", path.display()))
        };
        Ok(Self {
            certificate: read(&files.certificate_file)?,
            key: read(&files.key_file)?,
        })
    }

    /// The certificate with its chain and its key, which must belong to it, and when it ends.
    fn certified(&self, files: &TlsFiles) -> Result<(CertifiedKey, Timestamp)> {
        let certified = || -> Result<_> {
            let chain: Result<Vec<_>, _> =
                CertificateDer::pem_slice_iter(&self.certificate.bytes).collect();
            let chain = chain.into_diagnostic()?;
            let first = chain
                .first()
                .ok_or_else(|| miette!("the file has no certificate"))?;
            let ends = end(first)?;
            let key = PrivateKeyDer::from_pem_slice(&self.key.bytes).into_diagnostic()?;
            let provider = CryptoProvider::get_default().expect("a provider is installed");
            let certified = CertifiedKey::from_der(chain, key, provider).into_diagnostic()?;
            Ok((certified, ends))
        };
        certified().wrap_err_with(|| {
            format!(
                "the certificate in {} with the key in {} can't be used for TLS: both must be PEM, and the private key must \
                 belong to the certificate",
                files.certificate_file.display(),
                files.key_file.display()
            )
        })
    }
}

#[cfg(test)]
mod tests;
