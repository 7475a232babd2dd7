//! An access key that the operator sets: an id and a secret, both in the file or both in the environment. The sections
//! of the root key and of user pools share it.

use super::Secret;
use super::source::Sources;
use super::source::diagnostics::{Parsed, ValueError};
use super::source::setting::Setting;
use super::source::value::{SettingValue, ValueOrigin};

/// An access key's id and secret.
#[derive(Debug, Clone)]
pub struct AccessKeyPair {
    /// 16 to 128 of `[A-Z0-9]`; not a secret.
    pub access_key_id: String,
    /// At least 16 visible ASCII characters.
    pub secret_access_key: Secret,
}

/// The settings of an access key.
#[derive(Clone, Copy)]
pub(super) struct AccessKeyPairSettings {
    pub(super) id: Setting,
    pub(super) secret: Setting,
    pub(super) secret_file: Setting,
}

/// Reads an access key; `None` if none is set, or if it has a mistake.
pub(super) fn read(
    sources: &mut Sources<'_>,
    settings: AccessKeyPairSettings,
) -> Option<AccessKeyPair> {
    let id = sources.string(settings.id, None, parse_id);
    let (setting, secret) = read_secret(sources, settings);
    match (id, secret) {
        (
            SettingValue::Set(access_key_id, id_origin),
            SettingValue::Set(secret_access_key, secret_origin),
        ) => {
            let halves = [(settings.id, &id_origin), (setting, &secret_origin)];
            check_same_source(sources, halves);
            Some(AccessKeyPair {
                access_key_id,
                secret_access_key,
            })
        }
        (SettingValue::Set(_, origin), SettingValue::Unset) => {
            sources.require_other(settings.id, &origin, settings.secret);
            None
        }
        (SettingValue::Unset, SettingValue::Set(_, origin)) => {
            sources.require_other(setting, &origin, settings.id);
            None
        }
        _ => None,
    }
}

/// The secret, and the setting that holds it: the inline one or the one that names a file.
fn read_secret(
    sources: &mut Sources<'_>,
    settings: AccessKeyPairSettings,
) -> (Setting, SettingValue<Secret>) {
    let inline = sources.string(settings.secret, None, parse_secret);
    let named = sources.secret_file(settings.secret_file, parse_secret);
    let named_wins = match (inline.origin(), named.origin()) {
        (Some(one), Some(other)) => {
            if one.precedence() == other.precedence() {
                let what = format!(
                    "{} and {} are both set",
                    one.name(settings.secret),
                    other.name(settings.secret_file)
                );
                let error = ValueError::new(what, "keep one of them");
                let origins = [Some(one), Some(other)];
                sources.diagnostics.add_cross_check(&origins, error);
            }
            other.precedence() > one.precedence()
        }
        _ => inline.is_unset(),
    };
    if named_wins {
        (settings.secret_file, named)
    } else {
        (settings.secret, inline)
    }
}

/// Refuses halves of which one comes from the file and one from the environment: they would be halves of different keys.
fn check_same_source(sources: &mut Sources<'_>, halves: [(Setting, &ValueOrigin); 2]) {
    let [(id, id_origin), (secret, secret_origin)] = halves;
    if id_origin.precedence() == secret_origin.precedence() {
        return;
    }
    let what = format!(
        "{} and {} are set in different sources",
        id_origin.name(id),
        secret_origin.name(secret)
    );
    let help =
        "set both in the environment or both in the file, so that they are halves of one key";
    let origins = [Some(id_origin), Some(secret_origin)];
    let error = ValueError::new(what, help);
    sources.diagnostics.add_cross_check(&origins, error);
}

/// Parses an access key id. A wrong value isn't quoted, because operators may swap the two halves.
fn parse_id(text: &str) -> Parsed<String> {
    let valid = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
    if (16..=128).contains(&text.len()) && text.bytes().all(valid) {
        return Ok(text.to_owned());
    }
    let help = "write 16 to 128 characters of A-Z and 0-9";
    Err(ValueError::new("this is not an access key id", help))
}

fn parse_secret(text: &str) -> Parsed<Secret> {
    if text.len() >= 16 && text.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(Secret::new(text));
    }
    let help = "write at least 16 visible ASCII characters, without spaces";
    Err(ValueError::new("this is not a secret access key", help))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_access_key_has_an_id_and_a_secret() {
        for good in ["AKIAIOSFODNN7EXAMPLE", "A234567890123456", &"A".repeat(128)] {
            assert!(parse_id(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "A23456789012345",
            "akiaiosfodnn7example",
            "AKIA-OSFODNN7EXAMPLE",
            &"A".repeat(129),
        ] {
            let error = parse_id(bad).unwrap_err();
            assert!(bad.is_empty() || !format!("{error:?}").contains(bad));
        }
        assert!(parse_secret("0123456789abcdef").is_ok());
        for bad in [
            "",
            "0123456789abcde",
            "0123456789 abcdef",
            "0123456789abcdef\n",
            "0123456789abcdé",
        ] {
            let error = parse_secret(bad).unwrap_err();
            assert!(bad.is_empty() || !format!("{error:?}").contains(bad));
        }
    }
}
