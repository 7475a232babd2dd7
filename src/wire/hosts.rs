//! The hosts that a loopback listener answers. A page of another site can make its own name resolve to a loopback address
//! (DNS rebinding), and then reads what the server answers to that name.

use std::net::{IpAddr, Ipv4Addr};

use axum::response::Response;
use http::uri::Authority;
use http::{HeaderMap, StatusCode, Uri, header};
use serde_json::json;
use url::{Host, Url};

use super::respond;
use crate::model::issuer::is_loopback;

const REFUSAL: &str = "This server listens on a loopback address, so it answers only requests for localhost, a loopback address, \
     or the host of its public URL. If clients use another name, set public_url to the URL that they use.";

/// The hosts that are answered: the public URL's, and loopback hosts where the listener has a loopback address.
pub(super) struct AllowedHosts {
    public: Option<Host>,
    loopback: bool,
}

impl AllowedHosts {
    /// The hosts of a listener on `address`; `None`, which allows every host, if that isn't a loopback address.
    pub(super) fn of_listener(address: IpAddr, public_url: &str) -> Option<Self> {
        let hosts = Self::of_credentials(address, public_url);
        hosts.loopback.then_some(hosts)
    }

    /// The hosts for which a listener on `address` gives container credentials.
    pub(super) fn of_credentials(address: IpAddr, public_url: &str) -> Self {
        let public = Url::parse(public_url).ok();
        Self {
            public: public.and_then(|url| url.host().map(|host| host.to_owned())),
            loopback: address.to_canonical().is_loopback(),
        }
    }

    /// As [`AllowedHosts::allow`], for a request that must name a host.
    pub(super) fn allow_one(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        let is_named = uri.authority().is_some() || headers.contains_key(header::HOST);
        is_named && self.allow(uri, headers)
    }

    /// Whether a request is for an allowed host. All hosts that it names must be allowed. A request of HTTP/1.0 may name
    /// none, because browsers always do.
    pub(super) fn allow(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        let of_headers = headers.get_all(header::HOST).iter();
        let of_headers = of_headers.map(|value| value.to_str().ok());
        let of_uri = uri.authority().map(|authority| Some(authority.as_str()));
        of_headers
            .chain(of_uri)
            .all(|name| name.is_some_and(|name| self.allows(name)))
    }

    fn allows(&self, authority: &str) -> bool {
        let Ok(authority) = authority.parse::<Authority>() else {
            return false;
        };
        if authority.as_str().contains('@') {
            return false;
        }
        // The names that nearly all requests have need none of the URL standard's steps.
        let host = authority.host();
        let is_usual = host == "localhost"
            || host
                .parse()
                .is_ok_and(|address: Ipv4Addr| address.is_loopback());
        if self.loopback && is_usual {
            return true;
        }
        Host::parse(host).is_ok_and(|host| {
            self.public.as_ref() == Some(&host) || self.loopback && is_loopback(&host)
        })
    }

    /// The answer for other hosts, which doesn't repeat the client's text.
    pub(super) fn refusal() -> Response {
        let name = "MisdirectedRequest";
        let body = json!({
            "__type": name, "code": name, "message": REFUSAL, "Code": name, "Message": REFUSAL,
        });
        let mut response = respond::plain(StatusCode::MISDIRECTED_REQUEST, body.to_string());
        let json = header::HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(host: &str) -> bool {
        let hosts = AllowedHosts::of_listener([127, 0, 0, 1].into(), "https://id.example.com/x");
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        hosts.unwrap().allow(&Uri::from_static("/"), &headers)
    }

    #[test]
    fn a_loopback_listener_answers_loopback_hosts_and_the_public_host() {
        for host in [
            "localhost",
            "LOCALHOST:2646",
            "a.localhost:1",
            "127.0.0.1:2646",
            "127.1.2.3",
            "[::1]:2646",
            "id.example.com",
            "ID.example.com:443",
        ] {
            assert!(allowed(host), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:2646",
            "localhost.evil.example",
            "127.0.0.1.nip.io",
            "10.0.0.1",
            "[::2]",
            "0.0.0.0",
            "x.id.example.com",
            "localhost@evil.example",
            "evil.example@localhost",
            "",
            "localhost evil",
        ] {
            assert!(!allowed(host), "{host}");
        }
    }

    #[test]
    fn every_host_of_a_request_must_be_allowed() {
        let hosts = AllowedHosts::of_listener([127, 0, 0, 1].into(), "http://127.0.0.1:1").unwrap();
        let mut headers = HeaderMap::new();
        let uri = Uri::from_static("http://evil.example/");
        assert!(!hosts.allow(&uri, &headers));
        headers.append(header::HOST, "localhost".parse().unwrap());
        assert!(!hosts.allow(&uri, &headers));
        assert!(hosts.allow(&Uri::from_static("/"), &headers));
        headers.append(header::HOST, "evil.example".parse().unwrap());
        assert!(!hosts.allow(&Uri::from_static("/"), &headers));
    }

    #[test]
    fn another_listener_answers_every_host() {
        assert!(AllowedHosts::of_listener([0, 0, 0, 0].into(), "http://127.0.0.1:1").is_none());
    }
}
