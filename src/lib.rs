//! Cognate: a self-hosted server that speaks the Amazon Cognito Identity API.
//!
//! The map, in reading order. Imports run downwards only; `tests/architecture.rs` holds who may import whom.
//!
//! * [`ambient`]: time and randomness, the real ones and still ones.
//! * [`model`]: plain records, checked ids, the strict JSON reader and the pure rules.
//! * [`config`]: what the operator decides, from file, environment and flags, with every mistake at once.
//! * [`outgoing`]: the one HTTP client, with its fences.
//! * [`logins`]: verifying a login, from a token to a provider and a subject.
//! * [`store`]: what is remembered: the trait, and the embedded store.
//! * [`wire`]: HTTP in, HTTP out: so far AWS signature version 4.
//! * [`cli`]: the command line, one file a command.

pub mod ambient;
pub mod cli;
pub mod config;
pub mod logins;
pub mod model;
pub mod outgoing;
pub mod store;
pub mod wire;
