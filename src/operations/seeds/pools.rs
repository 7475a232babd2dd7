//! The identity pools of a seed.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::step::{cognate, identity, only};
use crate::app::providers::consumer_secrets;
use crate::app::{Call, pool_ids, pools};
use crate::error::{Code, Error};
use crate::model::ids::PoolId;
use crate::model::pool::Pool;
use crate::model::provider::PublicProvider;
use crate::model::seed::{SeedObject, unknown_member};
use crate::operations::admin::pool_settings;
use crate::operations::cognito_identity::create_identity_pool::CreateIdentityPool;
use crate::operations::cognito_identity::get_identity_pool_roles::GetIdentityPoolRolesOutput;
use crate::operations::cognito_identity::update_identity_pool::UpdateIdentityPool;
use crate::operations::unfit;

/// The members that CreateIdentityPool and UpdateIdentityPool take.
const OWN: [&str; 9] = [
    "IdentityPoolName",
    "AllowUnauthenticatedIdentities",
    "AllowClassicFlow",
    "SupportedLoginProviders",
    "DeveloperProviderName",
    "OpenIdConnectProviderARNs",
    "CognitoIdentityProviders",
    "SamlProviderARNs",
    "IdentityPoolTags",
];

/// Makes or changes the pool with this id. Parts that other operations set (roles, tag maps, Cognate's settings) stay as
/// they are where the seed doesn't have them.
pub(super) async fn apply(
    call: &Call<'_>,
    id: &PoolId,
    object: &SeedObject,
    reuse: bool,
) -> Result<(), Error> {
    let mut members = only(&object.members, &OWN);
    match pools::record(call.app, id)? {
        None => create(call, id, members, reuse).await?,
        Some(pool) if !members.is_empty() => {
            keep_consumer_secrets(call, &pool, &mut members)?;
            refuse_keys_without_secrets(&members)?;
            update(call, &pool, members).await?;
        }
        Some(_) => {}
    }
    set_roles(call, id, object).await?;
    set_tag_maps(call, id, object).await?;
    set_settings(call, id, object).await
}

async fn create(
    call: &Call<'_>,
    id: &PoolId,
    members: Map<String, Value>,
    reuse: bool,
) -> Result<(), Error> {
    refuse_keys_without_secrets(&members)?;
    let mut input = Value::from(members);
    let step = identity("CreateIdentityPool");
    step.check(&mut input)?;
    step.authorised(call, &input).await?;
    pool_ids::check_choice(call, id, reuse)?;
    let request = CreateIdentityPool::deserialize(&input).map_err(unfit)?;
    request.create(call, id.clone()).await.map(drop)
}

/// Refuses consumer keys alone, which are those of an export, with words about seeds.
fn refuse_keys_without_secrets(members: &Map<String, Value>) -> Result<(), Error> {
    let Some(Value::Object(apps)) = members.get("SupportedLoginProviders") else {
        return Ok(());
    };
    let has_secret =
        |key: &str| PublicProvider::named(key).is_some_and(PublicProvider::has_consumer_secret);
    let alone = apps
        .iter()
        .find(|(key, app)| has_secret(key) && app.as_str().is_some_and(|app| !app.contains(';')));
    match alone {
        None => Ok(()),
        Some((key, _)) => Err(Code::InvalidParameter.because(format!(
            "SupportedLoginProviders.{key}: name the consumer secret in ConsumerSecretFiles or ConsumerSecretVariables."
        ))),
    }
}

async fn update(call: &Call<'_>, pool: &Pool, members: Map<String, Value>) -> Result<(), Error> {
    let mut input = Value::from(members);
    input["IdentityPoolId"] = json!(pool.id);
    let step = identity("UpdateIdentityPool");
    step.check(&mut input)?;
    let request = UpdateIdentityPool::deserialize(&input).map_err(unfit)?;
    if request.changes_nothing(call, pool)? {
        return Ok(());
    }
    step.run(call, input).await
}

/// Keeps the consumer secret of an app that the seed names by its consumer key alone, if the pool has the same app.
fn keep_consumer_secrets(
    call: &Call<'_>,
    pool: &Pool,
    members: &mut Map<String, Value>,
) -> Result<(), Error> {
    let apps = consumer_secrets::apps(call, pool)?;
    let Some(Value::Object(wanted)) = members.get_mut("SupportedLoginProviders") else {
        return Ok(());
    };
    for (key, value) in wanted {
        let stored = apps.get(key).filter(|stored| {
            let pair = stored.split_once(';');
            pair.is_some_and(|(consumer, _)| value.as_str() == Some(consumer))
        });
        if let Some(stored) = stored {
            *value = json!(stored);
        }
    }
    Ok(())
}

