//! An issuer's key set, and what its keys make of a token.
#![no_main]

use cognate::logins::id_token::jws::{self, Jws};
use cognate::logins::jwks::{JWS_ALGORITHMS, JwkSet};
use cognate_fuzz::token;

cognate_fuzz::target!(init: cognate::cli::install_crypto(), |bytes: &[u8]| {
    let Ok(keys) = JwkSet::parse(bytes) else { return };
    for algorithm in ["RS256", "PS512", "ES256", "ES384", "EdDSA"] {
        for kid in ["", r#","kid":"one""#] {
            let header = format!("{{\"alg\":\"{algorithm}\"{kid}}}\n{{}}\n");
            let text = token(&[header.as_bytes(), &[7; 64]].concat(), None);
            let jws = Jws::parse(&text).expect("a JWS");
            assert!(jws::verify(&jws, &keys, JWS_ALGORITHMS).is_err(), "nobody signed it");
        }
    }
});
