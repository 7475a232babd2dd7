//! Session policies that are filled in for each identity before they go to another STS, which may know no variables. Not
//! the variables of a policy that is evaluated here: those are never written out.
//!
//! The template is read as JSON and values go into its texts, so no value can end a text, and none that may stand there
//! is a wildcard or a variable.

use serde_json::{Map, Value};

use super::document::{Kind, Policy};
use super::mistake::PolicyError;
use crate::model::json;
use crate::model::principal_tags::Tags;

/// How many characters a session policy may have: STS's limit.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
pub const LONGEST_SESSION_POLICY: usize = 2048;

/// How many bytes one resource may have. A gateway of Ceph ends where one is twice as long.
pub const LONGEST_RESOURCE: usize = 800;

/// The identity's id as a variable.
const SUB: &str = "cognito-identity.amazonaws.com:sub";
/// The pool's id as a variable.
const AUD: &str = "cognito-identity.amazonaws.com:aud";
/// What stands before the key of a tag.
const TAG: &str = "aws:PrincipalTag/";

/// What may stand in place of the colon of an id: in a resource it is a wildcard for one character.
pub const LITERAL_ESCAPE: &str = "?";

/// A session policy with variables to be filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionTemplate {
    document: Value,
    /// Whether the colons of ids are [`LITERAL_ESCAPE`] in resources.
    escapes: bool,
}

/// What is filled in.
#[derive(Debug)]
pub struct Filling<'f> {
    /// The identity's id.
    pub identity: &'f str,
    /// The pool's id.
    pub pool: &'f str,
    /// The tags of the session.
    pub tags: &'f Tags,
}

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// It isn't JSON.
    #[error("this is no JSON: {0}")]
    Json(String),
    /// A variable that nothing is filled in for; as it stands there.
    #[error("`${{{0}}}` can't be filled in: what can is ${{{SUB}}}, ${{{AUD}}} and ${{{TAG}KEY}}")]
    Variable(String),
    /// A variable without an end.
    #[error("a variable begins with `${{` and has no end")]
    NoEnd,
    /// A variable where nothing is filled in; the element.
    #[error(
        "there is a variable in {0}: variables may stand in Resource, NotResource and the values of a Condition"
    )]
    Place(String),
    /// It is no session policy.
    #[error(transparent)]
    Policy(#[from] PolicyError),
}

/// Why a template can't be filled in for somebody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotFilled {
    /// They have no such tag; its key.
    #[error("the session has no tag {0}")]
    NoTag(String),
    /// The value of this tag has characters that are not filled in.
    #[error(
        "the value of the tag {0} has characters that are not filled in: letters, digits, _=@+- and single inner dots are"
    )]
    Characters(String),
    /// The policy is longer than [`LONGEST_SESSION_POLICY`].
    #[error("the session policy, filled in, is longer than {LONGEST_SESSION_POLICY} characters")]
    TooLong,
    /// A resource is longer than [`LONGEST_RESOURCE`].
    #[error("a resource, filled in, is longer than {LONGEST_RESOURCE} bytes")]
    ResourceTooLong,
}

/// What a text is, in the place where it stands.
#[derive(Clone, Copy)]
enum Place {
    Resource,
    Condition,
}

