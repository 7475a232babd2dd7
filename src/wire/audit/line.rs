//! The line of a call: what every line has, its resources and its error. Texts of clients are bounded.

use std::net::IpAddr;

use serde_json::{Map, Value, json};

use super::selection::quotes_no_input;
use crate::app::Call;
use crate::app::audit::{OWN_SOURCE, VERSION, in_seconds, own_region, user_identity};
use crate::audit::{CloudTrailLine, StrangerLine};
use crate::error::{Dialect, Error};
use crate::operations::{Entry, Service};

/// The longest user agent and error text, in bytes.
const LONGEST_TEXT: usize = 1024;

/// What every line of a call has.
pub(super) fn line_of_call(call: &Call<'_>, service: Service, operation: &str) -> CloudTrailLine {
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
pub(super) fn resources(call: &Call<'_>, input: Option<&Value>) -> Vec<Value> {
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

pub(super) fn set_error(line: &mut CloudTrailLine, service: Service, error: &Error) {
    line.error_code = Some(error.code.on_the_wire(dialect(service)).0.to_owned());
    let text = error
        .text
        .as_deref()
        .filter(|_| quotes_no_input(error.code));
    line.error_message = text.map(bounded);
}

pub(super) fn stranger_line(call: &Call<'_>, entry: &Entry, error: &Error) -> StrangerLine {
    StrangerLine {
        operation: entry.name,
        code: error.code.on_the_wire(dialect(entry.service)).0,
        pool: call.pool.get().map(ToString::to_string),
        network: call.connection.network().to_string(),
    }
}

/// The dialect of the errors of a service.
pub(in crate::wire) fn dialect(service: Service) -> Dialect {
    match service {
        Service::CognitoIdentity | Service::Cognate => Dialect::Json,
        Service::Sts => Dialect::Sts,
        Service::Iam => Dialect::Iam,
    }
}

/// A text of at most [`LONGEST_TEXT`] bytes.
pub(super) fn bounded(text: &str) -> String {
    let mut end = text.len().min(LONGEST_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}
