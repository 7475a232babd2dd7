//! `cognate profile`: what programs get credentials for, kept for this user and written to the AWS configuration file.

mod aws_config;

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use miette::{IntoDiagnostic, Result, miette};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;

use super::client::client_trusting;
use super::output::{OutputArguments, table, text};
use super::tokens::Unreachable;
use super::user_files::{UserFile, UserFolder};
use crate::config::Environment;
use crate::model::issuer::url_is_loopback;
use crate::model::json;
use crate::model::login_client::LoginClient;
use crate::outgoing::DirectClient;

/// The subcommands of `cognate profile`.
#[derive(Debug, Subcommand)]
pub enum ProfileCommand {
    /// Make or replace a profile, and write it to the AWS configuration file
    ///
    /// Programs with this AWS profile (AWS_PROFILE=NAME) then get their keys and endpoints by themselves. For people, the
    /// provider of the pool is shown and kept: if the server names another one later, nothing is sent to it until the profile
    /// is added again.
    Add(Box<ProfileAddArguments>),
    /// List the profiles
    List(ListProfilesArguments),
}

/// The flags of `cognate profile list`.
#[derive(Debug, Args)]
pub struct ListProfilesArguments {
    #[command(flatten)]
    output: OutputArguments,
}

/// The flag that selects a profile.
#[derive(Debug, Args)]
pub(super) struct ProfileFlag {
    /// The profile, which `cognate profile add` made
    #[arg(
        long,
        value_name = "NAME",
        env = "COGNATE_PROFILE",
        default_value = "default"
    )]
    pub(super) profile: String,
    /// A file with the certificates (PEM) of the authorities to trust for the server [default: the file that the profile was
    /// added with, otherwise the system's]
    #[arg(long, value_name = "FILE", env = "COGNATE_CA_FILE")]
    ca_file: Option<PathBuf>,
}

/// The flags of `cognate profile add`.
#[derive(Debug, Args)]
pub struct ProfileAddArguments {
    /// The profile's name, also in the AWS configuration file
    #[arg(value_name = "NAME")]
    name: String,
    /// The server's URL: https, or on this machine
    #[arg(long, value_name = "URL", env = "COGNATE_ENDPOINT")]
    endpoint: String,
    /// The identity pool's id. Without it, --role names a role that the token itself may assume
    #[arg(long, value_name = "ID", required_unless_present = "role")]
    pool: Option<String>,
    /// The name of a role that the pool offers
    #[arg(long, value_name = "NAME")]
    role: Option<String>,
    /// The lifetime of credentials, in seconds; needs --role
    #[arg(long, value_name = "N", requires = "role")]
    seconds: Option<i64>,
    /// The endpoint of the S3 store, for the AWS configuration file
    #[arg(long, value_name = "URL")]
    s3_endpoint: Option<String>,
    /// The region in the AWS configuration file
    #[arg(long, value_name = "NAME", default_value = "us-east-1")]
    region: String,
    /// Where the token comes from
    #[arg(long, value_enum, default_value = "login")]
    from: ProfileSource,
    /// The file of the token, for --from file
    #[arg(long, value_name = "PATH", required_if_eq("from", "file"))]
    token_file: Option<String>,
    /// The audience that GitHub or SPIFFE is asked for [default: the host of --endpoint]
    #[arg(long, value_name = "TEXT")]
    audience: Option<String>,
    /// A file with the certificates (PEM) of the authorities to trust for the server, instead of the system's. The profile
    /// keeps its path
    #[arg(long, value_name = "FILE", env = "COGNATE_CA_FILE")]
    ca_file: Option<PathBuf>,
    /// Leave the AWS configuration file as it is
    #[arg(long)]
    no_aws_config: bool,
}

/// Where the token of a profile comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ProfileSource {
    /// The token of a person, from `cognate login`
    Login,
    /// The token in a file that another program replaces, as in a Kubernetes pod
    File,
    /// The token of a job of GitHub Actions
    Github,
    /// The token in the variable COGNATE_ID_TOKEN, as in a job of GitLab CI
    Gitlab,
    /// The token of a workload, from the SPIFFE Workload API
    Spiffe,
}

/// A profile. It has no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Profile {
    /// The server's URL, without a final slash.
    pub(super) endpoint: String,
    /// The pool.
    pub(super) pool: Option<String>,
    /// The role's name.
    pub(super) role: Option<String>,
    /// The lifetime of credentials.
    pub(super) seconds: Option<i64>,
    /// Where the token comes from.
    pub(super) source: ProfileSource,
    /// The file of the token.
    pub(super) token_file: Option<String>,
    /// The audience that a token is asked for.
    pub(super) audience: Option<String>,
    /// The client at the provider, as it was when the profile was added.
    pub(super) login: Option<LoginClient>,
    /// The file of the authorities that are trusted for the server, instead of the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ca_file: Option<PathBuf>,
}