impl SessionTemplate {
    /// Reads a template. Filled in, it is a session policy.
    pub fn parse(text: &str, escapes: bool) -> Result<Self, TemplateError> {
        let document =
            json::read(text.as_bytes()).map_err(|error| TemplateError::Json(error.to_string()))?;
        let template = Self { document, escapes };
        let filled = template.walk::<TemplateError>(&mut |place, text| {
            let sample = |variable: &Variable<'_>| {
                Ok(match variable {
                    Variable::Id(_) => "us-east-1:00000000-0000-4000-8000-000000000000".to_owned(),
                    Variable::Tag(_) => "x".to_owned(),
                })
            };
            template.text(place, text, sample)
        });
        let filled = filled?.to_string();
        Policy::parse(Kind::Session, filled.as_bytes(), LONGEST_SESSION_POLICY)?;
        Ok(template)
    }

    /// The policy for somebody, as compact JSON.
    pub fn fill(&self, filling: &Filling<'_>) -> Result<String, NotFilled> {
        let filled = self.walk::<Stopped>(&mut |place, text| {
            let text = self.text(place, text, |variable| filling.value(variable))?;
            if matches!(place, Place::Resource) && text.len() > LONGEST_RESOURCE {
                return Err(NotFilled::ResourceTooLong.into());
            }
            Ok(text)
        });
        let filled = filled.map_err(|stopped| stopped.0)?.to_string();
        if filled.chars().count() > LONGEST_SESSION_POLICY {
            return Err(NotFilled::TooLong);
        }
        Ok(filled)
    }

    /// The actions that its statements allow, as they stand there; `None` where one allows all but some.
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

    /// A copy of the document, each text that may have variables as `filled` says.
    fn walk<E: From<TemplateError>>(
        &self,
        filled: &mut impl FnMut(Place, &str) -> Result<String, E>,
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

    /// `text` with `value` in the place of each variable.
    fn text<E: From<TemplateError>>(
        &self,
        place: Place,
        text: &str,
        value: impl Fn(&Variable<'_>) -> Result<String, E>,
    ) -> Result<String, E> {
        let (mut filled, mut rest) = (String::new(), text);
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after.split_once('}').ok_or(TemplateError::NoEnd)?;
            let variable =
                Variable::named(name).ok_or_else(|| TemplateError::Variable(name.to_owned()))?;
            let value = value(&variable)?;
            filled.push_str(before);
            match (variable, place) {
                (Variable::Id(_), Place::Resource) if self.escapes => {
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

/// A variable that can be filled in.
enum Variable<'v> {
    Id(&'static str),
    Tag(&'v str),
}

impl<'v> Variable<'v> {
    /// The variable of this name; what stands before a tag's key is compared without regard to case, as IAM does.
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

impl Filling<'_> {
    fn value(&self, variable: &Variable<'_>) -> Result<String, Stopped> {
        match variable {
            Variable::Id(SUB) => Ok(self.identity.to_owned()),
            Variable::Id(_) => Ok(self.pool.to_owned()),
            Variable::Tag(key) => {
                let value = self.tags.get(*key);
                let value = value.ok_or_else(|| NotFilled::NoTag((*key).to_owned()))?;
                if is_plain(value) {
                    Ok(value.clone())
                } else {
                    Err(NotFilled::Characters((*key).to_owned()).into())
                }
            }
        }
    }
}

/// Whether a value may be filled in: words of `[A-Za-z0-9_=@+-]` with single dots between them. So it is no path, no
/// wildcard and no variable, and ends no text.
fn is_plain(value: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_=@+-".contains(&byte);
    value
        .split('.')
        .all(|word| !word.is_empty() && word.bytes().all(fits))
}

/// Why filling stopped. A template was read before, so it is never a mistake of the template.
struct Stopped(NotFilled);

impl From<NotFilled> for Stopped {
    fn from(error: NotFilled) -> Self {
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
    filled: &mut impl FnMut(Place, &str) -> Result<String, E>,
) -> Result<(), E> {
    for (name, value) in members {
        match name.as_str() {
            "Resource" | "NotResource" => fill_each(Place::Resource, value, filled)?,
            "Condition" => {
                for (operator, keys) in value.as_object_mut().into_iter().flatten() {
                    no_variables_in(operator, "Condition")?;
                    for (key, value) in keys.as_object_mut().into_iter().flatten() {
                        no_variables_in(key, "the keys of a Condition")?;
                        fill_each(Place::Condition, value, filled)?;
                    }
                }
            }
            other => no_variables(other, value)?,
        }
    }
    Ok(())
}

fn fill_each<E>(
    place: Place,
    value: &mut Value,
    filled: &mut impl FnMut(Place, &str) -> Result<String, E>,
) -> Result<(), E> {
    for one in each_mut(value) {
        if let Value::String(text) = one {
            *text = filled(place, text)?;
        }
    }
    Ok(())
}

/// Refuses variables in `name` and everywhere in `value`.
fn no_variables(name: &str, value: &Value) -> Result<(), TemplateError> {
    no_variables_in(&value.to_string(), name)?;
    no_variables_in(name, "a name")
}

fn no_variables_in(text: &str, place: &str) -> Result<(), TemplateError> {
    if text.contains("${") {
        return Err(TemplateError::Place(place.to_owned()));
    }
    Ok(())
}

/// The elements of a list, or the one thing that isn't in a list.
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
