//! SAML responses at the STS: the user of a response, and the attributes of the session that it asks for.

mod attributes;
mod keys;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use self::attributes::{duration, session_name, tags, value};
use crate::app::Call;
use crate::app::access::condition_keys::{CallerKeys, SamlValues};
use crate::app::providers::{saml, saml_keys};
use crate::app::single_use::{self, RelyingParty};
use crate::credentials::SessionOrigin;
use crate::logins::report::Report;
use crate::logins::saml::{Assertion, Saml};
use crate::logins::single_use::SingleUse;
use crate::logins::{LoginAttempt, LoginError};
use crate::model::identity::Login;
use crate::model::ids::SamlProviderArn;
use crate::model::tags::{TagError, Tags};
use crate::store::StoreError;

/// The age up to which the STS accepts a response, in seconds.
const FRESH: i64 = 300;

/// The format of a user's name without `Format`.
const UNSPECIFIED: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified";

/// Why the STS refuses a response.
#[derive(Debug, thiserror::Error)]
pub enum SamlIdentityError {
    /// No provider has this ARN.
    #[error("no such provider")]
    NoProvider,
    /// The provider's checks refuse the response.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// The response was issued longer than five minutes ago, or has no IssueInstant.
    #[error("the response was issued longer than five minutes ago, or has no IssueInstant")]
    Late,
    /// The response has no RoleSessionName.
    #[error("the response has no RoleSessionName")]
    NoSessionName,
    /// The RoleSessionName has the wrong form.
    #[error("the response's RoleSessionName has the wrong form")]
    SessionName,
    /// The SessionDuration isn't a duration that a session can have.
    #[error("the response's SessionDuration isn't a duration that a session can have")]
    SessionDuration,
    /// The attributes for the STS are not valid session tags.
    #[error("the response's tags are not valid: {0}")]
    Tags(#[from] TagError),
    /// The response has a SourceIdentity, which isn't supported.
    #[error("the response has a SourceIdentity, which isn't supported")]
    SourceIdentity,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The user of a verified response, and the session that it asks for.
#[derive(Debug)]
pub struct SamlIdentity {
    /// The ARN of the registered provider.
    pub provider: SamlProviderArn,
    /// The unique id of the provider's registration.
    pub registration: Uuid,
    /// The provider's entityID.
    pub issuer: String,
    /// The format of the user's name: `persistent`, `transient` and their like, or a URI.
    pub subject_type: String,
    /// A digest of the issuer and the provider's account and name, in base64.
    pub name_qualifier: String,
    /// The name of the session.
    pub session_name: String,
    /// The longest duration of the session, in seconds, if the response limits it.
    pub longest: Option<i64>,
    /// The tags of the session.
    pub tags: Tags,
    /// The verified assertion.
    pub assertion: Assertion,
    /// The response as a proof that one relying party uses.
    proof: SingleUse,
}

/// Verifies a response of the provider `arn`, and that it isn't used elsewhere. [`SamlIdentity::claim`] uses it.
pub async fn verify(
    call: &Call<'_>,
    arn: &str,
    response: &str,
) -> Result<SamlIdentity, SamlIdentityError> {
    let wanted = SamlProviderArn::parse(arn).ok_or(SamlIdentityError::NoProvider)?;
    let registered = saml::record(call, &wanted)?.ok_or(SamlIdentityError::NoProvider)?;
    let public_url = call.app.tokens.issuer();
    let keys = saml_keys::decryption_keys(call, &registered)?;
    let provider = Saml::for_sts(&registered, keys, public_url);
    let attempt = LoginAttempt {
        key: arn,
        token: response,
        now: call.now,
    };
    let logins = &call.app.logins;
    let mut report = Report::disabled();
    let verified = logins.verify_assertion(&provider, &attempt, &mut report);
    let assertion = verified.await?;
    let account = call.app.config.account_id.as_str();
    let proof = provider.single_use(&assertion);
    let dry_run = true;
    single_use::claim::<SamlIdentityError>(call, &proof, RelyingParty::Sts, dry_run).await?;
    SamlIdentity::read(provider, registered.uuid, account, assertion, call.now)
}

impl SamlIdentity {
    fn read(
        provider: Saml,
        registration: Uuid,
        account: &str,
        assertion: Assertion,
        now: Timestamp,
    ) -> Result<Self, SamlIdentityError> {
        let now = now.as_second();
        let is_fresh = |issued: i64| now <= issued.saturating_add(FRESH);
        if !assertion.issued.is_some_and(is_fresh) {
            return Err(SamlIdentityError::Late);
        }
        if value(&assertion, "SourceIdentity").is_some() {
            return Err(SamlIdentityError::SourceIdentity);
        }
        let tags = tags(&assertion)?;
        let session = assertion.session_end.map(|end| end.saturating_sub(now));
        let proof = provider.single_use(&assertion);
        let issuer = provider.metadata.entity_id;
        let format = assertion.format.as_deref().unwrap_or(UNSPECIFIED);
        let short = format.strip_prefix("urn:oasis:names:tc:SAML:2.0:nameid-format:");
        Ok(Self {
            name_qualifier: name_qualifier(&issuer, account, provider.arn.name()),
            subject_type: short.unwrap_or(format).to_owned(),
            session_name: session_name(&assertion)?,
            longest: duration(&assertion)?.into_iter().chain(session).min(),
            provider: provider.arn,
            registration,
            issuer,
            tags,
            assertion,
            proof,
        })
    }

    /// Claims the response for the STS: the last step, so that a refused request leaves it unused.
    pub async fn claim(&self, call: &Call<'_>) -> Result<(), SamlIdentityError> {
        let dry_run = false;
        single_use::claim(call, &self.proof, RelyingParty::Sts, dry_run).await
    }

    /// The login of the user, as a pool of this server would record it.
    pub fn login(&self) -> Login {
        Login::public(self.provider.as_str(), &self.assertion.subject)
    }

    /// The origin of the session.
    pub fn origin(&self) -> SessionOrigin {
        SessionOrigin::Saml {
            provider: self.provider.clone(),
            registration: self.registration,
            subject: self.assertion.subject.clone(),
        }
    }

    /// The time at which the response limits the session, for a call at `now`.
    pub fn not_after(&self, now: Timestamp) -> Option<Timestamp> {
        let longest = SignedDuration::from_secs(self.longest?);
        now.checked_add(longest).ok()
    }

    /// Whether the response names the role `arn` for the user.
    pub fn names_role(&self, arn: &str) -> bool {
        let mut roles = self.assertion.roles(self.provider.as_str());
        roles.any(|role| role == arn)
    }

    /// The condition keys of the response's user.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#condition-keys-saml>
    pub fn caller_keys(&self, account: &str) -> CallerKeys {
        let mut caller = CallerKeys::of_provider(self.provider.as_str(), &self.tags);
        keys::of_attributes(&self.assertion, &mut caller);
        let doc = format!("{account}/{}", self.provider.name());
        for (name, value) in [
            ("namequalifier", self.name_qualifier.as_str()),
            ("sub", &self.assertion.subject),
            ("sub_type", &self.subject_type),
            ("aud", &self.assertion.recipient),
            ("iss", &self.issuer),
            ("doc", &doc),
        ] {
            caller.set_saml(name, SamlValues::One(value));
        }
        caller
    }

    /// The condition keys that stay available during the session.
    pub fn lasting_keys(&self) -> IndexMap<String, String> {
        let keys = [
            ("saml:namequalifier", &self.name_qualifier),
            ("saml:sub", &self.assertion.subject),
            ("saml:sub_type", &self.subject_type),
        ];
        keys.map(|(key, value)| (key.to_owned(), value.clone()))
            .into()
    }
}

/// The `NameQualifier` of the operation's documentation.
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithSAML.html>
fn name_qualifier(issuer: &str, account: &str, name: &str) -> String {
    let text = format!("{issuer}{account}/{name}");
    STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_qualifier_is_the_digest_of_the_documented_text() {
        // printf 'https://example.com/saml123456789012/MySAMLIdP' | openssl dgst -sha1 -binary | base64
        let qualifier = name_qualifier("https://example.com/saml", "123456789012", "MySAMLIdP");
        assert_eq!(qualifier, "1uAJanUnBc2XeUkHURMht+xam2c=");
    }
}
