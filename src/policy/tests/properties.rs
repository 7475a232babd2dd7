//! What holds for all policies, requests and values, with made-up ones.

use proptest::prelude::*;
use proptest::sample::select;

use super::policy;
use crate::policy::glob::{Case, Glyph, WildcardSpan, matches, walk};
use crate::policy::{
    AccessDecision, AccessRequest, Context, MAX_CHARACTERS, Policy, PolicyKind, Principal, evaluate,
};

const KINDS: [PolicyKind; 3] = [PolicyKind::Identity, PolicyKind::Session, PolicyKind::Trust];

/// A text that means something else where it isn't taken for text.
fn nasty() -> impl Strategy<Value = String> {
    const PIECES: [&str; 20] = [
        "*",
        "?",
        "${",
        "}",
        "${*}",
        "${a:v}",
        "${aws:username}",
        "/",
        ":",
        "\"",
        "\\",
        "'",
        "a",
        "b",
        "ab",
        ",",
        " ",
        "arn:aws:s3:::",
        "é",
        "\u{202e}",
    ];
    prop::collection::vec(select(&PIECES[..]), 0..5).prop_map(|pieces| pieces.concat())
}

fn actions() -> impl Strategy<Value = &'static str> {
    select(
        &[
            "*",
            "s3:*",
            "s3:Get*",
            "s3:GetObject",
            "s3:PutObject",
            "sqs:*",
        ][..],
    )
}

fn resources() -> impl Strategy<Value = &'static str> {
    const ALL: [&str; 6] = [
        "*",
        "arn:aws:s3:::*",
        "arn:aws:s3:::a/*",
        "arn:aws:s3:::a/${a:v}",
        "arn:aws:s3:::a/${a:v, 'x'}/*",
        "arn:aws:s3:*:b",
    ];
    select(&ALL[..])
}

fn conditions() -> impl Strategy<Value = &'static str> {
    const ALL: [&str; 6] = [
        "{}",
        r#"{"StringEquals": {"a:v": "x"}}"#,
        r#"{"StringNotLike": {"a:v": ["x*", "${a:w}"]}}"#,
        r#"{"ForAllValues:StringEquals": {"a:list": ["x", "y"]}}"#,
        r#"{"ForAnyValue:StringNotEqualsIfExists": {"a:list": "x"}}"#,
        r#"{"Null": {"a:v": "true"}}"#,
    ];
    select(&ALL[..])
}

fn statement(effect: &'static str) -> impl Strategy<Value = String> {
    let negated = (any::<bool>(), any::<bool>());
    (actions(), resources(), conditions(), negated).prop_map(
        move |(action, resource, condition, (not_action, not_resource))| {
            let not = |negated| if negated { "Not" } else { "" };
            format!(
                r#"{{"Effect": "{effect}", "{}Action": "{action}", "{}Resource": "{resource}", "Condition": {condition}}}"#,
                not(not_action),
                not(not_resource)
            )
        },
    )
}

fn statements() -> impl Strategy<Value = Vec<String>> {
    let one = prop_oneof![statement("Allow"), statement("Deny")];
    prop::collection::vec(one, 0..5)
}

fn read(statements: &[String]) -> Option<Policy> {
    let text = format!(
        r#"{{"Version": "2012-10-17", "Statement": [{}]}}"#,
        statements.join(",")
    );
    (!statements.is_empty()).then(|| policy(PolicyKind::Identity, &text))
}

#[derive(Debug, Clone)]
struct Asked {
    action: &'static str,
    resource: String,
    context: Context,
}

fn asked() -> impl Strategy<Value = Asked> {
    let action = select(&["s3:GetObject", "s3:PutObject", "sqs:SendMessage"][..]);
    let resource = prop_oneof![
        Just("*".to_owned()),
        Just("arn:aws:s3:::a/x".to_owned()),
        nasty().prop_map(|name| format!("arn:aws:s3:::a/{name}")),
    ];
    let value = || prop::option::of(prop_oneof![Just("x".to_owned()), nasty()]);
    let list = prop::option::of(prop::collection::vec(
        select(&["x", "y", "z", ""][..]),
        0..3,
    ));
    (action, resource, value(), value(), list).prop_map(|(action, resource, v, w, list)| {
        let mut context = Context::default();
        for (key, value) in [("a:v", v), ("a:w", w)] {
            if let Some(value) = value {
                context.set(key, value);
            }
        }
        if let Some(values) = list {
            context.set_all("a:list", values);
        }
        Asked {
            action,
            resource,
            context,
        }
    })
}

