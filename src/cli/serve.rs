//! `cognate serve`: the server.

use std::io::IsTerminal;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum_server::accept::NoDelayAcceptor;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use axum_server::{Handle, Server};
use hyper_util::rt::TokioTimer;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use miette::{IntoDiagnostic, Result, WrapErr};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::filter::{EnvFilter, FilterExt, LevelFilter, Targets};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use crate::ambient::Real;
use crate::app::{self, App, Opened, maintenance};
use crate::config::{Config, LogFormat, TlsFiles};
use crate::wire::Front;

/// The longest time for requests in progress after a signal to stop.
const DRAIN: Duration = Duration::from_secs(25);

/// The longest time for a client to send a request's head.
const HEAD: Duration = Duration::from_secs(10);

/// The largest head of a request, in bytes.
const HEAD_SIZE: usize = 64 * 1024;

/// The interval of the histograms' upkeep, which compacts the recorded samples.
const UPKEEP: Duration = Duration::from_secs(5);

/// The server, listening but not serving yet.
pub(super) struct BoundServer {
    pub(super) app: Arc<App>,
    pub(super) address: SocketAddr,
    listener: TcpListener,
    tls: Option<RustlsConfig>,
    metrics: PrometheusHandle,
    stop_signals: StopSignals,
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
    start_log(&config)?;
    let ready = open(config, stop_signals).await?;
    for line in ready.lines() {
        println!("{line}");
    }
    ready.serve().await
}

/// Opens the server: first what can fail without side effects, then the listener, because the public URL may depend on
/// its port, and then the application.
pub(super) async fn open(config: Config, stop_signals: StopSignals) -> Result<BoundServer> {
    let tls = match &config.tls {
        None => None,
        Some(tls) => Some(certificate(tls).await?),
    };
    let listener = TcpListener::bind(config.listen)
        .into_diagnostic()
        .wrap_err_with(|| {
            format!(
                "{} can't be listened on: choose another address with --listen",
                config.listen
            )
        })?;
    listener.set_nonblocking(true).into_diagnostic()?;
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
        tokio::spawn(keep_metrics(self.metrics.clone()));
        let front = Front::new(Arc::clone(&self.app), self.metrics);
        let handle = Handle::new();
        let draining = drain_on_signal(self.stop_signals, Arc::clone(&front), handle.clone());
        tokio::spawn(draining);
        let service = front
            .router()
            .into_make_service_with_connect_info::<SocketAddr>();
        let server = axum_server::from_tcp(self.listener)
            .into_diagnostic()?
            .handle(handle);
        let outcome = match self.tls {
            None => {
                let server = limited(server.acceptor(NoDelayAcceptor::new()));
                server.serve(service).await
            }
            Some(tls) => {
                let acceptor = RustlsAcceptor::new(tls).acceptor(NoDelayAcceptor::new());
                let server = limited(server.acceptor(acceptor));
                server.serve(service).await
            }
        };
        maintenance::close(&self.app).await;
        tracing::info!("stopped");
        outcome.into_diagnostic()
    }
}

/// Limits the cost of a connection before its first request.
fn limited<A: axum_server::Address, Acceptor>(
    mut server: Server<A, Acceptor>,
) -> Server<A, Acceptor> {
    let builder = server.http_builder();
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_SIZE);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(128)
        .max_header_list_size(u32::try_from(HEAD_SIZE).unwrap_or(u32::MAX))
        .keep_alive_interval(Duration::from_secs(30));
    // hyper's own limit begins only after it has detected the version of HTTP.
    server.first_request_timeout(HEAD)
}

async fn keep_metrics(metrics: PrometheusHandle) {
    loop {
        tokio::time::sleep(UPKEEP).await;
        metrics.run_upkeep();
    }
}

async fn drain_on_signal(
    mut stop_signals: StopSignals,
    front: Arc<Front>,
    handle: Handle<SocketAddr>,
) {
    stop_signals.wait().await;
    tracing::info!("stopping: no new connections, finishing requests in progress");
    front.drain();
    handle.graceful_shutdown(Some(DRAIN));
}

/// Logs to standard error.
///
/// Other crates log at `info` and above, whatever the filter is: their lower levels may print headers, frames and
/// documents with tokens, secret keys and guests' ids.
pub(super) fn start_log(config: &Config) -> Result<()> {
    let filter = EnvFilter::try_new(&config.log.filter)
        .into_diagnostic()
        .wrap_err("the log filter is invalid: write for example `info`")?;
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
        .with(log.with_filter(filter.and(others)))
        .init();
    Ok(())
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
