//! Whether the signer of a request may do what it asks for.

use super::assume_role::identity_keys;
use super::{Call, Caller, session_policies};
use crate::credentials::Session;
use crate::model::iam_role::Role;
use crate::model::ids::PoolId;
use crate::policy::{
    AccessDecision, AccessRequest, Context, MAX_CHARACTERS, Policy, PolicyKind, evaluate,
    intersection,
};
use crate::store::StoreError;

/// Why somebody may not.
#[derive(Debug, thiserror::Error)]
pub enum AuthoriseError {
    /// No policy lets them, or one forbids it.
    #[error("the policies of {who} don't allow {action}")]
    Denied {
        /// The ARN of the signer.
        who: String,
        /// What they wanted to do.
        action: String,
        /// On what.
        resource: String,
        /// Why.
        why: Why,
    },
    /// The store can't say.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why somebody may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// A policy forbids it.
    Forbidden,
    /// No policy of theirs allows it.
    NotAllowed,
    /// Their role would allow it, but nothing that narrows the session does.
    Narrowed,
}

impl Why {
    fn of(decision: AccessDecision) -> Option<Self> {
        match decision {
            AccessDecision::Allow { .. } => None,
            AccessDecision::ExplicitDeny { .. } => Some(Self::Forbidden),
            AccessDecision::ImplicitDeny => Some(Self::NotAllowed),
        }
    }
}

impl Call<'_> {
    /// Checks that the signer may do `action` (`service:Name`) on `resource` (an ARN, or `*`). `context` holds what the
    /// request itself says; what every request has is added.
    ///
    /// The root key may do everything, an access key what its policy says, a session what its role's policies and all
    /// that narrows it say. No session of an identity ever administrates this server.
    pub async fn authorise(
        &self,
        action: &str,
        resource: &str,
        mut context: Context,
    ) -> Result<(), AuthoriseError> {
        if *self.signer() == Caller::Root {
            return Ok(());
        }
        self.circumstances(&mut context);
        self.resource_tags(resource, &mut context).await?;
        let request = AccessRequest {
            action,
            resource,
            principal: None,
            context: &context,
        };
        let why = match self.signer() {
            Caller::Root => None,
            Caller::AccessKey(key) => Why::of(evaluate(&request, [&key.policy])),
            Caller::Session(session) => self.session_may(session, &request).await?,
        };
        let Some(why) = why else { return Ok(()) };
        Err(AuthoriseError::Denied {
            who: self.signer().arn(&self.app.config.account_id),
            action: action.to_owned(),
            resource: resource.to_owned(),
            why,
        })
    }

    /// Why a session may not do it; `None` where it may. Its role must be there, and the one that it was.
    async fn session_may(
        &self,
        session: &Session,
        request: &AccessRequest<'_>,
    ) -> Result<Option<Why>, StoreError> {
        let service = request.action.split_once(':').map(|(service, _)| service);
        if session.identity.is_some() && matches!(service, Some("iam" | "cognate")) {
            return Ok(Some(Why::NotAllowed));
        }
        let role = self.known_role(&session.role).await?;
        let role = role.filter(|role| Some(&role.id) == session.role_id.as_ref());
        let Some(policies) = role.as_deref().and_then(policies_of) else {
            return Ok(Some(Why::NotAllowed));
        };
        let of_role = evaluate(request, &policies);
        let bounds = session.bounds.iter().map(|policies| {
            let parsed = session_policies::parsed(policies);
            parsed.map_or(AccessDecision::ImplicitDeny, |parsed| {
                evaluate(request, &parsed)
            })
        });
        let all = intersection(std::iter::once(of_role).chain(bounds));
        Ok(match Why::of(all) {
            Some(Why::NotAllowed) if of_role.is_allow() => Some(Why::Narrowed),
            other => other,
        })
    }

    /// The condition keys of every request.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>
    pub fn circumstances(&self, context: &mut Context) {
        let account = &self.app.config.account_id;
        let signer = self.signer();
        context.set("aws:CurrentTime", self.now.to_string());
        context.set("aws:EpochTime", self.now.as_second().to_string());
        context.set("aws:PrincipalAccount", account.as_str());
        context.set("aws:PrincipalArn", signer.arn(account));
        let is_session = matches!(signer, Caller::Session(_));
        let kind = if is_session { "AssumedRole" } else { "User" };
        context.set("aws:PrincipalType", kind);
        context.set("aws:userid", signer.user_id(account));
        context.set("aws:RequestedRegion", self.signed_region().as_str());
        match signer {
            Caller::Root => {}
            Caller::AccessKey(key) => context.set("aws:username", key.name.as_str()),
            Caller::Session(session) => {
                // In policies a session goes by its role.
                context.set("aws:PrincipalArn", session.role.as_str());
                session_keys(session, context);
            }
        }
    }

    /// The tags of the pool whose ARN this is.
    async fn resource_tags(&self, arn: &str, context: &mut Context) -> Result<(), StoreError> {
        let pool = arn
            .split_once(":identitypool/")
            .and_then(|(_, id)| PoolId::parse(id));
        let Some(id) = pool else { return Ok(()) };
        let found = self.app.store.pool(id.uuid).await?;
        if let Some(pool) = found.filter(|pool| pool.id == id) {
            for (key, value) in &pool.settings.tags {
                context.set(&format!("aws:ResourceTag/{key}"), value);
            }
        }
        Ok(())
    }
}

/// The condition keys that a session brings.
fn session_keys(session: &Session, context: &mut Context) {
    for (key, value) in &session.tags {
        context.set(&format!("aws:PrincipalTag/{key}"), value.as_str());
    }
    for (key, value) in &session.keys {
        context.set(key, value.as_str());
    }
    if let Some(whose) = &session.identity {
        identity_keys(whose, context);
    }
}

/// The policies of a role; `None` where one of them can't be read, for it might be one that denies.
fn policies_of(role: &Role) -> Option<Vec<Policy>> {
    let texts = role.policies.values();
    let parsed =
        texts.map(|text| Policy::parse(PolicyKind::Identity, text.as_bytes(), MAX_CHARACTERS));
    match parsed.collect::<Result<Vec<_>, _>>() {
        Ok(policies) => Some(policies),
        Err(error) => {
            tracing::warn!(role = %role.arn, %error, "a role may do nothing, since one of its policies is not taken");
            None
        }
    }
}
