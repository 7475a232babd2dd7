//! The table of settings: each is set by the file, a variable and a flag alike.

use std::collections::BTreeSet;

use super::*;
use crate::config::{RootKeySetting, Setting, VariableKind, settings};

/// The settings that weaken security and therefore have no variable (security rule 21).
const WEAKENING: [&str; 10] = [
    "logins.authorized_party_alone",
    "logins.max_token_lifetime_hours",
    "sessions.administer_pools",
    "unsafe.http_container_credentials",
    "unsafe.http_issuers",
    "unsafe.http_listener",
    "unsafe.http_public_url",
    "unsafe.public_metrics",
    "unsafe.upstreams",
    "unsafe.unverified_database",
];

const ID: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "0123456789abcdef";
const KEYS: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AA"}]}"#;

#[test]
fn every_setting_has_its_derived_variable_or_weakens_security() {
    let mut without = BTreeSet::new();
    for setting in settings() {
        let derived = format!("COGNATE_{}", setting.key.to_uppercase().replace('.', "_"));
        match setting.variable() {
            Some(variable) => assert_eq!(variable, derived),
            None => assert!(without.insert(setting.key)),
        }
    }
    assert_eq!(without, BTreeSet::from(WEAKENING));
}

/// A value of a setting: as a variable and a flag have it, and as the file has it.
pub(super) struct Sample {
    plain: &'static str,
    pub(super) toml: String,
    /// Other settings that this one requires.
    pub(super) with: Vec<&'static str>,
}

