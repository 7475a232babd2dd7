//! The settings of a pool that AWS's tools don't have.

use clap::Args;
use jiff::SignedDuration;
use miette::{Result, miette};
use serde_json::{Map, Value, json};

use crate::cli::client::ServerArguments;
use crate::model::json;

#[derive(Debug, Args)]
pub struct PoolSettingsArguments {
    /// The identity pool's id
    #[arg(value_name = "POOL_ID")]
    pool: String,
    /// A setting and its new value in JSON, for example ReuseOpenIdTokens=true; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = member)]
    set: Vec<(String, Value)>,
    #[command(flatten)]
    server: ServerArguments,
}

#[derive(Debug, Args)]
pub struct CredentialsArguments {
    /// The identity pool's id
    #[arg(value_name = "POOL_ID")]
    pool: String,
    /// The duration, from 15 minutes to 12 hours, for example 8h, 90m or 1h30m
    #[arg(long, value_name = "TIME", value_parser = whole_seconds)]
    duration: Option<i64>,
    /// The duration in seconds: 900 to 43200
    #[arg(long, value_name = "N", conflicts_with = "duration")]
    duration_seconds: Option<i64>,
    /// End the credentials when the first of their logins expires
    #[arg(long)]
    within_login: bool,
    /// Let the credentials last longer than their logins
    #[arg(long, conflicts_with = "within_login")]
    past_login: bool,
    #[command(flatten)]
    server: ServerArguments,
}

/// Prints the settings, after changing those that are set.
pub(super) async fn settings(arguments: PoolSettingsArguments) -> Result<()> {
    let PoolSettingsArguments { pool, set, server } = arguments;
    let server = server.in_region_of(&pool);
    let input = json!({ "IdentityPoolId": pool });
    let mut answer = server.call("GetPoolSettings", &input).await?;
    if !set.is_empty() {
        let mut settings = settings_of(&answer)?;
        for (name, value) in set {
            settings.insert(name, value);
        }
        let settings = Value::from(settings).to_string();
        let input = json!({
            "IdentityPoolId": pool, "Settings": settings, "Version": answer["Version"],
        });
        answer = server.call("SetPoolSettings", &input).await?;
    }
    let settings = Value::from(settings_of(&answer)?);
    let shown = json!({
        "IdentityPoolId": pool, "Settings": settings, "Version": answer["Version"],
    });
    server.output.print(&shown, |shown| {
        let settings = shown["Settings"].as_object().into_iter().flatten();
        let lines = settings.map(|(name, value)| format!("{name}={value}\n"));
        lines.collect::<Vec<_>>().concat()
    });
    Ok(())
}

fn settings_of(answer: &Value) -> Result<Map<String, Value>> {
    let text = answer["Settings"].as_str().unwrap_or_default();
    match json::read(text.as_bytes()) {
        Ok(Value::Object(settings)) => Ok(settings),
        _ => Err(miette!(
            "the server's answer has no settings: check that --endpoint is a Cognate server"
        )),
    }
}

/// The name of a member, and its value in JSON.
pub(super) fn member(text: &str) -> Result<(String, Value), &'static str> {
    let wrong = "write a name and its value in JSON, for example ReuseOpenIdTokens=true";
    let (name, value) = text.split_once('=').ok_or(wrong)?;
    Ok((
        name.to_owned(),
        json::read(value.as_bytes()).map_err(|_| wrong)?,
    ))
}

/// Prints how long credentials last, after changing it if it is set.
pub(super) async fn credentials(credentials: CredentialsArguments) -> Result<()> {
    let input = credentials.input();
    let server = credentials.server.in_region_of(&credentials.pool);
    let operation = match input.as_object() {
        Some(members) if members.len() > 1 => "SetCredentialsDuration",
        _ => "GetCredentialsDuration",
    };
    let answer = server.call(operation, &input).await?;
    let output = server.output;
    output.print(&answer, |answer| format!("{}\n", printed(answer)));
    Ok(())
}

