//! The fence: which URLs may be fetched, and from where. Pure; `resolver` checks the addresses of a name.

use std::collections::BTreeMap;
use std::net::IpAddr;

use url::{Host, Url};

use super::http_issuers::{NamedHttpIssuers, entry_of};
use super::private::{OpenedNetworks, PrivateNetworks, Refused};
use super::resolver::{Fenced, Reach, is_loopback, is_loopback_name};

/// Why a URL is not fetched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    /// The text isn't a URL with a host.
    #[error("it isn't a URL")]
    NotAUrl,
    /// The scheme is neither https, nor http on a loopback host where that is allowed, nor http of a named issuer.
    #[error(
        "only https URLs are fetched: an http issuer on this machine needs --allow-http-issuers, and one elsewhere must be \
         named with --http-issuer (http_issuers)"
    )]
    Scheme,
    /// The URL has a user name or a password.
    #[error("a URL that is fetched has no user name or password")]
    UserInfo,
    /// The URL has port 0.
    #[error("port 0 can't be connected to")]
    Port,
    /// The host has no address that may ever be connected to.
    #[error("this machine, link-local and metadata addresses are never connected to")]
    Address,
    /// The host has a private address that the operator didn't open.
    #[error(
        "the host has a private address: to fetch from it, add the host or its network to logins.private_networks"
    )]
    Private,
    /// A public provider names a private host.
    #[error(
        "a private address is fetched from only for a provider with its own host in logins.private_networks"
    )]
    PrivateOfAnother,
    /// The host is this server.
    #[error("the host is this server itself, which logins.private_networks doesn't open")]
    OwnListener,
}

impl From<Refused> for Forbidden {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Closed => Self::Address,
            Refused::Unlisted => Self::Private,
            Refused::UnlistedProvider => Self::PrivateOfAnother,
            Refused::OwnListener => Self::OwnListener,
        }
    }
}

/// A URL that may be fetched.
#[derive(Debug)]
pub(super) struct Admitted {
    pub(super) url: Url,
    /// Which addresses its host may have.
    pub(super) fenced: Fenced,
}

#[cfg(test)]
impl Admitted {
    fn reach(&self) -> Reach {
        self.fenced.reach
    }
}

/// The rules for URLs.
#[derive(Debug)]
pub(super) struct Fence {
    /// By `HOST` or `HOST:PORT`, as URLs write them.
    pub(super) upstreams: BTreeMap<String, Url>,
    pub(super) allow_http_loopback: bool,
    pub(super) http_issuers: NamedHttpIssuers,
    pub(super) private: PrivateNetworks,
}

impl Fence {
    /// Admits a URL of a provider's own host, which a stranger may have chosen, at least in part.
    pub(super) fn admit(&self, text: &str) -> Result<Admitted, Forbidden> {
        let parsed = plain(text)?;
        if self.http_issuers.publish(&parsed.0) {
            return self.admit_named(parsed);
        }
        self.admit_parsed(parsed, true)
    }

    /// Admits a URL that a document of a provider names. Private addresses are open to it only if the provider's own host
    /// `is_listed`. The caller has checked that only an http issuer names an http URL.
    pub(super) fn admit_linked(&self, text: &str, is_listed: bool) -> Result<Admitted, Forbidden> {
        let parsed = plain(text)?;
        if self.http_issuers.are_at(&parsed.0) {
            return self.admit_named(parsed);
        }
        self.admit_parsed(parsed, is_listed)
    }

    /// Admits a URL of an http issuer that the operator names. Its host may have a private address.
    fn admit_named(&self, (url, host, here): ParsedUrl) -> Result<Admitted, Forbidden> {
        if here && !self.allow_http_loopback {
            return Err(Forbidden::Address);
        }
        let opened = self.private.opened_for_host(&url, entry_of(&host));
        checked(url, &host, self.fenced(Some(opened)))
    }

    fn fenced(&self, opened: Option<OpenedNetworks>) -> Fenced {
        let reach = if self.allow_http_loopback {
            Reach::PublicAndLoopback
        } else {
            Reach::Public
        };
        Fenced { reach, opened }
    }

    fn admit_parsed(
        &self,
        (url, host, here): ParsedUrl,
        is_listed: bool,
    ) -> Result<Admitted, Forbidden> {
        match url.scheme() {
            "https" => {
                if let Some(base) = self.upstreams.get(url.authority()) {
                    return Ok(Admitted {
                        url: onto(base, &url),
                        fenced: Reach::Anywhere.into(),
                    });
                }
            }
            "http" if self.allow_http_loopback && here => {}
            _ => return Err(Forbidden::Scheme),
        }
        if here && !self.allow_http_loopback {
            return Err(Forbidden::Address);
        }
        let opened = self.private.opened(&url, is_listed);
        checked(url, &host, self.fenced(opened))
    }

