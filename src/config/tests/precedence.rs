//! The precedence of the sources, and the defaults.

use std::num::NonZeroU32;

use jiff::SignedDuration;

use super::*;
use crate::config::{
    LimitSettings, LogFormat, LogSettings, LoginSettings, RootKeySetting, TlsFiles,
};
use crate::model::ids::Region;

#[test]
fn without_any_source_there_are_the_defaults() {
    let config = Inputs::default().load().unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:2646");
    assert_eq!(config.public_url, None);
    assert_eq!(
        config.public_url_for(config.listen),
        "http://127.0.0.1:2646"
    );
    assert_eq!(config.data_dir, Path::new("./cognate-data"));
    assert_eq!(
        config.master_key_file,
        Path::new("./cognate-data/master.key")
    );
    assert_eq!(config.account_id.as_str(), "123456789012");
    assert!(config.serves(&Region::parse("eu-west-1").unwrap()));
    assert!(config.upstreams.is_empty() && config.tls.is_none());
    assert!(!config.allow_http_issuers && config.dev.is_none());
    let logins = LoginSettings {
        authorized_party_alone: false,
        max_token_lifetime: SignedDuration::from_hours(24),
        extra_ca_file: None,
        private_networks: Vec::new(),
    };
    let log = LogSettings {
        filter: "info".to_owned(),
        format: LogFormat::Text,
    };
    assert_eq!((config.logins, config.log), (logins, log));
    assert_eq!(
        config.limits,
        LimitSettings {
            pools_per_region: 1000,
            requests_per_address_per_second: NonZeroU32::new(500),
            guests_per_address_per_minute: NonZeroU32::new(300),
            expensive_per_address_per_second: NonZeroU32::new(100),
            per_pool_per_second: NonZeroU32::new(1000),
            write_ahead_log: 1 << 30,
        }
    );
    assert!(matches!(config.root, RootKeySetting::Generated));
    assert!(config.exceptions.is_empty() && config.warnings.is_empty());
}

#[test]
fn variables_override_the_file_and_flags_override_both() {
    let file = r#"
listen = "127.0.0.1:1"
data_dir = "file"
master_key_file = "file.key"
public_url = "https://file.example.com"
account_id = "000000000001"
regions = ["file-1"]
upstreams = { "file.example.com" = "http://127.0.0.1:1" }
log.filter = "trace"
"#;
    let variables = [
        ("COGNATE_LISTEN", "127.0.0.1:2"),
        ("COGNATE_DATA_DIR", "variable"),
        ("COGNATE_MASTER_KEY_FILE", "variable.key"),
        ("COGNATE_PUBLIC_URL", "https://variable.example.com"),
        ("COGNATE_ACCOUNT_ID", "000000000002"),
        ("COGNATE_REGIONS", "variable-1,variable-2 variable-3"),
        (
            "COGNATE_UPSTREAMS",
            "a.example.com=http://127.0.0.1:2,b.example.com=http://127.0.0.1:3",
        ),
        ("COGNATE_ALLOW_HTTP_ISSUERS", "true"),
        ("COGNATE_LOG_FILTER", "debug"),
    ];
    let summary_of = |given: &Inputs| {
        let config = given.load().unwrap();
        let regions: Vec<_> = config.regions.iter().map(Region::as_str).collect();
        let hosts: Vec<_> = config.upstreams.keys().map(String::as_str).collect();
        [
            config.listen.to_string(),
            config.data_dir.display().to_string(),
            config.master_key_file.display().to_string(),
            config.public_url.unwrap(),
            config.account_id.to_string(),
            regions.join(" "),
            hosts.join(" "),
            config.log.filter,
        ]
        .join("|")
    };
    let in_file = Inputs::file(file);
    assert_eq!(
        summary_of(&in_file),
        "127.0.0.1:1|file|file.key|https://file.example.com|000000000001|file-1|file.example.com|trace"
    );
    let in_environment = in_file.environment(variables);
    assert_eq!(
        summary_of(&in_environment),
        "127.0.0.1:2|variable|variable.key|https://variable.example.com|000000000002|variable-1 variable-2 variable-3\
         |a.example.com b.example.com|debug"
    );
    assert!(in_environment.load().unwrap().allow_http_issuers);
    let in_flags = in_environment.flags(|flags| {
        flags.listen = Some("127.0.0.1:3".into());
        flags.data_dir = Some("flag".into());
        flags.master_key_file = Some("flag.key".into());
        flags.public_url = Some("https://flag.example.com".into());
        flags.account_id = Some("000000000003".into());
        flags.regions = vec!["flag-1".into(), "flag-2".into()];
        flags.upstreams = vec!["flag.example.com=http://127.0.0.1:4".into()];
    });
    assert_eq!(
        summary_of(&in_flags),
        "127.0.0.1:3|flag|flag.key|https://flag.example.com|000000000003|flag-1 flag-2|flag.example.com|debug"
    );
}

