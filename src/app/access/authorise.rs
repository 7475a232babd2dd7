//! Authorisation: whether the signer of a request may perform its action.

use super::condition_keys::{CallerKeys, RequestKeys, context};
use super::resource::Resource;
use crate::app::credentials::session_policies;
use crate::app::{Call, Caller, roles};
use crate::credentials::{Session, SessionIdentity};
use crate::error::{Code, Error};
use crate::model::iam_role::Role;
use crate::policy::{
    AccessDecision, AccessRequest, MAX_CHARACTERS, Policy, PolicyKind, evaluate, intersection,
};
use crate::store::StoreError;

/// Why a request is denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Denial {
    /// A statement of a policy denies the action.
    ExplicitDeny,
    /// No identity-based policy allows the action.
    NotAllowed,
    /// The role's policies allow the action, but the session's policies don't.
    SessionPolicy,
    /// The signer is a session of a pool's identity, and those may not call the operation.
    IdentitySession,
    /// As [`Denial::IdentitySession`], but the operator may permit it.
    UnlessConfigured,
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
    fn of(decision: AccessDecision) -> Option<Self> {
        match decision {
            AccessDecision::Allow { .. } => None,
            AccessDecision::ExplicitDeny { .. } => Some(Self::ExplicitDeny),
            AccessDecision::ImplicitDeny => Some(Self::NotAllowed),
        }
    }

    fn reason(self, action: &str) -> String {
        match self {
            Self::ExplicitDeny => "with an explicit deny in an identity-based policy".to_owned(),
            // The service's own words: its callers don't learn that a policy could not allow more.
            Self::NotAllowed | Self::IdentitySession => {
                format!("because no identity-based policy allows the {action} action")
            }
            Self::SessionPolicy => format!("because no session policy allows the {action} action"),
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
/// The root key may do everything, an access key what its policy allows, and a session what its role's policies and all
/// its session policies allow. A session of an identity never administers this server.
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
        Caller::AccessKey(key) => Denial::of(evaluate(&request, [&key.policy])),
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
    let role = roles::find_by_arn(call, &session.role)?;
    let role = role.filter(|role| Some(&role.id) == session.role_id.as_ref());
    let Some(policies) = role.as_deref().and_then(policies_of) else {
        return Ok(Some(Denial::NotAllowed));
    };
    let by_role = evaluate(request, &policies);
    let by_session = session.bounds.iter().map(|policies| {
        let parsed = session_policies::parsed(policies);
        parsed.map_or(AccessDecision::ImplicitDeny, |parsed| {
            evaluate(request, &parsed)
        })
    });
    let all = intersection(std::iter::once(by_role).chain(by_session));
    Ok(match Denial::of(all) {
        Some(Denial::NotAllowed) if by_role.is_allow() => Some(Denial::SessionPolicy),
        other => other,
    })
}

/// The policies of a role. `None` if a policy can't be parsed, because it might contain a deny.
fn policies_of(role: &Role) -> Option<Vec<Policy>> {
    let texts = role.policies.values();
    let parsed =
        texts.map(|text| Policy::parse(PolicyKind::Identity, text.as_bytes(), MAX_CHARACTERS));
    match parsed.collect::<Result<Vec<_>, _>>() {
        Ok(policies) => Some(policies),
        Err(error) => {
            tracing::warn!(role = %role.arn, %error, "sessions of the role are denied everything: one of its policies can't be parsed");
            None
        }
    }
}
