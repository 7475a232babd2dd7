//! The public URL: the `iss` of this server's tokens, which everybody compares as bytes. Only a URL that can't be
//! spelled in another way is taken.

use std::net::SocketAddr;

use url::Host;

use crate::model::issuer::{self, IssuerError};
use crate::model::provider::{OWN, PublicProvider};

use super::mistakes::{Checked, Complaint, quoted};

/// A public URL, and what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PublicUrl {
    pub(super) text: String,
    /// Whether it begins with `http://`.
    pub(super) http: bool,
    /// Whether its host is this machine.
    pub(super) loopback: bool,
}

/// Reads a public URL.
pub(super) fn parse(text: &str) -> Checked<PublicUrl> {
    let spelling = issuer::spelling(text).map_err(|error| explain(text, &error))?;
    if text.ends_with('/') {
        let what = format!("{} ends with a slash", quoted(text));
        return Err(Complaint::new(what, "leave the final slash out"));
    }
    let host = spelling.host.to_string();
    if host == OWN || PublicProvider::named(&host).is_some() {
        let what = format!("{host} is the name of somebody else");
        return Err(Complaint::new(
            what,
            "write the name under which this server is reached",
        ));
    }
    Ok(PublicUrl {
        text: text.to_owned(),
        http: spelling.http,
        loopback: issuer::is_loopback(&spelling.host),
    })
}

fn explain(text: &str, error: &IssuerError) -> Complaint {
    let help = match error {
        IssuerError::NotHttps => {
            "write the URL from its scheme on, in lower case: https://id.example.com"
        }
        IssuerError::Host => {
            "write the host in lower-case ASCII, as in DNS: https://id.example.com"
        }
        IssuerError::Port => {
            "leave out the scheme's own port, and write another without leading zeros"
        }
        IssuerError::Extra => "leave out user name, query and fragment",
        IssuerError::Path => "leave out empty, '.' and '..' segments, '%' and '\\'",
        IssuerError::Reserved(_) | IssuerError::Own => {
            "write the name under which this server is reached"
        }
    };
    Complaint::new(format!("{} can't be a public URL", quoted(text)), help)
}

/// The public URL of a server on `address` for which none is set; `None` where the address is no single one.
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
