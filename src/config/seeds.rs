//! The seed files that the server applies when it starts.

use std::path::PathBuf;

use super::Config;
use super::sections::{SummaryLine, joined};
use super::source::Sources;
use super::source::diagnostics::{Parsed, ValueError};
use super::source::lists::items_in;
use super::source::setting::settings;

settings! {
    SEEDS = "seeds";
}

pub(super) fn read(sources: &mut Sources<'_>) -> Vec<PathBuf> {
    let files = sources.list(SEEDS, &[], String::as_str, parse, |value| {
        items_in(value, parse)
    });
    let files = files.or(Vec::new()).into_iter();
    files.map(PathBuf::from).collect()
}

fn parse(text: &str) -> Parsed<String> {
    if text.is_empty() {
        let help = "write the name of a seed file, for example \"seed.toml\"";
        return Err(ValueError::new("this names no file", help));
    }
    Ok(text.to_owned())
}

pub(super) fn summary(config: &Config) -> Vec<SummaryLine> {
    let files = config.seeds.iter().map(|file| file.display());
    vec![("seeds", joined(files, "none"))]
}
