use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::model::tags::Tags;

/// Names that try to spell the key of another owner, and any others.
fn names() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec![
        "aws:PrincipalTag/team",
        "AWS:PRINCIPALARN",
        "aws:userid",
        "aws:SourceIp",
        "aws:ResourceTag/team",
        "aws:",
        "PrincipalTag/team",
        "PrincipalArn",
        "saml:sub",
        "other.example:sub",
        "/",
        ":",
        "team",
        "TEAM",
        "sub",
        "Sub",
        "aud",
    ]);
    let joined = prop::collection::vec(part, 0..4).prop_map(|parts| parts.concat());
    prop_oneof![joined, any::<String>()]
}

fn pairs() -> impl Strategy<Value = Vec<(String, String)>> {
    prop::collection::vec((names(), names()), 0..6)
}

fn tags(pairs: &[(String, String)]) -> Tags {
    let mut tags = Tags::new();
    for (key, value) in pairs {
        tags.set(key.clone(), value.clone());
    }
    tags
}

/// Keys that the request doesn't own, with values of their owners.
fn others() -> [OwnedKeys; 4] {
    let owned = |owner, keys: &[&str]| {
        let mut owned = OwnedKeys::new(owner);
        for key in keys {
            owned.set(key, "own value");
        }
        owned
    };
    [
        owned(
            KeyOwner::Principal,
            &["aws:PrincipalArn", "aws:userid", "aws:PrincipalTag/own"],
        ),
        owned(KeyOwner::Login, &["other.example:sub", "saml:sub"]),
        owned(KeyOwner::Resource, &["aws:ResourceTag/own"]),
        owned(KeyOwner::Connection, &["aws:SourceIp", "aws:CurrentTime"]),
    ]
}

proptest! {
    /// No member of a request changes a key of another owner, above all no `aws:Principal*`.
    #[test]
    fn a_request_changes_no_key_of_another_owner(
        requested in pairs(), keys in prop::collection::vec(names(), 0..4),
        session in names(), external_id in names(), duration in any::<i64>(), probed in names(),
    ) {
        let mut request = RequestKeys::default();
        request.set_tags(requested.iter().map(|(key, value)| (key.as_str(), value.as_str())));
        request.set_tag_keys(keys.iter().map(String::as_str));
        request.set_transitive_tag_keys(keys.iter().map(String::as_str));
        request.set_session(&session, duration);
        request.set_external_id(&external_id);
        let without = Context::of(others());
        let with = Context::of(others().into_iter().chain([request.into_owned()]));
        let named = requested.iter().flat_map(|(key, value)| [key, value]).chain(&keys);
        let spelled = named.flat_map(|name| {
            [name.clone(), format!("aws:PrincipalTag/{name}"), format!("aws:ResourceTag/{name}")]
        });
        let fixed = [
            "aws:PrincipalArn", "aws:PrincipalAccount", "aws:PrincipalType", "aws:userid", "aws:username",
            "aws:TokenIssueTime", "aws:FederatedProvider", "aws:PrincipalTag/own", "aws:PrincipalTag/team",
            "aws:SourceIp", "aws:CurrentTime", "aws:ResourceTag/own", "other.example:sub", "saml:sub",
        ];
        for key in spelled.chain(fixed.map(str::to_owned)).chain([probed]) {
            if crate::policy::owner_of(&key) != Some(KeyOwner::Request) {
                prop_assert_eq!(with.values(&key), without.values(&key), "{}", key);
            }
        }
    }

    /// The claims of a token set keys of its issuer alone, and never the subject or the audience.
    #[test]
    fn claims_set_keys_of_their_issuer_only(
        issuer in prop_oneof![
            Just("login.example.com".to_owned()), Just("aws".to_owned()), Just("sts".to_owned()),
            Just("saml".to_owned()), Just("localhost:8080/realm".to_owned()), names(),
        ],
        claims in pairs(), own in pairs(),
    ) {
        let mut object: Map<String, Value> = claims
            .iter()
            .map(|(claim, value)| (claim.clone(), json!(value)))
            .collect();
        object.insert("SUB".to_owned(), json!("a false subject"));
        let lasting = || [("aud", "app"), ("sub", "ada")]
            .map(|(name, value)| (format!("{issuer}:{name}"), value.to_owned()));
        let keys = |claims: &Map<String, Value>| {
            CallerKeys::of_token("the provider", &issuer, claims, lasting(), &tags(&own)).into_owned()
        };
        let [principal, login] = keys(&object);
        let [alone, lasting_alone] = keys(&Map::new());
        prop_assert_eq!(&principal, &alone);
        let (with, without) = (Context::of([principal, login]), Context::of([alone, lasting_alone]));
        let spelled = claims.iter().map(|(claim, _)| claim.clone());
        let prefix = format!("{issuer}:").to_ascii_lowercase();
        for key in spelled.chain(["aws:PrincipalArn", "sts:ExternalId", "saml:sub", "other.example:sub"].map(str::to_owned)) {
            if !key.to_ascii_lowercase().starts_with(&prefix) {
                prop_assert_eq!(with.values(&key), without.values(&key), "{}", key);
            }
        }
        for name in ["sub", "aud"] {
            let key = format!("{issuer}:{name}");
            prop_assert_eq!(with.values(&key), without.values(&key), "{}", key);
        }
    }
}

#[test]
fn claims_with_delimiters_set_no_key() {
    let claims = json!({ "a:b": "x", "https://example.com/c": "x", "groups": ["g", "h"], "team": "blue", "n": 1 });
    let claims = claims.as_object().unwrap();
    let issuer = "login.example.com";
    let keys = CallerKeys::of_token("p", issuer, claims, [], &Tags::new());
    let context = Context::of(keys.into_owned());
    let values = |claim: &str| context.values(&format!("{issuer}:{claim}")).to_vec();
    assert!(values("a:b").is_empty());
    assert!(values("https://example.com/c").is_empty());
    assert_eq!(values("groups"), ["g", "h"]);
    assert_eq!(values("team"), ["blue"]);
    assert_eq!(values("n"), ["1"]);
}
