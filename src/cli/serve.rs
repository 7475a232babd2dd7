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

/// How long requests that are under way may take once the server was told to stop.
const DRAIN: Duration = Duration::from_secs(25);

/// How long a client may take to send a request's head.
const HEAD: Duration = Duration::from_secs(10);

/// How much of a request's head is taken, in bytes.
const HEAD_SIZE: usize = 64 * 1024;

/// How often the histograms take in what was recorded; until then each request is a number that is kept.
const UPKEEP: Duration = Duration::from_secs(5);

/// The server, open but not serving yet.
pub(super) struct Ready {
    pub(super) app: Arc<App>,
    pub(super) address: SocketAddr,
    listener: TcpListener,
    tls: Option<RustlsConfig>,
    metrics: PrometheusHandle,
    told_to_stop: ToldToStop,
}

/// The signals that stop the server. They are caught from the moment this is made, so it is made before anything that
/// is to be tidied up, and before anybody is told that there is a server.
pub(super) struct ToldToStop {
    terminate: Signal,
    interrupt: Signal,
}

impl ToldToStop {
    pub(super) fn catch() -> Result<Self> {
        let catch = |kind| {
            signal(kind)
                .into_diagnostic()
                .wrap_err("no signal to stop can be waited for")
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

/// Serves until it is told to stop.
pub(super) async fn run(config: Config) -> Result<()> {
    let told_to_stop = ToldToStop::catch()?;
    start_log(&config)?;
    let ready = open(config, told_to_stop).await?;
    for line in ready.lines() {
        println!("{line}");
    }
    ready.serve().await
}

/// Opens what can fail without a trace first, then the listener, since the public URL may depend on its port, and then the
/// house.
pub(super) async fn open(config: Config, told_to_stop: ToldToStop) -> Result<Ready> {
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
            "Made a master key: {}. Backups don't hold it; keep it apart from them.",
            path.display()
        );
    }
    if let Some(path) = new_root_key {
        println!(
            "Made a root access key: {} (AWS credentials file).",
            path.display()
        );
    }
    let metrics = install_metrics()?;
    Ok(Ready {
        app: Arc::new(app),
        address,
        listener,
        tls,
        metrics,
        told_to_stop,
    })
}

async fn certificate(tls: &TlsFiles) -> Result<RustlsConfig> {
    let (certificate, key) = (&tls.certificate_file, &tls.key_file);
    let loaded = RustlsConfig::from_pem_file(certificate, key).await;
    loaded.into_diagnostic().wrap_err_with(|| {
        format!(
            "the certificate in {} with the key in {} can't be used for TLS: name a certificate in PEM and the private \
             key that belongs to it",
            certificate.display(),
            key.display()
        )
    })
}

impl Ready {
    /// What is served where.
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

    /// Serves until SIGTERM or SIGINT, finishes what is under way, and closes the store.
    pub(super) async fn serve(self) -> Result<()> {
        tokio::spawn(keep_metrics(self.metrics.clone()));
        let front = Front::new(Arc::clone(&self.app), self.metrics);
        let handle = Handle::new();
        let draining = drain_when_told(self.told_to_stop, Arc::clone(&front), handle.clone());
        tokio::spawn(draining);
        let service = front.router().into_make_service();
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

/// Bounds what a connection may cost before a request is there.
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
    // hyper's own limit begins when it knows which HTTP a client speaks, however long that takes.
    server.first_request_timeout(HEAD)
}

async fn keep_metrics(metrics: PrometheusHandle) {
    loop {
        tokio::time::sleep(UPKEEP).await;
        metrics.run_upkeep();
    }
}

async fn drain_when_told(
    mut told_to_stop: ToldToStop,
    front: Arc<Front>,
    handle: Handle<SocketAddr>,
) {
    told_to_stop.wait().await;
    tracing::info!("stopping: no new connections, requests under way are finished");
    front.drain();
    handle.graceful_shutdown(Some(DRAIN));
}

/// Logs to standard error.
///
/// Other crates are heard from `info` upwards, whatever the filter says: tokens, secret keys and guests' ids pass through
/// them in headers, frames and documents, and what they write down of those below that is theirs to change.
pub(super) fn start_log(config: &Config) -> Result<()> {
    let filter = EnvFilter::try_new(&config.log.filter)
        .into_diagnostic()
        .wrap_err("the log filter can't be read; `info` is one")?;
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