#[test]
fn the_flag_names_the_file_before_the_environment() {
    let given = Inputs::file("listen = '127.0.0.1:1'")
        .with("other.toml", "listen = '127.0.0.1:2'")
        .environment([("COGNATE_CONFIG", "other.toml")]);
    assert_eq!(given.load().unwrap().listen.port(), 1);
    let given = given.flags(|flags| flags.config = None);
    assert_eq!(given.load().unwrap().listen.port(), 2);
}

#[test]
fn an_empty_variable_counts_as_not_set() {
    let given = Inputs::file("listen = '127.0.0.1:1'").environment([
        ("COGNATE_LISTEN", ""),
        ("COGNATE_ROOT_ACCESS_KEY_ID", ""),
        ("COGNATE_DATA_DIR", ""),
    ]);
    assert_eq!(given.load().unwrap().listen.port(), 1);
}

#[test]
fn the_file_sets_what_has_no_flag() {
    let given = Inputs::file(
        r#"
[tls]
certificate_file = "cert.pem"
key_file = "key.pem"
[logins]
authorized_party_alone = true
max_token_lifetime_hours = 1_2
extra_ca_file = "cert.pem"
[log]
format = "json"
[root]
enabled = false
[limits]
pools_per_region = 5
"#,
    );
    let config = given.load().unwrap();
    let tls = TlsFiles {
        certificate_file: "cert.pem".into(),
        key_file: "key.pem".into(),
    };
    assert_eq!(config.tls, Some(tls));
    assert_eq!(
        config.logins.max_token_lifetime,
        SignedDuration::from_hours(12)
    );
    assert_eq!(
        config.logins.extra_ca_file.as_deref(),
        Some(Path::new("cert.pem"))
    );
    assert!(config.logins.authorized_party_alone);
    assert_eq!(config.log.format, LogFormat::Json);
    assert_eq!(config.limits.pools_per_region, 5);
    assert!(matches!(config.root, RootKeySetting::Disabled));
    assert_eq!(
        config.public_url_for(config.listen),
        "https://127.0.0.1:2646"
    );
}

#[test]
fn the_public_url_follows_the_port_that_the_listener_got() {
    let given = Inputs::file("listen = '127.0.0.1:0'");
    let bound = "127.0.0.1:40000".parse().unwrap();
    let config = given.load().unwrap();
    assert_eq!(config.public_url_for(bound), "http://127.0.0.1:40000");
    let given = Inputs::file("listen = '127.0.0.1:0'\npublic_url = 'https://id.example.com'");
    assert_eq!(
        given.load().unwrap().public_url_for(bound),
        "https://id.example.com"
    );
}

#[test]
fn dev_allows_http_issuers_unless_they_are_switched_off() {
    assert!(Inputs::default().for_dev().unwrap().allow_http_issuers);
    let given = Inputs::file("allow_http_issuers = false");
    assert!(!given.for_dev().unwrap().allow_http_issuers);
    let given = Inputs::default().flags(|flags| flags.ephemeral = true);
    assert!(
        given
            .for_dev()
            .unwrap()
            .dev
            .is_some_and(|dev| dev.ephemeral)
    );
}
