//! Session policies with variables that are expanded for each identity before the policy goes to another STS, which may
//! have no variables. The variables of a policy that is evaluated here are never expanded.
//!
//! The template is parsed as JSON and values go into its strings, so no value can end a string. Values with wildcards or
//! variables are refused.

use serde_json::{Map, Value};

use super::diagnostics::PolicyError;
use super::document::{Policy, PolicyKind};
use crate::model::json;
use crate::model::tags::Tags;

/// The most characters of a session policy: STS's limit.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
pub const LONGEST_SESSION_POLICY: usize = 2048;

/// The most bytes of one resource. A gateway of Ceph crashes on one of twice that length.
pub const LONGEST_RESOURCE: usize = 800;

/// The identity's id as a variable.
const SUB: &str = "cognito-identity.amazonaws.com:sub";
/// The pool's id as a variable.
const AUD: &str = "cognito-identity.amazonaws.com:aud";
/// The prefix of a tag's key as a variable.
const TAG: &str = "aws:PrincipalTag/";

/// A replacement for the colon of an id: in a resource it is a wildcard for one character.
pub const LITERAL_ESCAPE: &str = "?";

/// A session policy with variables to expand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionTemplate {
    document: Value,
    /// Whether colons of ids become [`LITERAL_ESCAPE`] in resources.
    escapes: bool,
}

/// The values of the variables.
#[derive(Debug)]
pub struct TemplateValues<'f> {
    /// The identity's id.
    pub identity: &'f str,
    /// The pool's id.
    pub pool: &'f str,
    /// The tags of the session.
    pub tags: &'f Tags,
}

/// Why a text isn't a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// The text isn't JSON.
    #[error("this isn't JSON: {0}")]
    Json(String),
    /// The variable is unknown; holds its name.
    #[error("the variable `${{{0}}}` is unknown: use ${{{SUB}}}, ${{{AUD}}} or ${{{TAG}KEY}}")]
    Variable(String),
    /// A variable has no closing brace.
    #[error("a variable that begins with `${{` has no closing `}}`")]
    NoEnd,
    /// A variable is in an element that can't have one; holds the element's name.
    #[error(
        "{0} has a variable: only Resource, NotResource and the values of a Condition can have variables"
    )]
    NotAllowed(String),
    /// The document isn't a session policy.
    #[error(transparent)]
    Policy(#[from] PolicyError),
}

/// Why a template can't be expanded for a session.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FillError {
    /// The session lacks the tag; holds its key.
    #[error("the session has no tag {0}")]
    NoTag(String),
    /// The tag's value has characters that aren't allowed; holds the tag's key.
    #[error(
        "the value of the tag {0} has characters that aren't allowed: use letters, digits, _=@+- and single inner dots"
    )]
    Characters(String),
    /// The expanded policy is longer than [`LONGEST_SESSION_POLICY`].
    #[error("the expanded session policy is longer than {LONGEST_SESSION_POLICY} characters")]
    TooLong,
    /// An expanded resource is longer than [`LONGEST_RESOURCE`].
    #[error("an expanded resource is longer than {LONGEST_RESOURCE} bytes")]
    ResourceTooLong,
}

/// The elements in which variables are expanded.
#[derive(Clone, Copy)]
enum ExpandedElement {
    Resource,
    Condition,
}

impl SessionTemplate {
    /// Parses a template, which must expand to a session policy.
    pub fn parse(text: &str, escapes: bool) -> Result<Self, TemplateError> {
        let document =
            json::read(text.as_bytes()).map_err(|error| TemplateError::Json(error.to_string()))?;
        let template = Self { document, escapes };
        let filled = template.walk::<TemplateError>(&mut |slot, text| {
            let sample = |variable: &TemplateVariable<'_>| {
                Ok(match variable {
                    TemplateVariable::Id(_) => {
                        "us-east-1:00000000-0000-4000-8000-000000000000".to_owned()
                    }
                    TemplateVariable::Tag(_) => "x".to_owned(),
                })
            };
            template.text(slot, text, sample)
        });
        let filled = filled?.to_string();
        Policy::parse(
            PolicyKind::Session,
            filled.as_bytes(),
            LONGEST_SESSION_POLICY,
        )?;
        Ok(template)
    }

    /// Expands the template for a session, as compact JSON.
    pub fn fill(&self, filling: &TemplateValues<'_>) -> Result<String, FillError> {
        let filled = self.walk::<Stopped>(&mut |slot, text| {
            let text = self.text(slot, text, |variable| filling.value(variable))?;
            if matches!(slot, ExpandedElement::Resource) && text.len() > LONGEST_RESOURCE {
                return Err(FillError::ResourceTooLong.into());
            }
            Ok(text)
        });
        let filled = filled.map_err(|stopped| stopped.0)?.to_string();
        if filled.chars().count() > LONGEST_SESSION_POLICY {
            return Err(FillError::TooLong);
        }
        Ok(filled)
    }

    /// The patterns of actions that its statements allow; `None` if one uses `NotAction`.
    pub fn allowed_actions(&self) -> Option<Vec<&str>> {
        let mut actions = Vec::new();
        for statement in each(self.document.get("Statement")?) {
            if statement.get("Effect").and_then(Value::as_str) == Some("Allow") {
                let named = each(statement.get("Action")?);
                actions.extend(named.map(Value::as_str).collect::<Option<Vec<_>>>()?);
            }
        }
        Some(actions)
    }

    /// Copies the document and applies `filled` to each string that may have variables.
    fn walk<E: From<TemplateError>>(
        &self,
        filled: &mut impl FnMut(ExpandedElement, &str) -> Result<String, E>,
    ) -> Result<Value, E> {
        let mut document = self.document.clone();
        if let Some(members) = document.as_object_mut() {
            for (name, value) in members {
                if name != "Statement" {
                    no_variables(name, value)?;
                    continue;
                }
                for statement in each_mut(value) {
                    if let Some(members) = statement.as_object_mut() {
                        in_statement(members, filled)?;
                    }
                }
            }
        }
        Ok(document)
    }

    /// Replaces each variable of `text` by its value.
    fn text<E: From<TemplateError>>(
        &self,
        slot: ExpandedElement,
        text: &str,
        value: impl Fn(&TemplateVariable<'_>) -> Result<String, E>,
    ) -> Result<String, E> {
        let (mut filled, mut rest) = (String::new(), text);
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after.split_once('}').ok_or(TemplateError::NoEnd)?;
            let variable = TemplateVariable::named(name)
                .ok_or_else(|| TemplateError::Variable(name.to_owned()))?;
            let value = value(&variable)?;
            filled.push_str(before);
            match (variable, slot) {
                (TemplateVariable::Id(_), ExpandedElement::Resource) if self.escapes => {
                    filled.push_str(&value.replace(':', LITERAL_ESCAPE));
                }
                _ => filled.push_str(&value),
            }
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }
}

