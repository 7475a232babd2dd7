//! The unsafe exceptions: what is refused on every address but loopback, unless the configuration file names the
//! exception. An attacker who controls the environment can't write the file.

use std::fmt;

use super::Config;
use super::listen::ListenAddress;
use super::load::ParsedSettings;
use super::public_url;
use super::sections::SummaryLine;
use super::source::Sources;
use super::source::diagnostics::{Diagnostics, ValueError};
use super::source::setting::{Setting, settings};
use super::source::value::{SettingValue, ValueOrigin};

settings! {
    HTTP_LISTENER = "unsafe.http_listener" weakens_security();
    HTTP_PUBLIC_URL = "unsafe.http_public_url" weakens_security();
    UPSTREAMS = "unsafe.upstreams" weakens_security();
    HTTP_ISSUERS = "unsafe.http_issuers" weakens_security();
    PUBLIC_METRICS = "unsafe.public_metrics" weakens_security();
    HTTP_CONTAINER_CREDENTIALS = "unsafe.http_container_credentials" weakens_security();
}

/// A risk that the configuration file accepts by name. Its `Display` is the sentence that is printed at every start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnsafeException {
    /// The listener speaks plain HTTP.
    HttpListener,
    /// The public URL begins with `http://`.
    HttpPublicUrl,
    /// Keys of providers are fetched through upstreams.
    Upstreams,
    /// Issuers on this machine, or those that are named, may be reached without TLS.
    HttpIssuers,
    /// The listener of the API serves the metrics.
    PublicMetrics,
    /// Container credentials are served over plain HTTP.
    HttpContainerCredentials,
}

impl UnsafeException {
    const ALL: [Self; 6] = [
        Self::HttpListener,
        Self::HttpPublicUrl,
        Self::Upstreams,
        Self::HttpIssuers,
        Self::PublicMetrics,
        Self::HttpContainerCredentials,
    ];

    /// Its key in the configuration file.
    pub const fn key(self) -> &'static str {
        self.setting().key
    }

    const fn setting(self) -> Setting {
        match self {
            Self::HttpListener => HTTP_LISTENER,
            Self::HttpPublicUrl => HTTP_PUBLIC_URL,
            Self::Upstreams => UPSTREAMS,
            Self::HttpIssuers => HTTP_ISSUERS,
            Self::PublicMetrics => PUBLIC_METRICS,
            Self::HttpContainerCredentials => HTTP_CONTAINER_CREDENTIALS,
        }
    }
}

impl fmt::Display for UnsafeException {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let risk = match self {
            Self::HttpListener => {
                "the listener speaks plain HTTP: others on the network can read logins and credentials, unless a proxy \
                 in front of it speaks TLS"
            }
            Self::HttpPublicUrl => {
                "the public URL is http: an attacker on the network can replace the keys that verify this server's \
                 tokens"
            }
            Self::Upstreams => {
                "providers are reached through upstreams: the operator of an upstream can sign in as any user"
            }
            Self::HttpIssuers => {
                "http issuers are accepted: a program that listens on a port of this machine, or an attacker on the \
                 network of an issuer that is named, can sign in as any user"
            }
            Self::PublicMetrics => {
                "the listener serves the metrics: everyone who reaches it learns how much the server is used, and by which \
                 routes"
            }
            Self::HttpContainerCredentials => {
                "container credentials are served over plain HTTP: others on the network can read the tokens of workloads \
                 and their credentials"
            }
        };
        write!(formatter, "{} is set: {risk}", self.key())
    }
}

/// The exceptions and whether the configuration file names them.
pub(super) type NamedExceptions = Vec<(UnsafeException, SettingValue<bool>)>;

pub(super) fn read(sources: &mut Sources<'_>) -> NamedExceptions {
    UnsafeException::ALL
        .map(|exception| (exception, sources.switch(exception.setting(), false)))
        .into()
}

