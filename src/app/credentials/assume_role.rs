//! Assuming a role: the role of the enhanced flow, and the session of the built-in STS.

use std::sync::Arc;

use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};

use super::{lifetime, session_policies};
use crate::app::roles::choice::{NoRole, RoleChoice};
use crate::app::roles::trust_policy::{self, TrustRequest};
use crate::app::sign_in::VerifiedIdentity;
use crate::app::{Call, roles};
use crate::credentials::{IssuedCredentials, Session, SessionIdentity, SessionPolicy};
use crate::model::iam_role::Role;
use crate::model::ids::RoleArn;
use crate::model::pool::Pool;
use crate::model::principal_tags::Tags;
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
    /// The identity of the session, if it has one.
    pub identity: Option<SessionIdentity>,
    /// The condition keys from the token of another issuer.
    pub keys: IndexMap<String, String>,
    /// The session policies: in each list, a policy must allow an action.
    pub bounds: Vec<Vec<SessionPolicy>>,
    /// The tags of the session.
    pub tags: Tags,
    /// The lifetime, in whole seconds.
    pub lifetime: SignedDuration,
}

/// The session holds more than fits into a session token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("policies and tags are too long for a session")]
pub struct SessionTooLarge;

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
/// trust the identity. Any other role is issued only if the pool names it, or if another STS decides about it.
pub async fn chosen_role(
    call: &Call<'_>,
    choice: &RoleChoice,
    identity: &SessionIdentity,
    tags: &Tags,
) -> Result<Option<Arc<Role>>, EnhancedError> {
    let role = roles::find_by_arn(call, &choice.role)?;
    let is_given = match &role {
        Some(role) => {
            let request = TrustRequest::of_identity(identity, SESSION_NAME, tags);
            trust_policy::allows(call, role, request)
        }
        None => !choice.by_token_alone || call.app.routes.of(&choice.role).is_some(),
    };
    if is_given {
        Ok(role)
    } else {
        Err(NoRole::NotConfigured.into())
    }
}

/// The assumption of a role in the enhanced flow, with the pool's duration. A guest gets the session policies of guests.
pub async fn enhanced(
    call: &Call<'_>,
    pool: &Pool,
    verified: VerifiedIdentity,
    choice: RoleChoice,
) -> Result<Assumption, EnhancedError> {
    let is_guest = !verified.is_authenticated();
    let identity = SessionIdentity {
        pool: pool.id.clone(),
        identity: verified.id.uuid,
        epoch: verified.epoch,
        amr: verified.amr,
    };
    let role = chosen_role(call, &choice, &identity, &verified.tags).await?;
    let lifetime = lifetime::of_credentials(pool, role.as_deref());
    let mut bounds = Vec::new();
    if is_guest {
        bounds.push(session_policies::OF_GUESTS.to_vec());
    }
    Ok(Assumption {
        role: choice.role,
        role_id: role.map(|role| role.id.clone()),
        session_name: SESSION_NAME.to_owned(),
        identity: Some(identity),
        keys: IndexMap::new(),
        bounds,
        tags: verified.tags,
        lifetime,
    })
}

/// Credentials of the built-in STS for a role, and the session that their session token holds.
pub fn assume(
    call: &Call<'_>,
    assumption: Assumption,
) -> Result<(IssuedCredentials, Session), SessionTooLarge> {
    let issued = Timestamp::from_second(call.now.as_second()).unwrap_or(call.now);
    let identity = assumption.identity.map(SessionIdentity::for_a_session);
    let session = Session {
        role: assumption.role,
        role_id: assumption.role_id,
        name: assumption.session_name,
        identity,
        keys: assumption.keys,
        bounds: assumption.bounds,
        tags: assumption.tags,
        issued,
        expires: issued + assumption.lifetime,
    };
    let ambient = call.app.ambient.as_ref();
    let credentials = call.app.credentials.issue(&session, ambient);
    Ok((credentials.ok_or(SessionTooLarge)?, session))
}
