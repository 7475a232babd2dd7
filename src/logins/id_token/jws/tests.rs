use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::logins::fake::{TestKey, key_set, key_set_document, outgoing};
use crate::logins::jwks::JWS_ALGORITHMS;

fn checked(token: &str, keys: &JwkSet) -> Result<(), JwsError> {
    verify(&Jws::parse(token).unwrap(), keys, JWS_ALGORITHMS)
}

/// The set of `key` with `more` written into it.
fn set_with(key: &TestKey, more: &Value) -> JwkSet {
    let mut document = key_set_document([key]);
    for (name, value) in more.as_object().unwrap() {
        document["keys"][0][name] = value.clone();
    }
    JwkSet::parse(document.to_string().as_bytes()).unwrap()
}

#[test]
fn every_algorithm_of_the_list_is_taken() {
    let rsa = TestKey::rsa("rsa");
    for name in ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"] {
        let token = rsa.token_with(&json!({ "alg": name }), &json!({}));
        assert_eq!(checked(&token, &key_set([&rsa])), Ok(()), "{name}");
    }
    for key in [
        TestKey::p256("a"),
        TestKey::p384("b"),
        TestKey::p521("c"),
        TestKey::edwards("c"),
    ] {
        let token = key.token(&json!({}));
        assert_eq!(
            checked(&token, &key_set([&key])),
            Ok(()),
            "{}",
            key.algorithm()
        );
    }
}

#[test]
fn what_a_verification_costs_depends_on_the_curve_and_on_the_keys_to_try() {
    let cost_of = |token: &str, keys: &[&TestKey]| {
        let jws = Jws::parse(token).unwrap();
        cost(&jws, &key_set(keys.iter().copied()), JWS_ALGORITHMS)
    };
    for (key, expected) in [
        (TestKey::rsa("a"), VerificationCost::Low),
        (TestKey::p256("a"), VerificationCost::Low),
        (TestKey::edwards("a"), VerificationCost::Low),
        (TestKey::p384("a"), VerificationCost::Middle),
        (TestKey::p521("a"), VerificationCost::Middle),
    ] {
        assert_eq!(cost_of(&key.token(&json!({})), &[&key]), expected);
    }
    let (one, other) = (TestKey::rsa("a").nameless(), TestKey::rsa("b").nameless());
    let token = one.token(&json!({}));
    assert_eq!(cost_of(&token, &[&one]), VerificationCost::Low);
    assert_eq!(cost_of(&token, &[&one, &other]), VerificationCost::High);
    // The signature of a key of 8,192 bits.
    let (message, _) = token.rsplit_once('.').unwrap();
    let large = format!("{message}.{}", URL_SAFE_NO_PAD.encode([1; 1024]));
    assert_eq!(cost_of(&large, &[&one]), VerificationCost::High);
}

#[test]
fn an_algorithm_outside_the_list_is_refused() {
    let key = TestKey::rsa("a");
    for name in [
        json!("none"),
        json!("None"),
        json!("HS256"),
        json!("HS384"),
        json!("HS512"),
        json!("ES512"),
        json!("ES256K"),
        json!("Ed25519"),
        json!("rs256"),
        json!("RS256 "),
        json!("RSA-OAEP"),
        json!(""),
        json!(["RS256"]),
        json!(256),
        json!(null),
    ] {
        let token = key.token_with(&json!({ "alg": name }), &json!({}));
        let refused = checked(&token, &key_set([&key]));
        assert_eq!(refused, Err(JwsError::Algorithm), "{name}");
    }
    let token = key.token(&json!({}));
    let only = verify(
        &Jws::parse(&token).unwrap(),
        &key_set([&key]),
        &[JwsAlgorithm::ES256],
    );
    assert_eq!(only, Err(JwsError::Algorithm));
}

#[test]
fn an_unsigned_token_is_refused() {
    let key = TestKey::rsa("a");
    let token = key.token_with(&json!({ "alg": "none" }), &json!({}));
    let (signed, _) = token.rsplit_once('.').unwrap();
    let unsigned = format!("{signed}.");
    assert_eq!(
        checked(&unsigned, &key_set([&key])),
        Err(JwsError::Algorithm)
    );
    let token = key.token(&json!({}));
    let (signed, _) = token.rsplit_once('.').unwrap();
    let unsigned = format!("{signed}.");
    assert_eq!(
        checked(&unsigned, &key_set([&key])),
        Err(JwsError::Signature)
    );
}

