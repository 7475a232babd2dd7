//! Types in JSON requests: checks each value against the service model, in the real service's words, which were measured
//! on another service with the same layer (docs/behaviour.md). `constraints` checks lengths and patterns.

use serde_json::{Map, Number, Value};

use super::{Model, ShapeId, ShapeKind};

/// A value of the wrong type, with the text of the `Message`, if there is one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mismatch(pub(crate) Option<String>);

const LIST: &str = "Start of list found where not expected";
const MAP: &str = "Start of structure or map found where not expected.";

/// Checks a request's value against its shape, in the request's order. Removes nulls (except in maps, where `constraints`
/// refuses them) and members that the model lacks. Truncates a fraction to a whole number, as the real service does.
pub(crate) fn conform(model: &Model, shape: ShapeId, value: &mut Value) -> Result<(), Mismatch> {
    match &model.shape(shape).kind {
        ShapeKind::Structure(members) => {
            let object = object(value, "Expected null")?;
            object.retain(|name, value| {
                !value.is_null() && members.iter().any(|member| member.name == *name)
            });
            for (name, value) in object {
                let member = members.iter().find(|member| member.name == *name);
                conform(model, member.expect("others were left out").shape, value)?;
            }
        }
        ShapeKind::Map(_, of) => {
            for value in object(value, "Expected map or null")?.values_mut() {
                if !value.is_null() {
                    conform(model, *of, value)?;
                }
            }
        }
        ShapeKind::List(of) => {
            let elements = match value {
                Value::Array(elements) => elements,
                Value::Object(_) => return mismatch(MAP),
                _ => return mismatch("Expected list or null"),
            };
            elements.retain(|element| !element.is_null());
            for element in elements {
                conform(model, *of, element)?;
            }
        }
        ShapeKind::String => scalar(value, Value::is_string, "a String")?,
        ShapeKind::Boolean => scalar(value, Value::is_boolean, "an Boolean")?,
        ShapeKind::Integer => number(value, "an Integer")?,
        ShapeKind::Long => number(value, "a Long")?,
        ShapeKind::Timestamp => scalar(value, Value::is_number, "a Timestamp")?,
    }
    Ok(())
}

fn mismatch<T>(text: &str) -> Result<T, Mismatch> {
    Err(Mismatch(Some(text.to_owned())))
}

fn object<'v>(value: &'v mut Value, scalar: &str) -> Result<&'v mut Map<String, Value>, Mismatch> {
    match value {
        Value::Object(object) => Ok(object),
        Value::Array(_) => mismatch(LIST),
        _ => mismatch(scalar),
    }
}

fn scalar(value: &Value, fits: fn(&Value) -> bool, wanted: &str) -> Result<(), Mismatch> {
    if fits(value) {
        return Ok(());
    }
    let found = match value {
        Value::Array(_) => return mismatch(LIST),
        Value::Object(_) => return mismatch(MAP),
        Value::Bool(true) => "TRUE_VALUE",
        Value::Bool(false) => "FALSE_VALUE",
        Value::Number(_) => "NUMBER_VALUE",
        Value::String(_) | Value::Null => "STRING_VALUE",
    };
    mismatch(&format!("{found} can not be converted to {wanted}"))
}

