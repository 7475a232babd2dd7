//! Cognate's own operations, which AWS doesn't have: one file an operation.

pub(super) mod apply_configuration;
pub(super) mod check_policies;
pub(super) mod create_access_key;
pub(super) mod delete_access_key;
pub(super) mod explain_login;
pub(super) mod explain_web_identity;
pub(super) mod export_configuration;
pub(super) mod get_credentials_duration;
pub(super) mod get_identity_handle;
pub(super) mod get_identity_status;
pub(super) mod get_pool_settings;
mod identity_status;
pub(super) mod list_access_keys;
pub(super) mod list_identity_statuses;
pub(super) mod list_keys;
pub(super) mod pool_settings;
pub(super) mod restore_identity;
pub(super) mod revoke_identity;
pub(super) mod rotate_keys;
pub(super) mod rotate_master_key;
pub(super) mod rotate_root_key;
pub(super) mod set_credentials_duration;
pub(super) mod set_pool_settings;
pub(super) mod simulate_policy;
pub(super) mod update_access_key;

use serde::{Deserialize, Serialize};

use super::answer::EpochSeconds;
use crate::app::keys::rings::Ring;
use crate::model::credentials_duration::CredentialsDuration;
use crate::model::key_ring::KeyRing;

/// The purpose of a key ring.
#[derive(Clone, Copy, Deserialize)]
enum RingPurpose {
    Signing,
    Sealing,
}

impl From<RingPurpose> for Ring {
    fn from(purpose: RingPurpose) -> Self {
        match purpose {
            RingPurpose::Signing => Self::Signing,
            RingPurpose::Sealing => Self::Sealing,
        }
    }
}

/// The description of a key, without its secret.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct KeyOutput {
    key_id: String,
    state: &'static str,
    made: EpochSeconds,
    #[serde(skip_serializing_if = "Option::is_none")]
    ready_from: Option<EpochSeconds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    believed_until: Option<EpochSeconds>,
}

/// The keys of a ring: the current key, the next key, then the retired keys, which only verify.
fn shown(ring: &KeyRing) -> Vec<KeyOutput> {
    let key = |key: &crate::model::key_ring::RingKey, state| KeyOutput {
        key_id: key.id.clone(),
        state,
        made: EpochSeconds(key.made),
        ready_from: None,
        believed_until: None,
    };
    let mut keys = vec![
        key(&ring.current, "current"),
        KeyOutput {
            ready_from: Some(EpochSeconds(ring.next_ready)),
            ..key(&ring.next, "next")
        },
    ];
    keys.extend(ring.retired.iter().map(|retired| KeyOutput {
        believed_until: Some(EpochSeconds(retired.until)),
        ..key(&retired.key, "retired")
    }));
    keys
}

/// How long credentials of a pool's identities last.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CredentialsDurationOutput {
    duration_seconds: i64,
    within_login: bool,
}

impl From<CredentialsDuration> for CredentialsDurationOutput {
    fn from(set: CredentialsDuration) -> Self {
        Self {
            duration_seconds: set.seconds,
            within_login: set.within_login,
        }
    }
}
