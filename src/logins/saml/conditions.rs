//! What a signed assertion says, and whether it is for us and now. Everything is read from the very element whose
//! signature was verified, but for the response's own issuer and destination, which can only refuse.
//! <https://docs.oasis-open.org/security/saml/v2.0/saml-profiles-2.0-os.pdf>, section 4.1.4.

use jiff::Timestamp;
use uppsala::NodeId;

use super::response::Read;
use super::xml::{ASSERTION, attribute, children, is, named, text};
use super::{Terms, told};
use crate::logins::watch::Watch;

const BEARER: &str = "urn:oasis:names:tc:SAML:2.0:cm:bearer";
const TRANSIENT: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient";

/// How far ahead the provider's clock may be, in seconds. There is no such grace on an end.
pub(super) const AHEAD: i64 = 300;

/// How long a NameID may be, in characters.
const LONGEST_SUBJECT: usize = 255;

/// Why an assertion is good for nothing here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotForUs {
    /// A part that must be there once isn't, or not so; which.
    #[error("the assertion has no usable {0}")]
    Missing(&'static str),
    /// It isn't by this provider.
    #[error("the issuer isn't the provider")]
    Issuer,
    /// It is for other audiences.
    #[error("it is for another audience")]
    Audience,
    /// It is to be brought elsewhere.
    #[error("it is for another recipient or destination")]
    Recipient,
    /// A condition that isn't known here.
    #[error("it has a condition that isn't understood")]
    Condition,
    /// The user has another name each time.
    #[error("its NameID is transient, so it names nobody")]
    Transient,
    /// The user's name belongs to another name space.
    #[error("its NameID is qualified by somebody else")]
    Qualifier,
    /// Its time is over; both in seconds since 1970.
    #[error("its time is over")]
    Expired {
        /// The moment of the call.
        now: i64,
        /// The end.
        end: i64,
    },
    /// Its time hasn't come.
    #[error("it is from the future")]
    NotYetValid,
    /// It is good for longer than the configuration allows.
    #[error("it is good for longer than allowed")]
    LivesTooLong,
}

/// What an assertion that is for us and now says of that; moments in seconds since 1970.
pub(super) struct ForUs {
    /// The audience that we are.
    pub(super) audience: String,
    /// The recipient that we are.
    pub(super) recipient: String,
    /// When it ends.
    pub(super) end: i64,
    pub(super) session: Session,
}

/// When the user logged in at the provider, and until when that counts there.
pub(super) struct Session {
    /// When the assertion was made, if it says so.
    pub(super) issued: Option<i64>,
    /// The end of the user's session, if it has one.
    pub(super) end: Option<i64>,
}

/// The times within which an assertion is good.
struct Times {
    now: i64,
    /// The earliest end so far, in seconds.
    end: Option<i64>,
}

