//! A session policy that is filled in: the first line is the value of a tag, the template stands behind it. Filled in, it
//! is a session policy of the template's structure, and no value brought a wildcard, a variable or the end of a text.
#![no_main]

use cognate::model::json;
use cognate::model::tags::Tags;
use cognate::policy::{
    LONGEST_RESOURCE, LONGEST_SESSION_POLICY, Policy, PolicyKind, SessionTemplate, TemplateValues,
};
use serde_json::Value;

const IDENTITY: &str = "us-east-1:0b1c2d3e-4f50-4678-9abc-def012345678";
const POOL: &str = "us-east-1:11111111-2222-4333-8444-555555555555";

/// That two documents differ in texts only, and those of resources not in their wildcards.
fn same_structure(template: &Value, filled: &Value) {
    match (template, filled) {
        (Value::Array(one), Value::Array(other)) => {
            assert_eq!(one.len(), other.len());
            one.iter()
                .zip(other)
                .for_each(|(one, other)| same_structure(one, other));
        }
        (Value::Object(one), Value::Object(other)) => {
            assert!(one.keys().eq(other.keys()));
            one.values()
                .zip(other.values())
                .for_each(|(one, other)| same_structure(one, other));
        }
        (Value::String(one), Value::String(other)) => {
            assert!(!other.contains("${"), "{other}");
            let stars = |text: &str| text.matches('*').count();
            assert_eq!(stars(one), stars(other), "{one} {other}");
        }
        (one, other) => assert_eq!(one, other),
    }
}

cognate_fuzz::target!(|input: &[u8]| {
    let Ok(input) = std::str::from_utf8(input) else {
        return;
    };
    let (value, text) = input.split_once('\n').unwrap_or(("", input));
    for escapes in [false, true] {
        let Ok(template) = SessionTemplate::parse(text, escapes) else {
            continue;
        };
        let tags = Tags::of([("team", value)]).expect("one tag");
        let filled = template.fill(&TemplateValues {
            identity: IDENTITY,
            pool: POOL,
            tags: &tags,
        });
        let Ok(filled) = filled else { continue };
        assert!(filled.chars().count() <= LONGEST_SESSION_POLICY);
        Policy::parse(
            PolicyKind::Session,
            filled.as_bytes(),
            LONGEST_SESSION_POLICY,
        )
        .expect("a session policy");
        let filled = json::read(filled.as_bytes()).expect("JSON");
        let template = json::read(text.as_bytes()).expect("JSON");
        same_structure(&template, &filled);
        let statements = match &filled["Statement"] {
            Value::Array(all) => all.as_slice(),
            one => std::slice::from_ref(one),
        };
        for statement in statements {
            if let Some(resource) = statement["Resource"].as_str() {
                assert!(resource.len() <= LONGEST_RESOURCE);
            }
        }
    }
});
