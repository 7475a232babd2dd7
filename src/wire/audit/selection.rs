//! Which operations have a line and of which kind, which refusals have one, and which texts of errors a line may have.

use crate::app::{Call, Caller};
use crate::error::Code;
use crate::operations::Service;

/// The operations that read and hand out no token, no credential and no guest's id: a success has no line. Every other
/// operation has one, a new one, too.
pub(super) const WITHOUT_LINE: &[(Service, &str)] = &[
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
pub(super) const READS: &[&str] = &[
    "ExportConfiguration",
    "ListIdentities",
    "ListIdentityStatuses",
    "LookupDeveloperIdentity",
];

/// CloudTrail's data events.
pub(super) const DATA_EVENTS: &[&str] = &[
    "GetCredentialsForIdentity",
    "GetId",
    "GetOpenIdToken",
    "GetOpenIdTokenForDeveloperIdentity",
    "UnlinkIdentity",
];

/// Whether an error is a refusal by signature, by policy or of a proof.
pub(super) const fn is_refusal(code: Code) -> bool {
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
pub(super) const fn quotes_no_input(code: Code) -> bool {
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
pub(super) fn is_stranger(call: &Call<'_>) -> bool {
    match &call.caller {
        None => true,
        Some(Caller::Session(session)) => session.identity().is_some(),
        Some(Caller::Root(_) | Caller::AccessKey(_)) => false,
    }
}
