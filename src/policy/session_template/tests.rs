use proptest::prelude::*;
use serde_json::json;

use super::*;

const IDENTITY: &str = "us-east-1:0b1c2d3e-4f50-4678-9abc-def012345678";
const POOL: &str = "us-east-1:11111111-2222-4333-8444-555555555555";

fn template(resource: &str) -> String {
    json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": ["s3:GetObject"], "Resource": [resource] },
    ] })
    .to_string()
}

fn filled(text: &str, escapes: bool, tags: &[(&str, &str)]) -> Result<Value, FillError> {
    let tags = Tags::of(tags.iter().map(|(key, value)| (*key, *value))).unwrap();
    let filling = TemplateValues {
        identity: IDENTITY,
        pool: POOL,
        tags: &tags,
    };
    let text = SessionTemplate::parse(text, escapes)
        .unwrap()
        .fill(&filling)?;
    assert!(!text.contains(' '), "compact: {text}");
    Ok(json::read(text.as_bytes()).unwrap())
}

#[test]
fn ids_and_tags_are_filled_in() {
    let text = template(
        "arn:aws:s3:::b/${cognito-identity.amazonaws.com:aud}/${Cognito-Identity.amazonaws.com:SUB}/${aws:PrincipalTag/team}",
    );
    let policy = filled(&text, false, &[("team", "red.blue@x")]).unwrap();
    let wanted = format!("arn:aws:s3:::b/{POOL}/{IDENTITY}/red.blue@x");
    assert_eq!(policy["Statement"][0]["Resource"], json!([wanted]));
}

#[test]
fn the_colon_of_an_id_is_replaced_in_resources_only() {
    let text = json!({ "Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::b/${cognito-identity.amazonaws.com:sub}/*",
        "Condition": { "StringEquals": { "s3:prefix": "${cognito-identity.amazonaws.com:sub}" } },
    } });
    let policy = filled(&text.to_string(), true, &[]).unwrap();
    let escaped = IDENTITY.replace(':', "?");
    assert_eq!(
        policy["Statement"]["Resource"],
        json!(format!("arn:aws:s3:::b/{escaped}/*"))
    );
    let condition = &policy["Statement"]["Condition"]["StringEquals"]["s3:prefix"];
    assert_eq!(condition, &json!(IDENTITY));
}

#[test]
fn no_value_that_could_widen_a_policy_is_filled_in() {
    let text = template("arn:aws:s3:::b/${aws:PrincipalTag/team}/*");
    for value in [
        "",
        "*",
        "a*",
        "?",
        "a/b",
        "/",
        "..",
        ".",
        "a..b",
        ".a",
        "a.",
        "${aws:userid}",
        "$",
        "{",
        "a\"",
        "\",\"x",
        "\\",
        "a b",
        "a:b",
        "é",
        "a\n",
        "a%2f",
    ] {
        let refused = filled(&text, false, &[("team", value)]);
        assert_eq!(
            refused,
            Err(FillError::Characters("team".into())),
            "{value:?}"
        );
    }
    for value in ["a", "a.b", "A-Z_0=9@x+y", "user@example.com"] {
        assert!(filled(&text, false, &[("team", value)]).is_ok(), "{value}");
    }
    assert!(filled(&text, false, &[("Team", "a")]).is_ok());
    let refused = filled(&text, false, &[("teams", "a")]);
    assert_eq!(refused, Err(FillError::NoTag("team".into())));
}

#[test]
fn what_is_filled_in_is_bounded() {
    let long = "x".repeat(256);
    let three = "${aws:PrincipalTag/t}".repeat(3);
    assert!(
        filled(
            &template(&format!("arn:aws:s3:::{three}")),
            false,
            &[("t", &long)]
        )
        .is_ok()
    );
    let four = "${aws:PrincipalTag/t}".repeat(4);
    let refused = filled(
        &template(&format!("arn:aws:s3:::{four}")),
        false,
        &[("t", &long)],
    );
    assert_eq!(refused, Err(FillError::ResourceTooLong));
    let many: Vec<_> = (0..9)
        .map(|at| format!("arn:aws:s3:::{at}${{aws:PrincipalTag/t}}"))
        .collect();
    let text = json!({ "Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Action": "s3:GetObject", "Resource": many,
    } });
    let refused = filled(&text.to_string(), false, &[("t", &long)]);
    assert_eq!(refused, Err(FillError::TooLong));
}

