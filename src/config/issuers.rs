//! What the operator sets for one issuer: `[[issuers]]`. Its keys in a file, because they can't be fetched, and the longest
//! lifetime of its tokens. `logins` decides whether a key may verify a token.

use std::ops::Range;
use std::path::{Path, PathBuf};

use jiff::SignedDuration;
use serde_json::Value as Json;
use toml::de::{DeTable, DeValue};

use super::Config;
use super::sections::{SummaryLine, joined};
use super::source::diagnostics::{Parsed, ValueError, quoted};
use super::source::files::{ReadFile, unreadable};
use super::source::lists::{ParsedItems, tables_in};
use super::source::setting::settings;
use super::source::value::{SettingValue, ValueOrigin};
use super::source::{Sources, string_in, wrong_kind};
use crate::model::{issuer, json};

settings! {
    ISSUERS = "issuers" tables();
}

/// The largest file of keys, in bytes: the same limit as for a document that is fetched.
const MAX_KEY_FILE: usize = 1024 * 1024;

/// The longest lifetime that an issuer can have, in hours: a year and a day, as Kubernetes' longest tokens.
const MAX_LIFETIME_HOURS: i64 = 8784;

/// What the operator sets for one issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerSetting {
    /// The issuer's URL, byte for byte the `iss` of its tokens.
    pub url: String,
    /// A JWK set. It existed and had an array of public keys. `None` if the keys are fetched.
    pub jwks_file: Option<PathBuf>,
    /// The longest accepted lifetime of the issuer's tokens; `None` for the one of all issuers.
    pub max_token_lifetime: Option<SignedDuration>,
}

pub(super) fn read(sources: &mut Sources<'_>) -> SettingValue<Vec<IssuerSetting>> {
    let read_file = sources.read_file;
    let help = "write [[issuers]] on its own line, and url and its settings below it";
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
) -> ParsedItems<IssuerSetting> {
    let mut wrong: ParsedItems<IssuerSetting> = Vec::new();
    let mut note = |span, error| wrong.push((ValueOrigin::File(span), Err(error)));
    let (mut url, mut jwks_file, mut max_token_lifetime) = (None, None, None);
    for (key, value) in table {
        if key.get_ref() == "max_token_lifetime_hours" {
            match lifetime(value.get_ref()) {
                Ok(longest) => max_token_lifetime = Some(longest),
                Err(error) => note(value.span(), error),
            }
            continue;
        }
        let text = string_in(value.get_ref());
        let read = match key.get_ref().as_ref() {
            "url" => text.and_then(checked_url).map(|good| url = Some(good)),
            "jwks_file" => text.and_then(|path| {
                jwks_file = Some(key_set(path, read_file)?);
                Ok(())
            }),
            other => {
                let what = format!("{} is not a setting of an issuer", quoted(other));
                let help = "the settings of an issuer are `url`, `jwks_file` and `max_token_lifetime_hours`";
                let error = ValueError::new(what, help);
                note(key.span(), error);
                continue;
            }
        };
        if let Err(error) = read {
            note(value.span(), error);
        }
    }
    let has = |name: &str| table.keys().any(|key| key.get_ref() == name);
    let help = "set url for each issuer, and jwks_file, max_token_lifetime_hours or both";
    if !has("url") {
        note(whole.clone(), ValueError::new("url is not set", help));
    } else if !has("jwks_file") && !has("max_token_lifetime_hours") {
        note(whole.clone(), ValueError::new("jwks_file is not set", help));
    }
    match url {
        Some(url) if wrong.is_empty() => {
            let setting = IssuerSetting {
                url,
                jwks_file,
                max_token_lifetime,
            };
            vec![(ValueOrigin::File(whole), Ok(setting))]
        }
        _ => wrong,
    }
}

fn lifetime(value: &DeValue<'_>) -> Parsed<SignedDuration> {
    let help = "write a number of hours from 1 to 8784";
    let hours = match value {
        DeValue::Integer(hours) => hours.as_str().parse().ok(),
        other => return Err(wrong_kind("an integer", other, help)),
    };
    let hours = hours.filter(|hours| (1..=MAX_LIFETIME_HOURS).contains(hours));
    hours.map(SignedDuration::from_hours).ok_or_else(|| {
        let what = "max_token_lifetime_hours is not a number of hours from 1 to 8784";
        ValueError::new(what, help)
    })
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
    let files = config.issuers.iter().filter(|one| one.jwks_file.is_some());
    let lifetimes = config.issuers.iter().filter_map(|one| {
        let longest = one.max_token_lifetime?.as_hours();
        Some(format!("{} at most {longest} hours", one.url))
    });
    vec![
        ("key files", joined(files.map(|file| &file.url), "not set")),
        ("lifetimes by issuer", joined(lifetimes, "not set")),
    ]
}
