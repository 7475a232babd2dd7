//! `cognate whoami`: what a profile gives.

use clap::Args;
use miette::Result;

use super::credentials;
use super::profile::{Profile, ProfileFlag};
use super::tokens::saved_login::SavedLogin;
use super::tokens::{claims, printable};
use super::user_files::UserFolder;
use crate::config::Environment;

/// The flags of `cognate whoami`.
#[derive(Debug, Args)]
pub struct WhoamiArguments {
    #[command(flatten)]
    profile: ProfileFlag,
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
    println!("profile      {name}");
    println!("server       {}", profile.endpoint);
    if let Some(pool) = &profile.pool {
        println!("pool         {pool}");
    }
    let saved = SavedLogin::read(&folder, &name, &profile)?;
    let token = saved.as_ref().and_then(|saved| claims(&saved.id_token));
    if let (Some(saved), Some(claims)) = (&saved, token) {
        println!("issuer       {}", saved.issuer);
        for (label, claim) in [("subject", "sub"), ("email", "email")] {
            if let Some(text) = claims.get(claim).and_then(|value| value.as_str()) {
                println!("{label:<12} {}", printable(text));
            }
        }
    }
    let role = keys.role_arn.as_deref().unwrap_or("unknown");
    println!("role         {}", printable(role));
    println!("access key   {}", printable(&keys.access_key_id));
    println!("until        {}", keys.expiration);
    Ok(())
}
