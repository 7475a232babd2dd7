//! Assuming a role: the role of the enhanced flow, and the session of the built-in STS.

use std::sync::Arc;

use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};

use super::{lifetime, session_policies};
use crate::app::roles::choice::{NoRole, RoleChoice};
use crate::app::roles::trust_policy::{self, TrustRequest};
use crate::app::sign_in::VerifiedIdentity;
use crate::app::{Call, records, roles};
use crate::credentials::{
    IssuedCredentials, Session, SessionIdentity, SessionOrigin, SessionPolicy, SharedCredentials,
};
use crate::model::iam_role::Role;
use crate::model::ids::RoleArn;
use crate::model::pool::Pool;
use crate::model::tags::Tags;
use crate::store::StoreError;

/// The longest session of a role that the built-in IAM doesn't have, in seconds. It also limits role chaining.
pub const SHORT: i64 = 3600;

/// The name of sessions of the enhanced flow.
const SESSION_NAME: &str = "CognitoIdentityCredentials";

/// A role that may be assumed, and the session to make.
#[derive(Debug)]
pub struct Assumption {
    /// The role.
    pub role: RoleArn,
    /// The role's unique id, if the built-in IAM has the role.
    pub role_id: Option<String>,
    /// The session's name: 2 to 64 of `[\w+=,.@-]`.
    pub session_name: String,
    /// The origin of the session.
    pub origin: SessionOrigin,
    /// The condition keys from the token of another issuer.
    pub keys: IndexMap<String, String>,
    /// The session policies: in each list, a policy must allow an action.
    pub bounds: Vec<Vec<SessionPolicy>>,
    /// The tags of the session.
    pub tags: Tags,
    /// The lifetime as it was requested, in whole seconds.
    pub lifetime: SignedDuration,
    /// The time that neither the session nor any session that comes from it outlives, if anything bounds it.
    pub not_after: Option<Timestamp>,
}

/// Why the built-in STS gives no session.
#[derive(Debug, thiserror::Error)]
pub enum AssumeError {
    /// The session holds more than fits into a session token.
    #[error("policies and tags are too long for a session")]
    TooLarge,
    /// The store can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why the enhanced flow gives no role.
#[derive(Debug, thiserror::Error)]
pub enum EnhancedError {
    /// The role doesn't trust the identity, or the identity may not assume it.
    #[error(transparent)]
    NoRole(#[from] NoRole),
    /// The store can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Checks the role that was chosen for an identity in the enhanced flow. If the built-in IAM has the role, the role must
/// trust the identity. Any other role is issued only if the pool names it, or if another STS decides about it. The lifetime is
/// the pool's unless another is requested.
pub async fn chosen_role(
    call: &Call<'_>,
    pool: &Pool,
    choice: &RoleChoice,
    identity: &SessionIdentity,
    tags: &Tags,
    lifetime: Option<SignedDuration>,
) -> Result<Option<Arc<Role>>, EnhancedError> {
    let role = roles::find_by_arn(call, &choice.role)?;
    let is_given = match &role {
        Some(role) => {
            let lifetime = lifetime.unwrap_or_else(|| lifetime::of_credentials(pool, Some(role)));
            let session = (SESSION_NAME, lifetime.as_secs());
            let request = TrustRequest::of_identity(identity, session, tags);
            trust_policy::allows(call, role, request)?
        }
        None => !choice.by_token_alone || call.routes.of(&choice.role).is_some(),
    };
    if is_given {
        Ok(role)
    } else {
        Err(NoRole::NotConfigured.into())
    }
}

/// The assumption of a role in the enhanced flow, with the pool's duration unless a shorter one is requested, by `end` at the
/// latest. A guest gets the session policies of guests.
pub async fn enhanced(
    call: &Call<'_>,
    pool: &Pool,
    verified: VerifiedIdentity,
    choice: RoleChoice,
    lifetime: Option<SignedDuration>,
    end: Option<Timestamp>,
) -> Result<Assumption, EnhancedError> {
    let is_guest = !verified.is_authenticated();
    let identity = SessionIdentity {
        pool: pool.id.clone(),
        incarnation: pool.incarnation,
        identity: verified.id.uuid,
        epoch: verified.epoch,
        amr: verified.amr,
        logins: verified.logins,
    };
    let tags = &verified.tags;
    let role = chosen_role(call, pool, &choice, &identity, tags, lifetime).await?;
    let lifetime = lifetime.unwrap_or_else(|| lifetime::of_credentials(pool, role.as_deref()));
    let mut bounds = Vec::new();
    if is_guest {
        bounds.push(session_policies::OF_GUESTS.to_vec());
    }
    Ok(Assumption {
        role: choice.role,
        role_id: role.map(|role| role.id.clone()),
        session_name: SESSION_NAME.to_owned(),
        origin: SessionOrigin::Identity(identity),
        keys: IndexMap::new(),
        bounds,
        tags: verified.tags,
        lifetime,
        not_after: end,
    })
}

/// Credentials of the built-in STS for a role, and the session that their session token holds. The session ends when what
/// bounds it ends, if that is earlier than requested.
pub fn assume(
    call: &Call<'_>,
    assumption: Assumption,
) -> Result<(IssuedCredentials, Session), AssumeError> {
    let session = session(call, assumption)?;
    let ambient = call.app.ambient.as_ref();
    let credentials = call.app.credentials.issue(&session, ambient);
    Ok((credentials.ok_or(AssumeError::TooLarge)?, session))
}

/// As [`assume`], or the credentials of an equal session that was issued lately and has most of its life left.
pub fn assume_or_reuse(
    call: &Call<'_>,
    assumption: Assumption,
) -> Result<Arc<SharedCredentials>, AssumeError> {
    let lifetime = assumption.lifetime;
    let session = session(call, assumption)?;
    let (sessions, ambient) = (&call.app.credentials, call.app.ambient.as_ref());
    let shared = sessions.issue_or_reuse(&session, lifetime, call.now, ambient);
    shared.ok_or(AssumeError::TooLarge)
}

fn session(call: &Call<'_>, assumption: Assumption) -> Result<Session, AssumeError> {
    let whole = |time: Timestamp| Timestamp::from_second(time.as_second()).unwrap_or(time);
    let issued = whole(call.now);
    let lifetime = lifetime::until(assumption.lifetime, assumption.not_after, call.now);
    Ok(Session {
        role: assumption.role,
        role_id: assumption.role_id,
        name: assumption.session_name,
        origin: assumption.origin.for_a_session(),
        generation: records::generation(call.app)?,
        keys: assumption.keys,
        bounds: assumption.bounds,
        tags: assumption.tags,
        issued,
        expires: issued + lifetime,
        not_after: assumption.not_after.map(whole),
    })
}
