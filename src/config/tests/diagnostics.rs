//! All mistakes at once, each with its location.

use super::*;

#[test]
fn every_mistake_is_reported_at_once_and_in_order() {
    let given = Inputs::file(
        r#"listen = "loopback:2646"
lissen = "127.0.0.1:1"
account_id = 123456789012
public_url = "https://ID.example.com"
regions = ["eu-west-1", "Europe", 3, "eu-west-1"]
allow_http_issuers = "yes"
upstreams = { "A.example.com" = "http://x", "b.example.com" = "x" }

[tls]
certificate_file = "cert.pem"

[logins]
max_token_lifetime_hours = 9000
extra_ca_file = "nowhere.pem"
key_file = "key.pem"

[log]
format = "xml"

[limits]
pools_per_region = 0

[unsafe]
upstreams = 1

[root]
enabled = 0
access_key_id = "short"

[surprise]
a = 1
"#,
    )
    .environment([
        ("COGNATE_REGIONS", "eu-west-1, ,Mars"),
        ("COGNATE_ALLOW_HTTP_ISSUERS", "perhaps"),
    ])
    .flags(|flags| {
        flags.account_id = Some("12".to_owned());
        flags.upstreams = vec![
            "a=http://x".to_owned(),
            "a=http://y".to_owned(),
            "b".to_owned(),
        ];
    });
    assert_eq!(
        given.mistakes(),
        [
            "1:10 listen: `loopback:2646` is not an IP address with a port",
            "2:1 `lissen`: there is no such setting",
            "3:14 account_id: this is a number, but must be a string",
            "4:14 public_url: `https://ID.example.com` can't be a public URL",
            "5:25 regions: `Europe` is not the name of a region",
            "5:35 regions: this is a number, but must be a string",
            "5:38 regions: `eu-west-1` appears twice",
            "6:22 allow_http_issuers: this is a string, but must be true or false",
            "7:15 upstreams: `A.example.com` is not a host",
            "7:45 upstreams: `x` is not the URL of an upstream",
            "10:20 tls.certificate_file: this requires tls.key_file, which is not set",
            "13:28 logins.max_token_lifetime_hours: 9000 is out of range",
            "14:17 logins.extra_ca_file: the file can't be read: entity not found",
            "15:1 `logins.key_file`: there is no such setting",
            "18:10 log.format: `xml` is not a log format",
            "21:20 limits.pools_per_region: 0 is out of range",
            "24:13 unsafe.upstreams: this is a number, but must be true or false",
            "27:11 root.enabled: this is a number, but must be true or false",
            "28:17 root.access_key_id: this is not an access key id",
            "30:2 `surprise`: there is no such setting",
            "COGNATE_REGIONS: `Mars` is not the name of a region",
            "COGNATE_ALLOW_HTTP_ISSUERS: this is neither true nor false",
            "--account-id: `12` is not an AWS account id",
            "--upstream: `a` appears twice",
            "--upstream: `b` has no =",
        ]
    );
    let errors = given.load().unwrap_err();
    assert!(
        errors
            .diagnostics()
            .iter()
            .all(|mistake| !mistake.help.is_empty())
    );
    assert!(printed(&errors).contains("did you mean `listen`?"));
    assert!(printed(&errors).contains("move `key_file` below [tls]"));
}

#[test]
fn a_syntax_error_does_not_hide_other_mistakes() {
    let given = Inputs::file(
        "listen = 127.0.0.1:80\npublic_url = \"x\nregions = [\"Mars\"]\n[log]\nformat = \"text\"\nformat = \"json\"\n",
    )
    .environment([("COGNATE_LOG_FILTER", "=")]);
    let mistakes = given.mistakes();
    let locations: Vec<_> = mistakes
        .iter()
        .map(|m| m.split(": ").next().unwrap())
        .collect();
    assert_eq!(
        locations,
        [
            "1:15 not TOML",
            "2:16 not TOML",
            "3:12 regions",
            "6:1 not TOML",
            "COGNATE_LOG_FILTER"
        ]
    );
}

#[test]
fn an_invalid_setting_causes_no_mistakes_of_others() {
    for text in [
        "listen = \"0.0.0.0\"",
        "listen = \"0.0.0.0:1\"\npublic_url = \"https://id.example.com\"\n[tls]\ncertificate_file = \"cert.pem\"",
        "listen = \"0.0.0.0:1\"\npublic_url = \"https://id.example.com\"\n[unsafe]\nhttp_listener = 1",
        "listen = \"0.0.0.0:1\"\npublic_url = x",
    ] {
        assert_eq!(Inputs::file(text).mistakes().len(), 1, "{text}");
    }
}