#[test]
fn a_template_is_a_session_policy_with_variables_that_are_known() {
    let refused = |text: &str| SessionTemplate::parse(text, false).unwrap_err();
    assert!(matches!(refused("{"), TemplateError::Json(_)));
    assert!(matches!(refused("{}"), TemplateError::Policy(_)));
    assert!(matches!(refused("[]"), TemplateError::Policy(_)));
    for name in [
        "aws:userid",
        "*",
        "aws:PrincipalTag/",
        "aws:PrincipalTag/a,'b'",
        "jwt:sub",
        "",
    ] {
        let error = refused(&template(&format!("arn:aws:s3:::b/${{{name}}}")));
        assert_eq!(error, TemplateError::Variable(name.into()), "{name}");
    }
    assert_eq!(
        refused(&template("arn:aws:s3:::b/${aws:")),
        TemplateError::NoEnd
    );
    let sub = "${cognito-identity.amazonaws.com:sub}";
    for (text, slot) in [
        (
            json!({ "Id": sub, "Statement": { "Effect": "Allow", "Action": "s3:*", "Resource": "*" } }),
            "Id",
        ),
        (
            json!({ "Statement": { "Sid": sub, "Effect": "Allow", "Action": "s3:*", "Resource": "*" } }),
            "Sid",
        ),
        (
            json!({ "Statement": { "Effect": "Allow", "Action": [sub], "Resource": "*" } }),
            "Action",
        ),
        (
            json!({ "Statement": { "Effect": "Allow", "Action": "s3:*", "Resource": "*", "Condition": { "StringEquals": {
                sub: "x" } } } }),
            "the keys of a Condition",
        ),
    ] {
        assert_eq!(
            refused(&text.to_string()),
            TemplateError::NotAllowed(slot.into())
        );
    }
}

#[test]
fn the_allowed_actions_are_told_unless_one_statement_allows_all_but_some() {
    let actions = |statements: Value| {
        let text = json!({ "Statement": statements }).to_string();
        let template = SessionTemplate::parse(&text, false).unwrap();
        template
            .allowed_actions()
            .map(|all| all.into_iter().map(str::to_owned).collect::<Vec<_>>())
    };
    let allow =
        json!({ "Effect": "Allow", "Action": ["s3:Get*", "sqs:SendMessage"], "Resource": "*" });
    let deny = json!({ "Effect": "Deny", "NotAction": "s3:*", "Resource": "*" });
    let but = json!({ "Effect": "Allow", "NotAction": "iam:*", "Resource": "*" });
    let wanted = vec!["s3:Get*".to_owned(), "sqs:SendMessage".to_owned()];
    assert_eq!(actions(json!([allow, deny])), Some(wanted));
    assert_eq!(actions(json!([allow, but])), None);
    let one = json!({ "Effect": "Allow", "Action": "s3:*", "Resource": "*" });
    assert_eq!(actions(one), Some(vec!["s3:*".to_owned()]));
}

proptest! {
    /// Whatever a tag says, the filled policy has the template's structure, and the value stands in its place alone.
    #[test]
    fn a_value_never_leaves_its_place(value in any::<String>()) {
        let text = template("arn:aws:s3:::b/${aws:PrincipalTag/t}/*");
        if let Ok(policy) = filled(&text, false, &[("t", &value)]) {
            let wanted = template(&format!("arn:aws:s3:::b/{value}/*"));
            prop_assert_eq!(policy, json::read(wanted.as_bytes()).unwrap());
            prop_assert!(!value.contains(['*', '?', '$', '"', '\\', '/']));
        }
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in any::<String>(), inner in "[a-z:$\\{\\}*/]{0,40}") {
        let _ = SessionTemplate::parse(&text, true);
        let _ = SessionTemplate::parse(&template(&inner), true);
    }
}
