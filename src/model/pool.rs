//! The record of an identity pool, which CreateIdentityPool, UpdateIdentityPool and SetIdentityPoolRoles write.

use indexmap::{IndexMap, IndexSet};
use serde::{Deserialize, Serialize};

use super::credentials_duration::CredentialsDuration;
use super::ids::{OidcProviderArn, PoolId, RoleArn, SamlProviderArn};
use super::login_client::LoginClient;
use super::principal_tags::TagMap;
use super::roles::{MappedBy, RoleMapping};
use super::tags::Tags;
use super::tags::stored::by_key;

/// An identity pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    /// Its id.
    pub id: PoolId,
    /// The version of its record, by which a change never overwrites a change that it didn't see.
    #[serde(skip)]
    pub version: u64,
    /// Distinguishes it from an earlier pool with the same id; its identities and logins carry it.
    #[serde(default)]
    pub incarnation: u64,
    /// The owner's settings.
    pub settings: PoolSettings,
    /// The roles of its identities.
    pub roles: Roles,
    /// Which claims become tags of a session, by provider: the keys of role mappings, and user pools without a client.
    #[serde(default)]
    pub tag_maps: IndexMap<String, TagMap>,
    /// How long credentials of its identities last.
    #[serde(default)]
    pub credentials: CredentialsDuration,
    /// Whether GetOpenIdToken gives a token again while it states the same and has more than half of its life left.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reuse_open_id_tokens: bool,
    /// The public client with which its people sign in on a command line. It is published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login_client: Option<LoginClient>,
}

impl Pool {
    /// A new pool without roles, with the default of each of Cognate's own settings.
    pub fn new(id: PoolId, settings: PoolSettings) -> Self {
        Self {
            id,
            version: 1,
            incarnation: 0,
            settings,
            roles: Roles::default(),
            tag_maps: IndexMap::new(),
            credentials: CredentialsDuration::default(),
            reuse_open_id_tokens: false,
            login_client: None,
        }
    }

    /// Whether both versions of the pool accept the same logins and guests, so that the same users get its roles.
    pub fn accepts_the_same_as(&self, other: &Self) -> bool {
        // Name every member, so that a new one can't be forgotten here.
        let Self {
            id: _,
            version: _,
            incarnation: _,
            settings,
            roles: _,
            tag_maps: _,
            credentials: _,
            reuse_open_id_tokens: _,
            login_client: _,
        } = self;
        settings.accepts_the_same_as(&other.settings)
    }
}

/// The owner's settings of a pool. An update replaces all of them, with the exceptions at the members.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolSettings {
    /// The name: 1 to 128 of `[\w\s+=,.@-]`; need not be unique.
    pub name: String,
    /// Whether guests get identities.
    pub allow_unauthenticated: bool,
    /// Whether the classic flow is allowed. `None` means true and isn't shown.
    pub allow_classic_flow: Option<bool>,
    /// Public providers by their `Logins` key, with the app's id there; at most 10. Of Twitter and Digits, the consumer
    /// key alone.
    pub supported_login_providers: IndexMap<String, String>,
    /// The consumer secrets of Twitter and Digits by their `Logins` key, sealed, in base64.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub sealed_consumer_secrets: IndexMap<String, String>,
    /// The name of the developer provider; it can't change once set.
    pub developer_provider_name: Option<String>,
    /// Registered OpenID Connect providers.
    pub oidc_provider_arns: Vec<OidcProviderArn>,
    /// Registered SAML providers.
    #[serde(default)]
    pub saml_provider_arns: Vec<SamlProviderArn>,
    /// Clients of user pools; a user pool may have several.
    pub user_pool_clients: Vec<UserPoolClient>,
    /// The tags; an update without tags keeps them.
    #[serde(with = "by_key")]
    pub tags: Tags,
}

impl PoolSettings {
    /// Whether the pool has any provider; a developer provider counts.
    pub fn has_providers(&self) -> bool {
        !self.supported_login_providers.is_empty()
            || self.developer_provider_name.is_some()
            || !self.oidc_provider_arns.is_empty()
            || !self.saml_provider_arns.is_empty()
            || !self.user_pool_clients.is_empty()
    }
}

impl PoolSettings {
    /// Whether both settings accept the same logins and guests.
    fn accepts_the_same_as(&self, other: &Self) -> bool {
        // Name every member, so that a new one can't be forgotten here.
        let Self {
            name: _,
            allow_unauthenticated,
            allow_classic_flow: _,
            supported_login_providers,
            sealed_consumer_secrets: _,
            developer_provider_name,
            oidc_provider_arns,
            saml_provider_arns,
            user_pool_clients,
            tags: _,
        } = self;
        *allow_unauthenticated == other.allow_unauthenticated
            && *supported_login_providers == other.supported_login_providers
            && *developer_provider_name == other.developer_provider_name
            && *oidc_provider_arns == other.oidc_provider_arns
            && *saml_provider_arns == other.saml_provider_arns
            && *user_pool_clients == other.user_pool_clients
    }
}

/// A client of a Cognito user pool; the identity pool accepts its ID tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserPoolClient {
    /// The user pool: `cognito-idp.REGION.amazonaws.com/POOL`.
    pub provider_name: String,
    /// The client's id: the `aud` of its ID tokens.
    pub client_id: String,
    /// Whether the user pool must confirm that the user is still signed in.
    pub server_side_token_check: bool,
}

/// The roles of a pool.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roles {
    /// The role of signed-in identities.
    pub authenticated: Option<RoleArn>,
    /// The role of guests.
    pub unauthenticated: Option<RoleArn>,
    /// The role mappings by provider: a host, `cognito-idp.REGION.amazonaws.com/POOL:CLIENT`, or the ARN of
    /// a registered provider; at most 10.
    #[serde(default)]
    pub mappings: IndexMap<String, RoleMapping>,
}

impl Roles {
    /// The roles that the pool names, each once, and whether tokens may name others.
    pub fn named(&self) -> (IndexSet<&RoleArn>, bool) {
        let mut named: IndexSet<&RoleArn> = IndexSet::new();
        named.extend(self.authenticated.iter().chain(&self.unauthenticated));
        let mut by_token = false;
        for mapping in self.mappings.values() {
            match &mapping.by {
                MappedBy::Token => by_token = true,
                MappedBy::Rules(rules) => named.extend(rules.iter().map(|rule| &rule.role)),
            }
        }
        (named, by_token)
    }
}

/// A deleted pool with identities that are still to be deleted.
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
