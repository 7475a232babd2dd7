//! ApplyConfiguration.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::app::staging::{StagedChange, StoredObject};
use crate::app::{Call, seeds as store};
use crate::error::{Code, Error};
use crate::model::seed::{self, ObjectKind, SeedSource};
use crate::operations::seeds::{self, ApplyOptions, GeneratedKey, Planned, describe};
use crate::operations::{Access, Operation, Service};

/// The most characters of a value that a change shows.
const LONGEST: usize = 4096;

/// Makes the server's pools, providers, managed policies, roles and access keys as a document describes them, in one transaction. Each change
/// needs the permissions of the operation that makes it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ApplyConfiguration {
    document: String,
    #[serde(default)]
    dry_run: bool,
    #[serde(default)]
    prune: bool,
    /// The plan that a dry run answered with: if something changed since, nothing is applied.
    plan: Option<String>,
    #[serde(default)]
    reuse_pool_ids: Vec<String>,
    #[serde(default)]
    delete_pool_ids: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ApplyConfigurationOutput {
    changes: Vec<ChangeOutput>,
    plan: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    access_keys: Vec<GeneratedKeyOutput>,
}

/// A change of an object.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ChangeOutput {
    action: &'static str,
    kind: &'static str,
    name: String,
    /// The version that the change replaces; 0 where the object isn't there.
    version: u64,
    members: Vec<MemberChange>,
}

/// The values of a member as JSON.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct MemberChange {
    member: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct GeneratedKeyOutput {
    name: String,
    access_key_id: String,
    secret_access_key: String,
}

impl Operation for ApplyConfiguration {
    const SERVICE: Service = Service::Cognate;
    const NAME: &'static str = "ApplyConfiguration";
    const ACCESS: Access = Access::Signed;
    type Output = ApplyConfigurationOutput;

    async fn run(self, call: &Call<'_>) -> Result<ApplyConfigurationOutput, Error> {
        let document = seed::read(&self.document, SeedSource::Request);
        let document =
            document.map_err(|error| Code::InvalidParameter.because(error.to_string()))?;
        let options = ApplyOptions {
            prune: self.prune,
            reuse: self.reuse_pool_ids,
            confirmed: self.delete_pool_ids,
        };
        let planned = seeds::plan(call, &document, &options).await?;
        let Planned {
            staging,
            changes,
            keys,
        } = planned;
        let changes: Result<Vec<_>, Error> = changes
            .iter()
            .map(|change| ChangeOutput::of(call, change))
            .collect();
        let changes = changes?;
        let text = serde_json::to_string(&changes).expect("changes can be written as JSON");
        let plan = store::digest(&text);
        if self.plan.is_some_and(|shown| shown != plan) {
            return Err(Code::ConcurrentModification.because(
                "Something changed after the differences were shown, and nothing was applied. Look at them again.",
            ));
        }
        let mut access_keys = Vec::new();
        if !self.dry_run {
            store::commit(call, staging, document.name.as_deref()).await?;
            access_keys.extend(keys.into_iter().map(GeneratedKeyOutput::from));
        }
        Ok(ApplyConfigurationOutput {
            changes,
            plan,
            access_keys,
        })
    }
}

impl From<GeneratedKey> for GeneratedKeyOutput {
    fn from(key: GeneratedKey) -> Self {
        Self {
            name: key.name,
            access_key_id: key.id,
            secret_access_key: key.secret,
        }
    }
}

impl ChangeOutput {
    fn of(call: &Call<'_>, change: &StagedChange) -> Result<Self, Error> {
        let described = |object: &Option<_>| match object {
            Some(object) => describe::members(call, object),
            None => Ok(Map::new()),
        };
        let (before, after) = (described(&change.before)?, described(&change.after)?);
        let action = match (&change.before, &change.after) {
            (None, _) => "Create",
            (Some(_), Some(_)) => "Update",
            (Some(_), None) => "Delete",
        };
        let object = change.after.as_ref().or(change.before.as_ref());
        let mut members = differences(&before, &after);
        if action == "Delete" {
            members.clear();
        } else if members.is_empty() {
            members.push(MemberChange {
                member: secret_member(change.kind).to_owned(),
                before: None,
                after: None,
            });
        }
        Ok(Self {
            action,
            kind: change.kind.as_str(),
            name: object.map_or_else(|| change.key.clone(), StoredObject::name),
            version: change.version,
            members,
        })
    }
}

/// The member that changed where no member that may be shown did.
fn secret_member(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::AccessKey => "SecretAccessKey",
        ObjectKind::Pool => "SupportedLoginProviders (a secret)",
        ObjectKind::SamlProvider => "AddPrivateKey",
        ObjectKind::OidcProvider | ObjectKind::ManagedPolicy | ObjectKind::Role => "(internal)",
    }
}

fn differences(before: &Map<String, Value>, after: &Map<String, Value>) -> Vec<MemberChange> {
    let removed = before.keys().filter(|name| !after.contains_key(*name));
    let names = after.keys().chain(removed);
    let differing = names.filter(|name| before.get(*name) != after.get(*name));
    differing
        .map(|name| MemberChange {
            member: name.clone(),
            before: before.get(name).map(shortened),
            after: after.get(name).map(shortened),
        })
        .collect()
}

fn shortened(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(LONGEST) {
        None => text,
        Some((end, _)) => format!("{}… ({})", &text[..end], store::digest(&text)),
    }
}
