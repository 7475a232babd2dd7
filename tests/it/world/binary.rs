//! The built binary as a process: started, asked, signalled and killed, by the clock on the wall.

use std::ffi::{OsStr, OsString};
use std::ops::Deref;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use cognate::ambient::{Ambient, Real};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use super::{Credentials, Door, Issuer, NO_RATES, client};

/// How long anything may take that isn't measured.
const PATIENCE: Duration = Duration::from_mins(1);

/// A package's build that is tested instead of the debug build, by its path in `COGNATE_TEST_BINARY`.
#[expect(
    clippy::disallowed_methods,
    reason = "tests find their server by a variable"
)]
pub fn release_build() -> Option<OsString> {
    std::env::var_os("COGNATE_TEST_BINARY")
}

/// Whether the long variants of tests run.
#[expect(
    clippy::disallowed_methods,
    reason = "the caller asks for them by a variable"
)]
pub fn is_full() -> bool {
    std::env::var_os("COGNATE_TEST_FULL").is_some()
}

/// How the binary is to be started: with no other environment than what is said here.
pub struct Start(Command);

impl Start {
    /// `cognate WORDS…`.
    pub fn command(words: &[&str]) -> Self {
        let binary = release_build().unwrap_or_else(|| env!("CARGO_BIN_EXE_cognate").into());
        let mut command = Command::new(binary);
        command
            .args(words)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        Self(command)
    }

    /// `cognate serve` on `data`, listening on a free port, without a root key of its own.
    pub fn keyless(data: &Path) -> Self {
        Self::command(&["serve", "--listen", "127.0.0.1:0"])
            .flag("--data-dir", data)
            .variable("COGNATE_DRAIN_DELAY", "0")
    }

    /// `cognate serve` as [`Start::keyless`], with the usual root key and issuers on this machine.
    pub fn serve(data: &Path) -> Self {
        let mut start = Self::keyless(data).with_root();
        start.0.arg("--allow-http-issuers");
        start
    }

    /// Without the limits on rates, for a test that calls more from one address than they allow.
    pub fn without_rates(self) -> Self {
        NO_RATES
            .into_iter()
            .fold(self, |start, name| start.variable(name, "0"))
    }

    pub fn with_root(self) -> Self {
        let root = Credentials::root();
        self.variable("COGNATE_ROOT_ACCESS_KEY_ID", &root.id)
            .variable("COGNATE_ROOT_SECRET_ACCESS_KEY", &root.secret)
    }

    /// Starts it with at most `limit` open files.
    pub fn file_limit(self, limit: u32) -> Self {
        let own = self.0.as_std();
        let mut command = Command::new("/bin/sh");
        command
            .arg("-c")
            .arg(format!("ulimit -n {limit}; exec \"$0\" \"$@\""))
            .arg(own.get_program())
            .args(own.get_args())
            .env_clear()
            .envs(
                own.get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            )
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        Self(command)
    }

    pub fn flag(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.0.arg(name).arg(value);
        self
    }

    /// With a flag that has no value.
    pub fn word(mut self, name: &str) -> Self {
        self.0.arg(name);
        self
    }

    pub fn variable(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.0.env(name, value);
        self
    }

    /// In this working directory.
    pub fn directory(mut self, folder: &Path) -> Self {
        self.0.current_dir(folder);
        self
    }

    /// What it reads from its standard input.
    pub fn input(mut self, file: &Path) -> Self {
        let file = std::fs::File::open(file).expect("a file that can be read");
        self.0.stdin(file);
        self
    }

    /// Runs it to its end, which it must come to by itself.
    pub async fn run(mut self) -> Ended {
        let output = tokio::time::timeout(PATIENCE, self.0.output()).await;
        let output = output
            .expect("an end within a minute")
            .expect("a binary that starts");
        Ended {
            status: output.status,
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }

    /// Starts it, for a server that may not come up.
    pub fn spawn(mut self) -> Child {
        self.0.spawn().expect("a binary that starts")
    }

    /// Starts a server and waits until it says that it serves.
    pub async fn up(self) -> Running {
        self.up_with(client()).await
    }

    /// As [`Start::up`], to be asked by `client`.
    pub async fn up_with(self, client: reqwest::Client) -> Running {
        let mut child = self.spawn();
        let out = collect(child.stdout.take().expect("a pipe"));
        let err = collect(child.stderr.take().expect("a pipe"));
        let base = tokio::time::timeout(PATIENCE, address(out.clone())).await;
        let Ok(Some(base)) = base else {
            panic!("no server: {}", text(&err.borrow()));
        };
        Running {
            child,
            out,
            err,
            door: Door::new(base, client, Arc::new(Real)),
        }
    }
}

/// How a process ended, and all that it printed.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub out: String,
    pub err: String,
}

