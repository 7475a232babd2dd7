//! Authorisation: whether the signer of a request may perform its action.

use super::condition_keys;
use crate::app::credentials::session_policies;
use crate::app::{Call, Caller, roles};
use crate::credentials::Session;
use crate::error::{Code, Error};
use crate::model::iam_role::Role;
use crate::policy::{
    AccessDecision, AccessRequest, Context, MAX_CHARACTERS, Policy, PolicyKind, evaluate,
    intersection,
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
            Self::NotAllowed => {
                format!("because no identity-based policy allows the {action} action")
            }
            Self::SessionPolicy => format!("because no session policy allows the {action} action"),
        }
    }
}

/// Checks that the signer may perform `action` (`service:Name`) on `resource` (an ARN, or `*`). `context` holds the
/// condition keys of the operation's input; those of every request are added. A denial is [`Code::AccessDenied`].
///
/// The root key may do everything, an access key what its policy allows, and a session what its role's policies and all
/// its session policies allow. A session of an identity never administers this server.
pub fn check(
    call: &Call<'_>,
    action: &str,
    resource: &str,
    mut context: Context,
) -> Result<(), Error> {
    if *call.signer() == Caller::Root {
        return Ok(());
    }
    condition_keys::add_request(call, &mut context);
    condition_keys::add_resource_tags(call, resource, &mut context)?;
    let request = AccessRequest {
        action,
        resource,
        principal: None,
        context: &context,
    };
    let denial = match call.signer() {
        Caller::Root => None,
        Caller::AccessKey(key) => Denial::of(evaluate(&request, [&key.policy])),
        Caller::Session(session) => session_denial(call, session, &request)?,
    };
    let Some(denial) = denial else { return Ok(()) };
    Err(Code::AccessDenied.because(format!(
        "User: {} is not authorized to perform: {action} on resource: {resource} {}",
        call.signer().arn(&call.app.config.account_id),
        denial.reason(action)
    )))
}

/// Why a session may not perform the action; `None` if it may. Its role must exist and be the same role as when the
/// session began.
fn session_denial(
    call: &Call<'_>,
    session: &Session,
    request: &AccessRequest<'_>,
) -> Result<Option<Denial>, StoreError> {
    let service = request.action.split_once(':').map(|(service, _)| service);
    if session.identity.is_some() && matches!(service, Some("iam" | "cognate")) {
        return Ok(Some(Denial::NotAllowed));
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
