//! AssumeRoleWithWebIdentity.
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html>

use std::sync::Arc;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::{Assumed, assumed, not_authorized, seconds};
use crate::app::credentials::assume_role::{Assumption, SHORT};
use crate::app::credentials::session_policies::{self, PolicyDescriptor};
use crate::app::credentials::web_identity::{self, PresentedToken, TokenSource, WebIdentity};
use crate::app::roles::trust_policy::{self, TrustRequest, WITH_WEB_IDENTITY};
use crate::app::{Call, roles};
use crate::error::Error;
use crate::model::iam_role::Role;
use crate::model::ids::RoleArn;
use crate::operations::{Access, Operation, Service};

/// Gives credentials for a token: an OpenID token of this server, an ID token of a registered provider or of Google, or an
/// access token of Login with Amazon or Facebook. The trust policy
/// decides about a role of the built-in IAM; any other role must be the one that the token's pool names.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct AssumeRoleWithWebIdentity {
    role_arn: String,
    role_session_name: String,
    web_identity_token: String,
    provider_id: Option<String>,
    #[serde(default)]
    policy_arns: Vec<PolicyDescriptor>,
    policy: Option<String>,
    duration_seconds: Option<i64>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct AssumeRoleWithWebIdentityOutput {
    #[serde(flatten)]
    assumed: Assumed,
    subject_from_web_identity_token: String,
    provider: String,
    audience: String,
}

impl Operation for AssumeRoleWithWebIdentity {
    const SERVICE: Service = Service::Sts;
    const NAME: &'static str = "AssumeRoleWithWebIdentity";
    const ACCESS: Access = Access::Public;
    type Output = AssumeRoleWithWebIdentityOutput;

    async fn run(self, call: &Call<'_>) -> Result<AssumeRoleWithWebIdentityOutput, Error> {
        let role = self.known_role(call)?;
        let presented = PresentedToken {
            token: without_newline(&self.web_identity_token),
            provider_id: self.provider_id.as_deref(),
            role: role.as_deref(),
        };
        let mut who = web_identity::verify(call, presented).await?;
        let mut assumption = self.assumption(call, &mut who)?;
        // Only callers with a valid login learn whether a managed policy exists.
        let narrowed = session_policies::read(call, self.policy.as_deref(), &self.policy_arns)?;
        if !narrowed.is_empty() {
            assumption.bounds.push(narrowed);
        }
        Ok(AssumeRoleWithWebIdentityOutput {
            assumed: assumed(call, assumption)?,
            subject_from_web_identity_token: who.subject,
            provider: who.provider,
            audience: who.audience,
        })
    }
}

/// A token without the final newline of its file, which boto3 and the SDK for JavaScript send as well.
fn without_newline(token: &str) -> &str {
    let line = token.strip_suffix('\n').unwrap_or(token);
    line.strip_suffix('\r').unwrap_or(line)
}

impl AssumeRoleWithWebIdentity {
    /// A request for this role that only [`Self::assumption`] is asked of.
    pub(in crate::operations) fn for_role(
        role_arn: String,
        session_name: &str,
        duration_seconds: Option<i64>,
    ) -> Self {
        Self {
            role_arn,
            role_session_name: session_name.to_owned(),
            web_identity_token: String::new(),
            provider_id: None,
            policy_arns: Vec::new(),
            policy: None,
            duration_seconds,
        }
    }

    /// The role that is asked for, if the built-in IAM has it.
    pub(in crate::operations) fn known_role(
        &self,
        call: &Call<'_>,
    ) -> Result<Option<Arc<Role>>, Error> {
        match RoleArn::parse(&self.role_arn) {
            Some(role) => Ok(roles::find_by_arn(call, &role)?),
            None => Ok(None),
        }
    }

    /// What the caller gets, if the trust policy allows it.
    pub(in crate::operations) fn assumption(
        &self,
        call: &Call<'_>,
        who: &mut WebIdentity,
    ) -> Result<Assumption, Error> {
        let role =
            RoleArn::parse(&self.role_arn).ok_or_else(|| not_authorized(WITH_WEB_IDENTITY))?;
        let known = roles::find_by_arn(call, &role)?;
        let longest = known
            .as_ref()
            .map_or(SHORT, |known| known.max_session_duration);
        let lifetime = SignedDuration::from_secs(seconds(self.duration_seconds, longest)?);
        let is_given = match (&known, &who.source) {
            (Some(known), _) => trust_policy::allows(
                call,
                known,
                TrustRequest::of_federated(
                    WITH_WEB_IDENTITY,
                    &who.provider,
                    who.caller_keys(),
                    (&self.role_session_name, lifetime.as_secs()),
                    &who.tags,
                ),
            )?,
            (None, TokenSource::ThisServer { identity, pool }) => {
                let of_pool = if identity.is_authenticated() {
                    &pool.roles.authenticated
                } else {
                    &pool.roles.unauthenticated
                };
                of_pool.as_ref() == Some(&role)
            }
            (None, TokenSource::IdentityProvider { .. }) => false,
        };
        if !is_given {
            return Err(not_authorized(WITH_WEB_IDENTITY));
        }
        Ok(Assumption {
            role,
            role_id: known.map(|known| known.id.clone()),
            session_name: self.role_session_name.clone(),
            origin: who.origin(),
            keys: who.lasting_keys(),
            bounds: Vec::new(),
            tags: std::mem::take(&mut who.tags),
            lifetime,
            not_after: who.not_after,
        })
    }
}
