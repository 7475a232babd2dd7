use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::logins::fake::{TestKey, key_set_document};

/// Whether a set of `jwk` alone has a key that may vouch.
fn vouches(jwk: &Value) -> bool {
    let document = json!({ "keys": [jwk] }).to_string();
    let set = JwkSet::parse(document.as_bytes()).unwrap();
    set.keys().count() == 1
}

/// `jwk` with `more` written into it; a null takes a member away.
fn with(mut jwk: Value, more: &Value) -> Value {
    for (name, value) in more.as_object().unwrap() {
        jwk[name] = value.clone();
    }
    jwk.as_object_mut()
        .unwrap()
        .retain(|_, value| !value.is_null());
    jwk
}

/// An RSA key with a modulus of `bits` ones, and this exponent.
fn rsa_of(bits: usize, exponent: &[u8]) -> Value {
    let mut modulus = vec![0xff; bits.div_ceil(8)];
    modulus[0] >>= modulus.len() * 8 - bits;
    let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    json!({ "kty": "RSA", "n": text(&modulus), "e": text(exponent) })
}

#[test]
fn public_keys_for_signatures_may_vouch() {
    let (rsa, ec, ed) = (TestKey::rsa("a"), TestKey::p384("b"), TestKey::edwards("c"));
    for jwk in [
        rsa.jwk(),
        TestKey::p256("a").jwk(),
        ec.jwk(),
        TestKey::p521("b").jwk(),
        with(TestKey::p521("b").jwk(), &json!({ "alg": "ES512" })),
        ed.jwk(),
        with(rsa.jwk(), &json!({ "kid": null })),
        with(rsa.jwk(), &json!({ "use": "sig" })),
        with(rsa.jwk(), &json!({ "key_ops": ["sign", "verify"] })),
        with(
            rsa.jwk(),
            &json!({ "alg": "PS512", "x5c": ["MIIB"], "x5t": "a", "issuer": 1 }),
        ),
        with(ec.jwk(), &json!({ "alg": "ES384" })),
        with(ed.jwk(), &json!({ "alg": "EdDSA" })),
    ] {
        assert!(vouches(&jwk), "{jwk}");
    }
}

#[test]
fn other_keys_may_not() {
    let (rsa, ec, ed) = (TestKey::rsa("a"), TestKey::p256("b"), TestKey::edwards("c"));
    let p384 = TestKey::p384("d");
    for jwk in [
        json!({}),
        json!({ "kty": "oct", "k": "AAAA", "alg": "HS256" }),
        json!({ "kty": "oct", "alg": "HS256" }),
        with(rsa.jwk(), &json!({ "kty": "EC" })),
        with(rsa.jwk(), &json!({ "kty": "rsa" })),
        with(rsa.jwk(), &json!({ "kty": null })),
        with(rsa.jwk(), &json!({ "kty": 1 })),
        with(rsa.jwk(), &json!({ "kid": 1 })),
        with(rsa.jwk(), &json!({ "use": "enc" })),
        with(rsa.jwk(), &json!({ "use": ["sig"] })),
        with(rsa.jwk(), &json!({ "key_ops": ["sign"] })),
        with(rsa.jwk(), &json!({ "key_ops": [] })),
        with(rsa.jwk(), &json!({ "key_ops": "verify" })),
        with(rsa.jwk(), &json!({ "alg": "ES256" })),
        with(rsa.jwk(), &json!({ "alg": "HS256" })),
        with(rsa.jwk(), &json!({ "alg": "RSA-OAEP" })),
        with(rsa.jwk(), &json!({ "alg": "none" })),
        with(rsa.jwk(), &json!({ "alg": 1 })),
        with(rsa.jwk(), &json!({ "n": null })),
        with(rsa.jwk(), &json!({ "n": "" })),
        with(rsa.jwk(), &json!({ "n": "AAAA" })),
        with(rsa.jwk(), &json!({ "n": "not base64!" })),
        with(rsa.jwk(), &json!({ "e": null })),
        with(ec.jwk(), &json!({ "crv": "P-384" })),
        with(ec.jwk(), &json!({ "crv": "P-521" })),
        with(ec.jwk(), &json!({ "crv": "secp256k1" })),
        with(ec.jwk(), &json!({ "crv": null })),
        with(ec.jwk(), &json!({ "alg": "ES384" })),
        with(ec.jwk(), &json!({ "x": p384.jwk()["x"] })),
        with(ec.jwk(), &json!({ "y": ec.jwk()["x"] })), // a point that is not on the curve
        with(ec.jwk(), &json!({ "y": null })),
        with(ed.jwk(), &json!({ "crv": "Ed448" })),
        with(ed.jwk(), &json!({ "crv": "X25519" })),
        with(ed.jwk(), &json!({ "x": "AAAA" })),
        with(ed.jwk(), &json!({ "alg": "ES256" })),
    ] {
        assert!(!vouches(&jwk), "{jwk}");
    }
}