/// Refuses what requires an exception that the file doesn't name. Returns the exceptions that are used.
pub(super) fn cross_check(
    parsed: &ParsedSettings,
    listen: &ListenAddress<'_>,
    diagnostics: &mut Diagnostics,
) -> Vec<UnsafeException> {
    if listen.is_loopback() {
        return Vec::new();
    }
    let mut used = Vec::new();
    for (exception, named) in &parsed.exceptions {
        let optional = match exception {
            // Without these, the server starts all the same: it serves no metrics, and refuses container credentials.
            UnsafeException::PublicMetrics => Some(parsed.management_listen.is_unset()),
            UnsafeException::HttpContainerCredentials => Some(parsed.tls.is_unset()),
            _ => None,
        };
        if let Some(is_used) = optional {
            if named.value() == Some(&true) && is_used {
                used.push(*exception);
            }
            continue;
        }
        let Some(risk) = risk(*exception, parsed, listen) else {
            continue;
        };
        match named {
            SettingValue::Set(true, _) => used.push(*exception),
            SettingValue::Invalid => {}
            SettingValue::Unset | SettingValue::Set(false, _) => {
                let what = format!(
                    "{}: {} is not a loopback address, and {}",
                    listen.name, listen.address, risk.what
                );
                let help = format!(
                    "{}; or accept the risk in the configuration file (not in a variable or a flag): {} = true",
                    risk.help,
                    exception.key()
                );
                let origins = [listen.origin, risk.origin];
                diagnostics.add_cross_check(&origins, ValueError::new(what, help));
            }
        }
    }
    used
}

/// Whether the configuration file lets the listener of the API serve the metrics, wherever it is.
pub(super) fn are_metrics_public(exceptions: &NamedExceptions) -> bool {
    exceptions.iter().any(|(exception, named)| {
        *exception == UnsafeException::PublicMetrics && named.value() == Some(&true)
    })
}

/// The reason why an exception is required.
struct Risk<'p> {
    what: String,
    help: &'static str,
    origin: Option<&'p ValueOrigin>,
}

fn risk<'p>(
    exception: UnsafeException,
    parsed: &'p ParsedSettings,
    listen: &ListenAddress<'_>,
) -> Option<Risk<'p>> {
    let upstreams = parsed.upstreams.value();
    let (what, help, origin) = match exception {
        UnsafeException::HttpListener if parsed.tls.is_unset() => (
            "the listener speaks plain HTTP".to_owned(),
            "set tls.certificate_file and tls.key_file",
            None,
        ),
        UnsafeException::HttpPublicUrl => (
            format!(
                "the public URL is {}, without TLS",
                http_public_url(parsed, listen)?
            ),
            "set public_url to an https:// URL",
            parsed.public_url.origin(),
        ),
        UnsafeException::Upstreams if upstreams.is_some_and(|all| !all.is_empty()) => (
            "upstreams are set".to_owned(),
            "remove the upstreams",
            parsed.upstreams.origin(),
        ),
        UnsafeException::HttpIssuers if parsed.allow_http_issuers.value() == Some(&true) => (
            "http issuers are allowed".to_owned(),
            "remove allow_http_issuers",
            parsed.allow_http_issuers.origin(),
        ),
        UnsafeException::HttpIssuers
            if parsed
                .http_issuers
                .value()
                .is_some_and(|all| !all.is_empty()) =>
        {
            (
                "http issuers are named".to_owned(),
                "remove http_issuers",
                parsed.http_issuers.origin(),
            )
        }
        _ => return None,
    };
    Some(Risk { what, help, origin })
}

/// The public URL, if it is known and begins with `http://`.
fn http_public_url(parsed: &ParsedSettings, listen: &ListenAddress<'_>) -> Option<String> {
    match &parsed.public_url {
        SettingValue::Set(url, _) => url.http.then(|| url.text.clone()),
        SettingValue::Unset if parsed.tls.is_unset() => {
            public_url::of_address(listen.address, false)
        }
        SettingValue::Unset | SettingValue::Invalid => None,
    }
}

/// Warnings about exceptions that the file names without need.
pub(super) fn warnings(
    parsed: &ParsedSettings,
    used: &[UnsafeException],
) -> impl Iterator<Item = String> {
    let unused = parsed
        .exceptions
        .iter()
        .filter(|(exception, named)| named.value() == Some(&true) && !used.contains(exception));
    unused.map(|(exception, _)| format!("{} is set but not needed; remove it", exception.key()))
}

/// No line: each exception is printed as a warning of its own.
pub(super) fn summary(_: &Config) -> Vec<SummaryLine> {
    Vec::new()
}
