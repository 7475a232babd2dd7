//! The input and the output of an operation in its line: members in CloudTrail's spelling, and only those values that are
//! known to be harmless. A value of any other shape is masked in a request and left out of a response, so that a
//! new operation reveals nothing by itself.

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::operations::models::{Model, Shape, ShapeId, ShapeKind};

/// What stands for a value that isn't shown, as CloudTrail has it.
const HIDDEN: &str = "HIDDEN_DUE_TO_SECURITY_REASONS";

/// The shapes of strings, and of keys of maps, that are shown: names, ARNs, ids of what isn't secret, and policies of roles
/// and keys. The id of an app at a provider isn't: for Twitter, its secret follows it. Numbers, switches, times and values of enumerations are shown, too. Ids of guests are replaced later.
const SHOWN: &[&str] = &[
    "ARNString",
    "AccessKeyId",
    "AccessKeyName",
    "AccessKeyString",
    "AccountId",
    "Audience",
    "ClaimName",
    "ClaimValue",
    "CognitoIdentityProviderClientId",
    "CognitoIdentityProviderName",
    "DeveloperProviderName",
    "DeveloperUserIdentifier",
    "IdentityId",
    "IdentityPoolId",
    "IdentityPoolName",
    "IdentityProviderName",
    "Issuer",
    "KeyId",
    "NameQualifier",
    "OpenIDConnectProviderUrlType",
    "PolicyDocument",
    "PoolSettings",
    "PrincipalTagID",
    "PrincipalTagValue",
    "ResourceName",
    "ResourceNameType",
    "RoleArnText",
    "RoleName",
    "RoleType",
    "SAMLProviderNameType",
    "Subject",
    "SubjectType",
    "TagKeysType",
    "TagValueType",
    "accessKeyIdType",
    "accountType",
    "arnType",
    "assumedRoleIdType",
    "clientIDType",
    "idType",
    "pathPrefixType",
    "pathType",
    "policyDescriptionType",
    "policyDocumentType",
    "policyNameType",
    "policyPathType",
    "policyVersionIdType",
    "privateKeyIdType",
    "roleDescriptionType",
    "roleNameType",
    "roleSessionNameType",
    "sourceIdentityType",
    "tagKeyType",
    "tagValueType",
    "thumbprintType",
    "webIdentitySubjectType",
];

/// The input of an operation. A value that isn't shown is masked.
pub(super) fn of_request(model: &Model, input: ShapeId, value: &Value) -> Value {
    shown(model, input, value, true).unwrap_or_default()
}

/// The output of an operation. A value that isn't shown is left out.
pub(super) fn of_response(model: &Model, output: ShapeId, value: &Value) -> Value {
    shown(model, output, value, false).unwrap_or_default()
}

fn is_shown(shape: &Shape) -> bool {
    !shape.sensitive && (!shape.values.is_empty() || SHOWN.contains(&shape.name.as_str()))
}

fn shown(model: &Model, id: ShapeId, value: &Value, masks: bool) -> Option<Value> {
    let hidden = || masks.then(|| Value::from(HIDDEN));
    let shape = model.shape(id);
    match (&shape.kind, value) {
        (_, Value::Null) => None,
        (ShapeKind::Structure(members), Value::Object(values)) => {
            let members = members.iter().filter_map(|member| {
                let value = values.get(&member.name)?;
                let value = shown(model, member.shape, value, masks)?;
                Some((lower_camel(&member.name), value))
            });
            Some(Value::Object(members.collect()))
        }
        (ShapeKind::List(of), Value::Array(values)) => {
            let values = values.iter();
            let values = values.filter_map(|value| shown(model, *of, value, masks));
            Some(Value::Array(values.collect()))
        }
        (ShapeKind::Map(key, of), Value::Object(values)) => {
            let is_key_shown = is_shown(model.shape(*key));
            let entries = values.iter().enumerate().filter_map(|(at, (name, value))| {
                let name = if is_key_shown {
                    name.clone()
                } else {
                    format!("{HIDDEN}_{at}")
                };
                Some((name, shown(model, *of, value, masks)?))
            });
            Some(Value::Object(entries.collect::<Map<_, _>>()))
        }
        (ShapeKind::String, Value::String(text)) if is_shown(shape) => {
            Some(Value::from(text.clone()))
        }
        (ShapeKind::Timestamp, Value::Number(seconds)) => Some(time(seconds.as_f64()?)),
        (ShapeKind::Integer | ShapeKind::Long, Value::Number(_))
        | (ShapeKind::Boolean, Value::Bool(_))
            if !shape.sensitive =>
        {
            Some(value.clone())
        }
        _ => hidden(),
    }
}

