//! A token that may claim to be this server's own. The first letter says how it comes: `r` as it stands, `p` in three
//! lines. None that is made up is believed.
#![no_main]

use cognate::tokens::unverified_issuer;
use cognate_fuzz::{now, runtime, server, token};

cognate_fuzz::target!(init: {
    server();
}, |bytes: &[u8]| {
    let Some((how, rest)) = bytes.split_first() else { return };
    let text = match how {
        b'r' => String::from_utf8_lossy(rest).into_owned(),
        b'p' => token(rest, None),
        _ => return,
    };
    let tokens = &server().app.tokens;
    assert!(runtime().block_on(tokens.verify(&text, now())).is_err());
    let claims = tokens.claims_to_be_own(&text);
    if let Some(issuer) = unverified_issuer(&text) {
        let own = [tokens.issuer(), "https://cognito-identity.amazonaws.com"];
        assert_eq!(claims, own.contains(&issuer.as_str()));
    }
});
