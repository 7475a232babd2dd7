use indexmap::IndexMap;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::model::json;

/// Keys of which many differ in case only.
fn keys() -> impl Strategy<Value = String> {
    let known = [
        "team", "TEAM", "Team", "équipe", "ÉQUIPE", "ς", "σ", "Σ", "ſet", "Set",
    ];
    let known = prop::sample::select(known.map(str::to_owned).to_vec());
    prop_oneof![4 => known, 1 => "[a-zA-Z]{1,2}"]
}

fn pairs() -> impl Strategy<Value = Vec<(String, String)>> {
    prop::collection::vec((keys(), "[a-z]{0,3}"), 0..6)
}

/// Whether two keys differ in case at most.
fn has_duplicates(tags: &Tags) -> bool {
    let mut seen = BTreeSet::new();
    !tags.keys().all(|key| seen.insert(key.to_uppercase()))
}

fn of_claims(claims: &Value) -> Option<Tags> {
    Tags::of_claims(claims.as_object().expect("claims are an object")).ok()
}

proptest! {
    /// However tags come to be, no two keys differ in case only.
    #[test]
    fn team_and_team_in_another_case_are_never_two_tags(
        first in pairs(), second in pairs(), transitive in prop::collection::vec(keys(), 0..3),
    ) {
        let nested: IndexMap<_, _> = first.iter().cloned().collect();
        let mut claims = json!({ "https://aws.amazon.com/tags": { "principal_tags": nested } });
        for (key, value) in &second {
            claims[format!("https://aws.amazon.com/tags/principal_tags/{key}")] = json!(value);
        }
        let mut made = vec![
            Tags::of(first.clone()),
            Tags::of_session(first.clone(), &transitive),
            Tags::of_claims(claims.as_object().unwrap()),
        ];
        if let (Ok(one), Ok(session)) = (Tags::of(first.clone()), Tags::of_session(second.clone(), &transitive)) {
            let (mut set, mut inherited) = (one.clone(), one.clone());
            set.set_all(&session);
            made.push(Ok(set));
            made.push(inherited.inherit(&session).map(|()| inherited));
        }
        let mut added = Tags::new();
        for (key, value) in first.into_iter().chain(second) {
            if added.add(key.clone(), value).is_err() {
                prop_assert!(added.contains(&key));
            }
        }
        made.push(Ok(added));
        for tags in made.into_iter().flatten() {
            prop_assert!(!has_duplicates(&tags), "{:?}", tags);
            for key in tags.keys() {
                prop_assert_eq!(tags.get(&key.to_uppercase()), tags.get(key));
            }
            let mut rest = tags.clone();
            tags.keys().for_each(|key| rest.remove(&key.to_uppercase()));
            prop_assert!(rest.is_empty());
        }
    }

    /// A session inherits the transitive tags of the session before it and no others, and can't replace them.
    #[test]
    fn a_session_inherits_transitive_tags_only(
        before in pairs(), passed_on in prop::collection::vec(keys(), 0..3), requested in pairs(),
    ) {
        let (Ok(before), Ok(requested)) = (Tags::of_session(before, &passed_on), Tags::of_session(requested, &[])) else {
            return Ok(());
        };
        let mut after = requested.clone();
        let conflicts = before.transitive_keys().any(|key| requested.contains(key));
        prop_assert_eq!(after.inherit(&before).is_err(), conflicts);
        if !conflicts {
            for key in before.transitive_keys() {
                prop_assert_eq!(after.get(key), before.get(key));
            }
            let passed_on: Vec<_> = before.transitive_keys().collect();
            prop_assert_eq!(after.transitive_keys().collect::<Vec<_>>(), passed_on.clone());
            prop_assert_eq!(after.len(), requested.len() + passed_on.len());
        }
    }

    /// A session token, a record and a claim give the tags back that were put in.
    #[test]
    fn tags_are_read_as_they_were_written(all in pairs(), transitive in prop::collection::vec(keys(), 0..3)) {
        #[derive(serde::Serialize, serde::Deserialize, PartialEq, Debug)]
        struct Forms {
            #[serde(with = "stored::sealed")]
            sealed: Tags,
            #[serde(with = "stored::by_key")]
            by_key: Tags,
            #[serde(with = "stored::pairs")]
            pairs: Tags,
        }
        let (Ok(plain), Ok(tags)) = (Tags::of(all.clone()), Tags::of_session(all, &transitive)) else {
            return Ok(());
        };
        let forms = Forms { sealed: tags.clone(), by_key: plain.clone(), pairs: plain };
        let text = serde_json::to_string(&forms).unwrap();
        prop_assert_eq!(json::read_as::<Forms>(text.as_bytes()).unwrap(), forms);
        let claim = serde_json::to_value(tags.as_claim()).unwrap();
        prop_assert_eq!(of_claims(&json!({ Tags::CLAIM: claim })), Some(tags));
    }
}

