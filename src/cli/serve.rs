//! `cognate serve`: the server.

use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use miette::{IntoDiagnostic, Result, WrapErr};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustls::ServerConfig;
use sd_notify::NotifyState;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::filter::{EnvFilter, FilterExt, LevelFilter, Targets};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use super::certificate::{self, Reload, ServerCertificate};
use super::log_bounds::LogBounds;
use super::metrics::Metrics;
use super::{report, seed_files};
use crate::ambient::{Ambient, Real};
use crate::app::{self, App, Opened, audit, maintenance};
use crate::audit::AuditLog;
use crate::config::{AuditTarget, Config, ConfigErrors, LogFormat, SummaryLine};
use crate::wire::{ConnectionLimits, Front, Listener};

/// The interval of the upkeep, which compacts the recorded samples of histograms, measures the process, and reports bounded
/// lines of the log.
const UPKEEP: Duration = Duration::from_secs(5);

/// The server, listening but not serving yet.
pub(super) struct BoundServer {
    pub(super) app: Arc<App>,
    pub(super) address: SocketAddr,
    listener: TcpListener,
    certificate: Option<ServerCertificate>,
    tls: Option<Arc<ServerConfig>>,
    metrics: Metrics,
    stop_signals: StopSignals,
    log_bounds: LogBounds,
}

/// The signals that stop the server. They are caught from its creation on, which comes before anything that needs
/// cleaning up and before the server prints that it is ready.
pub(super) struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

fn catch(kind: SignalKind) -> Result<Signal> {
    signal(kind)
        .into_diagnostic()
        .wrap_err("the handler of signals can't be installed")
}

impl StopSignals {
    pub(super) fn catch() -> Result<Self> {
        Ok(Self {
            terminate: catch(SignalKind::terminate())?,
            interrupt: catch(SignalKind::interrupt())?,
        })
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Serves until a signal to stop. SIGHUP loads the configuration again.
pub(super) async fn run(
    config: Config,
    load_again: impl Fn() -> Result<Config, ConfigErrors> + Send + 'static,
) -> Result<()> {
    let stop_signals = StopSignals::catch()?;
    let hangup = catch(SignalKind::hangup())?;
    let log_bounds = start_log(&config)?;
    let mut ready = open(config, stop_signals, log_bounds).await?;
    say(&ready.app, &ready.lines().join("\n"));
    let in_use = ready.app.config.summary();
    let certificate = ready.certificate.take();
    let log = ready.app.audit.clone();
    let reloads = tokio::spawn(reload(certificate, hangup, in_use, load_again, log));
    let served = ready.serve().await;
    reloads.abort();
    served
}

/// Follows the files of the certificate, and says at each SIGHUP which settings changed.
async fn reload(
    mut certificate: Option<ServerCertificate>,
    mut hangup: Signal,
    in_use: Vec<SummaryLine>,
    load_again: impl Fn() -> Result<Config, ConfigErrors>,
    audit_log: Option<Arc<AuditLog>>,
) {
    loop {
        let operator_asked = tokio::select! {
            () = tokio::time::sleep(certificate::INTERVAL) => false,
            _ = hangup.recv() => true,
        };
        if let Some(log) = audit_log.as_ref().filter(|_| operator_asked) {
            // Another program may have moved the file away.
            log.reopen();
        }
        if operator_asked && !is_valid(&load_again, &in_use) {
            continue;
        }
        let found = certificate
            .as_mut()
            .map(|certificate| certificate.reload(Real.now(), operator_asked));
        match found {
            Some(Reload::Unchanged) if operator_asked => {
                tracing::info!("the certificate is unchanged");
            }
            None if operator_asked => {
                tracing::info!("nothing was reloaded: there is no certificate");
            }
            _ => {}
        }
    }
}

/// Whether the configuration is valid. The log has its mistakes, or the changes that need a restart.
fn is_valid(
    load_again: &impl Fn() -> Result<Config, ConfigErrors>,
    in_use: &[SummaryLine],
) -> bool {
    let config = match load_again() {
        Ok(config) => config,
        Err(errors) => {
            report::mistakes(&errors);
            tracing::error!("the configuration has mistakes: nothing was reloaded");
            return false;
        }
    };
    let changed: Vec<_> = config
        .summary()
        .into_iter()
        .filter(|line| !in_use.contains(line))
        .map(|(name, _)| name)
        .collect();
    if !changed.is_empty() {
        let settings = changed.join(", ");
        tracing::warn!(settings, "these settings changed, and need a restart");
    }
    true
}

/// Prints text for people: to standard error, where standard output has the audit log.
fn say(app: &App, text: &str) {
    let target = app.config.audit.as_ref().map(|audit| &audit.target);
    if target == Some(&AuditTarget::StandardOutput) {
        eprintln!("{text}");
    } else {
        print([text.to_owned()]);
    }
}

/// Prints lines for people. A reader that closes its end of the pipe after the line that it needs doesn't end the server.
pub(super) fn print(lines: impl IntoIterator<Item = String>) {
    let mut text = String::new();
    for line in lines {
        text.push_str(&line);
        text.push('\n');
    }
    let mut out = std::io::stdout().lock();
    if out
        .write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .is_err()
    {
        tracing::debug!("standard output is closed");
    }
}

/// Opens the server: first what can fail without side effects, then the listener, because the public URL may depend on
/// its port, and then the application.
pub(super) async fn open(
    config: Config,
    stop_signals: StopSignals,
    log_bounds: LogBounds,
) -> Result<BoundServer> {
    let started = Real.now_in_milliseconds();
    let files = config.tls.as_ref();
    let certificate = files
        .map(|files| ServerCertificate::read(files, Real.now()))
        .transpose()?;
    let listener = Listener::listen(config.listen)
        .into_diagnostic()
        .wrap_err_with(|| {
            format!(
                "{} can't be listened on: choose another address with --listen",
                config.listen
            )
        })?;
    let address = listener.local_addr().into_diagnostic()?;
    let public_url = config.public_url_for(address);
    let Opened {
        app,
        new_root_key,
        new_master_key,
    } = app::open(config, Arc::new(Real), public_url)
        .await
        .into_diagnostic()?;
    if let Some(path) = new_master_key {
        let path = path.display();
        let text =
            format!("Created a master key: {path}. Backups don't contain it; store it separately.");
        say(&app, &text);
    }
    if let Some(path) = new_root_key {
        let path = path.display();
        say(
            &app,
            &format!("Created a root access key: {path} (AWS credentials file)."),
        );
    }
    if let Err(report) = seed_files::apply_all(&app).await {
        maintenance::close(&app).await;
        return Err(report);
    }
    // Before the first request, so that no line can be written twice.
    if let Err(error) = audit::record_unanswered(&app, started).await {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "the events of changes that were never answered can't be read: the audit log may lack them"
        );
    }
    let metrics = Metrics::install()?;
    Ok(BoundServer {
        app: Arc::new(app),
        address,
        listener,
        tls: certificate.as_ref().map(ServerCertificate::server_config),
        certificate,
        metrics,
        stop_signals,
        log_bounds,
    })
}

impl BoundServer {
    /// The URL of the listener.
    pub(super) fn url(&self) -> String {
        let scheme = if self.app.config.tls.is_some() {
            "https"
        } else {
            "http"
        };
        format!("{scheme}://{}", self.address)
    }

