//! An issuer's keys where it publishes them, or where the operator keeps them. Nothing is kept here: that is
//! `issuer_keys`' matter.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use serde::Deserialize;
use tokio::io::AsyncReadExt;

use super::issuer_keys::{FetchedKeys, Source};
use super::jwks::{KeySet, KeySetError};
use crate::model::json::{self, JsonError};
use crate::outgoing::{Fetched, Outgoing, OutgoingError};

/// How long a file of keys may be, in bytes: as long as a document that is fetched.
const LONGEST_FILE: u64 = 1024 * 1024;

/// Where a user pool's keys are, behind its issuer's URL.
pub(super) const BESIDE: &str = "/.well-known/jwks.json";

/// Where an issuer publishes its keys.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Place {
    /// Where its discovery document says.
    Discovered {
        /// The issuer's URL, to the byte what the document must say.
        issuer: String,
        /// The certificates that its hosts must show where their authority is a private one; SHA-1.
        thumbprints: Vec<String>,
    },
    /// At a fixed URL.
    At {
        /// The key set's URL.
        url: String,
    },
    /// In a file of the operator's, since the issuer can't be reached.
    File {
        /// The file.
        path: PathBuf,
    },
}

impl Place {
    /// The URL of the issuer whose keys are there, where it has one.
    pub(super) fn issuer(&self) -> Option<&str> {
        match self {
            Self::Discovered { issuer, .. } => Some(issuer),
            Self::At { url } => url.strip_suffix(BESIDE),
            Self::File { .. } => None,
        }
    }
}

