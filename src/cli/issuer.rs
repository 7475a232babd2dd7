//! `cognate issuer`: what another service needs in order to trust the issuer of the OpenID tokens.

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand};
use miette::{Result, miette};
use serde_json::{Value, json};

use super::client::{self, EndpointArguments};
use super::output::{OutputArguments, text};

/// The most thumbprints of a provider, in IAM and in Ceph.
const MOST: usize = 5;

/// The subcommands of `cognate issuer`.
#[derive(Debug, Subcommand)]
pub enum IssuerCommand {
    /// Print the SHA-1 thumbprints of the certificates in the key set, one per line, the signing key's first
    ///
    /// Register them with an STS that identifies keys by their certificates (Ceph's). There are at most five: those of
    /// the signing key, the next key and the latest retired keys. The command needs no access key.
    Thumbprint(ThumbprintArguments),
}

#[derive(Debug, Args)]
pub struct ThumbprintArguments {
    #[command(flatten)]
    endpoint: EndpointArguments,
    #[command(flatten)]
    output: OutputArguments,
}

/// Runs the subcommand.
pub(super) async fn run(command: IssuerCommand) -> Result<()> {
    let IssuerCommand::Thumbprint(arguments) = command;
    let key_set = client::document(&arguments.endpoint, "/.well-known/jwks_uri").await?;
    let thumbprints = json!({ "Thumbprints": thumbprints(&key_set)? });
    arguments.output.print(&thumbprints, |value| {
        let lines = value["Thumbprints"].as_array().into_iter().flatten();
        lines.map(|line| text(line) + "\n").collect()
    });
    Ok(())
}

/// The thumbprints of the first keys of a key set, 40 lower-case hexadecimal digits each.
fn thumbprints(key_set: &Value) -> Result<Vec<String>> {
    let keys = key_set["keys"].as_array();
    let keys = keys.filter(|keys| !keys.is_empty()).ok_or_else(|| {
        miette!("the answer isn't a key set: check that --endpoint is a Cognate server")
    })?;
    keys.iter().take(MOST).map(thumbprint).collect()
}

fn thumbprint(key: &Value) -> Result<String> {
    let certificate = key["x5c"][0].as_str();
    let certificate = certificate.and_then(|text| STANDARD.decode(text).ok());
    let certificate = certificate.ok_or_else(|| {
        miette!("a key of the set has no certificate: check that --endpoint is a Cognate server")
    })?;
    let mut text = String::new();
    for byte in digest(&SHA1_FOR_LEGACY_USE_ONLY, &certificate).as_ref() {
        write!(text, "{byte:02x}").expect("a String takes any text");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thumbprint_is_the_sha_1_of_a_certificate() {
        // The first test vector of FIPS 180.
        let set = json!({ "keys": [{ "x5c": [STANDARD.encode("abc"), "unread"] }] });
        assert_eq!(
            thumbprints(&set).unwrap(),
            ["a9993e364706816aba3e25717850c26c9cd0d89d"]
        );
    }

    #[test]
    fn no_more_are_given_than_a_provider_may_have() {
        let key = json!({ "x5c": ["YWJj"] });
        let set = json!({ "keys": vec![key; 7] });
        assert_eq!(thumbprints(&set).unwrap().len(), 5);
    }

    #[test]
    fn what_is_no_set_of_keys_with_certificates_is_refused() {
        for (set, words) in [
            (json!({}), "isn't a key set"),
            (json!([]), "isn't a key set"),
            (json!({ "keys": [] }), "isn't a key set"),
            (json!({ "keys": [{ "kid": "a" }] }), "no certificate"),
            (json!({ "keys": [{ "x5c": ["%"] }] }), "no certificate"),
            (json!({ "keys": [1] }), "no certificate"),
        ] {
            let refused = thumbprints(&set).unwrap_err().to_string();
            assert!(refused.contains(words), "{set}: {refused}");
        }
    }
}
