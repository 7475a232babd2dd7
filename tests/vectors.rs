//! The published test vectors, a module for each kind. They are not part of the project: `COGNATE_VECTORS` names the
//! folder that holds them, and without it these tests fail. Plain `cargo test` doesn't run them.
#![expect(
    clippy::unwrap_used,
    reason = "a vector that can't be read is a failure"
)]

#[path = "vectors/jose.rs"]
mod jose;
#[path = "vectors/saml.rs"]
mod saml;
#[path = "vectors/sigv4.rs"]
mod sigv4;

use std::path::PathBuf;

/// The folder of one kind of vectors.
#[expect(
    clippy::disallowed_methods,
    reason = "where the vectors are is the tests' business and no part of the configuration"
)]
fn folder(kind: &str) -> PathBuf {
    let root = std::env::var_os("COGNATE_VECTORS")
        .expect("COGNATE_VECTORS must name the folder of the published test vectors");
    PathBuf::from(root).join(kind)
}
