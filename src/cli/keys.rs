//! `cognate keys`: the keys that sign tokens and seal sessions.

use clap::{Args, Subcommand, ValueEnum};
use jiff::Timestamp;
use miette::Result;
use serde_json::{Value, json};

use super::client::Server;

/// What is to be done with the keys.
#[derive(Debug, Subcommand)]
pub enum Keys {
    /// List them: the current key, the next one, and those that are only believed
    List(List),
    /// Begin to use the next key; or forget a compromised one at once
    Rotate(Rotate),
}

#[derive(Debug, Args)]
pub struct List {
    /// Which keys
    #[arg(long, value_enum, default_value_t = Purpose::Signing)]
    purpose: Purpose,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Args)]
pub struct Rotate {
    /// Which keys
    #[arg(long, value_enum, default_value_t = Purpose::Signing)]
    purpose: Purpose,
    /// Forget the key at once, and say what that breaks
    #[arg(long)]
    compromised: bool,
    /// The key to forget, in place of the current one
    // One id in 64 begins with a hyphen.
    #[arg(
        long,
        value_name = "ID",
        requires = "compromised",
        allow_hyphen_values = true
    )]
    key_id: Option<String>,
    #[command(flatten)]
    server: Server,
}

/// What keys are for.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Purpose {
    /// They sign OpenID tokens
    Signing,
    /// They seal session tokens
    Sealing,
}

impl Purpose {
    const fn on_the_wire(self) -> &'static str {
        match self {
            Self::Signing => "Signing",
            Self::Sealing => "Sealing",
        }
    }
}

/// Does it, and shows the keys afterwards.
pub(super) async fn run(command: Keys) -> Result<()> {
    let answer = match command {
        Keys::List(list) => {
            list.server
                .ask(
                    "ListKeys",
                    &json!({ "Purpose": list.purpose.on_the_wire() }),
                )
                .await?
        }
        Keys::Rotate(rotate) => {
            let input = json!({
                "Purpose": rotate.purpose.on_the_wire(),
                "Compromised": rotate.compromised,
                "KeyId": rotate.key_id,
            });
            rotate.server.ask("RotateKeys", &input).await?
        }
    };
    for key in answer["Keys"].as_array().into_iter().flatten() {
        println!("{}", line(key));
    }
    if let Some(consequence) = answer["Consequence"].as_str() {
        println!("\n{consequence}");
    }
    Ok(())
}

fn line(key: &Value) -> String {
    let text = |name: &str| key[name].as_str().unwrap_or_default();
    let dated = |name: &str, words: &str| match &key[name] {
        Value::Null => String::new(),
        seconds => format!(", {words} {}", moment(seconds)),
    };
    format!(
        "{:<8} {}  made {}{}{}",
        text("State"),
        text("KeyId"),
        moment(&key["Made"]),
        dated("ReadyFrom", "may be used from"),
        dated("BelievedUntil", "believed until")
    )
}

fn moment(seconds: &Value) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "whole seconds are what is shown"
    )]
    let whole = seconds.as_f64().map(|seconds| seconds as i64);
    whole
        .and_then(|whole| Timestamp::from_second(whole).ok())
        .map_or_else(|| "?".to_owned(), |it| it.to_string())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Arguments, Command};

    #[test]
    fn a_key_id_may_begin_with_a_hyphen() {
        let words = "cognate keys rotate --compromised --key-id -pPbAyJ1T";
        let parsed = Arguments::try_parse_from(words.split_whitespace());
        let Ok(Command::Keys(Keys::Rotate(rotate))) = parsed.map(|it| it.command) else {
            panic!("keys rotate was asked for");
        };
        assert_eq!(rotate.key_id.as_deref(), Some("-pPbAyJ1T"));
    }
}
