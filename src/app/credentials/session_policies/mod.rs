//! Session policies: they limit a session to less than its role allows.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::app::Call;
use crate::app::managed_policies::lookup;
use crate::credentials::{GuestPolicy, SessionPolicy};
use crate::model::json;
use crate::model::managed_policy::PolicyArn;
use crate::policy::{MAX_CHARACTERS, Policy, PolicyError, PolicyKind, SessionTemplate};
use crate::store::StoreError;
use crate::store::catalog::Snapshot;

/// How many characters a session policy may have.
pub const LONGEST: usize = 2048;

/// The scope-down of guests in the enhanced flow: they may do no more than this, whatever their role allows.
/// <https://docs.aws.amazon.com/cognito/latest/developerguide/iam-roles.html>
pub const OF_GUESTS: [SessionPolicy; 2] = [
    SessionPolicy::Managed(GuestPolicy::GuestInline),
    SessionPolicy::Managed(GuestPolicy::Guest),
];

/// The ARN of the managed one of [`OF_GUESTS`].
pub(super) const OF_GUESTS_BY_NAME: &str =
    "arn:aws:iam::aws:policy/AmazonCognitoUnAuthedIdentitiesSessionPolicy";

/// The managed policies that may be named, by their ARNs.
const NAMED: [(&str, GuestPolicy); 2] = [
    (OF_GUESTS_BY_NAME, GuestPolicy::Guest),
    (
        "arn:aws:iam::aws:policy/AmazonCognitoUnauthenticatedIdentities",
        GuestPolicy::GuestOld,
    ),
];

/// A `PolicyArns` element.
#[derive(Debug, Deserialize)]
pub struct PolicyDescriptor {
    /// The ARN of a managed policy.
    arn: Option<String>,
}

/// How many managed policies a request may name.
const MOST_NAMED: usize = 10;

/// Why the session policies of a request are refused.
#[derive(Debug, thiserror::Error)]
pub enum SessionPolicyError {
    /// The document is not a session policy.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// This server has no managed policy with this ARN.
    #[error("no managed policy {0}")]
    Unknown(String),
    /// The request names more than `MOST_NAMED` managed policies.
    #[error("more than {MOST_NAMED} managed policies")]
    TooMany,
    /// The store can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The session policies of a request.
pub fn read(
    call: &Call<'_>,
    policy: Option<&str>,
    arns: &[PolicyDescriptor],
) -> Result<Vec<SessionPolicy>, SessionPolicyError> {
    let mut policies = Vec::new();
    if let Some(text) = policy {
        policies.push(inline(text)?);
    }
    if arns.len() > MOST_NAMED {
        return Err(SessionPolicyError::TooMany);
    }
    if arns.is_empty() {
        return Ok(policies);
    }
    let snapshot = call.app.records.snapshot()?;
    for descriptor in arns {
        policies.push(managed(&snapshot, descriptor)?);
    }
    Ok(policies)
}

fn inline(text: &str) -> Result<SessionPolicy, SessionPolicyError> {
    Policy::parse_new(PolicyKind::Session, text.as_bytes(), LONGEST)?;
    let value = json::read(text.as_bytes()).expect("a policy that was parsed is JSON");
    Ok(SessionPolicy::Inline(value))
}

fn managed(
    snapshot: &Snapshot,
    descriptor: &PolicyDescriptor,
) -> Result<SessionPolicy, SessionPolicyError> {
    let text = descriptor.arn.as_deref().unwrap_or_default();
    if let Some((_, of_guests)) = NAMED.iter().find(|(name, _)| *name == text) {
        return Ok(SessionPolicy::Managed(*of_guests));
    }
    let unknown = || SessionPolicyError::Unknown(text.to_owned());
    let arn = PolicyArn::parse(text).ok_or_else(unknown)?;
    let found = lookup(snapshot, &arn).map_err(StoreError::from)?;
    let found = found.ok_or_else(unknown)?;
    Ok(SessionPolicy::Named {
        arn,
        id: found.id.clone(),
    })
}

/// The parsed policies. `None` if one of them is missing or can't be parsed: then nothing is allowed.
pub(in crate::app) fn parsed(
    snapshot: &Snapshot,
    policies: &[SessionPolicy],
) -> Option<Vec<Policy>> {
    let one = |policy: &SessionPolicy| match policy {
        SessionPolicy::Managed(managed) => Some(of(*managed).clone()),
        SessionPolicy::Inline(value) => {
            Policy::parse(PolicyKind::Session, value.to_string().as_bytes(), LONGEST).ok()
        }
        SessionPolicy::Named { arn, id } => {
            let found = lookup(snapshot, arn).ok()??;
            let text = found.document().filter(|_| found.id == *id)?;
            Policy::parse(PolicyKind::Identity, text.as_bytes(), MAX_CHARACTERS).ok()
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
        SessionPolicy::Managed(GuestPolicy::GuestInline) => {
            Some(("the scope-down of guests", GUESTS_INLINE))
        }
        SessionPolicy::Managed(GuestPolicy::Guest) => Some((OF_GUESTS_BY_NAME, GUESTS_MANAGED)),
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
            SessionPolicy::Inline(_) | SessionPolicy::Named { .. } => false,
        })
    };
    let actions = template.allowed_actions();
    actions.is_some_and(|actions| actions.iter().all(allowed))
}

