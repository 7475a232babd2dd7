//! Access keys as the operator gives them: an id and a secret, both in the file or both in the environment.

use super::mistakes::Complaint;
use super::said::{Origin, Said};
use super::settings::Setting;
use super::sources::Sources;
use super::{Secret, values};

/// An access key.
#[derive(Debug, Clone)]
pub struct AccessKey {
    /// 16 to 128 of `[A-Z0-9]`; not a secret.
    pub access_key_id: String,
    /// At least 16 visible ASCII characters.
    pub secret_access_key: Secret,
}

/// Under which names an access key is set.
#[derive(Clone, Copy)]
pub(super) struct Names {
    pub(super) id: Setting,
    pub(super) secret: Setting,
    pub(super) secret_file: Setting,
}

/// Reads an access key; `None` where there is none, or where a mistake was noted.
pub(super) fn read(sources: &mut Sources<'_>, names: Names) -> Option<AccessKey> {
    let id = sources.text(names.id, None, values::access_key_id);
    let (setting, secret) = secret(sources, names);
    match (id, secret) {
        (Said::This(access_key_id, one), Said::This(secret_access_key, other)) => {
            check_same_place(sources, (&one, names.id), (&other, setting));
            Some(AccessKey {
                access_key_id,
                secret_access_key,
            })
        }
        (Said::This(_, origin), Said::Nothing) => {
            sources.note_half(names.id, &origin, names.secret);
            None
        }
        (Said::Nothing, Said::This(_, origin)) => {
            sources.note_half(setting, &origin, names.id);
            None
        }
        _ => None,
    }
}

/// The secret half, and the setting that it comes from.
fn secret(sources: &mut Sources<'_>, names: Names) -> (Setting, Said<Secret>) {
    let inline = sources.text(names.secret, None, values::secret_access_key);
    let filed = sources.secret_file(names.secret_file, values::secret_access_key);
    if let (Some(one @ Origin::File(_)), Some(other)) = (inline.origin(), filed.origin()) {
        let complaint = Complaint::new(
            format!(
                "{} and {} are both set",
                names.secret.key, names.secret_file.key
            ),
            "keep one of them",
        );
        let origins = [Some(one), Some(other)];
        sources.mistakes.note_together(&origins, complaint);
    }
    if inline.is_nothing() {
        (names.secret_file, filed)
    } else {
        (names.secret, inline)
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
