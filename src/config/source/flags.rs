//! The flags of the command line, as plain strings. The CLI parses the command line, and the sections check the values.

use std::path::PathBuf;

use crate::config::Secret;

/// The flags of a command that serves or checks a configuration. The default has no flags.
#[derive(Debug, Clone, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
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
    /// `--region NAME`, repeated.
    pub regions: Vec<String>,
    /// `--upstream HOST=URL`, repeated.
    pub upstreams: Vec<String>,
    /// `--private-network NETWORK`, repeated.
    pub private_networks: Vec<String>,
    /// `--allow-http-issuers`
    pub allow_http_issuers: bool,
    /// `--http-issuer URL`, repeated.
    pub http_issuers: Vec<String>,
    /// `--ephemeral`, a flag of `cognate dev` only.
    pub ephemeral: bool,
    /// `--expose`, a flag of `cognate dev` only.
    pub expose: bool,
    /// `--drop-test-issuer`, a flag of `cognate serve` only.
    pub drop_test_issuer: bool,
    /// `--accept-changed-account-id`, a flag of `cognate serve` only.
    pub accept_changed_account_id: bool,
    /// `--accept-changed-public-url`, a flag of `cognate serve` only.
    pub accept_changed_public_url: bool,
}
