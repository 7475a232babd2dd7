//! Each mistake with its sentence.

use super::policy;
use crate::policy::PolicyKind::{self, Identity, Session, Trust};
use crate::policy::{MAX_CHARACTERS, Policy, PolicyError};

fn error(kind: PolicyKind, text: &str) -> String {
    match Policy::parse(kind, text.as_bytes(), MAX_CHARACTERS) {
        Ok(_) => panic!("no mistake was found in {text}"),
        Err(error) => error.to_string(),
    }
}

/// A statement of an identity policy with these members besides a good effect, action and resource.
fn with(members: &str) -> String {
    format!(
        r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow", "Action": "s3:Get*", "Resource": "*", {members}}}}}"#
    )
}

/// A statement of a trust policy with these members besides a good effect.
fn trust(members: &str) -> String {
    format!(r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow", {members}}}]}}"#)
}

fn check(kind: PolicyKind, cases: &[(&str, &str)]) {
    for (text, sentence) in cases {
        assert_eq!(error(kind, text), *sentence, "{text}");
    }
}

#[test]
fn of_the_document() {
    check(
        Identity,
        &[
            ("[]", "Syntax errors in policy: a policy is a JSON object."),
            (
                r#""a""#,
                "Syntax errors in policy: a policy is a JSON object.",
            ),
            ("{}", "Missing required field Statement"),
            (
                r#"{"Version": "2013-10-17", "Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}"#,
                "Version: Syntax errors in policy: the version is 2012-10-17 or 2008-10-17, not 2013-10-17.",
            ),
            (
                r#"{"Version": 2012, "Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}"#,
                "Version: Syntax errors in policy: Version is a string.",
            ),
            (
                r#"{"Id": ["x"], "Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}"#,
                "Id: Syntax errors in policy: Id is a string.",
            ),
            (
                r#"{"version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}"#,
                "Syntax errors in policy: unknown field version.",
            ),
            (
                r#"{"Statement": []}"#,
                "Could not parse the policy: Statement is empty!",
            ),
            (
                r#"{"Statement": "x"}"#,
                "Syntax errors in policy: a statement is a JSON object.",
            ),
            (
                r#"{"Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}, 7]}"#,
                "Statement[1]: Syntax errors in policy: a statement is a JSON object.",
            ),
        ],
    );
}

#[test]
fn of_the_json() {
    for (text, reason) in [
        ("", "EOF while parsing a value at line 1 column 0"),
        ("{", "EOF while parsing an object at line 1 column 1"),
        (
            r#"{"Statement": {}, "Statement": {}}"#,
            "a member stands twice at line 1 column 34",
        ),
        (
            r#"{"Statement": {"Effect": "Deny", "\u0045ffect": "Allow"}}"#,
            "a member stands twice at line 1 column 56",
        ),
        ("{} {}", "trailing characters at line 1 column 4"),
    ] {
        let sentence = format!("This policy contains invalid Json (not strict JSON: {reason})");
        assert_eq!(error(Identity, text), sentence, "{text}");
    }
}

#[test]
fn of_a_statement() {
    check(
        Identity,
        &[
            (
                r#"{"Statement": {"Action": "*", "Resource": "*"}}"#,
                "Missing required field Effect",
            ),
            (
                r#"{"Statement": {"Effect": "allow", "Action": "*", "Resource": "*"}}"#,
                "Effect: Syntax errors in policy: the effect is Allow or Deny, not allow.",
            ),
            (
                r#"{"Statement": {"Effect": ["Allow"], "Action": "*", "Resource": "*"}}"#,
                "Effect: Syntax errors in policy: Effect is a string.",
            ),
            (
                &with(r#""Actions": "*""#),
                "Syntax errors in policy: unknown field Actions.",
            ),
            (
                &with(r#""condition": {}"#),
                "Syntax errors in policy: unknown field condition.",
            ),
            (
                &with(r#""Sid": "not a word""#),
                "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression \
                 [0-9A-Za-z]*",
            ),
            (
                &with(r#""Sid": {}"#),
                "Sid: Syntax errors in policy: Sid is a string.",
            ),
            (
                &with(r#""Principal": "*""#),
                "Policy document should not specify a principal.",
            ),
            (
                &with(r#""NotPrincipal": {"AWS": "*"}"#),
                "Policy document should not specify a principal.",
            ),
            (
                &with(r#""NotAction": "*""#),
                "Syntax errors in policy: Action and NotAction exclude each other.",
            ),
            (
                &with(r#""NotResource": "*""#),
                "Syntax errors in policy: Resource and NotResource exclude each other.",
            ),
        ],
    );
}

#[test]
fn of_actions() {
    let with = |action: &str| {
        format!(r#"{{"Statement": {{"Effect": "Deny", {action} "Resource": "*"}}}}"#)
    };
    for (action, sentence) in [
        ("", "Policy statement must contain actions."),
        (
            r#""Action": [],"#,
            "Action: Policy statement must contain actions.",
        ),
        (
            r#""NotAction": [],"#,
            "NotAction: Policy statement must contain actions.",
        ),
        (
            r#""Action": {},"#,
            "Action: Syntax errors in policy: must be a string or an array of strings.",
        ),
        (
            r#""Action": ["*", [7]],"#,
            "Action[1]: Syntax errors in policy: must be a string or an array of strings.",
        ),
        (
            r#""Action": "read","#,
            "Action: Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
        ),
        (
            r#""Action": "","#,
            "Action: Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
        ),
        (
            r#""Action": "s3:List:Bucket","#,
            "Action: Actions/Condition can contain only one colon.",
        ),
        (
            r#""Action": "a a:List","#,
            "Action: Vendor a a is not valid",
        ),
        (
            r#""Action": "s3*:List","#,
            "Action: Vendor s3* is not valid",
        ),
        (r#""Action": ":List","#, "Action: Vendor  is not valid"),
        (r#""Action": "s3:","#, "Action: Action s3: is not valid"),
        (
            r#""Action": "s3:Get Object","#,
            "Action: Action s3:Get Object is not valid",
        ),
        (
            r#""Action": "s3:${aws:username}","#,
            "Action: Actions/Condition can contain only one colon.",
        ),
    ] {
        assert_eq!(error(Identity, &with(action)), sentence, "{action}");
    }
}

#[test]
fn of_resources() {
    let with = |resource: &str| {
        format!(
            r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Deny", "Action": "*"{resource}}}}}"#
        )
    };
    for (resource, sentence) in [
        ("", "Policy statement must contain resources."),
        (
            r#", "Resource": []"#,
            "Resource: Policy statement must contain resources.",
        ),
        (
            r#", "NotResource": []"#,
            "NotResource: Policy statement must contain resources.",
        ),
        (
            r#", "Resource": {"a": "arn:aws:s3:::b"}"#,
            "Resource: Syntax errors in policy: must be a string or an array of strings.",
        ),
        (
            r#", "Resource": "some thing""#,
            "Resource: Resource some thing must be in ARN format or \"*\".",
        ),
        (
            r#", "Resource": """#,
            "Resource: Resource  must be in ARN format or \"*\".",
        ),
        (
            r#", "Resource": ["*", "aws:s3:::b"]"#,
            "Resource[1]: Resource aws:s3:::b must be in ARN format or \"*\".",
        ),
        (
            r#", "Resource": "arn:s3:::b""#,
            "Resource: Partition \"s3\" is not valid for resource \"arn:s3:::b\".",
        ),
        (
            r#", "Resource": "arn:*:s3:::b""#,
            "Resource: Partition \"*\" is not valid for resource \"arn:*:s3:::b\".",
        ),
        (
            r#", "Resource": "arn:aws""#,
            "Resource: Resource vendor must be fully qualified and cannot contain regexes.",
        ),
        (
            r#", "Resource": "arn:aws:s?:::b""#,
            "Resource: Resource vendor must be fully qualified and cannot contain regexes.",
        ),
        (
            r#", "Resource": "arn:aws::::b""#,
            "Resource: Resource vendor must be fully qualified and cannot contain regexes.",
        ),
        (
            r#", "Resource": "arn:aws:s3::b""#,
            "Resource: The policy failed legacy parsing: resource arn:aws:s3::b has fewer than six parts, and one of \
             them is empty",
        ),
        (
            r#", "Resource": "arn:aws:s3:::""#,
            "Resource: Resource arn:aws:s3::: has nothing after its fifth colon",
        ),
        (
            r#", "Resource": "arn:aws:iam::${aws:PrincipalAccount}:role/x""#,
            "Resource: Resource arn:aws:iam::${aws:PrincipalAccount}:role/x has a policy variable before the fifth \
             colon of its ARN, where none is resolved",
        ),
        (
            r#", "NotResource": "arn:aws:s3:::b/${aws:username""#,
            "NotResource: A policy variable that begins with ${ has no closing }",
        ),
        (
            r#", "Resource": "arn:aws:s3:::b/${}""#,
            "Resource: A policy variable's name is invalid: write ${service:key}",
        ),
        (
            r#", "Resource": "arn:aws:s3:::b/${a:b${c:d}}""#,
            "Resource: A policy variable's name is invalid: write ${service:key}",
        ),
        (
            r#", "Resource": "arn:aws:s3:::b/${a:b, c}""#,
            "Resource: A policy variable's default is invalid: write ${service:key, 'default'}",
        ),
        (
            r#", "Resource": "arn:aws:s3:::b/${a:b, 'c}""#,
            "Resource: A policy variable's default is invalid: write ${service:key, 'default'}",
        ),
        (
            r#", "Resource": "arn:aws:s3:::b/${a:b, 'c' d}""#,
            "Resource: A policy variable that begins with ${ has no closing }",
        ),
    ] {
        assert_eq!(error(Identity, &with(resource)), sentence, "{resource}");
    }
}

#[test]
fn of_session_policies() {
    check(
        Session,
        &[
            (
                r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "arn:aws:sqs"}}"#,
                "Resource: Resource arn:aws:sqs is an incomplete ARN, which session policies don't support",
            ),
            (
                &with(r#""Principal": "*""#),
                "Policy document should not specify a principal.",
            ),
        ],
    );
}

#[test]
fn of_trust_policies() {
    let web = r#""Action": "sts:AssumeRoleWithWebIdentity""#;
    let us = r#""Principal": {"Federated": "cognito-identity.amazonaws.com"}"#;
    for (members, sentence) in [
        (
            format!(r#"{us}, {web}, "Resource": "*""#),
            "Has prohibited field Resource",
        ),
        (
            format!(r#"{us}, {web}, "NotResource": "*""#),
            "AssumeRole policy must not contain resources.",
        ),
        (web.to_owned(), "Missing required field Principal"),
        (us.to_owned(), "Policy statement must contain actions."),
        (
            format!(r#"{us}, "Action": "*""#),
            "Action: AssumeRole policy may only specify STS AssumeRole actions.",
        ),
        (
            format!(r#"{us}, "Action": ["sts:TagSession", "s3:GetObject"]"#),
            "Action[1]: AssumeRole policy may only specify STS AssumeRole actions.",
        ),
        (
            format!(r#"{us}, "Action": "sts:AssumeRoleWithWebIdendity""#),
            "Action: AssumeRole policy may only specify STS AssumeRole actions.",
        ),
        (
            format!(r#""Principal": {{}}, {web}"#),
            "Principal: Missing required field Principal cannot be empty!",
        ),
        (
            format!(r#""Principal": {{"Federated": []}}, {web}"#),
            "Principal.Federated: Missing required field Principal cannot be empty!",
        ),
        (
            format!(r#""Principal": "cognito-identity.amazonaws.com", {web}"#),
            "Principal: Syntax errors in policy: a principal that is not \"*\" is a JSON object.",
        ),
        (
            format!(r#""Principal": {{"CanonicalUser": "79a5"}}, {web}"#),
            "Principal.CanonicalUser: Syntax errors in policy: unknown kind of principal CanonicalUser.",
        ),
        (
            format!(r#""Principal": {{"Federated": ["a.example.com", "*"]}}, {web}"#),
            "Principal.Federated[1]: Federated principals must be valid domain names or SAML metadata ARNs",
        ),
        (
            format!(
                r#""Principal": {{"Federated": "arn:aws:iam::123456789012:oidc-provider/a.example.com/*"}}, {web}"#
            ),
            "Principal.Federated: Federated principals must be valid domain names or SAML metadata ARNs",
        ),
        (
            format!(r#""Principal": {{"Federated": "https://a.example.com"}}, {web}"#),
            "Principal.Federated: Federated principals must be valid domain names or SAML metadata ARNs",
        ),
        (
            format!(r#""Principal": {{"AWS": "arn:aws:iam::12345678910:role/x"}}, {web}"#),
            "Principal.AWS: Invalid principal in policy: \"AWS\":\"arn:aws:iam::12345678910:role/x\"",
        ),
        (
            format!(r#""Principal": {{"AWS": "arn:aws:iam::123456789012:role/*"}}, {web}"#),
            "Principal.AWS: Invalid principal in policy: \"AWS\":\"arn:aws:iam::123456789012:role/*\"",
        ),
        (
            format!(r#""Principal": {{"AWS": "arn:aws:iam::123456789012:group/x"}}, {web}"#),
            "Principal.AWS: Invalid principal in policy: \"AWS\":\"arn:aws:iam::123456789012:group/x\"",
        ),
        (
            format!(r#""Principal": {{"Service": "*"}}, {web}"#),
            "Principal.Service: Invalid principal in policy: \"SERVICE\":\"*\"",
        ),
        (
            format!(r#""NotPrincipal": {{"AWS": "123456789012"}}, {web}"#),
            "Allow with NotPrincipal is not allowed.",
        ),
        (
            format!(r#"{us}, "NotPrincipal": "*", {web}"#),
            "Syntax errors in policy: Principal and NotPrincipal exclude each other.",
        ),
    ] {
        assert_eq!(error(Trust, &trust(&members)), sentence, "{members}");
    }
}

#[test]
fn of_conditions() {
    for (condition, sentence) in [
        (
            "[]",
            "Condition: Syntax errors in policy: Condition is a JSON object.",
        ),
        (
            r#"{"StringEqual": {"a:b": "c"}}"#,
            "Condition.StringEqual: Syntax errors in policy: unknown condition operator StringEqual.",
        ),
        (
            r#"{"stringEquals": {"a:b": "c"}}"#,
            "Condition.stringEquals: Syntax errors in policy: unknown condition operator stringEquals.",
        ),
        (
            r#"{"ForAnyValue::StringEquals": {"a:b": "c"}}"#,
            "Condition[ForAnyValue::StringEquals]: Syntax errors in policy: unknown condition operator \
             ForAnyValue::StringEquals.",
        ),
        (
            r#"{"NullIfExists": {"a:b": "true"}}"#,
            "Condition.NullIfExists: Syntax errors in policy: unknown condition operator NullIfExists.",
        ),
        (
            r#"{"ForAllValues:Null": {"a:b": "true"}}"#,
            "Condition[ForAllValues:Null]: Syntax errors in policy: unknown condition operator ForAllValues:Null.",
        ),
        (
            r#"{"BoolNotEquals": {"a:b": "true"}}"#,
            "Condition.BoolNotEquals: Syntax errors in policy: unknown condition operator BoolNotEquals.",
        ),
        (
            r#"{"StringEquals": "a"}"#,
            "Condition.StringEquals: Syntax errors in policy: a condition operator's value is a JSON object.",
        ),
        (
            r#"{"StringEquals": {}}"#,
            "Condition.StringEquals: Syntax errors in policy: a condition operator has at least one key.",
        ),
        (
            r#"{"StringEquals": {"": "c"}}"#,
            "Condition.StringEquals[]: Syntax errors in policy: a condition key has a printable name.",
        ),
        (
            r#"{"StringEquals": {"a:b": "c", "A:B": "d"}}"#,
            "Condition.StringEquals[A:B]: Syntax errors in policy: the condition key is repeated, in different \
             case.",
        ),
    ] {
        let text = with(&format!(r#""Condition": {condition}"#));
        assert_eq!(error(Identity, &text), sentence, "{condition}");
    }
}

#[test]
fn of_the_values_of_conditions() {
    for (condition, sentence) in [
        (
            r#"{"StringEquals": {"a:b": []}}"#,
            "Condition.StringEquals[a:b]: Syntax errors in policy: a condition key has at least one value.",
        ),
        (
            r#"{"StringEquals": {"a:b": ["c", null]}}"#,
            "Condition.StringEquals[a:b][1]: Syntax errors in policy: a condition value is a string, a whole number or \
             a boolean.",
        ),
        (
            r#"{"StringEquals": {"a:b": 1.10}}"#,
            "Condition.StringEquals[a:b]: Syntax errors in policy: a condition value is a string, a whole number or a \
             boolean.",
        ),
        (
            r#"{"StringLike": {"a:b": "${c:d"}}"#,
            "Condition.StringLike[a:b]: Syntax errors in policy: A policy variable that begins with ${ has no closing }.",
        ),
        (
            r#"{"NumericEquals": {"a:b": "1e3"}}"#,
            "Condition.NumericEquals[a:b]: Syntax errors in policy: 1e3 is not a number such as 10 or 0.5.",
        ),
        (
            r#"{"NumericEquals": {"a:b": "${c:d}"}}"#,
            "Condition.NumericEquals[a:b]: Syntax errors in policy: ${c:d} is not a number such as 10 or 0.5.",
        ),
        (
            r#"{"DateLessThan": {"a:b": "tomorrow"}}"#,
            "Condition.DateLessThan[a:b]: Syntax errors in policy: tomorrow is not a date such as 2026-11-23 or \
             2026-11-23T10:00:00Z, nor a number of seconds since 1970.",
        ),
        (
            r#"{"Bool": {"a:b": "yes"}}"#,
            "Condition.Bool[a:b]: Syntax errors in policy: yes must be true or false.",
        ),
        (
            r#"{"Null": {"a:b": "${c:d}"}}"#,
            "Condition.Null[a:b]: Syntax errors in policy: ${c:d} must be true or false.",
        ),
        (
            r#"{"BinaryEquals": {"a:b": "?"}}"#,
            "Condition.BinaryEquals[a:b]: Syntax errors in policy: ? is not base64.",
        ),
        (
            r#"{"IpAddress": {"a:b": "203.0.113.0/33"}}"#,
            "Condition.IpAddress[a:b]: Syntax errors in policy: 203.0.113.0/33 is not an IP address or a range such as \
             203.0.113.0/24.",
        ),
        (
            r#"{"ArnLike": {"a:b": "*"}}"#,
            "Condition.ArnLike[a:b]: Syntax errors in policy: * is not an ARN of six parts, wildcards included.",
        ),
    ] {
        let text = with(&format!(r#""Condition": {condition}"#));
        assert_eq!(error(Identity, &text), sentence, "{condition}");
    }
}

#[test]
fn all_are_told_at_once_each_with_its_place() {
    let text = r#"{"Statement": [
        {"Sid": "a", "Effect": "Allow", "Action": ["s3:GetObject", "read"], "Resource": "depot"},
        {"Sid": "a", "Effect": "Deny", "Action": "s3:*", "Resource": "*", "Condition": {"Bool": {"a:b": "x"}}}]}"#;
    assert_eq!(
        error(Identity, text),
        "Statement[0].Action[1]: Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc. \
         Statement[0].Resource: Resource depot must be in ARN format or \"*\". \
         Statement[1].Condition.Bool[a:b]: Syntax errors in policy: x must be true or false. \
         Statement[1]: Statement IDs (SID) in a single policy must be unique."
    );
}

#[test]
fn what_is_repeated_of_a_document_is_short_and_printable_and_so_is_the_list() {
    let long = format!("{}\\u0007\\u202e", "x".repeat(500));
    let actions = vec![format!("\"{long}:{long}\""); 5].join(",");
    let members = format!(r#""Sid": "", "Condition": {{"{long}": {{}}}}, "{long}": [{actions}]"#);
    let Err(PolicyError::Malformed(diagnostics)) =
        Policy::parse(Identity, with(&members).as_bytes(), MAX_CHARACTERS)
    else {
        panic!("no mistake");
    };
    for diagnostic in &diagnostics {
        let text = diagnostic.to_string();
        assert!(
            text.len() < 300 && !text.chars().any(char::is_control),
            "{text}"
        );
    }
    let many = format!(r#"{{"Statement": [{}]}}"#, vec!["7"; 500].join(","));
    let Err(PolicyError::Malformed(diagnostics)) =
        Policy::parse(Identity, many.as_bytes(), MAX_CHARACTERS)
    else {
        panic!("no mistake");
    };
    assert_eq!(diagnostics.len(), 20);
}

#[test]
fn the_limit_counts_characters_and_white_space_only_in_session_policies() {
    let text = r#"{"Statement":{"Effect":"Deny","Action":"*","Resource":"arn:aws:s3:::é"}}"#;
    let length = text.chars().count();
    let parse = |kind, text: &str, limit| Policy::parse(kind, text.as_bytes(), limit);
    for kind in [Identity, Session] {
        assert!(parse(kind, text, length).is_ok());
        let limit = length - 1;
        assert_eq!(
            parse(kind, text, limit),
            Err(PolicyError::TooLong { limit })
        );
    }
    let spaced = text.replace("\":", "\" \n\t: ");
    assert!(parse(Identity, &spaced, length).is_ok());
    assert!(parse(Session, &spaced, length).is_err());

    let limit = MAX_CHARACTERS;
    let long = text.replace('é', &"x".repeat(limit));
    assert_eq!(
        parse(Identity, &long, usize::MAX),
        Err(PolicyError::TooLong { limit })
    );
    let blank = format!("{}{text}", " ".repeat(131_072));
    assert_eq!(
        parse(Identity, &blank, limit),
        Err(PolicyError::TooLong { limit })
    );
}

#[test]
fn what_the_grammar_leaves_free_is_taken() {
    for text in [
        r#"{"Version": "2012-10-17", "Id": "any thing", "Statement": [{"Sid": "", "Effect": "Allow", "NotAction": ["*:Get*", "execute-api:Invoke"], "NotResource": "*", "Condition": {}}]}"#,
        r#"{"Statement": {"Resource": ["*"], "Action": ["*"], "Effect": "Deny", "Sid": "1a"}}"#,
        r#"{"Statement": [{"Sid": "", "Effect": "Deny", "Action": "*", "Resource": "*"}, {"Sid": "", "Effect": "Deny", "Action": "*", "Resource": "*"}]}"#,
        r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": ["arn:aws-cn:s3:::b", "arn:aws-us-gov:s3:::b", "arn:aws:s3::tenant:b/${a:b,'c'}${*}"]}}"#,
        r#"{"Version": "2008-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "arn:aws:s3:::b/${", "Condition": {"StringLike": {"a:b": "${"}}}}"#,
    ] {
        policy(Identity, text);
    }
}
