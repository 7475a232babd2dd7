//! Reloading the configuration in a running server, at SIGHUP and when a file changes: all changes that can be reloaded, or
//! none. Any other change is named as needing a restart, and a setting that weakens security is never reloaded.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use miette::{IntoDiagnostic, Result};
use tokio::signal::unix::Signal;
use tokio::time::MissedTickBehavior;
use zeroize::Zeroizing;

use super::certificate::{PreparedCertificate, ServerCertificate};
use super::log::{self, ProcessLog};
use super::{report, seed_files};
use crate::ambient::{Ambient, Real};
use crate::app::{App, live_settings};
use crate::config::{
    Config, ConfigErrors, Contents, Environment, Flags, Reloading, RootKeySetting, Setting,
    VariableKind, read_file,
};

/// How often the contents of the files are compared. A change is loaded at the second look that finds it, because several
/// files are rarely replaced at the same moment.
const INTERVAL: Duration = Duration::from_millis(500);

/// The contents of files by their paths; `None` for a file that can't be read.
pub(super) type ReadFiles = BTreeMap<PathBuf, Option<Zeroizing<Vec<u8>>>>;

/// The sources of the configuration, which can be read again.
pub(super) struct ConfigSources {
    flags: Flags,
    environment: Environment,
}

impl ConfigSources {
    pub(super) fn new(flags: Flags, environment: Environment) -> Self {
        Self { flags, environment }
    }

    /// Loads the configuration, and keeps the contents of the files that it was made of.
    pub(super) fn load(&self) -> (Result<Config, ConfigErrors>, ReadFiles) {
        let files = RefCell::new(ReadFiles::new());
        let read = |path: &Path| {
            let contents: io::Result<Contents> = read_file(path);
            let bytes = contents.as_ref().ok().map(|found| found.bytes.clone());
            files.borrow_mut().insert(path.to_owned(), bytes);
            contents
        };
        let loaded = Config::load(&self.flags, &self.environment, &read);
        let mut files = files.into_inner();
        if let Ok(config) = &loaded {
            add_master_key(config, &mut files);
        }
        (loaded, files)
    }
}

/// What reloads a running server.
pub(super) struct Reloader {
    pub(super) sources: ConfigSources,
    pub(super) app: Arc<App>,
    pub(super) certificate: Option<ServerCertificate>,
    pub(super) log: Arc<ProcessLog>,
    /// The settings in use: those of the start, with those that were reloaded since.
    in_use: Config,
    /// The configuration that was loaded last without a mistake.
    last: Config,
    /// The files as they were when they were loaded last, also with a mistake.
    files: ReadFiles,
}

/// The outcome of a reload, as the log has it.
enum ReloadOutcome {
    Reloaded(Vec<&'static str>),
    Unchanged,
    Refused,
}

impl Reloader {
    /// Begins with the configuration of the start, which was made of `files`.
    pub(super) fn new(
        sources: ConfigSources,
        files: ReadFiles,
        app: Arc<App>,
        certificate: Option<ServerCertificate>,
        log: Arc<ProcessLog>,
    ) -> Self {
        let in_use = app.config.as_ref().clone();
        // The start may have made it.
        let mut files = files;
        add_master_key(&in_use, &mut files);
        Self {
            sources,
            app,
            certificate,
            log,
            last: in_use.clone(),
            in_use,
            files,
        }
    }

    /// Reloads until the task is aborted.
    pub(super) async fn run(mut self, mut hangup: Signal) {
        let mut looks = tokio::time::interval(INTERVAL);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut changed = None;
        loop {
            tokio::select! {
                _ = looks.tick() => {
                    let found = self.look().await;
                    if let Some(certificate) = &mut self.certificate {
                        certificate.warn_of_its_end(Real.now());
                    }
                    if found == self.files {
                        changed = None;
                        continue;
                    }
                    let is_stable = changed.as_ref() == Some(&found);
                    changed = Some(found);
                    if !is_stable {
                        continue;
                    }
                    tracing::info!("files of the configuration changed");
                }
                _ = hangup.recv() => {
                    // Another program may have moved the file of the audit log away.
                    if let Some(log) = &self.app.audit {
                        log.reopen();
                    }
                }
            }
            changed = None;
            match self.reload() {
                ReloadOutcome::Reloaded(settings) => {
                    let settings = settings.join(", ");
                    tracing::info!(settings, "reloaded the configuration");
                }
                ReloadOutcome::Unchanged => tracing::info!("nothing was reloaded: nothing changed"),
                ReloadOutcome::Refused => {}
            }
        }
    }

    /// Reads the files on a thread that may wait for a disk.
    async fn look(&self) -> ReadFiles {
        let paths: Vec<_> = self.files.keys().cloned().collect();
        let read = |path: PathBuf| {
            let bytes = std::fs::read(&path).ok().map(Zeroizing::new);
            (path, bytes)
        };
        let look = tokio::task::spawn_blocking(move || paths.into_iter().map(read).collect());
        look.await.unwrap_or_else(|_| self.files.clone())
    }

