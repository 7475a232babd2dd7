//! Objects as a seed describes them, without secrets: for an export, and for the difference that a change makes.

use serde_json::{Map, Value, json};

use super::pools;
use crate::app::staging::{self, StoredObject};
use crate::app::{Call, roles};
use crate::error::Error;
use crate::model::access_key::AccessKeyRecord;
use crate::model::iam_role::Role;
use crate::model::json;
use crate::model::managed_policy::ManagedPolicy;
use crate::model::pool::Pool;
use crate::model::provider::{OidcProvider, SamlProvider};
use crate::model::seed::{SeedDocument, SeedObject};
use crate::model::tags::Tags;
use crate::operations::admin::pool_settings;
use crate::operations::cognito_identity::pool_members::IdentityPool;

/// The members of an object.
pub(in crate::operations) fn members(
    call: &Call<'_>,
    object: &StoredObject,
) -> Result<Map<String, Value>, Error> {
    let described = match object {
        StoredObject::OidcProvider(provider) => oidc_provider(provider),
        StoredObject::SamlProvider(provider) => saml_provider(provider),
        StoredObject::AccessKey(key) => access_key(key),
        StoredObject::ManagedPolicy(policy) => managed_policy(policy),
        StoredObject::Role(role) => self::role(role),
        StoredObject::Pool(pool) => self::pool(call, pool)?,
    };
    match described {
        Value::Object(members) => Ok(members),
        _ => Ok(Map::new()),
    }
}

/// All objects of the server.
pub(in crate::operations) fn everything(call: &Call<'_>) -> Result<SeedDocument, Error> {
    let mut document = SeedDocument::default();
    for (kind, object) in staging::objects(call.app)? {
        document.objects.push(SeedObject {
            kind,
            path: String::new(),
            members: members(call, &object)?,
        });
    }
    Ok(document)
}

fn oidc_provider(provider: &OidcProvider) -> Value {
    json!({
        "Url": provider.issuer,
        "ClientIDList": provider.client_ids,
        "ThumbprintList": provider.thumbprints,
        "Tags": tags(&provider.tags),
    })
}

/// The private keys are left out: a seed that makes the provider elsewhere names one, or is refused.
fn saml_provider(provider: &SamlProvider) -> Value {
    let mut described = json!({
        "Name": provider.arn.name(),
        "SAMLMetadataDocument": provider.document,
    });
    if let Some(mode) = provider.encryption {
        described["AssertionEncryptionMode"] = json!(mode);
    }
    described["Tags"] = tags(&provider.tags);
    described
}

/// The id is left out: on another server, it belongs to another key.
fn access_key(key: &AccessKeyRecord) -> Value {
    json!({
        "Name": key.name,
        "Status": if key.enabled { "Active" } else { "Inactive" },
        "Policy": document(&key.policy),
    })
}

/// The version in force: the others are of this server alone.
fn managed_policy(policy: &ManagedPolicy) -> Value {
    let mut described = json!({ "PolicyName": policy.arn.name(), "Path": policy.arn.path() });
    if let Some(description) = &policy.description {
        described["Description"] = json!(description);
    }
    described["PolicyDocument"] = document(policy.document().unwrap_or_default());
    described["Tags"] = tags(&policy.tags);
    described
}

fn role(role: &Role) -> Value {
    let policies = role.policies.iter();
    let policies: Map<String, Value> = policies
        .map(|(name, policy)| (name.clone(), document(policy)))
        .collect();
    let mut described = json!({ "RoleName": role.arn.name(), "Path": roles::path(&role.arn) });
    if let Some(description) = &role.description {
        described["Description"] = json!(description);
    }
    described["MaxSessionDuration"] = json!(role.max_session_duration);
    described["AssumeRolePolicyDocument"] = document(&role.trust);
    described["Policies"] = Value::from(policies);
    described["AttachedPolicies"] = json!(role.attached);
    if let Some(boundary) = &role.boundary {
        described["PermissionsBoundary"] = json!(boundary);
    }
    described["Tags"] = tags(&role.tags);
    described
}

fn pool(call: &Call<'_>, pool: &Pool) -> Result<Value, Error> {
    let mut described = json!(IdentityPool::of(call, pool)?);
    // The description has the consumer secrets; the stored settings have the consumer keys alone.
    if !pool.settings.supported_login_providers.is_empty() {
        described["SupportedLoginProviders"] = json!(pool.settings.supported_login_providers);
    }
    for (name, value) in pools::roles(pool) {
        described[name.as_str()] = value;
    }
    let maps = pool.tag_maps.iter().map(|(provider, map)| {
        json!({
            "IdentityProviderName": provider,
            "UseDefaults": map.use_defaults,
            "PrincipalTags": map.tags,
        })
    });
    let maps: Vec<Value> = maps.collect();
    if !maps.is_empty() {
        described["PrincipalTagAttributeMaps"] = Value::from(maps);
    }
    described["Settings"] = pool_settings::document(pool);
    Ok(described)
}

fn tags(tags: &Tags) -> Value {
    let tags = tags.iter();
    tags.map(|(key, value)| json!({ "Key": key, "Value": value }))
        .collect()
}

/// A document as an object, if it is written again to the byte; otherwise as its text.
fn document(text: &str) -> Value {
    let read = json::read(text.as_bytes()).ok();
    let read = read.filter(Value::is_object);
    let written = read.as_ref().map(Value::to_string);
    match read {
        Some(value) if written.as_deref() == Some(text) => value,
        _ => Value::from(text),
    }
}
