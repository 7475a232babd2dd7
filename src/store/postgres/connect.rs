//! Making a connection: the password and the certificates are read at each one, so that a change of these files counts
//! without a restart.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, Error};
use zeroize::Zeroizing;

use super::tls::{self, PostgresTls};
use super::{OpenPostgresError, PostgresSettings};

/// What each connection begins with: bounds that the database enforces, also when this server is stopped. Rows are always
/// looked up by an index: for a batch of keys, the planner would read the whole of a table that isn't large yet.
const SETTINGS: &str = "SET statement_timeout = '5s'; SET lock_timeout = '4s'; \
                        SET idle_in_transaction_session_timeout = '10s'; SET client_min_messages = warning; \
                        SET enable_seqscan = off";

/// Connects to the database, with what the files hold at that moment.
pub(super) struct Connector {
    settings: PostgresSettings,
    verify: bool,
    last: Mutex<DatabaseLogin>,
}

/// The contents of the files.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct LoginFiles {
    password: Option<Zeroizing<Vec<u8>>>,
    /// Certificates (PEM) of the authorities of the database; empty for the public ones.
    pub(super) roots: Vec<u8>,
    /// The client's certificate chain and private key (PEM).
    pub(super) client: Option<(Vec<u8>, Zeroizing<Vec<u8>>)>,
}

/// What a connection is made with.
#[derive(Clone)]
struct DatabaseLogin {
    files: LoginFiles,
    tls: PostgresTls,
}

impl Connector {
    /// A connector with files that can be read and used.
    pub(super) async fn new(
        settings: &PostgresSettings,
        verify: bool,
    ) -> Result<Self, OpenPostgresError> {
        let files = LoginFiles::read(settings).await?;
        let tls = tls::connector(&files, verify).map_err(OpenPostgresError::Tls)?;
        Ok(Self {
            settings: settings.clone(),
            verify,
            last: Mutex::new(DatabaseLogin { files, tls }),
        })
    }

    /// What the files hold now. Where they can't be used, what they held before.
    async fn login(&self) -> DatabaseLogin {
        let last = self.last().clone();
        let fresh = LoginFiles::read(&self.settings).await.and_then(|files| {
            if files == last.files {
                return Ok(last.clone());
            }
            let tls = tls::connector(&files, self.verify).map_err(OpenPostgresError::Tls)?;
            Ok(DatabaseLogin { files, tls })
        });
        match fresh {
            Ok(login) => {
                *self.last() = login.clone();
                login
            }
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the files of [database] can't be used, so the password and certificates of before are"
                );
                last
            }
        }
    }

    fn last(&self) -> std::sync::MutexGuard<'_, DatabaseLogin> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Connecting<'a> =
    Pin<Box<dyn Future<Output = Result<(Client, JoinHandle<()>), Error>> + Send + 'a>>;

impl deadpool_postgres::Connect for Connector {
    fn connect(&self, config: &Config) -> Connecting<'_> {
        let mut config = config.clone();
        Box::pin(async move {
            let DatabaseLogin { files, tls } = self.login().await;
            if let Some(password) = &files.password {
                config.password(password.as_slice());
            }
            let (client, connection) = config.connect(tls).await?;
            let connection = tokio::spawn(async move {
                if let Err(error) = connection.await {
                    let error: &dyn std::error::Error = &error;
                    tracing::debug!(error, "a connection to the database ended");
                }
            });
            client.batch_execute(SETTINGS).await?;
            Ok((client, connection))
        })
    }
}

impl LoginFiles {
    async fn read(settings: &PostgresSettings) -> Result<Self, OpenPostgresError> {
        let mut password = None;
        if let Some(path) = &settings.url_file {
            let url = read(path).await?;
            let url: Option<Config> = std::str::from_utf8(&url).ok().and_then(|text| {
                super::open::without_ssl_mode(text.trim_end())
                    .0
                    .parse()
                    .ok()
            });
            let url = url.ok_or(OpenPostgresError::Url)?;
            password = url
                .get_password()
                .map(|password| password.to_owned().into());
        }
        if let Some(path) = &settings.password_file {
            let mut text = read(path).await?;
            // The line end, as in every file with a secret.
            for end in [b'\n', b'\r'] {
                if text.last() == Some(&end) {
                    text.pop();
                }
            }
            password = Some(text);
        }
        let roots = match &settings.ca_file {
            Some(path) => read(path).await?.to_vec(),
            None => Vec::new(),
        };
        let client = match &settings.client_files {
            Some((chain, key)) => Some((read(chain).await?.to_vec(), read(key).await?)),
            None => None,
        };
        Ok(Self {
            password,
            roots,
            client,
        })
    }
}

async fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, OpenPostgresError> {
    let contents = tokio::fs::read(path).await;
    let path: PathBuf = path.to_owned();
    let contents = contents.map_err(|source| OpenPostgresError::File { path, source })?;
    Ok(Zeroizing::new(contents))
}