/// Why an issuer's keys could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// No answer.
    #[error("the issuer's {what} can't be fetched")]
    Outgoing {
        /// Which document.
        what: &'static str,
        /// What happened.
        source: OutgoingError,
    },
    /// An answer that isn't 200.
    #[error("the issuer's {what} was answered with {status}")]
    Status {
        /// Which document.
        what: &'static str,
        /// The answer's status.
        status: StatusCode,
    },
    /// A discovery document that can't be read.
    #[error("the issuer's discovery document can't be read")]
    Discovery(#[source] JsonError),
    /// A discovery document that speaks for another issuer.
    #[error("the discovery document is of another issuer, {0:?}")]
    OtherIssuer(String),
    /// A file of keys that can't be read.
    #[error("the issuer's key file can't be read")]
    File(#[source] io::Error),
    /// A file of keys that is longer than 1 MiB.
    #[error("the issuer's key file is longer than 1 MiB")]
    FileTooLong,
    /// A key set that can't be read.
    #[error("the issuer's key set can't be read")]
    Keys(#[source] KeySetError),
}

/// What is read of a discovery document.
#[derive(Debug, Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

/// One issuer's keys, out there.
#[derive(Debug)]
pub(super) struct Remote {
    pub(super) place: Place,
    pub(super) outgoing: Arc<Outgoing>,
}

impl Source for Remote {
    async fn fetch(&self) -> Result<FetchedKeys, FetchError> {
        self.read().await.inspect_err(|error| {
            tracing::warn!(place = ?self.place, error = error as &dyn Error, "no keys from an issuer");
        })
    }
}

impl Remote {
    async fn read(&self) -> Result<FetchedKeys, FetchError> {
        let (url, thumbprints) = match &self.place {
            Place::Discovered {
                issuer,
                thumbprints,
            } => {
                let document = self
                    .get("discovery document", &discovery_url(issuer), thumbprints)
                    .await?;
                (jwks_uri(&document.body, issuer)?, thumbprints.as_slice())
            }
            Place::At { url } => (url.clone(), [].as_slice()),
            Place::File { path } => return in_file(path).await,
        };
        let document = self.get("key set", &url, thumbprints).await?;
        Ok(FetchedKeys {
            keys: KeySet::parse(&document.body).map_err(FetchError::Keys)?,
            max_age: document.max_age,
        })
    }

    async fn get(
        &self,
        what: &'static str,
        url: &str,
        thumbprints: &[String],
    ) -> Result<Fetched, FetchError> {
        let fetched = self.outgoing.get_pinned(url, thumbprints).await;
        let fetched = fetched.map_err(|source| FetchError::Outgoing { what, source })?;
        match fetched.status {
            StatusCode::OK => Ok(fetched),
            status => Err(FetchError::Status { what, status }),
        }
    }
}

/// The keys in a file, read again as often as an issuer may be asked.
async fn in_file(path: &Path) -> Result<FetchedKeys, FetchError> {
    let file = tokio::fs::File::open(path)
        .await
        .map_err(FetchError::File)?;
    let mut document = Vec::new();
    let mut start = file.take(LONGEST_FILE + 1);
    start
        .read_to_end(&mut document)
        .await
        .map_err(FetchError::File)?;
    if document.len() as u64 > LONGEST_FILE {
        return Err(FetchError::FileTooLong);
    }
    Ok(FetchedKeys {
        keys: KeySet::parse(&document).map_err(FetchError::Keys)?,
        max_age: Some(Duration::ZERO),
    })
}

fn discovery_url(issuer: &str) -> String {
    let issuer = issuer.strip_suffix('/').unwrap_or(issuer);
    format!("{issuer}/.well-known/openid-configuration")
}

/// The key set's URL in the discovery document of `issuer`; nothing is known of it but that it is text.
pub fn jwks_uri(document: &[u8], issuer: &str) -> Result<String, FetchError> {
    let discovery: Discovery = json::read_as(document).map_err(FetchError::Discovery)?;
    if discovery.issuer == issuer {
        Ok(discovery.jwks_uri)
    } else {
        let other = discovery.issuer.chars().take(255).collect();
        Err(FetchError::OtherIssuer(other))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn discovery_stands_below_the_issuer_without_a_doubled_slash() {
        for (issuer, url) in [
            (
                "https://a.example",
                "https://a.example/.well-known/openid-configuration",
            ),
            (
                "https://a.example/",
                "https://a.example/.well-known/openid-configuration",
            ),
            (
                "https://a.example/realms/b",
                "https://a.example/realms/b/.well-known/openid-configuration",
            ),
        ] {
            assert_eq!(discovery_url(issuer), url);
        }
    }

    fn found(document: &str) -> Result<String, FetchError> {
        jwks_uri(document.as_bytes(), "https://a.example")
    }

    #[test]
    fn a_discovery_document_leads_to_the_keys() {
        let document = r#"{"issuer":"https://a.example","jwks_uri":"https://b.example/k","x":[]}"#;
        assert_eq!(found(document).unwrap(), "https://b.example/k");
    }

    #[test]
    fn a_discovery_document_of_another_issuer_leads_nowhere() {
        for issuer in [
            "https://a.example/",
            "https://A.example",
            "",
            "https://b.example",
        ] {
            let document = format!(r#"{{"issuer":"{issuer}","jwks_uri":"https://b.example/k"}}"#);
            let refused = found(&document);
            assert!(
                matches!(refused, Err(FetchError::OtherIssuer(_))),
                "{issuer}"
            );
        }
    }

    #[test]
    fn a_discovery_document_that_is_garbage_leads_nowhere() {
        for document in [
            "",
            "<html>",
            "[]",
            "null",
            "{}",
            r#"{"issuer":"https://a.example"}"#,
            r#"{"issuer":"https://a.example","jwks_uri":1}"#,
            r#"{"issuer":["https://a.example"],"jwks_uri":"https://b.example/k"}"#,
            r#"{"issuer":"https://a.example","jwks_uri":"a","jwks_uri":"b"}"#,
            r#"{"issuer":"https://a.example","\u0069ssuer":"b","jwks_uri":"b"}"#,
            r#"{"issuer":"https://a.example","jwks_uri":"a"} x"#,
        ] {
            let refused = found(document);
            assert!(
                matches!(refused, Err(FetchError::Discovery(_))),
                "{document}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_of_discovery_panic(bytes: Vec<u8>) {
            let _ = jwks_uri(&bytes, "https://a.example");
        }
    }
}
