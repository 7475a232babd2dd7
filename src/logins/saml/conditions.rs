//! The checks of a signed assertion: issuer, audience, recipient, times, subject. Everything is read from the very
//! element with the verified signature, except the response's own issuer and destination, which can only refuse.
//! <https://docs.oasis-open.org/security/saml/v2.0/saml-profiles-2.0-os.pdf>, section 4.1.4.

use indexmap::IndexMap;
use jiff::Timestamp;

use super::element::XmlElement;
use super::response::ParsedResponse;
use super::xml::ASSERTION;
use super::{ResponseRequirements, findings};
use crate::logins::report::Report;

const BEARER: &str = "urn:oasis:names:tc:SAML:2.0:cm:bearer";
const TRANSIENT: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient";

/// The leeway for the provider's clock in begins, in seconds. Ends have none.
pub(super) const LEEWAY: i64 = 300;

/// The longest NameID, in characters.
const LONGEST_SUBJECT: usize = 255;

/// Why a signed assertion isn't accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AssertionError {
    /// The element or attribute with this name is missing, repeated or unusable.
    #[error("the assertion has no usable {0}")]
    Missing(&'static str),
    /// The issuer isn't the provider.
    #[error("the issuer isn't the provider")]
    Issuer,
    /// The assertion is for another audience.
    #[error("it is for another audience")]
    Audience,
    /// The assertion is for another recipient or destination.
    #[error("it is for another recipient or destination")]
    Recipient,
    /// The assertion has an unsupported condition.
    #[error("it has a condition that isn't supported")]
    Condition,
    /// The NameID is transient, so it doesn't identify the user.
    #[error("its NameID is transient, so it doesn't identify the user")]
    Transient,
    /// The NameID belongs to another name space.
    #[error("its NameID has the qualifier of another provider or service")]
    Qualifier,
    /// The assertion has expired; both times are in seconds since 1970.
    #[error("it has expired")]
    Expired {
        /// The time of the call.
        now: i64,
        /// The end of the assertion.
        end: i64,
    },
    /// The assertion isn't valid yet.
    #[error("it isn't valid yet")]
    NotYetValid,
    /// The assertion is valid for longer than the configuration allows.
    #[error("it is valid for longer than allowed")]
    LivesTooLong,
}

/// The values of an assertion that passed the checks; times in seconds since 1970.
pub(super) struct CheckedConditions {
    /// The audience of this server.
    pub(super) audience: String,
    /// The recipient of this server.
    pub(super) recipient: String,
    /// The end of the assertion.
    pub(super) end: i64,
    /// The latest time at which the assertion could be accepted, by any of its confirmations.
    pub(super) latest_use: i64,
    pub(super) session: AuthnSession,
}

/// The user's session at the provider.
pub(super) struct AuthnSession {
    /// `IssueInstant` of the assertion, if it is set.
    pub(super) issued: Option<i64>,
    /// The end of the session, if it is set.
    pub(super) end: Option<i64>,
}

/// The validity of an assertion.
struct Validity {
    now: i64,
    /// The earliest end so far, in seconds since 1970.
    end: Option<i64>,
}

