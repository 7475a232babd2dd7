//! Issuers whose keys the operator gives in a file, since they can't be fetched: `[[issuers]]` in the configuration
//! file. Whether a key may vouch for tokens is not decided here.

use std::ops::Range;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use toml::de::{DeTable, DeValue};

use super::document::Value;
use super::files::ReadFile;
use super::lists::Items;
use super::mistakes::{Checked, Complaint, quoted};
use super::said::{Origin, Said};
use super::settings::ISSUERS;
use super::sources::{Sources, text_in, wrong_kind};
use crate::model::{issuer, json};

/// How long a file of keys may be, in bytes: as long as a document that is fetched.
const LONGEST: usize = 1024 * 1024;

/// An issuer whose keys are in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFile {
    /// The issuer's URL, to the byte what its tokens say.
    pub url: String,
    /// A JWK set. It was there, and had a list of public keys.
    pub jwks_file: PathBuf,
}

/// Reads `[[issuers]]`; it stands in the file only.
pub(super) fn read(sources: &mut Sources<'_>) -> Said<Vec<KeyFile>> {
    let read_file = sources.read_file;
    sources.list(
        ISSUERS,
        &[],
        |file| file.url.as_str(),
        |_| Err(Complaint::new("issuers stand in the file only", "")),
        |value| items(value, read_file),
    )
}

fn items(value: Value<'_>, read_file: ReadFile<'_>) -> Checked<Items<KeyFile>> {
    let help = "write [[issuers]] on a line of its own, and url and jwks_file below";
    match value.into_inner() {
        DeValue::Array(all) => Ok(all
            .iter()
            .flat_map(|one| match one.get_ref() {
                DeValue::Table(table) => item(table, one.span(), read_file),
                other => vec![(
                    Origin::File(one.span()),
                    Err(wrong_kind("a table", other, help)),
                )],
            })
            .collect()),
        other => Err(wrong_kind("a list of tables", &other, help)),
    }
}

/// One issuer, or everything that is wrong with it.
fn item(table: &DeTable<'_>, whole: Range<usize>, read_file: ReadFile<'_>) -> Items<KeyFile> {
    let mut wrong: Items<KeyFile> = Vec::new();
    let mut note = |span, complaint| wrong.push((Origin::File(span), Err(complaint)));
    let (mut url, mut jwks_file) = (None, None);
    for (key, value) in table {
        let text = text_in(value.get_ref());
        let read = match key.get_ref().as_ref() {
            "url" => text.and_then(checked_url).map(|good| url = Some(good)),
            "jwks_file" => text.and_then(|path| {
                jwks_file = Some(key_set(path, read_file)?);
                Ok(())
            }),
            other => {
                let what = format!("{} is no setting of an issuer", quoted(other));
                let complaint = Complaint::new(what, "known here are `url`, `jwks_file`");
                note(key.span(), complaint);
                continue;
            }
        };
        if let Err(complaint) = read {
            note(value.span(), complaint);
        }
    }
    for name in ["url", "jwks_file"] {
        if !table.keys().any(|key| key.get_ref() == name) {
            let help = "give each issuer its url and its jwks_file";
            note(
                whole.clone(),
                Complaint::new(format!("{name} is missing"), help),
            );
        }
    }
    match (url, jwks_file) {
        (Some(url), Some(jwks_file)) if wrong.is_empty() => {
            vec![(Origin::File(whole), Ok(KeyFile { url, jwks_file }))]
        }
        _ => wrong,
    }
}

fn checked_url(text: &str) -> Checked<String> {
    issuer::spelling(text).map_err(|why| {
        let what = format!("{} can't be an issuer: {why}", quoted(text));
        let help = "write it as it stands in `iss` of its tokens: https://login.example.com";
        Complaint::new(what, help)
    })?;
    Ok(text.to_owned())
}

/// The path of a file that holds public keys.
fn key_set(path: &str, read_file: ReadFile<'_>) -> Checked<PathBuf> {
    let path = Path::new(path);
    let contents = read_file(path).map_err(|error| {
        let what = format!("the file can't be read: {error}");
        Complaint::new(
            what,
            "name a file that is there and that this user may read",
        )
    })?;
    let help = "save there what the issuer publishes at its jwks_uri: {\"keys\":[…]}";
    if contents.bytes.len() > LONGEST {
        return Err(Complaint::new("the file is longer than 1 MiB", help));
    }
    let set = json::read(&contents.bytes)
        .map_err(|error| Complaint::new(format!("the file holds no key set: {error}"), help))?;
    let keys = set.get("keys").and_then(Json::as_array);
    let keys =
        keys.filter(|keys| !keys.is_empty() && keys.iter().all(|key| key["kty"].is_string()));
    let keys = keys.ok_or_else(|| Complaint::new("the file holds no key set", help))?;
    if keys
        .iter()
        .any(|key| ["d", "k"].iter().any(|part| !key[*part].is_null()))
    {
        let help = "leave the private parts out: whoever reads them signs as the issuer";
        return Err(Complaint::new("the file holds a private key", help));
    }
    Ok(path.to_owned())
}
