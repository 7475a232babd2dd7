//! `cognate serve`: the server.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use miette::{IntoDiagnostic, Result, WrapErr};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustls::ServerConfig;
use sd_notify::NotifyState;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::certificate::ServerCertificate;
use super::log::ProcessLog;
use super::log_bounds::LogBounds;
use super::metrics::Metrics;
use super::reload::{ConfigSources, ReadFiles, Reloader};
use super::seed_files;
use crate::ambient::{Ambient, Real};
use crate::app::{self, App, Opened, audit, maintenance};
use crate::config::{AuditTarget, Config};
use crate::wire::{ConnectionLimits, Front, Listener};

/// The interval of the upkeep, which compacts the recorded samples of histograms, measures the process, and reports bounded
/// lines of the log.
const UPKEEP: Duration = Duration::from_secs(5);

/// The server, listening but not serving yet.
pub(super) struct BoundServer {
    pub(super) app: Arc<App>,
    pub(super) address: SocketAddr,
    listener: TcpListener,
    management: Option<TcpListener>,
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

/// Serves until a signal to stop. The configuration, which was loaded from `sources`, is reloaded meanwhile.
pub(super) async fn run(config: Config, sources: ConfigSources, files: ReadFiles) -> Result<()> {
    let stop_signals = StopSignals::catch()?;
    let hangup = catch(SignalKind::hangup())?;
    let log = Arc::new(ProcessLog::start(&config)?);
    let mut ready = open(config, stop_signals, log.bounds.clone()).await?;
    say(&ready.app, &ready.lines().join("\n"));
    let certificate = ready.certificate.take();
    let app = Arc::clone(&ready.app);
    let reloader = Reloader::new(sources, files, app, certificate, Arc::clone(&log));
    let reloads = tokio::spawn(reloader.run(hangup));
    let served = ready.serve().await;
    reloads.abort();
    log.end().await;
    served
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
    let listener = listen(config.listen, "choose another address with --listen")?;
    let management = config
        .management_listen
        .map(|address| listen(address, "set management_listen to another address"))
        .transpose()?;
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
        management,
        tls: certificate.as_ref().map(ServerCertificate::server_config),
        certificate,
        metrics,
        stop_signals,
        log_bounds,
    })
}

fn listen(address: SocketAddr, advice: &str) -> Result<TcpListener> {
    Listener::listen(address)
        .into_diagnostic()
        .wrap_err_with(|| format!("{address} can't be listened on: {advice}"))
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
        let mut lines = vec![
            format!("Cognate {} serves on {here}", env!("CARGO_PKG_VERSION")),
            format!(
                "  Cognito Identity, STS and IAM for account {}, {regions}",
                config.account_id
            ),
            format!("  Issuer {}", self.app.tokens.issuer()),
            format!("  Data   {}", config.data_dir.display()),
        ];
        match &config.audit {
            Some(audit) => lines.push(format!("  Audit  {}", audit.target)),
            None if config.dev.is_none() => {
                lines.push("  Audit  none: `file` in [audit] turns it on".to_owned());
            }
            None => {}
        }
        let management = self.management.as_ref();
        if let Some(Ok(address)) = management.map(TcpListener::local_addr) {
            lines.push(format!(
                "  Metrics and health for the operator on http://{address}"
            ));
        }
        lines
    }

    /// Serves until SIGTERM or SIGINT, finishes requests in progress, and closes the store.
    pub(super) async fn serve(self) -> Result<()> {
        let config = &self.app.config;
        let database = config.database.is_none().then(|| SqliteFile::of(config));
        tokio::spawn(upkeep(
            self.metrics.clone(),
            self.log_bounds.clone(),
            database,
        ));
        let front = Front::new(Arc::clone(&self.app), self.metrics.prometheus);
        let management = self
            .management
            .map(|socket| tokio::spawn(Arc::clone(&front).serve_management(socket)));
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
        if let Some(management) = management {
            management.abort();
        }
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

/// The file of the embedded store, which is measured.
struct SqliteFile(PathBuf);

impl SqliteFile {
    fn of(config: &Config) -> Self {
        Self(config.data_dir.join("cognate.sqlite"))
    }

    #[expect(clippy::cast_precision_loss, reason = "a size in bytes")]
    fn measure(&self) {
        if let Ok(found) = std::fs::metadata(&self.0) {
            metrics::gauge!("cognate_store_bytes").set(found.len() as f64);
        }
    }
}

async fn upkeep(metrics: Metrics, log_bounds: LogBounds, database: Option<SqliteFile>) {
    loop {
        if let Some(database) = &database {
            database.measure();
        }
        tokio::time::sleep(UPKEEP).await;
        metrics.run_upkeep();
        log_bounds.report_ended();
    }
}
