//! From the sources to a [`Config`], or to all mistakes in them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::audit::AuditSettings;
use super::database::DatabaseSettings;
use super::dev::DevSettings;
use super::events::EventSettings;
use super::issuers::IssuerSetting;
use super::limits::ParsedLimits;
use super::listen::ListenAddress;
use super::log::LogSettings;
use super::logins::{HttpIssuer, LoginSettings};
use super::proxies::ProxySettings;
use super::public_url::PublicUrl;
use super::root_key::RootKeySetting;
use super::routes::RouteSetting;
use super::sessions::SessionSettings;
use super::source::Sources;
use super::source::contents::SourceContents;
use super::source::diagnostics::{ConfigErrors, Diagnostics};
use super::source::document::ConfigDocument;
use super::source::environment::Environment;
use super::source::files::{ConfigFile, ReadFile};
use super::source::flags::Flags;
use super::source::mask::masked;
use super::source::suggestion;
use super::source::value::SettingValue;
use super::storage::MasterKeySettings;
use super::tls::TlsFiles;
use super::traces::TraceSettings;
use super::unsafe_exceptions::{self, NamedExceptions, UnsafeException};
use super::upstreams::{self, Upstream};
use super::{
    AccessKeyPair, Config, RunMode, account, audit, database, dev, events, issuers, limits, listen,
    log, logins, proxies, public_url, root_key, routes, seeds, sessions, storage, tls, traces,
    user_pools,
};
use crate::model::ids::{AccountId, Region};

/// Loads the configuration for a command.
pub(super) fn load(
    mode: RunMode,
    flags: &Flags,
    environment: &Environment,
    read_file: ReadFile<'_>,
) -> Result<Config, ConfigErrors> {
    let mut diagnostics = Diagnostics::default();
    let file = ConfigFile::open(flags, environment, read_file, &mut diagnostics);
    let text = file.value().map_or("", ConfigFile::text);
    let document = ConfigDocument::read(text, &mut diagnostics);
    let mut sources = Sources {
        document,
        environment,
        read_file,
        diagnostics,
        warnings: Vec::new(),
    };
    let parsed = ParsedSettings::read(&mut sources, flags);
    // In a file with syntax errors, a setting that wasn't found may still be set.
    let used = if sources.document.is_valid_toml() && !file.is_invalid() {
        cross_check(&parsed, mode, flags, &mut sources.diagnostics)
    } else {
        Vec::new()
    };
    if sources.diagnostics.is_empty() {
        let warnings = warnings(mode, &mut sources, &file, &parsed, &used);
        let contents = std::mem::take(&mut sources.document.contents);
        return Ok(parsed.into_config(mode, flags, contents, used, warnings));
    }
    let shown = sources.document.shown();
    let file = file.value().map(|file| (file.path.as_path(), file.text()));
    let masked = file.map_or_else(String::new, |(_, text)| masked(text, shown));
    Err(sources.diagnostics.report(file, masked))
}

/// Every setting, read from every source. A section gives its final value if its cross-checks need no origins.
pub(super) struct ParsedSettings {
    pub(super) listen: SettingValue<SocketAddr>,
    pub(super) management_listen: SettingValue<SocketAddr>,
    drain_delay: SettingValue<u32>,
    pub(super) tls: SettingValue<TlsFiles>,
    pub(super) public_url: SettingValue<PublicUrl>,
    data_dir: SettingValue<PathBuf>,
    database: SettingValue<DatabaseSettings>,
    master_key: MasterKeySettings,
    account_id: SettingValue<AccountId>,
    regions: SettingValue<Vec<Region>>,
    pub(super) upstreams: SettingValue<Vec<Upstream>>,
    pub(super) allow_http_issuers: SettingValue<bool>,
    pub(super) http_issuers: SettingValue<Vec<HttpIssuer>>,
    logins: LoginSettings,
    issuers: SettingValue<Vec<IssuerSetting>>,
    user_pools: Option<AccessKeyPair>,
    log: LogSettings,
    pub(super) root: RootKeySetting,
    pub(super) routes: SettingValue<Vec<RouteSetting>>,
    pub(super) proxies: ProxySettings,
    sessions: SessionSettings,
    pub(super) limits: ParsedLimits,
    events: EventSettings,
    audit: Option<AuditSettings>,
    traces: Option<TraceSettings>,
    dev_origins: SettingValue<Vec<String>>,
    seeds: Vec<PathBuf>,
    pub(super) exceptions: NamedExceptions,
}

