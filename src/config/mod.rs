//! The configuration: one struct, from a TOML file, the environment and flags (the later wins), with every mistake
//! reported at once. It says what is wanted; it opens no socket and no store.

mod access_key;
mod across;
mod document;
mod environment;
mod exception;
mod files;
mod flags;
mod issuers;
mod lists;
mod load;
mod mask;
mod mistakes;
mod public_url;
mod reading;
mod root;
mod routes;
mod said;
mod secret;
mod settings;
mod sources;
mod suggestion;
#[cfg(test)]
mod tests;
mod upstream;
mod values;
mod warnings;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use jiff::SignedDuration;

pub use access_key::AccessKey;
pub use environment::Environment;
pub use exception::Exception;
pub use files::{Contents, ReadFile, read_file};
pub use flags::Flags;
pub use issuers::KeyFile;
pub use mistakes::{ConfigErrors, Mistake, Place};
pub use root::Root;
pub use routes::Route;
pub use secret::Secret;
pub use settings::{CONFIG_FLAG, CONFIG_VARIABLE, SETTINGS, Setting};
pub use upstream::Upstreams;

use crate::model::ids::{AccountId, Region};

/// Where the server listens unless told otherwise.
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 2646);

/// Everything that an operator decides.
#[derive(Debug, Clone)]
pub struct Config {
    /// The address to listen on. Port 0 asks the system for a free one.
    pub listen: SocketAddr,
    /// What the listener speaks TLS with; `None` for plain HTTP.
    pub tls: Option<Tls>,
    /// The public URL as it was set. Use [`Config::public_url_for`].
    pub public_url: Option<String>,
    /// The folder of the embedded store and of what is kept beside it.
    pub data_dir: PathBuf,
    /// Whether nothing is to be kept after the stop; the data directory means nothing then.
    pub ephemeral: bool,
    /// The file of the master key. It may not be there yet.
    pub master_key_file: PathBuf,
    /// The one account of this deployment.
    pub account_id: AccountId,
    /// The regions that are served, without doubles; empty for any. Use [`Config::serves`].
    pub regions: Vec<Region>,
    /// Where to fetch from instead.
    pub upstreams: Upstreams,
    /// Whether `http://` issuers on loopback hosts are accepted, and loopback as an outgoing address.
    pub allow_http_issuers: bool,
    /// How logins are checked.
    pub logins: Logins,
    /// The issuers whose keys are read from a file, each once.
    pub issuers: Vec<KeyFile>,
    /// What Cognito user pools are asked with about their users.
    pub user_pools: Option<AccessKey>,
    /// What is logged.
    pub log: Log,
    /// What signs the first requests.
    pub root: Root,
    /// Which roles' credentials come from other STSs, in the order in which the routes are tried.
    pub routes: Vec<Route>,
    /// How much there may be.
    pub limits: Limits,
    exceptions: Vec<Exception>,
    warnings: Vec<String>,
}

/// What a listener speaks TLS with: PEM files that were there and had the right parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// The certificate, followed by those that lead to its root.
    pub certificate_file: PathBuf,
    /// The certificate's private key.
    pub key_file: PathBuf,
}

/// How logins are checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logins {
    /// Whether a registered `azp` is enough, whatever `aud` says, as in the real service.
    pub authorized_party_alone: bool,
    /// The longest lifetime of a login token that is accepted: an hour to a year.
    pub max_token_lifetime: SignedDuration,
    /// Certificates (PEM) that providers' may lead to, beside the well-known ones.
    pub extra_ca_file: Option<PathBuf>,
}

/// What is logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// A filter in the syntax of `tracing_subscriber::EnvFilter`, which reads it.
    pub filter: String,
    /// How lines are written.
    pub format: LogFormat,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// How much there may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Identity pools in a region; at least 1.
    pub pools_per_region: usize,
}

/// Which command a configuration is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Command {
    Serve,
    Dev,
}

impl Config {
    /// Loads the configuration of `cognate serve`.
    pub fn load(
        flags: &Flags,
        environment: &Environment,
        read_file: ReadFile<'_>,
    ) -> Result<Self, ConfigErrors> {
        load::load(Command::Serve, flags, environment, read_file)
    }

    /// Loads the configuration of `cognate dev`: as [`Config::load`], but http issuers are allowed unless they are
    /// switched off, and any address but a loopback one is refused, whatever the file says.
    pub fn for_dev(
        flags: &Flags,
        environment: &Environment,
        read_file: ReadFile<'_>,
    ) -> Result<Self, ConfigErrors> {
        load::load(Command::Dev, flags, environment, read_file)
    }

    /// The public URL, which is the `iss` of this server's tokens, without a final slash. `bound` is the address that
    /// the listener got: it counts where no URL is set.
    pub fn public_url_for(&self, bound: SocketAddr) -> String {
        let set = self.public_url.clone();
        set.or_else(|| public_url::of_address(bound, self.tls.is_some()))
            .expect("an address that makes no URL is refused unless a URL is set")
    }

    /// Whether a region is served.
    pub fn serves(&self, region: &Region) -> bool {
        self.regions.is_empty() || self.regions.contains(region)
    }

    /// The unsafe exceptions that the configuration file names and that this configuration makes use of. They are to be
    /// said at every start.
    pub fn exceptions(&self) -> &[Exception] {
        &self.exceptions
    }

    /// What is not wrong, but should be known, in sentences without secrets.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}
