//! One step: an operation of the API, with everything that the pipeline does before it, except the signature.

use serde_json::{Map, Value};

use crate::app::Call;
use crate::error::{Code, Error};
use crate::model::seed::unknown_member;
use crate::operations::models::types::{self, Mismatch};
use crate::operations::models::{MODELS, Model, ShapeId, ShapeKind, constraints};
use crate::operations::{ALL, Entry, Prepared, Service};

/// An operation of the API.
#[derive(Clone, Copy)]
pub(super) struct Step {
    service: Service,
    name: &'static str,
}

/// An operation of IAM.
pub(super) const fn iam(name: &'static str) -> Step {
    Step {
        service: Service::Iam,
        name,
    }
}

/// An operation of Cognito Identity.
pub(super) const fn identity(name: &'static str) -> Step {
    Step {
        service: Service::CognitoIdentity,
        name,
    }
}

/// One of Cognate's own operations.
pub(super) const fn cognate(name: &'static str) -> Step {
    Step {
        service: Service::Cognate,
        name,
    }
}

impl Step {
    fn entry(self) -> &'static Entry {
        let mut all = ALL.iter();
        let found = all.find(|entry| (entry.service, entry.name) == (self.service, self.name));
        found.expect("a step is an operation of the table")
    }

    /// Checks an input against the service model, and refuses members that the model doesn't have.
    pub(super) fn check(self, input: &mut Value) -> Result<(), Error> {
        let model = MODELS.of(self.service);
        let shape = model.operation(self.name).and_then(|shape| shape.input);
        let shape = shape.expect("a step has an input");
        refuse_unknown(model, shape, input, "")?;
        types::conform(model, shape, input).map_err(|Mismatch(text)| {
            let text = text.unwrap_or_else(|| "a value has the wrong type".to_owned());
            Code::InvalidParameter.because(text)
        })?;
        match constraints::violations(model, shape, input) {
            None => Ok(()),
            Some(text) => Err(Code::Validation.because(text)),
        }
    }

    /// The operation with this input, which was checked, after its authorisation.
    pub(super) async fn authorised(
        self,
        call: &Call<'_>,
        input: &Value,
    ) -> Result<Box<dyn Prepared>, Error> {
        let prepared = (self.entry().prepare)(input)?;
        prepared.authorise(call).await?;
        Ok(prepared)
    }

    /// Checks, authorises and runs the operation.
    pub(super) async fn run(self, call: &Call<'_>, mut input: Value) -> Result<(), Error> {
        self.check(&mut input)?;
        let prepared = self.authorised(call, &input).await?;
        prepared.run(call).await.map(drop)
    }
}

/// Refuses members that a shape doesn't have: a request may have them, but in a seed they are misspellings.
fn refuse_unknown(model: &Model, shape: ShapeId, value: &Value, path: &str) -> Result<(), Error> {
    match (&model.shape(shape).kind, value) {
        (ShapeKind::Structure(members), Value::Object(values)) => {
            for (name, value) in values {
                let here = join(path, name);
                let Some(member) = members.iter().find(|member| member.name == *name) else {
                    let known = members.iter().map(|member| member.name.as_str());
                    let error = unknown_member(&here, name, known);
                    return Err(Code::InvalidParameter.because(error.to_string()));
                };
                refuse_unknown(model, member.shape, value, &here)?;
            }
            Ok(())
        }
        (ShapeKind::Map(_, of), Value::Object(values)) => values
            .iter()
            .try_for_each(|(key, value)| refuse_unknown(model, *of, value, &join(path, key))),
        (ShapeKind::List(of), Value::Array(values)) => {
            values.iter().enumerate().try_for_each(|(at, value)| {
                refuse_unknown(model, *of, value, &format!("{path}[{at}]"))
            })
        }
        _ => Ok(()),
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

/// The named members of an object, as an input.
pub(super) fn only(members: &Map<String, Value>, names: &[&str]) -> Map<String, Value> {
    let members = members.iter();
    let kept = members.filter(|(name, _)| names.contains(&name.as_str()));
    kept.map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}
