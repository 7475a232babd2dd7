//! `cognate serve`: the server.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum_server::tls_rustls::RustlsConfig;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use miette::{IntoDiagnostic, Result, WrapErr};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::filter::{EnvFilter, FilterExt, LevelFilter, Targets};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use super::log_bounds::LogBounds;
use crate::ambient::Real;
use crate::app::{self, App, Opened, maintenance};
use crate::config::{Config, LogFormat, TlsFiles};
use crate::wire::{ConnectionLimits, Front, Listener};

/// The interval of the upkeep, which compacts the recorded samples of histograms and reports bounded lines of the log.
const UPKEEP: Duration = Duration::from_secs(5);

/// The server, listening but not serving yet.
pub(super) struct BoundServer {
    pub(super) app: Arc<App>,
    pub(super) address: SocketAddr,
    listener: TcpListener,
    tls: Option<RustlsConfig>,
    metrics: PrometheusHandle,
    stop_signals: StopSignals,
    log_bounds: LogBounds,
}

/// The signals that stop the server. They are caught from its creation on, which comes before anything that needs
/// cleaning up and before the server prints that it is ready.
pub(super) struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    pub(super) fn catch() -> Result<Self> {
        let catch = |kind| {
            signal(kind)
                .into_diagnostic()
                .wrap_err("the handler of signals can't be installed")
        };
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

/// Serves until a signal to stop.
pub(super) async fn run(config: Config) -> Result<()> {
    let stop_signals = StopSignals::catch()?;
    let log_bounds = start_log(&config)?;
    let ready = open(config, stop_signals, log_bounds).await?;
    for line in ready.lines() {
        println!("{line}");
    }
    ready.serve().await
}

/// Opens the server: first what can fail without side effects, then the listener, because the public URL may depend on
/// its port, and then the application.
pub(super) async fn open(
    config: Config,
    stop_signals: StopSignals,
    log_bounds: LogBounds,
) -> Result<BoundServer> {
    let tls = match &config.tls {
        None => None,
        Some(tls) => Some(certificate(tls).await?),
    };
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
        println!(
            "Created a master key: {}. Backups don't contain it; store it separately.",
            path.display()
        );
    }
    if let Some(path) = new_root_key {
        println!(
            "Created a root access key: {} (AWS credentials file).",
            path.display()
        );
    }
    let metrics = install_metrics()?;
    Ok(BoundServer {
        app: Arc::new(app),
        address,
        listener,
        tls,
        metrics,
        stop_signals,
        log_bounds,
    })
}

async fn certificate(tls: &TlsFiles) -> Result<RustlsConfig> {
    let (certificate, key) = (&tls.certificate_file, &tls.key_file);
    let loaded = RustlsConfig::from_pem_file(certificate, key).await;
    loaded.into_diagnostic().wrap_err_with(|| {
        format!(
            "the certificate in {} with the key in {} can't be used for TLS: both must be PEM, and the private key must \
             belong to the certificate",
            certificate.display(),
            key.display()
        )
    })
}

impl BoundServer {
    /// The lines that describe the running server.
    pub(super) fn lines(&self) -> Vec<String> {
        let config = &self.app.config;
        let scheme = if config.tls.is_some() {
            "https"
        } else {
            "http"
        };
        let here = format!("{scheme}://{}", self.address);
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
        let front = Front::new(Arc::clone(&self.app), self.metrics);
        let listener = Listener {
            socket: self.listener,
            tls: self.tls.map(|tls| tls.get_inner()),
            limits: ConnectionLimits::for_files(raise_file_limit()),
        };
        let mut stop_signals = self.stop_signals;
        let stop = async {
            stop_signals.wait().await;
            tracing::info!("stopping: no new connections, finishing requests in progress");
            front.drain();
        };
        front.serve(listener, stop).await;
        maintenance::close(&self.app).await;
        self.log_bounds.report_all();
        tracing::info!("stopped");
        Ok(())
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

async fn upkeep(metrics: PrometheusHandle, log_bounds: LogBounds) {
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

fn install_metrics() -> Result<PrometheusHandle> {
    let buckets = [
        0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0,
    ];
    PrometheusBuilder::new()
        .set_buckets(&buckets)
        .and_then(PrometheusBuilder::install_recorder)
        .into_diagnostic()
}
