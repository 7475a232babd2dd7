//! Session policies: they limit a session to less than its role allows.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::credentials::{ManagedPolicy, SessionPolicy};
use crate::model::json;
use crate::policy::{Policy, PolicyError, PolicyKind, SessionTemplate};

/// How many characters a session policy may have.
pub const LONGEST: usize = 2048;

/// The scope-down of guests in the enhanced flow: they may do no more than this, whatever their role allows.
/// <https://docs.aws.amazon.com/cognito/latest/developerguide/iam-roles.html>
pub const OF_GUESTS: [SessionPolicy; 2] = [
    SessionPolicy::Managed(ManagedPolicy::GuestInline),
    SessionPolicy::Managed(ManagedPolicy::Guest),
];

/// The ARN of the managed one of [`OF_GUESTS`].
pub(super) const OF_GUESTS_BY_NAME: &str =
    "arn:aws:iam::aws:policy/AmazonCognitoUnAuthedIdentitiesSessionPolicy";

/// The managed policies that may be named, by their ARNs.
const NAMED: [(&str, ManagedPolicy); 2] = [
    (OF_GUESTS_BY_NAME, ManagedPolicy::Guest),
    (
        "arn:aws:iam::aws:policy/AmazonCognitoUnauthenticatedIdentities",
        ManagedPolicy::GuestOld,
    ),
];

/// A `PolicyArns` element.
#[derive(Debug, Deserialize)]
pub struct PolicyDescriptor {
    /// The ARN of a managed policy.
    arn: Option<String>,
}

/// Why the session policies of a request are refused.
#[derive(Debug, thiserror::Error)]
pub enum SessionPolicyError {
    /// The document is not a session policy.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// This server has no managed policy with this ARN.
    #[error("no managed policy {0}")]
    Unknown(String),
}

/// The session policies of a request.
pub fn read(
    policy: Option<&str>,
    arns: &[PolicyDescriptor],
) -> Result<Vec<SessionPolicy>, SessionPolicyError> {
    let mut policies = Vec::new();
    if let Some(text) = policy {
        Policy::parse_new(PolicyKind::Session, text.as_bytes(), LONGEST)?;
        let value = json::read(text.as_bytes()).expect("a policy that was parsed is JSON");
        policies.push(SessionPolicy::Inline(value));
    }
    for descriptor in arns {
        let arn = descriptor.arn.as_deref().unwrap_or_default();
        let named = NAMED.iter().find(|(name, _)| *name == arn);
        let (_, managed) = named.ok_or_else(|| SessionPolicyError::Unknown(arn.to_owned()))?;
        policies.push(SessionPolicy::Managed(*managed));
    }
    Ok(policies)
}

/// The parsed policies. `None` if one of them can't be parsed: then nothing is allowed.
pub fn parsed(policies: &[SessionPolicy]) -> Option<Vec<Policy>> {
    let one = |policy: &SessionPolicy| match policy {
        SessionPolicy::Managed(managed) => Some(of(*managed).clone()),
        SessionPolicy::Inline(value) => {
            Policy::parse(PolicyKind::Session, value.to_string().as_bytes(), LONGEST).ok()
        }
    };
    policies.iter().map(one).collect()
}

/// The inline policy of [`OF_GUESTS`], as compact JSON, for an STS without managed policies.
pub(super) fn guests_inline() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| {
        let policy = json::read(GUESTS_INLINE.as_bytes()).expect("a built-in policy is valid");
        policy.to_string()
    });
    &TEXT
}

/// The name and the document of a policy of [`OF_GUESTS`].
pub(in crate::app) fn texts_of(policy: &SessionPolicy) -> Option<(&'static str, &'static str)> {
    match policy {
        SessionPolicy::Managed(ManagedPolicy::GuestInline) => {
            Some(("the scope-down of guests", GUESTS_INLINE))
        }
        SessionPolicy::Managed(ManagedPolicy::Guest) => Some((OF_GUESTS_BY_NAME, GUESTS_MANAGED)),
        _ => None,
    }
}

