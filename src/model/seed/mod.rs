//! Seeds: documents that describe pools, providers, managed policies, roles and access keys with the members of the API. Pure: which
//! members a seed may have, and which objects it describes. What the members mean is checked by the API's operations.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

mod merge;
mod outputs;
mod reader;
pub mod secrets;
#[cfg(test)]
mod tests;

pub use merge::merge;
pub use reader::{read, unknown_member};

/// The kinds of objects in a seed, in the order in which they are made: an object may name those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectKind {
    /// An OpenID Connect provider.
    OidcProvider,
    /// A SAML provider.
    SamlProvider,
    /// An access key.
    AccessKey,
    /// A managed policy of the built-in IAM.
    ManagedPolicy,
    /// A role of the built-in IAM.
    Role,
    /// An identity pool.
    Pool,
}

impl ObjectKind {
    /// Every kind, in the order in which objects are made.
    pub const ALL: [Self; 6] = [
        Self::OidcProvider,
        Self::SamlProvider,
        Self::AccessKey,
        Self::ManagedPolicy,
        Self::Role,
        Self::Pool,
    ];

    /// The list of a seed with the objects of this kind.
    pub const fn list(self) -> &'static str {
        match self {
            Self::OidcProvider => "oidc_providers",
            Self::SamlProvider => "saml_providers",
            Self::AccessKey => "access_keys",
            Self::ManagedPolicy => "policies",
            Self::Role => "roles",
            Self::Pool => "pools",
        }
    }

    /// The member that names an object of this kind.
    pub const fn name_member(self) -> &'static str {
        match self {
            Self::OidcProvider => "Url",
            Self::SamlProvider | Self::AccessKey => "Name",
            Self::ManagedPolicy => "PolicyName",
            Self::Role => "RoleName",
            Self::Pool => "IdentityPoolId",
        }
    }

    /// The kind in an answer, such as `Role`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OidcProvider => "OpenIDConnectProvider",
            Self::SamlProvider => "SAMLProvider",
            Self::AccessKey => "AccessKey",
            Self::ManagedPolicy => "ManagedPolicy",
            Self::Role => "Role",
            Self::Pool => "IdentityPool",
        }
    }

    /// The members that an object of this kind may have, in the order of an export.
    const fn members(self) -> &'static [&'static str] {
        match self {
            Self::OidcProvider => &["Url", "ClientIDList", "ThumbprintList", "Tags"],
            Self::SamlProvider => &[
                "Name",
                "SAMLMetadataDocument",
                "AssertionEncryptionMode",
                "AddPrivateKey",
                "Tags",
            ],
            Self::AccessKey => &["Name", "AccessKeyId", "SecretAccessKey", "Status", "Policy"],
            Self::ManagedPolicy => &[
                "PolicyName",
                "Path",
                "Description",
                "PolicyDocument",
                "Tags",
            ],
            Self::Role => &[
                "RoleName",
                "Path",
                "Description",
                "MaxSessionDuration",
                "AssumeRolePolicyDocument",
                "Policies",
                "AttachedPolicies",
                "PermissionsBoundary",
                "Tags",
            ],
            Self::Pool => &[
                "IdentityPoolId",
                "IdentityPoolName",
                "AllowUnauthenticatedIdentities",
                "AllowClassicFlow",
                "SupportedLoginProviders",
                "DeveloperProviderName",
                "OpenIdConnectProviderARNs",
                "CognitoIdentityProviders",
                "SamlProviderARNs",
                "IdentityPoolTags",
                "Roles",
                "RoleMappings",
                "PrincipalTagAttributeMaps",
                "Settings",
            ],
        }
    }

    /// The members that only a file has: [`secrets::resolve`] replaces them.
    const fn file_members(self) -> &'static [&'static str] {
        match self {
            Self::SamlProvider => &["SAMLMetadataFile", "PrivateKeyFile"],
            Self::AccessKey => &["SecretFile", "SecretVariable"],
            Self::Pool => &["ConsumerSecretFiles", "ConsumerSecretVariables"],
            Self::OidcProvider | Self::ManagedPolicy | Self::Role => &[],
        }
    }

    /// The member with a secret, which only a request has, and what a file has instead.
    const fn secret_member(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::SamlProvider => Some(("AddPrivateKey", "PrivateKeyFile")),
            Self::AccessKey => Some(("SecretAccessKey", "SecretFile or SecretVariable")),
            Self::OidcProvider | Self::ManagedPolicy | Self::Role | Self::Pool => None,
        }
    }

    /// The members of the API's answers that say nothing about what to make; they are left out.
    const fn answer_members(self) -> &'static [&'static str] {
        match self {
            Self::OidcProvider => &["CreateDate", "ResponseMetadata"],
            Self::SamlProvider => &[
                "CreateDate",
                "PrivateKeyList",
                "ResponseMetadata",
                "SAMLProviderUUID",
                "ValidUntil",
            ],
            Self::AccessKey => &["CreateDate"],
            Self::ManagedPolicy => &[
                "Arn",
                "AttachmentCount",
                "CreateDate",
                "DefaultVersionId",
                "IsAttachable",
                "PermissionsBoundaryUsageCount",
                "PolicyId",
                "UpdateDate",
            ],
            Self::Role => &["Arn", "CreateDate", "RoleId", "RoleLastUsed"],
            Self::Pool => &["ResponseMetadata"],
        }
    }
}