/// A time as CloudTrail writes those of credentials: `Jan 19, 2023 5:55:08 PM`.
fn time(seconds: f64) -> Value {
    #[expect(clippy::cast_possible_truncation, reason = "times have whole seconds")]
    let time = Timestamp::from_second(seconds as i64).unwrap_or_default();
    Value::from(time.strftime("%b %-d, %Y %-I:%M:%S %p").to_string())
}

/// `IdentityPoolId` as `identityPoolId`, as CloudTrail spells it (`sAMLAssertion`, too).
fn lower_camel(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|letter| letter.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;
    use crate::operations::models::MODELS;
    use crate::operations::{ALL, Service};

    /// A value of a shape in which every string is unmistakable.
    fn sample(model: &Model, id: ShapeId, depth: usize) -> Value {
        let shape = model.shape(id);
        match &shape.kind {
            _ if depth > 8 => Value::Null,
            ShapeKind::Structure(members) => members
                .iter()
                .map(|member| (member.name.clone(), sample(model, member.shape, depth + 1)))
                .collect(),
            ShapeKind::List(of) => json!([sample(model, *of, depth + 1)]),
            ShapeKind::Map(key, of) => {
                let key = format!("<{}>", model.shape(*key).name);
                json!({ key: sample(model, *of, depth + 1) })
            }
            ShapeKind::String => Value::from(format!("<{}>", shape.name)),
            ShapeKind::Boolean => Value::from(true),
            ShapeKind::Integer | ShapeKind::Long | ShapeKind::Timestamp => Value::from(1),
        }
    }

    #[test]
    fn only_listed_shapes_are_in_the_line_of_any_operation() {
        let mut found = BTreeSet::new();
        for entry in ALL {
            let model = MODELS.of(entry.service);
            let shape = model.operation(entry.name).unwrap();
            let input = shape
                .input
                .map(|id| of_request(model, id, &sample(model, id, 0)));
            let output = shape
                .output
                .map(|id| of_response(model, id, &sample(model, id, 0)));
            for text in [input, output]
                .into_iter()
                .flatten()
                .map(|value| value.to_string())
            {
                found.extend(
                    text.split('<')
                        .skip(1)
                        .filter_map(|part| Some(part.split_once('>')?.0.to_owned())),
                );
            }
        }
        let enumerations: BTreeSet<_> = Service::ALL
            .into_iter()
            .flat_map(|service| MODELS.of(service).enumerations())
            .collect();
        let unlisted: Vec<_> = found
            .iter()
            .filter(|name| !SHOWN.contains(&name.as_str()) && !enumerations.contains(name.as_str()))
            .collect();
        assert!(unlisted.is_empty(), "{unlisted:?}");
        let secret = [
            "token",
            "secret",
            "assertion",
            "password",
            "privatekeytype",
            "metadata",
        ];
        for name in SHOWN {
            let lower = name.to_lowercase();
            assert!(
                !secret.iter().any(|word| lower.contains(word)),
                "{name} is shown"
            );
        }
        for name in SHOWN {
            assert!(found.contains(*name), "no operation has the shape {name}");
        }
    }

    #[test]
    fn logins_keep_their_providers_and_lose_their_tokens() {
        let model = MODELS.of(Service::CognitoIdentity);
        let input = model.operation("GetId").unwrap().input.unwrap();
        let value = json!({ "IdentityPoolId": "a", "Logins": { "issuer": "a.b.c" } });
        let expected = json!({ "identityPoolId": "a", "logins": { "issuer": HIDDEN } });
        assert_eq!(of_request(model, input, &value), expected);
    }

    #[test]
    fn times_are_as_in_cloudtrail() {
        assert_eq!(time(1_674_150_908.0), json!("Jan 19, 2023 5:55:08 PM"));
    }
}
