//! The signer of a request: its credentials, its ARN and its unique id.

use std::sync::Arc;

use jiff::Timestamp;
use zeroize::Zeroizing;

use crate::app::keys::access_keys::{self, AccessKey};
use crate::app::{App, Call, identities};
use crate::credentials::Session;
use crate::model::identity::State;
use crate::model::ids::{AccountId, RoleArn};
use crate::store::StoreError;

/// The signer of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// The owner of the root access key, who may do everything.
    Root,
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
    /// The session has expired.
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
            return Ok((Caller::Root, root.secret.clone()));
        }
        let key = access_keys::enabled(app).get(access_key_id).cloned();
        let key = key.ok_or(CallerError::UnknownKey)?;
        let secret = key.secret().clone();
        return Ok((Caller::AccessKey(key), secret));
    };
    let opened = app.credentials.open(access_key_id, token);
    let (session, secret) = opened.ok_or(CallerError::UnknownKey)?;
    if now >= session.expires {
        return Err(CallerError::SessionExpired);
    }
    Ok((Caller::Session(Box::new(session)), secret))
}

/// Whether a session is still valid: its identity and pool exist, and the identity is in the same epoch as when the
/// session began. A session without an identity is valid until it expires.
pub async fn session_is_live(call: &Call<'_>, session: &Session) -> Result<bool, StoreError> {
    let Some(began) = &session.identity else {
        return Ok(true);
    };
    let found = identities::record(call, began.identity).await?;
    Ok(found.is_some_and(|(identity, pool)| {
        pool.id == began.pool && identity.state == State::Live && identity.epoch == began.epoch
    }))
}

impl Caller {
    /// The caller's ARN in `account`.
    pub fn arn(&self, account: &AccountId) -> String {
        match self {
            Self::Root => format!("arn:aws:iam::{account}:root"),
            Self::AccessKey(key) => format!("arn:aws:iam::{account}:user/{}", key.name),
            Self::Session(session) => assumed_role_arn(&session.role, &session.name),
        }
    }

    /// The caller's unique id.
    pub fn user_id(&self, account: &AccountId) -> String {
        match self {
            Self::Root => account.to_string(),
            Self::AccessKey(key) => unique_id("AIDA", &key.name),
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
