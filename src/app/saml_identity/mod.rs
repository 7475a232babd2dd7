//! SAML responses that are taken to the STS: who is behind one, and what it says of the session that it is for.

mod attributes;
mod keys;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use indexmap::IndexMap;
use jiff::Timestamp;

use self::attributes::{duration, session_name, tags, value};
use super::Call;
use super::providers::saml;
use crate::logins::saml::{Assertion, At};
use crate::logins::{LoginError, Saml};
use crate::model::ids::SamlProviderArn;
use crate::model::principal_tags::Tags;
use crate::policy::Context;
use crate::store::StoreError;

/// How long after it was made a response may be taken to the STS, in seconds.
const FRESH: i64 = 300;

/// The format of a user's name where the provider says none.
const UNSPECIFIED: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified";

/// Why a response opens no role.
#[derive(Debug, thiserror::Error)]
pub enum SamlIdentityError {
    /// No provider has the ARN.
    #[error("no such provider")]
    NoProvider,
    /// It isn't good at its provider.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// It was made longer ago than five minutes, or doesn't say when.
    #[error("the response isn't fresh")]
    Late,
    /// It gives the session no name.
    #[error("the response names no session")]
    NoSessionName,
    /// It gives the session a name that none can have.
    #[error("the response's name for the session is none")]
    SessionName,
    /// It lets the session last for something that is no duration.
    #[error("the response's duration of the session is none")]
    SessionDuration,
    /// The tags that it gives the session are none, or tags that it hands on aren't among them.
    #[error("the response's tags are none that a session can have")]
    Tags,
    /// It gives the session a source identity.
    #[error("the response has a source identity, which no session here has")]
    SourceIdentity,
    /// The store can't say.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Who is behind a response that was verified.
#[derive(Debug)]
pub struct SamlIdentity {
    /// The ARN of the registered provider.
    pub provider: SamlProviderArn,
    /// The provider's name for itself.
    pub issuer: String,
    /// The format of the user's name: `persistent`, `transient` and their like, or a URI.
    pub subject_type: String,
    /// A digest of the issuer and the provider's account and name, in base64.
    pub name_qualifier: String,
    /// What the session is called.
    pub session_name: String,
    /// How long the session may last, in seconds, as far as the response says.
    pub longest: Option<i64>,
    /// The tags of the session.
    pub tags: Tags,
    /// Those of the tags that the provider wants handed on, which all are.
    pub transitive: Vec<String>,
    /// What else the response says.
    pub assertion: Assertion,
}

impl Call<'_> {
    /// Who is behind a response of the provider `arn` that is taken to the STS.
    pub async fn saml_identity(
        &self,
        arn: &str,
        response: &str,
    ) -> Result<SamlIdentity, SamlIdentityError> {
        let wanted = SamlProviderArn::parse(arn).ok_or(SamlIdentityError::NoProvider)?;
        let registered = saml::record(self, &wanted)?;
        let registered = registered.ok_or(SamlIdentityError::NoProvider)?;
        let provider = Saml {
            arn: wanted,
            metadata: registered.metadata.clone(),
            own: self.app.tokens.issuer().to_owned(),
            at: At::Sts,
        };
        let logins = &self.app.logins;
        let assertion = logins.saml_assertion(&provider, response, self.now)?;
        let account = self.app.config.account_id.as_str();
        SamlIdentity::read(provider, account, assertion, self.now)
    }
}

impl SamlIdentity {
    fn read(
        provider: Saml,
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
        let transitive = value(&assertion, "TransitiveTagKeys").unwrap_or_default();
        if !transitive.iter().all(|key| tags.contains_key(key)) {
            return Err(SamlIdentityError::Tags);
        }
        let session = assertion.session_end.map(|end| end.saturating_sub(now));
        let issuer = provider.metadata.entity_id;
        let format = assertion.format.as_deref().unwrap_or(UNSPECIFIED);
        let short = format.strip_prefix("urn:oasis:names:tc:SAML:2.0:nameid-format:");
        Ok(Self {
            name_qualifier: name_qualifier(&issuer, account, provider.arn.name()),
            subject_type: short.unwrap_or(format).to_owned(),
            session_name: session_name(&assertion)?,
            longest: duration(&assertion)?.into_iter().chain(session).min(),
            transitive: transitive.to_vec(),
            provider: provider.arn,
            issuer,
            tags,
            assertion,
        })
    }

    /// Whether the response gives the user the role `arn`.
    pub fn names_role(&self, arn: &str) -> bool {
        let mut roles = self.assertion.roles(self.provider.as_str());
        roles.any(|role| role == arn)
    }

    /// The condition keys that the response brings.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#condition-keys-saml>
    pub fn context(&self, account: &str) -> Context {
        let mut context = Context::default();
        keys::of_attributes(&self.assertion, &mut context);
        for (key, value) in self.lasting_keys() {
            context.set(&key, value);
        }
        context.set("saml:aud", self.assertion.recipient.as_str());
        context.set("saml:iss", self.issuer.as_str());
        let doc = format!("{account}/{}", self.provider.name());
        context.set("saml:doc", doc);
        let transitive = self.transitive.iter().map(String::as_str);
        context.set_all("sts:TransitiveTagKeys", transitive);
        context
    }

    /// Those of the keys that conditions may still ask of the session.
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

/// As the documentation of the operation has it.
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