fn decide<'p>(asked: &Asked, policies: impl IntoIterator<Item = &'p Policy>) -> AccessDecision {
    let request = AccessRequest {
        action: asked.action,
        resource: &asked.resource,
        principal: None,
        context: &asked.context,
    };
    evaluate(&request, policies)
}

/// What a pattern of an ARN means, in the shortest words. `colons`, `pattern` and `text`: how many colons of the pattern
/// are behind us, and what is left of both.
fn naive(colons: usize, pattern: &[u8], text: &[u8]) -> bool {
    let in_resource = colons >= 5;
    match (pattern, text) {
        ([], []) => true,
        ([b'*', rest @ ..], _) => {
            let crosses = in_resource || rest.first().is_none_or(|next| *next == b':');
            let more = text.split_first();
            let more = more.filter(|(char, _)| crosses || **char != b':');
            naive(colons, rest, text) || more.is_some_and(|(_, text)| naive(colons, pattern, text))
        }
        ([b'?', rest @ ..], [char, text @ ..]) => {
            (in_resource || *char != b':') && naive(colons, rest, text)
        }
        ([own, rest @ ..], [char, text @ ..]) => {
            let colons = colons + usize::from(*own == b':');
            own == char && naive(colons, rest, text)
        }
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_explicit_deny_wins_whatever_else_is_there(
        before in statements(), deny in statement("Deny"), after in statements(), asked in asked(),
    ) {
        let alone = read(std::slice::from_ref(&deny)).unwrap();
        let denied = matches!(decide(&asked, [&alone]), AccessDecision::ExplicitDeny { .. });
        let among = [before.as_slice(), &[deny], &after].concat();
        let all = [read(&before), read(&among), read(&after)];
        let decision = decide(&asked, all.iter().flatten());
        if denied {
            let is_deny = matches!(decision, AccessDecision::ExplicitDeny { .. });
            prop_assert!(is_deny, "{decision:?}");
        }
    }

    #[test]
    fn another_allow_takes_nothing_away(
        some in statements(), allow in statement("Allow"), at in any::<prop::sample::Index>(), asked in asked(),
    ) {
        let without = decide(&asked, read(&some).iter());
        let mut more = some.clone();
        more.insert(at.index(some.len() + 1), allow);
        let with = decide(&asked, read(&more).iter());
        prop_assert!(!without.is_allow() || with.is_allow());
        let denies = |decision| matches!(decision, AccessDecision::ExplicitDeny { .. });
        prop_assert_eq!(denies(without), denies(with));
    }

    #[test]
    fn another_deny_gives_nothing(some in statements(), deny in statement("Deny"), asked in asked()) {
        let without = decide(&asked, read(&some).iter());
        let with = decide(&asked, read(&[some, vec![deny]].concat()).iter());
        prop_assert!(without.is_allow() || !with.is_allow());
    }

    #[test]
    fn a_decision_names_a_statement_of_its_effect(some in statements(), asked in asked()) {
        let policy = read(&some);
        let named = |statement: usize| some[statement].starts_with(r#"{"Effect": "Allow""#);
        match decide(&asked, policy.iter()) {
            AccessDecision::Allow { policy, statement } => prop_assert!(policy == 0 && named(statement)),
            AccessDecision::ExplicitDeny { policy, statement } => prop_assert!(policy == 0 && !named(statement)),
            AccessDecision::ImplicitDeny => {}
        }
    }

    #[test]
    fn what_has_no_allow_allows_nothing(denies in prop::collection::vec(statement("Deny"), 0..4), asked in asked()) {
        prop_assert!(!decide(&asked, read(&denies).iter()).is_allow());
    }

    #[test]
    fn a_value_never_stands_for_anything_but_itself(value in nasty(), name in nasty()) {
        let text = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "arn:aws:s3:::a/${a:v}/b"}}"#;
        let mut context = Context::default();
        context.set("a:v", &value);
        context.set("aws:username", "ab");
        let asked = Asked { action: "s3:GetObject", resource: format!("arn:aws:s3:::a/{name}/b"), context };
        let allowed = decide(&asked, [&policy(PolicyKind::Identity, text)]).is_allow();
        prop_assert_eq!(allowed, name == value && !value.is_empty());
    }

    #[test]
    fn a_value_never_stands_for_anything_but_itself_in_conditions(value in nasty(), own in nasty()) {
        let mut context = Context::default();
        context.set("a:v", &value);
        context.set("a:w", format!("<{own}>"));
        context.set("aws:username", "ab");
        let asked = Asked { action: "s3:GetObject", resource: "*".to_owned(), context };
        for operator in ["StringEquals", "StringLike"] {
            let text = format!(r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow", "Action": "*", "Resource": "*",
                "Condition": {{"{operator}": {{"a:w": "<${{a:v}}>"}}}}}}}}"#);
            let allowed = decide(&asked, [&policy(PolicyKind::Identity, &text)]).is_allow();
            prop_assert_eq!(allowed, own == value && !value.is_empty());
        }
    }

    #[test]
    fn resources_match_as_a_naive_matcher_does(
        pattern in "[ab*?]{0,4}:[ab*?]{0,4}:[ab:*?]{1,6}", text in "[ab:]{0,12}", as_pattern in any::<bool>(),
    ) {
        let arn = |text: &str| format!("arn:aws:s:{text}");
        // A text that has something of the pattern matches more often than one that has nothing of it.
        let text = if as_pattern { pattern.replace('*', &text).replace('?', "a") } else { text };
        let (pattern, text) = (arn(&pattern), arn(&text));
        let policy = policy(PolicyKind::Identity, &format!(
            r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow", "Action": "*", "Resource": "{pattern}"}}}}"#
        ));
        let asked = Asked { action: "s3:GetObject", resource: text.clone(), context: Context::default() };
        let expected = naive(0, pattern.as_bytes(), text.as_bytes());
        prop_assert_eq!(decide(&asked, [&policy]).is_allow(), expected);
    }

    #[test]
    fn texts_match_as_a_naive_matcher_does(pattern in "[ab:*?]{0,8}", text in "[ab:]{0,10}") {
        let glyphs: Vec<Glyph> = pattern.chars().map(Glyph::of).collect();
        let expected = naive(5, pattern.as_bytes(), text.as_bytes());
        prop_assert_eq!(matches(&glyphs, &text, Case::Kept), expected);
    }

    #[test]
    fn the_matcher_ignores_the_case_of_ascii_letters(text in "[aAbBéÉ:]{0,8}") {
        let pattern: Vec<Glyph> = text.to_ascii_uppercase().chars().map(Glyph::Char).collect();
        prop_assert!(matches(&pattern, &text, Case::Ignored));
        prop_assert_eq!(matches(&pattern, &text, Case::Kept), text == text.to_ascii_uppercase());
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in prop::collection::vec(any::<u8>(), 0..200)) {
        for kind in KINDS {
            let _ = Policy::parse(kind, &text, MAX_CHARACTERS);
        }
    }

    #[test]
    fn no_document_makes_the_parser_panic_and_what_is_parsed_can_be_asked(text in document(), asked in asked()) {
        for kind in KINDS {
            if let Ok(policy) = Policy::parse(kind, text.as_bytes(), MAX_CHARACTERS) {
                prop_assert!(!policy.statements().is_empty());
                let request = AccessRequest {
                    action: asked.action,
                    resource: &asked.resource,
                    principal: Some(Principal::Federated("cognito-identity.amazonaws.com")),
                    context: &asked.context,
                };
                evaluate(&request, [&policy]);
            }
        }
    }
}