impl CredentialsArguments {
    /// The operation's input: the pool and the members to change.
    fn input(&self) -> Value {
        let mut input = json!({ "IdentityPoolId": self.pool });
        if let Some(seconds) = self.duration.or(self.duration_seconds) {
            input["DurationSeconds"] = json!(seconds);
        }
        if self.within_login || self.past_login {
            input["WithinLogin"] = json!(self.within_login);
        }
        input
    }
}

fn whole_seconds(text: &str) -> Result<i64, &'static str> {
    let time: SignedDuration = text
        .parse()
        .map_err(|_| "write hours, minutes or seconds, for example 8h, 90m or 1h30m")?;
    if time.subsec_nanos() == 0 {
        Ok(time.as_secs())
    } else {
        Err("write whole seconds")
    }
}

/// The settings as a sentence.
fn printed(answer: &Value) -> String {
    let seconds = answer["DurationSeconds"].as_i64().unwrap_or_default();
    let end = if answer["WithinLogin"] == json!(true) {
        " at most, and end when the logins expire"
    } else {
        ", even if the logins expire earlier"
    };
    let time = SignedDuration::from_secs(seconds);
    format!("Credentials last {time:#} ({seconds} seconds){end}")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::pool::PoolCommand;
    use crate::cli::{Arguments, CliCommand};

    fn input(flags: &str) -> Result<Value, String> {
        let words = format!("cognate pool credentials eu-west-1:a {flags}");
        let parsed = Arguments::try_parse_from(words.split_whitespace());
        match parsed.map_err(|error| error.to_string())?.command {
            CliCommand::Pool(PoolCommand::Credentials(credentials)) => Ok(credentials.input()),
            _ => panic!("pool credentials was asked for"),
        }
    }

    #[test]
    fn only_what_is_named_is_set() {
        for (flags, members) in [
            ("", json!({})),
            ("--duration 8h", json!({ "DurationSeconds": 28_800 })),
            ("--duration 1h30m", json!({ "DurationSeconds": 5400 })),
            ("--duration-seconds 900", json!({ "DurationSeconds": 900 })),
            ("--within-login", json!({ "WithinLogin": true })),
            ("--past-login", json!({ "WithinLogin": false })),
            (
                "--duration 15m --within-login",
                json!({ "DurationSeconds": 900, "WithinLogin": true }),
            ),
        ] {
            let mut wanted = members;
            wanted["IdentityPoolId"] = json!("eu-west-1:a");
            assert_eq!(input(flags), Ok(wanted), "{flags}");
        }
    }

    #[test]
    fn what_contradicts_itself_or_is_no_time_is_refused() {
        for (flags, text) in [
            ("--duration 8h --duration-seconds 900", "cannot be used"),
            ("--within-login --past-login", "cannot be used"),
            ("--duration 8", "8h"),
            ("--duration 1.5s", "whole seconds"),
            ("--duration tomorrow", "8h"),
        ] {
            let error = input(flags).unwrap_err();
            assert!(error.contains(text), "{flags}: {error}");
        }
    }

    #[test]
    fn a_setting_is_a_name_and_json() {
        assert_eq!(member("A=true"), Ok(("A".to_owned(), json!(true))));
        assert_eq!(member("A=\"b=c\""), Ok(("A".to_owned(), json!("b=c"))));
        for text in ["A", "A=", "A=yes", "A=1 2"] {
            assert!(
                member(text).unwrap_err().contains("ReuseOpenIdTokens=true"),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_set_is_said_in_words() {
        let answer = json!({ "DurationSeconds": 5400, "WithinLogin": false });
        let words = "Credentials last 1h 30m (5400 seconds), even if the logins expire earlier";
        assert_eq!(printed(&answer), words);
        let answer = json!({ "DurationSeconds": 43_200, "WithinLogin": true });
        let words = "Credentials last 12h (43200 seconds) at most, and end when the logins expire";
        assert_eq!(printed(&answer), words);
    }
}
