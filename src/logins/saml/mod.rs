//! SAML providers. Users log in with a response that their provider signed, in base64, as browsers post it.
//!
//! A response is decoded and parsed within bounds (`response.rs`), the signatures are checked against the certificates of
//! the provider's metadata (`signature.rs`), and what the signed assertion says is checked at the moment of the call
//! (`conditions.rs`). [`verify`] does it all, and touches nothing but its arguments.

mod attributes;
mod conditions;
mod key;
mod metadata;
mod replays;
mod response;
mod signature;
#[cfg(test)]
mod tests;
mod told;
mod xml;

use jiff::Timestamp;

pub use self::conditions::NotForUs;
pub use self::key::NoKey;
pub use self::metadata::{LONGEST_METADATA, MetadataError, read_metadata};
pub(super) use self::replays::Replays;
pub use self::replays::{At, Replayed};
pub use self::response::{LONGEST_RESPONSE, NotAResponse};
pub use self::signature::{ALGORITHMS, Algorithms, NotSigned};
pub use self::xml::NotXml;
use super::watch::{Unwatched, Watch};
use super::{LoginError, Logins, Verified};
use crate::model::identity::Login;
use crate::model::ids::SamlProviderArn;
use crate::model::provider::SamlMetadata;

/// A SAML provider as a pool or the STS trusts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saml {
    /// Its ARN, which is its `Logins` key.
    pub arn: SamlProviderArn,
    /// What it was registered with.
    pub metadata: SamlMetadata,
    /// This server's public URL: an audience, and with `/saml` behind it a recipient, beside those of the real service.
    pub own: String,
    /// Where its users show their responses.
    pub at: At,
}

/// What a response is held to.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'t> {
    /// The provider's name for itself.
    pub entity_id: &'t str,
    /// The certificates whose keys vouch for it: base64 of DER.
    pub certificates: &'t [String],
    /// What a signature may be made with.
    pub algorithms: &'t Algorithms,
    /// One of these must be its audience.
    pub audiences: &'t [&'t str],
    /// To one of these it must be brought.
    pub recipients: &'t [&'t str],
    /// Whether the user's name may be another one each time.
    pub transient: bool,
}

/// An assertion that was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assertion {
    /// Its ID.
    pub id: String,
    /// The user: 1 to 255 characters, to the byte as the provider wrote them.
    pub subject: String,
    /// The format of the user's name, where the provider says one.
    pub format: Option<String>,
    /// The audience that it is for.
    pub audience: String,
    /// The recipient that it is to be brought to.
    pub recipient: String,
    /// When it was made, in seconds since 1970, where it says so.
    pub issued: Option<i64>,
    /// When it ends, in seconds since 1970.
    pub end: i64,
    /// When the user's session at the provider ends, in seconds since 1970, where the provider says so.
    pub session_end: Option<i64>,
    /// The attributes, by name, each with its values.
    pub attributes: Vec<(String, Vec<String>)>,
}

