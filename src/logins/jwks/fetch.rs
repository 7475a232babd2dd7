//! Fetching an issuer's JWK set: by discovery, from a URL or from a file. Fetched sets are kept in `cache`.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use serde::Deserialize;
use tokio::io::AsyncReadExt;
use url::Url;

use super::set::{JwkSet, JwkSetError};
use crate::model::issuer::discovery_url;
use crate::model::json::{self, JsonError};
use crate::outgoing::{Fetched, Outgoing, OutgoingError};

/// The longest key file, in bytes; the same limit as for fetched documents.
const LONGEST_FILE: u64 = 1024 * 1024;

/// The path of a user pool's JWK set below its issuer's URL.
pub(in crate::logins) const USER_POOL_JWKS: &str = "/.well-known/jwks.json";

/// The source of an issuer's JWK set.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::logins) enum JwksSource {
    /// The `jwks_uri` of the issuer's discovery document.
    Discovery {
        /// The issuer's URL, byte for byte as the document must have it.
        issuer: String,
        /// The SHA-1 thumbprints of the certificates that its hosts must present if their authority is private.
        thumbprints: Vec<String>,
    },
    /// A fixed URL.
    Url {
        /// The URL of the JWK set.
        url: String,
    },
    /// A file of the operator, for an issuer that can't be reached.
    File {
        /// The file.
        path: PathBuf,
    },
    /// An issuer of this process. Its listener is never asked.
    OfProcess {
        /// The JWK set.
        key_set: Arc<[u8]>,
    },
}

impl JwksSource {
    /// The URL of the issuer, if the source is the issuer's.
    pub(in crate::logins) fn issuer(&self) -> Option<&str> {
        match self {
            Self::Discovery { issuer, .. } => Some(issuer),
            Self::Url { url } => url.strip_suffix(USER_POOL_JWKS),
            Self::File { .. } | Self::OfProcess { .. } => None,
        }
    }
}

/// Why an issuer's JWK set could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum JwksFetchError {
    /// The issuer can't be reached.
    #[error("the issuer's {document} can't be fetched")]
    Outgoing {
        /// The document's name.
        document: &'static str,
        /// The cause.
        source: OutgoingError,
    },
    /// The status of the answer isn't 200.
    #[error("the issuer's {document} was answered with {status}")]
    Status {
        /// The document's name.
        document: &'static str,
        /// The answer's status.
        status: StatusCode,
    },
    /// The discovery document can't be read.
    #[error("the issuer's discovery document can't be read")]
    Discovery(#[source] JsonError),
    /// The discovery document names another issuer.
    #[error("the discovery document is of another issuer, {0:?}")]
    OtherIssuer(String),
    /// The key set is http, or elsewhere than its http issuer.
    #[error(
        "the jwks_uri of the discovery document isn't https (an http issuer's is at the issuer's own scheme, host and port)"
    )]
    KeySetUrl,
    /// The key file can't be read.
    #[error("the issuer's key file can't be read")]
    File(#[source] io::Error),
    /// The key file is longer than 1 MiB.
    #[error("the issuer's key file is longer than 1 MiB")]
    FileTooLong,
    /// The JWK set can't be read.
    #[error("the issuer's key set can't be read")]
    Keys(#[source] JwkSetError),
}

/// A discovery document; other members are ignored.
#[derive(Debug, Deserialize)]
struct DiscoveryDocument {
    issuer: String,
    jwks_uri: String,
}

/// A JWK set that was fetched.
#[derive(Debug)]
pub(super) struct FetchedJwks {
    pub(super) set: JwkSet,
    /// How long the issuer allows to cache it.
    pub(super) max_age: Option<Duration>,
}

/// Fetches one issuer's JWK set.
pub(super) trait FetchJwks: Send + Sync + 'static {
    /// Fetches the set as it is now.
    fn fetch(&self) -> impl Future<Output = Result<FetchedJwks, JwksFetchError>> + Send;
}

/// The fetcher of one issuer's JWK set.
#[derive(Debug)]
pub(super) struct JwksFetcher {
    pub(super) source: JwksSource,
    pub(super) outgoing: Arc<Outgoing>,
}

