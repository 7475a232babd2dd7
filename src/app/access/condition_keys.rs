//! Condition keys that this server sets for every request, for sessions and for identities.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>

use crate::app::{Call, Caller, pools};
use crate::credentials::{Session, SessionIdentity};
use crate::model::ids::PoolId;
use crate::model::provider::OWN;
use crate::policy::Context;
use crate::store::StoreError;

/// Adds the keys of every signed request.
pub fn add_request(call: &Call<'_>, context: &mut Context) {
    let account = &call.app.config.account_id;
    let signer = call.signer();
    context.set("aws:CurrentTime", call.now.to_string());
    context.set("aws:EpochTime", call.now.as_second().to_string());
    context.set("aws:PrincipalAccount", account.as_str());
    context.set("aws:PrincipalArn", signer.arn(account));
    let is_session = matches!(signer, Caller::Session(_));
    let kind = if is_session { "AssumedRole" } else { "User" };
    context.set("aws:PrincipalType", kind);
    context.set("aws:userid", signer.user_id(account));
    context.set("aws:RequestedRegion", call.signed_region().as_str());
    match signer {
        Caller::Root(_) => {}
        Caller::AccessKey(key) => context.set("aws:username", key.name.as_str()),
        Caller::Session(session) => {
            // Policies name the role of a session, not the session.
            context.set("aws:PrincipalArn", session.role.as_str());
            add_session(session, context);
        }
    }
}

/// Adds the tags of the pool with this ARN.
pub(super) fn add_resource_tags(
    call: &Call<'_>,
    arn: &str,
    context: &mut Context,
) -> Result<(), StoreError> {
    let pool = arn
        .split_once(":identitypool/")
        .and_then(|(_, id)| PoolId::parse(id));
    let Some(id) = pool else { return Ok(()) };
    if let Some(pool) = pools::record(call.app, &id)? {
        for (key, value) in &pool.settings.tags {
            context.set(&format!("aws:ResourceTag/{key}"), value);
        }
    }
    Ok(())
}

fn add_session(session: &Session, context: &mut Context) {
    for (key, value) in &session.tags {
        context.set(&format!("aws:PrincipalTag/{key}"), value.as_str());
    }
    for (key, value) in &session.keys {
        context.set(key, value.as_str());
    }
    if let Some(identity) = session.identity() {
        add_identity(identity, context);
    }
}

/// Adds the keys of an identity.
/// <https://docs.aws.amazon.com/cognito/latest/developerguide/role-trust-and-permissions.html>
pub fn add_identity(identity: &SessionIdentity, context: &mut Context) {
    let id = format!("{}:{}", identity.pool.region, identity.identity);
    context.set(&format!("{OWN}:aud"), identity.pool.to_string());
    context.set(&format!("{OWN}:sub"), id);
    let amr = identity.amr.iter().map(String::as_str);
    context.set_all(&format!("{OWN}:amr"), amr);
}
