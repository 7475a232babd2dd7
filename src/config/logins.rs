//! How logins are checked.

use std::net::IpAddr;
use std::path::PathBuf;

use jiff::SignedDuration;
use url::Host;

use super::load::ParsedSettings;
use super::sections::{SummaryLine, joined};
use super::source::Sources;
use super::source::diagnostics::{Diagnostics, Parsed, ValueError, quoted};
use super::source::flags::Flags;
use super::source::lists::items_in;
use super::source::setting::settings;
use super::source::value::SettingValue;
use super::{Config, RunMode};
use crate::model::issuer::{self, HttpIssuers, IssuerUrl};
use crate::model::private_network::{PrivateNetwork, PrivateNetworkError, is_metadata};

settings! {
    // Weakens security too, but keeps its documented variable and flag: on any address but loopback it requires
    // unsafe.http_issuers, which only the file sets.
    ALLOW_HTTP_ISSUERS = "allow_http_issuers" flag("--allow-http-issuers");
    // As above.
    HTTP_ISSUERS = "http_issuers" flag("--http-issuer");
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

/// An http issuer that the operator names, wherever it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HttpIssuer {
    pub(super) url: String,
    is_loopback: bool,
}

pub(super) fn read_http_issuers(
    sources: &mut Sources<'_>,
    flags: &Flags,
) -> SettingValue<Vec<HttpIssuer>> {
    sources.list(
        HTTP_ISSUERS,
        &flags.http_issuers,
        |issuer: &HttpIssuer| &issuer.url,
        http_issuer,
        |value| items_in(value, http_issuer),
    )
}

/// Parses the URL of an http issuer. It can be registered, except that it may be this server's own.
fn http_issuer(text: &str) -> Parsed<HttpIssuer> {
    let url = text.to_owned();
    let accepted = HttpIssuers {
        on_loopback: true,
        named: std::slice::from_ref(&url),
    };
    IssuerUrl::parse(text, accepted, "").map_err(|why| {
        let what = format!("{} can't be an http issuer: {why}", quoted(text));
        let help = "write the issuer's URL as its tokens have it: http://keycloak:8080/realms/x";
        ValueError::new(what, help)
    })?;
    let spelling = issuer::spelling(text).expect("the URL of an issuer");
    if !spelling.http {
        let what = format!("{} is an https issuer", quoted(text));
        let help = "remove it: https issuers are registered without being named here";
        return Err(ValueError::new(what, help));
    }
    let address = match &spelling.host {
        Host::Domain(_) => None,
        Host::Ipv4(address) => Some(IpAddr::V4(*address)),
        Host::Ipv6(address) => Some(IpAddr::V6(*address)),
    };
    if address.is_some_and(is_never_connected_to) {
        let what = format!(
            "{} is at an address that is never connected to",
            quoted(text)
        );
        let help = "unspecified, link-local, multicast and metadata addresses can't be issuers";
        return Err(ValueError::new(what, help));
    }
    Ok(HttpIssuer {
        url,
        is_loopback: issuer::is_loopback(&spelling.host),
    })
}

fn is_never_connected_to(address: IpAddr) -> bool {
    let address = address.to_canonical();
    let is_link_local = match address {
        IpAddr::V4(address) => address.is_link_local() || address.is_broadcast(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    };
    is_link_local || address.is_unspecified() || address.is_multicast() || is_metadata(address)
}

/// Refuses named http issuers that could be registered and never reached.
pub(super) fn cross_check(parsed: &ParsedSettings, mode: RunMode, diagnostics: &mut Diagnostics) {
    let loopback_allowed = match &parsed.allow_http_issuers {
        SettingValue::Set(allowed, _) => *allowed,
        SettingValue::Unset => mode == RunMode::Dev,
        SettingValue::Invalid => return,
    };
    let own = parsed.public_url.value().map(|url| url.text.as_str());
    for named in parsed.http_issuers.value().into_iter().flatten() {
        let url = &named.url;
        let error = if named.is_loopback && !loopback_allowed {
            let what = format!("{}: {url} is on this machine", HTTP_ISSUERS.key);
            ValueError::new(what, "set allow_http_issuers (--allow-http-issuers) for it")
        } else if own.is_some_and(|own| issuer::is_at_or_below(url, own)) {
            let what = format!("{}: {url} is this server itself", HTTP_ISSUERS.key);
            ValueError::new(what, "name the URL of another issuer, or remove it")
        } else {
            continue;
        };
        diagnostics.add_cross_check(&[parsed.http_issuers.origin()], error);
    }
}

pub(super) fn summary(config: &Config) -> Vec<SummaryLine> {
    let on_loopback = config.allow_http_issuers.then_some("those on this machine");
    let named = config.http_issuers.iter().map(String::as_str);
    let http_issuers = joined(on_loopback.into_iter().chain(named), "refused");
    let audience = if config.logins.authorized_party_alone {
        "azp where present (aud is not checked then), otherwise aud"
    } else {
        "aud, and azp where present"
    };
    let hours = config.logins.max_token_lifetime.as_hours();
    vec![
        ("http issuers", http_issuers),
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