#[test]
fn settings_that_exclude_or_need_each_other() {
    for (text, expected) in [
        (
            "[tls]",
            &["1:1 tls: the table has neither certificate_file nor key_file"][..],
        ),
        (
            "tls = true",
            &["1:7 tls: this is a table, not true or false"],
        ),
        (
            "tls.key_file = 'key.pem'",
            &["1:16 tls.key_file: this requires tls.certificate_file, which is not set"],
        ),
        (
            "tls = { certificate_file = 'key.pem', key_file = 'cert.pem' }",
            &[
                "1:28 tls.certificate_file: the file has no CERTIFICATE in PEM",
                "1:50 tls.key_file: the file has no PRIVATE KEY in PEM",
            ],
        ),
        (
            "root.access_key_id = 'A234567890123456'",
            &["1:22 root.access_key_id: this requires root.secret_access_key, which is not set"],
        ),
        (
            "root.secret_access_key = '0123456789abcdef'",
            &["1:26 root.secret_access_key: this requires root.access_key_id, which is not set"],
        ),
        (
            "root = { access_key_id = 'A234567890123456', secret_access_key = '0123456789abcdef', \
             secret_access_key_file = 'secret' }",
            &["root.secret_access_key and root.secret_access_key_file are both set"],
        ),
        (
            "database_url = 'mysql://h/d'",
            &["1:16 database_url: this is not the URL of a PostgreSQL database"],
        ),
        (
            "database_url = 'postgres://h/d'\ndatabase_url_file = 'url'",
            &["database_url and database_url_file are both set"],
        ),
        (
            "database.ca_file = 'cert.pem'",
            &["1:20 database.ca_file: this requires database_url, which is not set"],
        ),
        (
            "upstreams = { a.example.com = 'http://x' }",
            &[
                "1:15 upstreams: `a` is only the first part of a host: TOML splits a bare key at its dots",
            ],
        ),
        ("data_dir = ''", &["1:12 data_dir: the path is empty"]),
    ] {
        let given = Inputs::file(text)
            .with("secret", "0123456789abcdef\n")
            .with("url", "postgres://me:pass@h/d\n");
        assert_eq!(given.mistakes(), expected, "{text}");
    }
}

#[test]
fn the_halves_of_the_root_key_come_from_one_source() {
    let id = ("COGNATE_ROOT_ACCESS_KEY_ID", "A234567890123456");
    let secret = ("COGNATE_ROOT_SECRET_ACCESS_KEY", "0123456789abcdef");
    let file =
        "root = { access_key_id = 'B234567890123456', secret_access_key = 'fedcba9876543210' }";
    for (file, variables, expected) in [
        (
            "",
            vec![id],
            "COGNATE_ROOT_ACCESS_KEY_ID: this requires COGNATE_ROOT_SECRET_ACCESS_KEY, which is not set",
        ),
        (
            "",
            vec![secret],
            "COGNATE_ROOT_SECRET_ACCESS_KEY: this requires COGNATE_ROOT_ACCESS_KEY_ID, which is not set",
        ),
        (
            file,
            vec![id],
            "COGNATE_ROOT_ACCESS_KEY_ID and root.secret_access_key are set in different sources",
        ),
        (
            file,
            vec![secret],
            "root.access_key_id and COGNATE_ROOT_SECRET_ACCESS_KEY are set in different sources",
        ),
    ] {
        let mut given = Inputs::file(file);
        given.environment = variables.into_iter().collect();
        assert_eq!(given.mistakes(), [expected]);
    }
}

#[test]
fn commas_alone_do_not_overrule_a_list() {
    for value in [",", " ", ", ,"] {
        let given =
            Inputs::file("regions = ['eu-west-1']").environment([("COGNATE_REGIONS", value)]);
        assert_eq!(given.mistakes(), ["COGNATE_REGIONS: the list is empty"]);
    }
}

#[test]
fn a_file_that_can_t_be_read_is_reported_under_the_setting_that_names_it() {
    let flags = Inputs::default().flags(|flags| {
        flags.config = Some("gone.toml".into());
        flags.listen = Some("0.0.0.0:1".into());
        flags.account_id = Some("1".into());
    });
    assert_eq!(
        flags.mistakes(),
        [
            "--config: gone.toml can't be read: entity not found",
            "--account-id: `1` is not an AWS account id"
        ]
    );
    let variable = Inputs::default().environment([("COGNATE_CONFIG", "gone.toml")]);
    assert_eq!(
        variable.mistakes(),
        ["COGNATE_CONFIG: gone.toml can't be read: entity not found"]
    );
}

#[cfg(unix)]
#[test]
fn a_value_that_is_not_utf8_is_a_mistake() {
    use std::os::unix::ffi::OsStringExt;
    let mut given = Inputs::default();
    let broken = std::ffi::OsString::from_vec(vec![b'a', 0xff]);
    given.environment = [("COGNATE_LISTEN", broken)].into_iter().collect();
    assert_eq!(given.mistakes(), ["COGNATE_LISTEN: the value is not UTF-8"]);
    let mut given = Inputs::file("");
    given.flags.config = Some("latin".into());
    let read = |_: &Path| {
        let bytes = Zeroizing::new(b"a = 1\n# caf\xe9".to_vec());
        Ok(Contents {
            bytes,
            open_to_others: false,
        })
    };
    let errors = Config::load(&given.flags, &given.environment, &read).unwrap_err();
    assert_eq!(
        listed(&errors),
        ["--config: the file is not UTF-8 (line 2)"]
    );
}
