//! Who signed a call.

use std::sync::Arc;

use jiff::Timestamp;
use zeroize::Zeroizing;

use super::access_keys::AccessKey;
use super::{App, Call};
use crate::credentials::Session;
use crate::model::identity::State;
use crate::model::ids::{AccountId, RoleArn};
use crate::store::StoreError;

/// Who signed a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// The owner of the root access key, who may do everything.
    Root,
    /// The owner of another access key.
    AccessKey(Arc<AccessKey>),
    /// A session of the built-in STS.
    Session(Box<Session>),
}

/// Why there is nobody behind an access key id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoCaller {
    /// Nobody has it, or not with this session token.
    Unknown,
    /// The session is over.
    Expired,
}

impl App {
    /// Who has this access key id with this session token, and the secret key that their signature is to be made with.
    pub fn caller(
        &self,
        access_key_id: &str,
        session_token: Option<&str>,
        now: Timestamp,
    ) -> Result<(Caller, Zeroizing<String>), NoCaller> {
        let Some(token) = session_token else {
            let root = self.root_key.load_full();
            if let Some(root) = root.filter(|root| root.id == access_key_id) {
                return Ok((Caller::Root, root.secret.clone()));
            }
            let key = self.access_keys.load().get(access_key_id).cloned();
            let key = key.ok_or(NoCaller::Unknown)?;
            let secret = key.secret().clone();
            return Ok((Caller::AccessKey(key), secret));
        };
        let opened = self.credentials.open(access_key_id, token);
        let (session, secret) = opened.ok_or(NoCaller::Unknown)?;
        if now >= session.expires {
            return Err(NoCaller::Expired);
        }
        Ok((Caller::Session(Box::new(session)), secret))
    }
}

impl Call<'_> {
    /// Whether a session's identity still is what it was when the session began. A session outlives neither its
    /// identity nor its pool, nor the epoch that the identity was in; one that is no identity's lives to its end.
    pub async fn session_is_live(&self, session: &Session) -> Result<bool, StoreError> {
        let Some(whose) = &session.identity else {
            return Ok(true);
        };
        let found = self.app.store.identity(whose.identity).await?;
        Ok(found.is_some_and(|(identity, pool)| {
            pool.id == whose.pool && identity.state == State::Live && identity.epoch == whose.epoch
        }))
    }
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

/// The unique id of a role: its own where the built-in IAM knows it, otherwise one that its ARN alone decides.
pub fn session_role_id(role: &RoleArn, known: Option<&str>) -> String {
    known.map_or_else(|| unique_id("AROA", role.as_str()), str::to_owned)
}

/// `prefix` and 17 letters that `text` alone decides.
fn unique_id(prefix: &str, text: &str) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    let bytes = hash.as_ref().iter().take(17);
    let letters = bytes.map(|byte| char::from(ALPHABET[usize::from(byte % 32)]));
    prefix.chars().chain(letters).collect()
}
