//! The configuration from outside: its documentation, and the output of `cognate check-config`.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Output};

use cognate::config::{
    CONFIG_FLAG, CONFIG_VARIABLE, Config, Contents, Environment, Flags, Reloading, settings,
};

fn documentation() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    fs::read_to_string(path).expect("the documentation")
}

/// The fenced TOML of the documentation.
fn example(documentation: &str) -> &str {
    let (_, rest) = documentation.split_once("```toml\n").expect("an example");
    rest.split_once("```").expect("its end").0
}

/// The rows of the table of settings: key, variable and flag.
fn rows(documentation: &str) -> Vec<[&str; 3]> {
    let (_, rest) = documentation
        .split_once("| key | variable | flag |")
        .expect("the table");
    let rows = rest
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    rows.map(|line| {
        let mut cells = line.split('|').skip(1).map(str::trim);
        std::array::from_fn(|_| cells.next().expect("a cell"))
    })
    .collect()
}

#[test]
fn the_table_of_the_documentation_is_the_table_of_the_code() {
    let documentation = documentation();
    let rows = rows(&documentation);
    let mut documented: Vec<_> = rows.iter().map(|[key, ..]| (*key).to_owned()).collect();
    let mut keys: Vec<_> = settings().map(|s| format!("`{}`", s.key)).collect();
    documented.sort();
    keys.sort();
    assert_eq!(documented, keys);
    for setting in settings() {
        let key = format!("`{}`", setting.key);
        let [_, variable, flag] = rows
            .iter()
            .find(|[documented, ..]| *documented == key)
            .expect("a row");
        let expected = setting.variable().map(|name| format!("`{name}`"));
        assert_eq!(*variable, expected.unwrap_or_default(), "{key}");
        let name = flag.trim_matches('`').split([' ', '`', ',']).next();
        assert_eq!(name, setting.flag.or(Some("")), "{key}");
        let alias = setting
            .alias
            .map(|name| format!("`{name}` is the deprecated name"));
        assert!(
            alias.is_none_or(|text| documentation.contains(&text)),
            "{key}"
        );
    }
    for name in [CONFIG_FLAG, CONFIG_VARIABLE] {
        assert!(documentation.contains(name), "{name}");
    }
}

#[test]
fn the_documentation_names_every_setting_that_is_reloaded() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operating.md");
    let text = fs::read_to_string(path).expect("the documentation");
    let (_, rest) = text
        .split_once("These settings are reloaded:")
        .expect("the list");
    let list = rest.split_once("\n\n").expect("its end").0;
    for setting in settings() {
        let is_reloaded = setting.reloading == Reloading::Reloaded;
        let key = format!("`{}`", setting.key);
        assert_eq!(list.contains(&key), is_reloaded, "{key}");
    }
}

#[test]
fn the_example_is_complete_and_good() {
    let documentation = documentation();
    let example = example(&documentation);
    let read = |path: &Path| -> io::Result<Contents> {
        let text = match path.to_str() {
            Some("cognate.toml") => example,
            Some("/etc/cognate/database-url") => "postgres://cognate@db.example.com/cognate\n",
            Some("/etc/cognate/root-secret" | "/etc/cognate/user-pools-secret") => {
                "0123456789abcdef0123\n"
            }
            Some(_) => "-----BEGIN CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\n",
            None => return Err(io::ErrorKind::NotFound.into()),
        };
        Ok(Contents {
            bytes: text.as_bytes().to_vec().into(),
            open_to_others: false,
        })
    };
    let flags = Flags {
        config: Some("cognate.toml".into()),
        ..Flags::default()
    };
    let config = Config::load(&flags, &Environment::default(), &read).expect("a good example");
    assert!(config.warnings().is_empty() && config.exceptions().is_empty());

    for setting in settings() {
        let name = setting.table_and_name().1;
        let left_out = ["database_url", "master_key", "unsafe.unverified_database"];
        let left_out = left_out.contains(&setting.key);
        assert!(
            left_out || example.contains(&format!("{name} = ")),
            "{}",
            setting.key
        );
    }
}

/// Runs `cognate check-config` with this configuration file, and with no other environment than `variables`.
fn check(file: &str, flags: &[&str], variables: &[(&str, &str)]) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("cognate.toml");
    fs::write(&path, file).expect("the file");
    Command::new(env!("CARGO_BIN_EXE_cognate"))
        .args(["check-config", "--config"])
        .arg(&path)
        .args(flags)
        .env_clear()
        .envs(variables.iter().copied())
        .output()
        .expect("the binary runs")
}