impl Read<'_> {
    /// The elements of assertions of this name right below `node`, in their order.
    pub(super) fn named<'s>(
        &'s self,
        node: NodeId,
        name: &'s str,
    ) -> impl Iterator<Item = NodeId> + 's {
        named(self.document, node, ASSERTION, name)
    }

    /// The one element of this name.
    fn one(&self, node: NodeId, name: &'static str) -> Result<NodeId, NotForUs> {
        let mut all = self.named(node, name);
        match (all.next(), all.next()) {
            (Some(one), None) => Ok(one),
            _ => Err(NotForUs::Missing(name)),
        }
    }

    /// The attribute of this name.
    pub(super) fn attribute(&self, node: NodeId, name: &str) -> Option<&str> {
        attribute(self.document, node, name)
    }

    /// Refuses what isn't by the provider.
    pub(super) fn check_issuer(&self, terms: &Terms<'_>) -> Result<(), NotForUs> {
        let issuer = self.one(self.assertion, "Issuer")?;
        let of_response: Vec<NodeId> = self.named(self.response, "Issuer").collect();
        let mut issuers = std::iter::once(issuer).chain(of_response);
        let is_the_provider =
            |node: NodeId| text(self.document, node).as_deref() == Some(terms.entity_id);
        if issuers.all(is_the_provider) {
            Ok(())
        } else {
            Err(NotForUs::Issuer)
        }
    }

    /// What an assertion that is for us and now says of that.
    pub(super) fn check_conditions<W: Watch>(
        &self,
        terms: &Terms<'_>,
        now: Timestamp,
        watch: &mut W,
    ) -> Result<ForUs, NotForUs> {
        let now = now.as_second();
        let mut times = Times { now, end: None };
        let conditions = self.one(self.assertion, "Conditions");
        let conditions = conditions.and_then(|node| times.check(self, node).map(|()| node));
        let conditions = watch.made("conditions", conditions, |it| {
            told::conditions(self, it.as_ref().err(), now)
        })?;
        let audience = self.audience(conditions, terms);
        let audience = watch.made("audience", audience, |it| {
            told::audience(self, conditions, it.as_ref().err(), terms)
        })?;
        let destination = self.attribute(self.response, "Destination");
        let is_ours = destination.is_none_or(|destination| terms.recipients.contains(&destination));
        watch.told("destination", is_ours, || told::destination(self, terms));
        if !is_ours {
            return Err(NotForUs::Recipient);
        }
        let confirmation = self.check_confirmation(terms, &mut times);
        let recipient = watch.made("confirmation", confirmation, |it| {
            told::confirmation(self, it.as_ref().err(), terms, now)
        })?;
        let session = self.check_session(&mut times);
        let (session, end) = watch.made("session", session, |it| {
            told::session(self, it.as_ref().err(), now)
        })?;
        Ok(ForUs {
            audience,
            recipient,
            end,
            session,
        })
    }

    /// The session, and the end, of an assertion that was made by now, and whose sessions aren't over.
    fn check_session(&self, times: &mut Times) -> Result<(Session, i64), NotForUs> {
        let mut session_end: Option<i64> = None;
        for statement in self.named(self.assertion, "AuthnStatement") {
            let end = times.ends(
                self.attribute(statement, "SessionNotOnOrAfter"),
                "SessionNotOnOrAfter",
            )?;
            session_end = session_end.into_iter().chain(end).min();
        }
        let issued = self.attribute(self.assertion, "IssueInstant");
        let session = Session {
            issued: times.begins(issued, "IssueInstant")?,
            end: session_end,
        };
        let end = times.end.ok_or(NotForUs::Missing("NotOnOrAfter"))?;
        Ok((session, end))
    }

    /// The audience that we are: there is a restriction, and each has us in it.
    fn audience(&self, conditions: NodeId, terms: &Terms<'_>) -> Result<String, NotForUs> {
        let mut found = None;
        for condition in children(self.document, conditions) {
            let is = |name| is(self.document, condition, ASSERTION, name);
            if is("AudienceRestriction") {
                let audiences: Vec<NodeId> = self.named(condition, "Audience").collect();
                let mut audiences = audiences
                    .into_iter()
                    .filter_map(|node| text(self.document, node));
                let ours = audiences.find(|audience| terms.audiences.contains(&audience.as_str()));
                found = Some(ours.ok_or(NotForUs::Audience)?);
            } else if !is("OneTimeUse") && !is("ProxyRestriction") {
                return Err(NotForUs::Condition);
            }
        }
        found.ok_or(NotForUs::Audience)
    }

    /// That whoever brings it may be believed: a bearer, to us, now. One such confirmation is enough, and the recipient
    /// and the times count of the first that is good.
    fn check_confirmation(&self, terms: &Terms<'_>, times: &mut Times) -> Result<String, NotForUs> {
        let subject = self.one(self.assertion, "Subject")?;
        let mut refused = NotForUs::Missing("SubjectConfirmation");
        for confirmation in self.named(subject, "SubjectConfirmation") {
            if self.attribute(confirmation, "Method") != Some(BEARER) {
                continue;
            }
            match self.bearer(confirmation, terms, times.now) {
                Ok((recipient, end)) => {
                    times.at_most(end);
                    return Ok(recipient.to_owned());
                }
                Err(why) => refused = why,
            }
        }
        Err(refused)
    }

    /// The recipient and the end of a bearer's confirmation, which must have both.
    fn bearer(
        &self,
        confirmation: NodeId,
        terms: &Terms<'_>,
        now: i64,
    ) -> Result<(&str, i64), NotForUs> {
        let data = self.one(confirmation, "SubjectConfirmationData")?;
        let recipient = self
            .attribute(data, "Recipient")
            .filter(|recipient| terms.recipients.contains(recipient))
            .ok_or(NotForUs::Recipient)?;
        let mut times = Times { now, end: None };
        times.check(self, data)?;
        let end = times.end;
        let end = end.ok_or(NotForUs::Missing("SubjectConfirmationData"))?;
        Ok((recipient, end))
    }

    /// The user's name: the whole text of the NameID, as it stands.
    pub(super) fn subject(&self, terms: &Terms<'_>) -> Result<String, NotForUs> {
        let subject = self.one(self.assertion, "Subject")?;
        let name = self.one(subject, "NameID")?;
        if self.attribute(name, "Format") == Some(TRANSIENT) && !terms.transient {
            return Err(NotForUs::Transient);
        }
        let qualifier = self.attribute(name, "NameQualifier").unwrap_or_default();
        let of_service = self.attribute(name, "SPNameQualifier").unwrap_or_default();
        let ours = qualifier.is_empty() || qualifier == terms.entity_id;
        if !ours || !(of_service.is_empty() || terms.audiences.contains(&of_service)) {
            return Err(NotForUs::Qualifier);
        }
        text(self.document, name)
            .filter(|name| (1..=LONGEST_SUBJECT).contains(&name.chars().count()))
            .filter(|name| !name.trim().is_empty())
            .ok_or(NotForUs::Missing("NameID"))
    }

    /// The format of the user's name, if it has one.
    pub(super) fn format(&self) -> Option<String> {
        let subject = self.one(self.assertion, "Subject").ok()?;
        let name = self.one(subject, "NameID").ok()?;
        self.attribute(name, "Format").map(str::to_owned)
    }

    /// The attributes, by name, each with its values in their order; values that are no text are left out.
    pub(super) fn attributes(&self) -> Vec<(String, Vec<String>)> {
        let statements: Vec<NodeId> = self.named(self.assertion, "AttributeStatement").collect();
        let mut all: Vec<(String, Vec<String>)> = Vec::new();
        for statement in statements {
            for node in self.named(statement, "Attribute") {
                let Some(name) = self.attribute(node, "Name") else {
                    continue;
                };
                let values = self.named(node, "AttributeValue");
                let values = values.filter_map(|value| text(self.document, value));
                match all.iter_mut().find(|(known, _)| known == name) {
                    Some((_, known)) => known.extend(values),
                    None => all.push((name.to_owned(), values.collect())),
                }
            }
        }
        all
    }

    /// The assertion's ID.
    pub(super) fn id(&self) -> &str {
        self.attribute(self.assertion, "ID").unwrap_or_default()
    }
}

