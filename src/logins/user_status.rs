//! Whether a Cognito user pool still lets in a user whose ID token is good: ServerSideTokenCheck. Asked is AdminGetUser,
//! signed with an access key of the operator's; nothing of the answer is kept.
//! <https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_AdminGetUser.html>
//!
//! It tells who is gone and who is disabled. Who has signed out everywhere it doesn't tell, nor does any other call that
//! needs no access token.

use std::collections::HashMap;
use std::error::Error;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::error::LoginError;
use super::{UserPool, Verified};
use crate::model::json::{self, JsonError};
use crate::model::provider::user_pool;
use crate::outgoing::{Outgoing, OutgoingError};
use crate::sigv4::{self, CannotSign, SecretKey, Signer};

/// How many questions to one user pool may be under way.
const AT_ONCE: usize = 64;
/// How long a user's name may be, in characters.
const LONGEST_NAME: usize = 128;
/// The states in which a user can sign in.
const WELCOME: [&str; 2] = ["CONFIRMED", "EXTERNAL_PROVIDER"];

/// Why a user isn't let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoSuchUser {
    /// The user pool knows nobody of this name.
    #[error("the user was deleted")]
    Deleted,
    /// Somebody else has the name now.
    #[error("the name belongs to another user now")]
    Another,
    /// An administrator has disabled the user.
    #[error("the user is disabled")]
    Disabled,
    /// A state in which nobody can sign in: an administrator has reset the password, for one.
    #[error("the user is in a state in which nobody can sign in")]
    State,
}

/// Why it can't be told.
#[derive(Debug, thiserror::Error)]
pub enum NotTold {
    /// The configuration names no access key for user pools.
    #[error("there is no access key to ask with")]
    NoKey,
    /// The access key can't sign.
    #[error("the question can't be signed")]
    CannotSign(#[source] CannotSign),
    /// Too many questions are under way.
    #[error("{AT_ONCE} questions to this user pool are under way already")]
    TooMany,
    /// No answer.
    #[error("the user pool can't be reached")]
    Outgoing(#[source] OutgoingError),
    /// It refuses to tell: the access key may not ask, the user pool isn't there, it is asked too often.
    #[error("the user pool answers {status} {code}")]
    Refused {
        /// The answer's status.
        status: StatusCode,
        /// The error's name: letters only, 64 at most.
        code: String,
    },
    /// An answer that can't be read.
    #[error("the user pool's answer can't be read")]
    Unreadable(#[source] JsonError),
}

/// Asks user pools about their users.
#[derive(Debug)]
pub(super) struct UserStatus {
    outgoing: Arc<Outgoing>,
    key: Option<(String, SecretKey)>,
    /// By user pool; only those that identity pools name come here.
    under_way: Mutex<HashMap<String, Arc<Semaphore>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct User {
    enabled: bool,
    user_status: String,
    user_attributes: Vec<Attribute>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attribute {
    name: String,
    value: Option<String>,
}

impl UserStatus {
    pub(super) fn new(outgoing: Arc<Outgoing>) -> Self {
        Self {
            outgoing,
            key: None,
            under_way: Mutex::default(),
        }
    }

    pub(super) fn use_key(&mut self, id: String, secret: SecretKey) {
        self.key = Some((id, secret));
    }

    /// Refuses a login whose user `pool` doesn't let in any more.
    pub(super) async fn check(
        &self,
        pool: &UserPool,
        login: &Verified,
        now: Timestamp,
    ) -> Result<(), LoginError> {
        let name = login.claims.get("cognito:username").and_then(Value::as_str);
        let name = name
            .filter(|name| (1..=LONGEST_NAME).contains(&name.chars().count()))
            .ok_or(LoginError::MissingClaim("cognito:username"))?;
        let verdict = self.ask(&pool.name, name, &login.login.subject, now).await;
        let verdict = verdict.map_err(|source| {
            tracing::warn!(
                user_pool = pool.name,
                error = &source as &dyn Error,
                "a user pool can't be asked about a user"
            );
            LoginError::NotTold {
                provider: pool.name.clone(),
                source,
            }
        })?;
        verdict.map_err(LoginError::NoSuchUser)
    }

    async fn ask(
        &self,
        pool: &str,
        name: &str,
        subject: &str,
        now: Timestamp,
    ) -> Result<Result<(), NoSuchUser>, NotTold> {
        let place = self.place(pool).try_acquire_owned();
        let _place = place.map_err(|_| NotTold::TooMany)?;
        let (url, headers, body) = self.question(pool, name, now)?;
        let answer = self.outgoing.post(&url, headers, body).await;
        let answer = answer.map_err(NotTold::Outgoing)?;
        if answer.status != StatusCode::OK {
            let code = error_code(&answer.body);
            return if code == "UserNotFoundException" {
                Ok(Err(NoSuchUser::Deleted))
            } else {
                let status = answer.status;
                Err(NotTold::Refused { status, code })
            };
        }
        let user: User = json::read_as(&answer.body).map_err(NotTold::Unreadable)?;
        Ok(user.is_welcome_as(subject))
    }

    fn place(&self, pool: &str) -> Arc<Semaphore> {
        let mut all = self.under_way.lock().expect("no holder of the map panics");
        let places = all.entry(pool.to_owned());
        Arc::clone(places.or_insert_with(|| Arc::new(Semaphore::new(AT_ONCE))))
    }

    fn question(
        &self,
        pool: &str,
        name: &str,
        now: Timestamp,
    ) -> Result<(String, HeaderMap, Bytes), NotTold> {
        let (id, secret) = self.key.as_ref().ok_or(NotTold::NoKey)?;
        let (region, pool_id) = user_pool(pool).expect("a user pool's name was read before");
        let (host, _) = pool.split_once('/').unwrap_or((pool, ""));
        let body = json!({ "UserPoolId": pool_id, "Username": name }).to_string();
        let mut headers = HeaderMap::new();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/x-amz-json-1.1"),
        );
        headers.insert(
            "x-amz-target",
            HeaderValue::from_static("AWSCognitoIdentityProviderService.AdminGetUser"),
        );
        let request = sigv4::Request {
            method: "POST",
            path: "/",
            query: "",
            authority: Some(host),
            headers: &headers,
            body: body.as_bytes(),
        };
        let signer = Signer {
            access_key_id: id,
            secret,
            session_token: None,
            region: region.as_str(),
            service: "cognito-idp",
        };
        let added = sigv4::sign(&request, &signer, now).map_err(NotTold::CannotSign)?;
        headers.extend(added);
        Ok((format!("https://{host}/"), headers, Bytes::from(body)))
    }
}

impl User {
    fn is_welcome_as(&self, subject: &str) -> Result<(), NoSuchUser> {
        let mut subjects = self.user_attributes.iter().filter(|one| one.name == "sub");
        let same = subjects.next().and_then(|one| one.value.as_deref()) == Some(subject);
        if !same || subjects.next().is_some() {
            return Err(NoSuchUser::Another);
        }
        if !self.enabled {
            return Err(NoSuchUser::Disabled);
        }
        if !WELCOME.contains(&self.user_status.as_str()) {
            return Err(NoSuchUser::State);
        }
        Ok(())
    }
}

/// The name of the error that an answer tells, as far as it can be one.
fn error_code(body: &[u8]) -> String {
    let body = json::read(body).unwrap_or_default();
    let code = body.get("__type").and_then(Value::as_str);
    // Some services write `namespace#Name`.
    let code = code.map_or("", |code| code.rsplit('#').next().unwrap_or(code));
    code.chars()
        .filter(char::is_ascii_alphabetic)
        .take(64)
        .collect()
}
