//! Authorisation: whether the signer of a request may perform its action.

use std::mem::discriminant;

use super::condition_keys::{CallerKeys, RequestKeys, context};
use super::resource::Resource;
use crate::app::credentials::session_policies;
use crate::app::roles::permissions::{self, NoPermissions, RolePolicy};
use crate::app::{Call, Caller, roles};
use crate::credentials::{Session, SessionIdentity};
use crate::error::{Code, Error};
use crate::model::iam_role::Role;
use crate::policy::{AccessDecision, AccessRequest, Policy, evaluate, intersection};
use crate::store::StoreError;
use crate::store::catalog::Snapshot;

/// Why a request is denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Denial {
    /// A statement of a policy of this kind denies the action.
    ExplicitDeny(PolicySource),
    /// No policy of this kind allows the action.
    NotAllowed(PolicySource),
    /// The signer is a session of a pool's identity, and those may not call the operation.
    IdentitySession,
    /// As [`Denial::IdentitySession`], but the operator may permit it.
    UnlessConfigured,
}

/// The kinds of policies that decide about a signer, in the order in which a missing allow is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PolicySource {
    Identity,
    Boundary,
    Session,
}

impl PolicySource {
    /// The name in IAM's texts.
    const fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity-based policy",
            Self::Boundary => "permissions boundary",
            Self::Session => "session policy",
        }
    }

    /// The denial by policies of this kind, if they deny.
    fn denial(self, decision: AccessDecision) -> Option<Denial> {
        match decision {
            AccessDecision::Allow { .. } => None,
            AccessDecision::ExplicitDeny { .. } => Some(Denial::ExplicitDeny(self)),
            AccessDecision::ImplicitDeny => Some(Denial::NotAllowed(self)),
        }
    }
}

/// Whether an operation accepts sessions of pools' identities as signers, whatever their role's policies allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdentitySessions {
    /// The operation accepts these sessions.
    Accepted,
    /// The operation accepts sessions of signed-in users if the setting `sessions.administer_pools` is on, but never those
    /// of guests.
    IfConfigured,
    /// The operation accepts no such session: it administers this server, or amounts to impersonation.
    Refused,
}

/// A permission that an operation requires in addition to the one with its own name.
#[derive(Debug)]
pub struct FurtherPermission {
    /// The action.
    pub action: &'static str,
    /// The resource.
    pub resource: Resource,
    /// The condition keys of what is asked for.
    pub request: RequestKeys,
}

impl FurtherPermission {
    /// The permission to perform `action` on `resource`.
    pub fn new(action: &'static str, resource: Resource) -> Self {
        Self {
            action,
            resource,
            request: RequestKeys::default(),
        }
    }

    /// The permission to pass a role to an identity pool.
    /// <https://docs.aws.amazon.com/cognito/latest/developerguide/iam-roles.html>
    pub fn pass_role(role: Resource) -> Self {
        Self {
            action: "iam:PassRole",
            resource: role,
            request: RequestKeys::of_passing_a_role(),
        }
    }
}

impl Denial {
    fn reason(self, action: &str) -> String {
        match self {
            Self::ExplicitDeny(source @ PolicySource::Identity) => {
                format!("with an explicit deny in an {}", source.name())
            }
            Self::ExplicitDeny(source) => {
                format!("with an explicit deny in a {}", source.name())
            }
            Self::NotAllowed(source) => {
                format!("because no {} allows the {action} action", source.name())
            }
            // The service's own words: its callers don't learn that a policy could not allow more.
            Self::IdentitySession => Self::NotAllowed(PolicySource::Identity).reason(action),
            Self::UnlessConfigured => format!(
                "because no identity-based policy allows the {action} action; users of a pool perform STS actions only, \
                 unless this server's configuration sets sessions.administer_pools"
            ),
        }
    }
}

/// Checks that the signer may call an operation that accepts these sessions of identities. This comes before any policy, so
/// that no policy can allow more. A denial is [`Code::AccessDenied`].
pub fn check_session(
    call: &Call<'_>,
    action: &str,
    resource: &Resource,
    accepts: IdentitySessions,
) -> Result<(), Error> {
    let Caller::Session(session) = call.signer() else {
        return Ok(());
    };
    let Some(identity) = session.identity() else {
        return Ok(());
    };
    let denial = match accepts {
        IdentitySessions::Accepted => return Ok(()),
        IdentitySessions::IfConfigured if may_administer(call, identity) => return Ok(()),
        IdentitySessions::IfConfigured if identity.is_authenticated() => Denial::UnlessConfigured,
        IdentitySessions::IfConfigured | IdentitySessions::Refused => Denial::IdentitySession,
    };
    Err(denied(call, action, resource, denial))
}

/// Whether sessions of this identity may administer pools.
fn may_administer(call: &Call<'_>, identity: &SessionIdentity) -> bool {
    call.app.config.sessions.administer_pools && identity.is_authenticated()
}