impl FetchJwks for JwksFetcher {
    async fn fetch(&self) -> Result<FetchedJwks, JwksFetchError> {
        self.read().await.inspect_err(|error| {
            tracing::warn!(source = ?self.source, error = error as &dyn Error, "an issuer's keys can't be fetched");
        })
    }
}

impl JwksFetcher {
    async fn read(&self) -> Result<FetchedJwks, JwksFetchError> {
        let outgoing = &self.outgoing;
        let fetched = match &self.source {
            JwksSource::Discovery {
                issuer,
                thumbprints,
            } => {
                let url = discovery_url(issuer);
                let discovery = outgoing.get_pinned(&url, thumbprints).await;
                let discovery = answered("discovery document", discovery)?;
                let url = jwks_uri(&discovery.body, issuer)?;
                check_key_set_url(&url, issuer)?;
                outgoing.get_linked(&url, thumbprints, &discovery).await
            }
            JwksSource::Url { url } => outgoing.get_pinned(url, &[]).await,
            JwksSource::File { path } => return read_file(path).await,
            JwksSource::OfProcess { key_set } => {
                return Ok(FetchedJwks {
                    set: JwkSet::parse(key_set).map_err(JwksFetchError::Keys)?,
                    max_age: None,
                });
            }
        };
        let document = answered("key set", fetched)?;
        Ok(FetchedJwks {
            set: JwkSet::parse(&document.body).map_err(JwksFetchError::Keys)?,
            max_age: document.max_age,
        })
    }
}

/// The document, if its host answered with it.
fn answered(
    document: &'static str,
    fetched: Result<Fetched, OutgoingError>,
) -> Result<Fetched, JwksFetchError> {
    let fetched = fetched.map_err(|source| JwksFetchError::Outgoing { document, source })?;
    match fetched.status {
        StatusCode::OK => Ok(fetched),
        status => Err(JwksFetchError::Status { document, status }),
    }
}

/// Refuses a key set that is less protected than its issuer: the key set of an https issuer is https, at any host. The key
/// set of an http issuer is at the issuer's own scheme, host and port.
fn check_key_set_url(url: &str, issuer: &str) -> Result<(), JwksFetchError> {
    let parsed = |text| Url::parse(text).ok();
    let (Some(url), Some(issuer)) = (parsed(url), parsed(issuer)) else {
        return Err(JwksFetchError::KeySetUrl);
    };
    let fits = match issuer.scheme() {
        "https" => url.scheme() == "https",
        _ => url.origin() == issuer.origin(),
    };
    if fits {
        Ok(())
    } else {
        Err(JwksFetchError::KeySetUrl)
    }
}

/// Reads the JWK set in a file, which is read again as often as an issuer may be asked.
async fn read_file(path: &Path) -> Result<FetchedJwks, JwksFetchError> {
    let file = tokio::fs::File::open(path)
        .await
        .map_err(JwksFetchError::File)?;
    let mut document = Vec::new();
    let mut start = file.take(LONGEST_FILE + 1);
    start
        .read_to_end(&mut document)
        .await
        .map_err(JwksFetchError::File)?;
    if document.len() as u64 > LONGEST_FILE {
        return Err(JwksFetchError::FileTooLong);
    }
    Ok(FetchedJwks {
        set: JwkSet::parse(&document).map_err(JwksFetchError::Keys)?,
        max_age: Some(Duration::ZERO),
    })
}

/// The `jwks_uri` in the discovery document of `issuer`: any string, not checked to be a URL.
pub fn jwks_uri(document: &[u8], issuer: &str) -> Result<String, JwksFetchError> {
    let discovery: DiscoveryDocument =
        json::read_as(document).map_err(JwksFetchError::Discovery)?;
    if discovery.issuer == issuer {
        Ok(discovery.jwks_uri)
    } else {
        let other = discovery.issuer.chars().take(255).collect();
        Err(JwksFetchError::OtherIssuer(other))
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

    fn found(document: &str) -> Result<String, JwksFetchError> {
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
                matches!(refused, Err(JwksFetchError::OtherIssuer(_))),
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
                matches!(refused, Err(JwksFetchError::Discovery(_))),
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
