//! The roles of a seed.

use serde_json::{Map, Value, json};

use super::document_text;
use super::step::{iam, only};
use crate::app::{Call, roles};
use crate::error::{Code, Error};
use crate::model::iam_role::Role;
use crate::model::json;
use crate::model::seed::SeedObject;
use crate::model::tags::Tags;

/// Makes or changes a role. Members that the seed doesn't have stay as they are.
pub(super) async fn apply(call: &Call<'_>, object: &SeedObject) -> Result<(), Error> {
    let mut members = only(
        &object.members,
        &[
            "RoleName",
            "Path",
            "Description",
            "MaxSessionDuration",
            "AssumeRolePolicyDocument",
            "Tags",
        ],
    );
    if let Some(trust) = members.get_mut("AssumeRolePolicyDocument") {
        *trust = document_text(trust);
    }
    let policies = policies(object)?;
    match roles::record(call, object.name())? {
        None => iam("CreateRole").run(call, Value::from(members)).await?,
        Some(role) => change(call, &role, members).await?,
    }
    match policies {
        None => Ok(()),
        Some(policies) => set_policies(call, object.name(), policies).await,
    }
}

fn policies(object: &SeedObject) -> Result<Option<Map<String, Value>>, Error> {
    match object.members.get("Policies") {
        None => Ok(None),
        Some(Value::Object(policies)) => Ok(Some(policies.clone())),
        Some(_) => Err(Code::InvalidInput
            .because("Policies must be an object: the documents of the policies by their names.")),
    }
}

async fn change(call: &Call<'_>, role: &Role, members: Map<String, Value>) -> Result<(), Error> {
    let mut input = Value::from(members);
    // CreateRole has the constraints of all members.
    if input.get("AssumeRolePolicyDocument").is_none() {
        input["AssumeRolePolicyDocument"] = json!(role.trust);
    }
    iam("CreateRole").check(&mut input)?;
    let name = &input["RoleName"];
    if let Some(path) = input["Path"].as_str()
        && path != super::describe::path(role)
    {
        return Err(Code::InvalidInput.because(format!(
            "The role exists with the path {}; a path can't change.",
            super::describe::path(role)
        )));
    }
    let trust = input["AssumeRolePolicyDocument"]
        .as_str()
        .unwrap_or_default();
    if !is_same(trust, &role.trust) {
        let input = json!({ "RoleName": name, "PolicyDocument": trust });
        iam("UpdateAssumeRolePolicy").run(call, input).await?;
    }
    let description = input.get("Description");
    let is_described = description.is_none_or(|new| *new == json!(role.description));
    let duration = input.get("MaxSessionDuration");
    if !is_described || duration.is_some_and(|new| *new != json!(role.max_session_duration)) {
        let mut update = json!({ "RoleName": name });
        for (member, value) in [
            ("Description", description),
            ("MaxSessionDuration", duration),
        ] {
            if let Some(value) = value {
                update[member] = value.clone();
            }
        }
        iam("UpdateRole").run(call, update).await?;
    }
    if let Some(tags) = input.get("Tags") {
        let (set, removed) = tag_changes(&role.tags, tags);
        if !removed.is_empty() {
            let input = json!({ "RoleName": name, "TagKeys": removed });
            iam("UntagRole").run(call, input).await?;
        }
        if !set.is_empty() {
            let input = json!({ "RoleName": name, "Tags": set });
            iam("TagRole").run(call, input).await?;
        }
    }
    Ok(())
}

/// The tags to set and the keys to remove, so that `current` become the list `wanted`, which was checked.
pub(super) fn tag_changes(current: &Tags, wanted: &Value) -> (Vec<Value>, Vec<String>) {
    let wanted = wanted.as_array().cloned().unwrap_or_default();
    let key = |tag: &Value| tag["Key"].as_str().unwrap_or_default().to_owned();
    let keys: Vec<String> = wanted.iter().map(key).collect();
    let removed = current
        .keys()
        .filter(|key| !keys.iter().any(|one| one == key));
    let removed = removed.map(str::to_owned).collect();
    let set = wanted.iter().filter(|tag| {
        let value = tag["Value"].as_str();
        value.is_none() || current.get(&key(tag)) != value
    });
    (set.cloned().collect(), removed)
}

async fn set_policies(
    call: &Call<'_>,
    name: &str,
    policies: Map<String, Value>,
) -> Result<(), Error> {
    let before = roles::find(call, name)?;
    // Removing comes first: the sizes of all policies have one limit.
    for policy in before.policies.keys() {
        if !policies.contains_key(policy) {
            let input = json!({ "RoleName": name, "PolicyName": policy });
            iam("DeleteRolePolicy").run(call, input).await?;
        }
    }
    for (policy, document) in policies {
        let document = document_text(&document);
        let text = document.as_str().unwrap_or_default();
        let stored = before.policies.get(&policy);
        if stored.is_some_and(|stored| is_same(text, stored)) {
            continue;
        }
        let input = json!({ "RoleName": name, "PolicyName": policy, "PolicyDocument": document });
        let put = iam("PutRolePolicy").run(call, input).await;
        put.map_err(|error| super::below(&format!("Policies.{policy}"), error))?;
    }
    Ok(())
}

/// Whether two documents are the same JSON.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    one == other
        || match (json::read(one.as_bytes()), json::read(other.as_bytes())) {
            (Ok(one), Ok(other)) => one == other,
            _ => false,
        }
}
