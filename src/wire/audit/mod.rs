//! The line of a call in the audit log. The pipeline records every call that passes through it; no operation and no
//! protocol does. A call is answered after its line was written.

mod parameters;

use std::net::IpAddr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Map, Value, json};

use super::pipeline;
use crate::app::audit::{
    OWN_SOURCE, VERSION, admit, in_seconds, own_region, user_identity, without_guests,
};
use crate::app::{Call, Caller};
use crate::audit::{CloudTrailLine, StrangerLine};
use crate::error::{Code, Dialect, Error};
use crate::operations::container_credentials::{ContainerCredentials, ContainerRequest};
use crate::operations::{Entry, OperationAnswer, Service};

/// The operations that read and hand out no token, no credential and no guest's id: a success has no line. Every other
/// operation has one, a new one, too.
const WITHOUT_LINE: &[(Service, &str)] = &[
    (Service::CognitoIdentity, "DescribeIdentity"),
    (Service::CognitoIdentity, "DescribeIdentityPool"),
    (Service::CognitoIdentity, "GetIdentityPoolRoles"),
    (Service::CognitoIdentity, "GetPrincipalTagAttributeMap"),
    (Service::CognitoIdentity, "ListIdentityPools"),
    (Service::CognitoIdentity, "ListTagsForResource"),
    (Service::Sts, "GetCallerIdentity"),
    (Service::Iam, "GetOpenIDConnectProvider"),
    (Service::Iam, "GetPolicy"),
    (Service::Iam, "GetPolicyVersion"),
    (Service::Iam, "GetRole"),
    (Service::Iam, "GetRolePolicy"),
    (Service::Iam, "GetSAMLProvider"),
    (Service::Iam, "ListAttachedRolePolicies"),
    (Service::Iam, "ListEntitiesForPolicy"),
    (Service::Iam, "ListInstanceProfilesForRole"),
    (Service::Iam, "ListOpenIDConnectProviderTags"),
    (Service::Iam, "ListOpenIDConnectProviders"),
    (Service::Iam, "ListPolicies"),
    (Service::Iam, "ListPolicyTags"),
    (Service::Iam, "ListPolicyVersions"),
    (Service::Iam, "ListRolePolicies"),
    (Service::Iam, "ListRoleTags"),
    (Service::Iam, "ListRoles"),
    (Service::Iam, "ListSAMLProviderTags"),
    (Service::Iam, "ListSAMLProviders"),
    (Service::Iam, "SimulatePrincipalPolicy"),
    (Service::Cognate, "CheckPolicies"),
    (Service::Cognate, "ExplainLogin"),
    (Service::Cognate, "ExplainWebIdentity"),
    (Service::Cognate, "GetCredentialsDuration"),
    (Service::Cognate, "GetIdentityHandle"),
    (Service::Cognate, "GetIdentityStatus"),
    (Service::Cognate, "GetPoolSettings"),
    (Service::Cognate, "ListAccessKeys"),
    (Service::Cognate, "ListKeys"),
    (Service::Cognate, "SimulatePolicy"),
];

/// The operations that only read, and have a line because of what they hand out.
const READS: &[&str] = &[
    "ExportConfiguration",
    "ListIdentities",
    "ListIdentityStatuses",
    "LookupDeveloperIdentity",
];

/// CloudTrail's data events.
const DATA_EVENTS: &[&str] = &[
    "GetCredentialsForIdentity",
    "GetId",
    "GetOpenIdToken",
    "GetOpenIdTokenForDeveloperIdentity",
    "UnlinkIdentity",
];

/// The operation of container credentials of a role.
const ROLE_OPERATION: &str = "GetRoleContainerCredentials";

/// The longest user agent and error text, in bytes.
const LONGEST_TEXT: usize = 1024;

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

/// Whether an error is a refusal by signature, by policy or of a proof.
const fn is_refusal(code: Code) -> bool {
    match code {
        Code::MissingAuthenticationToken
        | Code::IncompleteSignature
        | Code::InvalidSignature
        | Code::UnrecognizedClient
        | Code::ExpiredToken
        | Code::AccessDenied
        | Code::NotAuthorized
        | Code::InvalidIdentityToken
        | Code::ExpiredIdentityToken
        | Code::IdpRejectedClaim => true,
        Code::Serialization
        | Code::UnknownOperation
        | Code::WrongMethod
        | Code::RequestTooLarge
        | Code::Validation
        | Code::TooManyRequests
        | Code::InvalidParameter
        | Code::InvalidParameterValue
        | Code::ResourceNotFound
        | Code::ResourceConflict
        | Code::DeveloperUserAlreadyRegistered
        | Code::LimitExceeded
        | Code::ConcurrentModification
        | Code::ExternalService
        | Code::InvalidIdentityPoolConfiguration
        | Code::Outdated
        | Code::InternalError
        | Code::IdpCommunicationError
        | Code::MalformedPolicyDocument
        | Code::NoSuchEntity
        | Code::EntityAlreadyExists
        | Code::PackedPolicyTooLarge
        | Code::InvalidInput
        | Code::DeleteConflict => false,
    }
}

/// Whether the text of an error is free of values of the input, beside ids and names. Texts about wrong values quote them,
/// and may quote a secret.
const fn quotes_no_input(code: Code) -> bool {
    is_refusal(code)
        || matches!(
            code,
            Code::TooManyRequests
                | Code::ResourceNotFound
                | Code::ResourceConflict
                | Code::DeveloperUserAlreadyRegistered
                | Code::LimitExceeded
                | Code::ConcurrentModification
                | Code::InternalError
                | Code::NoSuchEntity
                | Code::EntityAlreadyExists
                | Code::DeleteConflict
        )
}

