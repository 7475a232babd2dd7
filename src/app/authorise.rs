//! Whether the signer of a request may do what it asks for.

use super::{Call, Caller};
use crate::model::ids::PoolId;
use crate::policy::{Context, Decision, Request, evaluate};
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
        /// Whether a policy forbids it.
        explicitly: bool,
    },
    /// The store can't say.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Call<'_> {
    /// Checks that the signer may do `action` (`service:Name`) on `resource` (an ARN, or `*`). `context` holds what the
    /// request itself says; what every request has is added.
    ///
    /// The root key may do everything, an access key what its policy says. What a session may do is its role's to say,
    /// which nobody here knows yet; and no session of an identity ever administrates this server.
    pub async fn authorise(
        &self,
        action: &str,
        resource: &str,
        mut context: Context,
    ) -> Result<(), AuthoriseError> {
        let decision = match self.signer() {
            Caller::Root => return Ok(()),
            Caller::Session(_) => Decision::ImplicitDeny,
            Caller::AccessKey(key) => {
                self.circumstances(&mut context);
                self.resource_tags(resource, &mut context).await?;
                let request = Request {
                    action,
                    resource,
                    principal: None,
                    context: &context,
                };
                evaluate(&request, [&key.policy])
            }
        };
        if decision.is_allow() {
            return Ok(());
        }
        Err(AuthoriseError::Denied {
            who: self.signer().arn(&self.app.config.account_id),
            action: action.to_owned(),
            resource: resource.to_owned(),
            explicitly: matches!(decision, Decision::ExplicitDeny { .. }),
        })
    }

    /// The condition keys of every request.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>
    fn circumstances(&self, context: &mut Context) {
        let account = &self.app.config.account_id;
        let signer = self.signer();
        context.set("aws:CurrentTime", self.now.to_string());
        context.set("aws:EpochTime", self.now.as_second().to_string());
        context.set("aws:PrincipalAccount", account.as_str());
        context.set("aws:PrincipalArn", signer.arn(account));
        context.set("aws:PrincipalType", "User");
        context.set("aws:userid", signer.user_id(account));
        context.set("aws:RequestedRegion", self.signed_region().as_str());
        if let Caller::AccessKey(key) = signer {
            context.set("aws:username", key.name.as_str());
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
