//! The ids, each a newtype with one parser. Raw strings stop at the wire.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A region's name, as in a credential scope: 1 to 18 of `[a-z0-9-]`, beginning with a letter (with a UUID
/// after it, an id has at most the 55 characters that the service model allows).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Region(String);

impl Region {
    /// Reads a region's name; `None` where it isn't well formed.
    pub fn parse(text: &str) -> Option<Self> {
        let plain = text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        let begins = text.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
        (begins && plain && text.len() <= 18).then(|| Self(text.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Region {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Reads `REGION:UUID`, the UUID in lower case with its hyphens, as the service writes it.
fn region_and_uuid(text: &str) -> Option<(Region, Uuid)> {
    let (region, uuid) = text.split_once(':')?;
    let lower = !uuid.bytes().any(|b| b.is_ascii_uppercase());
    let uuid = (uuid.len() == 36 && lower).then(|| Uuid::try_parse(uuid).ok())??;
    Some((Region::parse(region)?, uuid))
}

macro_rules! text_form {
    ($id:ty) => {
        impl Serialize for $id {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $id {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text)
                    .ok_or_else(|| serde::de::Error::custom(concat!("not a ", stringify!($id))))
            }
        }
    };
}

text_form!(Region);
text_form!(PoolId);
text_form!(RoleArn);
text_form!(OidcProviderArn);
text_form!(SamlProviderArn);
text_form!(AccountId);

/// An identity pool's id: `REGION:UUID`. Not a secret.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PoolId {
    /// The region that the pool was created in.
    pub region: Region,
    /// The UUID, unique among pools.
    pub uuid: Uuid,
}

impl PoolId {
    /// Parses a pool id; `None` if the text isn't well formed.
    pub fn parse(text: &str) -> Option<Self> {
        region_and_uuid(text).map(|(region, uuid)| Self { region, uuid })
    }

    /// Parses the ARN of a pool in `account`; `None` if the text isn't one. The partition may be any of AWS's.
    pub fn parse_arn(text: &str, account: &AccountId) -> Option<Self> {
        Self::in_arn(text, account).and_then(Self::parse)
    }

    /// The id in the ARN of a pool in `account`, as it is written there; it may not be well formed.
    pub fn in_arn<'t>(text: &'t str, account: &AccountId) -> Option<&'t str> {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let [
            "arn",
            partition,
            "cognito-identity",
            region,
            owner,
            resource,
        ] = parts[..]
        else {
            return None;
        };
        let id = resource.strip_prefix("identitypool/")?;
        let is_pool = (partition == "aws" || partition.starts_with("aws-"))
            && owner == account.as_str()
            && id.split_once(':').is_some_and(|(of_id, _)| of_id == region);
        is_pool.then_some(id)
    }

    /// The pool's ARN in `account`.
    pub fn arn(&self, account: &AccountId) -> String {
        format!(
            "arn:aws:cognito-identity:{}:{account}:identitypool/{self}",
            self.region
        )
    }
}

impl fmt::Display for PoolId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&text_of(&self.region, self.uuid))
    }
}

/// The text `REGION:UUID`.
fn text_of(region: &Region, uuid: Uuid) -> String {
    let mut buffer = Uuid::encode_buffer();
    let uuid = uuid.as_hyphenated().encode_lower(&mut buffer);
    [region.as_str(), ":", uuid].concat()
}

/// An identity's id: `REGION:UUID`, the region its pool's. A guest's id is a bearer secret, so there is no
/// `Display` that a log could use by accident; [`IdentityId::reveal`] is explicit.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct IdentityId {
    /// The region of its pool.
    pub region: Region,
    /// The UUID, unique among identities.
    pub uuid: Uuid,
}

impl IdentityId {
    /// Parses an identity id; `None` if the text isn't well formed.
    pub fn parse(text: &str) -> Option<Self> {
        region_and_uuid(text).map(|(region, uuid)| Self { region, uuid })
    }

