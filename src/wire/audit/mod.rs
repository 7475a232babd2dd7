//! The line of a call in the audit log. The pipeline records every call that passes through it; no operation and no
//! protocol does. A call is answered after its line was written.

mod line;
mod parameters;
mod selection;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

pub(super) use self::line::dialect;
use self::line::{bounded, line_of_call, resources, set_error, stranger_line};
use self::selection::{DATA_EVENTS, READS, WITHOUT_LINE, is_refusal, is_stranger};
use super::pipeline;
use crate::app::Call;
use crate::app::audit::{admit, in_seconds, user_identity, without_guests};
use crate::audit::StrangerLine;
use crate::error::{Code, Dialect, Error};
use crate::operations::container_credentials::{ContainerCredentials, ContainerRequest};
use crate::operations::{Entry, OperationAnswer, Service};

/// The operation of container credentials of a role.
const ROLE_OPERATION: &str = "GetRoleContainerCredentials";

/// The most bytes of the input in a line that a stranger causes.
const STRANGERS_INPUT: usize = 4096;

/// A call on its way through the pipeline. If it goes away while its operation runs, because its client does, it has a line
/// nevertheless.
pub(super) struct CallRecord<'c> {
    entry: &'static Entry,
    call: &'c Call<'c>,
    input: OnceLock<Value>,
    is_running: AtomicBool,
}

/// How a call ended.
enum Outcome<'o> {
    Answered(&'o Value),
    Refused(&'o Error),
    Abandoned,
}

impl<'c> CallRecord<'c> {
    pub(super) fn begin(entry: &'static Entry, call: &'c Call<'c>) -> Self {
        Self {
            entry,
            call,
            input: OnceLock::new(),
            is_running: AtomicBool::new(false),
        }
    }

    /// Refuses the call if its line couldn't be written, and notes its input.
    pub(super) fn admit(&self, input: &Value) -> Result<(), Error> {
        if self.call.app.audit.is_none() {
            return Ok(());
        }
        if self.has_line() {
            admit(self.call)?;
        }
        self.input.get_or_init(|| input.clone());
        Ok(())
    }

    /// Notes that the operation runs, and may change something.
    pub(super) fn runs(&self) {
        self.is_running.store(self.has_line(), Ordering::Relaxed);
    }

    /// Whether a success has a line.
    fn has_line(&self) -> bool {
        let Some(log) = &self.call.app.audit else {
            return false;
        };
        let name = (self.entry.service, self.entry.name);
        !WITHOUT_LINE.contains(&name)
            && (log.has_data_events() || !DATA_EVENTS.contains(&self.entry.name))
    }

    /// Records the end of the call. An answer becomes an error where its line can't be written.
    pub(super) async fn end(
        self,
        outcome: Result<Box<dyn OperationAnswer>, Error>,
    ) -> Result<Box<dyn OperationAnswer>, Error> {
        let was_running = self.is_running.swap(false, Ordering::Relaxed);
        self.call.is_recorded.store(true, Ordering::Relaxed);
        let Some(log) = &self.call.app.audit else {
            return outcome;
        };
        match outcome {
            Ok(answer) => {
                if self.has_line() {
                    let line = self.line(&Outcome::Answered(&answer.value()?));
                    log.append(line).await.map_err(|error| {
                        Code::InternalError
                            .because("Internal Server Error")
                            .from_source(error)
                    })?;
                }
                Ok(answer)
            }
            Err(error) => {
                let is_stranger = is_stranger(self.call);
                let is_of_note = !is_stranger && self.has_line();
                let is_unclear = was_running && error.code == Code::InternalError;
                if is_refusal(error.code) || is_of_note || is_unclear {
                    let line = || self.line(&Outcome::Refused(&error));
                    if is_stranger {
                        log.append_refusal(stranger_line(self.call, self.entry, &error), line);
                    } else {
                        log.append_later(line());
                    }
                }
                Err(error)
            }
        }
    }

    fn line(&self, outcome: &Outcome<'_>) -> Vec<u8> {
        let (entry, call) = (self.entry, self.call);
        let (model, shape) = pipeline::model(entry);
        let is_read = READS.contains(&entry.name)
            || WITHOUT_LINE.contains(&(entry.service, entry.name))
            || entry.service == Service::Sts;
        let mut line = line_of_call(call, entry.service, entry.name);
        line.read_only = is_read;
        if DATA_EVENTS.contains(&entry.name) {
            line.management_event = false;
            line.event_category = "Data";
        }
        let input = self.input.get();
        if let (Some(id), Some(input)) = (shape.input, input) {
            line.request_parameters = parameters::of_request(model, id, input);
        }
        line.resources = resources(call, input);
        match outcome {
            Outcome::Answered(output) => {
                line.user_identity =
                    user_identity::of_answer(entry.name, output).unwrap_or(line.user_identity);
                // Of a read, what was handed out is of no interest.
                if let Some(id) = shape.output.filter(|_| !READS.contains(&entry.name)) {
                    line.response_elements = parameters::of_response(model, id, output);
                }
                if let Some(id) = output["IdentityId"].as_str() {
                    let id = Value::from(id);
                    line.additional_event_data.insert("identity".to_owned(), id);
                }
            }
            Outcome::Refused(error) => {
                set_error(&mut line, entry.service, error);
                if is_stranger(call) && line.request_parameters.to_string().len() > STRANGERS_INPUT
                {
                    line.request_parameters = Value::Null;
                }
            }
            Outcome::Abandoned => {
                line.error_code = Some("RequestAborted".to_owned());
                let text =
                    "The client went away before it was answered. A change may have been made.";
                line.error_message = Some(text.to_owned());
            }
        }
        line.into_line(&|text| without_guests(call, text))
    }
}

impl Drop for CallRecord<'_> {
    fn drop(&mut self) {
        if self.is_running.load(Ordering::Relaxed)
            && let Some(log) = &self.call.app.audit
        {
            log.append_later(self.line(&Outcome::Abandoned));
        }
    }
}

