//! The signer of a request: its credentials, its ARN and its unique id.

use std::sync::Arc;

use jiff::Timestamp;
use zeroize::Zeroizing;

use crate::app::keys::access_keys::{self, AccessKey};
use crate::app::providers::{oidc, saml};
use crate::app::sign_in::origin::{self, Issued};
use crate::app::{App, Call, identities, records};
use crate::credentials::{Session, SessionIdentity, SessionOrigin};
use crate::model::identity::Login;
use crate::model::ids::{AccountId, RoleArn};
use crate::store::StoreError;

/// The signer of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// The owner of the root access key with this id, who may do everything.
    Root(String),
    /// The owner of another access key.
    AccessKey(Arc<AccessKey>),
    /// A session of the built-in STS.
    Session(Box<Session>),
}

/// Why an access key id names no caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallerError {
    /// No caller has this access key id, or not with this session token.
    UnknownKey,
    /// The session has expired, or was issued by an earlier version, which recorded no origin.
    SessionExpired,
}

/// Finds the caller with this access key id and session token, and the secret key of their signature.
pub fn find(
    app: &App,
    access_key_id: &str,
    session_token: Option<&str>,
    now: Timestamp,
) -> Result<(Caller, Zeroizing<String>), CallerError> {
    let Some(token) = session_token else {
        if let Some(root) = app.records.keys.root_key(access_key_id) {
            return Ok((Caller::Root(root.id.clone()), root.secret.clone()));
        }
        let key = access_keys::enabled(app).get(access_key_id).cloned();
        let key = key.ok_or(CallerError::UnknownKey)?;
        let secret = key.secret().clone();
        return Ok((Caller::AccessKey(key), secret));
    };
    let Some((session, secret)) = app.credentials.open(access_key_id, token) else {
        let is_earlier = app.credentials.is_of_earlier_version(access_key_id, token);
        return Err(if is_earlier {
            CallerError::SessionExpired
        } else {
            CallerError::UnknownKey
        });
    };
    let bound = session.not_after.unwrap_or(session.expires);
    if now >= session.expires.min(bound) {
        return Err(CallerError::SessionExpired);
    }
    Ok((Caller::Session(Box::new(session)), secret))
}

/// Whether the origin of a session is still valid: the store has the same generation, and what the session came from is
/// still there and accepted. A login that is revoked in a pool ends the sessions that came from its tokens, too.
pub async fn origin_is_valid(call: &Call<'_>, session: &Session) -> Result<bool, StoreError> {
    if session.generation != records::generation(call.app)? {
        return Ok(false);
    }
    match &session.origin {
        SessionOrigin::Identity(began) => identity_is_valid(call, began).await,
        SessionOrigin::WebIdentity {
            provider,
            registration,
            client,
            subject,
        } => {
            let registered = oidc::record(call, provider)?;
            let accepts = registered
                .is_some_and(|now| now.uuid == *registration && now.client_ids.contains(client));
            let login = Login::public(provider, subject);
            Ok(accepts && !identities::is_revoked(call, &login).await?)
        }
        SessionOrigin::PublicProvider { provider, subject } => {
            let login = Login::public(provider, subject);
            Ok(!identities::is_revoked(call, &login).await?)
        }
        SessionOrigin::Saml {
            provider,
            registration,
            subject,
        } => {
            let registered = saml::record(call, provider)?;
            let is_same = registered.is_some_and(|now| now.uuid == *registration);
            let login = Login::public(provider.as_str(), subject);
            Ok(is_same && !identities::is_revoked(call, &login).await?)
        }
        SessionOrigin::AccessKey(user_id) => {
            let enabled = access_keys::enabled(call.app);
            Ok(enabled.values().any(|key| key.user_id == *user_id))
        }
        SessionOrigin::RootKey(id) => Ok(call.app.records.keys.root_key(id).is_some()),
    }
}

async fn identity_is_valid(call: &Call<'_>, began: &SessionIdentity) -> Result<bool, StoreError> {
    let found = identities::record(call, began.identity).await?;
    let Some((identity, pool)) = found.filter(|(_, pool)| pool.id == began.pool) else {
        return Ok(false);
    };
    let issued = Issued {
        incarnation: began.incarnation,
        epoch: began.epoch,
        is_authenticated: began.is_authenticated(),
        logins: &began.logins,
    };
    origin::is_valid(call, &pool, &identity, issued)
}

impl Caller {
    /// The origin of a session that the caller gets for another role: a session passes on its own.
    pub fn origin(&self) -> SessionOrigin {
        match self {
            Self::Root(id) => SessionOrigin::RootKey(id.clone()),
            Self::AccessKey(key) => SessionOrigin::AccessKey(key.user_id.clone()),
            Self::Session(session) => session.origin.clone(),
        }
    }

    /// The caller's ARN in `account`.
    pub fn arn(&self, account: &AccountId) -> String {
        match self {
            Self::Root(_) => format!("arn:aws:iam::{account}:root"),
            Self::AccessKey(key) => format!("arn:aws:iam::{account}:user/{}", key.name),
            Self::Session(session) => assumed_role_arn(&session.role, &session.name),
        }
    }

    /// The caller's unique id.
    pub fn user_id(&self, account: &AccountId) -> String {
        match self {
            Self::Root(_) => account.to_string(),
            Self::AccessKey(key) => key.user_id.clone(),
            Self::Session(session) => {
                let role = session_role_id(&session.role, session.role_id.as_deref());
                format!("{role}:{}", session.name)
            }
        }
    }
}

/// The ARN of a session of `role`.
pub fn assumed_role_arn(role: &RoleArn, session_name: &str) -> String {
    format!(
        "arn:aws:sts::{}:assumed-role/{}/{session_name}",
        role.account(),
        role.name()
    )
}

/// The unique id of a role: its own if the built-in IAM has it, otherwise an id derived from its ARN.
pub fn session_role_id(role: &RoleArn, known: Option<&str>) -> String {
    known.map_or_else(|| unique_id("AROA", role.as_str()), str::to_owned)
}

/// `prefix` and 17 letters derived from `text` alone.
fn unique_id(prefix: &str, text: &str) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    let bytes = hash.as_ref().iter().take(17);
    let letters = bytes.map(|byte| char::from(ALPHABET[usize::from(byte % 32)]));
    prefix.chars().chain(letters).collect()
}
