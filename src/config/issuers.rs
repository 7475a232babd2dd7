//! Issuers with keys that the operator provides in a file, because they can't be fetched: `[[issuers]]`. `logins`
//! decides whether a key may verify a token.

use std::ops::Range;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use toml::de::DeTable;

use super::Config;
use super::sections::{SummaryLine, joined};
use super::source::diagnostics::{Parsed, ValueError, quoted};
use super::source::files::{ReadFile, unreadable};
use super::source::lists::{ParsedItems, tables_in};
use super::source::setting::settings;
use super::source::value::{SettingValue, ValueOrigin};
use super::source::{Sources, string_in};
use crate::model::{issuer, json};

settings! {
    ISSUERS = "issuers" tables();
}

/// The largest file of keys, in bytes: the same limit as for a document that is fetched.
const MAX_KEY_FILE: usize = 1024 * 1024;

/// An issuer with its keys in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerKeyFile {
    /// The issuer's URL, byte for byte the `iss` of its tokens.
    pub url: String,
    /// A JWK set. It existed and had an array of public keys.
    pub jwks_file: PathBuf,
}

pub(super) fn read(sources: &mut Sources<'_>) -> SettingValue<Vec<IssuerKeyFile>> {
    let read_file = sources.read_file;
    let help = "write [[issuers]] on its own line, and url and jwks_file below it";
    sources.tables(
        ISSUERS,
        |file| file.url.as_str(),
        |value| tables_in(value, help, |table, span| item(table, span, read_file)),
    )
}

/// One issuer, or all of its mistakes.
fn item(
    table: &DeTable<'_>,
    whole: Range<usize>,
    read_file: ReadFile<'_>,
) -> ParsedItems<IssuerKeyFile> {
    let mut wrong: ParsedItems<IssuerKeyFile> = Vec::new();
    let mut note = |span, error| wrong.push((ValueOrigin::File(span), Err(error)));
    let (mut url, mut jwks_file) = (None, None);
    for (key, value) in table {
        let text = string_in(value.get_ref());
        let read = match key.get_ref().as_ref() {
            "url" => text.and_then(checked_url).map(|good| url = Some(good)),
            "jwks_file" => text.and_then(|path| {
                jwks_file = Some(key_set(path, read_file)?);
                Ok(())
            }),
            other => {
                let what = format!("{} is not a setting of an issuer", quoted(other));
                let error =
                    ValueError::new(what, "the settings of an issuer are `url` and `jwks_file`");
                note(key.span(), error);
                continue;
            }
        };
        if let Err(error) = read {
            note(value.span(), error);
        }
    }
    for name in ["url", "jwks_file"] {
        if !table.keys().any(|key| key.get_ref() == name) {
            let help = "set url and jwks_file for each issuer";
            note(
                whole.clone(),
                ValueError::new(format!("{name} is not set"), help),
            );
        }
    }
    match (url, jwks_file) {
        (Some(url), Some(jwks_file)) if wrong.is_empty() => {
            vec![(
                ValueOrigin::File(whole),
                Ok(IssuerKeyFile { url, jwks_file }),
            )]
        }
        _ => wrong,
    }
}

fn checked_url(text: &str) -> Parsed<String> {
    issuer::spelling(text).map_err(|why| {
        let what = format!("{} can't be an issuer: {why}", quoted(text));
        let help = "write it exactly as the `iss` of its tokens: https://login.example.com";
        ValueError::new(what, help)
    })?;
    Ok(text.to_owned())
}

/// The path of a file, if it holds public keys only.
fn key_set(path: &str, read_file: ReadFile<'_>) -> Parsed<PathBuf> {
    let path = Path::new(path);
    let contents = read_file(path).map_err(|error| unreadable("the file", &error))?;
    let help = "save the document of the issuer's jwks_uri in the file: {\"keys\":[…]}";
    if contents.bytes.len() > MAX_KEY_FILE {
        return Err(ValueError::new("the file is larger than 1 MiB", help));
    }
    let set = json::read(&contents.bytes)
        .map_err(|error| ValueError::new(format!("the file is not a JWK set: {error}"), help))?;
    let keys = set.get("keys").and_then(Json::as_array);
    let keys =
        keys.filter(|keys| !keys.is_empty() && keys.iter().all(|key| key["kty"].is_string()));
    let keys = keys.ok_or_else(|| ValueError::new("the file is not a JWK set", help))?;
    if keys
        .iter()
        .any(|key| ["d", "k"].iter().any(|part| !key[*part].is_null()))
    {
        let help = "remove the private members (d, k): with them anyone who reads the file can sign as the issuer";
        return Err(ValueError::new("the file has a private key", help));
    }
    Ok(path.to_owned())
}

pub(super) fn summary(config: &Config) -> Vec<SummaryLine> {
    let urls = config.issuers.iter().map(|file| &file.url);
    vec![("key files", joined(urls, "not set"))]
}