/// A server in a process of its own. It is killed when it is dropped.
pub struct Running {
    child: Child,
    out: watch::Receiver<Vec<u8>>,
    err: watch::Receiver<Vec<u8>>,
    door: Door,
}

impl Deref for Running {
    type Target = Door;

    fn deref(&self) -> &Door {
        &self.door
    }
}

impl Running {
    /// From now on, administrated with this root key.
    pub fn with_root(mut self, root: Credentials) -> Self {
        self.door.root = root;
        self
    }

    /// What it has printed so far.
    pub fn out(&self) -> String {
        text(&self.out.borrow())
    }

    /// What it has logged so far.
    pub fn err(&self) -> String {
        text(&self.err.borrow())
    }

    /// The processor time of all its threads so far.
    pub fn processor_time(&self) -> Duration {
        let id = self.child.id().expect("a process that runs");
        let threads = std::fs::read_dir(format!("/proc/{id}/task")).expect("its threads");
        let times = threads.filter_map(|thread| {
            let path = thread.ok()?.path().join("schedstat");
            let text = std::fs::read_to_string(path).ok()?;
            text.split_whitespace().next()?.parse::<u64>().ok()
        });
        Duration::from_nanos(times.sum())
    }

    /// The most memory that it has had, in bytes.
    pub fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id()));
        let status = status.expect("a process that runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kibibytes = line.expect("a peak").trim().trim_end_matches(" kB");
        kibibytes.parse::<u64>().expect("a number") * 1024
    }

    /// Where it listens.
    pub fn address(&self) -> &str {
        self.base.split_once("://").expect("a URL").1
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id().expect("a process that runs")
    }

    pub fn signal(&self, signal: Signal) {
        let id = self.child.id().expect("a process that runs");
        let id = Pid::from_raw(id.try_into().expect("an id")).expect("an id");
        kill_process(id, signal).expect("a signal that arrives");
    }

    /// Kills it, as a crash would.
    pub async fn kill(mut self) {
        self.child.kill().await.expect("a process that runs");
    }

    /// Tells it to stop, and waits until it has.
    pub async fn stop(self) -> Ended {
        self.signal(Signal::TERM);
        self.ended().await
    }

    /// Waits until it has ended.
    pub async fn ended(mut self) -> Ended {
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        let status = status
            .expect("an end within a minute")
            .expect("a status of a process");
        Ended {
            status,
            out: whole(self.out).await,
            err: whole(self.err).await,
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Where a server that prints to `out` says that it serves; `None` where it ends before.
async fn address(mut out: watch::Receiver<Vec<u8>>) -> Option<String> {
    let announced = |printed: &Vec<u8>| {
        let printed = text(printed);
        printed.contains("\n  Data   ") && printed.ends_with('\n')
    };
    let printed = text(&out.wait_for(announced).await.ok()?);
    let (_, rest) = printed.split_once(" serves on ")?;
    rest.lines().next().map(str::to_owned)
}

/// Gathers what comes through a pipe.
fn collect(mut pipe: impl AsyncRead + Unpin + Send + 'static) -> watch::Receiver<Vec<u8>> {
    let (gathered, seen) = watch::channel(Vec::new());
    tokio::spawn(async move {
        let mut piece = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = pipe.read(&mut piece).await {
            gathered.send_modify(|all| all.extend_from_slice(&piece[..length]));
        }
    });
    seen
}

/// What came through a pipe until it was closed.
async fn whole(mut pipe: watch::Receiver<Vec<u8>>) -> String {
    while pipe.changed().await.is_ok() {}
    text(&pipe.borrow())
}

/// A token of the user `subject` for the client `app`, good for an hour from now.
pub fn real_token(issuer: &Issuer, subject: &str) -> String {
    let now = Real.now().as_second();
    issuer.key.token(&json!({
        "iss": issuer.url(), "aud": "app", "sub": subject, "iat": now, "exp": now + 3600,
    }))
}
