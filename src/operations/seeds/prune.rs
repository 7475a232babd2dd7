//! Pruning: what a seed made and no longer has is deleted, by the API's own operations.

use serde_json::json;

use super::step::{Step, cognate, iam, identity};
use super::{ApplyOptions, has_identities, staged};
use crate::app::Call;
use crate::app::staging::{Staging, StoredObject};
use crate::error::{Code, Error};
use crate::model::seed::SeedDocument;

/// Stages the deletions. Objects that people or other seeds made are never touched, also where this seed changed them.
pub(super) async fn stage(
    call: &Call<'_>,
    staging: &Staging,
    document: &SeedDocument,
    options: &ApplyOptions,
) -> Result<(), Error> {
    let Some(seed) = &document.name else {
        return Err(Code::InvalidParameter.because(
            "Only a seed with a name can be pruned: write `seed = \"NAME\"` at the top of its file.",
        ));
    };
    // Objects are deleted in the reverse order of their making.
    for (kind, object) in staging.made_by(seed)?.into_iter().rev() {
        if document.has(kind, &object.name()) {
            continue;
        }
        if has_identities(call, &object).await? && !options.confirmed.contains(&object.name()) {
            let id = object.name();
            return Err(Code::ResourceConflict.because(format!(
                "Pruning would delete the pool {id} with all its identities: to confirm that, name it in DeletePoolIds \
                 (`cognate apply --prune --delete-pool {id}`)."
            )));
        }
        delete(call, staging, &object).await?;
    }
    Ok(())
}

async fn delete(call: &Call<'_>, staging: &Staging, object: &StoredObject) -> Result<(), Error> {
    let app = &staging.app;
    let region = match object {
        StoredObject::Pool(pool) => Some(pool.id.region.clone()),
        _ => call.region.clone(),
    };
    let call = staged(call, app, region);
    let run = |step: Step, input| step.run(&call, input);
    match object {
        StoredObject::OidcProvider(provider) => {
            let input = json!({ "OpenIDConnectProviderArn": provider.arn });
            run(iam("DeleteOpenIDConnectProvider"), input).await
        }
        StoredObject::SamlProvider(provider) => {
            let input = json!({ "SAMLProviderArn": provider.arn });
            run(iam("DeleteSAMLProvider"), input).await
        }
        StoredObject::AccessKey(key) => {
            run(cognate("DeleteAccessKey"), json!({ "AccessKeyId": key.id })).await
        }
        StoredObject::ManagedPolicy(policy) => {
            let arn = &policy.arn;
            let others = policy.versions.iter();
            for version in others.filter(|one| one.number != policy.default_version) {
                let input = json!({ "PolicyArn": arn, "VersionId": version.id() });
                run(iam("DeletePolicyVersion"), input).await?;
            }
            run(iam("DeletePolicy"), json!({ "PolicyArn": arn })).await
        }
        StoredObject::Role(role) => {
            let name = role.arn.name();
            for arn in &role.attached {
                let input = json!({ "RoleName": name, "PolicyArn": arn });
                run(iam("DetachRolePolicy"), input).await?;
            }
            for policy in role.policies.keys() {
                let input = json!({ "RoleName": name, "PolicyName": policy });
                run(iam("DeleteRolePolicy"), input).await?;
            }
            run(iam("DeleteRole"), json!({ "RoleName": name })).await
        }
        StoredObject::Pool(pool) => {
            let input = json!({ "IdentityPoolId": pool.id });
            run(identity("DeleteIdentityPool"), input).await
        }
    }
}
