//! Which URLs may be registered as issuers of OpenID Connect tokens.
//!
//! Issuers are compared as bytes everywhere, so only URLs in canonical form are accepted.

use url::{Host, Url};

use super::provider::{OWN, PublicProvider};

/// The URL of an issuer that may be registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerUrl {
    url: String,
}

/// The http issuers that the operator accepts.
#[derive(Debug, Clone, Copy)]
pub struct HttpIssuers<'a> {
    /// Whether `http://` is accepted where the host is a loopback address or `localhost`.
    pub on_loopback: bool,
    /// The issuers that are named one by one, by their URLs, compared as bytes.
    pub named: &'a [String],
}

impl HttpIssuers<'_> {
    /// No http issuer is accepted.
    pub const NONE: Self = Self {
        on_loopback: false,
        named: &[],
    };

    fn check(&self, url: &str, host: &Host<String>) -> Result<(), IssuerError> {
        let is_loopback = is_loopback(host);
        if (self.on_loopback && is_loopback) || self.named.iter().any(|named| named == url) {
            Ok(())
        } else if is_loopback {
            Err(IssuerError::HttpOnLoopback)
        } else {
            Err(IssuerError::HttpElsewhere)
        }
    }
}

/// Why a URL can't be registered; `Display` is a sentence for the caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IssuerError {
    /// The scheme isn't https.
    #[error("an issuer's URL begins with https://")]
    NotHttps,
    /// The scheme is http, on this machine, and such issuers aren't accepted.
    #[error(
        "an issuer's URL begins with https://, and an http issuer on this machine needs --allow-http-issuers"
    )]
    HttpOnLoopback,
    /// The scheme is http, elsewhere, and the operator doesn't name the issuer.
    #[error(
        "an issuer's URL begins with https://, and an http issuer elsewhere must be named, byte for byte, with --http-issuer"
    )]
    HttpElsewhere,
    /// The host is missing or not in canonical form.
    #[error("an issuer's host is written in lower-case ASCII, as in DNS")]
    Host,
    /// The port is the scheme's default, or not a number.
    #[error("an issuer's URL leaves out the default port and writes another without leading zeros")]
    Port,
    /// The URL has more than scheme, host, port and path.
    #[error("an issuer's URL has no user name, query or fragment")]
    Extra,
    /// The path isn't in canonical form.
    #[error("an issuer's path has no empty, '.' or '..' segments and no '%' or '\\'")]
    Path,
    /// The name belongs to another kind of provider.
    #[error(
        "{0} is not registered as an OpenID Connect provider: it is a provider of its own kind"
    )]
    Reserved(String),
    /// The URL is this server's own, or below it; its tokens aren't logins.
    #[error("this server's own issuer, and what is below it, can't be registered")]
    Own,
}

impl IssuerUrl {
    /// Reads the URL of an issuer. `accepted` are the http issuers that may be registered. `own` is this server's issuer.
    pub fn parse(url: &str, accepted: HttpIssuers<'_>, own: &str) -> Result<Self, IssuerError> {
        let Spelling { http, host } = spelling(url)?;
        if http {
            accepted.check(url, &host)?;
        }
        check_reserved(&host.to_string(), url)?;
        if is_at_or_below(url, own) {
            return Err(IssuerError::Own);
        }
        let url = url.to_owned();
        Ok(Self { url })
    }

    /// The URL, equal to the claim `iss` of its tokens, compared as bytes.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its name in `Logins` and in ARNs: the URL without its scheme.
    pub fn name(&self) -> &str {
        self.url.split_once("://").map_or("", |(_, name)| name)
    }

    /// Whether `name` is this issuer's name, also with or without a final slash.
    pub fn is_second_form_of(&self, name: &str) -> bool {
        scheme_and_slash_off(&self.url) == name.strip_suffix('/').unwrap_or(name)
    }
}

/// The parts of a URL in canonical form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spelling {
    /// Whether the scheme is http, not https.
    pub http: bool,
    /// The host.
    pub host: Host<String>,
}

/// Parses a URL of scheme, host, port and path in canonical form. The caller decides which hosts and schemes it accepts.
pub fn spelling(url: &str) -> Result<Spelling, IssuerError> {
    let (http, rest) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
        (Some(rest), _) => (false, rest),
        (None, Some(rest)) => (true, rest),
        (None, None) => return Err(IssuerError::NotHttps),
    };
    if rest.contains(['@', '?', '#']) {
        return Err(IssuerError::Extra);
    }
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !authority.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    check_path(path)?;
    check_port(port, if http { 80 } else { 443 })?;
    let host = check_host(host)?;
    Ok(Spelling { http, host })
}

