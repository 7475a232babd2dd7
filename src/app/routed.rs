//! Where the credentials of a role come from: the built-in STS, or that of a route. What goes there for an identity, and
//! what is remembered of it.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use zeroize::Zeroizing;

use super::assume_role::{Assumption, TooMuch};
use super::session_policies::{OF_GUESTS_BY_NAME, guests_inline, is_within_guests};
use super::{Call, lifetime};
use crate::credentials::SessionIdentity;
use crate::credentials::routes::{
    LEAST_SECONDS, StsCacheKey, StsCredentials, StsError, StsRequest, StsRoute,
};
use crate::model::ids::{IdentityId, RoleArn};
use crate::policy::{FillError, TemplateValues};
use crate::tokens::TokenClaims;

/// How far back tokens are dated that go to another STS, so that its clock may go behind this server's.
const BACK: SignedDuration = SignedDuration::from_mins(1);

/// How long such a token is good from now on.
const AHEAD: SignedDuration = SignedDuration::from_mins(10);

/// Temporary credentials, for their owner alone.
pub struct Given {
    /// The access key's id.
    pub access_key_id: String,
    /// Its secret.
    pub secret_key: Zeroizing<String>,
    /// The session token.
    pub session_token: String,
    /// When they end.
    pub expires: Timestamp,
}

/// Why there are no credentials for a role that was chosen.
#[derive(Debug, thiserror::Error)]
pub enum NotGiven {
    /// The built-in STS's would say too much.
    #[error(transparent)]
    TooMuch(#[from] TooMuch),
    /// They would be another STS's.
    #[error("route {number} to {sts} gives no credentials for {role}; {}", .source.advice())]
    Routed {
        /// The number of the route.
        number: usize,
        /// The STS, with its region where that is known.
        sts: String,
        /// The role.
        role: RoleArn,
        /// Why.
        source: RoutedError,
    },
}

/// Why a role that another STS gives isn't had from there.
#[derive(Debug, thiserror::Error)]
pub enum RoutedError {
    /// The login that was shown ends before the shortest session would.
    #[error(
        "the login ends in less than {LEAST_SECONDS} seconds, and no STS gives a session that short"
    )]
    EndsTooSoon,
    /// The route's session policy doesn't keep guests to what guests may.
    #[error("the route's session_policy allows more than guests may")]
    Guests,
    /// The session policy can't be filled in.
    #[error(transparent)]
    NotFilled(#[from] FillError),
    /// The STS gives nothing.
    #[error(transparent)]
    Sts(StsError),
}

impl RoutedError {
    /// What an operator looks at.
    fn advice(&self) -> &'static str {
        match self {
            Self::EndsTooSoon => "the app needs a login that lasts longer",
            Self::Guests => {
                "guests need a route of their own, without a session_policy or with one that allows no more than guests may"
            }
            Self::NotFilled(_) => {
                "see the session_policy of the route, and the tag maps of the pool"
            }
            Self::Sts(error) => error.advice(),
        }
    }
}

impl Call<'_> {
    /// Credentials for a role, from the built-in STS or from that of a route. `end` is the moment that they may not
    /// outlive.
    pub async fn give(
        &self,
        mut assumption: Assumption,
        end: Option<Timestamp>,
    ) -> Result<Given, NotGiven> {
        let route = self.app.routes.of(&assumption.role);
        let (Some(route), Some(whose)) = (route, &assumption.whose) else {
            assumption.lifetime = lifetime::until(assumption.lifetime, end, self.now);
            let (issued, session) = self.assume(assumption)?;
            return Ok(Given {
                access_key_id: issued.access_key_id,
                secret_key: issued.secret_key,
                session_token: issued.session_token,
                expires: session.expires,
            });
        };
        let obtained = self.obtained(route, &assumption, whose, end).await;
        let outcome = if obtained.is_ok() {
            "given"
        } else {
            "not given"
        };
        let number = route.number.to_string();
        metrics::counter!("cognate_routed_total", "route" => number, "outcome" => outcome)
            .increment(1);
        let obtained = obtained.map_err(|source| NotGiven::Routed {
            number: route.number,
            sts: route.endpoint(),
            role: assumption.role.clone(),
            source,
        })?;
        Ok(Given {
            access_key_id: obtained.access_key_id.clone(),
            secret_key: obtained.secret_key.clone(),
            session_token: obtained.session_token.clone(),
            expires: obtained.expires,
        })
    }

    async fn obtained(
        &self,
        route: &StsRoute,
        assumption: &Assumption,
        whose: &SessionIdentity,
        end: Option<Timestamp>,
    ) -> Result<Arc<StsCredentials>, RoutedError> {
        let identity = IdentityId {
            region: whose.pool.region.clone(),
            uuid: whose.identity,
        };
        let (policy, policy_arns) = narrowed(route, assumption, whose, &identity)?;
        let mut amr = whose.amr.clone();
        amr.sort_unstable();
        let key = StsCacheKey {
            route: route.number,
            role: assumption.role.to_string(),
            pool: whose.pool.uuid,
            identity: whose.identity,
            epoch: whose.epoch,
            amr,
            policy: policy.clone(),
            tags: StsCacheKey::sorted(&assumption.tags),
            seconds: assumption.lifetime.as_secs(),
            end,
        };
        let routes = &self.app.routes;
        if let Some(found) = routes.cache.find(&key, self.now) {
            return Ok(found);
        }
        let seconds = lifetime::until(assumption.lifetime, end, self.now).as_secs();
        if seconds < LEAST_SECONDS {
            return Err(RoutedError::EndsTooSoon);
        }
        let settings = &route.settings;
        let token = self.app.tokens.issue(&TokenClaims {
            identity: &identity,
            pool: &whose.pool,
            audience: settings.audience.as_deref(),
            pool_arn: &whose.pool.arn(&self.app.config.account_id),
            amr: &whose.amr,
            tags: &assumption.tags,
            epoch: whose.epoch,
            developer: false,
            issued: self.now - BACK,
            lifetime: BACK + AHEAD,
        });
        let request = StsRequest {
            role: settings
                .assume
                .as_deref()
                .unwrap_or(assumption.role.as_str()),
            session_name: &assumption.session_name,
            subject: &identity.reveal(),
            token: &token,
            seconds,
            policy: policy.as_deref(),
            policy_arns,
        };
        let obtained = routes.ask(route, &request, self.now).await;
        let obtained = Arc::new(obtained.map_err(RoutedError::Sts)?);
        routes.cache.keep(key, Arc::clone(&obtained));
        Ok(obtained)
    }
}

/// What the session is narrowed to: a policy in line, and managed ones beside it. A guest is always kept to what guests
/// may; of several session policies any may allow, so there the route's own must be within that.
fn narrowed(
    route: &StsRoute,
    assumption: &Assumption,
    whose: &SessionIdentity,
    identity: &IdentityId,
) -> Result<(Option<String>, &'static [&'static str]), RoutedError> {
    let is_guest = !whose.is_authenticated();
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
        return Err(RoutedError::Guests);
    }
    let filled = template.fill(&TemplateValues {
        identity: &identity.reveal(),
        pool: &whose.pool.to_string(),
        tags: &assumption.tags,
    })?;
    Ok((Some(filled), &[]))
}