fn number(value: &mut Value, wanted: &str) -> Result<(), Mismatch> {
    scalar(value, Value::is_number, wanted)?;
    if !value.is_i64() {
        // The cast saturates: a number beyond 64 bits is out of every range too.
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the fraction is to be cut off"
        )]
        let whole = value.as_f64().unwrap_or_default() as i64;
        *value = Value::Number(Number::from(whole));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::MODELS;
    use super::*;
    use crate::operations::Service;

    fn conformed(operation: &str, mut value: Value) -> Result<Value, Mismatch> {
        let model = MODELS.of(Service::CognitoIdentity);
        let input = model.operation(operation).unwrap().input.unwrap();
        conform(model, input, &mut value).map(|()| value)
    }

    #[test]
    fn what_counts_as_absent_is_left_out() {
        let value = json!({"IdentityPoolId": "a", "AccountId": null, "Other": [1], "Logins": {"a": "b", "c": null}});
        let wanted = json!({"IdentityPoolId": "a", "Logins": {"a": "b", "c": null}});
        assert_eq!(conformed("GetId", value), Ok(wanted));
        let value = json!({"MaxResults": 10.9});
        assert_eq!(
            conformed("ListIdentityPools", value),
            Ok(json!({"MaxResults": 10}))
        );
        let value = json!({"IdentityIdsToDelete": [null, "a"]});
        assert_eq!(
            conformed("DeleteIdentities", value),
            Ok(json!({"IdentityIdsToDelete": ["a"]}))
        );
    }

    #[test]
    fn each_wrong_type_has_its_words() {
        let pool = |value: Value| ("GetId", json!({ "IdentityPoolId": value }));
        let logins = |value: Value| ("GetId", json!({ "Logins": value }));
        let count = |value: Value| ("ListIdentityPools", json!({ "MaxResults": value }));
        let guests = |value: Value| {
            (
                "CreateIdentityPool",
                json!({ "AllowUnauthenticatedIdentities": value }),
            )
        };
        let ids = |value: Value| ("DeleteIdentities", json!({ "IdentityIdsToDelete": value }));
        let clients = |value: Value| {
            (
                "CreateIdentityPool",
                json!({ "CognitoIdentityProviders": value }),
            )
        };
        let duration = |value: Value| {
            (
                "GetOpenIdTokenForDeveloperIdentity",
                json!({ "TokenDuration": value }),
            )
        };
        for ((operation, value), words) in [
            (
                pool(json!(1)),
                "NUMBER_VALUE can not be converted to a String",
            ),
            (
                pool(json!(1.5)),
                "NUMBER_VALUE can not be converted to a String",
            ),
            (
                pool(json!(true)),
                "TRUE_VALUE can not be converted to a String",
            ),
            (
                pool(json!(false)),
                "FALSE_VALUE can not be converted to a String",
            ),
            (pool(json!([])), "Start of list found where not expected"),
            (
                pool(json!({})),
                "Start of structure or map found where not expected.",
            ),
            (logins(json!("a")), "Expected map or null"),
            (logins(json!([])), "Start of list found where not expected"),
            (
                logins(json!({"a": 1})),
                "NUMBER_VALUE can not be converted to a String",
            ),
            (
                count(json!("1")),
                "STRING_VALUE can not be converted to an Integer",
            ),
            (
                count(json!(true)),
                "TRUE_VALUE can not be converted to an Integer",
            ),
            (count(json!([1])), "Start of list found where not expected"),
            (
                duration(json!("1")),
                "STRING_VALUE can not be converted to a Long",
            ),
            (
                guests(json!("true")),
                "STRING_VALUE can not be converted to an Boolean",
            ),
            (
                guests(json!(1)),
                "NUMBER_VALUE can not be converted to an Boolean",
            ),
            (ids(json!("a")), "Expected list or null"),
            (ids(json!(1)), "Expected list or null"),
            (
                ids(json!({})),
                "Start of structure or map found where not expected.",
            ),
            (
                ids(json!([["a"]])),
                "Start of list found where not expected",
            ),
            (clients(json!(["a"])), "Expected null"),
            (
                clients(json!([[]])),
                "Start of list found where not expected",
            ),
            (
                clients(json!([{"ClientId": 1}])),
                "NUMBER_VALUE can not be converted to a String",
            ),
        ] {
            assert_eq!(
                conformed(operation, value.clone()),
                Err(Mismatch(Some(words.into()))),
                "{value}"
            );
        }
    }

    #[test]
    fn a_number_out_of_every_range_is_left_to_the_constraints() {
        let value = json!({"MaxResults": 1e300});
        assert_eq!(
            conformed("ListIdentityPools", value),
            Ok(json!({ "MaxResults": i64::MAX }))
        );
    }
}