/// Whether `url` is `own` or below it, whatever the schemes are.
pub fn is_at_or_below(url: &str, own: &str) -> bool {
    let rest = scheme_and_slash_off(url).strip_prefix(scheme_and_slash_off(own));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn scheme_and_slash_off(url: &str) -> &str {
    let name = url.split_once("://").map_or(url, |(_, name)| name);
    name.strip_suffix('/').unwrap_or(name)
}

fn check_path(path: &str) -> Result<(), IssuerError> {
    let inner = path.strip_prefix('/').unwrap_or(path);
    let inner = inner.strip_suffix('/').unwrap_or(inner);
    let segments_ok =
        path.is_empty() || path == "/" || inner.split('/').all(|s| !matches!(s, "" | "." | ".."));
    let bytes_ok = path
        .bytes()
        .all(|b| b.is_ascii_graphic() && !b"%\\\"<>^`{|}".contains(&b));
    if segments_ok && bytes_ok {
        Ok(())
    } else {
        Err(IssuerError::Path)
    }
}

fn check_port(port: Option<&str>, default: u16) -> Result<(), IssuerError> {
    let Some(text) = port else { return Ok(()) };
    match text.parse::<u16>() {
        Ok(number) if number != 0 && number != default && number.to_string() == text => Ok(()),
        _ => Err(IssuerError::Port),
    }
}

fn check_host(host: &str) -> Result<Host<String>, IssuerError> {
    let plain = host
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.[]:".contains(&b));
    let dots = host.starts_with('.') || host.ends_with('.') || host.contains("..");
    let parsed = Host::parse(host).map_err(|_| IssuerError::Host)?;
    // The parser accepts 0x7f.1 and 127.1 as addresses; formatting the result again detects such spellings.
    if host.is_empty() || !plain || dots || parsed.to_string() != host {
        return Err(IssuerError::Host);
    }
    Ok(parsed)
}

fn check_reserved(host: &str, url: &str) -> Result<(), IssuerError> {
    let may_register = matches!(
        PublicProvider::named(host),
        None | Some(PublicProvider::Google | PublicProvider::Apple)
    );
    if may_register && host != OWN {
        return Ok(());
    }
    let name = url.split_once("://").map_or(url, |(_, name)| name);
    Err(IssuerError::Reserved(name.to_owned()))
}

/// The URL of an issuer's discovery document, without a doubled slash.
pub fn discovery_url(issuer: &str) -> String {
    let issuer = issuer.strip_suffix('/').unwrap_or(issuer);
    format!("{issuer}/.well-known/openid-configuration")
}

/// Whether a host is this machine: `localhost`, a name under it, 127.0.0.0/8 or `::1`.
pub fn is_loopback(host: &Host<String>) -> bool {
    match host {
        Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

/// Whether a host is one of AWS's service endpoints.
pub fn is_aws(host: &str) -> bool {
    let domains = [".amazonaws.com", ".amazonaws.com.cn", ".api.aws"];
    domains.iter().any(|domain| host.ends_with(domain))
}

/// Whether a URL's host is this machine, as [`is_loopback`].
pub fn url_is_loopback(url: &Url) -> bool {
    url.host().is_some_and(|host| is_loopback(&host.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "http://127.0.0.1:2646";

    const ON_LOOPBACK: HttpIssuers<'_> = HttpIssuers {
        on_loopback: true,
        named: &[],
    };

    #[test]
    fn an_issuer_with_one_spelling_is_taken_as_it_is() {
        for url in [
            "https://example.com",
            "https://example.com/",
            "https://example.com/realms/a",
            "https://login.example.com:8443/a/",
            "https://xn--bcher-kva.example",
            "https://accounts.google.com",
            "https://appleid.apple.com",
            "https://192.0.2.1",
            "https://[2001:db8::1]:8443",
        ] {
            assert_eq!(
                IssuerUrl::parse(url, HttpIssuers::NONE, OURS)
                    .unwrap()
                    .url(),
                url
            );
        }
    }

    #[test]
    fn a_url_with_a_second_spelling_is_refused() {
        use IssuerError::{Extra, Host, HttpElsewhere, NotHttps, Path, Port};
        for (url, why) in [
            ("http://example.com", HttpElsewhere),
            ("ftp://example.com", NotHttps),
            ("HTTPS://example.com", NotHttps),
            ("example.com", NotHttps),
            ("https://Example.com", Host),
            ("https://bücher.example", Host),
            ("https://example.com.", Host),
            ("https://a..example.com", Host),
            ("https://", Host),
            ("https://0x7f.0.0.1", Host),
            ("https://127.1", Host),
            ("https://[2001:DB8::1]", Host),
            ("https://[2001:db8:0::1]", Host),
            ("https://exa mple.com", Host),
            ("https://example.com:443", Port),
            ("https://example.com:0443", Port),
            ("https://example.com:", Port),
            ("https://example.com:99999", Port),
            ("https://user@example.com", Extra),
            ("https://example.com?a", Extra),
            ("https://example.com#a", Extra),
            ("https://example.com/%61", Path),
            ("https://example.com/a//b", Path),
            ("https://example.com//", Path),
            ("https://example.com/./a", Path),
            ("https://example.com/a/..", Path),
            ("https://example.com/a\\b", Path),
            ("https://example.com/é", Path),
        ] {
            assert_eq!(
                IssuerUrl::parse(url, HttpIssuers::NONE, OURS),
                Err(why),
                "{url}"
            );
        }
    }

    #[test]
    fn http_is_for_loopback_and_only_when_allowed() {
        let url = "http://localhost:3000";
        assert_eq!(
            IssuerUrl::parse(url, HttpIssuers::NONE, OURS),
            Err(IssuerError::HttpOnLoopback)
        );
        for url in [url, "http://127.0.0.1:4000/a", "http://[::1]:4000"] {
            assert_eq!(IssuerUrl::parse(url, ON_LOOPBACK, OURS).unwrap().url(), url);
        }
        for url in [
            "http://example.com",
            "http://localhost.example.com",
            "http://10.0.0.1",
        ] {
            assert_eq!(
                IssuerUrl::parse(url, ON_LOOPBACK, OURS),
                Err(IssuerError::HttpElsewhere),
                "{url}"
            );
        }
        assert_eq!(
            IssuerUrl::parse("http://localhost:80", ON_LOOPBACK, OURS),
            Err(IssuerError::Port)
        );
    }

    #[test]
    fn an_http_issuer_elsewhere_is_named_to_the_byte() {
        let named = ["http://keycloak:8080/realms/a".to_owned()];
        let accepted = HttpIssuers {
            on_loopback: true,
            named: &named,
        };
        let parse = |url| IssuerUrl::parse(url, accepted, OURS);
        assert_eq!(parse(&named[0]).unwrap().name(), "keycloak:8080/realms/a");
        for url in [
            "http://keycloak:8080/realms/b",
            "http://keycloak:8080/realms/a/",
            "http://keycloak:8080/realms",
            "http://keycloak:8081/realms/a",
            "http://keycloak/realms/a",
            "http://keycloak.evil.example:8080/realms/a",
        ] {
            assert_eq!(parse(url), Err(IssuerError::HttpElsewhere), "{url}");
        }
    }

    #[test]
    fn names_of_other_providers_and_our_own_are_refused() {
        for name in [
            "graph.facebook.com",
            "www.amazon.com",
            "api.twitter.com",
            "www.digits.com",
            "cognito-identity.amazonaws.com",
            "graph.facebook.com/x",
        ] {
            let refused = IssuerUrl::parse(&format!("https://{name}"), HttpIssuers::NONE, OURS);
            assert_eq!(refused, Err(IssuerError::Reserved(name.into())));
        }
        let ours = "https://id.example.com";
        for url in [
            ours,
            "https://id.example.com/",
            "https://id.example.com/dev/issuer",
            "https://id.example.com/a/",
        ] {
            assert_eq!(
                IssuerUrl::parse(url, HttpIssuers::NONE, ours),
                Err(IssuerError::Own)
            );
        }
        for url in [
            "https://id.example.com:8443/a",
            "https://id.example.com.example/",
        ] {
            assert!(IssuerUrl::parse(url, HttpIssuers::NONE, ours).is_ok());
        }
    }

    #[test]
    fn a_second_form_is_recognised() {
        let issuer = IssuerUrl::parse("https://example.com/a", HttpIssuers::NONE, OURS).unwrap();
        assert!(issuer.is_second_form_of("example.com/a/"));
        assert!(issuer.is_second_form_of("example.com/a"));
        assert!(!issuer.is_second_form_of("example.com/b"));
        let slashed = IssuerUrl::parse("https://example.com/a/", HttpIssuers::NONE, OURS).unwrap();
        assert!(slashed.is_second_form_of("example.com/a"));
    }
}
