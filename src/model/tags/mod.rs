//! Tags: the one type for the tags of sessions, roles, providers and pools. Keys are compared without regard to case.
//! How many tags a resource may have is in `operations`.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

mod claims;
pub mod stored;
#[cfg(test)]
mod tests;

/// How many bytes all tags of a session may have, keys and values together.
pub const ALL_TAGS: usize = 460;

/// How many tags a session may have.
const MOST: usize = 50;

/// The beginning of keys that only the service may set.
const RESERVED: &str = "aws:";

/// Tags in the caller's order. No two keys differ in case only.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tags(Vec<Tag>);

/// A tag. The key keeps its case.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Tag {
    key: String,
    value: String,
    /// Whether sessions that come from the tag's session inherit the tag.
    is_transitive: bool,
}

/// Why tags are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TagError {
    /// STS accepts no such characters, or not so many of them. The variant holds the tag's key.
    #[error("the value of the tag {0} is none that STS takes")]
    Value(String),
    /// A key begins with `aws:`, which is reserved.
    #[error("Tag keys must not begin with aws:")]
    Reserved,
    /// Two keys differ in case at most.
    #[error("Duplicate tag keys found. Please note that Tag keys are case insensitive")]
    Duplicate,
    /// There are too many tags for a session.
    #[error("a session has at most {MOST} tags")]
    TooMany,
    /// All tags together are too long.
    #[error("the tags are longer than {ALL_TAGS} bytes together")]
    TooLong,
    /// A transitive key names no tag of the request.
    #[error("The specified transitive tag key must be included in the requested tags")]
    NotRequested,
    /// A requested tag has the key of a tag that the session inherits.
    #[error(
        "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the \
         calling session"
    )]
    Inherited,
    /// A claim under `https://aws.amazon.com/` has an unknown name or form. The variant holds its name.
    #[error("the claim {0} is not one that this server understands")]
    Claim(String),
}

impl TagError {
    /// The error as a sentence for the client.
    pub fn sentence(&self) -> String {
        match self {
            Self::Reserved => self.to_string(),
            other => format!("{other}."),
        }
    }
}

/// A key without its case.
pub fn folded(key: &str) -> String {
    if key.is_ascii() {
        return key.to_ascii_lowercase();
    }
    // Some letters have two lower cases (σ and ς), and some only a lower case (ſ): fold them by their upper case.
    key.chars()
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .collect()
}

impl Tags {
    /// No tags.
    pub fn new() -> Self {
        Self::default()
    }

    /// Tags with these keys and values. Refuses reserved keys, and keys that differ in case at most.
    pub fn of<K: Into<String>, V: Into<String>>(
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Self, TagError> {
        let mut tags = Self::new();
        for (key, value) in pairs {
            tags.add(key.into(), value.into())?;
        }
        Ok(tags)
    }

    /// The tags of a session, of which those with the keys `transitive` are passed on. Refuses what STS refuses.
    pub fn of_session<K: Into<String>, V: Into<String>>(
        pairs: impl IntoIterator<Item = (K, V)>,
        transitive: &[String],
    ) -> Result<Self, TagError> {
        // The number comes first: comparing keys takes time that grows with its square.
        let pairs: Vec<_> = pairs.into_iter().take(MOST + 1).collect();
        if pairs.len().max(transitive.len()) > MOST {
            return Err(TagError::TooMany);
        }
        let mut tags = Self::of(pairs)?;
        for key in transitive {
            let tag = tags.find_mut(key).ok_or(TagError::NotRequested)?;
            tag.is_transitive = true;
        }
        tags.check_session()?;
        Ok(tags)
    }

    /// Adds a tag. Refuses a reserved key, and a key that another tag has in any case.
    pub fn add(&mut self, key: String, value: String) -> Result<(), TagError> {
        if self.contains(&key) {
            return Err(TagError::Duplicate);
        }
        if folded(&key).starts_with(RESERVED) {
            return Err(TagError::Reserved);
        }
        self.push(key, value, false);
        Ok(())
    }

    /// Sets a tag. It replaces the tag with the same key in any case.
    pub fn set(&mut self, key: String, value: String) {
        let wanted = folded(&key);
        let is_same = |tag: &Tag| folded(&tag.key) == wanted;
        match self.0.iter().position(is_same) {
            Some(at) => {
                let rest = self.0.split_off(at + 1);
                self.0.extend(rest.into_iter().filter(|tag| !is_same(tag)));
                self.0[at] = Tag {
                    key,
                    value,
                    is_transitive: false,
                };
            }
            None => self.push(key, value, false),
        }
    }

    /// Sets each of `new`.
    pub fn set_all(&mut self, new: &Self) {
        for (key, value) in new {
            self.set(key.to_owned(), value.to_owned());
        }
    }

    /// Removes the tag with this key in any case, if there is one.
    pub fn remove(&mut self, key: &str) {
        let key = folded(key);
        self.0.retain(|tag| folded(&tag.key) != key);
    }

    /// The value of the tag with this key in any case.
    pub fn get(&self, key: &str) -> Option<&str> {
        let wanted = folded(key);
        let found = self.0.iter().find(|tag| folded(&tag.key) == wanted);
        found.map(|tag| tag.value.as_str())
    }

    /// Whether a tag has this key in any case.
    pub fn contains(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// The number of tags.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no tags.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Keys and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let tags = self.0.iter();
        tags.map(|tag| (tag.key.as_str(), tag.value.as_str()))
    }

    /// The keys.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.iter().map(|(key, _)| key)
    }

