//! Cognate: a self-hosted server that speaks the Amazon Cognito Identity API.
//!
//! The map, in reading order. Imports run downwards only; `tests/architecture.rs` holds who may import whom.
//!
//! * [`ambient`]: time and randomness, the real ones and still ones.
//! * [`model`]: plain records, checked ids, the strict JSON reader and the pure rules.
//! * [`config`]: what the operator sets; every mistake reported at once.
//! * [`seal`]: encryption at rest and of session tokens.
//! * [`sigv4`]: AWS signatures, verified and made.
//! * [`outgoing`]: the one HTTP client, with its fences.
//! * [`policy`]: IAM policy documents: parse once, evaluate.
//! * [`store`]: what is remembered: the trait, and the embedded store.
//! * [`logins`]: verifying logins, one file a kind of provider.
//! * [`tokens`]: OpenID tokens: issuing and verifying our own, discovery and key set.
//! * [`credentials`]: temporary credentials of the built-in STS.
//! * [`app`]: the wired parts, a call on its way through them, and the steps that operations share.
//! * [`error`]: the one error of the wire.
//! * [`operations`]: the operations, one file each, and the table of all of them.
//! * [`wire`]: HTTP in, HTTP out: the protocols, signatures, constraints.
//! * [`cli`]: the commands.

pub mod ambient;
pub mod app;
pub mod cli;
pub mod config;
pub mod credentials;
pub mod error;
pub mod logins;
pub mod model;
pub mod operations;
pub mod outgoing;
pub mod policy;
pub mod seal;
pub mod sigv4;
pub mod store;
pub mod tokens;
pub mod wire;