/// Something like a policy: the right words in places right and wrong.
fn document() -> impl Strategy<Value = String> {
    let words = [
        "Version",
        "2012-10-17",
        "2008-10-17",
        "Statement",
        "Sid",
        "Effect",
        "Allow",
        "Deny",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Principal",
        "NotPrincipal",
        "Federated",
        "AWS",
        "Service",
        "Condition",
        "StringLike",
        "ForAnyValue:ArnLike",
        "NumericEquals",
        "DateLessThan",
        "IpAddress",
        "Null",
        "Bool",
        "BinaryEquals",
        "*",
        "s3:*",
        "sts:AssumeRole",
        "arn:aws:s3:::a/${a:v}",
        "${a:v",
        "a:v",
        "2026",
        "10.0.0.0/8",
        "true",
        "arn:aws:iam::123456789012:root",
        "cognito-identity.amazonaws.com",
    ];
    let word = || select(words.to_vec()).prop_map(serde_json::Value::from);
    let leaf = prop_oneof![4 => word(), 1 => any::<i32>().prop_map(serde_json::Value::from), 1 => any::<bool>().prop_map(serde_json::Value::from)];
    let value = leaf.prop_recursive(5, 64, 6, move |inner| {
        let member = (select(words.to_vec()).prop_map(str::to_owned), inner.clone());
        prop_oneof![
            1 => prop::collection::vec(inner, 0..4).prop_map(serde_json::Value::from),
            3 => prop::collection::vec(member, 0..6).prop_map(|members| members.into_iter().collect()),
        ]
    });
    let whole = (value.clone(), value.clone(), value).prop_map(|(statement, action, condition)| {
        serde_json::json!({"Version": "2012-10-17", "Statement": [statement, {
            "Effect": "Allow", "Action": action, "Resource": "*", "Condition": condition,
        }]})
    });
    whole.prop_map(|value| value.to_string())
}