impl Profile {
    /// Reads the profile that the flag selects.
    pub(super) fn read(folder: &UserFolder, flag: &ProfileFlag) -> Result<Self> {
        let mut profile = Self::stored(folder, &flag.profile)?;
        if flag.ca_file.is_some() {
            profile.ca_file.clone_from(&flag.ca_file);
        }
        Ok(profile)
    }

    fn stored(folder: &UserFolder, name: &str) -> Result<Self> {
        check_name(name)?;
        let Some(value) = folder.read(name, UserFile::Profile)? else {
            return Err(miette!(
                "there is no profile {name}: run cognate profile add {name} --endpoint URL --pool ID"
            ));
        };
        let profile: Self = serde_json::from_value(value)
            .map_err(|error| miette!("the profile {name} can't be read ({error}): add it again"))?;
        check_endpoint(&profile.endpoint)?;
        Ok(profile)
    }

    /// A client for the profile's server.
    pub(super) fn client(&self) -> Result<DirectClient> {
        client_trusting(self.ca_file.as_deref())
    }

    /// The URL of the container credentials.
    pub(super) fn url(&self) -> Result<Url> {
        let mut path = match (&self.pool, &self.role) {
            (Some(pool), Some(role)) => format!("/credentials/{pool}/{role}"),
            (Some(pool), None) => format!("/credentials/{pool}"),
            (None, role) => format!("/role-credentials/{}", role.as_deref().unwrap_or_default()),
        };
        if let Some(seconds) = self.seconds {
            path = format!("{path}/{seconds}");
        }
        Url::parse(&format!("{}{path}", self.endpoint)).into_diagnostic()
    }

    /// The audience that a workload's token is asked for: never what the server says.
    pub(super) fn audience(&self) -> Result<String> {
        if let Some(audience) = &self.audience {
            return Ok(audience.clone());
        }
        let url = Url::parse(&self.endpoint).into_diagnostic()?;
        Ok(url.host_str().unwrap_or_default().to_owned())
    }

    /// The client that `cognate login` signs in with. It is an error if the server names another one by now.
    pub(super) async fn login_client(&self, name: &str) -> Result<LoginClient> {
        let Some(pinned) = &self.login else {
            return Err(miette!(
                "the profile {name} has another source of tokens than a login"
            ));
        };
        let pool = self.pool.as_deref().unwrap_or_default();
        let now = published(&self.client()?, &self.endpoint, pool).await?;
        if now != *pinned {
            return Err(miette!(
                "the server names another provider than when the profile was added (now issuer {} and client {}): if that is \
                 right, run cognate profile add {name} again",
                now.issuer,
                now.client_id
            ));
        }
        Ok(now)
    }
}

/// Runs the subcommand.
pub(super) async fn run(command: ProfileCommand) -> Result<()> {
    let environment = Environment::of_the_process();
    let folder = UserFolder::open(&environment)?;
    match command {
        ProfileCommand::Add(arguments) => add(&folder, &environment, *arguments).await,
        ProfileCommand::List(list) => {
            let mut profiles = Vec::new();
            for name in folder.profiles()? {
                let url = Profile::stored(&folder, &name)?.url()?;
                profiles.push(json!({ "Profile": name, "Url": url.as_str() }));
            }
            list.output.print(&json!({ "Profiles": profiles }), |_| {
                let row = |it: &Value| [text(&it["Profile"]), text(&it["Url"])];
                table(["PROFILE", "URL"], profiles.iter().map(row))
            });
            Ok(())
        }
    }
}

async fn add(
    folder: &UserFolder,
    environment: &Environment,
    arguments: ProfileAddArguments,
) -> Result<()> {
    let name = arguments.name;
    check_name(&name)?;
    let endpoint = arguments.endpoint.trim_end_matches('/').to_owned();
    check_endpoint(&endpoint)?;
    for part in arguments.pool.iter().chain(&arguments.role) {
        check_segment(part)?;
    }
    // Programs run in other folders, too.
    let ca_file = arguments.ca_file.map(std::path::absolute);
    let ca_file = ca_file.transpose().into_diagnostic()?;
    let client = client_trusting(ca_file.as_deref())?;
    let login = match (arguments.from, &arguments.pool) {
        (ProfileSource::Login, None) => {
            return Err(miette!("a login needs --pool: the pool names the provider"));
        }
        (ProfileSource::Login, Some(pool)) => Some(published(&client, &endpoint, pool).await?),
        _ => None,
    };
    let profile = Profile {
        endpoint,
        pool: arguments.pool,
        role: arguments.role,
        seconds: arguments.seconds,
        source: arguments.from,
        token_file: arguments.token_file,
        audience: arguments.audience,
        login,
        ca_file,
    };
    let before = folder.read(&name, UserFile::Profile)?;
    let value = serde_json::to_value(&profile).into_diagnostic()?;
    if before.as_ref() != Some(&value) {
        // Tokens and keys of another server or pool are never used for this one.
        folder.remove(&name, UserFile::Login)?;
        folder.remove(&name, UserFile::Credentials)?;
        folder.write(&name, UserFile::Profile, &value)?;
    }
    if !arguments.no_aws_config {
        let store = arguments.s3_endpoint.as_deref();
        let path = aws_config::write(environment, &name, &profile, &arguments.region, store)?;
        println!("Wrote the profile {name} to {}.", path.display());
    }
    if let Some(login) = &profile.login {
        println!(
            "People sign in at {} with the client {}",
            login.issuer, login.client_id
        );
        println!(
            "and the scopes {}. Run: cognate login --profile {name}",
            login.scopes.join(" ")
        );
    }
    Ok(())
}

