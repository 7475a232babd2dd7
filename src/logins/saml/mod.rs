//! SAML providers. Users log in with a response that their provider signed, in base64, as browsers post it.
//!
//! A response is decoded and parsed within bounds (`response.rs`), its signatures are verified with the certificates of the
//! provider's metadata (`signature.rs`), and the signed assertion is checked at the time of the call (`conditions.rs`). An
//! encrypted assertion (`encrypted.rs`) is decrypted after the response's own signature was verified, and checked like any
//! other: anybody can encrypt (`decryption.rs`).
//! [`verify`] makes these checks without I/O. A response is used at one relying party: `app::single_use` claims it there.

mod attributes;
mod conditions;
mod decryption;
mod element;
mod encrypted;
mod findings;
mod key;
mod metadata;
mod response;
mod signature;
#[cfg(test)]
mod tests;
mod xml;

use async_trait::async_trait;
use jiff::Timestamp;

pub use self::conditions::AssertionError;
pub use self::decryption::{DecryptionKey, MOST_KEYS, PrivateKeyError};
pub use self::key::CertificateError;
pub use self::metadata::{LONGEST_METADATA, MetadataError, read_metadata};
pub use self::response::{LONGEST_RESPONSE, ResponseError};
use self::response::{ParsedResponse, ResponseContent};
use self::signature::IdSet;
pub use self::signature::{ALGORITHMS, Algorithms, XmlSignatureError};
pub use self::xml::XmlReadError;
use super::report::Report;
use super::single_use::SingleUse;
use super::{LoginAttempt, LoginError, LoginProvider, Logins, VerifiedLogin};
use crate::model::identity::Login;
use crate::model::ids::SamlProviderArn;
use crate::model::pool::Pool;
use crate::model::provider::{SamlMetadata, SamlProvider};

/// A SAML provider, as a pool or the STS trusts it.
#[derive(Debug, Clone)]
pub struct Saml {
    /// The provider's ARN, which is its `Logins` key.
    pub arn: SamlProviderArn,
    /// The metadata of its registration.
    pub metadata: SamlMetadata,
    /// The private keys of its registration.
    pub decryption_keys: Vec<DecryptionKey>,
    /// Whether plain assertions are refused.
    pub require_encryption: bool,
    /// This server's public URL. It is an audience, and `PUBLIC_URL/saml` is a recipient, beside those of the real service.
    pub public_url: String,
    /// Whether the NameID may be transient, a new name at each login.
    pub allow_transient: bool,
}

/// The requirements that a response must meet.
#[derive(Debug, Clone, Copy)]
pub struct ResponseRequirements<'t> {
    /// The provider's entityID, required as issuer.
    pub entity_id: &'t str,
    /// The certificates of the keys that may sign: base64 of DER.
    pub certificates: &'t [String],
    /// The allowed algorithms of signatures.
    pub algorithms: &'t Algorithms,
    /// The allowed audiences.
    pub audiences: &'t [&'t str],
    /// The allowed recipients.
    pub recipients: &'t [&'t str],
    /// The private keys that may decrypt the assertion; at most [`MOST_KEYS`] are tried.
    pub decryption_keys: &'t [DecryptionKey],
    /// Whether a plain assertion is refused.
    pub require_encryption: bool,
    /// Whether the NameID may be transient, a new name at each login.
    pub allow_transient: bool,
}

/// An assertion that was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assertion {
    /// The assertion's ID.
    pub id: String,
    /// The user: 1 to 255 characters, byte for byte as the provider wrote them.
    pub subject: String,
    /// The format of the user's name, if it is set.
    pub format: Option<String>,
    /// The audience of this server that the assertion names.
    pub audience: String,
    /// The recipient of this server that the assertion names.
    pub recipient: String,
    /// When the assertion was issued, in seconds since 1970, if it is set.
    pub issued: Option<i64>,
    /// When the assertion ends, in seconds since 1970.
    pub end: i64,
    /// The latest time at which the assertion could be accepted, by any of its confirmations, in seconds since 1970.
    pub latest_use: i64,
    /// When the user's session at the provider ends, in seconds since 1970, if it is set.
    pub session_end: Option<i64>,
    /// The attributes, by name, each with its values.
    pub attributes: Vec<(String, Vec<String>)>,
}

