//! What a reload may replace, and that every change is noticed.

use std::collections::BTreeSet;

use super::settings::{inputs, sample};
use super::*;
use crate::config::{Reloading, VariableKind, settings};

/// The text of a file that sets these keys.
fn text_of(keys: &[&str]) -> String {
    let keys = keys.iter();
    let lines: Vec<_> = keys
        .map(|key| format!("{key} = {}\n", sample(key).toml))
        .collect();
    lines.concat()
}

fn differing(one: &Inputs, other: &Inputs) -> Vec<&'static str> {
    let (one, other) = (one.load().unwrap(), other.load().unwrap());
    one.differing(&other).map(|setting| setting.key).collect()
}

#[test]
fn nothing_that_weakens_security_is_reloaded() {
    let reloaded: BTreeSet<_> = settings()
        .filter(|setting| setting.reloading == Reloading::Reloaded)
        .map(|setting| setting.key)
        .collect();
    for setting in settings().filter(|one| one.variable_kind == VariableKind::WeakensSecurity) {
        assert_eq!(setting.reloading, Reloading::Restart, "{}", setting.key);
    }
    assert_eq!(
        reloaded,
        BTreeSet::from([
            "client_address_header",
            "credentials.route",
            "log.filter",
            "log.format",
            "root.access_key_id",
            "root.secret_access_key",
            "root.secret_access_key_file",
            "tls.certificate_file",
            "tls.key_file",
            "trusted_proxies",
            "user_pools.access_key_id",
            "user_pools.secret_access_key",
            "user_pools.secret_access_key_file",
        ])
    );
}

#[test]
fn a_change_of_any_setting_is_noticed_by_its_key() {
    for setting in settings() {
        let with = sample(setting.key).with;
        let before = inputs(text_of(&with));
        // A setting may require another, so that it can't be there alone.
        let Ok(_) = before.load() else { continue };
        let after = inputs(text_of(&[&[setting.key][..], &with].concat()));
        assert_eq!(differing(&before, &after), [setting.key]);
        assert_eq!(differing(&after, &before), [setting.key]);
        assert!(differing(&after, &after).is_empty());
    }
}

#[test]
fn comments_and_spaces_are_no_changes() {
    let one = inputs("trusted_proxies=['10.0.0.0/8']\n[limits]\npools_per_region=5".to_owned());
    let other =
        "# why\nlimits.pools_per_region = 5\ntrusted_proxies = [\n  '10.0.0.0/8', # one\n]\n";
    assert!(differing(&one, &inputs(other.to_owned())).is_empty());
}

#[test]
fn changed_contents_of_a_file_are_noticed_unless_it_is_read_again_anyway() {
    for (key, path, noticed) in [
        ("root.secret_access_key_file", "secret", true),
        ("user_pools.secret_access_key_file", "secret", true),
        ("logins.extra_ca_file", "cert.pem", true),
        ("tls.certificate_file", "cert.pem", true),
        ("tls.key_file", "key.pem", true),
        ("database.password_file", "secret", false),
        ("database.ca_file", "cert.pem", false),
    ] {
        let text = text_of(&[&[key][..], &sample(key).with].concat());
        let before = inputs(text.clone());
        let changed = format!("{}1", before.files[path]);
        let after = inputs(text).with(path, &changed);
        let expected: &[&str] = if noticed { &[key] } else { &[] };
        assert_eq!(differing(&before, &after), expected, "{key}");
    }
}

#[test]
fn the_contents_of_sources_are_not_shown() {
    let config = inputs(text_of(&["root.access_key_id", "root.secret_access_key"]));
    let shown = format!("{:?}", config.load().unwrap());
    assert!(shown.contains("SourceContents(…)"), "{shown}");
    assert!(!shown.contains("0123456789abcdef"), "{shown}");
}
