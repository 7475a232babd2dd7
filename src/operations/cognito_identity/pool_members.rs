//! What CreateIdentityPool and UpdateIdentityPool take and answer with: the members of an identity pool.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::tagging;
use crate::app::Call;
use crate::app::access::authorise;
use crate::app::access::condition_keys::RequestKeys;
use crate::app::access::resource::Resource;
use crate::app::providers::{consumer_secrets, oidc, saml};
use crate::app::test_issuer;
use crate::error::{Code, Error};
use crate::model::ids::{OidcProviderArn, PoolId, SamlProviderArn};
use crate::model::pool::{Pool, PoolSettings, UserPoolClient};
use crate::model::provider::{OWN, ProviderKind, PublicProvider, user_pool};
use crate::model::tags::Tags;

/// How many user pool clients a pool may have.
const USER_POOL_CLIENTS: usize = 50;

/// The members that an owner sets.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PoolMembers {
    identity_pool_name: String,
    allow_unauthenticated_identities: bool,
    allow_classic_flow: Option<bool>,
    #[serde(default)]
    supported_login_providers: IndexMap<String, String>,
    pub(super) developer_provider_name: Option<String>,
    #[serde(default, rename = "OpenIdConnectProviderARNs")]
    open_id_connect_provider_arns: Vec<String>,
    #[serde(default)]
    cognito_identity_providers: Vec<CognitoIdentityProvider>,
    #[serde(default, rename = "SamlProviderARNs")]
    saml_provider_arns: Vec<String>,
    pub(super) identity_pool_tags: Option<IndexMap<String, String>>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct CognitoIdentityProvider {
    provider_name: Option<String>,
    client_id: Option<String>,
    server_side_token_check: Option<bool>,
}

/// The description of a pool.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct IdentityPool {
    identity_pool_id: PoolId,
    identity_pool_name: String,
    allow_unauthenticated_identities: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    allow_classic_flow: Option<bool>,
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    supported_login_providers: IndexMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    developer_provider_name: Option<String>,
    #[serde(
        rename = "OpenIdConnectProviderARNs",
        skip_serializing_if = "Vec::is_empty"
    )]
    open_id_connect_provider_arns: Vec<OidcProviderArn>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cognito_identity_providers: Vec<CognitoIdentityProvider>,
    #[serde(rename = "SamlProviderARNs", skip_serializing_if = "Vec::is_empty")]
    saml_provider_arns: Vec<SamlProviderArn>,
    identity_pool_tags: Tags,
}

impl IdentityPool {
    /// The description of a pool, with its consumer secrets.
    pub(in crate::operations) fn of(call: &Call<'_>, pool: &Pool) -> Result<Self, Error> {
        let supported_login_providers = consumer_secrets::apps(call, pool)?;
        let settings = pool.settings.clone();
        let clients =
            settings
                .user_pool_clients
                .into_iter()
                .map(|client| CognitoIdentityProvider {
                    provider_name: Some(client.provider_name),
                    client_id: Some(client.client_id),
                    server_side_token_check: Some(client.server_side_token_check),
                });
        Ok(Self {
            identity_pool_id: pool.id.clone(),
            identity_pool_name: settings.name,
            allow_unauthenticated_identities: settings.allow_unauthenticated,
            allow_classic_flow: settings.allow_classic_flow,
            supported_login_providers,
            developer_provider_name: settings.developer_provider_name,
            open_id_connect_provider_arns: settings.oidc_provider_arns,
            cognito_identity_providers: clients.collect(),
            saml_provider_arns: settings.saml_provider_arns,
            identity_pool_tags: settings.tags,
        })
    }
}

impl PoolMembers {
    /// Sets the condition keys of the tags that are to be set.
    pub(super) fn set_tag_keys(&self, keys: &mut RequestKeys) {
        if let Some(tags) = &self.identity_pool_tags {
            tagging::set_keys(tags, keys);
        }
    }

    /// Checks that the signer may tag the pool, where tags are to be set.
    pub(super) fn authorise_tags(&self, call: &Call<'_>, pool: &PoolId) -> Result<(), Error> {
        if self
            .identity_pool_tags
            .as_ref()
            .is_none_or(IndexMap::is_empty)
        {
            return Ok(());
        }
        let mut keys = RequestKeys::default();
        self.set_tag_keys(&mut keys);
        let pool = Resource::pool(pool, &call.app.config.account_id);
        authorise::check(call, "cognito-identity:TagResource", &pool, keys)
    }

