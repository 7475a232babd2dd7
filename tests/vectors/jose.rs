//! Wycheproof's sets for JSON web signatures and keys, held at the layer of signatures, below the claims: every invalid
//! case is refused and every valid one taken, but for those that policy refuses, which are counted.

use std::fs;

use cognate::logins::id_token::jws::{self, Jws};
use cognate::logins::jwks::{JWS_ALGORITHMS, JwkSet};
use cognate::model::json;
use serde_json::{Value, json};

/// A case, with the key or the key set of its group.
struct Case {
    id: u64,
    token: String,
    valid: bool,
    /// The public part where the set gives one, and the private part otherwise.
    key: Value,
    /// The private part, as it stands in the set.
    private: Value,
}

fn cases(name: &str) -> Vec<Case> {
    let path = super::folder("jose").join(name);
    let text = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let document = json::read(&text).unwrap();
    let groups = document["testGroups"].as_array().unwrap();
    let of_group = |group: &Value| {
        let key = group.get("public").unwrap_or(&group["private"]).clone();
        let private = group.get("private").unwrap_or(&key).clone();
        let cases = group["tests"].as_array().unwrap().clone();
        cases.into_iter().map(move |case| Case {
            id: case["tcId"].as_u64().unwrap(),
            token: case["jws"].as_str().unwrap().to_owned(),
            valid: case["result"] == "valid",
            key: key.clone(),
            private: private.clone(),
        })
    };
    groups.iter().flat_map(of_group).collect()
}

fn is_taken(token: &str, set: &Value) -> bool {
    let set = JwkSet::parse(set.to_string().as_bytes()).unwrap();
    Jws::parse(token).is_ok_and(|jws| jws::verify(&jws, &set, JWS_ALGORITHMS).is_ok())
}

fn ids<'c>(cases: impl IntoIterator<Item = &'c Case>) -> Vec<u64> {
    cases.into_iter().map(|case| case.id).collect()
}

#[test]
fn signatures() {
    let cases = cases("json_web_signature_test.json");
    assert_eq!(cases.len(), 401);
    let (valid, invalid): (Vec<_>, Vec<_>) = cases.iter().partition(|case| case.valid);
    assert_eq!((valid.len(), invalid.len()), (46, 355));
    let set = |key: &Value| json!({ "keys": [key] });
    let taken = |case: &&&Case| is_taken(&case.token, &set(&case.key));
    let refused = |case: &&&Case| !taken(case);

    assert_eq!(ids(invalid.iter().filter(taken).copied()), [0; 0]);

    let left: Vec<&Case> = valid.iter().filter(refused).copied().collect();
    let (symmetric, left): (Vec<_>, Vec<_>) = left.into_iter().partition(|c| c.key["kty"] == "oct");
    assert_eq!(symmetric.len(), 10, "HS256");
    let (p521, left): (Vec<_>, Vec<_>) = left.into_iter().partition(|c| c.key["crv"] == "P-521");
    assert_eq!(p521.len(), 2, "ES512");
    // The example of RFC 7520 signs with PS384 and a key without `alg`; the set writes PS256 into the key and calls it
    // valid still, while its cases 338 and 340, of the same shape, are invalid. A key that states its algorithm has
    // no other.
    assert_eq!(
        ids(left.iter().copied()),
        [346, 350],
        "a key of another algorithm"
    );
    for case in left {
        let mut key = case.key.clone();
        key.as_object_mut().unwrap().remove("alg");
        assert!(is_taken(&case.token, &set(&key)), "{}", case.id);
    }
}

/// The public part of every key of a set, where it has one.
fn public_part(set: &Value) -> Value {
    let mut set = set.clone();
    for key in set["keys"].as_array_mut().unwrap() {
        let key = key.as_object_mut().unwrap();
        for private in ["d", "p", "q", "dp", "dq", "qi"] {
            key.remove(private);
        }
    }
    set
}

#[test]
fn key_sets() {
    let cases = cases("json_web_key_test.json");
    assert_eq!(cases.len(), 26);
    let mut taken = Vec::new();
    for case in &cases {
        let public = is_taken(&case.token, &public_part(&case.key));
        if public {
            taken.push(case.id);
        }
        assert!(case.valid || !public, "{}", case.id);
        // A private key that is published vouches for nothing.
        assert!(!is_taken(&case.token, &case.private), "{}", case.id);
    }
    // The other valid ones, 2, 13, 14 and 15, are HS256, HS384 and HS512.
    assert_eq!(taken, [5]);
    assert_eq!(
        ids(cases.iter().filter(|case| case.valid)),
        [2, 5, 13, 14, 15]
    );
}
