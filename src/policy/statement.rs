//! One statement: an effect on whoever, whatever and wherever it covers. Not how statements are weighed.

use serde_json::Value;

use super::action::Actions;
use super::condition::{Condition, conditions};
use super::document::Kind;
use super::evaluate::Request;
use super::mistake::Mistakes;
use super::principal::{Principal, Principals};
use super::reading::{Place, object, only, short, text};
use super::resource::Resources;

/// What a statement does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It permits what it covers, unless anything denies it.
    Allow,
    /// It forbids what it covers, whatever permits it.
    Deny,
}

/// A statement of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    sid: Option<String>,
    effect: Effect,
    /// Trust policies have them, others don't.
    principals: Option<Principals>,
    actions: Actions,
    /// Trust policies don't have them, others do.
    resources: Option<Resources>,
    conditions: Vec<Condition>,
}

/// Which rules a statement follows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grammar {
    /// What the policy is for.
    pub(super) kind: Kind,
    /// Whether `${…}` is a variable.
    pub(super) variables: bool,
}

const MEMBERS: [&str; 9] = [
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
];

impl Statement {
    /// Its id, 1 to any number of ASCII letters and digits; `None` without one, or with an empty one.
    pub fn sid(&self) -> Option<&str> {
        self.sid.as_deref()
    }

    /// What it does.
    pub fn effect(&self) -> Effect {
        self.effect
    }

    /// Whether it is about `principal`, whatever else it asks. A statement without principals is about everybody.
    pub fn is_about(&self, principal: Principal<'_>) -> bool {
        let principals = self.principals.as_ref();
        principals.is_none_or(|principals| principals.cover(self.effect, Some(principal)))
    }

    /// Whether it may be about somebody signed in at a SAML provider, whichever, and whatever else it asks.
    pub fn is_about_saml(&self) -> bool {
        let principals = self.principals.as_ref();
        principals.is_none_or(Principals::cover_saml)
    }

    /// Whether it is about `action`, `service:Name`, whatever else it asks.
    pub fn names(&self, action: &str) -> bool {
        self.actions.cover(action)
    }

    /// Whether it holds only for values of `key` that it names: a positive condition of strings, not satisfied by a
    /// missing key, each of whose values is without variables and has a letter or digit besides its wildcards.
    pub fn pins(&self, key: &str) -> bool {
        self.conditions.iter().any(|condition| condition.pins(key))
    }

    /// The keys that its conditions ask for, in lower case.
    pub fn condition_keys(&self) -> impl Iterator<Item = &str> {
        self.conditions.iter().map(Condition::key)
    }

    /// Whether it covers `request`.
    pub(super) fn covers(&self, request: &Request<'_>) -> bool {
        let (effect, context) = (self.effect, request.context);
        let principals = self.principals.as_ref();
        let resources = self.resources.as_ref();
        self.actions.cover(request.action)
            && principals.is_none_or(|all| all.cover(effect, request.principal))
            && resources.is_none_or(|all| all.cover(effect, request.resource, context))
            && self
                .conditions
                .iter()
                .all(|condition| condition.holds(effect, context))
    }

    /// Reads a statement; notes what is wrong with it.
    pub(super) fn read(
        value: &Value,
        grammar: Grammar,
        place: &Place<'_>,
        mistakes: &mut Mistakes,
    ) -> Option<Self> {
        let members = object(value, "a statement", place, mistakes)?;
        only(members, &MEMBERS, place, mistakes);
        let sid = text(members, "Sid", place, mistakes);
        let sid = sid.filter(|sid| !sid.is_empty());
        if sid.is_some_and(|sid| !sid.bytes().all(|byte| byte.is_ascii_alphanumeric())) {
            let message = "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular \
                           expression [0-9A-Za-z]*";
            mistakes.note(place, message);
        }
        let effect = match text(members, "Effect", place, mistakes) {
            Some("Allow") => Some(Effect::Allow),
            Some("Deny") => Some(Effect::Deny),
            Some(other) => {
                let what = format_args!("the effect is Allow or Deny, not {}", short(other));
                mistakes.syntax(&place.member("Effect"), what);
                None
            }
            None => {
                if !members.contains_key("Effect") {
                    mistakes.note(place, "Missing required field Effect");
                }
                None
            }
        };
        let principals = Principals::read(members, grammar.kind, effect, place, mistakes);
        let actions = Actions::read(members, grammar.kind, place, mistakes);
        let resources = Resources::read(members, grammar, place, mistakes);
        let conditions = conditions(members, grammar.variables, place, mistakes);
        Some(Self {
            sid: sid.map(str::to_owned),
            effect: effect?,
            principals,
            actions: actions?,
            resources,
            conditions,
        })
    }
}