const GUESTS_INLINE: &str = include_str!("guest_inline.json");
const GUESTS_MANAGED: &str = include_str!("guest_managed.json");

fn of(managed: GuestPolicy) -> &'static Policy {
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
        GuestPolicy::GuestInline => inline,
        GuestPolicy::Guest => guest,
        GuestPolicy::GuestOld => old,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policies_that_are_built_in_are_policies() {
        for managed in [
            GuestPolicy::GuestInline,
            GuestPolicy::Guest,
            GuestPolicy::GuestOld,
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
        assert_eq!(&read, of(GuestPolicy::GuestInline));
    }

    #[test]
    fn nothing_that_narrows_is_passed_over() {
        let read = |arn: Option<&str>| {
            let arn = arn.map(str::to_owned);
            managed(&Snapshot::default(), &PolicyDescriptor { arn })
        };
        for known in [
            "arn:aws:iam::aws:policy/AmazonCognitoUnauthenticatedIdentities",
            "arn:aws:iam::aws:policy/AdministratorAccess",
        ] {
            assert!(read(Some(known)).is_ok(), "{known}");
        }
        for unknown in [
            Some("arn:aws:iam::aws:policy/ReadOnlyAccess"),
            Some("arn:aws:iam::aws:policy/amazoncognitounauthenticatedidentities"),
            Some("arn:aws:iam::aws:policy/administratoraccess"),
            Some("arn:aws:iam::123456789012:policy/Read"),
            None,
        ] {
            let refused = read(unknown);
            assert!(matches!(refused, Err(SessionPolicyError::Unknown(_))));
        }
        for broken in ["", "{}", "{\"Statement\":[]}", "[", &" ".repeat(3000)] {
            let refused = inline(broken);
            assert!(
                matches!(refused, Err(SessionPolicyError::Policy(_))),
                "{broken}"
            );
        }
    }

    #[test]
    fn a_policy_in_a_session_is_the_policy_that_was_given() {
        let text = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/${aws:userid}/*"}]}"#;
        let policies = [inline(text).unwrap()];
        let wanted = Policy::parse(PolicyKind::Session, text.as_bytes(), LONGEST).unwrap();
        assert_eq!(parsed(&Snapshot::default(), &policies), Some(vec![wanted]));
    }

    #[test]
    fn a_managed_policy_that_is_missing_allows_nothing() {
        let named = |arn: &str, id: &str| SessionPolicy::Named {
            arn: PolicyArn::parse(arn).unwrap(),
            id: id.to_owned(),
        };
        let aws = "arn:aws:iam::aws:policy/AdministratorAccess";
        let snapshot = Snapshot::default();
        assert!(parsed(&snapshot, &[named(aws, "ANPAIWMBCKSKIEE64ZLYK")]).is_some());
        assert!(parsed(&snapshot, &[named(aws, "ANPAANOTHER")]).is_none());
        let own = "arn:aws:iam::123456789012:policy/Read";
        assert!(parsed(&snapshot, &[named(own, "ANPAIWMBCKSKIEE64ZLYK")]).is_none());
    }
}
