//! ServerSideTokenCheck: whether the user of a verified ID token may still sign in at the Cognito user pool. The check
//! calls AdminGetUser, signed with an access key of the operator, and doesn't cache the answer.
//! <https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_AdminGetUser.html>
//!
//! AdminGetUser shows that a user is deleted or disabled. It doesn't show that a user has signed out everywhere; no call
//! without an access token does.

use std::collections::HashMap;
use std::error::Error;
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::UserPool;
use crate::logins::VerifiedLogin;
use crate::logins::error::LoginError;
use crate::model::json::{self, JsonError};
use crate::model::provider::user_pool;
use crate::outgoing::{Outgoing, OutgoingError};
use crate::sigv4::{self, CannotSign, SecretKey, Signer};

/// The number of concurrent requests to one user pool.
const CONCURRENT: usize = 64;
/// The longest user name, in characters.
const LONGEST_NAME: usize = 128;
/// The states in which a user can sign in.
const ACTIVE: [&str; 2] = ["CONFIRMED", "EXTERNAL_PROVIDER"];

/// Why a user may not sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UserRejected {
    /// The user pool has no user with this name.
    #[error("the user was deleted")]
    Deleted,
    /// The name belongs to a user with another `sub` now.
    #[error("the name belongs to another user now")]
    Another,
    /// An administrator has disabled the user.
    #[error("the user is disabled")]
    Disabled,
    /// The user is in a state without sign-in, for example because an administrator has reset the password.
    #[error("the user's state doesn't allow sign-in")]
    State,
}

/// Why a user pool can't be asked about a user.
#[derive(Debug, thiserror::Error)]
pub enum UserStatusError {
    /// The configuration names no access key for user pools.
    #[error("no access key for user pools is configured")]
    NoKey,
    /// The request can't be signed with the access key.
    #[error("the request can't be signed")]
    CannotSign(#[source] CannotSign),
    /// Too many requests to the user pool are in flight.
    #[error("{CONCURRENT} requests to this user pool are in flight already")]
    TooMany,
    /// The user pool doesn't answer.
    #[error("the user pool can't be reached")]
    Outgoing(#[source] OutgoingError),
    /// The user pool refuses the request: the access key lacks the permission, the user pool doesn't exist, or there are
    /// too many requests.
    #[error("the user pool answers {status} {code}")]
    Refused {
        /// The answer's status.
        status: StatusCode,
        /// The error's name: letters only, 64 at most.
        code: String,
    },
    /// The answer can't be read.
    #[error("the user pool's answer can't be read")]
    Unreadable(#[source] JsonError),
}

/// Asks user pools about their users, a bounded number of requests at once.
#[derive(Debug)]
pub(in crate::logins) struct UserStatus {
    outgoing: Arc<Outgoing>,
    key: ArcSwapOption<(String, SecretKey)>,
    /// Permits by user pool; only user pools that identity pools name are asked.
    in_flight: Mutex<HashMap<String, Arc<Semaphore>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AdminGetUserAnswer {
    enabled: bool,
    user_status: String,
    user_attributes: Vec<UserAttribute>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UserAttribute {
    name: String,
    value: Option<String>,
}

impl UserStatus {
    pub(in crate::logins) fn new(outgoing: Arc<Outgoing>) -> Self {
        Self {
            outgoing,
            key: ArcSwapOption::empty(),
            in_flight: Mutex::default(),
        }
    }

    pub(in crate::logins) fn use_key(&self, id: String, secret: SecretKey) {
        self.key.store(Some(Arc::new((id, secret))));
    }

    /// Refuses the login of a user who may no longer sign in at `pool`.
    pub(super) async fn check(
        &self,
        pool: &UserPool,
        login: &VerifiedLogin,
        now: Timestamp,
    ) -> Result<(), LoginError> {
        let name = login.claims.get("cognito:username").and_then(Value::as_str);
        let name = name
            .filter(|name| (1..=LONGEST_NAME).contains(&name.chars().count()))
            .ok_or(LoginError::MissingClaim("cognito:username"))?;
        let answer = self.ask(&pool.name, name, &login.login.subject, now).await;
        let answer = answer.map_err(|source| {
            tracing::warn!(
                user_pool = pool.name,
                error = &source as &dyn Error,
                "a user pool can't be asked about a user"
            );
            LoginError::UserStatusUnknown {
                provider: pool.name.clone(),
                source,
            }
        })?;
        answer.map_err(LoginError::UserRejected)
    }

    async fn ask(
        &self,
        pool: &str,
        name: &str,
        subject: &str,
        now: Timestamp,
    ) -> Result<Result<(), UserRejected>, UserStatusError> {
        let permit = self.permits(pool).try_acquire_owned();
        let _permit = permit.map_err(|_| UserStatusError::TooMany)?;
        let (url, headers, body) = self.request(pool, name, now)?;
        let answer = self.outgoing.post(&url, headers, body).await;
        let answer = answer.map_err(UserStatusError::Outgoing)?;
        if answer.status != StatusCode::OK {
            let code = error_code(&answer.body);
            return if code == "UserNotFoundException" {
                Ok(Err(UserRejected::Deleted))
            } else {
                let status = answer.status;
                Err(UserStatusError::Refused { status, code })
            };
        }
        let user: AdminGetUserAnswer =
            json::read_as(&answer.body).map_err(UserStatusError::Unreadable)?;
        Ok(user.may_sign_in_as(subject))
    }

    fn permits(&self, pool: &str) -> Arc<Semaphore> {
        let mut all = self.in_flight.lock().expect("no holder of the map panics");
        let permits = all.entry(pool.to_owned());
        Arc::clone(permits.or_insert_with(|| Arc::new(Semaphore::new(CONCURRENT))))
    }

    fn request(
        &self,
        pool: &str,
        name: &str,
        now: Timestamp,
    ) -> Result<(String, HeaderMap, Bytes), UserStatusError> {
        let key = self.key.load_full().ok_or(UserStatusError::NoKey)?;
        let (id, secret) = key.as_ref();
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
        let added = sigv4::sign(&request, &signer, now).map_err(UserStatusError::CannotSign)?;
        headers.extend(added);
        Ok((format!("https://{host}/"), headers, Bytes::from(body)))
    }
}

impl AdminGetUserAnswer {
    fn may_sign_in_as(&self, subject: &str) -> Result<(), UserRejected> {
        let mut subjects = self.user_attributes.iter().filter(|one| one.name == "sub");
        let same = subjects.next().and_then(|one| one.value.as_deref()) == Some(subject);
        if !same || subjects.next().is_some() {
            return Err(UserRejected::Another);
        }
        if !self.enabled {
            return Err(UserRejected::Disabled);
        }
        if !ACTIVE.contains(&self.user_status.as_str()) {
            return Err(UserRejected::State);
        }
        Ok(())
    }
}

/// The name of the error in an answer: letters only, 64 at most.
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
