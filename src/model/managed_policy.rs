//! The record of a managed policy, its versions and its ARN. Which roles it is attached to is in their records.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ids::AccountId;
use super::tags::Tags;
use super::tags::stored::by_key;

/// How many versions a managed policy may have.
pub const MOST_VERSIONS: usize = 5;

/// The owner of the policies that AWS manages, where other ARNs have an account.
const AWS: &str = "aws";

/// The ARN of a managed policy: `arn:aws:iam::ACCOUNT:policy/[PATH/]NAME`, or `arn:aws:iam::aws:policy/[PATH/]NAME` for a
/// policy that AWS manages; at most 2,048 characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PolicyArn {
    text: String,
    /// Where the path begins, with its first slash.
    path_at: usize,
    /// Where the name begins.
    name_at: usize,
}

impl PolicyArn {
    /// The ARN of the policy `name` in `account`; `path` has both slashes. `None` if a part isn't well formed.
    pub fn new(account: &AccountId, path: &str, name: &str) -> Option<Self> {
        Self::parse(&format!("arn:aws:iam::{account}:policy{path}{name}"))
    }

    /// Reads a policy's ARN; `None` if the text isn't one. The policy may not exist.
    pub fn parse(text: &str) -> Option<Self> {
        let (owner, named) = text.strip_prefix("arn:aws:iam::")?.split_once(":policy/")?;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte);
        let is_part = |part: &str| !part.is_empty() && part.bytes().all(is_plain);
        let is_policy = (owner == AWS || AccountId::parse(owner).is_some())
            && named.split('/').all(is_part)
            && text.len() <= 2048;
        is_policy.then(|| Self {
            path_at: text.len() - named.len() - 1,
            name_at: text.rfind('/').map_or(0, |slash| slash + 1),
            text: text.to_owned(),
        })
    }

    /// The whole ARN.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The policy's name without its path.
    pub fn name(&self) -> &str {
        &self.text[self.name_at..]
    }

    /// The path: the part before the name, with both slashes.
    pub fn path(&self) -> &str {
        &self.text[self.path_at..self.name_at]
    }

    /// Whether AWS manages the policy.
    pub fn is_of_aws(&self) -> bool {
        let rest = self.text.strip_prefix("arn:aws:iam::");
        rest.is_some_and(|rest| rest.starts_with("aws:"))
    }
}

impl fmt::Display for PolicyArn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl Serialize for PolicyArn {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for PolicyArn {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not the ARN of a policy"))
    }
}

/// A customer managed policy. Its documents are stored as received; `policy` evaluates them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManagedPolicy {
    /// The ARN, with the path and the name.
    pub arn: PolicyArn,
    /// The unique id: `ANPA` and 16 letters and digits. A later policy of the same name has another.
    pub id: String,
    /// The version of its record.
    #[serde(skip)]
    pub version: u64,
    /// The description, up to 1,000 characters. It can't change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The versions, oldest first: 1 to [`MOST_VERSIONS`].
    pub versions: Vec<PolicyVersion>,
    /// The number of the version that is in force.
    pub default_version: u64,
    /// The number of the newest version that there ever was. Numbers are not used again.
    pub newest_version: u64,
    /// The tags in the caller's order; at most 50.
    #[serde(with = "by_key")]
    pub tags: Tags,
    /// The time of creation.
    pub created: Timestamp,
    /// The time at which a version was added, or another one was put into force.
    pub updated: Timestamp,
}

/// A version of a managed policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyVersion {
    /// The number: 1 for the first.
    pub number: u64,
    /// The policy document.
    pub document: String,
    /// The time of creation.
    pub created: Timestamp,
}

impl PolicyVersion {
    /// The id on the wire: `v` and the number.
    pub fn id(&self) -> String {
        version_id(self.number)
    }
}

/// The id of the version with this number.
pub fn version_id(number: u64) -> String {
    format!("v{number}")
}

impl ManagedPolicy {
    /// The policy's key: its name without regard to case, as at the real service.
    pub fn key(&self) -> String {
        key(&self.arn)
    }

    /// The version with this id.
    pub fn find_version(&self, id: &str) -> Option<&PolicyVersion> {
        self.versions.iter().find(|version| version.id() == id)
    }

    /// The document that is in force; `None` in a damaged record, which permits nothing.
    pub fn document(&self) -> Option<&str> {
        let mut versions = self.versions.iter();
        let default = versions.find(|version| version.number == self.default_version);
        default.map(|version| version.document.as_str())
    }

    /// Adds a version, and puts it into force if it is the default. The caller checks the document and the number of
    /// versions.
    pub fn add_version(&mut self, document: &str, is_default: bool, now: Timestamp) {
        self.newest_version += 1;
        self.versions.push(PolicyVersion {
            number: self.newest_version,
            document: document.to_owned(),
            created: now,
        });
        if is_default {
            self.default_version = self.newest_version;
        }
        self.updated = now;
    }
}

/// The key of the policy with this ARN: names are unique whatever their path.
pub fn key(arn: &PolicyArn) -> String {
    arn.name().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_has_a_path_and_a_name() {
        let account = AccountId::parse("123456789012").unwrap();
        for (path, name) in [("/", "Read"), ("/team/blue/", "Read-1.2@x")] {
            let arn = PolicyArn::new(&account, path, name).unwrap();
            assert_eq!((arn.path(), arn.name()), (path, name));
            assert!(!arn.is_of_aws());
            assert_eq!(PolicyArn::parse(arn.as_str()), Some(arn));
        }
        let aws = PolicyArn::parse("arn:aws:iam::aws:policy/job-function/X").unwrap();
        assert!(aws.is_of_aws());
        assert_eq!((aws.path(), aws.name()), ("/job-function/", "X"));
    }

    #[test]
    fn other_texts_are_no_arns() {
        for text in [
            "",
            "Read",
            "arn:aws:iam::123456789012:policy/",
            "arn:aws:iam::123456789012:policy//Read",
            "arn:aws:iam::123456789012:policy/a b",
            "arn:aws:iam::123456789012:policy/*",
            "arn:aws:iam::12:policy/Read",
            "arn:aws:iam::123456789012:role/Read",
            "arn:aws-cn:iam::123456789012:policy/Read",
            "arn:aws:iam:eu-west-1:123456789012:policy/Read",
            "arn:aws:iam::123456789012:policy/x:policy/Read",
        ] {
            assert_eq!(PolicyArn::parse(text), None, "{text}");
        }
    }
}
