//! An issuer's URL: what may be registered has one spelling.
#![no_main]

use cognate::model::issuer::{HttpIssuers, IssuerUrl};
use url::Url;

/// Hosts whose names mean providers of other kinds.
const RESERVED: [&str; 5] = [
    "graph.facebook.com",
    "www.amazon.com",
    "api.twitter.com",
    "www.digits.com",
    "cognito-identity.amazonaws.com",
];

cognate_fuzz::target!(|text: &str| {
    for http in [false, true] {
        let accepted = HttpIssuers {
            on_loopback: http,
            named: &[],
        };
        let Ok(issuer) = IssuerUrl::parse(text, accepted, "https://id.example.com") else {
            continue;
        };
        assert_eq!(issuer.url(), text);
        assert!(text.is_ascii());
        let parsed = Url::parse(text).expect("a URL");
        let written = parsed.as_str();
        let whole = written == text || written.strip_suffix('/') == Some(text);
        assert!(whole, "{text} is written {written}");
        assert!(parsed.query().is_none() && parsed.fragment().is_none());
        assert!(parsed.username().is_empty() && parsed.password().is_none());
        assert!(parsed.scheme() == "https" || http);
        assert!(issuer.is_second_form_of(issuer.name()));
        assert!(!RESERVED.contains(&parsed.host_str().expect("a host")));
    }
});
