//! AssumeRoleWithWebIdentity.
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html>

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::app::Call;
use crate::app::assume_role::Assumption;
use crate::app::caller::{assumed_role_arn, role_id};
use crate::error::{Code, Error};
use crate::model::ids::RoleArn;
use crate::model::provider::OWN;
use crate::operations::answer::Seconds;
use crate::operations::{Access, Operation, Service};

/// How long a session of a role that the built-in IAM doesn't know may last, in seconds.
const LONGEST: i64 = 3600;

/// Gives credentials for an OpenID token of this server, in the role that the token's pool has for its identity.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct AssumeRoleWithWebIdentity {
    role_arn: String,
    role_session_name: String,
    web_identity_token: String,
    provider_id: Option<String>,
    #[serde(default)]
    policy_arns: Vec<Value>,
    policy: Option<String>,
    duration_seconds: Option<i64>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct AssumeRoleWithWebIdentityOutput {
    credentials: Credentials,
    subject_from_web_identity_token: String,
    assumed_role_user: AssumedRoleUser,
    provider: &'static str,
    audience: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Credentials {
    access_key_id: String,
    secret_access_key: String,
    session_token: String,
    expiration: Seconds,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct AssumedRoleUser {
    assumed_role_id: String,
    arn: String,
}

impl Operation for AssumeRoleWithWebIdentity {
    const SERVICE: Service = Service::Sts;
    const NAME: &'static str = "AssumeRoleWithWebIdentity";
    const ACCESS: Access = Access::Public;
    type Output = AssumeRoleWithWebIdentityOutput;

    async fn run(self, call: &Call<'_>) -> Result<AssumeRoleWithWebIdentityOutput, Error> {
        // What narrows is never dropped in silence.
        if self.policy.is_some() || !self.policy_arns.is_empty() {
            return Err(Code::MalformedPolicyDocument
                .because("Session policies are not available here yet."));
        }
        if let Some(provider) = &self.provider_id {
            return Err(no_provider(provider));
        }
        let seconds = self.duration_seconds.unwrap_or(LONGEST);
        if seconds > LONGEST {
            return Err(Code::Validation.because(
                "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
            ));
        }
        let (who, pool) = call.own_web_identity(&self.web_identity_token).await?;
        let given = if who.is_authenticated() {
            &pool.roles.authenticated
        } else {
            &pool.roles.unauthenticated
        };
        let role = RoleArn::parse(&self.role_arn)
            .filter(|role| given.as_ref() == Some(role))
            .ok_or_else(not_yours)?;
        let assumed_role_user = AssumedRoleUser {
            assumed_role_id: format!("{}:{}", role_id(&role), self.role_session_name),
            arn: assumed_role_arn(&role, &self.role_session_name),
        };
        let (issued, session) = call.assume(Assumption {
            role,
            session_name: self.role_session_name,
            pool: &pool,
            identity: who.id.uuid,
            epoch: who.epoch,
            tags: who.tags,
            lifetime: SignedDuration::from_secs(seconds),
        });
        Ok(AssumeRoleWithWebIdentityOutput {
            credentials: Credentials {
                access_key_id: issued.access_key_id,
                secret_access_key: issued.secret_key.to_string(),
                session_token: issued.session_token,
                expiration: Seconds(session.expires),
            },
            subject_from_web_identity_token: who.id.reveal(),
            assumed_role_user,
            provider: OWN,
            audience: pool.id.to_string(),
        })
    }
}

fn no_provider(name: &str) -> Error {
    Code::InvalidIdentityToken.because(format!(
        "No OpenIDConnect provider found in your account for https://{name}"
    ))
}

fn not_yours() -> Error {
    Code::AccessDenied.because("Not authorized to perform sts:AssumeRoleWithWebIdentity")
}
