//! The claims that hold the tags of a session.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html#id_session-tags_adding-assume-role-idp>

use indexmap::IndexMap;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{TagError, Tags};

/// The beginning of the names of claims for the STS.
const CLAIMS: &str = "https://aws.amazon.com/";
/// The claim that holds all tags.
const NESTED: &str = "https://aws.amazon.com/tags";
/// The beginning of the names of claims that hold one tag each.
const FLAT: &str = "https://aws.amazon.com/tags/principal_tags/";
/// The claim that holds the keys of transitive tags beside [`FLAT`] ones.
const FLAT_TRANSITIVE: &str = "https://aws.amazon.com/tags/transitive_tag_keys";

/// The value of the claim [`NESTED`].
#[derive(Serialize)]
struct Nested<'t> {
    principal_tags: IndexMap<&'t str, [&'t str; 1]>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    transitive_tag_keys: Vec<&'t str>,
}

/// The tags in claims, unchecked, and the keys of transitive tags.
#[derive(Default)]
struct ClaimedTags {
    pairs: Vec<(String, String)>,
    transitive: Vec<String>,
}

impl Tags {
    /// The name of the claim that holds the tags.
    pub const CLAIM: &'static str = NESTED;

    /// The tags in the claims of a verified token, in the nested form, the flat form or both. Any other claim for the STS
    /// may narrow access, and is refused.
    pub fn of_claims(claims: &Map<String, Value>) -> Result<Self, TagError> {
        let mut tags = ClaimedTags::default();
        for (claim, value) in claims.iter().filter(|(claim, _)| claim.starts_with(CLAIMS)) {
            let refused = || TagError::Claim(claim.clone());
            if let Some(key) = claim.strip_prefix(FLAT) {
                let value = one(value).ok_or_else(refused)?;
                tags.pairs.push((key.to_owned(), value));
            } else if claim == FLAT_TRANSITIVE {
                let keys = strings(value).ok_or_else(refused)?;
                tags.transitive.extend(keys);
            } else if claim == NESTED {
                tags.add_nested(value).ok_or_else(refused)?;
            } else {
                return Err(refused());
            }
        }
        Self::of_session(tags.pairs, &tags.transitive)
    }

    /// The value of the claim [`Tags::CLAIM`].
    pub fn as_claim(&self) -> impl Serialize + '_ {
        Nested {
            principal_tags: self.iter().map(|(key, value)| (key, [value])).collect(),
            transitive_tag_keys: self.transitive_keys().collect(),
        }
    }
}

impl ClaimedTags {
    /// Adds the tags in the claim [`NESTED`].
    fn add_nested(&mut self, claim: &Value) -> Option<()> {
        for (name, value) in claim.as_object()? {
            match name.as_str() {
                "principal_tags" => {
                    for (key, value) in value.as_object()? {
                        self.pairs.push((key.clone(), one(value)?));
                    }
                }
                "transitive_tag_keys" => self.transitive.extend(strings(value)?),
                _ => return None,
            }
        }
        Some(())
    }
}

/// A string, or the string in an array of one.
fn one(value: &Value) -> Option<String> {
    match strings(value)?.as_slice() {
        [one] => Some(one.clone()),
        _ => None,
    }
}

/// The strings in an array, or a string alone.
fn strings(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Array(texts) => {
            let texts = texts.iter().map(|text| text.as_str().map(str::to_owned));
            texts.collect()
        }
        _ => None,
    }
}
