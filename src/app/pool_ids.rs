//! Pool ids that a caller chooses. A pool's id is a principal: roles and other services trust it. So the choice needs the
//! permission to import the pool and to pass each role that would trust it, and an id that was in use stays out of use
//! without an explicit instruction.

use serde_json::Value;

use super::access::authorise::{self, FurtherPermission};
use super::access::resource::Resource;
use super::{Call, pools, roles};
use crate::error::{Code, Error};
use crate::model::ids::PoolId;
use crate::model::json;
use crate::store::record::RecordKind;

/// Checks that a new pool may have this id, which the caller chose. `reuse` is the explicit instruction to use the id of a
/// deleted pool again.
pub fn check_choice(call: &Call<'_>, id: &PoolId, reuse: bool) -> Result<(), Error> {
    if !call.app.serves(&id.region) {
        let text = format!("This server doesn't serve the region {}.", id.region);
        return Err(Code::InvalidParameter.because(text));
    }
    authorise(call, id)?;
    if let Some(other) = pools::by_uuid(call.app, id.uuid)? {
        return Err(Code::ResourceConflict.because(if other.id == *id {
            format!("There is an identity pool with the id {id}.")
        } else {
            format!(
                "The UUID of {id} belongs to a pool in another region: {}.",
                other.id
            )
        }));
    }
    let snapshot = call.app.records.snapshot()?;
    if snapshot.deleted_pools().any(|pool| pool.id == id.uuid) {
        return Err(Code::ResourceConflict.because(format!(
            "The identities of the deleted pool {id} are still being deleted: try again later."
        )));
    }
    if !reuse && snapshot.was_deleted(RecordKind::Pool, &id.uuid.to_string()) {
        return Err(Code::ResourceConflict.because(format!(
            "A pool with the id {id} was deleted. Roles and services that trusted it would trust the new pool: to use the \
             id again, name it in ReusePoolIds (`cognate apply --reuse-pool-id {id}`)."
        )));
    }
    Ok(())
}

fn authorise(call: &Call<'_>, id: &PoolId) -> Result<(), Error> {
    let purpose = "choosing the id of a pool";
    let pool = Resource::pool(id, &call.app.config.account_id);
    let import = FurtherPermission::new("cognate:ImportIdentityPool", pool);
    authorise::check_further(call, purpose, import)?;
    let text = id.to_string();
    for role in roles::list(call)? {
        if names(&role.trust, &text) {
            let pass = FurtherPermission::pass_role(Resource::role(&role.arn));
            authorise::check_further(call, "choosing the id of a pool that the role trusts", pass)?;
        }
    }
    Ok(())
}

/// Whether a trust policy names the pool: whether any condition on an audience may match its id. What can't be read may
/// name every pool.
fn names(trust: &str, id: &str) -> bool {
    let Ok(document) = json::read(trust.as_bytes()) else {
        return true;
    };
    let listed = |value: &Value| match value {
        Value::Array(values) => values.clone(),
        other => vec![other.clone()],
    };
    let statements = document.get("Statement").map(listed).unwrap_or_default();
    let conditions = statements.iter().filter_map(|one| one.get("Condition"));
    let operators = conditions.filter_map(Value::as_object).flatten();
    let keys = operators.filter_map(|(_, keys)| keys.as_object()).flatten();
    let audiences = keys.filter(|(key, _)| key.to_ascii_lowercase().ends_with(":aud"));
    let mut values = audiences.flat_map(|(_, value)| listed(value));
    values.any(|value| match value.as_str() {
        Some(pattern) => may_match(&pattern.to_ascii_lowercase(), id),
        None => true,
    })
}

/// Whether a pattern with `*`, `?` and variables may match `text`. A variable may have any value.
fn may_match(pattern: &str, text: &str) -> bool {
    let mut glob = String::new();
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once("${") {
        glob.push_str(before);
        glob.push('*');
        rest = after.split_once('}').map_or("", |(_, after)| after);
    }
    glob.push_str(rest);
    let (glob, text) = (glob.as_bytes(), text.as_bytes());
    // The reachable beginnings of the text, one row for each character of the pattern.
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    for &byte in glob {
        let mut next = vec![false; text.len() + 1];
        for at in 0..=text.len() {
            next[at] = match byte {
                b'*' => reached[at] || at > 0 && next[at - 1],
                b'?' => at > 0 && reached[at - 1],
                byte => at > 0 && reached[at - 1] && text[at - 1] == byte,
            };
        }
        reached = next;
    }
    reached[text.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "eu-west-1:11111111-2222-4333-8444-555555555555";

    #[test]
    fn every_spelling_of_a_pin_names_the_pool() {
        let trust = |operator: &str, key: &str, value: &str| {
            format!(
                r#"{{"Statement":{{"Effect":"Allow","Condition":{{"{operator}":{{"{key}":{value}}}}}}}}}"#
            )
        };
        let own = "cognito-identity.amazonaws.com:aud";
        for (key, value) in [
            (own, format!("\"{ID}\"")),
            (own, format!("[\"other\", \"{ID}\"]")),
            (own, format!("\"{}\"", ID.to_uppercase())),
            (own, "\"eu-west-1:1*\"".to_owned()),
            (own, format!("\"{}?\"", &ID[..ID.len() - 1])),
            (own, "\"eu-west-1:${aws:username}\"".to_owned()),
            (own, "7".to_owned()),
            ("COGNITO-identity.amazonaws.com:AUD", format!("\"{ID}\"")),
        ] {
            for operator in [
                "StringEquals",
                "ForAnyValue:StringLike",
                "StringEqualsIgnoreCase",
            ] {
                assert!(names(&trust(operator, key, &value), ID), "{key} {value}");
            }
        }
        assert!(names("{", ID));
        for (key, value) in [
            (
                own,
                "\"eu-west-1:11111111-2222-4333-8444-555555555556\"".to_owned(),
            ),
            (own, "\"eu-west-2:*\"".to_owned()),
            ("cognito-identity.amazonaws.com:amr", "\"*\"".to_owned()),
        ] {
            assert!(
                !names(&trust("StringLike", key, &value), ID),
                "{key} {value}"
            );
        }
    }
}
