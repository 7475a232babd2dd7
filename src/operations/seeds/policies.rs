//! The managed policies of a seed.

use serde_json::{Map, Value, json};

use super::document_text;
use super::roles::{is_same, tag_changes};
use super::step::{iam, only};
use crate::app::{Call, managed_policies};
use crate::error::{Code, Error};
use crate::model::managed_policy::{MOST_VERSIONS, ManagedPolicy};
use crate::model::seed::SeedObject;

/// Makes or changes a managed policy: another document becomes a new version in force. Members that the seed doesn't have
/// stay as they are.
pub(super) async fn apply(call: &Call<'_>, object: &SeedObject) -> Result<(), Error> {
    let mut members = only(
        &object.members,
        &[
            "PolicyName",
            "Path",
            "Description",
            "PolicyDocument",
            "Tags",
        ],
    );
    if let Some(document) = members.get_mut("PolicyDocument") {
        *document = document_text(document);
    }
    match managed_policies::named(call, object.name())? {
        None => iam("CreatePolicy").run(call, Value::from(members)).await,
        Some(policy) => change(call, &policy, members).await,
    }
}

async fn change(
    call: &Call<'_>,
    policy: &ManagedPolicy,
    members: Map<String, Value>,
) -> Result<(), Error> {
    let mut input = Value::from(members);
    let current = policy.document().unwrap_or_default();
    // CreatePolicy has the constraints of all members.
    if input.get("PolicyDocument").is_none() {
        input["PolicyDocument"] = json!(current);
    }
    iam("CreatePolicy").check(&mut input)?;
    refuse_changes(policy, &input)?;
    let (arn, document) = (&policy.arn, input["PolicyDocument"].clone());
    if !is_same(document.as_str().unwrap_or_default(), current) {
        delete_oldest(call, policy).await?;
        let version = json!({ "PolicyArn": arn, "PolicyDocument": document, "SetAsDefault": true });
        iam("CreatePolicyVersion").run(call, version).await?;
    }
    if let Some(tags) = input.get("Tags") {
        let (set, removed) = tag_changes(&policy.tags, tags);
        if !removed.is_empty() {
            let input = json!({ "PolicyArn": arn, "TagKeys": removed });
            iam("UntagPolicy").run(call, input).await?;
        }
        if !set.is_empty() {
            let input = json!({ "PolicyArn": arn, "Tags": set });
            iam("TagPolicy").run(call, input).await?;
        }
    }
    Ok(())
}

/// Refuses another path or description, which IAM can't change.
fn refuse_changes(policy: &ManagedPolicy, input: &Value) -> Result<(), Error> {
    if let Some(path) = input["Path"].as_str()
        && path != policy.arn.path()
    {
        return Err(Code::InvalidInput.because(format!(
            "The policy exists with the path {}; a path can't change.",
            policy.arn.path()
        )));
    }
    let description = input["Description"].as_str();
    if description.is_some_and(|new| new != policy.description.as_deref().unwrap_or_default()) {
        return Err(Code::InvalidInput.because(
            "The policy exists with another description; the description of a managed policy can't change.",
        ));
    }
    Ok(())
}

/// Deletes the oldest version that isn't in force, if the policy has as many as it may.
async fn delete_oldest(call: &Call<'_>, policy: &ManagedPolicy) -> Result<(), Error> {
    if policy.versions.len() < MOST_VERSIONS {
        return Ok(());
    }
    let mut versions = policy.versions.iter();
    let oldest = versions.find(|version| version.number != policy.default_version);
    let Some(oldest) = oldest else { return Ok(()) };
    let input = json!({ "PolicyArn": policy.arn, "VersionId": oldest.id() });
    iam("DeletePolicyVersion").run(call, input).await
}