/// Whether credentials of this request have a line. Those of a role are a management event, as AssumeRoleWithWebIdentity is.
pub(super) fn has_container_line(call: &Call<'_>, request: &ContainerRequest<'_>) -> bool {
    let is_data = !matches!(request, ContainerRequest::Role { .. });
    let log = call.app.audit.as_ref();
    log.is_some_and(|log| log.has_data_events() || !is_data)
}

/// Records the end of a request for container credentials, which no pipeline sees. Credentials become an error where their
/// line can't be written.
pub(super) async fn end_container(
    call: &Call<'_>,
    has_line: bool,
    outcome: Result<ContainerCredentials, Error>,
) -> Result<ContainerCredentials, Error> {
    call.is_recorded.store(true, Ordering::Relaxed);
    let Some(log) = &call.app.audit else {
        return outcome;
    };
    let line = || {
        let mut line = line_of_call(call, Service::Cognate, call.operation);
        line.management_event = call.operation == ROLE_OPERATION;
        line.event_category = if line.management_event {
            "Management"
        } else {
            "Data"
        };
        line.resources = resources(call, None);
        line
    };
    match &outcome {
        Ok(given) if has_line => {
            let mut line = line();
            let credentials = &given.credentials;
            line.response_elements = json!({
                "accessKeyId": credentials.access_key_id,
                "expiration": in_seconds(credentials.expires),
                "roleArn": given.role.as_str(),
            });
            if let Some(identity) = &given.identity {
                let id = Value::from(identity.reveal());
                line.additional_event_data.insert("identity".to_owned(), id);
            }
            let line = line.into_line(&|text| without_guests(call, text));
            log.append(line).await.map_err(|error| {
                Code::InternalError
                    .because("The service is unavailable. Try again later.")
                    .from_source(error)
            })?;
        }
        Err(error) if is_refusal(error.code) => {
            let code = error.code.on_the_wire(Dialect::Container).0;
            let kind = StrangerLine {
                operation: call.operation,
                code,
                pool: call.pool.get().map(ToString::to_string),
                network: call.connection.network().to_string(),
            };
            log.append_refusal(kind, || {
                let mut line = line();
                line.error_code = Some(code.to_owned());
                line.error_message = error.text.as_deref().map(bounded);
                line.into_line(&|text| without_guests(call, text))
            });
        }
        _ => {}
    }
    outcome
}

/// Records the refusal of a request that no pipeline saw.
pub(super) fn refused(call: &Call<'_>, service: Service, operation: &'static str, error: &Error) {
    let is_recorded = call.is_recorded.swap(true, Ordering::Relaxed);
    let Some(log) = call.app.audit.as_ref().filter(|_| !is_recorded) else {
        return;
    };
    if !is_refusal(error.code) {
        return;
    }
    let kind = StrangerLine {
        operation,
        code: error.code.on_the_wire(dialect(service)).0,
        pool: None,
        network: call.connection.network().to_string(),
    };
    log.append_refusal(kind, || {
        let mut line = line_of_call(call, service, operation);
        set_error(&mut line, service, error);
        line.into_line(&|text| without_guests(call, text))
    });
}