impl ParsedResponse<'_> {
    /// Refuses an assertion or a response of another issuer.
    pub(super) fn check_issuer(
        &self,
        required: &ResponseRequirements<'_>,
    ) -> Result<(), AssertionError> {
        let issuer = one(self.assertion, "Issuer")?;
        let of_response: Vec<XmlElement<'_>> = self.response.named("Issuer").collect();
        let mut issuers = std::iter::once(issuer).chain(of_response);
        let is_the_provider =
            |node: XmlElement<'_>| node.text().as_deref() == Some(required.entity_id);
        if issuers.all(is_the_provider) {
            Ok(())
        } else {
            Err(AssertionError::Issuer)
        }
    }

    /// Refuses an assertion that is for another audience, recipient or time.
    pub(super) fn check_conditions(
        &self,
        required: &ResponseRequirements<'_>,
        now: Timestamp,
        report: &mut Report,
    ) -> Result<CheckedConditions, AssertionError> {
        let now = now.as_second();
        let mut times = Validity { now, end: None };
        let conditions = one(self.assertion, "Conditions");
        let conditions = conditions.and_then(|node| times.check(node).map(|()| node));
        let conditions = report.add_outcome("conditions", conditions, |it| {
            findings::conditions(self, it.as_ref().err(), now)
        })?;
        let audience = Self::audience(conditions, required);
        let audience = report.add_outcome("audience", audience, |it| {
            findings::audience(conditions, it.as_ref().err(), required)
        })?;
        let destination = self.response.attribute("Destination");
        let is_ours =
            destination.is_none_or(|destination| required.recipients.contains(&destination));
        report.add("destination", is_ours, || {
            findings::destination(self, required)
        });
        if !is_ours {
            return Err(AssertionError::Recipient);
        }
        let mut uses = Validity { ..times };
        let confirmation = self.check_confirmation(required, &mut times);
        let recipient = report.add_outcome("confirmation", confirmation, |it| {
            findings::confirmation(self, it.as_ref().err(), required, now)
        })?;
        let session = self.check_session(&mut times);
        let (session, end) = report.add_outcome("session", session, |it| {
            findings::session(self, it.as_ref().err(), now)
        })?;
        let ends = self.latest_confirmation(required).into_iter();
        ends.chain(session.end).for_each(|end| uses.at_most(end));
        Ok(CheckedConditions {
            audience,
            recipient,
            end,
            latest_use: uses.end.map_or(end, |latest| latest.max(end)),
            session,
        })
    }

    /// Refuses an assertion from the future, with an expired session, or without an AuthnStatement: it doesn't state that
    /// the user logged in. Returns the session and the assertion's end.
    fn check_session(&self, times: &mut Validity) -> Result<(AuthnSession, i64), AssertionError> {
        let mut session_end: Option<i64> = None;
        let mut statements = self.assertion.named("AuthnStatement").peekable();
        if statements.peek().is_none() {
            return Err(AssertionError::Missing("AuthnStatement"));
        }
        for statement in statements {
            let end = times.ends(
                statement.attribute("SessionNotOnOrAfter"),
                "SessionNotOnOrAfter",
            )?;
            session_end = session_end.into_iter().chain(end).min();
        }
        let issued = self.assertion.attribute("IssueInstant");
        let session = AuthnSession {
            issued: times.begins(issued, "IssueInstant")?,
            end: session_end,
        };
        let end = times.end.ok_or(AssertionError::Missing("NotOnOrAfter"))?;
        Ok((session, end))
    }

    /// The audience of this server: there must be a restriction, and each restriction must name this server.
    fn audience(
        conditions: XmlElement<'_>,
        required: &ResponseRequirements<'_>,
    ) -> Result<String, AssertionError> {
        let mut found = None;
        for condition in conditions.children() {
            let is = |name| condition.is(ASSERTION, name);
            if is("AudienceRestriction") {
                let audiences: Vec<XmlElement<'_>> = condition.named("Audience").collect();
                let mut audiences = audiences.into_iter().filter_map(XmlElement::text);
                let ours =
                    audiences.find(|audience| required.audiences.contains(&audience.as_str()));
                found = Some(ours.ok_or(AssertionError::Audience)?);
            } else if !is("OneTimeUse") && !is("ProxyRestriction") {
                return Err(AssertionError::Condition);
            }
        }
        found.ok_or(AssertionError::Audience)
    }

    /// Checks for a bearer confirmation for this recipient and time. One is enough; the recipient and the times of the
    /// first valid one count.
    fn check_confirmation(
        &self,
        required: &ResponseRequirements<'_>,
        times: &mut Validity,
    ) -> Result<String, AssertionError> {
        let subject = one(self.assertion, "Subject")?;
        let mut refused = AssertionError::Missing("SubjectConfirmation");
        for confirmation in subject.named("SubjectConfirmation") {
            if confirmation.attribute("Method") != Some(BEARER) {
                continue;
            }
            match Self::bearer(confirmation, required, times.now) {
                Ok((recipient, end)) => {
                    times.at_most(end);
                    return Ok(recipient.to_owned());
                }
                Err(why) => refused = why,
            }
        }
        Err(refused)
    }

    /// The latest end of the bearer confirmations for this recipient, including those that aren't valid yet.
    fn latest_confirmation(&self, required: &ResponseRequirements<'_>) -> Option<i64> {
        let subject = one(self.assertion, "Subject").ok()?;
        let confirmations = subject.named("SubjectConfirmation");
        let bearers = confirmations.filter(|node| node.attribute("Method") == Some(BEARER));
        let ends = bearers.filter_map(|node| {
            let data = one(node, "SubjectConfirmationData").ok()?;
            let recipient = data.attribute("Recipient")?;
            let end = data.attribute("NotOnOrAfter")?;
            let end = seconds(end, "NotOnOrAfter").ok()?;
            required.recipients.contains(&recipient).then_some(end)
        });
        ends.max()
    }

    /// The recipient and the end of a bearer confirmation, which must have both.
    fn bearer<'d>(
        confirmation: XmlElement<'d>,
        required: &ResponseRequirements<'_>,
        now: i64,
    ) -> Result<(&'d str, i64), AssertionError> {
        let data = one(confirmation, "SubjectConfirmationData")?;
        let recipient = data
            .attribute("Recipient")
            .filter(|recipient| required.recipients.contains(recipient))
            .ok_or(AssertionError::Recipient)?;
        let mut times = Validity { now, end: None };
        times.check(data)?;
        let end = times.end;
        let end = end.ok_or(AssertionError::Missing("SubjectConfirmationData"))?;
        Ok((recipient, end))
    }

    /// The user's name: the whole text of the NameID, unchanged.
    pub(super) fn subject(
        &self,
        required: &ResponseRequirements<'_>,
    ) -> Result<String, AssertionError> {
        let subject = one(self.assertion, "Subject")?;
        let name = one(subject, "NameID")?;
        if name.attribute("Format") == Some(TRANSIENT) && !required.allow_transient {
            return Err(AssertionError::Transient);
        }
        let qualifier = name.attribute("NameQualifier").unwrap_or_default();
        let of_service = name.attribute("SPNameQualifier").unwrap_or_default();
        let ours = qualifier.is_empty() || qualifier == required.entity_id;
        if !ours || !(of_service.is_empty() || required.audiences.contains(&of_service)) {
            return Err(AssertionError::Qualifier);
        }
        name.text()
            .filter(|name| (1..=LONGEST_SUBJECT).contains(&name.chars().count()))
            .filter(|name| !name.trim().is_empty())
            .ok_or(AssertionError::Missing("NameID"))
    }

    /// The format of the user's name, if it is set.
    pub(super) fn format(&self) -> Option<String> {
        let subject = one(self.assertion, "Subject").ok()?;
        let name = one(subject, "NameID").ok()?;
        name.attribute("Format").map(str::to_owned)
    }

    /// The attributes by name, each with its values in document order; values with child elements are omitted.
    pub(super) fn attributes(&self) -> Vec<(String, Vec<String>)> {
        let statements: Vec<XmlElement<'_>> = self.assertion.named("AttributeStatement").collect();
        let mut all: IndexMap<&str, Vec<String>> = IndexMap::new();
        for statement in statements {
            for node in statement.named("Attribute") {
                let Some(name) = node.attribute("Name") else {
                    continue;
                };
                let values = node.named("AttributeValue");
                let values = values.filter_map(XmlElement::text);
                all.entry(name).or_default().extend(values);
            }
        }
        let owned = all.into_iter();
        owned
            .map(|(name, values)| (name.to_owned(), values))
            .collect()
    }

    /// The assertion's ID.
    pub(super) fn id(&self) -> &str {
        self.assertion.attribute("ID").unwrap_or_default()
    }
}

