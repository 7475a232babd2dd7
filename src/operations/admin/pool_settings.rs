//! Cognate's own settings of a pool, as one JSON document that is read and replaced as a whole.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Code, Error};
use crate::model::credentials_duration::{CredentialsDuration, LONGEST, SHORTEST};
use crate::model::json;
use crate::model::login_client::LoginClient;
use crate::model::pool::Pool;

/// The document. A member that isn't here is refused, so that no setting is lost.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct PoolSettingsDocument {
    /// How long credentials of the enhanced flow last, in seconds: 900 to 43,200.
    credentials_duration_seconds: i64,
    /// Whether they end with the first of the logins that they were issued for.
    credentials_within_login: bool,
    /// Whether GetOpenIdToken gives a token again while it states the same and has more than half of its life left.
    reuse_open_id_tokens: bool,
    /// The public client of `cognate login`, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    login_client: Option<LoginClientDocument>,
}

/// A public client at a provider.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct LoginClientDocument {
    /// The provider's issuer.
    issuer: String,
    /// The id of the client.
    client_id: String,
    /// The scopes that it asks for.
    scopes: Vec<String>,
}

/// The settings and the version of the pool that has them.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PoolSettingsOutput {
    settings: String,
    version: u64,
}

impl PoolSettingsOutput {
    pub(super) fn of(pool: &Pool) -> Self {
        Self {
            settings: document(pool).to_string(),
            version: pool.version,
        }
    }
}

/// The document with the settings of a pool.
pub(in crate::operations) fn document(pool: &Pool) -> Value {
    let document = PoolSettingsDocument {
        credentials_duration_seconds: pool.credentials.seconds,
        credentials_within_login: pool.credentials.within_login,
        reuse_open_id_tokens: pool.reuse_open_id_tokens,
        login_client: pool
            .login_client
            .as_ref()
            .map(|client| LoginClientDocument {
                issuer: client.issuer.clone(),
                client_id: client.client_id.clone(),
                scopes: client.scopes.clone(),
            }),
    };
    serde_json::to_value(&document).expect("settings can be written as JSON")
}

/// Replaces the settings of `pool` with those of a document.
pub(super) fn replace(pool: &mut Pool, document: &str) -> Result<(), Error> {
    let invalid = |text: String| Code::InvalidParameter.because(text);
    let document: PoolSettingsDocument = json::read_as(document.as_bytes())
        .map_err(|error| invalid(format!("Settings is not a document of settings: {error}.")))?;
    let seconds = document.credentials_duration_seconds;
    if !(SHORTEST..=LONGEST).contains(&seconds) {
        return Err(invalid(format!(
            "CredentialsDurationSeconds is {seconds}: it must be {SHORTEST} to {LONGEST}."
        )));
    }
    let login_client = document.login_client.map(|client| LoginClient {
        issuer: client.issuer,
        client_id: client.client_id,
        scopes: client.scopes,
    });
    if let Some(mistake) = login_client.as_ref().and_then(LoginClient::mistake) {
        return Err(invalid(format!("LoginClient is not valid: {mistake}.")));
    }
    pool.login_client = login_client;
    pool.credentials = CredentialsDuration {
        seconds,
        within_login: document.credentials_within_login,
    };
    pool.reuse_open_id_tokens = document.reuse_open_id_tokens;
    Ok(())
}
