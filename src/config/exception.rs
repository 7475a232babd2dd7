//! The named exceptions: what is refused on any but a loopback address, unless the configuration file, which an attacker
//! of the environment can't write, says otherwise.

use std::fmt;

use super::settings::{
    Setting, UNSAFE_HTTP_ISSUERS, UNSAFE_HTTP_LISTENER, UNSAFE_HTTP_PUBLIC_URL, UNSAFE_UPSTREAMS,
};

/// Something unsafe that the configuration file asks for by name. Its `Display` is the sentence to say at every start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exception {
    /// The listener speaks plain HTTP.
    HttpListener,
    /// The public URL begins with `http://`.
    HttpPublicUrl,
    /// Keys of providers are fetched from elsewhere.
    Upstreams,
    /// Issuers on this machine may be reached without TLS.
    HttpIssuers,
}

impl Exception {
    /// All of them.
    pub(super) const ALL: [Self; 4] = [
        Self::HttpListener,
        Self::HttpPublicUrl,
        Self::Upstreams,
        Self::HttpIssuers,
    ];

    /// Its key in the configuration file.
    pub const fn key(self) -> &'static str {
        self.setting().key
    }

    pub(super) const fn setting(self) -> Setting {
        match self {
            Self::HttpListener => UNSAFE_HTTP_LISTENER,
            Self::HttpPublicUrl => UNSAFE_HTTP_PUBLIC_URL,
            Self::Upstreams => UNSAFE_UPSTREAMS,
            Self::HttpIssuers => UNSAFE_HTTP_ISSUERS,
        }
    }
}

impl fmt::Display for Exception {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self {
            Self::HttpListener => {
                "the listener speaks plain HTTP: logins and credentials can be read on the way, unless a proxy in front \
                 speaks TLS"
            }
            Self::HttpPublicUrl => {
                "the public URL is http: whoever checks this server's tokens can be given other keys on the way"
            }
            Self::Upstreams => {
                "providers are reached through upstreams: whoever runs an upstream can sign in as anybody"
            }
            Self::HttpIssuers => {
                "http issuers on this machine are accepted: whoever has a port here can sign in as anybody"
            }
        };
        write!(formatter, "{} is set: {what}", self.key())
    }
}
