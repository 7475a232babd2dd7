//! Cognate's own operations, which AWS doesn't have: one file an operation.

pub(super) mod create_access_key;
pub(super) mod delete_access_key;
pub(super) mod explain_login;
pub(super) mod get_credentials_duration;
pub(super) mod list_access_keys;
pub(super) mod list_keys;
pub(super) mod restore_identity;
pub(super) mod revoke_identity;
pub(super) mod rotate_keys;
pub(super) mod rotate_root_key;
pub(super) mod set_credentials_duration;
pub(super) mod simulate_policy;
pub(super) mod update_access_key;

use serde::{Deserialize, Serialize};

use super::answer::Seconds;
use crate::app::keys::rings::Ring;
use crate::model::credentials_duration::CredentialsDuration;
use crate::model::key_ring::KeyRing;

/// What keys are for.
#[derive(Clone, Copy, Deserialize)]
enum Purpose {
    Signing,
    Sealing,
}

impl From<Purpose> for Ring {
    fn from(purpose: Purpose) -> Self {
        match purpose {
            Purpose::Signing => Self::Signing,
            Purpose::Sealing => Self::Sealing,
        }
    }
}

/// A key, as it is shown: nothing of its secret.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Key {
    key_id: String,
    state: &'static str,
    made: Seconds,
    #[serde(skip_serializing_if = "Option::is_none")]
    ready_from: Option<Seconds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    believed_until: Option<Seconds>,
}

/// The keys of a ring: the current one, the next one, then those that are only believed.
fn shown(ring: &KeyRing) -> Vec<Key> {
    let key = |key: &crate::model::key_ring::RingKey, state| Key {
        key_id: key.id.clone(),
        state,
        made: Seconds(key.made),
        ready_from: None,
        believed_until: None,
    };
    let mut keys = vec![
        key(&ring.current, "current"),
        Key {
            ready_from: Some(Seconds(ring.next_ready)),
            ..key(&ring.next, "next")
        },
    ];
    keys.extend(ring.retired.iter().map(|retired| Key {
        believed_until: Some(Seconds(retired.until)),
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
