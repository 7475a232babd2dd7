//! `cognate whoami`: what a profile gives.

use clap::Args;
use miette::Result;
use serde_json::json;

use super::credentials;
use super::output::{OutputArguments, members};
use super::profile::{Profile, ProfileFlag};
use super::tokens::claims;
use super::tokens::saved_login::SavedLogin;
use super::user_files::UserFolder;
use crate::config::Environment;

/// The flags of `cognate whoami`.
#[derive(Debug, Args)]
pub struct WhoamiArguments {
    #[command(flatten)]
    profile: ProfileFlag,
    #[command(flatten)]
    output: OutputArguments,
}

/// Prints the server, the role and the end of the credentials, and who is signed in.
pub(super) async fn run(arguments: WhoamiArguments) -> Result<()> {
    let environment = Environment::of_the_process();
    let folder = UserFolder::open(&environment)?;
    let flag = arguments.profile;
    let profile = Profile::read(&folder, &flag)?;
    let keys = credentials::find(&folder, &environment, &flag).await;
    let name = flag.profile;
    let keys = keys.map_err(|refusal| refusal.report)?;
    let mut shown = json!({
        "Profile": name, "Server": profile.endpoint, "Pool": profile.pool,
    });
    let saved = SavedLogin::read(&folder, &name, &profile)?;
    let token = saved.as_ref().and_then(|saved| claims(&saved.id_token));
    if let (Some(saved), Some(claims)) = (&saved, token) {
        shown["Issuer"] = json!(saved.issuer);
        for (label, claim) in [("Subject", "sub"), ("Email", "email")] {
            if let Some(text) = claims.get(claim).and_then(|value| value.as_str()) {
                shown[label] = json!(text);
            }
        }
    }
    shown["Role"] = json!(keys.role_arn.as_deref().unwrap_or("unknown"));
    shown["AccessKeyId"] = json!(keys.access_key_id);
    shown["Until"] = json!(keys.expiration.to_string());
    arguments.output.print(&shown, members);
    Ok(())
}
