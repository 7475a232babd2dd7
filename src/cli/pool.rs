//! `cognate pool`: what an identity pool has beside what the AWS tools set.

use clap::{Args, Subcommand};
use jiff::SignedDuration;
use miette::Result;
use serde_json::{Value, json};

use super::client::Server;

/// What of a pool is to be shown or set.
#[derive(Debug, Subcommand)]
pub enum Pool {
    /// How long credentials last that identities get: show it, or set what is named
    ///
    /// Counts for credentials that are given from then on. A role that is made on the server has a maximum of its own,
    /// which is never exceeded.
    Credentials(Credentials),
}

#[derive(Debug, Args)]
pub struct Credentials {
    /// The identity pool's id
    #[arg(value_name = "POOL_ID")]
    pool: String,
    /// From 15 minutes to 12 hours, as 8h, 90m or 1h30m
    #[arg(long, value_name = "TIME", value_parser = whole_seconds)]
    duration: Option<i64>,
    /// The same in seconds: 900 to 43200
    #[arg(long, value_name = "N", conflicts_with = "duration")]
    duration_seconds: Option<i64>,
    /// Let them end when the first of the logins does that they are given for
    #[arg(long)]
    within_login: bool,
    /// Let them outlive the logins
    #[arg(long, conflicts_with = "within_login")]
    past_login: bool,
    #[command(flatten)]
    server: Server,
}

/// Does it, and shows what is set afterwards.
pub(super) async fn run(command: Pool) -> Result<()> {
    let Pool::Credentials(credentials) = command;
    let input = credentials.input();
    // A pool is reached in its own region.
    let server = match credentials.pool.split_once(':') {
        Some((region, _)) => credentials.server.of_region(region),
        None => credentials.server,
    };
    let operation = match input.as_object() {
        Some(members) if members.len() > 1 => "SetCredentialsDuration",
        _ => "GetCredentialsDuration",
    };
    let answer = server.ask(operation, &input).await?;
    println!("{}", printed(&answer));
    Ok(())
}

impl Credentials {
    /// The pool, and what is to be set.
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
        .map_err(|_| "write hours, minutes or seconds, as 8h, 90m or 1h30m")?;
    if time.subsec_nanos() == 0 {
        Ok(time.as_secs())
    } else {
        Err("write whole seconds")
    }
}

/// What is set, in words.
fn printed(answer: &Value) -> String {
    let seconds = answer["DurationSeconds"].as_i64().unwrap_or_default();
    let end = if answer["WithinLogin"] == json!(true) {
        " at most, and no longer than the logins"
    } else {
        ", whenever the logins end"
    };
    let time = SignedDuration::from_secs(seconds);
    format!("Credentials last {time:#} ({seconds} seconds){end}")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Arguments, Command};

    fn input(flags: &str) -> Result<Value, String> {
        let words = format!("cognate pool credentials eu-west-1:a {flags}");
        let parsed = Arguments::try_parse_from(words.split_whitespace());
        match parsed.map_err(|error| error.to_string())?.command {
            Command::Pool(Pool::Credentials(credentials)) => Ok(credentials.input()),
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
    fn what_is_set_is_said_in_words() {
        let answer = json!({ "DurationSeconds": 5400, "WithinLogin": false });
        let words = "Credentials last 1h 30m (5400 seconds), whenever the logins end";
        assert_eq!(printed(&answer), words);
        let answer = json!({ "DurationSeconds": 43_200, "WithinLogin": true });
        let words = "Credentials last 12h (43200 seconds) at most, and no longer than the logins";
        assert_eq!(printed(&answer), words);
    }
}
