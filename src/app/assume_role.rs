//! Giving a role: whether its trust policy lets somebody in, and the session of the built-in STS.

use std::sync::Arc;

use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};

use super::role_choice::{Choice, NoRole};
use super::sign_in::Known;
use super::trust::{self, WITH_WEB_IDENTITY};
use super::{Call, lifetime, session_policies};
use crate::credentials::{IssuedCredentials, Session, SessionIdentity, SessionPolicy};
use crate::model::iam_role::Role;
use crate::model::ids::RoleArn;
use crate::model::pool::Pool;
use crate::model::principal_tags::Tags;
use crate::model::provider::OWN;
use crate::policy::{AccessRequest, Context, Principal, evaluate};
use crate::store::StoreError;

/// How long a session of a role that the built-in IAM doesn't know may last, in seconds; also one of a session that
/// takes another role.
pub const SHORT: i64 = 3600;

/// What sessions of the enhanced flow are called.
const SESSION_NAME: &str = "CognitoIdentityCredentials";

/// A role that somebody may have.
#[derive(Debug)]
pub struct Assumption {
    /// The role.
    pub role: RoleArn,
    /// Its unique id, where the built-in IAM knows it.
    pub role_id: Option<String>,
    /// 2 to 64 of `[\w+=,.@-]`.
    pub session_name: String,
    /// Whose the session is, if it is an identity's.
    pub whose: Option<SessionIdentity>,
    /// What conditions may ask of the token of another issuer.
    pub keys: IndexMap<String, String>,
    /// What the session is narrowed to.
    pub bounds: Vec<Vec<SessionPolicy>>,
    /// The tags of the session.
    pub tags: Tags,
    /// How long, in whole seconds.
    pub lifetime: SignedDuration,
}

/// The session would say more than a session token holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("policies and tags are too long for a session")]
pub struct TooMuch;

/// Why the enhanced flow gives no role.
#[derive(Debug, thiserror::Error)]
pub enum EnhancedError {
    /// There is none to give.
    #[error(transparent)]
    NoRole(#[from] NoRole),
    /// The store can't say.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Who asks for a role, and for what.
pub struct Asking<'a> {
    /// The action: `sts:AssumeRoleWithWebIdentity` and its like.
    pub action: &'a str,
    /// Who.
    pub principal: Principal<'a>,
    /// What the token or the request says of them.
    pub context: Context,
    /// The name of the session.
    pub session_name: &'a str,
    /// The tags of the session, which the role must let pass.
    pub tags: &'a Tags,
}

impl<'a> Asking<'a> {
    /// An identity of a pool of this server.
    pub fn identity(whose: &'a SessionIdentity, session_name: &'a str, tags: &'a Tags) -> Self {
        let mut context = Context::default();
        identity_keys(whose, &mut context);
        Self {
            action: WITH_WEB_IDENTITY,
            principal: Principal::Federated(OWN),
            context,
            session_name,
            tags,
        }
    }
}

/// The condition keys of an identity.
/// <https://docs.aws.amazon.com/cognito/latest/developerguide/role-trust-and-permissions.html>
pub(super) fn identity_keys(whose: &SessionIdentity, context: &mut Context) {
    let identity = format!("{}:{}", whose.pool.region, whose.identity);
    context.set(&format!("{OWN}:aud"), whose.pool.to_string());
    context.set(&format!("{OWN}:sub"), identity);
    context.set_all(&format!("{OWN}:amr"), whose.amr.iter().map(String::as_str));
}

impl Call<'_> {
    /// Whether the trust policy of `role` lets somebody in. It is read as strictly as when it was written.
    pub fn is_trusted(&self, role: &Role, asking: Asking<'_>) -> bool {
        let account = &self.app.config.account_id;
        let policy = match trust::read(&role.trust, account) {
            Ok(policy) => policy,
            Err(error) => {
                tracing::warn!(role = %role.arn, %error, "a role trusts nobody, since its trust policy is not taken");
                return false;
            }
        };
        let Asking {
            action,
            principal,
            mut context,
            session_name,
            tags,
        } = asking;
        context.set("aws:CurrentTime", self.now.to_string());
        context.set("aws:EpochTime", self.now.as_second().to_string());
        context.set("sts:RoleSessionName", session_name);
        if let Principal::Federated(provider) = principal {
            context.set("aws:FederatedProvider", provider);
        }
        for (key, value) in tags {
            context.set(&format!("aws:RequestTag/{key}"), value.as_str());
            context.set(&format!("aws:PrincipalTag/{key}"), value.as_str());
        }
        context.set_all("aws:TagKeys", tags.keys().map(String::as_str));
        let lets = |action: &str| {
            let request = AccessRequest {
                action,
                resource: "*",
                principal: Some(principal),
                context: &context,
            };
            evaluate(&request, [&policy]).is_allow()
        };
        lets(action) && (tags.is_empty() || lets("sts:TagSession"))
    }

    /// The role that was chosen for an identity in the enhanced flow, if the built-in IAM knows it: then it must let the
    /// identity in. Another one is given where the pool names it, or where another STS decides that.
    pub async fn chosen_role(
        &self,
        choice: &Choice,
        whose: &SessionIdentity,
        tags: &Tags,
    ) -> Result<Option<Arc<Role>>, EnhancedError> {
        let known = self.known_role(&choice.role).await?;
        let is_given = match &known {
            Some(role) => self.is_trusted(role, Asking::identity(whose, SESSION_NAME, tags)),
            None => !choice.by_token_alone || self.app.routes.of(&choice.role).is_some(),
        };
        if is_given {
            Ok(known)
        } else {
            Err(NoRole::NotConfigured.into())
        }
    }

    /// The assumption of a role in the enhanced flow, for as long as the pool says and not beyond `end`. A guest is narrowed
    /// to what guests may do.
    pub async fn enhanced(
        &self,
        pool: &Pool,
        who: Known,
        choice: Choice,
    ) -> Result<Assumption, EnhancedError> {
        let is_guest = !who.is_authenticated();
        let whose = SessionIdentity {
            pool: pool.id.clone(),
            identity: who.id.uuid,
            epoch: who.epoch,
            amr: who.amr,
        };
        let known = self.chosen_role(&choice, &whose, &who.tags).await?;
        let lifetime = lifetime::of_credentials(pool, known.as_deref());
        let mut bounds = Vec::new();
        if is_guest {
            bounds.push(session_policies::OF_GUESTS.to_vec());
        }
        Ok(Assumption {
            role: choice.role,
            role_id: known.map(|role| role.id.clone()),
            session_name: SESSION_NAME.to_owned(),
            whose: Some(whose),
            keys: IndexMap::new(),
            bounds,
            tags: who.tags,
            lifetime,
        })
    }

    /// Credentials for a role, and what their session token says.
    pub fn assume(&self, assumption: Assumption) -> Result<(IssuedCredentials, Session), TooMuch> {
        let issued = Timestamp::from_second(self.now.as_second()).unwrap_or(self.now);
        let whose = assumption.whose.map(SessionIdentity::for_a_session);
        let session = Session {
            role: assumption.role,
            role_id: assumption.role_id,
            name: assumption.session_name,
            identity: whose,
            keys: assumption.keys,
            bounds: assumption.bounds,
            tags: assumption.tags,
            issued,
            expires: issued + assumption.lifetime,
        };
        let credentials = self
            .app
            .credentials
            .issue(&session, self.app.ambient.as_ref());
        Ok((credentials.ok_or(TooMuch)?, session))
    }
}