#[test]
fn a_session_has_fifty_tags_at_most() {
    let of = |tags: usize, transitive: usize| {
        let keys = |number: usize| (0..number).map(|key| key.to_string());
        let keys_twice = (0..transitive).map(|key| (key % 50).to_string());
        Tags::of_session(
            keys(tags).map(|key| (key, "")),
            &keys_twice.collect::<Vec<_>>(),
        )
    };
    assert!(of(50, 50).is_ok());
    for (tags, transitive) in [(51, 0), (50, 51), (1, 100_000), (100_000, 0)] {
        assert_eq!(
            of(tags, transitive),
            Err(TagError::TooMany),
            "{tags} {transitive}"
        );
    }
}

#[test]
fn setting_a_tag_repairs_a_record_of_an_earlier_version() {
    let mut stored: Tags =
        stored::by_key::deserialize(json!({ "team": "a", "x": "y", "TEAM": "b" })).unwrap();
    assert_eq!(stored.len(), 3);
    stored.set("Team".to_owned(), "c".to_owned());
    assert_eq!(
        stored.iter().collect::<Vec<_>>(),
        [("Team", "c"), ("x", "y")]
    );
}

#[test]
fn claims_for_the_sts_are_understood_or_refused() {
    let (nested, keys) = (
        Tags::CLAIM,
        "https://aws.amazon.com/tags/transitive_tag_keys",
    );
    let flat = "https://aws.amazon.com/tags/principal_tags/team";
    let plain = Tags::of([("team", "blue")]).unwrap();
    let passed_on = Tags::of_session([("team", "blue")], &["team".to_owned()]).unwrap();
    let team = json!({ "team": ["blue"] });
    for (claims, wanted) in [
        (
            json!({ "sub": "x", "https://example.com/tags": 1 }),
            &Tags::new(),
        ),
        (json!({ flat: "blue", "sub": "x" }), &plain),
        (json!({ flat: ["blue"] }), &plain),
        (json!({ nested: { "principal_tags": team } }), &plain),
        (
            json!({ nested: { "principal_tags": team, "transitive_tag_keys": ["team"] } }),
            &passed_on,
        ),
        (
            json!({ nested: { "principal_tags": team, "transitive_tag_keys": ["TEAM"] } }),
            &passed_on,
        ),
        (json!({ flat: "blue", keys: ["team"] }), &passed_on),
        (json!({ flat: "blue", keys: "team" }), &passed_on),
        (
            json!({ nested: { "principal_tags": team }, keys: ["Team"] }),
            &passed_on,
        ),
    ] {
        assert_eq!(of_claims(&claims).as_ref(), Some(wanted), "{claims}");
    }
    let capital = "https://aws.amazon.com/tags/principal_tags/TEAM";
    for refused in [
        json!({ flat: 1 }),
        json!({ flat: ["a", "b"] }),
        json!({ flat: [] }),
        json!({ flat: "a", nested: { "principal_tags": team } }),
        json!({ capital: "a", nested: { "principal_tags": team } }),
        json!({ flat: "a", capital: "b" }),
        json!({ nested: { "principal_tags": { "team": "a", "TEAM": "a" } } }),
        json!({ nested: { "principal_tags": team, "transitive_tag_keys": ["stage"] } }),
        json!({ nested: { "principal_tags": team, "transitive_tag_keys": [1] } }),
        json!({ nested: { "principal_tags": team, "transitive_tag_keys": { "team": true } } }),
        json!({ nested: { "principal_tags": team, "principal_tag": {} } }),
        json!({ nested: ["team"] }),
        json!({ keys: ["team"] }),
        json!({ flat: "a", keys: ["stage"] }),
        json!({ flat: "a*" }),
        json!({ "https://aws.amazon.com/tags/principal_tags/aws:x": "a" }),
        json!({ "https://aws.amazon.com/tags/principal_tags/": "a" }),
        json!({ "https://aws.amazon.com/source_identity": "x" }),
        json!({ "https://aws.amazon.com/tags/principal_tags": { "team": "x" } }),
        json!({ "https://aws.amazon.com/anything": true }),
    ] {
        assert_eq!(of_claims(&refused), None, "{refused}");
    }
}
