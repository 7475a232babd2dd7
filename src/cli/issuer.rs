//! `cognate issuer`: what others want to know of the issuer of the OpenID tokens before they trust it.

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand};
use miette::{Result, miette};
use serde_json::Value;

use super::client;

/// How many thumbprints a provider may have, in IAM and in Ceph.
const MOST: usize = 5;

/// What is to be told of the issuer.
#[derive(Debug, Subcommand)]
pub enum Issuer {
    /// Print the SHA-1 thumbprints of the certificates in the key set, a line each, the signing key's first
    ///
    /// This is what an STS that finds keys by their certificates (Ceph's) is registered with: five at most, those of the
    /// signing key, the next one and the last ones. Anybody may ask; no access key is needed.
    Thumbprint(Thumbprint),
}

#[derive(Debug, Args)]
pub struct Thumbprint {
    /// The server's URL
    #[arg(long, value_name = "URL", default_value = client::ENDPOINT)]
    endpoint: String,
}

/// Asks for it and prints it.
pub(super) async fn run(command: Issuer) -> Result<()> {
    let Issuer::Thumbprint(asked) = command;
    let key_set = client::document(&asked.endpoint, "/.well-known/jwks_uri").await?;
    for thumbprint in thumbprints(&key_set)? {
        println!("{thumbprint}");
    }
    Ok(())
}

/// The thumbprints of the first keys of a key set, 40 lower-case hexadecimal digits each.
fn thumbprints(key_set: &Value) -> Result<Vec<String>> {
    let keys = key_set["keys"].as_array();
    let keys = keys
        .filter(|keys| !keys.is_empty())
        .ok_or_else(|| miette!("the answer is no set of keys: is this a Cognate server's URL?"))?;
    keys.iter().take(MOST).map(thumbprint).collect()
}

fn thumbprint(key: &Value) -> Result<String> {
    let certificate = key["x5c"][0].as_str();
    let certificate = certificate.and_then(|text| STANDARD.decode(text).ok());
    let certificate = certificate.ok_or_else(|| {
        miette!("a key of the set has no certificate: is this a Cognate server's URL?")
    })?;
    let mut text = String::new();
    for byte in digest(&SHA1_FOR_LEGACY_USE_ONLY, &certificate).as_ref() {
        write!(text, "{byte:02x}").expect("a text takes any text");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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
            (json!({}), "no set of keys"),
            (json!([]), "no set of keys"),
            (json!({ "keys": [] }), "no set of keys"),
            (json!({ "keys": [{ "kid": "a" }] }), "no certificate"),
            (json!({ "keys": [{ "x5c": ["%"] }] }), "no certificate"),
            (json!({ "keys": [1] }), "no certificate"),
        ] {
            let refused = thumbprints(&set).unwrap_err().to_string();
            assert!(refused.contains(words), "{set}: {refused}");
        }
    }
}