/// The client that the server publishes for a pool.
async fn published(client: &DirectClient, endpoint: &str, pool: &str) -> Result<LoginClient> {
    let url = Url::parse(&format!("{endpoint}/login-client/{pool}")).into_diagnostic()?;
    let answer = client.get(url).await;
    let answer = answer.map_err(|_| {
        Unreachable(format!(
            "no server answers at {endpoint}: check --endpoint, and --ca-file if its certificate is of a private authority"
        ))
    })?;
    if answer.status.as_u16() == 404 {
        return Err(miette!(
            "the pool {pool} has no login client: the administrator sets LoginClient with cognate pool settings, or use --from"
        ));
    }
    let client = json::read_as::<LoginClient>(&answer.body);
    let client = client.map_err(|_| miette!("the server at {endpoint} is no Cognate server"))?;
    match client.mistake() {
        Some(mistake) => Err(miette!("the server's login client is not valid: {mistake}")),
        None => Ok(client),
    }
}

/// Refuses a name that can't be a file's or a section's.
fn check_name(name: &str) -> Result<()> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if (1..=64).contains(&name.len()) && name.bytes().all(plain) {
        return Ok(());
    }
    Err(miette!(
        "a profile's name has up to 64 letters, digits, - and _"
    ))
}

/// Refuses what isn't one segment of a path: a pool's id, or a role's name without its path.
fn check_segment(text: &str) -> Result<()> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._~-:+=,@".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) && !matches!(text, "." | "..") {
        return Ok(());
    }
    Err(miette!(
        "write the pool's id, and a role's name without its path"
    ))
}

/// Refuses an endpoint to which a token must not be sent.
fn check_endpoint(endpoint: &str) -> Result<()> {
    // The parser of URLs removes line breaks, which would begin a line of their own in a file.
    let is_line = endpoint.bytes().all(|byte| byte.is_ascii_graphic());
    let url = Url::parse(endpoint).ok().filter(|url| {
        let is_plain = url.username().is_empty() && url.password().is_none();
        is_line && is_plain && url.query().is_none() && url.fragment().is_none()
    });
    let is_safe = url.is_some_and(|url| {
        url.scheme() == "https" || url.scheme() == "http" && url_is_loopback(&url)
    });
    if is_safe {
        return Ok(());
    }
    Err(miette!(
        "--endpoint must be an https:// URL, or an http:// URL of this machine"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(pool: Option<&str>, role: Option<&str>, seconds: Option<i64>) -> Profile {
        Profile {
            endpoint: "https://id.example.com/x".to_owned(),
            pool: pool.map(str::to_owned),
            role: role.map(str::to_owned),
            seconds,
            source: ProfileSource::File,
            token_file: None,
            audience: None,
            login: None,
            ca_file: None,
        }
    }

    #[test]
    fn everything_is_in_the_path() {
        for (profile, path) in [
            (profile(Some("r:p"), None, None), "/x/credentials/r:p"),
            (
                profile(Some("r:p"), Some("B"), None),
                "/x/credentials/r:p/B",
            ),
            (
                profile(Some("r:p"), Some("B"), Some(900)),
                "/x/credentials/r:p/B/900",
            ),
            (profile(None, Some("B"), None), "/x/role-credentials/B"),
        ] {
            assert_eq!(profile.url().unwrap().path(), path);
            assert_eq!(profile.audience().unwrap(), "id.example.com");
        }
    }

    #[test]
    fn a_token_is_sent_over_https_or_to_this_machine() {
        for endpoint in [
            "https://id.example.com",
            "http://127.0.0.1:2646",
            "http://localhost:1",
        ] {
            check_endpoint(endpoint).unwrap();
        }
        for endpoint in [
            "http://id.example.com",
            "ftp://127.0.0.1",
            "id.example.com",
            "https://me@id.example.com",
            "https://id.example.com?a",
            "http://127.0.0.1.evil.example",
            "https://id.example.com/\ncredential_process=x",
            "https://id.example.com/a b",
        ] {
            assert!(check_endpoint(endpoint).is_err(), "{endpoint}");
        }
        for segment in ["", "..", "a/b", "a%2Fb", "a?b", "a\nb", "a b"] {
            assert!(check_segment(segment).is_err(), "{segment}");
        }
        check_segment("us-east-1:c09a7e00-0000-4000-8000-000000000001").unwrap();
        for name in ["", "a/b", "..", "a b", "a]"] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}
