//! The public URL: the `iss` of this server's tokens, which verifiers compare as bytes. Only a URL with one spelling is
//! accepted.

use std::net::SocketAddr;

use url::Host;

use super::Config;
use super::listen::ListenAddress;
use super::load::ParsedSettings;
use super::sections::SummaryLine;
use super::source::Sources;
use super::source::diagnostics::{Diagnostics, Parsed, ValueError, quoted};
use super::source::flags::Flags;
use super::source::setting::settings;
use super::source::value::SettingValue;
use super::unsafe_exceptions::UnsafeException;
use crate::model::issuer::{self, IssuerError};
use crate::model::provider::{OWN, PublicProvider};

settings! {
    PUBLIC_URL = "public_url" flag("--public-url");
}

/// A public URL, and the parts of it that cross-checks need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PublicUrl {
    pub(super) text: String,
    /// Whether it begins with `http://`.
    pub(super) http: bool,
    /// Whether its host is this machine.
    pub(super) loopback: bool,
}

pub(super) fn read(sources: &mut Sources<'_>, flags: &Flags) -> SettingValue<PublicUrl> {
    sources.string(PUBLIC_URL, flags.public_url.as_deref(), parse)
}

/// Parses a public URL.
fn parse(text: &str) -> Parsed<PublicUrl> {
    let spelling = issuer::spelling(text).map_err(|error| explain(text, &error))?;
    if text.ends_with('/') {
        let what = format!("{} ends with a slash", quoted(text));
        return Err(ValueError::new(what, "remove the final slash"));
    }
    let host = spelling.host.to_string();
    if host == OWN || PublicProvider::named(&host).is_some() {
        let what = format!("{host} is the host of another provider");
        return Err(ValueError::new(what, "write this server's own host"));
    }
    Ok(PublicUrl {
        text: text.to_owned(),
        http: spelling.http,
        loopback: issuer::is_loopback(&spelling.host),
    })
}

fn explain(text: &str, error: &IssuerError) -> ValueError {
    let help = match error {
        IssuerError::NotHttps | IssuerError::HttpOnLoopback | IssuerError::HttpElsewhere => {
            "write the whole URL in lower case: https://id.example.com"
        }
        IssuerError::Host => {
            "write the host in lower-case ASCII, as in DNS: https://id.example.com"
        }
        IssuerError::Port => {
            "remove the default port of the scheme; write another port without leading zeros"
        }
        IssuerError::Extra => "remove the user name, the query and the fragment",
        IssuerError::Path => "remove empty segments, '.', '..', '%' and '\\' from the path",
        IssuerError::Reserved(_) | IssuerError::Own => "write this server's own host",
    };
    ValueError::new(format!("{} can't be a public URL", quoted(text)), help)
}

/// Refuses a listen address from which no public URL follows, if none is set.
pub(super) fn cross_check(
    parsed: &ParsedSettings,
    listen: &ListenAddress<'_>,
    diagnostics: &mut Diagnostics,
) {
    let derived = of_address(listen.address, false);
    if parsed.public_url.is_unset() && derived.is_none() {
        let what = format!(
            "{}: no public URL follows from {}, and public_url is not set",
            listen.name, listen.address
        );
        let help = "set public_url to the URL under which clients reach this server";
        diagnostics.add_cross_check(&[listen.origin], ValueError::new(what, help));
    }
}

/// The warning about an http URL of another machine, unless the exception for it, which has a text of its own, is used.
pub(super) fn warning(parsed: &ParsedSettings, used: &[UnsafeException]) -> Option<String> {
    let SettingValue::Set(url, origin) = &parsed.public_url else {
        return None;
    };
    let is_exception = used.contains(&UnsafeException::HttpPublicUrl);
    (url.http && !url.loopback && !is_exception).then(|| {
        format!(
            "{}: {} is not https: an attacker on the network can replace the keys that verify this server's tokens; \
             use an https URL",
            origin.name(PUBLIC_URL),
            url.text
        )
    })
}