#[test]
fn check_config_names_every_mistake() {
    let file = "lissen = \"127.0.0.1:1\"\naccount_id = \"12\"\n\n[root]\nsecret_access_key = \"hunter2\"\n";
    let output = check(
        file,
        &[
            "--region",
            "Mars",
            "--database-url",
            "mysql://me:hunter2@h/d",
        ],
        &[
            ("COGNATE_ALLOW_HTTP_ISSUERS", "perhaps"),
            ("COGNATE_LISTEN", "0.0.0.0:1"),
        ],
    );
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let report = String::from_utf8(output.stderr).expect("a text");
    for expected in [
        "there are 8 mistakes in the configuration",
        "`lissen`: there is no such setting",
        "cognate.toml:1:1",
        "did you mean `listen`?",
        "account_id: `12` is not an AWS account id",
        "cognate.toml:2:14",
        "root.secret_access_key: this is not a secret access key",
        "cognate.toml:5:21",
        "COGNATE_ALLOW_HTTP_ISSUERS: this is neither true nor false",
        "--database-url: this is not the URL of a PostgreSQL database",
        "--region: `Mars` is not the name of a region",
        "COGNATE_LISTEN: no public URL follows from 0.0.0.0:1",
        "COGNATE_LISTEN: 0.0.0.0:1 is not a loopback address, and the listener speaks plain HTTP",
    ] {
        assert!(report.contains(expected), "{expected}\n{report}");
    }
    assert!(!report.contains("hunter2"), "{report}");
}

#[test]
fn check_config_prints_what_the_server_would_do() {
    let file = "listen = \"0.0.0.0:1\"\npublic_url = \"https://id.example.com\"\nunsafe.http_listener = true\n\
                root = { access_key_id = \"A234567890123456\", secret_access_key = \"hunter2hunter2hunter2\" }\n";
    let output = check(file, &["--region", "eu-west-1"], &[]);
    assert_eq!(output.status.code(), Some(0));
    let summary = String::from_utf8(output.stdout).expect("a text");
    for expected in [
        "0.0.0.0:1 (http)",
        "https://id.example.com",
        "eu-west-1",
        "as configured",
    ] {
        assert!(summary.contains(expected), "{expected}\n{summary}");
    }
    let cautions = String::from_utf8(output.stderr).expect("a text");
    assert!(
        cautions.contains("UNSAFE: unsafe.http_listener is set"),
        "{cautions}"
    );
    assert!(!(summary + &cautions).contains("hunter2"));
}

#[cfg(not(feature = "otel"))]
#[test]
fn a_program_without_traces_refuses_them() {
    for command in ["check-config", "serve", "dev"] {
        let folder = tempfile::tempdir().expect("a folder");
        let output = Command::new(env!("CARGO_BIN_EXE_cognate"))
            .arg(command)
            .current_dir(folder.path())
            .env_clear()
            .env("COGNATE_TRACES_OTLP_ENDPOINT", "http://127.0.0.1:4318")
            .output()
            .expect("the binary runs");
        assert_eq!(output.status.code(), Some(1), "{command}");
        let error = String::from_utf8(output.stderr).expect("a text");
        assert_eq!(
            error,
            "cognate: traces.otlp_endpoint is set, and this program was built without traces: remove the setting, use a \
             package of Cognate, or build the program with `--features otel`\n"
        );
        let made = fs::read_dir(folder.path()).expect("the folder").count();
        assert_eq!(made, 0, "{command} made something");
    }
}

#[test]
fn check_config_warns_of_a_deprecated_variable() {
    let output = check("", &[], &[("COGNATE_LOG", "debug")]);
    assert_eq!(output.status.code(), Some(0));
    let summary = String::from_utf8(output.stdout).expect("a text");
    assert!(summary.contains("debug (text)"), "{summary}");
    let warnings = String::from_utf8(output.stderr).expect("a text");
    assert_eq!(
        warnings,
        "warning: COGNATE_LOG is a deprecated name; set COGNATE_LOG_FILTER instead\n"
    );
    let both = [("COGNATE_LOG", "debug"), ("COGNATE_LOG_FILTER", "debug")];
    assert_eq!(check("", &[], &both).status.code(), Some(1));
}

#[cfg(unix)]
#[test]
fn check_config_warns_of_a_secret_that_every_user_can_read() {
    let file = "root = { access_key_id = \"A234567890123456\", secret_access_key = \"hunter2hunter2hunter2\" }\n";
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("cognate.toml");
    fs::write(&path, file).expect("the file");
    for (mode, warned) in [(0o644, true), (0o640, false)] {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
        fs::set_permissions(&path, mode).expect("a mode");
        let mut command = Command::new(env!("CARGO_BIN_EXE_cognate"));
        let output = command
            .arg("check-config")
            .env_clear()
            .env("COGNATE_CONFIG", &path)
            .output();
        let warnings = String::from_utf8(output.expect("the binary runs").stderr).expect("a text");
        assert_eq!(
            warnings.contains("every user of this machine can read it; limit its mode to 0600"),
            warned
        );
    }
}
