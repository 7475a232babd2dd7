//! Values of the wrong type, and what the service says about each.

const LIST: &str = "Start of list found where not expected";
const MAP: &str = "Start of structure or map found where not expected.";

/// The JSON values that don't belong at a place of a kind, each with the `Message` about it.
pub fn mistyped(kind: &str) -> [(&'static str, &'static str); 6] {
    match kind {
        "string" => [
            ("1", "NUMBER_VALUE can not be converted to a String"),
            ("-1.5e3", "NUMBER_VALUE can not be converted to a String"),
            ("true", "TRUE_VALUE can not be converted to a String"),
            ("false", "FALSE_VALUE can not be converted to a String"),
            ("[]", LIST),
            ("{}", MAP),
        ],
        "integer" => [
            ("\"1\"", "STRING_VALUE can not be converted to an Integer"),
            ("\"\"", "STRING_VALUE can not be converted to an Integer"),
            ("true", "TRUE_VALUE can not be converted to an Integer"),
            ("false", "FALSE_VALUE can not be converted to an Integer"),
            ("[]", LIST),
            ("{}", MAP),
        ],
        "long" => [
            ("\"1\"", "STRING_VALUE can not be converted to a Long"),
            ("\"\"", "STRING_VALUE can not be converted to a Long"),
            ("true", "TRUE_VALUE can not be converted to a Long"),
            ("false", "FALSE_VALUE can not be converted to a Long"),
            ("[]", LIST),
            ("{}", MAP),
        ],
        "boolean" => [
            (
                "\"true\"",
                "STRING_VALUE can not be converted to an Boolean",
            ),
            ("\"\"", "STRING_VALUE can not be converted to an Boolean"),
            ("0", "NUMBER_VALUE can not be converted to an Boolean"),
            ("1.5", "NUMBER_VALUE can not be converted to an Boolean"),
            ("[]", LIST),
            ("{}", MAP),
        ],
        "list" => [
            ("\"a\"", "Expected list or null"),
            ("1", "Expected list or null"),
            ("1.5", "Expected list or null"),
            ("true", "Expected list or null"),
            ("false", "Expected list or null"),
            ("{}", MAP),
        ],
        "map" => [
            ("\"a\"", "Expected map or null"),
            ("1", "Expected map or null"),
            ("1.5", "Expected map or null"),
            ("true", "Expected map or null"),
            ("false", "Expected map or null"),
            ("[]", LIST),
        ],
        "structure" => [
            ("\"a\"", "Expected null"),
            ("1", "Expected null"),
            ("1.5", "Expected null"),
            ("true", "Expected null"),
            ("false", "Expected null"),
            ("[]", LIST),
        ],
        other => panic!("constraints/mistyped.rs has no values for a {other}"),
    }
}
