//! Login providers by name: the kind of provider of a `Logins` key, and the records of registered OpenID Connect and SAML
//! providers. `logins` verifies logins.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use uuid::Uuid;

use super::ids::{OidcProviderArn, Region, SamlProviderArn};
use super::tags::Tags;
use super::tags::stored::pairs;

/// The kind of provider that a key of a `Logins` map names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProviderKind {
    /// A public provider, by its fixed name.
    Public(PublicProvider),
    /// A Cognito user pool, well formed or not: `cognito-idp.REGION.amazonaws.com/POOL`.
    UserPool,
    /// A SAML provider's ARN.
    Saml,
    /// This service itself: `cognito-identity.amazonaws.com`.
    Own,
    /// Anything else: the issuer of an OpenID Connect provider, without its scheme.
    OpenIdConnect,
}

/// The public providers that the service knows by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublicProvider {
    /// Facebook, under `graph.facebook.com`.
    Facebook,
    /// Google, under `accounts.google.com`.
    Google,
    /// Login with Amazon, under `www.amazon.com`.
    Amazon,
    /// Twitter, under `api.twitter.com`.
    Twitter,
    /// Digits, under `www.digits.com`.
    Digits,
    /// Apple, under `appleid.apple.com`.
    Apple,
}

/// The name under which the service's own tokens are presented, and which trust policies use for this issuer.
pub const OWN: &str = "cognito-identity.amazonaws.com";

const PUBLIC: [(&str, PublicProvider); 6] = [
    ("graph.facebook.com", PublicProvider::Facebook),
    ("accounts.google.com", PublicProvider::Google),
    ("www.amazon.com", PublicProvider::Amazon),
    ("api.twitter.com", PublicProvider::Twitter),
    ("www.digits.com", PublicProvider::Digits),
    ("appleid.apple.com", PublicProvider::Apple),
];

impl PublicProvider {
    /// The provider with this `Logins` key, compared as bytes.
    pub fn named(key: &str) -> Option<Self> {
        PUBLIC
            .iter()
            .find(|(name, _)| *name == key)
            .map(|(_, provider)| *provider)
    }

    /// Whether a pool's app id is a key and a secret, `consumerKey;consumerSecret`.
    pub fn has_consumer_secret(self) -> bool {
        matches!(self, Self::Twitter | Self::Digits)
    }
}

impl ProviderKind {
    /// Whether the logins of this kind are ID tokens, which name their issuer.
    pub fn has_id_tokens(&self) -> bool {
        match self {
            Self::Public(public) => {
                matches!(public, PublicProvider::Google | PublicProvider::Apple)
            }
            Self::UserPool | Self::OpenIdConnect => true,
            Self::Saml | Self::Own => false,
        }
    }

    /// The kind of a key. Keys are compared as bytes: case, a scheme and a final slash make a difference.
    pub fn of(key: &str) -> Self {
        if let Some(provider) = PublicProvider::named(key) {
            return Self::Public(provider);
        }
        if key == OWN {
            return Self::Own;
        }
        if key.starts_with("cognito-idp.") && key.contains(".amazonaws.com") {
            return Self::UserPool;
        }
        if key.starts_with("arn:") && key.contains(":saml-provider/") {
            return Self::Saml;
        }
        Self::OpenIdConnect
    }
}

/// The region and the id of the user pool that `cognito-idp.REGION.amazonaws.com/REGION_ID` names, the two regions
/// equal; `None` where it names none.
pub fn user_pool(name: &str) -> Option<(Region, &str)> {
    let (host, pool) = name.split_once('/')?;
    let host = host.strip_prefix("cognito-idp.")?;
    let host = host.strip_suffix(".cn").unwrap_or(host);
    let region = Region::parse(host.strip_suffix(".amazonaws.com")?)?;
    let (of, id) = pool.split_once('_')?;
    let plain = !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric());
    (of == region.as_str() && plain && name.len() <= 128).then_some((region, pool))
}

/// The key of the OpenID Connect provider with this name: names that differ by a final slash are one.
pub fn oidc_key(name: &str) -> &str {
    name.strip_suffix('/').unwrap_or(name)
}