#[test]
fn a_key_with_private_parts_may_not() {
    let rsa = TestKey::rsa("a").jwk();
    for member in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        assert!(
            !vouches(&with(rsa.clone(), &json!({ (member): "AQAB" }))),
            "{member}"
        );
    }
}

#[test]
fn the_modulus_and_the_exponent_have_bounds() {
    const F4: &[u8] = &[1, 0, 1];
    for (bits, good) in [
        (1024, false),
        (2047, false),
        (2048, true),
        (3072, true),
        (8192, true),
        (8193, false),
        (16384, false),
    ] {
        assert_eq!(vouches(&rsa_of(bits, F4)), good, "{bits} bits");
    }
    for (exponent, good) in [
        (&[][..], false),
        (&[0], false),
        (&[1], false),
        (&[2], false),
        (&[3], true),
        (&[4], false),
        (&[0, 1, 0, 1], true),
        (&[1, 0, 0], false),
        (&[0xff, 0xff, 0xff, 0xff], true),
        (&[1, 0, 0, 0, 0], false),
        (&[1, 0, 0, 0, 1], false),
        (&[0xff; 256], false),
    ] {
        assert_eq!(vouches(&rsa_of(2048, exponent)), good, "{exponent:?}");
    }
}

#[test]
fn an_even_modulus_may_not() {
    let mut modulus = vec![0xff; 256];
    modulus[255] = 0xfe;
    let n = URL_SAFE_NO_PAD.encode(modulus);
    assert!(!vouches(&json!({ "kty": "RSA", "n": n, "e": "AQAB" })));
}

/// As Cognito itself writes it: `AJ…`.
#[test]
fn a_leading_zero_of_the_modulus_is_forgiven() {
    let jwk = TestKey::rsa("a").jwk();
    let mut modulus = vec![0];
    modulus.extend(URL_SAFE_NO_PAD.decode(jwk["n"].as_str().unwrap()).unwrap());
    let n = URL_SAFE_NO_PAD.encode(modulus);
    assert!(vouches(&with(jwk, &json!({ "n": n }))));
}

#[test]
fn a_key_that_may_not_vouch_leaves_the_others_alone() {
    let keys = [TestKey::rsa("a"), TestKey::p256("b"), TestKey::edwards("c")];
    let mut document = key_set_document(&keys);
    document["keys"][1]["use"] = json!("enc");
    let set = JwkSet::parse(document.to_string().as_bytes()).unwrap();
    let ids: Vec<_> = set.keys().map(VerificationKey::id).collect();
    assert_eq!(ids, [Some("a"), Some("c")]);
    assert!(set.rejects("b") && set.has("b") && set.has("a"));
    assert!(!set.rejects("a") && !set.has("d"));
}

#[test]
fn a_set_has_at_most_a_hundred_keys() {
    let key = TestKey::edwards("a");
    let of = |count| key_set_document(std::iter::repeat_n(&key, count)).to_string();
    assert_eq!(
        JwkSet::parse(of(100).as_bytes()).unwrap().keys().count(),
        100
    );
    let refused = JwkSet::parse(of(101).as_bytes());
    assert!(matches!(refused, Err(JwkSetError::TooMany)));
    assert_eq!(JwkSet::parse(of(0).as_bytes()).unwrap().keys().count(), 0);
}

#[test]
fn a_document_that_is_no_set_is_refused() {
    for text in [
        "",
        "<html>",
        "{",
        "[]",
        "{}",
        "null",
        r#"{"keys":{}}"#,
        r#"{"keys":null}"#,
        r#"{"keys":["a"]}"#,
        r#"{"keys":[{},[]]}"#,
        r#"{"keys":[],"keys":[]}"#,
        r#"{"keys":[{"kid":"a","kid":"b"}]}"#,
        r#"{"keys":[]} {}"#,
    ] {
        assert!(JwkSet::parse(text.as_bytes()).is_err(), "{text}");
    }
}

fn member() -> impl Strategy<Value = Value> {
    let name = prop::sample::select(vec![
        "kty", "crv", "alg", "use", "key_ops", "kid", "n", "e", "x", "y", "d",
    ]);
    let text = prop::sample::select(vec![
        "RSA", "EC", "OKP", "P-256", "P-384", "Ed25519", "RS256", "sig", "verify", "AQAB", "", "_",
    ]);
    let value = prop_oneof![
        text.prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        any::<Vec<u8>>().prop_map(|bytes| Value::from(URL_SAFE_NO_PAD.encode(bytes))),
        any::<i64>().prop_map(Value::from),
        Just(Value::Null),
        Just(json!(["verify"])),
    ];
    prop::collection::vec((name, value), 0..8).prop_map(|members| {
        let members = members
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value));
        Value::Object(members.collect())
    })
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes: Vec<u8>) {
        let _ = JwkSet::parse(&bytes);
    }

    #[test]
    fn no_members_of_a_key_make_the_reader_panic(keys in prop::collection::vec(member(), 0..4)) {
        let _ = JwkSet::parse(json!({ "keys": keys }).to_string().as_bytes());
    }
}
