//! The access keys of a seed.

use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::step::cognate;
use super::{GeneratedKey, document_text, roles};
use crate::app::Call;
use crate::app::keys::access_keys;
use crate::error::{Code, Error};
use crate::model::seed::SeedObject;

/// Makes or changes an access key. A new key without an id and a secret gets random ones, which are returned.
pub(super) async fn apply(
    call: &Call<'_>,
    object: &SeedObject,
) -> Result<Option<GeneratedKey>, Error> {
    let name = object.name();
    let id = object.text("AccessKeyId");
    let secret = object.text("SecretAccessKey");
    let secret = secret.map(|secret| Zeroizing::new(secret.to_owned()));
    for member in ["AccessKeyId", "SecretAccessKey", "Status"] {
        let value = object.members.get(member);
        if value.is_some_and(|value| !value.is_string()) {
            return Err(Code::InvalidParameter.because(format!("{member} must be a string.")));
        }
    }
    let keys = access_keys::list(call.app)?;
    let key = keys.iter().find(|key| key.name == name);
    let policy = match (object.members.get("Policy"), key) {
        (Some(policy), _) => document_text(policy),
        (None, Some(key)) => json!(key.policy),
        (None, None) => Value::Null,
    };
    let mut input = json!({ "Name": name, "Policy": policy });
    let create = cognate("CreateAccessKey");
    create.check(&mut input)?;
    let policy = input["Policy"].as_str().unwrap_or_default();
    let mut generated = None;
    let key_id = match (key, id, secret) {
        (Some(key), Some(id), _) if key.id != id => {
            return Err(Code::ResourceConflict.because(format!(
                "The access key with this name has the id {}: delete it first, or leave AccessKeyId out.",
                key.id
            )));
        }
        (Some(key), _, secret) => {
            let secret = secret.filter(|new| !access_keys::has_secret(call.app, key, new));
            if secret.is_some() || !roles::is_same(policy, &key.policy) {
                create.authorised(call, &input).await?;
                access_keys::replace(call, &key.id, policy, secret.as_ref()).await?;
            }
            key.id.clone()
        }
        (None, Some(id), Some(secret)) => {
            create.authorised(call, &input).await?;
            let pair = (id.to_owned(), secret);
            access_keys::create_with(call, name.to_owned(), policy.to_owned(), pair).await?;
            id.to_owned()
        }
        (None, None, None) => {
            create.authorised(call, &input).await?;
            let made = access_keys::create(call, name.to_owned(), policy.to_owned()).await?;
            generated = Some(GeneratedKey {
                name: name.to_owned(),
                id: made.0.clone(),
                secret: made.1.to_string(),
            });
            made.0
        }
        (None, _, _) => {
            return Err(Code::InvalidParameter.because(
                "A new access key needs AccessKeyId and SecretFile (or SecretVariable), or none of them: then both are \
                 random, and the answer has them.",
            ));
        }
    };
    set_status(call, object, &key_id).await?;
    Ok(generated)
}

async fn set_status(call: &Call<'_>, object: &SeedObject, id: &str) -> Result<(), Error> {
    let Some(status) = object.text("Status") else {
        return Ok(());
    };
    let keys = access_keys::list(call.app)?;
    let is_active = keys.iter().any(|key| key.id == id && key.enabled);
    let mut input = json!({ "AccessKeyId": id, "Status": status });
    let step = cognate("UpdateAccessKey");
    step.check(&mut input)?;
    if (status == "Active") == is_active {
        return Ok(());
    }
    step.run(call, input).await
}