    /// The settings of the pool `pool` from these members, if they are consistent and all named providers exist. Without
    /// tags among the members, it has the tags `kept`.
    pub(super) fn settings(
        self,
        call: &Call<'_>,
        pool: &PoolId,
        kept: &Tags,
    ) -> Result<PoolSettings, Error> {
        let oidc_provider_arns = registered(call, pool, &self.open_id_connect_provider_arns)?;
        let saml_provider_arns = registered_saml(call, &self.saml_provider_arns)?;
        check_login_providers(&self.supported_login_providers)?;
        if let Some(name) = &self.developer_provider_name {
            check_developer_provider(name, &oidc_provider_arns)?;
        }
        let tags = match self.identity_pool_tags {
            Some(tags) => Tags::of(tags).map_err(|error| tagging::refused(&error))?,
            None => kept.clone(),
        };
        tagging::check(&tags)?;
        let mut settings = PoolSettings {
            name: self.identity_pool_name,
            allow_unauthenticated: self.allow_unauthenticated_identities,
            allow_classic_flow: self.allow_classic_flow,
            developer_provider_name: self.developer_provider_name,
            oidc_provider_arns,
            saml_provider_arns,
            user_pool_clients: user_pool_clients(call, self.cognito_identity_providers)?,
            tags,
            ..PoolSettings::default()
        };
        consumer_secrets::set_apps(call, pool, &mut settings, self.supported_login_providers)?;
        Ok(settings)
    }
}

fn invalid(text: String) -> Error {
    Code::InvalidParameter.because(text)
}

/// The providers with these ARNs, each once, all of them registered, and the pool may trust them.
fn registered(
    call: &Call<'_>,
    pool: &PoolId,
    arns: &[String],
) -> Result<Vec<OidcProviderArn>, Error> {
    let mut found: Vec<OidcProviderArn> = Vec::new();
    for text in arns {
        let missing = || invalid(format!("OpenIDConnect Provider not found for arn {text}"));
        let arn = OidcProviderArn::parse(text).ok_or_else(missing)?;
        let provider = oidc::record(call, arn.name())?;
        let provider = provider.filter(|provider| provider.arn == arn);
        let provider = provider.ok_or_else(missing)?;
        if !test_issuer::may_trust(pool, &provider) {
            return Err(invalid(format!(
                "Only the demo pool of cognate dev can trust its test issuer, {text}."
            )));
        }
        if !found.contains(&arn) {
            found.push(arn);
        }
    }
    Ok(found)
}

/// The SAML providers with these ARNs, each once, all of them registered.
fn registered_saml(call: &Call<'_>, arns: &[String]) -> Result<Vec<SamlProviderArn>, Error> {
    let mut found: Vec<SamlProviderArn> = Vec::new();
    for text in arns {
        let missing = || invalid(format!("SAML provider not found for arn {text}"));
        let arn = SamlProviderArn::parse(text).ok_or_else(missing)?;
        if saml::record(call, &arn)?.is_none() {
            return Err(missing());
        }
        if !found.contains(&arn) {
            found.push(arn);
        }
    }
    Ok(found)
}

fn check_login_providers(providers: &IndexMap<String, String>) -> Result<(), Error> {
    match providers
        .keys()
        .find(|key| PublicProvider::named(key).is_none())
    {
        Some(key) => Err(invalid(format!("{key} is not a supported login provider."))),
        None => Ok(()),
    }
}

/// Checks that the name of a developer provider can't be mistaken for another provider in a `Logins` map, in `amr` or in a
/// condition on either.
fn check_developer_provider(name: &str, oidc_providers: &[OidcProviderArn]) -> Result<(), Error> {
    let taken = matches!(name, "authenticated" | "unauthenticated" | OWN)
        || !matches!(ProviderKind::of(name), ProviderKind::OpenIdConnect)
        || oidc_providers.iter().any(|arn| arn.name() == name);
    if taken {
        Err(invalid(format!(
            "{name} is not a valid developer provider name."
        )))
    } else {
        Ok(())
    }
}

fn user_pool_clients(
    call: &Call<'_>,
    providers: Vec<CognitoIdentityProvider>,
) -> Result<Vec<UserPoolClient>, Error> {
    let mut clients: Vec<UserPoolClient> = Vec::new();
    for provider in providers {
        let (Some(provider_name), Some(client_id)) = (provider.provider_name, provider.client_id)
        else {
            return Err(invalid("Invalid Cognito Identity Provider".to_owned()));
        };
        if user_pool(&provider_name).is_none() {
            return Err(invalid("Invalid Cognito Identity Provider".to_owned()));
        }
        let server_side_token_check = provider.server_side_token_check == Some(true);
        // A check that the server can't make is refused, not ignored.
        if server_side_token_check && call.app.config.user_pools.is_none() {
            return Err(invalid(
                "ServerSideTokenCheck needs the access key that user_pools.access_key_id in this server's \
                 configuration names: user pools are asked with it."
                    .to_owned(),
            ));
        }
        if clients
            .iter()
            .any(|one| one.provider_name == provider_name && one.client_id == client_id)
        {
            return Err(invalid(format!(
                "Duplicate Cognito Identity Provider: {provider_name}:{client_id}"
            )));
        }
        clients.push(UserPoolClient {
            provider_name,
            client_id,
            server_side_token_check,
        });
    }
    if clients.len() > USER_POOL_CLIENTS {
        return Err(invalid(format!(
            "A pool has at most {USER_POOL_CLIENTS} Cognito Identity Providers."
        )));
    }
    Ok(clients)
}
