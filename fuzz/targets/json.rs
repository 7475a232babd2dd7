//! The strict JSON reader: what it takes has one meaning, and keeps it.
#![no_main]

use cognate::model::json;
use serde_json::Value;

/// Whether it holds a fraction, which may be read with its last bit wrong.
fn has_fraction(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(items) => items.iter().any(has_fraction),
        Value::Object(members) => members.values().any(has_fraction),
        _ => false,
    }
}

cognate_fuzz::target!(|bytes: &[u8]| {
    if let Ok(value) = json::read(bytes) {
        let again = json::read(value.to_string().as_bytes()).expect("what was written is read");
        assert!(again == value || has_fraction(&value));
        let plain: Value = serde_json::from_slice(bytes).expect("a looser reader");
        assert_eq!(plain, value, "two readers agree");
    }
});
