//! The caller in a line of the audit log.
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html>

use serde_json::{Value, json};

use super::in_seconds;
use crate::app::{Call, Caller};
use crate::credentials::{Session, SessionOrigin};

/// The signer of a call; `Unknown` without a signature.
pub fn of_caller(call: &Call<'_>) -> Value {
    let account = &call.app.config.account_id;
    let key = call.claimed_key.as_deref();
    match &call.caller {
        None => json!({ "type": "Unknown" }),
        Some(caller @ Caller::Root(id)) => json!({
            "type": "Root",
            "principalId": account.as_str(),
            "arn": caller.arn(account),
            "accountId": account.as_str(),
            "accessKeyId": id,
        }),
        Some(caller @ Caller::AccessKey(access_key)) => json!({
            "type": "IAMUser",
            "principalId": access_key.user_id,
            "arn": caller.arn(account),
            "accountId": account.as_str(),
            "accessKeyId": key,
            "userName": access_key.name,
        }),
        Some(caller @ Caller::Session(session)) => {
            let mut identity = json!({
                "type": "AssumedRole",
                "principalId": caller.user_id(account),
                "arn": caller.arn(account),
                "accountId": session.role.account(),
                "accessKeyId": key,
                "sessionContext": context(call, session),
            });
            if let Some(federation) = federation(session) {
                identity["sessionContext"]["webIdFederationData"] = federation;
            }
            identity
        }
    }
}

fn context(call: &Call<'_>, session: &Session) -> Value {
    let account = session.role.account();
    let id = Caller::Session(Box::new(session.clone())).user_id(&call.app.config.account_id);
    let role_id = id.split(':').next().unwrap_or_default();
    json!({
        "sessionIssuer": {
            "type": "Role",
            "principalId": role_id,
            "arn": session.role.as_str(),
            "accountId": account,
            "userName": session.role.name(),
        },
        "attributes": {
            "creationDate": in_seconds(session.issued),
            "mfaAuthenticated": "false",
        },
    })
}

/// The login that a session began with.
fn federation(session: &Session) -> Option<Value> {
    Some(match &session.origin {
        SessionOrigin::Identity(identity) => json!({
            "federatedProvider": "cognito-identity.amazonaws.com",
            "attributes": {
                "cognito-identity.amazonaws.com:aud": identity.pool.to_string(),
                "cognito-identity.amazonaws.com:sub":
                    format!("{}:{}", identity.pool.region, identity.identity),
                "cognito-identity.amazonaws.com:amr":
                    identity.amr.first().map_or("", String::as_str),
            },
        }),
        SessionOrigin::WebIdentity {
            provider,
            client,
            subject,
            ..
        } => {
            let (aud, sub) = (format!("{provider}:aud"), format!("{provider}:sub"));
            json!({ "federatedProvider": provider, "attributes": { aud: client, sub: subject } })
        }
        SessionOrigin::PublicProvider { provider, subject } => {
            let sub = format!("{provider}:sub");
            json!({ "federatedProvider": provider, "attributes": { sub: subject } })
        }
        SessionOrigin::Saml {
            provider, subject, ..
        } => json!({
            "federatedProvider": provider.as_str(),
            "attributes": { "saml:sub": subject },
        }),
        SessionOrigin::AccessKey(_) | SessionOrigin::RootKey(_) => return None,
    })
}

/// The user whom an answer of the STS names: the call has no signature, and a token or a response instead.
pub fn of_answer(operation: &str, output: &Value) -> Option<Value> {
    let text = |name: &str| output[name].as_str().unwrap_or_default();
    match operation {
        "AssumeRoleWithWebIdentity" => {
            let (provider, subject) = (text("Provider"), text("SubjectFromWebIdentityToken"));
            Some(json!({
                "type": "WebIdentityUser",
                "principalId": format!("{provider}:{}:{subject}", text("Audience")),
                "userName": subject,
                "identityProvider": provider,
            }))
        }
        "AssumeRoleWithSAML" => {
            let (qualifier, subject) = (text("NameQualifier"), text("Subject"));
            Some(json!({
                "type": "SAMLUser",
                "principalId": format!("{qualifier}:{subject}"),
                "userName": subject,
                "identityProvider": qualifier,
            }))
        }
        _ => None,
    }
}