impl Times {
    /// Refuses an element whose time is over or hasn't come.
    fn check(&mut self, read: &Read<'_>, node: NodeId) -> Result<(), NotForUs> {
        self.begins(read.attribute(node, "NotBefore"), "NotBefore")?;
        self.ends(read.attribute(node, "NotOnOrAfter"), "NotOnOrAfter")?;
        Ok(())
    }

    fn begins(&self, text: Option<&str>, name: &'static str) -> Result<Option<i64>, NotForUs> {
        match text.map(|text| seconds(text, name)).transpose()? {
            Some(begin) if begin > self.now.saturating_add(AHEAD) => Err(NotForUs::NotYetValid),
            begin => Ok(begin),
        }
    }

    fn ends(&mut self, text: Option<&str>, name: &'static str) -> Result<Option<i64>, NotForUs> {
        let Some(end) = text.map(|text| seconds(text, name)).transpose()? else {
            return Ok(None);
        };
        if self.now >= end {
            let now = self.now;
            return Err(NotForUs::Expired { now, end });
        }
        self.at_most(end);
        Ok(Some(end))
    }

    fn at_most(&mut self, end: i64) {
        self.end = Some(self.end.map_or(end, |known| known.min(end)));
    }
}

/// A moment, fractions cut off; one without an offset is none.
fn seconds(text: &str, name: &'static str) -> Result<i64, NotForUs> {
    let moment: Result<Timestamp, _> = text.parse();
    moment
        .map(Timestamp::as_second)
        .map_err(|_| NotForUs::Missing(name))
}
