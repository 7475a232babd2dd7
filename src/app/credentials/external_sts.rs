//! External STSs: the credentials of a role come from the built-in STS, or from the STS of a route. This module makes the
//! request to the latter and caches its answer.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::assume_role::{self, AssumeError, Assumption};
use super::lifetime;
use super::session_policies::{OF_GUESTS_BY_NAME, guests_inline, is_within_guests};
use crate::app::{Call, records};
use crate::blocking::PoolFull;
use crate::credentials::routes::{
    LEAST_SECONDS, LEFT, StsCacheKey, StsCredentials, StsError, StsRequest, StsRoute,
};
use crate::credentials::{SessionIdentity, SharedCredentials, least_left};
use crate::model::ids::{IdentityId, RoleArn};
use crate::model::origin::TokenOrigin;
use crate::policy::{FillError, TemplateValues};
use crate::tokens::TokenClaims;

/// How far tokens for an external STS are backdated, because its clock may be behind this server's.
const BACK: SignedDuration = SignedDuration::from_mins(1);

/// The remaining lifetime of such a token.
const AHEAD: SignedDuration = SignedDuration::from_mins(10);

/// Temporary credentials for their owner. They hold secrets.
pub struct TemporaryCredentials {
    /// The id of the access key.
    pub access_key_id: String,
    /// The secret of the access key.
    pub secret_key: Zeroizing<String>,
    /// The session token.
    pub session_token: String,
    /// The time at which the credentials expire.
    pub expires: Timestamp,
}

/// Why there are no credentials for the chosen role.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// The built-in STS gives no session.
    #[error(transparent)]
    BuiltIn(#[from] AssumeError),
    /// The external STS of the role gives no credentials.
    #[error("route {number} to {sts} gives no credentials for {role}; {}", .source.advice())]
    ExternalSts {
        /// The number of the route.
        number: usize,
        /// The STS, with its region if that is known.
        sts: String,
        /// The role.
        role: RoleArn,
        /// The cause.
        source: ExternalStsError,
    },
}

/// Why an external STS gives no credentials.
#[derive(Debug, thiserror::Error)]
pub enum ExternalStsError {
    /// The login expires before the shortest possible session would.
    #[error(
        "the login ends in less than {LEAST_SECONDS} seconds, and no STS gives a session that short"
    )]
    EndsTooSoon,
    /// The route's session policy allows more than guests may do.
    #[error("the route's session_policy allows more than guests may")]
    Guests,
    /// A variable of the route's session policy has no value.
    #[error(transparent)]
    NotFilled(#[from] FillError),
    /// Too many signatures wait for a turn.
    #[error(transparent)]
    Overloaded(#[from] PoolFull),
    /// The external STS refuses the request, or can't be reached.
    #[error(transparent)]
    Sts(StsError),
}

impl ExternalStsError {
    /// What an operator should check.
    fn advice(&self) -> &'static str {
        match self {
            Self::EndsTooSoon => "the app needs a login that lasts longer",
            Self::Guests => {
                "guests need a route of their own, without a session_policy or with one that allows no more than guests may"
            }
            Self::NotFilled(_) => {
                "see the session_policy of the route, and the tag maps of the pool"
            }
            Self::Overloaded(_) => "see the page about overload",
            Self::Sts(error) => error.advice(),
        }
    }
}

/// Credentials for a role, from the built-in STS or from the STS of a route. They expire when what bounds the assumption
/// ends, at the latest.
pub async fn issue(
    call: &Call<'_>,
    assumption: Assumption,
) -> Result<TemporaryCredentials, IssueError> {
    if call.routes.of(&assumption.role).is_some() && assumption.origin.identity().is_some() {
        return routed(call, assumption, LEFT).await;
    }
    let (issued, session) = assume_role::assume(call, assumption)?;
    Ok(TemporaryCredentials {
        access_key_id: issued.access_key_id,
        secret_key: issued.secret_key,
        session_token: issued.session_token,
        expires: session.expires,
    })
}

/// As [`issue`], or the credentials of an equal session that was issued lately and has most of its life left, so that the
/// processes of one workload share one.
pub async fn issue_or_reuse(
    call: &Call<'_>,
    assumption: Assumption,
) -> Result<TemporaryCredentials, IssueError> {
    if call.routes.of(&assumption.role).is_some() && assumption.origin.identity().is_some() {
        let left = least_left(assumption.lifetime);
        return routed(call, assumption, left).await;
    }
    let shared = assume_role::assume_or_reuse(call, assumption)?;
    Ok(TemporaryCredentials::from(shared.as_ref()))
}

impl From<&SharedCredentials> for TemporaryCredentials {
    fn from(shared: &SharedCredentials) -> Self {
        let issued = &shared.credentials;
        Self {
            access_key_id: issued.access_key_id.clone(),
            secret_key: issued.secret_key.clone(),
            session_token: issued.session_token.clone(),
            expires: shared.expires,
        }
    }
}