/// Why a response isn't a valid login.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SamlError {
    /// The response can't be read, or isn't signed.
    #[error(transparent)]
    Response(#[from] ResponseError),
    /// The signed assertion isn't accepted.
    #[error(transparent)]
    Assertion(#[from] AssertionError),
}

/// Verifies a response, in base64 as in a `Logins` map, at `now`.
pub fn verify(
    response: &str,
    required: &ResponseRequirements<'_>,
    now: Timestamp,
    report: &mut Report,
) -> Result<Assertion, SamlError> {
    let length = response.len();
    let text = response::decode(response);
    let document = text.as_deref().map_err(Clone::clone);
    let document = document.and_then(response::parse);
    let read = document.as_ref().map_err(Clone::clone);
    let read = read.and_then(response::read);
    let read = report.add_outcome("form", read, |read| findings::form(read.as_ref(), length))?;
    report.add_outcome("status", read.check_status(), |_| findings::status(&read))?;
    let response = read.response;
    match read.content {
        ResponseContent::Plain(assertion) => {
            if required.require_encryption {
                report.add("decryption", false, findings::not_encrypted);
                return Err(ResponseError::NotEncrypted.into());
            }
            let parsed = ParsedResponse {
                response,
                assertion,
            };
            let signed = parsed.check_signature(required);
            report.add_outcome("signature", signed, |signed| {
                findings::signature(signed.as_ref(), required)
            })?;
            check(&parsed, required, now, report)
        }
        ResponseContent::Encrypted(encrypted) => {
            let mut ids = IdSet::default();
            let is_signed = encrypted.is_response_signed(response, required, &mut ids);
            let is_signed = is_signed.inspect_err(|error| {
                report.add("signature", false, || {
                    findings::signature(Err(error), required)
                });
            })?;
            let around = text.as_deref().unwrap_or_default();
            let content = encrypted.decrypted(required);
            let document = content.as_deref().map_err(Clone::clone);
            let document = document.and_then(|content| response::parse_decrypted(content, around));
            let assertion = document.as_ref().map_err(Clone::clone);
            let assertion = assertion.and_then(response::read_decrypted);
            let assertion = report.add_outcome("decryption", assertion, |assertion| {
                findings::decryption(&encrypted, assertion.as_ref().err(), required)
            })?;
            let parsed = ParsedResponse {
                response,
                assertion,
            };
            let signed = parsed.check_decrypted_signature(is_signed, required, &mut ids);
            report.add_outcome("signature", signed, |signed| {
                findings::signature(signed.as_ref(), required)
            })?;
            check(&parsed, required, now, report)
        }
    }
}

/// Checks the assertion of a response with a valid signature.
fn check(
    parsed: &ParsedResponse<'_>,
    required: &ResponseRequirements<'_>,
    now: Timestamp,
    report: &mut Report,
) -> Result<Assertion, SamlError> {
    report.add_outcome("issuer", parsed.check_issuer(required), |_| {
        findings::issuer(parsed, required)
    })?;
    let conditions = parsed.check_conditions(required, now, report)?;
    let subject = parsed.subject(required);
    let subject = report.add_outcome("subject", subject, |subject| {
        findings::subject(parsed, subject.as_ref().err())
    })?;
    Ok(Assertion {
        id: parsed.id().to_owned(),
        subject,
        format: parsed.format(),
        audience: conditions.audience,
        recipient: conditions.recipient,
        issued: conditions.session.issued,
        end: conditions.end,
        latest_use: conditions.latest_use,
        session_end: conditions.session.end,
        attributes: parsed.attributes(),
    })
}

impl Saml {
    /// The registered provider `registered` under `key`, with its private keys, as `pool` trusts it; `None` if the pool
    /// doesn't name it. `public_url` is this server's.
    pub fn from_settings(
        key: &str,
        pool: &Pool,
        registered: &SamlProvider,
        decryption_keys: Vec<DecryptionKey>,
        public_url: &str,
    ) -> Option<Self> {
        let mut named = pool.settings.saml_provider_arns.iter();
        let is_named = named.any(|arn| *arn == registered.arn) && registered.arn.as_str() == key;
        is_named.then(|| Self {
            arn: registered.arn.clone(),
            metadata: registered.metadata.clone(),
            decryption_keys,
            require_encryption: registered.requires_encryption(),
            public_url: public_url.to_owned(),
            allow_transient: false,
        })
    }

    /// The registered provider `registered`, with its private keys, as the STS trusts it: a session only carries the name,
    /// and a transient name will do. `public_url` is this server's.
    pub fn for_sts(
        registered: &SamlProvider,
        decryption_keys: Vec<DecryptionKey>,
        public_url: &str,
    ) -> Self {
        Self {
            arn: registered.arn.clone(),
            metadata: registered.metadata.clone(),
            decryption_keys,
            require_encryption: registered.requires_encryption(),
            public_url: public_url.to_owned(),
            allow_transient: true,
        }
    }

    /// The response with this assertion, as a proof that is used at one relying party. It lasts as long as any server, with
    /// its own clock, could accept the assertion.
    pub fn single_use(&self, assertion: &Assertion) -> SingleUse {
        let id = [self.metadata.entity_id.as_str(), assertion.id.as_str()];
        let end = assertion.latest_use.saturating_add(conditions::LEEWAY);
        // The IssueInstant of the assertion, which each accepted signature covers; that of the response may not be signed.
        let issued = assertion.issued.map(moment);
        SingleUse::new("saml-response", id, issued, moment(end))
    }

    /// Verifies a response at `now`.
    fn check(
        &self,
        response: &str,
        now: Timestamp,
        report: &mut Report,
    ) -> Result<Assertion, SamlError> {
        let own_recipient = format!("{}/saml", self.public_url.trim_end_matches('/'));
        let required = ResponseRequirements {
            entity_id: &self.metadata.entity_id,
            certificates: &self.metadata.certificates,
            algorithms: &ALGORITHMS,
            audiences: &[
                "urn:amazon:webservices",
                "https://signin.aws.amazon.com/saml",
                &self.public_url,
            ],
            recipients: &["https://signin.aws.amazon.com/saml", &own_recipient],
            decryption_keys: &self.decryption_keys,
            require_encryption: self.require_encryption,
            allow_transient: self.allow_transient,
        };
        verify(response, &required, now, report)
    }
}

#[async_trait]
impl LoginProvider for Saml {
    async fn verify(
        &self,
        logins: &Logins,
        attempt: &LoginAttempt<'_>,
        report: &mut Report,
    ) -> Result<VerifiedLogin, LoginError> {
        let assertion = logins.verify_assertion(self, attempt, report).await?;
        let name = self.arn.to_string();
        Ok(VerifiedLogin {
            login: Login::public(&name, &assertion.subject),
            amr: [name.clone(), format!("{name}:{}", assertion.subject)],
            claims: assertion.claims(&name),
            single_use: Some(self.single_use(&assertion)),
            expires: Some(moment(assertion.end)),
            audience: assertion.audience,
        })
    }
}

fn moment(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX)
}