#[test]
fn what_cannot_be_parsed_is_no_policy_and_allows_nothing() {
    for text in [
        "",
        "{}",
        "null",
        r#"{"Statement": []}"#,
        r#"{"Statement": {"Effect": "Allow"}}"#,
    ] {
        let policy = Policy::parse(PolicyKind::Identity, text.as_bytes(), MAX_CHARACTERS);
        assert!(policy.is_err(), "{text}");
        let asked = Asked {
            action: "s3:GetObject",
            resource: "*".to_owned(),
            context: Context::default(),
        };
        assert_eq!(decide(&asked, policy.iter()), AccessDecision::ImplicitDeny);
    }
}

#[test]
fn matching_takes_few_steps_on_patterns_made_to_take_many() {
    let many = |reach| Glyph::Many(reach);
    let repeated = |glyphs: &[Glyph], times: usize| glyphs.repeat(times);
    let (a, b) = (Glyph::Char('a'), Glyph::Char('b'));
    for reach in [WildcardSpan::Anything, WildcardSpan::Segment] {
        for (pattern, text) in [
            (repeated(&[many(reach), a], 5_000), "a".repeat(10_000)),
            (repeated(&[many(reach), a], 5_000), "a".repeat(10_000) + "b"),
            (repeated(&[many(reach)], 10_000), "a".repeat(10_000)),
            (
                [repeated(&[many(reach), a], 5_000), vec![b]].concat(),
                "a".repeat(10_000),
            ),
            (
                [vec![many(reach)], repeated(&[a], 2_000), vec![b]].concat(),
                "a".repeat(10_000),
            ),
            (
                repeated(&[many(reach), Glyph::One(reach)], 5_000),
                ":a".repeat(5_000),
            ),
        ] {
            let (_, steps) = walk(&pattern, &text, Case::Kept, usize::MAX);
            assert!(
                steps <= 2 * (pattern.len() + 1) * (text.len() + 1),
                "{steps} steps"
            );
        }
    }
    // The worst of the patterns in which every star but one can be forgotten is linear.
    let pattern = [repeated(&[many(WildcardSpan::Anything), a], 5_000), vec![b]].concat();
    let (matched, steps) = walk(&pattern, &"a".repeat(10_000), Case::Kept, usize::MAX);
    assert!(!matched && steps <= 40_000, "{steps} steps");
}

#[test]
fn a_policy_of_10_000_characters_is_soon_evaluated() {
    let stars = "*a".repeat(5_000);
    let text = format!(
        r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow", "Action": "*", "Resource": "arn:aws:s3:*:*:{stars}b"}}}}"#
    );
    let mut asked = Asked {
        action: "s3:GetObject",
        resource: format!("arn:aws:s3:{}", "a:".repeat(5_000)),
        context: Context::default(),
    };
    assert_eq!(
        decide(&asked, [&policy(PolicyKind::Identity, &text)]),
        AccessDecision::ImplicitDeny
    );

    // Variables that are longer than whatever they are compared with are not written out.
    let variables = "${a:v}".repeat(1_600);
    let text = format!(
        r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow", "Action": "*", "Resource": "arn:aws:s3:::{variables}"}}}}"#
    );
    asked.context.set("a:v", "a".repeat(1_000_000));
    assert_eq!(
        decide(&asked, [&policy(PolicyKind::Identity, &text)]),
        AccessDecision::ImplicitDeny
    );
}