/// Whether anyone can make such a call: it has no valid signature, or that of a pool's identity, which anyone can get.
fn is_stranger(call: &Call<'_>) -> bool {
    match &call.caller {
        None => true,
        Some(Caller::Session(session)) => session.identity().is_some(),
        Some(Caller::Root(_) | Caller::AccessKey(_)) => false,
    }
}

fn stranger_line(call: &Call<'_>, entry: &Entry, error: &Error) -> StrangerLine {
    StrangerLine {
        operation: entry.name,
        code: error.code.on_the_wire(dialect(entry.service)).0,
        pool: call.pool.get().map(ToString::to_string),
        network: call.connection.network().to_string(),
    }
}

/// The dialect of the errors of a service.
pub(super) fn dialect(service: Service) -> Dialect {
    match service {
        Service::CognitoIdentity | Service::Cognate => Dialect::Json,
        Service::Sts => Dialect::Sts,
        Service::Iam => Dialect::Iam,
    }
}

fn set_error(line: &mut CloudTrailLine, service: Service, error: &Error) {
    line.error_code = Some(error.code.on_the_wire(dialect(service)).0.to_owned());
    let text = error
        .text
        .as_deref()
        .filter(|_| quotes_no_input(error.code));
    line.error_message = text.map(bounded);
}

/// What every line of a call has.
fn line_of_call(call: &Call<'_>, service: Service, operation: &str) -> CloudTrailLine {
    let config = &call.app.config;
    let connection = &call.connection;
    let pool = call.pool.get();
    let region = match service {
        Service::Iam => "us-east-1".to_owned(),
        _ => match (&call.region, pool) {
            (Some(region), _) => region.to_string(),
            (None, Some(pool)) => pool.region.to_string(),
            (None, None) => own_region(config),
        },
    };
    let mut further = Map::new();
    let peer = connection
        .peer
        .filter(|_| connection.peer != connection.client);
    if let Some(peer) = peer {
        further.insert("peer".to_owned(), Value::from(peer.to_string()));
    }
    if let (None, Some(key)) = (&call.caller, &call.claimed_key) {
        further.insert("claimedAccessKeyId".to_owned(), Value::from(key.clone()));
    }
    let client = connection.client.as_ref().map(IpAddr::to_string);
    CloudTrailLine {
        event_version: VERSION,
        user_identity: user_identity::of_caller(call),
        event_time: in_seconds(call.app.now()),
        event_source: match service {
            Service::CognitoIdentity => "cognito-identity.amazonaws.com",
            Service::Sts => "sts.amazonaws.com",
            Service::Iam => "iam.amazonaws.com",
            Service::Cognate => OWN_SOURCE,
        },
        event_name: operation.to_owned(),
        aws_region: region,
        source_ip_address: client.unwrap_or_else(|| OWN_SOURCE.to_owned()),
        user_agent: connection.user_agent.as_deref().map(bounded),
        error_code: None,
        error_message: None,
        request_parameters: Value::Null,
        response_elements: Value::Null,
        additional_event_data: further,
        request_id: call.request_id.to_string(),
        event_id: call.app.ambient.uuid().to_string(),
        read_only: false,
        resources: Vec::new(),
        event_type: "AwsApiCall",
        management_event: true,
        recipient_account_id: config.account_id.to_string(),
        event_category: "Management",
    }
}

/// The pool, role, managed policies and provider of a call.
fn resources(call: &Call<'_>, input: Option<&Value>) -> Vec<Value> {
    let account = &call.app.config.account_id;
    let mut arns = Vec::new();
    arns.extend(call.pool.get().map(|pool| pool.arn(account)));
    if let Some(input) = input {
        if let (true, Some(id)) = (arns.is_empty(), input["IdentityPoolId"].as_str()) {
            let pool = crate::model::ids::PoolId::parse(id);
            arns.extend(pool.map(|pool| pool.arn(account)));
        }
        if let Some(name) = input["RoleName"].as_str() {
            arns.push(format!("arn:aws:iam::{account}:role/{name}"));
        }
        let named = [
            "RoleArn",
            "PolicyArn",
            "PermissionsBoundary",
            "OpenIDConnectProviderArn",
            "SAMLProviderArn",
            "ResourceArn",
        ];
        let named = named.iter().filter_map(|name| input[*name].as_str());
        arns.extend(
            named
                .filter(|arn| arn.starts_with("arn:"))
                .map(str::to_owned),
        );
    }
    arns.dedup();
    let described = arns.into_iter().map(|arn| {
        let kind = match arn.splitn(6, ':').nth(5).unwrap_or_default() {
            resource if resource.starts_with("identitypool/") => "AWS::Cognito::IdentityPool",
            resource if resource.starts_with("saml-provider/") => "AWS::IAM::SAMLProvider",
            resource if resource.starts_with("oidc-provider/") => "AWS::IAM::OIDCProvider",
            resource if resource.starts_with("policy/") => "AWS::IAM::Policy",
            _ => "AWS::IAM::Role",
        };
        json!({ "ARN": bounded(&arn), "accountId": account.as_str(), "type": kind })
    });
    described.collect()
}

/// A text of at most [`LONGEST_TEXT`] bytes.
fn bounded(text: &str) -> String {
    let mut end = text.len().min(LONGEST_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}
