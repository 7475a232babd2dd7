//! Cognate's own settings of a pool, as one JSON document that is read and replaced as a whole.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Code, Error};
use crate::model::credentials_duration::{CredentialsDuration, LONGEST, SHORTEST};
use crate::model::json;
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
    pool.credentials = CredentialsDuration {
        seconds,
        within_login: document.credentials_within_login,
    };
    pool.reuse_open_id_tokens = document.reuse_open_id_tokens;
    Ok(())
}
