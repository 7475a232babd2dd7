//! What an operator can do about an error of the database, in one sentence: it leads the words of PostgreSQL and of the
//! driver in the log. No sentence has anything of the URL or of a password in it.

use std::error::Error;
use std::io;

use rustls::CertificateError;
use tokio_postgres::error::SqlState;

use crate::store::Cause;

/// The advice where the database is silent.
pub(super) const SILENT: &str =
    "the database did not answer within five seconds: check its load, its disk and the network";

const UNREACHABLE: &str =
    "the database can't be reached: check that it runs, and the hosts and ports in database_url";

/// An error of the database, led by what can be done about it.
#[derive(Debug, thiserror::Error)]
#[error("{advice}")]
struct AdvisedError {
    advice: &'static str,
    #[source]
    error: tokio_postgres::Error,
}

/// The error, led by advice where there is any.
pub(super) fn advised(error: tokio_postgres::Error) -> Cause {
    match advice(&error) {
        Some(advice) => Box::new(AdvisedError { advice, error }),
        None => Box::new(error),
    }
}

fn advice(error: &tokio_postgres::Error) -> Option<&'static str> {
    match error.code() {
        Some(code) => of_state(code),
        None => of_connection(error),
    }
}

fn of_state(code: &SqlState) -> Option<&'static str> {
    Some(match *code {
        SqlState::INVALID_PASSWORD => {
            "the database refuses the password: write the role's password to database.password_file, which is read again \
             at each connection"
        }
        SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
            "the database refuses the role: check pg_hba.conf and that the role may LOGIN"
        }
        SqlState::INVALID_CATALOG_NAME => {
            "the server has no database of this name: check database_url"
        }
        SqlState::TOO_MANY_CONNECTIONS => {
            "the database has no connection left: raise max_connections or the CONNECTION LIMIT of the role, or lower \
             database.connections"
        }
        SqlState::DISK_FULL => "the database's disk is full: free or add space there",
        SqlState::OUT_OF_MEMORY => {
            "the database has no memory left: add memory, or lower its work_mem and max_connections"
        }
        SqlState::INSUFFICIENT_PRIVILEGE => {
            "the role may not use the tables: make it the owner of the database and of the tables"
        }
        SqlState::READ_ONLY_SQL_TRANSACTION => {
            "the database takes no changes, as a replica does: name the primary in database_url, or all nodes with \
             target_session_attrs=read-write"
        }
        SqlState::CANNOT_CONNECT_NOW => {
            "the database starts, stops or recovers: wait until it has finished, and look at its log"
        }
        SqlState::ADMIN_SHUTDOWN | SqlState::CRASH_SHUTDOWN => {
            "the database ended the connection: check that it runs, and look at its log"
        }
        SqlState::QUERY_CANCELED => SILENT,
        _ => return None,
    })
}

fn of_connection(error: &tokio_postgres::Error) -> Option<&'static str> {
    if error.is_closed() {
        return Some(UNREACHABLE);
    }
    let mut source = error.source();
    let mut is_io = false;
    while let Some(cause) = source {
        if let Some(rustls::Error::InvalidCertificate(reason)) = tls_error(cause) {
            return Some(of_certificate(reason));
        }
        is_io |= cause.is::<io::Error>();
        source = cause.source();
    }
    // The driver's kinds of errors are private, and these words are theirs.
    let words = error.to_string();
    if words.starts_with("error performing TLS handshake") {
        return Some(
            "no TLS connection to the database can be made: check that it has ssl = on, and its certificate and that of \
             this server",
        );
    }
    if words.starts_with("invalid configuration") || words.starts_with("authentication error") {
        return Some("the database wants to be shown a password: set database.password_file");
    }
    if words.starts_with("timeout") {
        return Some(SILENT);
    }
    (is_io || words.starts_with("error connecting")).then_some(UNREACHABLE)
}

/// The error of TLS in a cause: the driver keeps it inside of one of input and output.
fn tls_error<'e>(cause: &'e (dyn Error + 'static)) -> Option<&'e rustls::Error> {
    if let Some(error) = cause.downcast_ref::<io::Error>() {
        return error.get_ref()?.downcast_ref();
    }
    cause.downcast_ref()
}

fn of_certificate(reason: &CertificateError) -> &'static str {
    match reason {
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "the database's certificate is not for the host in database_url: give it a certificate with this name, or use \
             the name that it has"
        }
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => {
            "the database's certificate has expired, or is not valid yet: renew it, and check the clocks"
        }
        _ => {
            "the database's certificate can't be verified: give it a certificate of a trusted authority, or write the \
             authority's certificates to database.ca_file"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_certificate_that_is_refused_has_advice() {
        for (reason, words) in [
            (CertificateError::UnknownIssuer, "database.ca_file"),
            (CertificateError::BadSignature, "database.ca_file"),
            (CertificateError::Expired, "renew it"),
            (CertificateError::NotValidYet, "check the clocks"),
            (CertificateError::NotValidForName, "host in database_url"),
        ] {
            let inside = io::Error::new(io::ErrorKind::InvalidData, rustls::Error::from(reason));
            let Some(rustls::Error::InvalidCertificate(reason)) = tls_error(&inside) else {
                panic!("the error of TLS isn't found");
            };
            assert!(of_certificate(reason).contains(words), "{reason:?}");
        }
    }
}
