//! The web origins that the test issuer serves: loopback origins, and those that the configuration names.

use url::{Origin, Url};

use crate::model::issuer::url_is_loopback;

/// The origins that are named, and the issuer's own.
#[derive(Debug)]
pub(super) struct AllowedOrigins {
    named: Vec<Origin>,
    own: Option<Origin>,
}

impl AllowedOrigins {
    pub(super) fn new(public_url: &str, named: &[String]) -> Self {
        let origin = |text: &str| Url::parse(text).ok().map(|url| url.origin());
        Self {
            named: named.iter().filter_map(|text| origin(text)).collect(),
            own: origin(public_url),
        }
    }

    /// Whether pages of `origin` are served, which is written as browsers write it.
    pub(super) fn allow(&self, origin: &str) -> bool {
        Url::parse(origin)
            .is_ok_and(|url| url.origin().ascii_serialization() == origin && self.allow_url(&url))
    }

    /// Whether `origin` is the public URL's.
    pub(super) fn is_own(&self, origin: &str) -> bool {
        let own = self.own.as_ref().map(Origin::ascii_serialization);
        own.is_some_and(|own| own == origin)
    }

    /// Whether a browser may be sent to `url`, which has neither a user name nor a fragment.
    pub(super) fn allow_redirect(&self, url: &str) -> bool {
        Url::parse(url).is_ok_and(|url| {
            url.username().is_empty()
                && url.password().is_none()
                && url.fragment().is_none()
                && self.allow_url(&url)
        })
    }

    fn allow_url(&self, url: &Url) -> bool {
        matches!(url.scheme(), "http" | "https")
            && (url_is_loopback(url) || self.named.contains(&url.origin()))
    }
}
