//! The tables in `cases/`: what a policy decides, and which page of the documentation says so.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::policy;
use crate::policy::{
    AccessDecision, AccessRequest, Context, Policy, PolicyKind, Principal, evaluate, intersection,
};

const TABLES: &[&str] = &[
    include_str!("cases/evaluation.toml"),
    include_str!("cases/elements.toml"),
    include_str!("cases/operators.toml"),
    include_str!("cases/quantifiers.toml"),
    include_str!("cases/variables.toml"),
    include_str!("cases/cognito.toml"),
    include_str!("cases/trust.toml"),
    include_str!("cases/decided.toml"),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(default)]
    policy: Vec<PolicyCase>,
    #[serde(default)]
    condition: Vec<ConditionCase>,
}

/// Why a case is as it is: the page of the documentation (of the IAM User Guide, unless it begins with `https://`), or
/// where that is silent, the reason.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Why {
    page: Option<String>,
    decided: Option<String>,
}

/// Policies and what they decide together.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyCase {
    name: String,
    why: Why,
    /// A trust policy rather than an identity policy.
    #[serde(default)]
    trust: bool,
    documents: Vec<String>,
    /// A session's policies; with them, both must allow.
    session: Option<Vec<String>>,
    requests: Vec<RequestCase>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RequestCase {
    action: String,
    #[serde(default = "none")]
    resource: String,
    federated: Option<String>,
    service: Option<String>,
    aws: Option<Vec<String>>,
    #[serde(default)]
    context: BTreeMap<String, Values>,
    decision: Expected,
}

fn none() -> String {
    "*".to_owned()
}

/// A `Condition`, and the circumstances in which it holds or doesn't.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConditionCase {
    name: String,
    why: Why,
    condition: String,
    /// Without it the condition stands once in an Allow and once in a Deny, and must hold in both or neither.
    effect: Option<String>,
    contexts: Vec<ContextCase>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ContextCase {
    #[serde(default)]
    context: BTreeMap<String, Values>,
    holds: bool,
}

/// The value of a key that can have one, or the values of a key that can have several.
#[derive(Deserialize)]
#[serde(untagged)]
enum Values {
    One(String),
    Several(Vec<String>),
}

#[derive(Deserialize, Debug, PartialEq, Clone, Copy)]
enum Expected {
    Allow,
    ExplicitDeny,
    ImplicitDeny,
}

fn tables() -> Vec<Table> {
    let tables = TABLES.iter().map(|text| toml::from_str(text).unwrap());
    tables.collect()
}

fn context(values: &BTreeMap<String, Values>) -> Context {
    let mut context = Context::default();
    for (key, values) in values {
        match values {
            Values::One(value) => context.set(key, value),
            Values::Several(values) => context.set_all(key, values),
        }
    }
    context
}

fn said(decision: AccessDecision) -> Expected {
    match decision {
        AccessDecision::Allow { .. } => Expected::Allow,
        AccessDecision::ExplicitDeny { .. } => Expected::ExplicitDeny,
        AccessDecision::ImplicitDeny => Expected::ImplicitDeny,
    }
}

fn decide(case: &PolicyCase, asked: &RequestCase) -> Expected {
    let read = |kind, documents: &[String]| -> Vec<Policy> {
        documents.iter().map(|text| policy(kind, text)).collect()
    };
    let aws: Vec<&str> = asked.aws.iter().flatten().map(String::as_str).collect();
    let principal = match (&asked.federated, &asked.service, &asked.aws) {
        (Some(name), ..) => Some(Principal::Federated(name)),
        (_, Some(name), _) => Some(Principal::Service(name)),
        (.., Some(_)) => Some(Principal::Aws(&aws)),
        _ => None,
    };
    let request = AccessRequest {
        action: &asked.action,
        resource: &asked.resource,
        principal,
        context: &context(&asked.context),
    };
    let kind = if case.trust {
        PolicyKind::Trust
    } else {
        PolicyKind::Identity
    };
    let own = evaluate(&request, &read(kind, &case.documents));
    let Some(session) = &case.session else {
        return said(own);
    };
    let session = evaluate(&request, &read(PolicyKind::Session, session));
    said(intersection([own, session]))
}