#[test]
fn the_algorithm_is_the_keys() {
    let rsa = TestKey::rsa("a");
    let only = set_with(&rsa, &json!({ "alg": "RS256" }));
    assert_eq!(checked(&rsa.token(&json!({})), &only), Ok(()));
    for name in ["RS384", "RS512", "PS256"] {
        let token = rsa.token_with(&json!({ "alg": name }), &json!({}));
        assert_eq!(checked(&token, &only), Err(JwsError::Algorithm), "{name}");
    }
    let p256 = TestKey::p256("a");
    for name in ["ES384", "EdDSA", "RS256"] {
        let token = p256.token_with(&json!({ "alg": name }), &json!({}));
        let refused = checked(&token, &key_set([&p256]));
        assert_eq!(refused, Err(JwsError::Algorithm), "{name}");
    }
}

#[test]
fn a_header_that_must_be_understood_is_refused() {
    let key = TestKey::rsa("a");
    for more in [
        json!({ "crit": ["exp"] }),
        json!({ "crit": ["b64"], "b64": false }),
        json!({ "crit": [] }),
        json!({ "crit": "exp" }),
        json!({ "b64": false }),
        json!({ "b64": true }),
    ] {
        let token = key.token_with(&more, &json!({}));
        let refused = checked(&token, &key_set([&key]));
        assert_eq!(refused, Err(JwsError::Extension), "{more}");
    }
}

#[test]
fn a_token_brings_no_key_of_its_own() {
    let key = TestKey::p256("a");
    let thief = TestKey::p256("a");
    for more in [
        json!({ "jwk": thief.jwk() }),
        json!({ "jku": "https://thief.example/keys" }),
        json!({ "x5u": "https://thief.example/certificate" }),
        json!({ "x5c": ["MIIB"] }),
    ] {
        let set = key_set([&key]);
        let stolen = thief.token_with(&more, &json!({}));
        assert_eq!(checked(&stolen, &set), Err(JwsError::Signature), "{more}");
        let own = key.token_with(&more, &json!({}));
        assert_eq!(checked(&own, &set), Ok(()), "{more}");
    }
}

#[test]
fn what_was_changed_after_signing_is_refused() {
    let key = TestKey::edwards("a");
    let set = key_set([&key]);
    let one = key.token(&json!({ "sub": "one" }));
    let two = key.token(&json!({ "sub": "two" }));
    let (one, two): (Vec<_>, Vec<_>) = (one.split('.').collect(), two.split('.').collect());
    let other = key.token_with(&json!({ "typ": "JWS" }), &json!({}));
    let (header, _) = other.split_once('.').unwrap();
    for token in [
        [one[0], two[1], one[2]],
        [one[0], one[1], two[2]],
        [header, one[1], one[2]],
    ] {
        assert_eq!(checked(&token.join("."), &set), Err(JwsError::Signature));
    }
    assert_eq!(checked(&one.join("."), &set), Ok(()));
}

#[test]
fn a_key_is_found_by_its_id_to_the_byte() {
    let keys = [
        TestKey::edwards("a"),
        TestKey::edwards("A"),
        TestKey::edwards(""),
    ];
    let set = key_set(&keys);
    for key in &keys {
        assert_eq!(checked(&key.token(&json!({})), &set), Ok(()));
    }
    let stranger = TestKey::edwards("a ").token(&json!({}));
    assert_eq!(checked(&stranger, &set), Err(JwsError::UnknownKey));
    let wrong = keys[0].token_with(&json!({ "kid": "A" }), &json!({}));
    assert_eq!(checked(&wrong, &set), Err(JwsError::Signature));
    for kid in [json!(1), json!(["a"])] {
        let token = keys[0].token_with(&json!({ "kid": kid }), &json!({}));
        assert_eq!(checked(&token, &set), Err(JwsError::KeyId));
    }
}

#[test]
fn a_key_that_is_left_out_vouches_for_nothing() {
    let key = TestKey::rsa("a");
    for more in [
        json!({ "use": "enc" }),
        json!({ "key_ops": ["encrypt"] }),
        json!({ "d": "AQAB" }),
        json!({ "alg": "RSA-OAEP" }),
        json!({ "e": "AQ" }),
    ] {
        let refused = checked(&key.token(&json!({})), &set_with(&key, &more));
        assert_eq!(refused, Err(JwsError::UnfitKey), "{more}");
    }
}

#[test]
fn an_id_that_several_keys_have_is_good_only_where_one_fits() {
    let (one, two, rsa) = (TestKey::p256("a"), TestKey::p256("a"), TestKey::rsa("a"));
    let both = key_set([&one, &two, &rsa]);
    assert_eq!(
        checked(&one.token(&json!({})), &both),
        Err(JwsError::AmbiguousKey)
    );
    assert_eq!(
        checked(&two.token(&json!({})), &both),
        Err(JwsError::AmbiguousKey)
    );
    assert_eq!(checked(&rsa.token(&json!({})), &both), Ok(()));
    let twice = key_set([&one, &one]);
    assert_eq!(
        checked(&one.token(&json!({})), &twice),
        Err(JwsError::AmbiguousKey)
    );
}

