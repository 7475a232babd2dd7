//! An issuer's discovery document: it leads to keys only if it is the issuer's own.
#![no_main]

use cognate::logins::jwks::jwks_uri;
use cognate::model::json;

const ISSUER: &str = "https://issuer.example";

cognate_fuzz::target!(|bytes: &[u8]| {
    if let Ok(url) = jwks_uri(bytes, ISSUER) {
        let document = json::read(bytes).expect("strict JSON");
        assert_eq!(document["issuer"], ISSUER);
        assert_eq!(document["jwks_uri"], url.as_str());
    }
});
