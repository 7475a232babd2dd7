//! The configuration: one struct, loaded from a TOML file, the environment and flags (the later overrides the earlier),
//! with every mistake reported at once. It opens no socket and no store.
//!
//! `source` reads the sources. Each section of the settings is one file here with its names, defaults, parsing,
//! cross-checks and its lines of `cognate check-config`; `sections` is the table of them.

mod access_key_pair;
mod account;
mod audit;
mod database;
mod dev;
mod events;
mod issuers;
mod limits;
mod listen;
mod load;
mod log;
mod logins;
mod proxies;
mod public_url;
mod root_key;
mod routes;
mod secret;
mod sections;
mod seeds;
mod sessions;
mod source;
mod storage;
#[cfg(test)]
mod tests;
mod tls;
mod traces;
mod unsafe_exceptions;
mod upstreams;
mod user_pools;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

pub use access_key_pair::AccessKeyPair;
pub use audit::{AuditSettings, AuditTarget, AuditWrite};
pub use database::DatabaseSettings;
pub use dev::DevSettings;
pub use events::EventSettings;
pub use issuers::IssuerSetting;
pub use limits::LimitSettings;
pub use log::{LogFormat, LogSettings};
pub use logins::LoginSettings;
pub use proxies::ProxySettings;
pub use root_key::RootKeySetting;
pub use routes::RouteSetting;
pub use secret::Secret;
pub use sections::{SummaryLine, settings};
pub use sessions::SessionSettings;
pub use source::diagnostics::{ConfigDiagnostic, ConfigErrors, DiagnosticLocation};
pub use source::environment::Environment;
pub use source::files::{Contents, ReadFile, SecretFile, SecretFileError, read_file};
pub use source::flags::Flags;
pub use source::setting::{CONFIG_FLAG, CONFIG_VARIABLE, Reloading, Setting, VariableKind};
pub use tls::TlsFiles;
pub use traces::TraceSettings;
pub use unsafe_exceptions::UnsafeException;
pub use upstreams::Upstreams;

use self::source::contents::SourceContents;
use crate::model::ids::{AccountId, Region};
use crate::model::issuer::HttpIssuers;

/// The operator's decisions.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a decision of its own"
)]
pub struct Config {
    /// The address to listen on. Port 0 lets the system choose a free port.
    pub listen: SocketAddr,
    /// The address of the listener for the operator, which serves the metrics and the health; `None` for no such listener.
    pub management_listen: Option<SocketAddr>,
    /// How long the server goes on serving after a signal to stop, while `/health` says that it is not ready.
    pub drain_delay: Duration,
    /// The TLS files of the listener; `None` for plain HTTP.
    pub tls: Option<TlsFiles>,
    /// The public URL as it was set. Use [`Config::public_url_for`].
    pub public_url: Option<String>,
    /// The proxies that may name the addresses of clients.
    pub proxies: ProxySettings,
    /// What `cognate dev` does beyond `cognate serve`; `None` unless it started the process. It alone has the test issuer.
    pub dev: Option<DevSettings>,
    /// The web origins that the test issuer of `cognate dev` serves, besides those on this machine.
    pub dev_origins: Vec<String>,
    /// Whether the start removes the test issuer of `cognate dev` from the store.
    pub drop_test_issuer: bool,
    /// Whether existing data may be served for another account.
    pub accept_changed_account_id: bool,
    /// Whether existing data may be served under another public URL.
    pub accept_changed_public_url: bool,
    /// The folder of the embedded store and of the files beside it.
    pub data_dir: PathBuf,
    /// The database that replaces the embedded store.
    pub database: Option<DatabaseSettings>,
    /// The file of the master key. It may not exist yet.
    pub master_key_file: PathBuf,
    /// The master key itself, which replaces its file.
    pub master_key: Option<Secret>,
    /// The account of this deployment.
    pub account_id: AccountId,
    /// The regions that are served, without duplicates; empty for any region. Use [`Config::serves`].
    pub regions: Vec<Region>,
    /// The URLs from which the documents of some hosts are fetched.
    pub upstreams: Upstreams,
    /// Whether `http://` issuers on loopback hosts are accepted, and loopback as an outgoing address.
    pub allow_http_issuers: bool,
    /// The `http://` issuers that are accepted in addition, by their URLs. Use [`Config::accepted_http_issuers`].
    pub http_issuers: Vec<String>,
    /// How logins are checked.
    pub logins: LoginSettings,
    /// The issuers with their keys in a file, each once.
    pub issuers: Vec<IssuerSetting>,
    /// The access key with which Cognito user pools are asked about their users.
    pub user_pools: Option<AccessKeyPair>,
    /// The log's filter and format.
    pub log: LogSettings,
    /// The key that signs the first requests.
    pub root: RootKeySetting,
    /// The routes to other STSs, in the order in which they are tried.
    pub routes: Vec<RouteSetting>,
    /// What sessions of the built-in STS may do.
    pub sessions: SessionSettings,
    /// Limits on the number of resources and on the rates of calls.
    pub limits: LimitSettings,
    /// The events that each change leaves.
    pub events: EventSettings,
    /// The audit log, if there is one.
    pub audit: Option<AuditSettings>,
    /// Where traces go, if anywhere.
    pub traces: Option<TraceSettings>,
    /// The seed files that are applied at a start, in this order.
    pub seeds: Vec<PathBuf>,
    /// Whether the tag `_custom_id_` of CreateIdentityPool chooses the id: only in `cognate dev`.
    pub custom_pool_ids: bool,
    public_metrics: bool,
    contents: SourceContents,
    exceptions: Vec<UnsafeException>,
    warnings: Vec<String>,
}

