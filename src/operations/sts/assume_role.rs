//! AssumeRole. <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>

use indexmap::IndexMap;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Assumed, DEFAULT_DURATION, assumed, not_authorized, seconds};
use crate::app::access::authorise;
use crate::app::access::condition_keys::{CallerKeys, RequestKeys};
use crate::app::access::resource::Resource;
use crate::app::credentials::assume_role::{Assumption, SHORT};
use crate::app::credentials::session_policies::{self, PolicyDescriptor};
use crate::app::roles::trust_policy::{self, TrustRequest};
use crate::app::{Call, Caller, roles};
use crate::error::{Code, Error};
use crate::model::ids::RoleArn;
use crate::model::tags::{TagError, Tags};
use crate::operations::{Access, Operation, Service};
use crate::policy::Principal;

const ACTION: &str = "sts:AssumeRole";

/// Gives the signer credentials for a role of the built-in IAM, if the signer's policies allow it and the role trusts the
/// signer. A session that assumes another role (role chaining) keeps its identity, condition keys, transitive tags and session
/// policies.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct AssumeRole {
    role_arn: String,
    role_session_name: String,
    #[serde(default)]
    policy_arns: Vec<PolicyDescriptor>,
    policy: Option<String>,
    duration_seconds: Option<i64>,
    #[serde(default)]
    tags: Vec<SessionTag>,
    #[serde(default)]
    transitive_tag_keys: Vec<String>,
    external_id: Option<String>,
    serial_number: Option<String>,
    token_code: Option<String>,
    source_identity: Option<String>,
    #[serde(default)]
    provided_contexts: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SessionTag {
    key: String,
    value: String,
}

#[derive(Serialize)]
pub(crate) struct AssumeRoleOutput {
    #[serde(flatten)]
    assumed: Assumed,
}

impl Operation for AssumeRole {
    const SERVICE: Service = Service::Sts;
    const NAME: &'static str = "AssumeRole";
    const ACCESS: Access = Access::Signed;
    type Output = AssumeRoleOutput;

    const MISSING_MEMBER: Option<(&'static str, &'static str)> = Some((
        "RoleArn",
        "Only MinIO assumes no role: set the ARN of a role of this server in the client, and trust the client's access key \
         in the role's trust policy.",
    ));

    fn resource(&self, _call: &Call<'_>) -> Resource {
        let role = RoleArn::parse(&self.role_arn);
        role.map_or_else(Resource::any, |role| Resource::role(&role))
    }

    fn request_keys(&self, keys: &mut RequestKeys) {
        self.set_session_keys(keys);
        keys.set_tags(self.pairs());
        keys.set_transitive_tag_keys(self.transitive_tag_keys.iter().map(String::as_str));
    }

    async fn run(self, call: &Call<'_>) -> Result<AssumeRoleOutput, Error> {
        self.refuse_unsupported()?;
        let policies = session_policies::read(call, self.policy.as_deref(), &self.policy_arns)?;
        let tags = self.session_tags(call).map_err(|error| refused(&error))?;
        if !tags.is_empty() {
            let keys = self.keys_with(&tags);
            authorise::check(call, "sts:TagSession", &self.resource(call), keys)?;
        }
        let mut assumption = self.assumption(call, tags)?;
        if !policies.is_empty() {
            assumption.bounds.push(policies);
        }
        Ok(AssumeRoleOutput {
            assumed: assumed(call, assumption)?,
        })
    }
}

impl AssumeRole {
    /// The requested tags.
    fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        let tags = self.tags.iter();
        tags.map(|tag| (tag.key.as_str(), tag.value.as_str()))
    }

    /// Sets the condition keys of the request's parameters, apart from its tags.
    fn set_session_keys(&self, keys: &mut RequestKeys) {
        let duration = self.duration_seconds.unwrap_or(DEFAULT_DURATION);
        keys.set_session(&self.role_session_name, duration);
        if let Some(id) = &self.external_id {
            keys.set_external_id(id);
        }
    }

    /// The condition keys of the request's parameters and of all tags of the session.
    fn keys_with(&self, tags: &Tags) -> RequestKeys {
        let mut keys = RequestKeys::default();
        self.set_session_keys(&mut keys);
        keys.set_session_tags(tags);
        keys
    }

    fn refuse_unsupported(&self) -> Result<(), Error> {
        let refused = |what: &str| {
            let text = format!("{what} is not available on this server: nothing would come of it.");
            Err(Code::Validation.because(text))
        };
        if self.serial_number.is_some() || self.token_code.is_some() {
            return refused("Multi-factor authentication");
        }
        if self.source_identity.is_some() {
            return refused("SourceIdentity");
        }
        if !self.provided_contexts.is_empty() {
            return refused("ProvidedContexts");
        }
        Ok(())
    }

    /// The tags of the session: those of the request, and those that the signer's session passes on. Both need the same
    /// permissions.
    fn session_tags(&self, call: &Call<'_>) -> Result<Tags, TagError> {
        let mut tags = Tags::of_session(self.pairs(), &self.transitive_tag_keys)?;
        if let Caller::Session(session) = call.signer() {
            tags.inherit(&session.tags)?;
        }
        Ok(tags)
    }

    fn assumption(&self, call: &Call<'_>, tags: Tags) -> Result<Assumption, Error> {
        let role = RoleArn::parse(&self.role_arn).ok_or_else(|| not_authorized(ACTION))?;
        let known = roles::find_by_arn(call, &role)?.ok_or_else(|| not_authorized(ACTION))?;
        let account = &call.app.config.account_id;
        let signer = call.signer();
        let (arn, id) = (signer.arn(account), signer.user_id(account));
        let mut names = vec![account.as_str(), &arn, &id];
        if let Caller::Session(session) = signer {
            names.push(session.role.as_str());
            names.extend(session.role_id.as_deref());
        }
        let caller = CallerKeys::of_signer(call)?;
        let is_trusted = |names: &[&str]| {
            let request = TrustRequest {
                action: ACTION,
                principal: Principal::Aws(names),
                caller: caller.clone(),
                keys: self.keys_with(&tags),
                is_tagged: !tags.is_empty(),
            };
            trust_policy::allows(call, &known, request)
        };
        // A key with the name of an earlier key is denied what the name is denied, and trusted with nothing.
        let without_name = [account.as_str(), &id];
        let is_another =
            matches!(signer, Caller::AccessKey(key) if !known.trusts_user(&arn, &key.user_id));
        if !is_trusted(&names)? || is_another && !is_trusted(&without_name)? {
            return Err(not_authorized(ACTION));
        }
        let (mut longest, mut not_after) = (known.max_session_duration, None);
        let (mut keys, mut bounds) = (IndexMap::new(), Vec::new());
        if let Caller::Session(session) = signer {
            longest = longest.min(SHORT);
            not_after = session.not_after;
            keys.clone_from(&session.keys);
            bounds.clone_from(&session.bounds);
        }
        Ok(Assumption {
            role,
            role_id: Some(known.id.clone()),
            session_name: self.role_session_name.clone(),
            origin: signer.origin(),
            keys,
            bounds,
            tags,
            lifetime: SignedDuration::from_secs(seconds(self.duration_seconds, longest)?),
            not_after,
        })
    }
}

/// The refusal of tags.
fn refused(error: &TagError) -> Error {
    let code = match error {
        TagError::Duplicate | TagError::NotRequested | TagError::Inherited => {
            Code::InvalidParameterValue
        }
        _ => Code::Validation,
    };
    code.because(error.sentence())
}
