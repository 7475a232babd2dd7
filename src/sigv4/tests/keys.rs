//! Unknown keys, expired tokens, and what time tells about them.

use super::*;
use crate::sigv4::key::tests::DERIVATIONS;

fn unknown(secret: &SecretKey) -> Signer<'_> {
    Signer {
        access_key_id: "AKIDNOBODY",
        ..root(secret)
    }
}

fn expired(secret: &SecretKey) -> Signer<'_> {
    Signer {
        session_token: Some("an old token"),
        ..session(secret)
    }
}

#[test]
fn a_key_is_unknown_under_any_signature() {
    let sent = Sent::new().signed(unknown);
    assert_eq!(sent.verify(), Err(SignatureError::UnknownKey));
    let mut wrong = sent;
    wrong.rewrite("Signature=", "Signature=x");
    assert_eq!(wrong.verify(), Err(SignatureError::UnknownKey));
}

#[test]
fn the_secret_that_stands_in_for_nobodys_opens_nothing() {
    let nobody = SecretKey::new("0".repeat(40));
    for access_key_id in ["AKIDNOBODY", "", "ASIDSESSION"] {
        let mut sent = Sent::new();
        let signer = Signer {
            access_key_id,
            ..root(&nobody)
        };
        let added = sign(&sent.request(), &signer, now()).unwrap();
        sent.headers.extend(added);
        assert_eq!(sent.verify(), Err(SignatureError::UnknownKey));
    }
}

#[test]
fn a_token_goes_with_its_key() {
    for (access_key_id, token) in [
        ("AKIDROOT", Some("a token/+=")),
        ("AKIDROOT", Some("")),
        ("ASIDSESSION", None),
        ("ASIDSESSION", Some("another token")),
    ] {
        let secret = secret();
        let signer = Signer {
            access_key_id,
            session_token: token,
            ..root(&secret)
        };
        let mut sent = Sent::new();
        let added = sign(&sent.request(), &signer, now()).unwrap();
        sent.headers.extend(added);
        assert_eq!(sent.verify(), Err(SignatureError::UnknownKey));
    }
}

#[test]
fn a_token_that_is_no_text_is_nobodys() {
    let mut sent = Sent::new().signed(session);
    let token = HeaderValue::from_bytes(b"\xff").unwrap();
    sent.headers.insert(name("x-amz-security-token"), token);
    assert_eq!(sent.verify(), Err(SignatureError::UnknownKey));
}

#[test]
fn an_old_token_has_expired() {
    let sent = Sent::new().signed(expired);
    assert_eq!(sent.verify(), Err(SignatureError::ExpiredToken));
}

/// How many signing keys a verification derives: nearly all that it costs beyond hashing.
fn cost(sent: &Sent, cache: &KeyCache) -> usize {
    let rules = SignatureRules {
        services: &["cognito-identity"],
        region: &|_| true,
        presigned: false,
    };
    let before = DERIVATIONS.get();
    let _ = verify(&sent.request(), &rules, &Few, cache, now());
    DERIVATIONS.get() - before
}

#[test]
fn time_does_not_tell_an_unknown_key_from_a_wrong_signature() {
    let cache = KeyCache::new();
    let mut wrong = Sent::new().signed(root);
    wrong.body.push(b' ');
    assert_eq!(cost(&wrong, &cache), 1);
    assert_eq!(cost(&Sent::new().signed(unknown), &cache), 1);
    assert_eq!(cost(&Sent::new().signed(expired), &cache), 1);
    // The right signature makes the key a remembered one.
    assert_eq!(cost(&Sent::new().signed(root), &cache), 1);
    assert_eq!(cost(&Sent::new().signed(root), &cache), 0);
    assert_eq!(cost(&wrong, &cache), 1);
    assert_eq!(cost(&Sent::new().signed(unknown), &cache), 1);
}

#[test]
fn only_a_genuine_signature_is_remembered() {
    let cache = KeyCache::new();
    let mut wrong = Sent::new().signed(root);
    wrong.body.push(b' ');
    cost(&wrong, &cache);
    assert_eq!(cost(&Sent::new().signed(root), &cache), 1);
    assert_eq!(cost(&Sent::new().signed(root), &cache), 0);
    // Nor what was signed with the secret that stands in for nobody's.
    let nobody = SecretKey::new("0".repeat(40));
    let mut sent = Sent::new();
    let added = sign(&sent.request(), &unknown(&nobody), now()).unwrap();
    sent.headers.extend(added);
    assert_eq!(cost(&sent, &cache), 1);
    assert_eq!(cost(&sent, &cache), 1);
}

#[test]
fn a_replaced_secret_is_not_remembered() {
    struct One(SecretKey);
    impl SecretKeys for One {
        type Owner = ();
        fn key(&self, _: &str, _: Option<&str>, _: Timestamp) -> Result<(SecretKey, ()), KeyError> {
            Ok((self.0.clone(), ()))
        }
    }
    let rules = SignatureRules {
        services: &["cognito-identity"],
        region: &|_| true,
        presigned: false,
    };
    let cache = KeyCache::new();
    let sent = Sent::new().signed(root);
    let verified = |keys: &One| verify(&sent.request(), &rules, keys, &cache, now());
    verified(&One(secret())).unwrap();
    let other = One(SecretKey::new("another".to_owned()));
    assert_eq!(verified(&other), Err(Invalid::Mismatch.into()));
}

#[test]
fn the_moment_reaches_the_keys() {
    struct At;
    impl SecretKeys for At {
        type Owner = Timestamp;
        fn key(
            &self,
            _: &str,
            _: Option<&str>,
            now: Timestamp,
        ) -> Result<(SecretKey, Timestamp), KeyError> {
            Ok((secret(), now))
        }
    }
    let rules = SignatureRules {
        services: &["cognito-identity"],
        region: &|_| true,
        presigned: false,
    };
    let sent = Sent::new().signed(root);
    let verified = verify(&sent.request(), &rules, &At, &KeyCache::new(), now());
    assert_eq!(verified.unwrap().owner, now());
}
