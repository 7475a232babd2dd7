//! `cognate dev`: a server for a laptop or a CI job, with a demo pool.

use miette::{IntoDiagnostic, Result};
use uuid::Uuid;

use super::serve::{self, BoundServer};
use crate::app::keys::root_key;
use crate::app::{App, pools};
use crate::config::Config;
use crate::model::ids::{PoolId, Region, RoleArn};
use crate::model::pool::{Pool, PoolSettings, Roles};

/// The demo pool's id: the same in every data directory, so that pasted commands keep working.
const POOL: Uuid = Uuid::from_u128(0xc09a_7e00_0000_4000_8000_0000_0000_0001);

/// Serves until a signal to stop; with `--ephemeral`, from a temporary directory.
pub(super) async fn run(mut config: Config) -> Result<()> {
    let stop_signals = serve::StopSignals::catch()?;
    let log_bounds = serve::start_log(&config)?;
    let passing = if config.ephemeral {
        Some(tempfile::tempdir().into_diagnostic()?)
    } else {
        None
    };
    if let Some(folder) = &passing {
        config.data_dir = folder.path().join("data");
        config.master_key_file = config.data_dir.join("master.key");
    }
    let ready = serve::open(config, stop_signals, log_bounds).await?;
    let pool = demo_pool(&ready.app).await?;
    for line in ready.lines().into_iter().chain(tour(&ready, &pool)) {
        println!("{line}");
    }
    let served = ready.serve().await;
    drop(passing);
    served
}

/// Creates the demo pool at the first start.
async fn demo_pool(app: &App) -> Result<PoolId> {
    let region = app.config.regions.first().cloned();
    let region = region
        .or_else(|| Region::parse("us-east-1"))
        .expect("a well-formed region");
    let id = PoolId { region, uuid: POOL };
    let role = |name: &str| {
        RoleArn::parse(&format!(
            "arn:aws:iam::{}:role/{name}",
            app.config.account_id
        ))
    };
    let settings = PoolSettings {
        name: "Demo".to_owned(),
        allow_unauthenticated: true,
        ..PoolSettings::default()
    };
    let roles = Roles {
        authenticated: role("DemoSignedIn"),
        unauthenticated: role("DemoGuest"),
        ..Roles::default()
    };
    let pool = Pool {
        roles,
        ..Pool::new(id.clone(), settings)
    };
    pools::add_if_absent(app, pool).await.into_diagnostic()?;
    Ok(id)
}

fn tour(ready: &BoundServer, pool: &PoolId) -> Vec<String> {
    let endpoint = format!("http://{}", ready.address);
    let region = &pool.region;
    let credentials = ready.app.config.data_dir.join(root_key::FILE);
    let mut lines = vec![
        String::new(),
        format!("Demo pool {pool}"),
        String::new(),
        "Try it, in another terminal:".to_owned(),
        String::new(),
        format!("  export AWS_ENDPOINT_URL={endpoint} AWS_DEFAULT_REGION={region}"),
        "  ID=$(aws cognito-identity get-id --no-sign-request --identity-pool-id \\".to_owned(),
        format!("      {pool} --query IdentityId --output text)"),
        "  aws cognito-identity get-credentials-for-identity --no-sign-request --identity-id $ID"
            .to_owned(),
    ];
    if credentials.exists() {
        let credentials = std::path::absolute(&credentials).unwrap_or(credentials);
        lines.extend([
            String::new(),
            "As the administrator:".to_owned(),
            String::new(),
            format!(
                "  export AWS_SHARED_CREDENTIALS_FILE={}",
                credentials.display()
            ),
            format!("  aws cognito-identity describe-identity-pool --identity-pool-id {pool}"),
        ]);
    }
    lines.push(String::new());
    lines
}
