//! The roles of a seed.

use serde_json::{Map, Value, json};

use super::document_text;
use super::step::{iam, only};
use crate::app::{Call, roles};
use crate::error::{Code, Error};
use crate::model::iam_role::Role;
use crate::model::json;
use crate::model::managed_policy::PolicyArn;
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
    let boundary = boundary(object)?;
    let attached = attached(object)?;
    if let Some(trust) = members.get_mut("AssumeRolePolicyDocument") {
        *trust = document_text(trust);
    }
    let policies = policies(object)?;
    match roles::record(call, object.name())? {
        None => {
            if let Some(arn) = boundary.filter(|arn| !arn.is_empty()) {
                members.insert("PermissionsBoundary".to_owned(), Value::from(arn));
            }
            iam("CreateRole").run(call, Value::from(members)).await?;
        }
        Some(role) => {
            change(call, &role, members).await?;
            if let Some(arn) = boundary {
                set_boundary(call, &role, arn).await?;
            }
        }
    }
    if let Some(policies) = policies {
        set_policies(call, object.name(), policies).await?;
    }
    match attached {
        None => Ok(()),
        Some(attached) => set_attached(call, object.name(), &attached).await,
    }
}

/// The ARN of the permissions boundary, also in the form of GetRole; empty if the role is to have none.
fn boundary(object: &SeedObject) -> Result<Option<&str>, Error> {
    let Some(value) = object.members.get("PermissionsBoundary") else {
        return Ok(None);
    };
    let arn = value.get("PermissionsBoundaryArn").unwrap_or(value);
    arn.as_str().map(Some).ok_or_else(|| {
        Code::InvalidInput.because(
            "PermissionsBoundary must be the ARN of a managed policy, or an empty string for a role without one.",
        )
    })
}

/// The ARNs of the managed policies that are to be attached, also in the form of ListAttachedRolePolicies.
fn attached(object: &SeedObject) -> Result<Option<Vec<&str>>, Error> {
    let Some(value) = object.members.get("AttachedPolicies") else {
        return Ok(None);
    };
    let arns = value.as_array().and_then(|list| {
        let arns = list.iter();
        let arns = arns.map(|one| one.get("PolicyArn").unwrap_or(one).as_str());
        arns.collect::<Option<Vec<_>>>()
    });
    arns.map(Some).ok_or_else(|| {
        Code::InvalidInput.because("AttachedPolicies must be an array of ARNs of managed policies.")
    })
}

async fn set_boundary(call: &Call<'_>, role: &Role, arn: &str) -> Result<(), Error> {
    let name = role.arn.name();
    let current = role.boundary.as_ref().map_or("", PolicyArn::as_str);
    if arn == current {
        return Ok(());
    }
    if arn.is_empty() {
        let input = json!({ "RoleName": name });
        return iam("DeleteRolePermissionsBoundary").run(call, input).await;
    }
    let input = json!({ "RoleName": name, "PermissionsBoundary": arn });
    iam("PutRolePermissionsBoundary").run(call, input).await
}

async fn set_attached(call: &Call<'_>, name: &str, wanted: &[&str]) -> Result<(), Error> {
    let before = roles::find(call, name)?;
    // Detaching comes first: their number has a limit.
    for arn in &before.attached {
        if !wanted.contains(&arn.as_str()) {
            let input = json!({ "RoleName": name, "PolicyArn": arn });
            iam("DetachRolePolicy").run(call, input).await?;
        }
    }
    for arn in wanted {
        let mut attached = before.attached.iter();
        if attached.any(|one| one.as_str() == *arn) {
            continue;
        }
        let input = json!({ "RoleName": name, "PolicyArn": arn });
        iam("AttachRolePolicy").run(call, input).await?;
    }
    Ok(())
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
        && path != roles::path(&role.arn)
    {
        return Err(Code::InvalidInput.because(format!(
            "The role exists with the path {}; a path can't change.",
            roles::path(&role.arn)
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