/// An OpenID Connect provider as the IAM actions register it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OidcProvider {
    /// The ARN, with the name.
    pub arn: OidcProviderArn,
    /// The version of its record.
    #[serde(skip)]
    pub version: u64,
    /// The unique id, which an earlier or later provider of the same name doesn't have. Records of earlier versions have
    /// the nil id.
    #[serde(default)]
    pub uuid: Uuid,
    /// The issuer's URL, exactly as its tokens and its discovery document write it.
    pub issuer: String,
    /// The accepted client ids in the caller's order; at most 100.
    pub client_ids: Vec<String>,
    /// SHA-1 thumbprints of its TLS certificates' root, 40 hex digits each; at most 5.
    pub thumbprints: Vec<String>,
    /// The tags in the caller's order; at most 50.
    #[serde(with = "pairs")]
    pub tags: Tags,
    /// The time of registration.
    pub created: Timestamp,
    /// Whether it is the test issuer of `cognate dev`. `cognate serve` never uses it, and refuses a store that has it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_test_issuer: bool,
}

/// A SAML provider as the IAM actions register it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SamlProvider {
    /// The ARN, with the name.
    pub arn: SamlProviderArn,
    /// The version of its record.
    #[serde(skip)]
    pub version: u64,
    /// The unique id, which an earlier or later provider of the same name doesn't have.
    pub uuid: Uuid,
    /// The metadata document as received.
    pub document: String,
    /// The parsed document.
    pub metadata: SamlMetadata,
    /// Whether assertions may or must be encrypted; `None` without private keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<AssertionEncryption>,
    /// The private keys that decrypt assertions, the oldest first; at most 2.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub private_keys: Vec<SealedPrivateKey>,
    /// The tags in the caller's order; at most 50.
    #[serde(with = "pairs")]
    pub tags: Tags,
    /// The time of registration.
    pub created: Timestamp,
}

impl SamlProvider {
    /// Whether plain assertions are refused.
    pub fn requires_encryption(&self) -> bool {
        self.encryption == Some(AssertionEncryption::Required)
    }
}

/// Whether a provider's assertions are encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AssertionEncryption {
    /// Plain assertions are refused.
    Required,
    /// Plain and encrypted assertions are accepted.
    Allowed,
}

/// A private key that decrypts a provider's assertions, as its record keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedPrivateKey {
    /// The id: 32 of `[A-Z0-9]`.
    pub id: String,
    /// The time at which it was added.
    pub added: Timestamp,
    /// The key, sealed, in base64.
    pub sealed: String,
}

/// The contents of a SAML provider's metadata.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SamlMetadata {
    /// The entity id, the issuer of its responses: 1 to 1,024 characters.
    pub entity_id: String,
    /// The certificates of the keys that sign its responses: base64 of DER without white space, at least one.
    pub certificates: Vec<String>,
    /// The end of the metadata's validity, if any.
    pub valid_until: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_names_a_provider_to_the_byte() {
        let kind = ProviderKind::of;
        assert_eq!(
            kind("accounts.google.com"),
            ProviderKind::Public(PublicProvider::Google)
        );
        assert_eq!(kind("Accounts.Google.com"), ProviderKind::OpenIdConnect);
        assert_eq!(
            kind("https://accounts.google.com"),
            ProviderKind::OpenIdConnect
        );
        assert_eq!(kind("cognito-identity.amazonaws.com"), ProviderKind::Own);
        assert_eq!(
            kind("cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC123"),
            ProviderKind::UserPool
        );
        assert_eq!(
            kind("arn:aws:iam::123456789012:saml-provider/x"),
            ProviderKind::Saml
        );
        assert_eq!(
            kind("token.actions.githubusercontent.com"),
            ProviderKind::OpenIdConnect
        );
    }

    #[test]
    fn a_user_pools_name_has_one_form() {
        assert!(user_pool("cognito-idp.us-east-1.amazonaws.com/us-east-1_x9").is_some());
        for name in [
            "cognito-idp.us-east-1.amazonaws.com/eu-west-1_x9",
            "cognito-idp.us-east-1.amazonaws.com/us-east-1_",
            "cognito-idp.us-east-1.amazonaws.com/us-east-1_x9/",
            "cognito-idp.us-east-1.amazonaws.com/us-east-1_x9:client",
            "cognito-idp.us-east-1.amazonaws.com",
            "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_x9",
            "cognito-idp.us-east-1.example.com/us-east-1_x9",
        ] {
            assert!(user_pool(name).is_none(), "{name}");
        }
    }
}
