//! Tests of the language as a whole. What it means stands in `cases/*.toml`, to which anybody can add.

mod cases;
mod diagnostics;
mod properties;
mod statements;
mod steps;
mod unset_keys;

use super::{MAX_CHARACTERS, Policy, PolicyKind};

/// The policy that a text is.
fn policy(kind: PolicyKind, text: &str) -> Policy {
    Policy::parse(kind, text.as_bytes(), MAX_CHARACTERS)
        .unwrap_or_else(|error| panic!("{error}\n{text}"))
}
