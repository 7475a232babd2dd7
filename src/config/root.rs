//! The root key as the operator gives it. Making one where none is given is for whoever starts the server.

use super::mistakes::Complaint;
use super::said::{Origin, Said};
use super::settings::{ROOT_ACCESS_KEY_ID, ROOT_ENABLED, ROOT_SECRET, ROOT_SECRET_FILE, Setting};
use super::sources::Sources;
use super::{Secret, values};

/// What signs the first requests.
#[derive(Debug, Clone)]
pub enum Root {
    /// There is no root key: requests that it signed are refused.
    Disabled,
    /// This one.
    Given(RootKey),
    /// The one in the data directory, made at the first start.
    Kept,
}

/// The root key.
#[derive(Debug, Clone)]
pub struct RootKey {
    /// 16 to 128 of `[A-Z0-9]`; not a secret.
    pub access_key_id: String,
    /// At least 16 visible ASCII characters.
    pub secret_access_key: Secret,
}

/// Reads the root key.
pub(super) fn read(sources: &mut Sources<'_>) -> Root {
    let enabled = sources.switch(ROOT_ENABLED, false).or(true);
    match (enabled, key(sources)) {
        (true, Some(key)) => Root::Given(key),
        (true, None) => Root::Kept,
        (false, None) => Root::Disabled,
        (false, Some(_)) => {
            let warning = format!("{}: the root key that is set is not used", ROOT_ENABLED.key);
            sources.warnings.push(warning);
            Root::Disabled
        }
    }
}

fn key(sources: &mut Sources<'_>) -> Option<RootKey> {
    let id = sources.text(ROOT_ACCESS_KEY_ID, None, values::access_key_id);
    let (setting, secret) = secret(sources);
    match (id, secret) {
        (Said::This(access_key_id, one), Said::This(secret_access_key, other)) => {
            check_same_place(sources, (&one, ROOT_ACCESS_KEY_ID), (&other, setting));
            Some(RootKey {
                access_key_id,
                secret_access_key,
            })
        }
        (Said::This(_, origin), Said::Nothing) => {
            sources.note_half(ROOT_ACCESS_KEY_ID, &origin, ROOT_SECRET);
            None
        }
        (Said::Nothing, Said::This(_, origin)) => {
            sources.note_half(setting, &origin, ROOT_ACCESS_KEY_ID);
            None
        }
        _ => None,
    }
}

/// The secret half, and the setting that it comes from.
fn secret(sources: &mut Sources<'_>) -> (Setting, Said<Secret>) {
    let inline = sources.text(ROOT_SECRET, None, values::secret_access_key);
    let named = sources.secret_file(ROOT_SECRET_FILE, values::secret_access_key);
    if let (Some(one @ Origin::File(_)), Some(other)) = (inline.origin(), named.origin()) {
        let complaint = Complaint::new(
            format!(
                "{} and {} are both set",
                ROOT_SECRET.key, ROOT_SECRET_FILE.key
            ),
            "keep one of them",
        );
        let origins = [Some(one), Some(other)];
        sources.mistakes.note_together(&origins, complaint);
    }
    if inline.is_nothing() {
        (ROOT_SECRET_FILE, named)
    } else {
        (ROOT_SECRET, inline)
    }
}

/// Notes it when the halves come from the file and from the environment: they would be halves of different keys.
fn check_same_place(sources: &mut Sources<'_>, id: (&Origin, Setting), secret: (&Origin, Setting)) {
    let in_file = |origin: &Origin| matches!(origin, Origin::File(_));
    if in_file(id.0) == in_file(secret.0) {
        return;
    }
    let what = format!(
        "{} and {} are set in different places",
        id.0.name(id.1),
        secret.0.name(secret.1)
    );
    let help =
        "set both in the environment or both in the file, so that they are halves of one key";
    let origins = [Some(id.0), Some(secret.0)];
    let complaint = Complaint::new(what, help);
    sources.mistakes.note_together(&origins, complaint);
}
