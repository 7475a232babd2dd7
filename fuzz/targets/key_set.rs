//! An issuer's key set, and what its keys make of a token.
#![no_main]

use cognate::logins::id_token::jws::{self, Jws};
use cognate::logins::jwks::JwkSet;
use cognate::logins::jwks::JwsAlgorithm;
use cognate_fuzz::token;
use libfuzzer_sys::fuzz_target;

const ALGORITHMS: [JwsAlgorithm; 10] = [
    JwsAlgorithm::RS256,
    JwsAlgorithm::RS384,
    JwsAlgorithm::RS512,
    JwsAlgorithm::PS256,
    JwsAlgorithm::PS384,
    JwsAlgorithm::PS512,
    JwsAlgorithm::ES256,
    JwsAlgorithm::ES384,
    JwsAlgorithm::ES512,
    JwsAlgorithm::EdDSA,
];

fuzz_target!(init: cognate::cli::install_crypto(), |bytes: &[u8]| {
    let Ok(keys) = JwkSet::parse(bytes) else { return };
    for algorithm in ["RS256", "PS512", "ES256", "ES384", "EdDSA"] {
        for kid in ["", r#","kid":"one""#] {
            let header = format!("{{\"alg\":\"{algorithm}\"{kid}}}\n{{}}\n");
            let text = token(&[header.as_bytes(), &[7; 64]].concat(), None);
            let jws = Jws::parse(&text).expect("a JWS");
            assert!(jws::verify(&jws, &keys, &ALGORITHMS).is_err(), "nobody signed it");
        }
    }
});
