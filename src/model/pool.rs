//! An identity pool's record: what CreateIdentityPool, UpdateIdentityPool and SetIdentityPoolRoles write.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::credentials_duration::CredentialsDuration;
use super::ids::{OidcProviderArn, PoolId, RoleArn, SamlProviderArn};
use super::principal_tags::TagMap;
use super::roles::RoleMapping;

/// An identity pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    /// Its id.
    pub id: PoolId,
    /// The version of its record, by which a change never overwrites a change that it didn't see.
    #[serde(skip)]
    pub version: u64,
    /// Tells it from an earlier pool with the same id; its identities and logins carry it.
    #[serde(default)]
    pub incarnation: u64,
    /// What its owner sets.
    pub settings: PoolSettings,
    /// The roles that its identities get.
    pub roles: Roles,
    /// Which claims become tags of a session, by provider: the keys of role mappings, and user pools without a client.
    #[serde(default)]
    pub tag_maps: IndexMap<String, TagMap>,
    /// How long credentials of its identities last.
    #[serde(default)]
    pub credentials: CredentialsDuration,
}

/// What the owner of a pool sets. An update replaces all of it, but for what is said at the members.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolSettings {
    /// 1 to 128 of `[\w\s+=,.@-]`; need not be unique.
    pub name: String,
    /// Whether guests get identities.
    pub allow_unauthenticated: bool,
    /// `None` behaves as `Some(true)` and is not shown.
    pub allow_classic_flow: Option<bool>,
    /// Public providers by their `Logins` key, with the app's id there; at most 10. Of Twitter and Digits, the consumer
    /// key alone.
    pub supported_login_providers: IndexMap<String, String>,
    /// The consumer secrets of Twitter and Digits by their `Logins` key, sealed, in base64.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub sealed_consumer_secrets: IndexMap<String, String>,
    /// Under what name the developer's own users log in; once set it stays.
    pub developer_provider_name: Option<String>,
    /// Registered OpenID Connect providers.
    pub oidc_provider_arns: Vec<OidcProviderArn>,
    /// Registered SAML providers.
    #[serde(default)]
    pub saml_provider_arns: Vec<SamlProviderArn>,
    /// User pools, with one client each; a pool may stand here with several clients.
    pub user_pool_clients: Vec<UserPoolClient>,
    /// Tags; an update that names none leaves them.
    pub tags: IndexMap<String, String>,
}

impl PoolSettings {
    /// Whether any login at all could be good here; a developer provider counts.
    pub fn has_providers(&self) -> bool {
        !self.supported_login_providers.is_empty()
            || self.developer_provider_name.is_some()
            || !self.oidc_provider_arns.is_empty()
            || !self.saml_provider_arns.is_empty()
            || !self.user_pool_clients.is_empty()
    }
}

/// A client of a Cognito user pool whose ID tokens the pool takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserPoolClient {
    /// `cognito-idp.REGION.amazonaws.com/POOL`
    pub provider_name: String,
    /// The client's id: the `aud` of its ID tokens.
    pub client_id: String,
    /// Whether the user pool is to be asked if the user is still signed in.
    pub server_side_token_check: bool,
}

/// The roles of a pool.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roles {
    /// For identities that are signed in.
    pub authenticated: Option<RoleArn>,
    /// For guests.
    pub unauthenticated: Option<RoleArn>,
    /// How a login chooses another role, by provider: a host, `cognito-idp.REGION.amazonaws.com/POOL:CLIENT`, or the ARN of
    /// a registered provider; at most 10.
    #[serde(default)]
    pub mappings: IndexMap<String, RoleMapping>,
}

/// A deleted pool whose identities are still to be deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletedPool {
    /// The pool's UUID.
    pub id: uuid::Uuid,
    /// The incarnation that was deleted.
    pub incarnation: u64,
    /// The version of its record.
    #[serde(skip)]
    pub version: u64,
}
