//! Every refusal of every test is one that the operation may give: the service model declares it, or the protocol has it
//! for all operations.

use cognate::operations::Service;
use cognate::operations::models::MODELS;

use super::Answer;

/// What the front layer answers before an operation runs; no model declares these.
pub const OF_THE_PROTOCOL: [&str; 10] = [
    "AccessDeniedException",
    "ExpiredTokenException",
    "IncompleteSignatureException",
    "InvalidSignatureException",
    "MissingAuthenticationTokenException",
    "RequestEntityTooLargeException",
    "SerializationException",
    "UnknownOperationException",
    "UnrecognizedClientException",
    "ValidationException",
];

/// That a refusal of `operation` is one that it may give.
#[track_caller]
pub fn check(operation: &str, answer: &Answer) {
    let Some(shape) = MODELS.of(Service::CognitoIdentity).operation(operation) else {
        return;
    };
    if answer.status == 200 {
        return;
    }
    let (_, code, text) = answer.error();
    assert!(
        shape.errors.contains(&code) || OF_THE_PROTOCOL.contains(&code.as_str()),
        "{operation} doesn't declare {code}: {text}"
    );
}