impl Validity {
    /// Refuses an element that has expired or isn't valid yet.
    fn check(&mut self, node: XmlElement<'_>) -> Result<(), AssertionError> {
        self.begins(node.attribute("NotBefore"), "NotBefore")?;
        self.ends(node.attribute("NotOnOrAfter"), "NotOnOrAfter")?;
        Ok(())
    }

    fn begins(
        &self,
        text: Option<&str>,
        name: &'static str,
    ) -> Result<Option<i64>, AssertionError> {
        match text.map(|text| seconds(text, name)).transpose()? {
            Some(begin) if begin > self.now.saturating_add(LEEWAY) => {
                Err(AssertionError::NotYetValid)
            }
            begin => Ok(begin),
        }
    }

    fn ends(
        &mut self,
        text: Option<&str>,
        name: &'static str,
    ) -> Result<Option<i64>, AssertionError> {
        let Some(end) = text.map(|text| seconds(text, name)).transpose()? else {
            return Ok(None);
        };
        if self.now >= end {
            let now = self.now;
            return Err(AssertionError::Expired { now, end });
        }
        self.at_most(end);
        Ok(Some(end))
    }

    fn at_most(&mut self, end: i64) {
        self.end = Some(self.end.map_or(end, |known| known.min(end)));
    }
}

/// The one child element with this name.
fn one<'d>(element: XmlElement<'d>, name: &'static str) -> Result<XmlElement<'d>, AssertionError> {
    let mut all = element.named(name);
    match (all.next(), all.next()) {
        (Some(one), None) => Ok(one),
        _ => Err(AssertionError::Missing(name)),
    }
}

/// A time in seconds since 1970, without fractions; it must have an offset.
fn seconds(text: &str, name: &'static str) -> Result<i64, AssertionError> {
    let moment: Result<Timestamp, _> = text.parse();
    moment
        .map(Timestamp::as_second)
        .map_err(|_| AssertionError::Missing(name))
}
