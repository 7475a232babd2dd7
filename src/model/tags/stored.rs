//! The forms of tags in JSON: two in records, one in session tokens, and the one of answers.
//!
//! Nothing else reads tags from JSON, so that the tags of a request can't pass by the check for duplicates. Records of
//! earlier versions may have two keys that differ in case. Both are kept until the tag is set again. Conditions see both
//! values: an Allow needs both to match.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{Tag, Tags};

impl Serialize for Tags {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.len()))?;
        for (key, value) in self {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

fn restored(pairs: impl IntoIterator<Item = (String, String)>) -> Tags {
    let tags = pairs.into_iter().map(|(key, value)| Tag {
        key,
        value,
        is_transitive: false,
    });
    Tags(tags.collect())
}

/// The tags in an object, by their keys: records of roles and pools.
pub mod by_key {
    use indexmap::IndexMap;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Tags, restored};

    /// Writes tags.
    pub fn serialize<S: Serializer>(tags: &Tags, serializer: S) -> Result<S::Ok, S::Error> {
        tags.serialize(serializer)
    }

    /// Reads tags.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Tags, D::Error> {
        IndexMap::<String, String>::deserialize(deserializer).map(restored)
    }
}

/// The tags in an array of pairs: records of providers.
pub mod pairs {
    use serde::{Deserialize, Deserializer, Serializer};

    use super::{Tags, restored};

    /// Writes tags.
    pub fn serialize<S: Serializer>(tags: &Tags, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(tags)
    }

    /// Reads tags.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Tags, D::Error> {
        Vec::deserialize(deserializer).map(restored)
    }
}

/// The tags in a session token, with the keys of those that are passed on.
pub mod sealed {
    use indexmap::IndexMap;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Tags;

    #[derive(Serialize, Deserialize)]
    struct Sealed {
        all: IndexMap<String, String>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        transitive: Vec<String>,
    }

    /// Writes tags.
    pub fn serialize<S: Serializer>(tags: &Tags, serializer: S) -> Result<S::Ok, S::Error> {
        let owned = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        let sealed = Sealed {
            all: tags.iter().map(owned).collect(),
            transitive: tags.transitive_keys().map(str::to_owned).collect(),
        };
        sealed.serialize(serializer)
    }

    /// Reads tags, which must be tags of a session.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Tags, D::Error> {
        let Sealed { all, transitive } = Sealed::deserialize(deserializer)?;
        Tags::of_session(all, &transitive).map_err(D::Error::custom)
    }
}
