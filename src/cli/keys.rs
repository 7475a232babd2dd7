//! `cognate keys`: the keys that sign tokens and seal sessions.

use clap::{Args, Subcommand, ValueEnum};
use jiff::Timestamp;
use miette::Result;
use serde_json::{Value, json};

use super::client::ServerArguments;

/// The subcommands of `cognate keys`.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// List the keys: the current key, the next key, and retired keys that are still trusted
    List(ListKeysArguments),
    /// Make the next key the current one, or remove a compromised key at once
    Rotate(RotateKeysArguments),
}

#[derive(Debug, Args)]
pub struct ListKeysArguments {
    /// The kind of keys
    #[arg(long, value_enum, default_value_t = KeyPurpose::Signing)]
    purpose: KeyPurpose,
    #[command(flatten)]
    server: ServerArguments,
}

#[derive(Debug, Args)]
pub struct RotateKeysArguments {
    /// The kind of keys
    #[arg(long, value_enum, default_value_t = KeyPurpose::Signing)]
    purpose: KeyPurpose,
    /// Remove the key at once, and print what this breaks
    #[arg(long)]
    compromised: bool,
    /// The key to remove, instead of the current one
    // One id in 64 begins with a hyphen.
    #[arg(
        long,
        value_name = "ID",
        requires = "compromised",
        allow_hyphen_values = true
    )]
    key_id: Option<String>,
    #[command(flatten)]
    server: ServerArguments,
}

/// The kind of keys.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum KeyPurpose {
    /// Keys that sign OpenID tokens
    Signing,
    /// Keys that encrypt session tokens
    Sealing,
}

impl KeyPurpose {
    const fn on_the_wire(self) -> &'static str {
        match self {
            Self::Signing => "Signing",
            Self::Sealing => "Sealing",
        }
    }
}

/// Runs the subcommand, and prints the keys.
pub(super) async fn run(command: KeysCommand) -> Result<()> {
    let answer = match command {
        KeysCommand::List(list) => {
            list.server
                .call(
                    "ListKeys",
                    &json!({ "Purpose": list.purpose.on_the_wire() }),
                )
                .await?
        }
        KeysCommand::Rotate(rotate) => {
            let input = json!({
                "Purpose": rotate.purpose.on_the_wire(),
                "Compromised": rotate.compromised,
                "KeyId": rotate.key_id,
            });
            rotate.server.call("RotateKeys", &input).await?
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
        dated("BelievedUntil", "trusted until")
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
    use crate::cli::{Arguments, CliCommand};

    #[test]
    fn a_key_id_may_begin_with_a_hyphen() {
        let words = "cognate keys rotate --compromised --key-id -pPbAyJ1T";
        let parsed = Arguments::try_parse_from(words.split_whitespace());
        let Ok(CliCommand::Keys(KeysCommand::Rotate(rotate))) = parsed.map(|it| it.command) else {
            panic!("keys rotate was asked for");
        };
        assert_eq!(rotate.key_id.as_deref(), Some("-pPbAyJ1T"));
    }
}
