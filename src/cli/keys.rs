//! `cognate keys`: the keys that sign tokens and seal sessions.

use clap::{Args, Subcommand, ValueEnum};
use miette::Result;
use serde_json::{Value, json};

use super::client::ServerArguments;
use super::confirm::ConfirmArguments;
use super::moment::moment;

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
    confirm: ConfirmArguments,
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

    /// What stops working without a key.
    const fn consequence(self) -> &'static str {
        match self {
            Self::Signing => "Tokens that it signed are refused.",
            Self::Sealing => "Sessions that it sealed are refused.",
        }
    }
}

/// Runs the subcommand, and prints the keys.
pub(super) async fn run(command: KeysCommand) -> Result<()> {
    let (answer, output) = match command {
        KeysCommand::List(list) => {
            let input = json!({ "Purpose": list.purpose.on_the_wire() });
            let listed = list.server.call("ListKeys", &input).await?;
            (listed, list.server.output)
        }
        KeysCommand::Rotate(rotate) => {
            if rotate.compromised {
                let what = rotate.purpose.consequence();
                rotate
                    .confirm
                    .ask(&format!("Remove the key at once? {what}"))?;
            }
            let input = json!({
                "Purpose": rotate.purpose.on_the_wire(),
                "Compromised": rotate.compromised,
                "KeyId": rotate.key_id,
            });
            let rotated = rotate.server.call("RotateKeys", &input).await?;
            (rotated, rotate.server.output)
        }
    };
    output.print(&answer, |answer| {
        let keys = answer["Keys"].as_array().into_iter().flatten();
        let mut text: String = keys.map(|key| line(key) + "\n").collect();
        if let Some(consequence) = answer["Consequence"].as_str() {
            text += "\n";
            text += consequence;
            text += "\n";
        }
        text
    });
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