/// Checks a further permission. The refusal names what requires it.
pub fn check_further(
    call: &Call<'_>,
    required_by: &str,
    permission: FurtherPermission,
) -> Result<(), Error> {
    let FurtherPermission {
        action: further,
        resource,
        request,
    } = permission;
    check(call, further, &resource, request).map_err(|error| match error.code {
        Code::AccessDenied => {
            let text = error.text.unwrap_or_default();
            Code::AccessDenied.because(format!(
                "{text}; on this server, {required_by} requires it too"
            ))
        }
        _ => error,
    })
}

/// Checks that the signer may perform `action` (`service:Name`) on `resource`. `request` holds the condition keys of the
/// operation's input; those of the caller, the resource and the connection are added. A denial is [`Code::AccessDenied`].
///
/// The root key may do everything, an access key what its policy allows, and a session what its role's policies, the role's
/// permissions boundary and all its session policies allow. A session of an identity never administers this server.
pub fn check(
    call: &Call<'_>,
    action: &str,
    resource: &Resource,
    request: RequestKeys,
) -> Result<(), Error> {
    if matches!(call.signer(), Caller::Root(_)) {
        return Ok(());
    }
    let caller = CallerKeys::of_signer(call)?;
    let context = context(call, caller, request, resource)?;
    let request = AccessRequest {
        action,
        resource: resource.as_str(),
        principal: None,
        context: &context,
    };
    let denial = match call.signer() {
        Caller::Root(_) => None,
        Caller::AccessKey(key) => PolicySource::Identity.denial(evaluate(&request, [&key.policy])),
        Caller::Session(session) => session_denial(call, session, &request)?,
    };
    match denial {
        Some(denial) => Err(denied(call, action, resource, denial)),
        None => Ok(()),
    }
}

fn denied(call: &Call<'_>, action: &str, resource: &Resource, denial: Denial) -> Error {
    Code::AccessDenied.because(format!(
        "User: {} is not authorized to perform: {action} on resource: {resource} {}",
        call.signer().arn(&call.app.config.account_id),
        denial.reason(action)
    ))
}

/// Why a session may not perform the action; `None` if it may. Its role must exist and be the same role as when the
/// session began.
fn session_denial(
    call: &Call<'_>,
    session: &Session,
    request: &AccessRequest<'_>,
) -> Result<Option<Denial>, StoreError> {
    if let Some(identity) = session.identity() {
        let service = request.action.split_once(':').map(|(service, _)| service);
        let is_open = match service {
            Some("sts") => true,
            Some("cognito-identity") => may_administer(call, identity),
            _ => false,
        };
        if !is_open {
            return Ok(Some(Denial::IdentitySession));
        }
    }
    let snapshot = call.app.records.snapshot()?;
    let role = roles::find_in(&snapshot, &session.role)?;
    let role = role.filter(|role| Some(&role.id) == session.role_id.as_ref());
    let Some(permissions) = role.and_then(|role| parsed(&snapshot, &role)) else {
        return Ok(Some(Denial::NotAllowed(PolicySource::Identity)));
    };
    let mut decisions = vec![(
        PolicySource::Identity,
        evaluate(request, &permissions.policies),
    )];
    if let Some(boundary) = &permissions.boundary {
        decisions.push((PolicySource::Boundary, evaluate(request, [boundary])));
    }
    for policies in &session.bounds {
        let parsed = session_policies::parsed(&snapshot, policies);
        let decision = parsed.map_or(AccessDecision::ImplicitDeny, |parsed| {
            evaluate(request, &parsed)
        });
        decisions.push((PolicySource::Session, decision));
    }
    Ok(combined(&decisions))
}

/// The denial by sets of policies that must all allow, if one of them denies.
fn combined(decisions: &[(PolicySource, AccessDecision)]) -> Option<Denial> {
    let all = intersection(decisions.iter().map(|(_, decision)| *decision));
    let is_alike = |decision: &AccessDecision| discriminant(decision) == discriminant(&all);
    let mut decisions = decisions.iter();
    let (source, decision) = decisions.find(|(_, decision)| is_alike(decision))?;
    source.denial(*decision)
}

/// The policies of a role, parsed.
struct ParsedPermissions {
    policies: Vec<Policy>,
    boundary: Option<Policy>,
}

/// The policies of a role. `None` if one of them is missing or can't be parsed, because it might contain a deny.
fn parsed(snapshot: &Snapshot, role: &Role) -> Option<ParsedPermissions> {
    let read = || -> Result<ParsedPermissions, NoPermissions> {
        let permissions = permissions::of_role(snapshot, role)?;
        let policies = permissions.policies.iter().map(RolePolicy::parse);
        let boundary = permissions.boundary.as_ref().map(RolePolicy::parse);
        Ok(ParsedPermissions {
            policies: policies.collect::<Result<_, _>>()?,
            boundary: boundary.transpose()?,
        })
    };
    match read() {
        Ok(permissions) => Some(permissions),
        Err(error) => {
            tracing::warn!(
                role = %role.arn,
                error = &error as &dyn std::error::Error,
                "sessions of the role are denied everything"
            );
            None
        }
    }
}