/// A variable that can be expanded.
enum TemplateVariable<'v> {
    Id(&'static str),
    Tag(&'v str),
}

impl<'v> TemplateVariable<'v> {
    /// Finds the variable of this name. The prefix of a tag is compared without regard to case, as in IAM.
    fn named(name: &'v str) -> Option<Self> {
        for id in [SUB, AUD] {
            if name.eq_ignore_ascii_case(id) {
                return Some(Self::Id(id));
            }
        }
        let (prefix, key) = name.split_at_checked(TAG.len())?;
        let good = prefix.eq_ignore_ascii_case(TAG)
            && !key.is_empty()
            && !key.contains(['{', '$', ',', '\'']);
        good.then_some(Self::Tag(key))
    }
}

impl TemplateValues<'_> {
    fn value(&self, variable: &TemplateVariable<'_>) -> Result<String, Stopped> {
        match variable {
            TemplateVariable::Id(SUB) => Ok(self.identity.to_owned()),
            TemplateVariable::Id(_) => Ok(self.pool.to_owned()),
            TemplateVariable::Tag(key) => {
                let value = self.tags.get(key);
                let value = value.ok_or_else(|| FillError::NoTag((*key).to_owned()))?;
                if is_plain(value) {
                    Ok(value.to_owned())
                } else {
                    Err(FillError::Characters((*key).to_owned()).into())
                }
            }
        }
    }
}

/// Whether a value is allowed: words of `[A-Za-z0-9_=@+-]` with single dots between them. So it has no path, wildcard or
/// variable, and can't end a string.
fn is_plain(value: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_=@+-".contains(&byte);
    value
        .split('.')
        .all(|word| !word.is_empty() && word.bytes().all(fits))
}

/// Why expanding stopped. The template was checked before, so it is never an error of the template.
struct Stopped(FillError);

impl From<FillError> for Stopped {
    fn from(error: FillError) -> Self {
        Self(error)
    }
}

impl From<TemplateError> for Stopped {
    fn from(error: TemplateError) -> Self {
        unreachable!("a template that was read has no mistake: {error}")
    }
}

fn in_statement<E: From<TemplateError>>(
    members: &mut Map<String, Value>,
    filled: &mut impl FnMut(ExpandedElement, &str) -> Result<String, E>,
) -> Result<(), E> {
    for (name, value) in members {
        match name.as_str() {
            "Resource" | "NotResource" => fill_each(ExpandedElement::Resource, value, filled)?,
            "Condition" => {
                for (operator, keys) in value.as_object_mut().into_iter().flatten() {
                    no_variables_in(operator, "Condition")?;
                    for (key, value) in keys.as_object_mut().into_iter().flatten() {
                        no_variables_in(key, "the keys of a Condition")?;
                        fill_each(ExpandedElement::Condition, value, filled)?;
                    }
                }
            }
            other => no_variables(other, value)?,
        }
    }
    Ok(())
}

fn fill_each<E>(
    slot: ExpandedElement,
    value: &mut Value,
    filled: &mut impl FnMut(ExpandedElement, &str) -> Result<String, E>,
) -> Result<(), E> {
    for one in each_mut(value) {
        if let Value::String(text) = one {
            *text = filled(slot, text)?;
        }
    }
    Ok(())
}

/// Refuses variables in `name` and everywhere in `value`.
fn no_variables(name: &str, value: &Value) -> Result<(), TemplateError> {
    no_variables_in(&value.to_string(), name)?;
    no_variables_in(name, "a name")
}

fn no_variables_in(text: &str, slot: &str) -> Result<(), TemplateError> {
    if text.contains("${") {
        return Err(TemplateError::NotAllowed(slot.to_owned()));
    }
    Ok(())
}

/// The elements of an array, or the single value instead of an array.
fn each(value: &Value) -> impl Iterator<Item = &Value> {
    match value {
        Value::Array(all) => all.iter(),
        one => std::slice::from_ref(one).iter(),
    }
}

fn each_mut(value: &mut Value) -> impl Iterator<Item = &mut Value> {
    match value {
        Value::Array(all) => all.iter_mut(),
        one => std::slice::from_mut(one).iter_mut(),
    }
}

#[cfg(test)]
mod tests;