impl Logins {
    /// Checks the response in `attempt`. Whether it was used elsewhere is not checked: [`Saml::single_use`].
    pub async fn verify_assertion(
        &self,
        provider: &Saml,
        attempt: &LoginAttempt<'_>,
        report: &mut Report,
    ) -> Result<Assertion, LoginError> {
        let (metadata, now) = (&provider.metadata, attempt.now);
        let is_current = metadata.valid_until.is_none_or(|end| end > now);
        report.add("metadata", is_current, || {
            findings::metadata(metadata.valid_until, now)
        });
        if !is_current {
            return Err(LoginError::MetadataExpired);
        }
        let (own, response) = (provider.clone(), attempt.token.to_owned());
        let checked = self.run_expensive(report, move |report| own.check(&response, now, report));
        let assertion = checked.await??;
        let lifetime = assertion.end.saturating_sub(now.as_second());
        let longest = self.rules.max_lifetime.as_secs();
        let bound = longest.saturating_add(conditions::LEEWAY.unsigned_abs());
        let is_short = u64::try_from(lifetime).is_ok_and(|lifetime| lifetime <= bound);
        report.add("lifetime", is_short, || {
            findings::lifetime(assertion.end, longest)
        });
        if !is_short {
            return Err(LoginError::Assertion(AssertionError::LivesTooLong));
        }
        Ok(assertion)
    }
}