/// Why a response is no login.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It can't be read, or nobody vouches for it.
    #[error(transparent)]
    NotAResponse(#[from] NotAResponse),
    /// It is for somebody else or another time.
    #[error(transparent)]
    NotForUs(#[from] NotForUs),
}

/// Verifies a response, as it stands in a `Logins` map, at `now`.
pub fn verify(response: &str, terms: &Terms<'_>, now: Timestamp) -> Result<Assertion, Refused> {
    verify_watched(response, terms, now, &mut Unwatched)
}

fn verify_watched<W: Watch>(
    response: &str,
    terms: &Terms<'_>,
    now: Timestamp,
    watch: &mut W,
) -> Result<Assertion, Refused> {
    let length = response.len();
    let text = response::decode(response);
    let document = text.as_deref().map_err(Clone::clone);
    let document = document.and_then(response::parse);
    let read = document.as_ref().map_err(Clone::clone);
    let read = read.and_then(response::read);
    let read = watch.made("form", read, |read| told::form(read.as_ref(), length))?;
    watch.made("status", read.check_status(), |_| told::status(&read))?;
    let signed = read.check_signature(terms.certificates, terms.algorithms);
    watch.made("signature", signed, |signed| {
        told::signature(signed.as_ref(), terms)
    })?;
    watch.made("issuer", read.check_issuer(terms), |_| {
        told::issuer(&read, terms)
    })?;
    let for_us = read.check_conditions(terms, now, watch)?;
    let subject = read.subject(terms);
    let subject = watch.made("subject", subject, |it| {
        told::subject(&read, it.as_ref().err())
    })?;
    Ok(Assertion {
        id: read.id().to_owned(),
        subject,
        format: read.format(),
        audience: for_us.audience,
        recipient: for_us.recipient,
        issued: for_us.session.issued,
        end: for_us.end,
        session_end: for_us.session.end,
        attributes: read.attributes(),
    })
}

impl Logins {
    /// Checks `response`, shown at `now` where [`Saml::at`] says, and gives what it says of the user.
    pub fn saml_assertion(
        &self,
        provider: &Saml,
        response: &str,
        now: Timestamp,
    ) -> Result<Assertion, LoginError> {
        self.assertion(provider, response, now, &mut Unwatched)
    }

    /// Checks `response` as a login at `provider`.
    pub(super) fn verify_saml<W: Watch>(
        &self,
        provider: &Saml,
        response: &str,
        now: Timestamp,
        watch: &mut W,
    ) -> Result<Verified, LoginError> {
        let assertion = self.assertion(provider, response, now, watch)?;
        let name = provider.arn.to_string();
        Ok(Verified {
            login: Login::public(&name, &assertion.subject),
            amr: [name.clone(), format!("{name}:{}", assertion.subject)],
            claims: assertion.claims(&name),
            audience: assertion.audience,
            expires: Some(Timestamp::from_second(assertion.end).unwrap_or(Timestamp::MAX)),
        })
    }

    fn assertion<W: Watch>(
        &self,
        provider: &Saml,
        response: &str,
        now: Timestamp,
        watch: &mut W,
    ) -> Result<Assertion, LoginError> {
        let metadata = &provider.metadata;
        let is_current = metadata.valid_until.is_none_or(|end| end > now);
        watch.told("metadata", is_current, || {
            told::metadata(metadata.valid_until, now)
        });
        if !is_current {
            return Err(LoginError::MetadataExpired);
        }
        let own_recipient = format!("{}/saml", provider.own.trim_end_matches('/'));
        let terms = Terms {
            entity_id: &metadata.entity_id,
            certificates: &metadata.certificates,
            algorithms: &ALGORITHMS,
            audiences: &[
                "urn:amazon:webservices",
                "https://signin.aws.amazon.com/saml",
                &provider.own,
            ],
            recipients: &["https://signin.aws.amazon.com/saml", &own_recipient],
            // The name decides whose identity it is; of a session it is only said.
            transient: provider.at == At::Sts,
        };
        let assertion = verify_watched(response, &terms, now, watch)?;
        let lives = assertion.end.saturating_sub(now.as_second());
        let longest = self.rules.max_lifetime.as_secs();
        let is_short = u64::try_from(lives).is_ok_and(|lives| lives <= longest);
        watch.told("lifetime", is_short, || {
            told::lifetime(assertion.end, longest)
        });
        if !is_short {
            return Err(LoginError::NotForUs(NotForUs::LivesTooLong));
        }
        let shown = (metadata.entity_id.as_str(), assertion.id.as_str());
        let first = if W::LOOKS_ONLY {
            self.replays.look(shown, provider.at, now)
        } else {
            self.replays.show(shown, provider.at, assertion.end, now)
        };
        watch.made("replay", first, |it| told::replay(it.as_ref().err()))?;
        Ok(assertion)
    }
}
