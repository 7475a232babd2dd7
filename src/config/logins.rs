//! How logins are checked.

use std::path::PathBuf;

use jiff::SignedDuration;

use super::Config;
use super::sections::{SummaryLine, joined};
use super::source::Sources;
use super::source::diagnostics::{Parsed, ValueError, quoted};
use super::source::flags::Flags;
use super::source::lists::items_in;
use super::source::setting::settings;
use super::source::value::SettingValue;
use crate::model::private_network::{PrivateNetwork, PrivateNetworkError};

settings! {
    // Weakens security too, but keeps its documented variable and flag: on any address but loopback it requires
    // unsafe.http_issuers, which only the file sets.
    ALLOW_HTTP_ISSUERS = "allow_http_issuers" flag("--allow-http-issuers");
    AUTHORIZED_PARTY_ALONE = "logins.authorized_party_alone" weakens_security();
    MAX_TOKEN_LIFETIME = "logins.max_token_lifetime_hours" weakens_security();
    EXTRA_CA_FILE = "logins.extra_ca_file";
    PRIVATE_NETWORKS = "logins.private_networks" flag("--private-network");
}

const DEFAULT_TOKEN_LIFETIME_HOURS: u32 = 24;

/// How logins are checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginSettings {
    /// Whether a registered `azp` is sufficient for any `aud`, as in the real service.
    pub authorized_party_alone: bool,
    /// The longest accepted lifetime of a login token: an hour to a day. `IssuerSetting` has longer ones.
    pub max_token_lifetime: SignedDuration,
    /// Certificates (PEM) of authorities that are trusted for providers, in addition to the public ones.
    pub extra_ca_file: Option<PathBuf>,
    /// Private hosts and networks that logins may be fetched from.
    pub private_networks: Vec<PrivateNetwork>,
}

pub(super) fn read(sources: &mut Sources<'_>, flags: &Flags) -> LoginSettings {
    let hours = sources
        .number(MAX_TOKEN_LIFETIME, &(1..=DEFAULT_TOKEN_LIFETIME_HOURS))
        .or(DEFAULT_TOKEN_LIFETIME_HOURS);
    let entries = sources.list(
        PRIVATE_NETWORKS,
        &flags.private_networks,
        |entry: &PrivateNetworkEntry| &entry.text,
        entry,
        |value| items_in(value, entry),
    );
    let entries = entries.or(Vec::new()).into_iter();
    LoginSettings {
        authorized_party_alone: sources.switch(AUTHORIZED_PARTY_ALONE, false).or(false),
        max_token_lifetime: SignedDuration::from_hours(hours.into()),
        extra_ca_file: sources
            .pem_file(EXTRA_CA_FILE, "CERTIFICATE", false)
            .into_value(),
        private_networks: entries.map(|entry| entry.network).collect(),
    }
}

/// An entry with its spelling, by which it is known.
struct PrivateNetworkEntry {
    text: String,
    network: PrivateNetwork,
}

fn entry(text: &str) -> Parsed<PrivateNetworkEntry> {
    let network = text.parse().map_err(|why: PrivateNetworkError| {
        let what = format!("{} can't be opened for logins: {why}", quoted(text));
        let help = "write a host (keycloak.internal), a suffix with its dot (.corp.example) or a private network \
                    (10.0.0.0/8), in lower case";
        ValueError::new(what, help)
    });
    Ok(PrivateNetworkEntry {
        text: text.to_owned(),
        network: network?,
    })
}

pub(super) fn read_allow_http_issuers(
    sources: &mut Sources<'_>,
    flags: &Flags,
) -> SettingValue<bool> {
    sources.switch(ALLOW_HTTP_ISSUERS, flags.allow_http_issuers)
}

pub(super) fn summary(config: &Config) -> Vec<SummaryLine> {
    let http_issuers = if config.allow_http_issuers {
        "accepted on this machine"
    } else {
        "refused"
    };
    let audience = if config.logins.authorized_party_alone {
        "azp where present (aud is not checked then), otherwise aud"
    } else {
        "aud, and azp where present"
    };
    let hours = config.logins.max_token_lifetime.as_hours();
    vec![
        ("http issuers", http_issuers.to_owned()),
        ("audience", audience.to_owned()),
        (
            "login tokens",
            format!("accepted with a lifetime of at most {hours} hours (and 5 minutes for clocks)"),
        ),
        (
            "private networks",
            joined(&config.logins.private_networks, "not fetched from"),
        ),
    ]
}
