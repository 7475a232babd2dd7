//! What sessions are narrowed to, beside what their roles may do.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::credentials::{Managed, SessionPolicy};
use crate::model::json;
use crate::policy::{Kind, Policy, PolicyError};

/// How many characters a session policy may have.
pub const LONGEST: usize = 2048;

/// The scope-down of guests in the enhanced flow: whatever a role permits, they may do no more than this.
/// <https://docs.aws.amazon.com/cognito/latest/developerguide/iam-roles.html>
pub const OF_GUESTS: [SessionPolicy; 2] = [
    SessionPolicy::Managed(Managed::GuestInline),
    SessionPolicy::Managed(Managed::Guest),
];

/// The managed policies that may be named, by their ARNs.
const NAMED: [(&str, Managed); 2] = [
    (
        "arn:aws:iam::aws:policy/AmazonCognitoUnAuthedIdentitiesSessionPolicy",
        Managed::Guest,
    ),
    (
        "arn:aws:iam::aws:policy/AmazonCognitoUnauthenticatedIdentities",
        Managed::GuestOld,
    ),
];

/// A `PolicyArns` element.
#[derive(Debug, Deserialize)]
pub struct PolicyDescriptor {
    /// The ARN of a managed policy.
    arn: Option<String>,
}

/// Why a session can't be narrowed as it was asked for: then there is none.
#[derive(Debug, thiserror::Error)]
pub enum NotNarrowed {
    /// The policy is none.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// Nobody here knows this managed policy.
    #[error("no managed policy {0}")]
    Unknown(String),
}

/// The session policies that a request names; none where it names none.
pub fn read(
    policy: Option<&str>,
    arns: &[PolicyDescriptor],
) -> Result<Vec<SessionPolicy>, NotNarrowed> {
    let mut policies = Vec::new();
    if let Some(text) = policy {
        Policy::parse(Kind::Session, text.as_bytes(), LONGEST)?;
        let value = json::read(text.as_bytes()).expect("what was just read is JSON");
        policies.push(SessionPolicy::Inline(value));
    }
    for descriptor in arns {
        let arn = descriptor.arn.as_deref().unwrap_or_default();
        let named = NAMED.iter().find(|(name, _)| *name == arn);
        let (_, managed) = named.ok_or_else(|| NotNarrowed::Unknown(arn.to_owned()))?;
        policies.push(SessionPolicy::Managed(*managed));
    }
    Ok(policies)
}

/// The policies themselves. `None` where one of them can't be read: then nothing is allowed.
pub fn parsed(policies: &[SessionPolicy]) -> Option<Vec<Policy>> {
    let one = |policy: &SessionPolicy| match policy {
        SessionPolicy::Managed(managed) => Some(of(*managed).clone()),
        SessionPolicy::Inline(value) => {
            Policy::parse(Kind::Session, value.to_string().as_bytes(), LONGEST).ok()
        }
    };
    policies.iter().map(one).collect()
}

fn of(managed: Managed) -> &'static Policy {
    static ALL: LazyLock<[Policy; 3]> = LazyLock::new(|| {
        let texts = [
            include_str!("guest_inline.json"),
            include_str!("guest_managed.json"),
            include_str!("guest_managed_old.json"),
        ];
        texts.map(|text| {
            Policy::parse(Kind::Session, text.as_bytes(), LONGEST).expect("a policy of our own")
        })
    });
    let [inline, guest, old] = &*ALL;
    match managed {
        Managed::GuestInline => inline,
        Managed::Guest => guest,
        Managed::GuestOld => old,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policies_that_are_built_in_are_policies() {
        for managed in [Managed::GuestInline, Managed::Guest, Managed::GuestOld] {
            assert_eq!(of(managed).statements().len(), 1);
        }
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
                Err(NotNarrowed::Unknown(_))
            ));
        }
        for broken in ["", "{}", "{\"Statement\":[]}", "[", &" ".repeat(3000)] {
            assert!(
                matches!(read(Some(broken), &[]), Err(NotNarrowed::Policy(_))),
                "{broken}"
            );
        }
        assert_eq!(read(None, &[]).unwrap(), []);
    }

    #[test]
    fn a_policy_in_a_session_is_the_policy_that_was_given() {
        let text = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/${aws:userid}/*"}]}"#;
        let policies = read(Some(text), &[]).unwrap();
        let wanted = Policy::parse(Kind::Session, text.as_bytes(), LONGEST).unwrap();
        assert_eq!(parsed(&policies), Some(vec![wanted]));
    }
}
