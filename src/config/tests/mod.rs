//! The loader with whole configurations. The form of single values is tested beside their parsers.

mod dev;
mod diagnostics;
mod exceptions;
mod http_issuers;
mod issuers;
mod limits;
mod precedence;
mod reloading;
mod routes;
mod secrets;
mod settings;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use zeroize::Zeroizing;

use super::{Config, ConfigErrors, Contents, DiagnosticLocation, Environment, Flags};

const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\n";
const KEY: &str = "-----BEGIN PRIVATE KEY-----\n";

/// The sources of a loader, all empty at first.
#[derive(Default)]
struct Inputs {
    flags: Flags,
    environment: Environment,
    files: BTreeMap<&'static str, String>,
    open_to_others: bool,
}

impl Inputs {
    /// A configuration file with this text, and the files `cert.pem` and `key.pem`.
    fn file(text: impl Into<String>) -> Self {
        let mut given = Self::default();
        given.flags.config = Some("cognate.toml".into());
        given.files = BTreeMap::from([
            ("cognate.toml", text.into()),
            ("cert.pem", CERTIFICATE.to_owned()),
            ("key.pem", KEY.to_owned()),
        ]);
        given
    }

    fn environment<const N: usize>(mut self, variables: [(&str, &str); N]) -> Self {
        self.environment = variables.into_iter().collect();
        self
    }

    fn flags(mut self, set: impl FnOnce(&mut Flags)) -> Self {
        set(&mut self.flags);
        self
    }

    fn with(mut self, path: &'static str, text: &str) -> Self {
        self.files.insert(path, text.to_owned());
        self
    }

    fn read(&self, path: &Path) -> io::Result<Contents> {
        let text = path.to_str().and_then(|path| self.files.get(path));
        let text = text.ok_or(io::ErrorKind::NotFound)?;
        Ok(Contents {
            bytes: Zeroizing::new(text.clone().into_bytes()),
            open_to_others: self.open_to_others,
        })
    }

    fn load(&self) -> Result<Config, ConfigErrors> {
        Config::load(&self.flags, &self.environment, &|path| self.read(path))
    }

    fn for_dev(&self) -> Result<Config, ConfigErrors> {
        Config::for_dev(&self.flags, &self.environment, &|path| self.read(path))
    }

    /// Each mistake's location and message.
    fn mistakes(&self) -> Vec<String> {
        self.load()
            .map_or_else(|errors| listed(&errors), |_| Vec::new())
    }
}

fn listed(errors: &ConfigErrors) -> Vec<String> {
    let mistakes = errors.diagnostics().iter();
    mistakes
        .map(|mistake| match mistake.location {
            DiagnosticLocation::File { line, column } => {
                format!("{line}:{column} {}", mistake.message)
            }
            _ => mistake.message.clone(),
        })
        .collect()
}

/// The report as it is printed, in both styles.
fn printed(errors: &ConfigErrors) -> String {
    let mut text = String::new();
    miette::GraphicalReportHandler::new()
        .with_context_lines(50)
        .render_report(&mut text, errors)
        .unwrap();
    miette::NarratableReportHandler::new()
        .with_context_lines(50)
        .render_report(&mut text, errors)
        .unwrap();
    text
}
