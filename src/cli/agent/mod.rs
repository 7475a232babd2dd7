//! `cognate agent`: container credentials of a profile on this machine, for programs that know no other way. Only a program that
//! has the token in its environment is answered.

mod gate;

use std::io::Write;
use std::net::Ipv4Addr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Args;
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use jiff::{SignedDuration, Timestamp};
use miette::{IntoDiagnostic, Result, WrapErr, miette};
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, Semaphore};

use self::gate::{Gate, refused};
use super::credentials::{self, ProfileKeys, sentence};
use super::profile::ProfileFlag;
use super::user_files::UserFolder;
use crate::ambient::{Ambient, Real};
use crate::config::Environment;

/// How often the agent looks whether its keys need to be fetched again.
const CHECK: SignedDuration = SignedDuration::from_secs(20);

/// The most connections at once, and how long one may take to send its request: any process of the machine can connect.
const CONNECTIONS: usize = 128;
const HEAD: Duration = Duration::from_secs(2);

/// The flags of `cognate agent`.
#[derive(Debug, Args)]
pub struct AgentArguments {
    #[command(flatten)]
    profile: ProfileFlag,
    /// The port on 127.0.0.1 [default: a free one]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    port: u16,
    /// Stop when the program that started the agent has ended
    #[arg(long)]
    with_parent: bool,
    /// Run as root, as in a container
    #[arg(long)]
    as_root: bool,
}

/// What the requests share.
struct Agent {
    gate: Gate,
    flag: ProfileFlag,
    folder: UserFolder,
    environment: Environment,
    keys: RwLock<AgentKeys>,
    /// Held by the one request that looks for newer keys.
    checking: Mutex<()>,
}

/// The newest keys, or why there are none.
struct AgentKeys {
    found: Result<ProfileKeys, String>,
    /// When the agent last looked whether they need to be fetched again.
    checked: Timestamp,
}

/// Runs the agent until it is stopped.
pub(super) async fn run(arguments: AgentArguments) -> Result<()> {
    if rustix::process::geteuid().is_root() && !arguments.as_root {
        return Err(miette!(
            "the agent isn't started as root, because it needs no rights: start it as the user of the programs, or use --as-root"
        ));
    }
    let output = rustix::fs::fstat(std::io::stdout()).into_diagnostic()?;
    let is_file = rustix::fs::FileType::from_raw_mode(output.st_mode).is_file();
    if is_file && output.st_mode & 0o077 != 0 {
        return Err(miette!(
            "other users may read the file that the agent's token would be written to: run umask 077 first, and remove the file"
        ));
    }
    let environment = Environment::of_the_process();
    let folder = UserFolder::open(&environment)?;
    let flag = arguments.profile;
    // A profile that gets nothing is reported before the exports are printed.
    let keys = credentials::find(&folder, &environment, &flag).await;
    let keys = keys.map_err(|refusal| refusal.report)?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, arguments.port)).await;
    let listener = listener
        .into_diagnostic()
        .wrap_err("the port can't be used")?;
    let address = listener.local_addr().into_diagnostic()?;
    let mut random = [0; 32];
    Real.fill(&mut random);
    let gate = Gate {
        profile: flag.profile.clone(),
        authority: address.to_string(),
        token: URL_SAFE_NO_PAD.encode(random),
    };
    println!(
        "export AWS_CONTAINER_CREDENTIALS_FULL_URI=http://{address}{}",
        gate.path()
    );
    println!("export AWS_CONTAINER_AUTHORIZATION_TOKEN={}", gate.token);
    // A shell that reads the lines goes on at once.
    std::io::stdout().flush().into_diagnostic()?;
    let agent = Arc::new(Agent {
        gate,
        flag,
        folder,
        environment,
        keys: RwLock::new(AgentKeys {
            found: Ok(keys),
            checked: Real.now(),
        }),
        checking: Mutex::new(()),
    });
    let refreshing = async {
        loop {
            tokio::time::sleep(CHECK.unsigned_abs()).await;
            agent.check().await;
        }
    };
    tokio::select! {
        () = serve(listener, &agent) => Ok(()),
        () = refreshing => Ok(()),
        () = stopped(arguments.with_parent) => Ok(()),
    }
}

/// Waits for a signal, or for the end of the program that started this one.
async fn stopped(with_parent: bool) {
    let parent = rustix::process::getppid();
    let orphaned = async {
        while !with_parent || rustix::process::getppid() == parent {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = orphaned => {}
    }
}

/// Serves connections, a bounded number at once.
async fn serve(listener: TcpListener, agent: &Arc<Agent>) {
    let free = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(permit) = Arc::clone(&free).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((connection, _)) => {
                let agent = Arc::clone(agent);
                tokio::spawn(async move {
                    serve_one(connection, &agent).await;
                    drop(permit);
                });
            }
            // No file descriptor is free, for example.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn serve_one(connection: TcpStream, agent: &Agent) {
    let answer = service_fn(async |request: http::Request<Incoming>| {
        let answer = agent.answer(&request.into_parts().0).await;
        Ok::<_, std::convert::Infallible>(answer)
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .keep_alive(false);
    // A client that goes away needs no answer.
    let _ = http
        .serve_connection(TokioIo::new(connection), answer)
        .await;
}

impl Agent {
    async fn answer(&self, head: &Parts) -> Response {
        let (status, body) = match self.gate.check(head) {
            Some(refusal) => refusal,
            None => self.keys().await,
        };
        let mut response = Response::new(Body::from(body.to_string()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }

    /// The keys, which the agent usually has already. After the machine slept, it looks for newer ones first.
    async fn keys(&self) -> (StatusCode, Value) {
        self.check().await;
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        match &keys.found {
            Ok(found) if found.expiration > Real.now() => (
                StatusCode::OK,
                serde_json::to_value(found).unwrap_or_default(),
            ),
            Ok(_) => refused(
                StatusCode::SERVICE_UNAVAILABLE,
                "The credentials have ended, and the server can't be reached.",
            ),
            Err(words) => refused(StatusCode::SERVICE_UNAVAILABLE, words),
        }
    }

    /// Whether it is time to look for newer keys. A clock that stepped back doesn't put it off.
    fn is_due(&self) -> bool {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let passed = Real.now().duration_since(keys.checked);
        passed >= CHECK || passed.is_negative()
    }

    /// Looks for newer keys if it is time. Requests that come meanwhile wait, and don't look again.
    async fn check(&self) {
        if !self.is_due() {
            return;
        }
        let _checking = self.checking.lock().await;
        if !self.is_due() {
            return;
        }
        let found = credentials::find(&self.folder, &self.environment, &self.flag).await;
        let found = found.map_err(|refusal| sentence(&refusal.report));
        if let Err(words) = &found {
            eprintln!("cognate: {words}");
        }
        let now = Real.now();
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        let is_usable = |keys: &ProfileKeys| keys.expiration > now;
        if found.is_ok() || !keys.found.as_ref().is_ok_and(is_usable) {
            keys.found = found;
        }
        keys.checked = now;
    }
}
