//! `cognate login`: a person signs in at the provider of the pool, in a browser on this machine or on another device.

mod browser;
mod redirect;

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Args;
use miette::{IntoDiagnostic, Result, miette};
use serde_json::Value;

use self::redirect::Redirect;
use super::credentials;
use super::profile::{Profile, ProfileFlag, ProfileSource};
use super::tokens::provider::ProviderEndpoints;
use super::tokens::saved_login::SavedLogin;
use super::tokens::{claims, printable};
use super::user_files::{UserFile, UserFolder};
use crate::ambient::{Ambient, Real};
use crate::config::Environment;
use crate::model::login_client::LoginClient;

/// The longest interval and the longest life of a device code, in seconds.
const LONGEST_WAIT: u64 = 3600;

/// The flags of `cognate login`.
#[derive(Debug, Args)]
pub struct LoginArguments {
    #[command(flatten)]
    profile: ProfileFlag,
    /// Sign in on another device, with a code: anyone who is shown a code by a stranger gives the stranger the login
    #[arg(long, conflicts_with_all = ["no_browser", "port"])]
    device: bool,
    /// Print the URL, and open no browser
    #[arg(long)]
    no_browser: bool,
    /// The port on 127.0.0.1 to which the browser comes back [default: a free one]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    port: u16,
}

/// Runs the command.
pub(super) async fn run(arguments: LoginArguments) -> Result<()> {
    let environment = Environment::of_the_process();
    let folder = UserFolder::open(&environment)?;
    let name = arguments.profile.profile.clone();
    let profile = Profile::read(&folder, &arguments.profile)?;
    if profile.source != ProfileSource::Login {
        return Err(miette!(
            "the profile {name} has another source of tokens: nobody needs to sign in"
        ));
    }
    // Before the person does anything: what they get can be stored.
    folder.test(&name, UserFile::Login)?;
    folder.test(&name, UserFile::Credentials)?;
    let login = profile.login_client(&name).await?;
    let provider = ProviderEndpoints::discover(&login).await?;
    let answer = if arguments.device {
        by_device(&provider, &login).await?
    } else {
        by_browser(&provider, &login, &arguments, &environment).await?
    };
    let lock = folder.lock(&name)?;
    let id_token = answer["id_token"].as_str().ok_or_else(|| {
        miette!("the provider gave no ID token: the client needs the scope openid")
    })?;
    let saved = SavedLogin {
        endpoint: profile.endpoint.clone(),
        issuer: login.issuer.clone(),
        client_id: login.client_id.clone(),
        id_token: id_token.to_owned(),
        refresh_token: answer["refresh_token"].as_str().map(str::to_owned),
    };
    saved.write(&folder, &name)?;
    folder.remove(&name, UserFile::Credentials)?;
    drop(lock);
    if saved.refresh_token.is_none() {
        eprintln!("The provider gave no refresh token, so the login ends with its ID token.");
    }
    let keys = credentials::find(&folder, &environment, &arguments.profile).await;
    let keys = keys.map_err(|refusal| {
        refusal
            .report
            .wrap_err("signed in, but there are no credentials")
    })?;
    let role = printable(keys.role_arn.as_deref().unwrap_or("an unknown role"));
    println!(
        "Signed in. The profile {name} has credentials for {role} until {}.",
        keys.expiration
    );
    Ok(())
}

