//! Answers of the API as seeds: the output of `aws cognito-identity describe-identity-pool` and its like.

use serde_json::{Map, Value, json};

use super::ObjectKind;

/// The seed with the object of an answer; the document itself if it is no answer.
pub(super) fn as_seed(
    mut document: Map<String, Value>,
) -> Result<Map<String, Value>, Map<String, Value>> {
    if ObjectKind::ALL
        .iter()
        .any(|kind| document.contains_key(kind.list()))
    {
        return Err(document);
    }
    let has = |name: &str| document.contains_key(name);
    if has("IdentityPoolId") && has("IdentityProviderName") {
        let pool = document.shift_remove("IdentityPoolId");
        document.shift_remove("ResponseMetadata");
        let members = json!({ "IdentityPoolId": pool, "PrincipalTagAttributeMaps": [document] });
        return Ok(list(ObjectKind::Pool, members));
    }
    if has("IdentityPoolId") {
        return Ok(list(ObjectKind::Pool, Value::from(document)));
    }
    if has("Role") {
        let role = document.shift_remove("Role").unwrap_or_default();
        return Ok(list(ObjectKind::Role, role));
    }
    if has("Policy") {
        let policy = document.shift_remove("Policy").unwrap_or_default();
        return Ok(list(ObjectKind::ManagedPolicy, policy));
    }
    if has("RoleName") && has("PolicyName") {
        let policy = document.shift_remove("PolicyDocument");
        let name = document.shift_remove("PolicyName").unwrap_or_default();
        document.shift_remove("ResponseMetadata");
        let name = name.as_str().unwrap_or_default().to_owned();
        document.insert("Policies".to_owned(), json!({ name: policy }));
        return Ok(list(ObjectKind::Role, Value::from(document)));
    }
    if has("Url") && (has("ClientIDList") || has("ThumbprintList")) {
        return Ok(list(ObjectKind::OidcProvider, Value::from(document)));
    }
    Err(document)
}

fn list(kind: ObjectKind, object: Value) -> Map<String, Value> {
    let mut seed = Map::new();
    seed.insert(kind.list().to_owned(), Value::from(vec![object]));
    seed
}