    /// The lines that describe the running server.
    pub(super) fn lines(&self) -> Vec<String> {
        let config = &self.app.config;
        let here = self.url();
        let regions: Vec<&str> = config
            .regions
            .iter()
            .map(crate::model::ids::Region::as_str)
            .collect();
        let regions = if regions.is_empty() {
            "any region".to_owned()
        } else {
            regions.join(", ")
        };
        vec![
            format!("Cognate {} serves on {here}", env!("CARGO_PKG_VERSION")),
            format!(
                "  Cognito Identity, STS and IAM for account {}, {regions}",
                config.account_id
            ),
            format!("  Issuer {}", self.app.tokens.issuer()),
            format!("  Data   {}", config.data_dir.display()),
        ]
    }

    /// Serves until SIGTERM or SIGINT, finishes requests in progress, and closes the store.
    pub(super) async fn serve(self) -> Result<()> {
        tokio::spawn(upkeep(self.metrics.clone(), self.log_bounds.clone()));
        let front = Front::new(Arc::clone(&self.app), self.metrics.prometheus);
        let listener = Listener {
            socket: self.listener,
            tls: self.tls,
            limits: ConnectionLimits::for_files(raise_file_limit()),
        };
        let (mut stop_signals, delay) = (self.stop_signals, self.app.config.drain_delay);
        let stop = async {
            stop_signals.wait().await;
            notify_systemd(NotifyState::Stopping);
            front.drain();
            // Every answered change is on the disk: there is nothing to lose.
            tokio::spawn(async move {
                stop_signals.wait().await;
                tracing::warn!("stopped at once by a second signal");
                std::process::exit(1);
            });
            if !delay.is_zero() {
                let seconds = delay.as_secs();
                tracing::info!(
                    seconds,
                    "stopping: /health answers 503, and the server goes on serving"
                );
                tokio::time::sleep(delay).await;
            }
            tracing::info!("stopping: no new connections, finishing requests in progress");
        };
        notify_systemd(NotifyState::Ready);
        front.serve(listener, stop).await;
        maintenance::close(&self.app).await;
        self.log_bounds.report_all();
        tracing::info!("stopped");
        Ok(())
    }
}

/// Says to systemd how far the server is, if a unit with `Type=notify` runs it.
fn notify_systemd(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "systemd can't be notified");
    }
}

/// Raises the limit of open files as far as the system allows, and returns it.
fn raise_file_limit() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    let limit = setrlimit(Resource::Nofile, raised).map_or(limit, |()| raised);
    // No limit at all is a limit that is never reached.
    limit.current.unwrap_or(u64::MAX)
}

async fn upkeep(metrics: Metrics, log_bounds: LogBounds) {
    loop {
        tokio::time::sleep(UPKEEP).await;
        metrics.run_upkeep();
        log_bounds.report_ended();
    }
}

/// Logs to standard error.
///
/// Other crates log at `info` and above, whatever the filter is: their lower levels may print headers, frames and
/// documents with tokens, secret keys and guests' ids.
pub(super) fn start_log(config: &Config) -> Result<LogBounds> {
    let filter = EnvFilter::try_new(&config.log.filter)
        .into_diagnostic()
        .wrap_err("the log filter is invalid: write for example `info`")?;
    let bounds = LogBounds::default();
    let others = Targets::new()
        .with_target("cognate", LevelFilter::TRACE)
        .with_default(LevelFilter::INFO);
    let log = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let log = match config.log.format {
        LogFormat::Text => log.with_target(false).boxed(),
        LogFormat::Json => log.json().boxed(),
    };
    tracing_subscriber::registry()
        .with(log.with_filter(filter.and(others).and(bounds.clone())))
        .init();
    Ok(bounds)
}