/// The pool as it is staged now.
fn find(call: &Call<'_>, id: &PoolId) -> Result<std::sync::Arc<Pool>, Error> {
    pools::find_for_admin(call, &id.to_string())
}

async fn set_roles(call: &Call<'_>, id: &PoolId, object: &SeedObject) -> Result<(), Error> {
    let mut input = only(&object.members, &["Roles", "RoleMappings"]);
    if input.is_empty() {
        return Ok(());
    }
    let pool = find(call, id)?;
    let shown = roles(&pool);
    for (name, value) in &shown {
        if !input.contains_key(name) {
            input.insert(name.clone(), value.clone());
        }
    }
    let is_same = input == shown;
    let mut input = Value::from(input);
    input["IdentityPoolId"] = json!(id);
    let step = identity("SetIdentityPoolRoles");
    step.check(&mut input)?;
    if is_same {
        return Ok(());
    }
    step.run(call, input).await
}

/// The roles and the role mappings of a pool; an empty object where it has none.
pub(super) fn roles(pool: &Pool) -> Map<String, Value> {
    let shown = serde_json::to_value(GetIdentityPoolRolesOutput::of(pool));
    let mut shown = shown.expect("roles can be written as JSON");
    let mut part = |name: &str| match shown[name].take() {
        Value::Null => json!({}),
        value => value,
    };
    let parts = [
        ("Roles", part("Roles")),
        ("RoleMappings", part("RoleMappings")),
    ];
    parts
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

async fn set_tag_maps(call: &Call<'_>, id: &PoolId, object: &SeedObject) -> Result<(), Error> {
    let Some(maps) = object.members.get("PrincipalTagAttributeMaps") else {
        return Ok(());
    };
    let Value::Array(maps) = maps else {
        return Err(Code::InvalidParameter.because("PrincipalTagAttributeMaps must be a list."));
    };
    for (at, map) in maps.iter().enumerate() {
        let mut input = map.clone();
        if !input.is_object() {
            let text = format!("PrincipalTagAttributeMaps[{at}] must be an object.");
            return Err(Code::InvalidParameter.because(text));
        }
        input["IdentityPoolId"] = json!(id);
        let step = identity("SetPrincipalTagAttributeMap");
        step.check(&mut input)?;
        let provider = input["IdentityProviderName"].as_str().unwrap_or_default();
        let pool = find(call, id)?;
        if pool.tag_maps.get(provider).is_some_and(|stored| {
            let tags = match &input["PrincipalTags"] {
                Value::Null => json!({}),
                tags => tags.clone(),
            };
            let is_empty = tags.as_object().is_some_and(Map::is_empty);
            let use_defaults = input["UseDefaults"].as_bool().unwrap_or(is_empty);
            stored.use_defaults == use_defaults && json!(stored.tags) == tags
        }) {
            continue;
        }
        step.run(call, input).await?;
    }
    Ok(())
}

async fn set_settings(call: &Call<'_>, id: &PoolId, object: &SeedObject) -> Result<(), Error> {
    let Some(settings) = object.members.get("Settings") else {
        return Ok(());
    };
    let Value::Object(settings) = settings else {
        return Err(Code::InvalidParameter.because("Settings must be an object."));
    };
    let pool = find(call, id)?;
    let before = pool_settings::document(&pool);
    let mut after = before.clone();
    for (name, value) in settings {
        if before.get(name).is_none() {
            let known = before.as_object().into_iter().flatten();
            let known: Vec<_> = known.map(|(name, _)| name.as_str()).collect();
            let path = format!("Settings.{name}");
            let error = unknown_member(&path, name, known.into_iter());
            return Err(Code::InvalidParameter.because(error.to_string()));
        }
        after[name] = value.clone();
    }
    if after == before {
        return Ok(());
    }
    let input = json!({
        "IdentityPoolId": id, "Settings": after.to_string(), "Version": pool.version,
    });
    cognate("SetPoolSettings").run(call, input).await
}