    fn reload(&mut self) -> ReloadOutcome {
        let (loaded, files) = self.sources.load();
        // A load that failed may not have come to every file.
        let before = std::mem::take(&mut self.files);
        let is_loaded = loaded.is_ok();
        self.files = files;
        if !is_loaded {
            for (path, contents) in before {
                self.files.entry(path).or_insert(contents);
            }
        }
        let next = match loaded {
            Ok(next) => next,
            Err(errors) => {
                report::mistakes(&errors);
                tracing::error!("the configuration has mistakes: nothing was reloaded");
                return ReloadOutcome::Refused;
            }
        };
        let weakening: Vec<_> = self.app.config.differing(&next).collect();
        let weakening = keys_of(weakening.iter().filter(|setting| weakens(setting)));
        if !weakening.is_empty() {
            let settings = weakening.join(", ");
            tracing::error!(
                settings,
                "these settings weaken security and changed: they need a restart, and nothing was reloaded"
            );
            return ReloadOutcome::Refused;
        }
        let master_keys = match self.apply(&next) {
            Ok(are_replaced) => are_replaced.then_some("the keys in master_key_file"),
            Err(error) => {
                let error = report::failure(&error);
                tracing::error!(
                    error,
                    "the changed configuration can't be used: nothing was reloaded"
                );
                return ReloadOutcome::Refused;
            }
        };
        let reloaded = self.last.differing(&next);
        let mut reloaded = keys_of(reloaded.filter(|setting| self.is_reloaded(setting, &next)));
        reloaded.extend(master_keys);
        let waiting = self.app.config.differing(&next);
        let waiting = keys_of(waiting.filter(|setting| !self.is_reloaded(setting, &next)));
        if !waiting.is_empty() {
            let settings = waiting.join(", ");
            tracing::warn!(settings, "these settings changed, and need a restart");
        }
        self.last = next;
        if reloaded.is_empty() {
            ReloadOutcome::Unchanged
        } else {
            ReloadOutcome::Reloaded(reloaded)
        }
    }

    /// Checks everything as a start does, and then puts it in use, which can't fail. Returns whether the master keys were
    /// replaced.
    fn apply(&mut self, next: &Config) -> Result<bool> {
        let composed = self.composed(next);
        let filter = log::filter(&composed.log)?;
        let certificate = composed
            .tls
            .as_ref()
            .map(PreparedCertificate::read)
            .transpose()?;
        for file in &next.seeds {
            seed_files::read(std::slice::from_ref(file), &self.sources.environment)?;
        }
        let settings =
            live_settings::prepare(&self.app, &self.in_use, &composed).into_diagnostic()?;
        if self.in_use.log != composed.log {
            self.log.replace(filter, composed.log.format);
        }
        if let (Some(in_use), Some(new)) = (&mut self.certificate, certificate) {
            in_use.replace(new, Real.now());
        }
        let are_replaced = settings.replaces_master_keys();
        live_settings::put_in_use(&self.app, settings);
        self.in_use = composed;
        Ok(are_replaced)
    }

    /// The settings in use with those of `next` that are reloaded.
    fn composed(&self, next: &Config) -> Config {
        let mut composed = self.in_use.clone();
        composed.log = next.log.clone();
        composed.routes.clone_from(&next.routes);
        composed.proxies = next.proxies.clone();
        if has_both_tls(&self.in_use, next) {
            composed.tls.clone_from(&next.tls);
        }
        if has_both_root_keys(&self.in_use, next) {
            composed.root = next.root.clone();
        }
        if has_both_user_pools(&self.in_use, next) {
            composed.user_pools.clone_from(&next.user_pools);
        }
        composed
    }

    /// Whether a change of this setting to that of `next` is reloaded. What begins or ends needs a restart.
    fn is_reloaded(&self, setting: &Setting, next: &Config) -> bool {
        setting.reloading == Reloading::Reloaded
            && match setting.table_and_name().0 {
                "tls" => has_both_tls(&self.in_use, next),
                "root" => has_both_root_keys(&self.in_use, next),
                "user_pools" => has_both_user_pools(&self.in_use, next),
                _ => true,
            }
    }
}

/// Adds the file of the master key, which the server reads by itself.
fn add_master_key(config: &Config, files: &mut ReadFiles) {
    if config.master_key.is_none() {
        let path = config.master_key_file.clone();
        let bytes = std::fs::read(&path).ok().map(Zeroizing::new);
        files.insert(path, bytes);
    }
}

fn has_both_tls(one: &Config, other: &Config) -> bool {
    one.tls.is_some() && other.tls.is_some()
}

fn has_both_root_keys(one: &Config, other: &Config) -> bool {
    let is_configured = |config: &Config| matches!(config.root, RootKeySetting::Configured(_));
    is_configured(one) && is_configured(other)
}

fn has_both_user_pools(one: &Config, other: &Config) -> bool {
    one.user_pools.is_some() && other.user_pools.is_some()
}

fn weakens(setting: &Setting) -> bool {
    setting.variable_kind == VariableKind::WeakensSecurity
}

fn keys_of<'s>(
    settings: impl IntoIterator<Item = &'s (impl std::borrow::Borrow<Setting> + 's)>,
) -> Vec<&'static str> {
    settings
        .into_iter()
        .map(|setting| setting.borrow().key)
        .collect()
}