pub(super) fn sample(key: &str) -> Sample {
    let string = |plain| (plain, format!("'{plain}'"), Vec::new());
    let bare = |plain: &'static str| (plain, plain.to_owned(), Vec::new());
    let with = |(plain, toml, _), other| (plain, toml, vec![other]);
    let both = |(plain, toml, _), one, other| (plain, toml, vec![one, other]);
    let (plain, toml, with) = match key {
        "listen" => string("127.0.0.1:1"),
        "management_listen" => string("127.0.0.1:2"),
        "public_url" => string("https://id.example.com"),
        "data_dir" => string("data"),
        "master_key_file" => string("a.key"),
        "master_key" => string("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        "account_id" => string("000000000001"),
        "regions" => ("a-1,b-2", "['a-1', 'b-2']".to_owned(), Vec::new()),
        "upstreams" => (
            "a.example.com=http://127.0.0.1:1",
            "{ 'a.example.com' = 'http://127.0.0.1:1' }".to_owned(),
            Vec::new(),
        ),
        "allow_http_issuers" => bare("true"),
        "http_issuers" => (
            "http://keycloak:8080/realms/x",
            "['http://keycloak:8080/realms/x']".to_owned(),
            Vec::new(),
        ),
        "dev.origins" => (
            "http://app:3000",
            "['http://app:3000']".to_owned(),
            Vec::new(),
        ),
        "database_url" => string("postgres://h/d"),
        "database_url_file" => string("url"),
        "database.password_file" => with(string("secret"), "database_url"),
        "database.ca_file" => with(string("cert.pem"), "database_url"),
        "database.certificate_file" => {
            both(string("cert.pem"), "database.key_file", "database_url")
        }
        "database.key_file" => both(
            string("key.pem"),
            "database.certificate_file",
            "database_url",
        ),
        "database.connections" => with(bare("40"), "database_url"),
        "tls.certificate_file" => with(string("cert.pem"), "tls.key_file"),
        "tls.key_file" => with(string("key.pem"), "tls.certificate_file"),
        "logins.max_token_lifetime_hours" => bare("12"),
        "logins.extra_ca_file" => string("cert.pem"),
        "logins.private_networks" => (
            "keycloak.internal",
            "['keycloak.internal']".to_owned(),
            Vec::new(),
        ),
        "trusted_proxies" => ("10.0.0.0/8", "['10.0.0.0/8']".to_owned(), Vec::new()),
        "client_address_header" => string("x-real-ip"),
        "seeds" => ("seed.toml", "['seed.toml']".to_owned(), Vec::new()),
        "log.filter" => string("debug"),
        "log.format" => string("json"),
        "root.enabled" => bare("false"),
        "drain_delay" => bare("7"),
        "events.keep_days" => bare("5"),
        "audit.file" => string("audit.jsonl"),
        "audit.write" => with(string("synced"), "audit.file"),
        "audit.data_events" => with(bare("false"), "audit.file"),
        "audit.rotate_megabytes" | "audit.keep_files" => with(bare("5"), "audit.file"),
        "traces.otlp_endpoint" => string("http://127.0.0.1:4318"),
        "traces.sample_ratio" => with(bare("0.5"), "traces.otlp_endpoint"),
        "limits.write_ahead_log_mib" => bare("16"),
        key if key.starts_with("limits.") => bare("5"),
        "root.access_key_id" => with(string(ID), "root.secret_access_key"),
        "root.secret_access_key" => with(string(SECRET), "root.access_key_id"),
        "root.secret_access_key_file" => with(string("secret"), "root.access_key_id"),
        "user_pools.access_key_id" => with(string(ID), "user_pools.secret_access_key"),
        "user_pools.secret_access_key" => with(string(SECRET), "user_pools.access_key_id"),
        "user_pools.secret_access_key_file" => with(string("secret"), "user_pools.access_key_id"),
        "issuers" => (
            "named.toml",
            "[{ url = 'https://a.example', jwks_file = 'keys.json' }]".to_owned(),
            Vec::new(),
        ),
        "credentials.route" => (
            "named.toml",
            "[{ role = 'arn:aws:iam:::role/*', region = 'eu-west-1' }]".to_owned(),
            Vec::new(),
        ),
        key if WEAKENING.contains(&key) => bare("true"),
        other => panic!("{other} needs a sample"),
    };
    Sample { plain, toml, with }
}

pub(super) fn inputs(text: String) -> Inputs {
    Inputs::file(text)
        .with("secret", SECRET)
        .with("url", "postgres://h/d")
        .with("keys.json", KEYS)
}

/// The setting with this key, and the one that it requires.
fn with_companion(setting: &Setting) -> Vec<(Setting, Sample)> {
    let keys = std::iter::once(setting.key).chain(sample(setting.key).with);
    keys.map(|key| {
        let setting = settings().find(|setting| setting.key == key);
        (*setting.unwrap(), sample(key))
    })
    .collect()
}

fn by_file(setting: &Setting) -> Inputs {
    let lines = with_companion(setting).into_iter();
    let lines: Vec<_> = lines
        .map(|(setting, sample)| format!("{} = {}\n", setting.key, sample.toml))
        .collect();
    inputs(lines.concat())
}

fn by_variable(setting: &Setting, name: impl Fn(&Setting) -> String) -> Inputs {
    let mut inputs = inputs(String::new());
    let all = with_companion(setting);
    if setting.variable_kind == VariableKind::NamesFile {
        let text = format!("{} = {}\n", setting.key, all[0].1.toml);
        inputs.files.insert("named.toml", text);
    }
    let variables = all.iter();
    let variables = variables.map(|(setting, sample)| (name(setting), sample.plain));
    inputs.environment = variables.collect();
    inputs
}

fn by_flag(flag: &str, value: &str) -> Inputs {
    inputs(String::new()).flags(|flags| match flag {
        "--listen" => flags.listen = Some(value.into()),
        "--data-dir" => flags.data_dir = Some(value.into()),
        "--database-url" => flags.database_url = Some(crate::config::Secret::new(value)),
        "--master-key-file" => flags.master_key_file = Some(value.into()),
        "--public-url" => flags.public_url = Some(value.into()),
        "--account-id" => flags.account_id = Some(value.into()),
        "--region" => flags.regions = value.split(',').map(str::to_owned).collect(),
        "--upstream" => flags.upstreams = vec![value.into()],
        "--http-issuer" => flags.http_issuers = vec![value.into()],
        "--private-network" => flags.private_networks = vec![value.into()],
        "--allow-http-issuers" => flags.allow_http_issuers = value == "true",
        other => panic!("{other} needs a line here"),
    })
}

/// The loaded configuration with its secrets, or the mistakes without the names of their settings.
fn outcome(inputs: &Inputs) -> String {
    match inputs.load() {
        Ok(config) => {
            let root = match &config.root {
                RootKeySetting::Configured(key) => Some(key),
                RootKeySetting::Disabled | RootKeySetting::Generated => None,
            };
            let secrets: Vec<_> = [root, config.user_pools.as_ref()]
                .into_iter()
                .flatten()
                .map(|key| key.secret_access_key.reveal().to_owned())
                .collect();
            format!("{config:?} {secrets:?}")
        }
        Err(errors) => {
            let messages = errors.diagnostics().iter();
            let messages = messages.map(|one| one.message.split_once(": ").unwrap().1);
            messages.collect::<Vec<_>>().join("\n")
        }
    }
}

#[test]
fn the_file_a_variable_and_a_flag_set_the_same_value() {
    let default = outcome(&inputs(String::new()));
    for setting in settings() {
        let key = setting.key;
        let expected = outcome(&by_file(setting));
        assert_ne!(expected, default, "{key}");
        let is_refused = !expected.starts_with("Config");
        assert!(!is_refused, "{expected}");
        if setting.variable().is_some() {
            let named = by_variable(setting, |setting| setting.variable().unwrap());
            assert_eq!(outcome(&named), expected, "{key}");
        }
        if let Some(flag) = setting.flag {
            let flagged = by_flag(flag, sample(key).plain);
            assert_eq!(outcome(&flagged), expected, "{flag}");
        }
    }
}

#[test]
fn a_variable_of_a_weakening_setting_has_no_effect_and_causes_a_warning() {
    for key in WEAKENING {
        let setting = settings().find(|setting| setting.key == key).unwrap();
        let name = format!("COGNATE_{}", key.to_uppercase().replace('.', "_"));
        let mut config = by_variable(setting, |_| name.clone()).load().unwrap();
        assert_eq!(
            std::mem::take(&mut config.warnings),
            [format!(
                "{name} has no effect: {key} weakens security; set it in the configuration file"
            )]
        );
        let default = inputs(String::new()).load().unwrap();
        assert_eq!(format!("{config:?}"), format!("{default:?}"));
    }
}

#[test]
fn an_alias_sets_the_value_and_causes_a_warning_with_the_new_name() {
    let aliases: Vec<_> = settings().filter(|s| s.alias.is_some()).collect();
    assert!(!aliases.is_empty());
    for setting in aliases {
        let (alias, variable) = (setting.alias.unwrap(), setting.variable().unwrap());
        let mut config = by_variable(setting, |_| alias.to_owned()).load().unwrap();
        assert_eq!(
            std::mem::take(&mut config.warnings),
            [format!(
                "{alias} is a deprecated name; set {variable} instead"
            )]
        );
        let expected = by_file(setting).load().unwrap();
        assert_eq!(format!("{config:?}"), format!("{expected:?}"));
    }
}

#[test]
fn an_alias_and_its_derived_variable_exclude_each_other() {
    for setting in settings() {
        let Some(alias) = setting.alias else { continue };
        let variable = setting.variable().unwrap();
        let value = sample(setting.key).plain;
        let mut inputs = inputs(String::new());
        inputs.environment = [(alias, value), (variable.as_str(), value)]
            .into_iter()
            .collect();
        let errors = inputs.load().unwrap_err();
        assert_eq!(
            listed(&errors),
            [format!(
                "{alias}: {variable} is set too, and both are names of one setting"
            )]
        );
        assert!(errors.diagnostics()[0].help.contains(&variable));
    }
}

#[test]
fn mistakes_in_a_named_file_have_its_name_line_and_column() {
    let valid = "[[issuers]]\nurl = 'https://a.example'\njwks_file = 'keys.json'\n";
    let list = |text: &str| {
        inputs("issuers = []".to_owned())
            .with("named.toml", text)
            .environment([("COGNATE_ISSUERS", "named.toml")])
            .mistakes()
    };
    assert_eq!(list(valid), [""; 0]);
    for (text, expected) in [
        (
            "[[issuers]]\nurl = 'https://a.example'\n".to_owned(),
            "COGNATE_ISSUERS (named.toml:1:1): jwks_file is not set",
        ),
        (
            format!("{valid}{valid}"),
            "COGNATE_ISSUERS (named.toml:4:1): `https://a.example` appears twice",
        ),
        (
            format!("listen = '127.0.0.1:1'\n{valid}"),
            "COGNATE_ISSUERS (named.toml:1:1): `listen` is not allowed in this file",
        ),
        (
            String::new(),
            "COGNATE_ISSUERS: the file has no [[issuers]]",
        ),
        (
            "issuers = 1".to_owned(),
            "COGNATE_ISSUERS (named.toml:1:11): this is a number, but must be an array of tables",
        ),
    ] {
        assert_eq!(list(&text), [expected], "{text}");
    }
    let syntax = list("[[issuers]\n");
    assert!(
        syntax.len() == 1 && syntax[0].starts_with("COGNATE_ISSUERS (named.toml:1:"),
        "{syntax:?}"
    );
    let routes = |text: &str| {
        inputs(String::new())
            .with("named.toml", text)
            .environment([("COGNATE_CREDENTIALS_ROUTE", "named.toml")])
            .mistakes()
    };
    assert_eq!(
        routes("credentials = 1"),
        ["COGNATE_CREDENTIALS_ROUTE (named.toml:1:15): this is a number, but must be a table"]
    );
    assert_eq!(
        routes("[[credentials.route]]\nregion = 'eu-west-1'\n"),
        ["COGNATE_CREDENTIALS_ROUTE (named.toml:1:1): role is not set"]
    );
    let gone = Inputs::default().environment([("COGNATE_ISSUERS", "gone.toml")]);
    assert_eq!(
        gone.mistakes(),
        ["COGNATE_ISSUERS: the file can't be read: entity not found"]
    );
}

#[test]
fn a_number_in_a_variable_has_digits_only() {
    for (value, expected) in [
        ("five", "this is not a whole number"),
        ("+5", "this is not a whole number"),
        ("0x5", "this is not a whole number"),
        ("0", "0 is out of range"),
        ("99999999999", "99999999999 is out of range"),
    ] {
        let inputs = Inputs::default().environment([("COGNATE_LIMITS_POOLS_PER_REGION", value)]);
        let expected = format!("COGNATE_LIMITS_POOLS_PER_REGION: {expected}");
        assert_eq!(inputs.mistakes(), [expected]);
    }
}

#[test]
fn a_secret_s_file_overrides_an_inline_secret_of_lower_precedence_only() {
    let file =
        format!("root = {{ access_key_id = 'B234567890123456', secret_access_key = '{SECRET}x' }}");
    let id = ("COGNATE_ROOT_ACCESS_KEY_ID", ID);
    let named = ("COGNATE_ROOT_SECRET_ACCESS_KEY_FILE", "secret");
    let config = inputs(file).environment([id, named]).load().unwrap();
    let RootKeySetting::Configured(key) = config.root else {
        panic!("the key is configured");
    };
    assert_eq!(key.access_key_id, ID);
    assert_eq!(key.secret_access_key.reveal(), SECRET);
    let both = [id, named, ("COGNATE_ROOT_SECRET_ACCESS_KEY", SECRET)];
    assert_eq!(
        inputs(String::new()).environment(both).mistakes(),
        ["COGNATE_ROOT_SECRET_ACCESS_KEY and COGNATE_ROOT_SECRET_ACCESS_KEY_FILE are both set"]
    );
}