/// Credentials of an identity from the STS of the role's route. Cached ones have more than `left` left.
async fn routed(
    call: &Call<'_>,
    assumption: Assumption,
    left: SignedDuration,
) -> Result<TemporaryCredentials, IssueError> {
    let route = call.routes.of(&assumption.role);
    let route = route.expect("the caller found the route");
    let identity = assumption.origin.identity();
    let identity = identity.expect("the caller found the identity");
    let generation = records::generation(call.app).map_err(AssumeError::from)?;
    let obtained = obtain(call, route, &assumption, (identity, left), generation).await;
    let outcome = if obtained.is_ok() {
        "given"
    } else {
        "not given"
    };
    let number = route.number.to_string();
    metrics::counter!("cognate_routed_total", "route" => number, "outcome" => outcome).increment(1);
    let obtained = obtained.map_err(|source| IssueError::ExternalSts {
        number: route.number,
        sts: route.endpoint(),
        role: assumption.role.clone(),
        source,
    })?;
    Ok(TemporaryCredentials {
        access_key_id: obtained.access_key_id.clone(),
        secret_key: obtained.secret_key.clone(),
        session_token: obtained.session_token.clone(),
        expires: obtained.expires,
    })
}

async fn obtain(
    call: &Call<'_>,
    route: &StsRoute,
    assumption: &Assumption,
    (identity, left): (&SessionIdentity, SignedDuration),
    generation: Uuid,
) -> Result<Arc<StsCredentials>, ExternalStsError> {
    let end = assumption.not_after;
    let id = IdentityId {
        region: identity.pool.region.clone(),
        uuid: identity.identity,
    };
    let (policy, policy_arns) = session_policies(route, assumption, identity, &id)?;
    let mut amr = identity.amr.clone();
    amr.sort_unstable();
    let key = StsCacheKey {
        route: route.number,
        role: assumption.role.to_string(),
        generation,
        pool: identity.pool.uuid,
        identity: identity.identity,
        epoch: identity.epoch,
        amr,
        policy: policy.clone(),
        tags: StsCacheKey::sorted(&assumption.tags),
        seconds: assumption.lifetime.as_secs(),
        end,
    };
    let routes = &call.routes;
    if let Some(found) = routes.cache.find(&key, left, call.now) {
        return Ok(found);
    }
    let seconds = lifetime::until(assumption.lifetime, end, call.now).as_secs();
    if seconds < LEAST_SECONDS {
        return Err(ExternalStsError::EndsTooSoon);
    }
    let settings = &route.settings;
    let claims = TokenClaims {
        identity: &id,
        pool: &identity.pool,
        audience: settings.audience.as_deref(),
        pool_arn: &identity.pool.arn(&call.app.config.account_id),
        amr: &identity.amr,
        tags: &assumption.tags,
        epoch: identity.epoch,
        developer: false,
        origin: &TokenOrigin {
            generation,
            incarnation: identity.incarnation,
            logins: identity.logins.clone(),
            not_after: end,
        },
        issued: call.now - BACK,
        lifetime: BACK + AHEAD,
    };
    let token = call.app.tokens.issue(&claims).await?;
    let request = StsRequest {
        role: settings
            .assume
            .as_deref()
            .unwrap_or(assumption.role.as_str()),
        session_name: &assumption.session_name,
        subject: &id.reveal(),
        token: &token,
        seconds,
        policy: policy.as_deref(),
        policy_arns,
    };
    let obtained = routes.ask(route, &request, call.now).await;
    let obtained = Arc::new(obtained.map_err(ExternalStsError::Sts)?);
    routes.cache.keep(key, Arc::clone(&obtained));
    Ok(obtained)
}

/// The session policies of the request: an inline policy and managed policies. A guest always gets the policies of
/// guests. Session policies add up, so a route's own policy must not allow a guest more than those.
fn session_policies(
    route: &StsRoute,
    assumption: &Assumption,
    identity: &SessionIdentity,
    id: &IdentityId,
) -> Result<(Option<String>, &'static [&'static str]), ExternalStsError> {
    let is_guest = !identity.is_authenticated();
    let Some(template) = &route.settings.session_policy else {
        if !is_guest {
            return Ok((None, &[]));
        }
        let managed: &[&str] = if route.is_aws() {
            &[OF_GUESTS_BY_NAME]
        } else {
            &[]
        };
        return Ok((Some(guests_inline().to_owned()), managed));
    };
    if is_guest && !is_within_guests(template) {
        return Err(ExternalStsError::Guests);
    }
    let filled = template.fill(&TemplateValues {
        identity: &id.reveal(),
        pool: &identity.pool.to_string(),
        tags: &assumption.tags,
    })?;
    Ok((Some(filled), &[]))
}