    /// The id in full, for its owner.
    pub fn reveal(&self) -> String {
        text_of(&self.region, self.uuid)
    }
}

impl fmt::Debug for IdentityId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "IdentityId({}:…)", self.region)
    }
}

impl Serialize for IdentityId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.reveal())
    }
}

/// An AWS account's number: 12 digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AccountId(String);

impl AccountId {
    /// Reads an account's number; `None` unless it is 12 digits.
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()))
            .then(|| Self(text.to_owned()))
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A role's ARN: `arn:PARTITION:iam::ACCOUNT:role/NAME`, the name with its path, at most 2,048 characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RoleArn(String);

impl RoleArn {
    /// Reads a role's ARN; `None` where it isn't one.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        let (arn, partition) = (parts.next()?, parts.next()?);
        let (service, region) = (parts.next()?, parts.next()?);
        let (account, resource) = (parts.next()?, parts.next()?);
        let path = resource.strip_prefix("role/")?;
        let named = !path.is_empty()
            && path.split('/').all(|part| !part.is_empty())
            && path
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"/_+=,.@-".contains(&b));
        let ok = arn == "arn"
            && super::role_pattern::is_partition(partition)
            && service == "iam"
            && region.is_empty()
            && (account.is_empty() || AccountId::parse(account).is_some())
            && named
            && text.len() <= 2048;
        ok.then(|| Self(text.to_owned()))
    }

    /// The whole ARN.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The account that it names; empty in ARNs of systems that have none.
    pub fn account(&self) -> &str {
        self.0.split(':').nth(4).unwrap_or_default()
    }

    /// The role's name without its path.
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }
}

impl fmt::Display for RoleArn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The ARN of a registered OpenID Connect provider: `arn:aws:iam::ACCOUNT:oidc-provider/HOST[:PORT][/PATH]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OidcProviderArn {
    text: String,
    /// Where the provider's name begins.
    name_at: usize,
}

impl OidcProviderArn {
    /// The ARN of the provider called `name` (its issuer without the scheme) in `account`.
    pub fn new(account: &AccountId, name: &str) -> Self {
        let text = format!("arn:aws:iam::{account}:oidc-provider/{name}");
        let name_at = text.len() - name.len();
        Self { text, name_at }
    }

    /// Parses such an ARN; `None` if the text isn't one. The provider may not exist.
    pub fn parse(text: &str) -> Option<Self> {
        let (account, name) = text
            .strip_prefix("arn:aws:iam::")?
            .split_once(":oidc-provider/")?;
        (AccountId::parse(account).is_some() && !name.is_empty()).then(|| Self {
            text: text.to_owned(),
            name_at: text.len() - name.len(),
        })
    }

    /// The whole ARN.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The account that it names.
    pub fn account(&self) -> &str {
        self.text.split(':').nth(4).unwrap_or_default()
    }

    /// The provider's name: its issuer without the scheme, as in a `Logins` key.
    pub fn name(&self) -> &str {
        &self.text[self.name_at..]
    }
}

impl fmt::Display for OidcProviderArn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// The ARN of a registered SAML provider: `arn:aws:iam::ACCOUNT:saml-provider/NAME`, the name 1 to 128 of `[\w._-]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SamlProviderArn {
    text: String,
    /// Where the provider's name begins.
    name_at: usize,
}

impl SamlProviderArn {
    /// The ARN of the provider called `name`, as the service model lets providers be called, in `account`.
    pub fn new(account: &AccountId, name: &str) -> Self {
        let text = format!("arn:aws:iam::{account}:saml-provider/{name}");
        let name_at = text.len() - name.len();
        Self { text, name_at }
    }