/// A document with objects.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SeedDocument {
    /// The name of the seed: 1 to 64 of `[A-Za-z0-9_.-]`. Only a seed with a name is pruned.
    pub name: Option<String>,
    /// The objects, in the order in which they are made.
    pub objects: Vec<SeedObject>,
}

/// An object of a seed.
#[derive(Debug, Clone, PartialEq)]
pub struct SeedObject {
    /// Its kind.
    pub kind: ObjectKind,
    /// Its path in the document, such as `pools[0]`.
    pub path: String,
    /// Its members, named as in the API.
    pub members: Map<String, Value>,
}

impl SeedObject {
    /// The text of a member; `None` if it has no such member, or not as a string.
    pub fn text(&self, member: &str) -> Option<&str> {
        self.members.get(member).and_then(Value::as_str)
    }

    /// Its name: an id, an issuer or a name.
    pub fn name(&self) -> &str {
        self.text(self.kind.name_member()).unwrap_or_default()
    }
}

impl SeedDocument {
    /// Whether the document has an object of this kind and name.
    pub fn has(&self, kind: ObjectKind, name: &str) -> bool {
        let mut members = Map::new();
        members.insert(kind.name_member().to_owned(), Value::from(name));
        let named = SeedObject {
            kind,
            path: String::new(),
            members,
        };
        let mut objects = self.objects.iter();
        objects.any(|object| reader::is_same(object, &named))
    }

    /// The document as it is sent to a server: one JSON object.
    pub fn to_json(&self) -> Value {
        let mut document = Map::new();
        if let Some(name) = &self.name {
            document.insert("seed".to_owned(), Value::from(name.as_str()));
        }
        for kind in ObjectKind::ALL {
            let objects = self.objects.iter().filter(|object| object.kind == kind);
            let objects: Vec<Value> = objects
                .map(|object| Value::from(object.members.clone()))
                .collect();
            if !objects.is_empty() {
                document.insert(kind.list().to_owned(), Value::from(objects));
            }
        }
        Value::from(document)
    }
}

/// Why a document is no seed: where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct SeedError {
    /// The path, such as `pools[0].RoleMappings`; empty for the document as a whole.
    pub path: String,
    /// What is wrong, and what to do.
    pub problem: String,
}

impl SeedError {
    fn new(path: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            problem: problem.into(),
        }
    }
}

impl fmt::Display for SeedError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            formatter.write_str(&self.problem)
        } else {
            write!(formatter, "{}: {}", self.path, self.problem)
        }
    }
}

/// Who reads a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeedSource {
    /// A file, which names secrets by file or variable.
    File,
    /// A request, in which the secrets are.
    Request,
}

/// The record of which seed made an object. It stays after the object is deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeedMark {
    /// The kind of the object's record.
    pub kind: String,
    /// The key of the object's record.
    pub key: String,
    /// The name of the seed.
    pub seed: String,
    /// The unique id of the object, which a later object with the same name doesn't have.
    pub object: String,
    /// The version of its record.
    #[serde(skip)]
    pub version: u64,
}