    /// Admits a URL that the operator configures, at any address; answers where it is fetched from.
    pub(super) fn admit_operators(&self, text: &str) -> Result<Url, Forbidden> {
        let (url, _, here) = plain(text)?;
        match (url.scheme(), self.upstreams.get(url.authority())) {
            ("https", Some(base)) => Ok(onto(base, &url)),
            ("https", None) => Ok(url),
            ("http", _) if self.allow_http_loopback && here => Ok(url),
            _ => Err(Forbidden::Scheme),
        }
    }
}

/// Admits a URL unless its host is an address that may not be connected to. The resolver checks the addresses of a name.
fn checked(url: Url, host: &Host<String>, fenced: Fenced) -> Result<Admitted, Forbidden> {
    let literal = match host {
        Host::Domain(_) => return Ok(Admitted { url, fenced }),
        Host::Ipv4(address) => IpAddr::V4(*address),
        Host::Ipv6(address) => IpAddr::V6(*address),
    };
    fenced.check(&literal.to_string(), literal)?;
    Ok(Admitted { url, fenced })
}

/// A URL, its host, and whether that is this machine.
type ParsedUrl = (Url, Host<String>, bool);

/// Parses a URL and refuses what none may have.
fn plain(text: &str) -> Result<ParsedUrl, Forbidden> {
    let url = Url::parse(text).map_err(|_| Forbidden::NotAUrl)?;
    let host = url.host().ok_or(Forbidden::NotAUrl)?.to_owned();
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Forbidden::UserInfo);
    }
    if url.port() == Some(0) {
        return Err(Forbidden::Port);
    }
    let here = match &host {
        Host::Domain(name) => is_loopback_name(name),
        Host::Ipv4(address) => is_loopback(IpAddr::V4(*address)),
        Host::Ipv6(address) => is_loopback(IpAddr::V6(*address)),
    };
    Ok((url, host, here))
}

