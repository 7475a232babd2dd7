//! A session token. The first letter says how it comes: `r` as it stands, `b` as the bytes that it encodes, `k` as what is
//! behind the right version and key id, `s` as what is inside its box. Only what was sealed opens.
#![no_main]

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cognate::ambient::Real;
use cognate::credentials::{SealingKeys, SessionTokens};
use cognate::seal::SealKey;

const KEY_ID: [u8; 8] = *b"\x01keyid!!";
const ACCESS_KEY_ID: &str = "ASIAIOSFODNN7EXAMPLE";

cognate_fuzz::target!(|bytes: &[u8]| {
    let key = || SealKey::new([7; 32]);
    let keys = SealingKeys::new(vec![(KEY_ID, key())]).expect("a key");
    let credentials = SessionTokens::new(keys);
    let Some((how, rest)) = bytes.split_first() else {
        return;
    };
    let behind = |sealed: &[u8]| URL_SAFE_NO_PAD.encode([&[2], &KEY_ID[..], sealed].concat());
    let text = match how {
        b'r' => String::from_utf8_lossy(rest).into_owned(),
        b'b' => URL_SAFE_NO_PAD.encode(rest),
        b'k' => behind(rest),
        b's' => behind(&key().seal("session token 2", ACCESS_KEY_ID, rest, &Real)),
        _ => return,
    };
    if let Some((session, secret)) = credentials.open(ACCESS_KEY_ID, &text) {
        assert_eq!(*how, b's', "nobody else has the key");
        assert_eq!(secret.len(), 40);
        let text = serde_json::to_string(&session).expect("a session is written");
        let again = cognate::model::json::read_as(text.as_bytes()).expect("and read");
        assert_eq!(session, again);
    }
    assert!(credentials.open("ASIAIOSFODNN8EXAMPLE", &text).is_none());
});
