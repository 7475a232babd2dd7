//! The condition keys of a request, by their owners: the caller, the request's parameters, the resource and the connection.
//! Only `context` puts them together.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>

use super::resource::Resource;
use crate::app::providers::{oidc, saml};
use crate::app::{Call, managed_policies, pools, roles};
use crate::model::ids::{OidcProviderArn, PoolId, RoleArn, SamlProviderArn};
use crate::model::managed_policy::PolicyArn;
use crate::policy::{Context, KeyOwner, OwnedKeys};
use crate::store::StoreError;

mod caller_keys;
mod request_keys;
#[cfg(test)]
mod tests;

pub use caller_keys::{CallerKeys, SamlValues};
pub use request_keys::RequestKeys;

/// The condition keys and values of a request.
pub(in crate::app) fn context(
    call: &Call<'_>,
    caller: CallerKeys,
    request: RequestKeys,
    resource: &Resource,
) -> Result<Context, StoreError> {
    let [principal, login] = caller.into_owned();
    Ok(Context::of([
        principal,
        login,
        request.into_owned(),
        resource_keys(call, resource.as_str())?,
        connection_keys(call),
    ]))
}

/// The keys of the connection and of the moment.
fn connection_keys(call: &Call<'_>) -> OwnedKeys {
    let mut keys = OwnedKeys::new(KeyOwner::Connection);
    keys.set("aws:CurrentTime", call.now.to_string());
    keys.set("aws:EpochTime", call.now.as_second().to_string());
    let connection = &call.connection;
    keys.set("aws:SecureTransport", connection.is_secure.to_string());
    if let Some(client) = connection.client {
        keys.set("aws:SourceIp", client.to_string());
    }
    if let Some(text) = &connection.user_agent {
        keys.set("aws:UserAgent", text.as_str());
    }
    if let Some(text) = &connection.referer {
        keys.set("aws:Referer", text.as_str());
    }
    if let Some(region) = &call.region {
        keys.set("aws:RequestedRegion", region.as_str());
    }
    // No service calls this server for another caller.
    for key in [
        "aws:ViaAWSService",
        "aws:ViaAWSMCPService",
        "aws:IsMcpServiceAction",
    ] {
        keys.set(key, "false");
    }
    keys
}

/// The keys of the resource with this name: its account and its tags.
fn resource_keys(call: &Call<'_>, name: &str) -> Result<OwnedKeys, StoreError> {
    let mut keys = OwnedKeys::new(KeyOwner::Resource);
    let account = name.split(':').nth(4).filter(|part| !part.is_empty());
    let own = call.app.config.account_id.as_str();
    keys.set("aws:ResourceAccount", account.unwrap_or(own));
    let mut tag = |key: &str, value: &str| {
        keys.set(&format!("aws:ResourceTag/{key}"), value);
        keys.set(&format!("iam:ResourceTag/{key}"), value);
    };
    if let Some(arn) = RoleArn::parse(name) {
        if let Some(role) = roles::find_by_arn(call, &arn)? {
            role.tags.iter().for_each(|(key, value)| tag(key, value));
        }
    } else if let Some(arn) = OidcProviderArn::parse(name) {
        let provider = oidc::record(call, arn.name())?;
        if let Some(provider) = provider.filter(|provider| provider.arn == arn) {
            let tags = provider.tags.iter();
            tags.for_each(|(key, value)| tag(key, value));
        }
    } else if let Some(arn) = SamlProviderArn::parse(name) {
        if let Some(provider) = saml::record(call, &arn)? {
            let tags = provider.tags.iter();
            tags.for_each(|(key, value)| tag(key, value));
        }
    } else if let Some(arn) = PolicyArn::parse(name) {
        if let Some(policy) = managed_policies::record(call, &arn)? {
            policy.tags.iter().for_each(|(key, value)| tag(key, value));
        }
    } else if let Some((_, id)) = name.split_once(":identitypool/")
        && let Some(id) = PoolId::parse(id)
    {
        if let Some(pool) = pools::record(call.app, &id)? {
            for (key, value) in &pool.settings.tags {
                keys.set(&format!("aws:ResourceTag/{key}"), value);
            }
        }
        keys.set("cognito-identity:IdentityPoolArn", name);
    }
    Ok(keys)
}