/// Appends the path and the query of `url` to `base`.
fn onto(base: &Url, url: &Url) -> Url {
    let mut joined = base.clone();
    joined.set_path(&format!(
        "{}{}",
        base.path().trim_end_matches('/'),
        url.path()
    ));
    joined.set_query(url.query());
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fence(allow_http_loopback: bool) -> Fence {
        let upstreams = [
            ("login.example", "http://10.0.0.7:8080/double/"),
            ("other.example:8443", "https://mirror.internal"),
        ];
        Fence {
            upstreams: upstreams
                .map(|(host, base)| (host.to_owned(), base.parse().unwrap()))
                .into(),
            allow_http_loopback,
            http_issuers: NamedHttpIssuers::new(&[
                "http://keycloak:8080/realms/a".to_owned(),
                "http://10.0.0.9:8080".to_owned(),
            ]),
            private: PrivateNetworks::default(),
        }
    }

    #[test]
    fn public_https_urls_are_fetched_as_they_are() {
        for url in [
            "https://example.com/a?b=c",
            "https://example.com:8443/",
            "https://8.8.8.8/",
            "https://[2606:4700:4700::1111]/",
        ] {
            let admitted = fence(false).admit(url).unwrap();
            assert_eq!(admitted.url.as_str(), url);
            assert_eq!(admitted.reach(), Reach::Public);
        }
    }

    #[test]
    fn every_other_url_is_refused() {
        use Forbidden::{Address, NotAUrl, Port, Private, Scheme, UserInfo};
        for (url, why) in [
            ("", NotAUrl),
            ("/.well-known/jwks.json", NotAUrl),
            ("https://", NotAUrl),
            ("data:application/json,{}", NotAUrl),
            ("https://999.1.1.1/", NotAUrl),
            ("http://example.com/", Scheme),
            ("http://localhost/", Scheme),
            ("http://127.0.0.1:8080/", Scheme),
            ("ftp://example.com/", Scheme),
            ("file://example.com/etc/passwd", Scheme),
            ("https://user@example.com/", UserInfo),
            ("https://user:secret@example.com/", UserInfo),
            ("https://example.com:0/", Port),
            ("https://localhost/", Address),
            ("https://a.localhost:8443/", Address),
            ("https://127.0.0.1/", Address),
            ("https://127.1/", Address),
            ("https://0x7f000001/", Address),
            ("https://2130706433/", Address),
            ("https://0177.0.0.1/", Address),
            ("https://10.0.0.1/", Private),
            ("https://169.254.169.254/latest/meta-data/", Address),
            ("https://[::1]/", Address),
            ("https://[::ffff:169.254.169.254]/", Address),
            ("https://[64:ff9b::a9fe:a9fe]/", Address),
            ("https://[fd00:ec2::254]/", Address),
        ] {
            assert_eq!(fence(false).admit(url).map(|it| it.url), Err(why), "{url}");
        }
    }

    #[test]
    fn plain_http_and_loopback_are_allowed_together_and_for_loopback_only() {
        for url in [
            "http://localhost:3000/a",
            "http://a.localhost:3000/",
            "http://127.0.0.1:3000/",
            "http://[::1]:3000/",
            "https://127.0.0.1:3000/",
            "https://localhost:3000/",
        ] {
            let admitted = fence(true).admit(url).unwrap();
            assert_eq!(admitted.reach(), Reach::PublicAndLoopback, "{url}");
        }
        for (url, why) in [
            ("http://example.com/", Forbidden::Scheme),
            ("http://localhost.example.com/", Forbidden::Scheme),
            ("http://10.0.0.1/", Forbidden::Scheme),
            ("https://10.0.0.1/", Forbidden::Private),
            ("https://169.254.169.254/", Forbidden::Address),
        ] {
            assert_eq!(fence(true).admit(url).map(|it| it.url), Err(why), "{url}");
        }
    }

    #[test]
    fn a_named_http_issuer_opens_its_discovery_document_and_its_own_host_and_port() {
        for allow_loopback in [false, true] {
            let fence = fence(allow_loopback);
            for url in [
                "http://keycloak:8080/realms/a/.well-known/openid-configuration",
                "http://10.0.0.9:8080/.well-known/openid-configuration",
            ] {
                let admitted = fence.admit(url).unwrap();
                assert!(admitted.fenced.opened.is_some(), "{url}");
                assert_ne!(admitted.reach(), Reach::Anywhere);
            }
            for url in [
                "http://keycloak:8080/realms/b/.well-known/openid-configuration",
                "http://keycloak:8080/realms/a",
                "http://keycloak:8081/realms/a/.well-known/openid-configuration",
                "http://other:8080/realms/a/.well-known/openid-configuration",
                "http://10.0.0.9/.well-known/openid-configuration",
                "http://169.254.169.254/.well-known/openid-configuration",
            ] {
                assert_eq!(
                    fence.admit(url).map(|it| it.url),
                    Err(Forbidden::Scheme),
                    "{url}"
                );
            }
            assert!(
                fence
                    .admit_linked("http://keycloak:8080/certs", false)
                    .is_ok()
            );
            for url in ["http://keycloak:8081/certs", "http://10.0.0.10:8080/keys"] {
                let refused = fence.admit_linked(url, true).map(|it| it.url);
                assert_eq!(refused, Err(Forbidden::Scheme), "{url}");
            }
            // Its name doesn't open the host for https.
            let https = fence.admit_linked("https://10.0.0.9:8080/keys", true);
            assert_eq!(https.map(|it| it.url), Err(Forbidden::Private));
        }
    }

    #[test]
    fn a_host_with_an_upstream_is_fetched_from_there() {
        for (url, from) in [
            (
                "https://login.example/.well-known/jwks.json?a=b",
                "http://10.0.0.7:8080/double/.well-known/jwks.json?a=b",
            ),
            ("https://login.example", "http://10.0.0.7:8080/double/"),
            (
                "https://other.example:8443/keys",
                "https://mirror.internal/keys",
            ),
        ] {
            let admitted = fence(false).admit(url).unwrap();
            assert_eq!(admitted.url.as_str(), from);
            assert_eq!(admitted.reach(), Reach::Anywhere);
        }
    }

    #[test]
    fn what_the_operator_named_may_be_private_but_not_plain() {
        for (url, from) in [
            ("https://10.0.0.1:7480/sts", "https://10.0.0.1:7480/sts"),
            ("https://rgw.internal/", "https://rgw.internal/"),
            ("https://login.example/", "http://10.0.0.7:8080/double/"),
        ] {
            let admitted = fence(false).admit_operators(url).unwrap();
            assert_eq!(admitted.as_str(), from);
        }
        for (url, why) in [
            ("http://10.0.0.1/", Forbidden::Scheme),
            ("http://127.0.0.1/", Forbidden::Scheme),
            ("https://user@rgw.internal/", Forbidden::UserInfo),
            ("https://rgw.internal:0/", Forbidden::Port),
            ("rgw.internal", Forbidden::NotAUrl),
        ] {
            assert_eq!(fence(false).admit_operators(url), Err(why), "{url}");
        }
        assert!(
            fence(true)
                .admit_operators("http://127.0.0.1:7480/")
                .is_ok()
        );
        let far = fence(true).admit_operators("http://10.0.0.1/");
        assert_eq!(far, Err(Forbidden::Scheme));
    }

    #[test]
    fn an_upstream_is_for_its_host_to_the_byte_and_for_https() {
        for url in [
            "https://login.example:8443/",
            "https://other.example/",
            "https://a.login.example/",
        ] {
            assert_eq!(fence(false).admit(url).unwrap().url.as_str(), url);
        }
        assert_eq!(
            fence(false).admit("http://login.example/").map(|it| it.url),
            Err(Forbidden::Scheme)
        );
    }
}
