//! Cognate: a self-hosted server that speaks the Amazon Cognito Identity API.
//!
//! The map, in reading order. Imports run downwards only; `tests/architecture.rs` has the table of imports.
//!
//! * [`ambient`]: time and randomness: the real ones, and a still clock for tests.
//! * [`blocking`]: a bounded pool of threads for expensive work.
//! * [`error`]: `Code` and the one `Error` of the wire.
//! * [`model`]: plain records, checked ids, the strict JSON parser and the pure rules.
//! * [`config`]: the operator's settings; reports every error at once.
//! * [`audit`]: the audit log: its lines, its file, and the bounds on the lines of strangers.
//! * [`seal`]: encryption at rest and of session tokens, under the master key.
//! * [`sigv4`]: AWS signatures: verifying and making them.
//! * [`spans`]: the spans of traces, with every attribute that leaves this server.
//! * [`outgoing`]: the one HTTP client, with its fence.
//! * [`permits`]: permits for work in progress, which requests give back while they wait for a provider.
//! * [`policy`]: IAM policy documents: parse once, evaluate.
//! * [`store`]: the trait, the records, and the embedded store.
//! * [`logins`]: verifying logins, one file per kind of provider.
//! * [`test_issuer`]: the OpenID Connect issuer of `cognate dev`, for tests.
//! * [`tokens`]: OpenID tokens of this server: claims, signing, discovery, key set.
//! * [`credentials`]: sessions of the built-in STS, and other STSs over HTTP.
//! * [`app`]: `App` (the wired parts), `Call` (one request at one time), and the steps of operations, by noun.
//! * [`operations`]: the operations, one file each, and the table of all.
//! * [`wire`]: HTTP in, HTTP out: the protocols, signatures, constraints.
//! * [`cli`]: the commands, one file each.

pub mod ambient;
pub mod app;
pub mod audit;
pub mod blocking;
pub mod cli;
pub mod config;
pub mod credentials;
pub mod error;
pub mod logins;
pub mod model;
pub mod operations;
pub mod outgoing;
pub mod permits;
pub mod policy;
pub mod seal;
pub mod sigv4;
pub mod spans;
pub mod store;
pub mod test_issuer;
pub mod tokens;
pub mod wire;