    /// The keys of transitive tags.
    pub fn transitive_keys(&self) -> impl Iterator<Item = &str> {
        let tags = self.0.iter().filter(|tag| tag.is_transitive);
        tags.map(|tag| tag.key.as_str())
    }

    /// Adds the transitive tags of the session that asks for a new session with these tags. No requested tag replaces an
    /// inherited one.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html#id_session-tags_role-chaining>
    pub fn inherit(&mut self, session: &Self) -> Result<(), TagError> {
        for tag in session.0.iter().filter(|tag| tag.is_transitive) {
            if self.contains(&tag.key) {
                return Err(TagError::Inherited);
            }
            self.0.push(tag.clone());
        }
        self.check_session()
    }

    /// Refuses tags of a session that STS would. <https://docs.aws.amazon.com/STS/latest/APIReference/API_Tag.html>
    pub fn check_session(&self) -> Result<(), TagError> {
        static ALLOWED: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(r"\A[\p{L}\p{Z}\p{N}_.:/=+\-@]*\z").expect("a pattern that compiles")
        });
        for (key, value) in self {
            let fits = ALLOWED.is_match(key) && ALLOWED.is_match(value);
            let (letters, length) = (key.chars().count(), value.chars().count());
            if !fits || !(1..=128).contains(&letters) || length > 256 {
                return Err(TagError::Value(key.to_owned()));
            }
        }
        if self.len() > MOST {
            return Err(TagError::TooMany);
        }
        let mut seen = BTreeSet::new();
        if !self.keys().all(|key| seen.insert(folded(key))) {
            return Err(TagError::Duplicate);
        }
        let bytes: usize = self
            .iter()
            .map(|(key, value)| key.len() + value.len())
            .sum();
        if bytes > ALL_TAGS {
            Err(TagError::TooLong)
        } else {
            Ok(())
        }
    }

    fn find_mut(&mut self, key: &str) -> Option<&mut Tag> {
        let wanted = folded(key);
        self.0.iter_mut().find(|tag| folded(&tag.key) == wanted)
    }

    fn push(&mut self, key: String, value: String, is_transitive: bool) {
        self.0.push(Tag {
            key,
            value,
            is_transitive,
        });
    }
}

impl<'t> IntoIterator for &'t Tags {
    type Item = (&'t str, &'t str);
    type IntoIter = Box<dyn Iterator<Item = Self::Item> + 't>;

    fn into_iter(self) -> Self::IntoIter {
        Box::new(self.iter())
    }
}