    /// Parses such an ARN; `None` if the text isn't one. The provider may not exist.
    pub fn parse(text: &str) -> Option<Self> {
        let (account, name) = text
            .strip_prefix("arn:aws:iam::")?
            .split_once(":saml-provider/")?;
        let named = (1..=128).contains(&name.len())
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
        (AccountId::parse(account).is_some() && named).then(|| Self {
            text: text.to_owned(),
            name_at: text.len() - name.len(),
        })
    }

    /// The whole ARN.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The provider's name.
    pub fn name(&self) -> &str {
        &self.text[self.name_at..]
    }
}

impl fmt::Display for SamlProviderArn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_id_reads_back_as_it_was_written() {
        let text = "eu-west-1:0b1c2d3e-4f50-4678-9abc-def012345678";
        assert_eq!(PoolId::parse(text).unwrap().to_string(), text);
        assert_eq!(IdentityId::parse(text).unwrap().reveal(), text);
    }

    #[test]
    fn other_spellings_of_an_id_are_not_that_id() {
        for text in [
            "",
            "eu-west-1",
            "eu-west-1:",
            ":0b1c2d3e-4f50-4678-9abc-def012345678",
            "eu-west-1:0b1c2d3e4f5046789abcdef012345678",
            "eu-west-1:0B1C2D3E-4F50-4678-9ABC-DEF012345678",
            "eu-west-1:{0b1c2d3e-4f50-4678-9abc-def012345678}",
            "EU-WEST-1:0b1c2d3e-4f50-4678-9abc-def012345678",
            "eu-west-1:0b1c2d3e-4f50-4678-9abc-def012345678 ",
            "a-region-longer-than-any:0b1c2d3e-4f50-4678-9abc-def012345678",
            "1a:0b1c2d3e-4f50-4678-9abc-def012345678",
        ] {
            assert_eq!(PoolId::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_role_has_an_account_and_a_name() {
        let role = RoleArn::parse("arn:aws:iam::123456789012:role/team/Cognito_Auth").unwrap();
        assert_eq!(
            (role.account(), role.name()),
            ("123456789012", "Cognito_Auth")
        );
        for text in [
            "Cognito_AuthenticatedRole",
            "arn:aws:iam::123456789012:user/x",
            "arn:aws:iam::123456789012:role/",
            "arn:aws:iam::123456789012:role//x",
            "arn:aws:iam::12:role/x",
            "arn:aws:iam:eu-west-1:123456789012:role/x",
            "arn:aws:iam::123456789012:role/a b",
            "arn:aws:sts::123456789012:assumed-role/x/y",
        ] {
            assert_eq!(RoleArn::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_providers_name_is_its_issuer_without_the_scheme() {
        let account = AccountId::parse("123456789012").unwrap();
        let arn = OidcProviderArn::new(&account, "localhost:3000/a");
        assert_eq!(arn.name(), "localhost:3000/a");
        assert_eq!(OidcProviderArn::parse(arn.as_str()), Some(arn));
    }

    #[test]
    fn a_saml_providers_arn_has_its_name() {
        let account = AccountId::parse("123456789012").unwrap();
        let arn = SamlProviderArn::new(&account, "corp.A_1-b");
        assert_eq!(arn.name(), "corp.A_1-b");
        assert_eq!(SamlProviderArn::parse(arn.as_str()), Some(arn));
        for text in [
            "arn:aws:iam::123456789012:saml-provider/",
            "arn:aws:iam::123456789012:saml-provider/a/b",
            "arn:aws:iam::123456789012:saml-provider/a b",
            "arn:aws:iam::123456789012:saml-provider/a:saml-provider/b",
            "arn:aws:iam::12:saml-provider/a",
            "arn:aws:iam::123456789012:oidc-provider/a",
        ] {
            assert_eq!(SamlProviderArn::parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_identity_id_does_not_print_itself() {
        let id = IdentityId::parse("eu-west-1:0b1c2d3e-4f50-4678-9abc-def012345678").unwrap();
        assert_eq!(format!("{id:?}"), "IdentityId(eu-west-1:…)");
    }
}