/// Whether a session policy allows no more than guests may do: a statement of [`OF_GUESTS`] allows each of its actions,
/// wildcards included. Those statements have no conditions and apply to all resources.
pub(super) fn is_within_guests(template: &SessionTemplate) -> bool {
    let allowed = |action: &&str| {
        OF_GUESTS.iter().any(|policy| match policy {
            // In these policies no wildcard stands for one character, so a star in the action is covered by a star alone.
            SessionPolicy::Managed(managed) => {
                of(*managed).statements().iter().any(|it| it.names(action))
            }
            SessionPolicy::Inline(_) => false,
        })
    };
    let actions = template.allowed_actions();
    actions.is_some_and(|actions| actions.iter().all(allowed))
}

const GUESTS_INLINE: &str = include_str!("guest_inline.json");
const GUESTS_MANAGED: &str = include_str!("guest_managed.json");

fn of(managed: ManagedPolicy) -> &'static Policy {
    static ALL: LazyLock<[Policy; 3]> = LazyLock::new(|| {
        let texts = [
            GUESTS_INLINE,
            GUESTS_MANAGED,
            include_str!("guest_managed_old.json"),
        ];
        texts.map(|text| {
            Policy::parse(PolicyKind::Session, text.as_bytes(), LONGEST)
                .expect("a built-in policy is valid")
        })
    });
    let [inline, guest, old] = &*ALL;
    match managed {
        ManagedPolicy::GuestInline => inline,
        ManagedPolicy::Guest => guest,
        ManagedPolicy::GuestOld => old,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policies_that_are_built_in_are_policies() {
        for managed in [
            ManagedPolicy::GuestInline,
            ManagedPolicy::Guest,
            ManagedPolicy::GuestOld,
        ] {
            assert_eq!(of(managed).statements().len(), 1);
        }
    }

    #[test]
    fn a_policy_within_what_guests_may_is_told_from_one_that_allows_more() {
        let within = |action: &str| {
            let text = format!(
                r#"{{"Statement":[{{"Effect":"Allow",{action},"Resource":"*"}},{{"Effect":"Deny","Action":"iam:*","Resource":"*"}}]}}"#
            );
            is_within_guests(&SessionTemplate::parse(&text, false).unwrap())
        };
        for action in [
            r#""Action":"s3:GetObject""#,
            r#""Action":["S3:Get*","s3:*","geo:GetMap*","kms:Encrypt"]"#,
        ] {
            assert!(within(action), "{action}");
        }
        for action in [
            r#""Action":"*""#,
            r#""Action":["s3:GetObject","iam:GetRole"]"#,
            r#""Action":"kms:*""#,
            r#""Action":"kms:Encr?pt""#,
            r#""Action":"sts:AssumeRole""#,
            r#""NotAction":"iam:*""#,
        ] {
            assert!(!within(action), "{action}");
        }
    }

    #[test]
    fn what_guests_may_is_compact_where_it_goes_elsewhere() {
        let text = guests_inline();
        assert!(
            text.len() < LONGEST && !text.contains([' ', '\n']),
            "{text}"
        );
        let read = Policy::parse(PolicyKind::Session, text.as_bytes(), LONGEST).unwrap();
        assert_eq!(&read, of(ManagedPolicy::GuestInline));
    }

    #[test]
    fn nothing_that_narrows_is_passed_over() {
        let named = |arn: &str| PolicyDescriptor {
            arn: Some(arn.to_owned()),
        };
        let known = named("arn:aws:iam::aws:policy/AmazonCognitoUnauthenticatedIdentities");
        assert_eq!(read(None, &[known]).unwrap().len(), 1);
        for unknown in [
            named("arn:aws:iam::aws:policy/ReadOnlyAccess"),
            named("arn:aws:iam::aws:policy/amazoncognitounauthenticatedidentities"),
            PolicyDescriptor { arn: None },
        ] {
            assert!(matches!(
                read(None, &[unknown]),
                Err(SessionPolicyError::Unknown(_))
            ));
        }
        for broken in ["", "{}", "{\"Statement\":[]}", "[", &" ".repeat(3000)] {
            assert!(
                matches!(read(Some(broken), &[]), Err(SessionPolicyError::Policy(_))),
                "{broken}"
            );
        }
        assert_eq!(read(None, &[]).unwrap(), []);
    }

    #[test]
    fn a_policy_in_a_session_is_the_policy_that_was_given() {
        let text = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/${aws:userid}/*"}]}"#;
        let policies = read(Some(text), &[]).unwrap();
        let wanted = Policy::parse(PolicyKind::Session, text.as_bytes(), LONGEST).unwrap();
        assert_eq!(parsed(&policies), Some(vec![wanted]));
    }
}