/// 32 random bytes in base64url.
fn random() -> String {
    let mut bytes = [0; 32];
    Real.fill(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The authorization code flow with PKCE, by a browser that comes back to this machine (RFC 8252).
async fn by_browser(
    provider: &ProviderEndpoints,
    login: &LoginClient,
    arguments: &LoginArguments,
    environment: &Environment,
) -> Result<Value> {
    let redirect = Redirect::listen(arguments.port).await?;
    let (state, nonce, verifier) = (random(), random(), random());
    let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
    let mut url = provider.endpoint("authorization_endpoint")?;
    url.query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("client_id", &login.client_id)
        .append_pair("redirect_uri", redirect.uri())
        .append_pair("scope", &login.scopes.join(" "))
        .append_pair("state", &state)
        .append_pair("nonce", &nonce)
        .append_pair("code_challenge", &challenge)
        .append_pair("code_challenge_method", "S256");
    if login.scopes.iter().any(|scope| scope == "offline_access") {
        // Without consent, many providers give no refresh token.
        url.query_pairs_mut().append_pair("prompt", "consent");
    }
    eprintln!("Sign in with a browser at:\n\n{url}\n");
    if environment.text("SSH_CONNECTION").is_some() {
        let port = redirect.port();
        eprintln!(
            "The browser must reach port {port} of this machine. If it runs on another one, run there first:\n\n\
             ssh -N -L {port}:127.0.0.1:{port} THIS_MACHINE\n"
        );
    }
    if !arguments.no_browser && !browser::open(url.as_str(), environment) {
        eprintln!("No browser could be opened: open the URL yourself.");
    }
    let uri = redirect.uri().to_owned();
    let code = redirect.code(&state).await?;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", uri.as_str()),
        ("client_id", login.client_id.as_str()),
        ("code_verifier", verifier.as_str()),
    ];
    let answer = provider
        .post(provider.endpoint("token_endpoint")?, &form)
        .await?;
    let answer = answer.map_err(|refusal| miette!("the provider refuses the login ({refusal})"))?;
    let answered = answer["id_token"].as_str().and_then(claims);
    let is_same =
        answered.is_none_or(|claims| claims.get("nonce").and_then(Value::as_str) == Some(&nonce));
    if !is_same {
        return Err(miette!(
            "the provider's token is for another login: run cognate login again"
        ));
    }
    Ok(answer)
}

/// The device code flow (RFC 8628).
async fn by_device(provider: &ProviderEndpoints, login: &LoginClient) -> Result<Value> {
    let endpoint = provider.find_endpoint("device_authorization_endpoint")?;
    let endpoint =
        endpoint.ok_or_else(|| miette!("the provider has no device codes: leave out --device"))?;
    let scopes = login.scopes.join(" ");
    let form = [
        ("client_id", login.client_id.as_str()),
        ("scope", scopes.as_str()),
    ];
    let begun = provider.post(endpoint, &form).await?;
    let begun =
        begun.map_err(|refusal| miette!("the provider refuses device codes ({refusal})"))?;
    let text = |name: &str| begun[name].as_str().map(printable);
    let (Some(device_code), Some(user_code), Some(uri)) = (
        begun["device_code"].as_str(),
        text("user_code"),
        text("verification_uri"),
    ) else {
        return Err(miette!("the provider's answer has no device code"));
    };
    eprintln!("Open {uri} on any device, and enter the code {user_code}");
    if let Some(complete) = text("verification_uri_complete") {
        eprintln!("or open {complete}");
    }
    let number =
        |name: &str, otherwise| begun[name].as_u64().unwrap_or(otherwise).min(LONGEST_WAIT);
    let (mut interval, life) = (number("interval", 5), number("expires_in", 600));
    let token_endpoint = provider.endpoint("token_endpoint")?;
    let form = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        ("device_code", device_code),
        ("client_id", login.client_id.as_str()),
    ];
    let mut waited = 0;
    while waited <= life {
        tokio::time::sleep(Duration::from_secs(interval)).await;
        waited += interval.max(1);
        let refusal = match provider.post(token_endpoint.clone(), &form).await? {
            Ok(answer) => return Ok(answer),
            Err(refusal) => refusal,
        };
        match refusal.code.as_str() {
            "authorization_pending" => {}
            "slow_down" => interval += 5,
            _ => return Err(miette!("the provider refuses the login ({refusal})")),
        }
    }
    Err(miette!(
        "the code was not entered in time: run cognate login again"
    ))
}

/// The flags of `cognate logout`.
#[derive(Debug, Args)]
pub struct LogoutArguments {
    #[command(flatten)]
    profile: ProfileFlag,
}

/// Revokes the refresh token of a profile at the provider (RFC 7009), and removes its tokens and keys.
pub(super) async fn log_out(arguments: LogoutArguments) -> Result<()> {
    let environment = Environment::of_the_process();
    let folder = UserFolder::open(&environment)?;
    let profile = Profile::read(&folder, &arguments.profile)?;
    let name = arguments.profile.profile;
    let _lock = folder.lock(&name)?;
    let saved = SavedLogin::read(&folder, &name, &profile)?;
    // What is on this machine goes first, whatever the provider answers.
    folder.remove(&name, UserFile::Login)?;
    folder.remove(&name, UserFile::Credentials)?;
    let (Some(saved), Some(login)) = (saved, &profile.login) else {
        println!("Nobody was signed in for the profile {name}.");
        return Ok(());
    };
    let Some(token) = saved.refresh_token else {
        println!("Signed out. There was no refresh token to revoke.");
        return Ok(());
    };
    let revoked = async {
        let provider = ProviderEndpoints::discover(login).await?;
        let Some(endpoint) = provider.find_endpoint("revocation_endpoint")? else {
            return Err(miette!("it has no revocation endpoint"));
        };
        let form = [
            ("token", token.as_str()),
            ("token_type_hint", "refresh_token"),
            ("client_id", login.client_id.as_str()),
        ];
        provider.post(endpoint, &form).await?.into_diagnostic()
    };
    match revoked.await {
        Ok(_) => {
            println!("Signed out. Credentials that were given before last until they end.");
            Ok(())
        }
        Err(error) => {
            Err(error.wrap_err("signed out here, but the provider didn't revoke the refresh token"))
        }
    }
}