#[test]
fn without_an_id_the_first_three_keys_that_fit_are_tried() {
    let keys: Vec<_> = (0..4).map(|n| TestKey::edwards(&n.to_string())).collect();
    let other = TestKey::p256("p");
    let set = key_set([&other].into_iter().chain(&keys));
    let anonymous = |key: &TestKey| key.token_with(&json!({ "kid": null }), &json!({}));
    assert_eq!(checked(&anonymous(&keys[0]), &set), Ok(()));
    assert_eq!(checked(&anonymous(&keys[2]), &set), Ok(()));
    assert_eq!(
        checked(&anonymous(&keys[3]), &set),
        Err(JwsError::Signature)
    );
    let stranger = anonymous(&TestKey::edwards("x"));
    assert_eq!(checked(&stranger, &set), Err(JwsError::Signature));
}

#[test]
fn an_issuer_that_does_not_name_its_keys_may_have_new_ones() {
    let set = key_set([&TestKey::edwards("a").nameless()]);
    let stranger = TestKey::edwards("b").nameless().token(&json!({}));
    assert_eq!(checked(&stranger, &set), Err(JwsError::UnknownKey));
}

#[test]
fn a_text_that_is_no_compact_jws_is_refused() {
    use JwsFormatError::{Base64, Header, Parts};
    for (text, why) in [
        ("", Parts),
        ("e30", Parts),
        ("e30.e30", Parts),
        ("e30.e30.AA.AA", Parts),
        ("e30.e30.AA.", Parts),
        ("{}.{}.AA", Base64),
        ("e30=.e30.AA", Base64),
        ("e30.e30=.AA", Base64),
        ("e30.e30.AA==", Base64),
        (" e30.e30.AA", Base64),
        ("e30.e30.AA\n", Base64),
        ("e30.e 30.AA", Base64),
        ("e30.e30.++//", Base64),
        ("e31.e30.AA", Base64), // bits left over
        ("e30.e31.AA", Base64),
        ("e30.e30.AB", Base64),
        ("e30.e30.A", Base64),
        ("e30.e30.ä", Base64),
        (".e30.AA", Header),
        ("W10.e30.AA", Header),     // []
        ("bnVsbA.e30.AA", Header),  // null
        ("e30gMQ.e30.AA", Header),  // {} 1
        ("77u_e30.e30.AA", Header), // a byte order mark
    ] {
        assert_eq!(Jws::parse(text).err(), Some(why), "{text}");
    }
    let doubled = TestKey::edwards("a").sign(br#"{"alg":"EdDSA","\u0061lg":"none"}"#, b"");
    assert_eq!(Jws::parse(&doubled).err(), Some(Header));
    assert!(Jws::parse("e30..").is_ok());
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text: String, parts: [Vec<u8>; 3]) {
        let _ = Jws::parse(&text);
        let encoded = parts.map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
        let _ = Jws::parse(&encoded);
    }

    #[test]
    fn no_header_makes_verifying_panic(alg: String, kid: String, bytes: Vec<u8>) {
        let _ = outgoing(&[]);
        let set = key_set([&TestKey::rsa("a"), &TestKey::edwards("b")]);
        for (alg, kid) in [(alg.as_str(), "a"), ("RS256", "a"), ("EdDSA", "b"), ("EdDSA", &kid)] {
            let header = json!({ "alg": alg, "kid": kid }).to_string();
            let parts = [header.as_bytes(), &bytes, &bytes].map(|part| URL_SAFE_NO_PAD.encode(part));
            let token = parts.join(".");
            prop_assert!(Jws::parse(&token).is_ok_and(|jws| verify(&jws, &set, JWS_ALGORITHMS).is_err()) || kid.contains('\0'));
        }
    }
}

#[test]
fn a_signature_of_p521_is_its_keys_in_its_own_algorithm() {
    let (key, other) = (TestKey::p521("a"), TestKey::p521("a"));
    let token = key.token(&json!({}));
    assert_eq!(checked(&token, &key_set([&key])), Ok(()));
    assert_eq!(
        checked(&token, &key_set([&other])),
        Err(JwsError::Signature)
    );
    for name in ["ES256", "ES384", "RS512", "EdDSA"] {
        let token = key.token_with(&json!({ "alg": name }), &json!({}));
        assert_eq!(
            checked(&token, &key_set([&key])),
            Err(JwsError::Algorithm),
            "{name}"
        );
    }
    for smaller in [TestKey::p256("a"), TestKey::p384("a")] {
        let token = smaller.token_with(&json!({ "alg": "ES512" }), &json!({}));
        assert_eq!(
            checked(&token, &key_set([&smaller])),
            Err(JwsError::Algorithm)
        );
        assert_eq!(checked(&token, &key_set([&key])), Err(JwsError::Signature));
    }
}
