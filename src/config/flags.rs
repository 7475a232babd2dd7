//! What the command line said, as plain texts: no command line parser here, and nothing checked yet.

use std::path::PathBuf;

use super::Secret;

/// The flags of a command that serves or checks a configuration. The default is a command line without flags.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// `--config FILE`
    pub config: Option<PathBuf>,
    /// `--listen ADDR`
    pub listen: Option<String>,
    /// `--data-dir DIR`
    pub data_dir: Option<PathBuf>,
    /// `--database-url URL`; it may hold a password.
    pub database_url: Option<Secret>,
    /// `--master-key-file FILE`
    pub master_key_file: Option<PathBuf>,
    /// `--public-url URL`
    pub public_url: Option<String>,
    /// `--account-id N`
    pub account_id: Option<String>,
    /// `--region NAME`, each.
    pub regions: Vec<String>,
    /// `--upstream HOST=URL`, each.
    pub upstreams: Vec<String>,
    /// `--allow-http-issuers`
    pub allow_http_issuers: bool,
    /// `--ephemeral`, which only `cognate dev` offers.
    pub ephemeral: bool,
}