impl ParsedSettings {
    fn read(sources: &mut Sources<'_>, flags: &Flags) -> Self {
        Self {
            listen: listen::read(sources, flags),
            management_listen: listen::read_management(sources),
            drain_delay: listen::read_drain_delay(sources),
            data_dir: storage::read_data_dir(sources, flags),
            database: database::read(sources, flags),
            master_key: storage::read_master_key(sources, flags),
            public_url: public_url::read(sources, flags),
            account_id: account::read_account_id(sources, flags),
            regions: account::read_regions(sources, flags),
            upstreams: upstreams::read(sources, flags),
            allow_http_issuers: logins::read_allow_http_issuers(sources, flags),
            http_issuers: logins::read_http_issuers(sources, flags),
            tls: tls::read(sources),
            logins: logins::read(sources, flags),
            issuers: issuers::read(sources),
            user_pools: user_pools::read(sources),
            log: log::read(sources),
            root: root_key::read(sources),
            routes: routes::read(sources),
            proxies: proxies::read(sources),
            sessions: sessions::read(sources),
            limits: limits::read(sources),
            events: events::read(sources),
            audit: audit::read(sources),
            traces: traces::read(sources),
            dev_origins: dev::read(sources),
            seeds: seeds::read(sources),
            exceptions: unsafe_exceptions::read(sources),
        }
    }

    fn into_config(
        self,
        mode: RunMode,
        flags: &Flags,
        contents: SourceContents,
        exceptions: Vec<UnsafeException>,
        warnings: Vec<String>,
    ) -> Config {
        let data_dir = self.data_dir.or(storage::DEFAULT_DATA_DIR.into());
        let master_key_file = data_dir.join(storage::DEFAULT_MASTER_KEY_FILE);
        let upstreams = self.upstreams.or(Vec::new()).into_iter();
        let http_issuers = self.http_issuers.or(Vec::new()).into_iter();
        Config {
            listen: self.listen.or(listen::DEFAULT),
            management_listen: self.management_listen.into_value(),
            drain_delay: Duration::from_secs(
                self.drain_delay
                    .or(listen::default_drain_delay(mode))
                    .into(),
            ),
            tls: self.tls.into_value(),
            public_url: self.public_url.into_value().map(|url| url.text),
            dev: (mode == RunMode::Dev).then_some(DevSettings {
                ephemeral: flags.ephemeral,
                exposed: flags.expose,
            }),
            dev_origins: self.dev_origins.or(Vec::new()),
            drop_test_issuer: flags.drop_test_issuer,
            accept_changed_account_id: flags.accept_changed_account_id,
            accept_changed_public_url: flags.accept_changed_public_url,
            database: self.database.into_value(),
            master_key_file: self.master_key.file.or(master_key_file),
            master_key: self.master_key.key.into_value(),
            data_dir,
            account_id: self.account_id.or(account::default_account()),
            regions: self.regions.or(Vec::new()),
            upstreams: upstreams.map(|one| (one.host, one.base)).collect(),
            allow_http_issuers: self.allow_http_issuers.or(mode == RunMode::Dev),
            http_issuers: http_issuers.map(|issuer| issuer.url).collect(),
            logins: self.logins,
            issuers: self.issuers.or(Vec::new()),
            user_pools: self.user_pools,
            log: self.log,
            root: self.root,
            routes: self.routes.or(Vec::new()),
            proxies: self.proxies,
            sessions: self.sessions,
            limits: self.limits.for_mode(mode),
            events: self.events,
            audit: self.audit,
            traces: self.traces,
            seeds: self.seeds,
            custom_pool_ids: mode == RunMode::Dev,
            public_metrics: unsafe_exceptions::are_metrics_public(&self.exceptions),
            contents,
            exceptions,
            warnings,
        }
    }
}

/// Runs the cross-checks of the sections, and returns the unsafe exceptions that the configuration uses. Settings that
/// are invalid themselves are ignored.
fn cross_check(
    parsed: &ParsedSettings,
    mode: RunMode,
    flags: &Flags,
    diagnostics: &mut Diagnostics,
) -> Vec<UnsafeException> {
    routes::cross_check(parsed, mode, diagnostics);
    logins::cross_check(parsed, mode, diagnostics);
    let Some(listen) = ListenAddress::of(parsed) else {
        return Vec::new();
    };
    listen::cross_check(parsed, &listen, diagnostics);
    if !dev::cross_check(parsed, &listen, mode, flags, diagnostics) {
        return Vec::new();
    }
    if mode == RunMode::Dev && flags.expose {
        return Vec::new();
    }
    public_url::cross_check(parsed, &listen, diagnostics);
    unsafe_exceptions::cross_check(parsed, &listen, diagnostics)
}

/// All warnings; `used` are the exceptions that the configuration uses.
fn warnings(
    mode: RunMode,
    sources: &mut Sources<'_>,
    file: &SettingValue<ConfigFile>,
    parsed: &ParsedSettings,
    used: &[UnsafeException],
) -> Vec<String> {
    let mut warnings = std::mem::take(&mut sources.warnings);
    let file_is_open = file.value().is_some_and(ConfigFile::is_open_to_others);
    if sources.document.holds_secret() && file_is_open {
        warnings.push(
            "the configuration file holds a secret, and every user of this machine can read it; limit its mode to 0600"
                .to_owned(),
        );
    }
    warnings.extend(unsafe_exceptions::warnings(parsed, used));
    warnings.extend(public_url::warning(parsed, used));
    warnings.extend(limits::warning(parsed, mode));
    warnings.extend(parsed.sessions.warning());
    warnings.extend(routes::warnings(parsed));
    warnings.extend(suggestion::misspelt_variables(sources.environment));
    warnings
}