pub(super) fn summary(config: &Config) -> Vec<SummaryLine> {
    let public_url = match &config.public_url {
        None if config.listen.port() == 0 => {
            "derived from the address that the system assigns".to_owned()
        }
        _ => config.public_url_for(config.listen),
    };
    vec![("public URL", public_url)]
}

/// The public URL of an exposed `cognate dev` on an address that clients can't use: a container publishes its port on the
/// machine of the developer.
pub(super) fn of_localhost(port: u16, tls: bool) -> String {
    match (tls, port) {
        (false, 80) => "http://localhost".to_owned(),
        (true, 443) => "https://localhost".to_owned(),
        (false, port) => format!("http://localhost:{port}"),
        (true, port) => format!("https://localhost:{port}"),
    }
}

/// The public URL of a server on `address` if none is set; `None` for an address that clients can't use.
pub(super) fn of_address(address: SocketAddr, tls: bool) -> Option<String> {
    let (scheme, own_port) = if tls { ("https", 443) } else { ("http", 80) };
    let ip = address.ip().to_canonical();
    let zoned = matches!(address, SocketAddr::V6(v6) if v6.scope_id() != 0);
    if ip.is_unspecified() || zoned {
        return None;
    }
    let host = match ip {
        std::net::IpAddr::V4(v4) => Host::<String>::Ipv4(v4),
        std::net::IpAddr::V6(v6) => Host::Ipv6(v6),
    };
    Some(match address.port() {
        port if port == own_port => format!("{scheme}://{host}"),
        port => format!("{scheme}://{host}:{port}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_url_has_one_spelling() {
        for (url, http, loopback) in [
            ("https://id.example.com", false, false),
            ("https://id.example.com:8443/auth/one", false, false),
            ("http://127.0.0.1:2646", true, true),
            ("http://localhost:2646", true, true),
            ("http://[::1]:2646", true, true),
            ("http://cognate:2646", true, false),
        ] {
            let text = url.to_owned();
            assert_eq!(
                parse(url),
                Ok(PublicUrl {
                    text,
                    http,
                    loopback
                })
            );
        }
        for url in [
            "",
            "id.example.com",
            "ftp://id.example.com",
            "HTTPS://id.example.com",
            "https://",
            "https://ID.example.com",
            "https://id.example.com/",
            "https://id.example.com/a/",
            "https://id.example.com//a",
            "https://id.example.com/a/../b",
            "https://id.example.com/%61",
            "https://id.example.com:443",
            "http://id.example.com:80",
            "https://me@id.example.com",
            "https://id.example.com?a",
            "https://id.example.com#a",
            "https://cognito-identity.amazonaws.com",
            "https://accounts.google.com",
        ] {
            assert!(parse(url).is_err(), "{url}");
        }
    }

    #[test]
    fn an_address_makes_a_url_that_may_be_set_too() {
        for (address, tls, url) in [
            ("127.0.0.1:2646", false, Some("http://127.0.0.1:2646")),
            ("127.0.0.1:80", false, Some("http://127.0.0.1")),
            ("127.0.0.1:443", true, Some("https://127.0.0.1")),
            ("127.0.0.1:80", true, Some("https://127.0.0.1:80")),
            ("[::1]:2646", false, Some("http://[::1]:2646")),
            (
                "[::ffff:127.0.0.1]:2646",
                false,
                Some("http://127.0.0.1:2646"),
            ),
            ("0.0.0.0:2646", false, None),
            ("[::]:2646", false, None),
            ("[::ffff:0.0.0.0]:2646", false, None),
            ("[fe80::1%3]:2646", false, None),
        ] {
            let made = of_address(address.parse().unwrap(), tls);
            assert_eq!(made.as_deref(), url, "{address}");
            assert!(made.is_none_or(|url| parse(&url).is_ok()), "{address}");
        }
    }
}
