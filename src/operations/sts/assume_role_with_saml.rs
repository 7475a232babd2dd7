//! AssumeRoleWithSAML. <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithSAML.html>

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::{Assumed, DEFAULT_DURATION, assumed, not_authorized, seconds};
use crate::app::credentials::assume_role::Assumption;
use crate::app::credentials::session_policies::{self, PolicyDescriptor};
use crate::app::providers::saml_identity::{self, SamlIdentity};
use crate::app::roles::trust_policy::{self, TrustRequest, WITH_SAML};
use crate::app::{Call, identities, roles};
use crate::error::Error;
use crate::model::ids::RoleArn;
use crate::operations::{Access, Operation, Service};

/// Gives credentials for a response of a registered SAML provider: for a role of the built-in IAM that the response names
/// beside its provider, and that trusts it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct AssumeRoleWithSAML {
    role_arn: String,
    principal_arn: String,
    #[serde(rename = "SAMLAssertion")]
    saml_assertion: String,
    #[serde(default)]
    policy_arns: Vec<PolicyDescriptor>,
    policy: Option<String>,
    duration_seconds: Option<i64>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct AssumeRoleWithSAMLOutput {
    #[serde(flatten)]
    assumed: Assumed,
    subject: String,
    subject_type: String,
    issuer: String,
    /// The recipient of the response, which the service calls so.
    audience: String,
    name_qualifier: String,
}

impl Operation for AssumeRoleWithSAML {
    const SERVICE: Service = Service::Sts;
    const NAME: &'static str = "AssumeRoleWithSAML";
    const ACCESS: Access = Access::Public;
    type Output = AssumeRoleWithSAMLOutput;

    async fn run(self, call: &Call<'_>) -> Result<AssumeRoleWithSAMLOutput, Error> {
        let who = saml_identity::verify(call, &self.principal_arn, &self.saml_assertion).await?;
        if identities::is_revoked(call, &who.login()).await? {
            return Err(not_authorized(WITH_SAML));
        }
        let mut assumption = self.assumption(call, &who)?;
        // Only callers with a valid login learn whether a managed policy exists.
        let narrowed = session_policies::read(call, self.policy.as_deref(), &self.policy_arns)?;
        if !narrowed.is_empty() {
            assumption.bounds.push(narrowed);
        }
        let assumed = assumed(call, assumption)?;
        who.claim(call).await?;
        Ok(AssumeRoleWithSAMLOutput {
            assumed,
            subject: who.assertion.subject,
            subject_type: who.subject_type,
            issuer: who.issuer,
            audience: who.assertion.recipient,
            name_qualifier: who.name_qualifier,
        })
    }
}

impl AssumeRoleWithSAML {
    fn assumption(&self, call: &Call<'_>, who: &SamlIdentity) -> Result<Assumption, Error> {
        let denied = || not_authorized(WITH_SAML);
        let role = RoleArn::parse(&self.role_arn)
            .filter(|role| who.names_role(role.as_str()))
            .ok_or_else(denied)?;
        let known = roles::find_by_arn(call, &role)?.ok_or_else(denied)?;
        let duration = self.duration_seconds.unwrap_or(DEFAULT_DURATION);
        let request = TrustRequest::of_federated(
            WITH_SAML,
            who.provider.as_str(),
            who.caller_keys(call.app.config.account_id.as_str()),
            (&who.session_name, duration),
            &who.tags,
        );
        if !trust_policy::allows(call, &known, request)? {
            return Err(denied());
        }
        let lifetime = seconds(self.duration_seconds, known.max_session_duration)?;
        Ok(Assumption {
            role,
            role_id: Some(known.id.clone()),
            session_name: who.session_name.clone(),
            origin: who.origin(),
            keys: who.lasting_keys(),
            bounds: Vec::new(),
            tags: who.tags.clone(),
            lifetime: SignedDuration::from_secs(lifetime),
            not_after: who.not_after(call.now),
        })
    }
}
