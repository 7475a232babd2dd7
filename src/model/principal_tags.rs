//! Attributes for access control: which claims of a login become tags of a session. Pure. <https://docs.aws.amazon.com/cognito/latest/developerguide/attributes-for-access-control.html>

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::roles::plain_text;
use super::tags::stored::by_key;
use super::tags::{TagError, Tags};

/// How the claims of one provider's tokens become tags.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagMap {
    /// Whether the defaults replace `tags`: `username` is the subject, `client` the client id.
    pub use_defaults: bool,
    /// Tags. The values are the names of claims.
    #[serde(with = "by_key")]
    pub tags: Tags,
}

impl TagMap {
    /// The tags of a token with these claims, for the client `audience`. What the token doesn't say, and lists and objects,
    /// are left out; what can be no tag refuses all.
    pub fn tags(&self, claims: &Map<String, Value>, audience: &str) -> Result<Tags, TagError> {
        let mut pairs = Vec::new();
        let mut add = |tag: &str, claim: &str| {
            let value = match claim {
                "aud" => Some(audience.to_owned()),
                other => claims.get(other).and_then(plain_text),
            };
            pairs.extend(value.map(|value| (tag.to_owned(), value)));
        };
        if self.use_defaults {
            add("username", "sub");
            add("client", "aud");
        } else {
            self.tags.iter().for_each(|(tag, claim)| add(tag, claim));
        }
        Tags::of_session(pairs, &[])
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tags_of(
        map: &[(&'static str, &str)],
        claims: Value,
    ) -> Result<Vec<(String, String)>, TagError> {
        let map = TagMap {
            use_defaults: false,
            tags: Tags::of(map.iter().map(|(tag, claim)| (*tag, *claim)))?,
        };
        let Value::Object(claims) = claims else {
            panic!("claims are an object")
        };
        let tags = map.tags(&claims, "app")?;
        Ok(tags.iter().map(|(key, value)| pair(key, value)).collect())
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
            tags: Tags::of([("ignored", "x")]).unwrap(),
        };
        let Value::Object(claims) = json!({ "sub": "ada", "aud": ["other", "app"], "x": "y" })
        else {
            panic!("claims are an object")
        };
        let tags = map.tags(&claims, "app").unwrap();
        let tags: Vec<_> = tags.iter().collect();
        assert_eq!(tags, [("username", "ada"), ("client", "app")]);
    }

    #[test]
    fn keys_that_differ_in_case_only_refuse_all() {
        for (one, other) in [("team", "TEAM"), ("Équipe", "éQUIPE"), ("a", "A")] {
            let refused = tags_of(&[(one, "c"), (other, "c")], json!({ "c": "x" }));
            assert_eq!(refused, Err(TagError::Duplicate), "{one}");
        }
        assert!(tags_of(&[("team", "c"), ("teams", "c")], json!({ "c": "x" })).is_ok());
    }

    #[test]
    fn a_value_that_sts_would_not_take_refuses_all() {
        for value in ["a*b", "${x}", "a\"b", "a\nb", &"x".repeat(257)] {
            let refused = tags_of(&[("t", "c")], json!({ "c": value }));
            assert_eq!(refused, Err(TagError::Value("t".into())), "{value}");
        }
        let long = tags_of(&[("t", "c"), ("u", "c")], json!({ "c": "x".repeat(240) }));
        assert_eq!(long, Err(TagError::TooLong));
    }
}
