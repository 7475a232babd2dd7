//! `cognate dev`: a server for a laptop, a container or a CI job, with a demo pool and a test issuer.

use std::path::{Path, PathBuf};

use miette::{IntoDiagnostic, Result, WrapErr};
use tempfile::TempDir;

use super::log::ProcessLog;
use super::serve::{self, BoundServer};
use crate::app::demo;
use crate::app::keys::root_key;
use crate::config::Config;
use crate::model::ids::PoolId;

/// Where data that isn't kept may be, if there is no directory for temporary files: a container may have neither it nor a
/// file system that can be written.
const PASSING: [&str; 4] = ["/dev/shm", "/tmp", "/var/tmp", "."];

/// Serves until a signal to stop; with `--ephemeral`, from a temporary directory.
pub(super) async fn run(mut config: Config) -> Result<()> {
    let stop_signals = serve::StopSignals::catch()?;
    let log = ProcessLog::start(&config)?;
    let passing = if config.dev.is_some_and(|dev| dev.ephemeral) {
        Some(passing_directory()?)
    } else {
        None
    };
    if let Some(folder) = &passing {
        config.data_dir = folder.path().join("data");
        config.master_key_file = config.data_dir.join("master.key");
    }
    let ready = serve::open(config, stop_signals, log.bounds.clone()).await?;
    let pool = demo::set_up(&ready.app).await.into_diagnostic()?;
    let lines = ready.lines().into_iter();
    serve::print(lines.chain(exposure(&ready)).chain(tour(&ready, &pool)));
    let served = ready.serve().await;
    log.end().await;
    drop(passing);
    served
}

/// A temporary directory, in the first directory that can be written.
fn passing_directory() -> Result<TempDir> {
    let usual = std::env::temp_dir();
    let others = PASSING.iter().map(PathBuf::from);
    let mut parents = std::iter::once(usual.clone()).chain(others);
    if let Some(folder) = parents.find_map(|parent| tempfile::tempdir_in(parent).ok()) {
        return Ok(folder);
    }
    std::fs::create_dir_all(&usual)
        .and_then(|()| tempfile::tempdir_in(&usual))
        .into_diagnostic()
        .wrap_err(
            "no directory for temporary files can be written: mount one (a tmpfs at /tmp, for example), or set TMPDIR",
        )
}

/// The lines about a server that other machines reach.
fn exposure(ready: &BoundServer) -> Vec<String> {
    let config = &ready.app.config;
    if !config.is_exposed() {
        return Vec::new();
    }
    let port = ready.address.port();
    let mut lines = vec![
        String::new(),
        format!(
            "  EXPOSED: every machine that reaches {} can sign in as any user of the demo pool.",
            ready.address
        ),
        "  Use it in a container or a test network only, never in front of real data.".to_owned(),
    ];
    if config.public_url.is_none() {
        lines.extend([
            format!(
                "  The public URL is {}, for clients on the machine that publishes the port.",
                ready.app.tokens.issuer()
            ),
            format!(
                "  For peers in a Compose network, start it with --public-url http://NAME:{port}, where NAME is the"
            ),
            "  name of this service there.".to_owned(),
        ]);
    }
    lines
}

fn tour(ready: &BoundServer, pool: &PoolId) -> Vec<String> {
    let app = &ready.app;
    let endpoint = if app.config.is_exposed() {
        app.tokens.issuer().to_owned()
    } else {
        ready.url()
    };
    let region = &pool.region;
    let issuer = app.test_issuer.as_ref().map_or("", |issuer| issuer.url());
    let token = format!("{} dev token --endpoint {endpoint} --login", program());
    let (claim, value) = demo::ADMIN_CLAIM;
    let mut lines = vec![
        String::new(),
        format!("Demo pool {pool}"),
        format!("Test issuer {issuer} for the client {}: any user, no passwords", demo::CLIENT),
        String::new(),
        "Try it, in another terminal:".to_owned(),
        String::new(),
        r"  unset AWS_PROFILE $(env | sed -n 's/^\(AWS_[A-Z0-9_]*\)=.*/\1/p')".to_owned(),
        format!("  export AWS_ENDPOINT_URL={endpoint} AWS_DEFAULT_REGION={region} AWS_CONFIG_FILE=/dev/null"),
        "  ID=$(aws cognito-identity get-id --no-sign-request --identity-pool-id \\".to_owned(),
        format!("      {pool} --query IdentityId --output text)"),
        "  aws cognito-identity get-credentials-for-identity --no-sign-request --identity-id $ID"
            .to_owned(),
        String::new(),
        "The guest signs in as alice, with an ID token of the test issuer:".to_owned(),
        String::new(),
        format!("  LOGIN=$({token} --sub alice)"),
        "  aws cognito-identity get-credentials-for-identity --no-sign-request --identity-id $ID \\"
            .to_owned(),
        "      --logins $LOGIN".to_owned(),
        String::new(),
        format!("A claim gives bob another role, DemoAdmin ({claim}={value}):"),
        String::new(),
        format!("  LOGIN=$({token} --sub bob --claim {claim}={value})"),
        "  ID=$(aws cognito-identity get-id --no-sign-request --identity-pool-id \\".to_owned(),
        format!("      {pool} --logins $LOGIN --query IdentityId --output text)"),
        "  aws cognito-identity get-credentials-for-identity --no-sign-request --identity-id $ID \\"
            .to_owned(),
        "      --logins $LOGIN".to_owned(),
    ];
    lines.extend(administration(&app.config.data_dir, pool));
    lines.push(String::new());
    lines
}

/// The lines for the administrator, who signs with the root key in the data directory.
fn administration(data_dir: &Path, pool: &PoolId) -> Vec<String> {
    let credentials = data_dir.join(root_key::FILE);
    if !credentials.exists() {
        return Vec::new();
    }
    let credentials = std::path::absolute(&credentials).unwrap_or(credentials);
    vec![
        String::new(),
        "As the administrator:".to_owned(),
        String::new(),
        format!(
            "  export AWS_SHARED_CREDENTIALS_FILE={}",
            credentials.display()
        ),
        format!("  aws cognito-identity describe-identity-pool --identity-pool-id {pool}"),
    ]
}

/// The command that runs this program.
fn program() -> String {
    let path = std::env::current_exe().ok();
    path.map_or_else(|| "cognate".to_owned(), |path| path.display().to_string())
}
