//! Attributes for access control: which claims of a login become tags of a session. Pure. <https://docs.aws.amazon.com/cognito/latest/developerguide/attributes-for-access-control.html>

use std::collections::BTreeSet;
use std::sync::LazyLock;

use indexmap::IndexMap;
use regex::Regex;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::roles::plain_text;

/// How many bytes all tags of a session may have, keys and values together.
pub const ALL_TAGS: usize = 460;

/// How the claims of one provider's tokens become tags.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagMap {
    /// Whether the defaults replace `tags`: `username` is the subject, `client` the client id.
    pub use_defaults: bool,
    /// Claims by tag.
    pub tags: IndexMap<String, String>,
}

/// The tags of a session.
pub type Tags = IndexMap<String, String>;

/// Why a claim's value can be no tag; the tag's key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoTag {
    /// STS takes no such characters, or not so many of them.
    #[error("the value of the tag {0} is none that STS takes")]
    Value(String),
    /// Two keys differ in case at most.
    #[error("Duplicate tag keys found. Please note that Tag keys are case insensitive")]
    Duplicate,
    /// All together are too long.
    #[error("the tags are longer than {ALL_TAGS} bytes together")]
    TooLong,
}

impl TagMap {
    /// The claims by tag that count.
    pub fn in_force(&self) -> IndexMap<String, String> {
        if !self.use_defaults {
            return self.tags.clone();
        }
        let defaults = [("username", "sub"), ("client", "aud")];
        defaults
            .map(|(tag, claim)| (tag.to_owned(), claim.to_owned()))
            .into_iter()
            .collect()
    }

    /// The tags of a token with these claims, for the client `audience`. What the token doesn't say, and lists and objects,
    /// are left out; what can be no tag refuses all.
    pub fn tags(&self, claims: &Map<String, Value>, audience: &str) -> Result<Tags, NoTag> {
        let mut tags = Tags::new();
        for (tag, claim) in self.in_force() {
            let value = match claim.as_str() {
                "aud" => Some(audience.to_owned()),
                other => claims.get(other).and_then(plain_text),
            };
            if let Some(value) = value {
                tags.insert(tag, value);
            }
        }
        check(&tags)?;
        Ok(tags)
    }
}

/// Refuses tags that STS would. <https://docs.aws.amazon.com/STS/latest/APIReference/API_Tag.html>
pub fn check(tags: &Tags) -> Result<(), NoTag> {
    static ALLOWED: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"\A[\p{L}\p{Z}\p{N}_.:/=+\-@]*\z").expect("a pattern that compiles")
    });
    for (tag, value) in tags {
        let fits = ALLOWED.is_match(tag) && ALLOWED.is_match(value);
        let (key, length) = (tag.chars().count(), value.chars().count());
        if !fits || !(1..=128).contains(&key) || length > 256 {
            return Err(NoTag::Value(tag.clone()));
        }
    }
    let mut seen = BTreeSet::new();
    if !tags.keys().all(|key| seen.insert(key.to_lowercase())) {
        return Err(NoTag::Duplicate);
    }
    let bytes: usize = tags
        .iter()
        .map(|(tag, value)| tag.len() + value.len())
        .sum();
    if bytes > ALL_TAGS {
        Err(NoTag::TooLong)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tags_of(map: &[(&str, &str)], claims: Value) -> Result<Vec<(String, String)>, NoTag> {
        let tags = map
            .iter()
            .map(|(tag, claim)| ((*tag).to_owned(), (*claim).to_owned()));
        let map = TagMap {
            use_defaults: false,
            tags: tags.collect(),
        };
        let Value::Object(claims) = claims else {
            panic!("claims are an object")
        };
        map.tags(&claims, "app")
            .map(|tags| tags.into_iter().collect())
    }

    fn pair(tag: &str, value: &str) -> (String, String) {
        (tag.into(), value.into())
    }

    #[test]
    fn claims_become_tags_and_what_is_absent_is_left_out() {
        let claims =
            json!({ "dept": "legal", "level": 7, "staff": true, "groups": ["a"], "x": {} });
        let map = [
            ("department", "dept"),
            ("level", "level"),
            ("staff", "staff"),
            ("groups", "groups"),
            ("x", "x"),
            ("environment", "env"),
        ];
        let wanted = vec![
            pair("department", "legal"),
            pair("level", "7"),
            pair("staff", "true"),
        ];
        assert_eq!(tags_of(&map, claims), Ok(wanted));
    }

    #[test]
    fn the_defaults_are_the_subject_and_the_client() {
        let map = TagMap {
            use_defaults: true,
            tags: IndexMap::from([("ignored".to_owned(), "x".to_owned())]),
        };
        let Value::Object(claims) = json!({ "sub": "ada", "aud": ["other", "app"], "x": "y" })
        else {
            panic!("claims are an object")
        };
        let tags: Vec<_> = map.tags(&claims, "app").unwrap().into_iter().collect();
        assert_eq!(tags, [pair("username", "ada"), pair("client", "app")]);
    }

    #[test]
    fn keys_that_differ_in_case_only_refuse_all() {
        for (one, other) in [("team", "TEAM"), ("Équipe", "éQUIPE"), ("a", "A")] {
            let refused = tags_of(&[(one, "c"), (other, "c")], json!({ "c": "x" }));
            assert_eq!(refused, Err(NoTag::Duplicate), "{one}");
        }
        assert!(tags_of(&[("team", "c"), ("teams", "c")], json!({ "c": "x" })).is_ok());
    }

    #[test]
    fn a_value_that_sts_would_not_take_refuses_all() {
        for value in ["a*b", "${x}", "a\"b", "a\nb", &"x".repeat(257)] {
            let refused = tags_of(&[("t", "c")], json!({ "c": value }));
            assert_eq!(refused, Err(NoTag::Value("t".into())), "{value}");
        }
        let long = tags_of(&[("t", "c"), ("u", "c")], json!({ "c": "x".repeat(240) }));
        assert_eq!(long, Err(NoTag::TooLong));
    }
}