/// Whether a condition holds: seen through an Allow, and through a Deny beside an Allow of everything.
fn holds(effect: &str, condition: &str, context: &Context) -> bool {
    let text = format!(
        r#"{{"Version": "2012-10-17", "Statement": [
            {{"Effect": "{effect}", "Action": "a:B", "Resource": "*", "Condition": {condition}}},
            {{"Effect": "Allow", "Action": "a:{beside}", "Resource": "*"}}
        ]}}"#,
        beside = if effect == "Deny" { "B" } else { "Other" },
    );
    let request = AccessRequest {
        action: "a:B",
        resource: "*",
        principal: None,
        context,
    };
    let decision = evaluate(&request, [&policy(PolicyKind::Identity, &text)]);
    match (effect, said(decision)) {
        ("Allow", Expected::Allow) | ("Deny", Expected::ExplicitDeny) => true,
        ("Allow", Expected::ImplicitDeny) | ("Deny", Expected::Allow) => false,
        (_, other) => panic!("{other:?}"),
    }
}

#[test]
fn policies_decide_as_the_documentation_says() {
    let mut wrong = Vec::new();
    for case in tables().iter().flat_map(|table| &table.policy) {
        for (number, asked) in case.requests.iter().enumerate() {
            let decision = decide(case, asked);
            if decision != asked.decision {
                let expected = asked.decision;
                wrong.push(format!(
                    "{}, request {number}: {decision:?}, not {expected:?}",
                    case.name
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn conditions_hold_as_the_documentation_says() {
    let mut wrong = Vec::new();
    for case in tables().iter().flat_map(|table| &table.condition) {
        let effects = case
            .effect
            .as_deref()
            .map_or(vec!["Allow", "Deny"], |one| vec![one]);
        for (number, asked) in case.contexts.iter().enumerate() {
            for effect in &effects {
                let context = context(&asked.context);
                if holds(effect, &case.condition, &context) != asked.holds {
                    let expected = asked.holds;
                    wrong.push(format!(
                        "{}, context {number}, {effect}: should be {expected}",
                        case.name
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_decision_names_the_first_statement_that_makes_it() {
    let statement = |effect: &str, action: &str| {
        format!(r#"{{"Effect": "{effect}", "Action": "{action}", "Resource": "*"}}"#)
    };
    let read = |statements: [String; 2]| {
        let text = format!(r#"{{"Statement": [{}]}}"#, statements.join(","));
        policy(PolicyKind::Identity, &text)
    };
    let policies = [
        read([statement("Allow", "b:*"), statement("Allow", "a:*")]),
        read([statement("Allow", "a:*"), statement("Deny", "a:Two")]),
        read([statement("Deny", "a:Two"), statement("Deny", "*:*")]),
    ];
    let context = Context::default();
    let decide = |action, policies: &[Policy]| {
        let request = AccessRequest {
            action,
            resource: "*",
            principal: None,
            context: &context,
        };
        evaluate(&request, policies)
    };
    let allow = |policy, statement| AccessDecision::Allow { policy, statement };
    let deny = |policy, statement| AccessDecision::ExplicitDeny { policy, statement };
    assert_eq!(decide("a:One", &policies[..2]), allow(0, 1));
    assert_eq!(decide("b:One", &policies[..2]), allow(0, 0));
    assert_eq!(
        decide("c:One", &policies[..2]),
        AccessDecision::ImplicitDeny
    );
    assert_eq!(decide("a:Two", &policies), deny(1, 1));
    assert_eq!(decide("a:One", &policies), deny(2, 1));
}

#[test]
fn an_intersection_gives_the_first_answer_of_the_strongest_kind() {
    let allow = |policy| AccessDecision::Allow {
        policy,
        statement: 0,
    };
    let deny = |policy| AccessDecision::ExplicitDeny {
        policy,
        statement: 0,
    };
    let none = AccessDecision::ImplicitDeny;
    for (decisions, all) in [
        (vec![], none),
        (vec![allow(1)], allow(1)),
        (vec![allow(1), allow(2)], allow(1)),
        (vec![allow(1), none], none),
        (vec![none, allow(1)], none),
        (vec![none, allow(1), deny(2), deny(3)], deny(2)),
        (vec![deny(1), none], deny(1)),
    ] {
        assert_eq!(intersection(decisions.clone()), all, "{decisions:?}");
    }
}

#[test]
fn every_case_says_why_and_there_are_enough() {
    let mut cases = 0;
    let mut names = std::collections::BTreeSet::new();
    for table in tables() {
        let policies = table
            .policy
            .iter()
            .map(|c| (&c.name, &c.why, c.requests.len()));
        let conditions = table
            .condition
            .iter()
            .map(|c| (&c.name, &c.why, c.contexts.len()));
        for (name, why, count) in policies.chain(conditions) {
            assert!(names.insert(name.clone()), "{name}: there twice");
            assert!(
                why.page.is_some() != why.decided.is_some(),
                "{name}: page or decided"
            );
            assert!(count > 0, "{name}: decides nothing");
            cases += count;
        }
    }
    assert!(cases >= 250, "{cases} cases");
}