/// The command that loads a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RunMode {
    /// `cognate serve` or `cognate check-config`.
    Serve,
    /// The server was started by `cognate dev`.
    Dev,
}

impl Config {
    /// The settings that all servers of one store should share, without secrets, as a text that differs where they differ.
    pub fn shared_settings(&self, issuer: &str) -> String {
        let identity = (issuer, &self.account_id, &self.regions, &self.proxies);
        let logins = (
            &self.logins,
            &self.issuers,
            &self.upstreams,
            self.allow_http_issuers,
            &self.http_issuers,
        );
        let sessions = (&self.sessions, &self.routes, &self.limits);
        format!("{identity:?}{logins:?}{sessions:?}{:?}", self.exceptions)
    }

    /// Loads the configuration of `cognate serve`.
    pub fn load(
        flags: &Flags,
        environment: &Environment,
        read_file: ReadFile<'_>,
    ) -> Result<Self, ConfigErrors> {
        load::load(RunMode::Serve, flags, environment, read_file)
    }

    /// Loads the configuration of `cognate dev`: as [`Config::load`], but http issuers are allowed unless they are
    /// switched off. Without `--expose`, only loopback addresses are accepted, whatever the file sets. With it, every
    /// address needs no exception.
    pub fn for_dev(
        flags: &Flags,
        environment: &Environment,
        read_file: ReadFile<'_>,
    ) -> Result<Self, ConfigErrors> {
        load::load(RunMode::Dev, flags, environment, read_file)
    }

    /// The public URL, which is the `iss` of this server's tokens, without a final slash. It follows from `bound`, the
    /// listener's address, if no URL is set.
    pub fn public_url_for(&self, bound: SocketAddr) -> String {
        let set = self.public_url.clone();
        set.or_else(|| public_url::of_address(bound, self.tls.is_some()))
            .or_else(|| {
                let port = bound.port();
                self.is_exposed()
                    .then(|| public_url::of_localhost(port, self.tls.is_some()))
            })
            .expect("an address that makes no URL is refused unless a URL is set")
    }

    /// Whether the listener of the API serves the metrics, too: without a listener for the operator, if it is on a loopback
    /// address or the configuration file names the exception.
    pub fn listener_has_metrics(&self) -> bool {
        let is_loopback = self.listen.ip().to_canonical().is_loopback();
        self.management_listen.is_none() && (is_loopback || self.public_metrics)
    }

    /// Whether `cognate dev` serves other machines, too.
    pub fn is_exposed(&self) -> bool {
        self.dev.is_some_and(|dev| dev.exposed)
    }

    /// Whether container credentials are served over plain HTTP: by a loopback listener, by `cognate dev`, and where the
    /// configuration file accepts the risk.
    pub fn gives_container_credentials_over_http(&self) -> bool {
        self.listen.ip().to_canonical().is_loopback()
            || self.is_exposed()
            || self
                .exceptions
                .contains(&UnsafeException::HttpContainerCredentials)
    }

    /// Whether the public URL was set, and begins with `https://`.
    pub fn has_https_public_url(&self) -> bool {
        let url = self.public_url.as_deref();
        url.is_some_and(|url| url.starts_with("https://"))
    }

    /// The http issuers that may be registered and reached.
    pub fn accepted_http_issuers(&self) -> HttpIssuers<'_> {
        HttpIssuers {
            on_loopback: self.allow_http_issuers,
            named: &self.http_issuers,
        }
    }

    /// The settings that differ from those of `other`, which was loaded by the same process.
    pub fn differing<'c>(
        &self,
        other: &'c Self,
    ) -> impl Iterator<Item = &'static Setting> + use<'_, 'c> {
        self.contents.differing(&other.contents)
    }

    /// Whether a region is served.
    pub fn serves(&self, region: &Region) -> bool {
        self.regions.is_empty() || self.regions.contains(region)
    }

    /// The unsafe exceptions that the configuration file names and that are used. Print them at every start.
    pub fn exceptions(&self) -> &[UnsafeException] {
        &self.exceptions
    }

    /// Findings that are not mistakes, but that the operator should know, in sentences without secrets.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// What the server would do with this configuration, without secrets: the lines of `cognate check-config`.
    pub fn summary(&self) -> Vec<SummaryLine> {
        sections::summary(self)
    }
}
