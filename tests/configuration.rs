//! The configuration from outside: what its documentation says, and what `cognate check-config` prints.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Output};

use cognate::config::{
    CONFIG_FLAG, CONFIG_VARIABLE, Config, Contents, Environment, Flags, SETTINGS,
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

#[test]
fn every_name_of_a_setting_is_in_the_documentation() {
    let documentation = documentation();
    for setting in SETTINGS {
        let key = format!("`{}`", setting.key);
        assert!(documentation.contains(&key), "{key}");
        let variable = setting.variable.map(|name| format!("`{name}`"));
        assert!(
            variable.is_none_or(|name| documentation.contains(&name)),
            "{key}"
        );
        let flag = setting.flag.map(|name| format!("`{name}"));
        assert!(
            flag.is_none_or(|name| documentation.contains(&name)),
            "{key}"
        );
    }
    for name in [CONFIG_FLAG, CONFIG_VARIABLE] {
        assert!(documentation.contains(name), "{name}");
    }
}

#[test]
fn the_example_is_complete_and_good() {
    let documentation = documentation();
    let example = example(&documentation);
    let read = |path: &Path| -> io::Result<Contents> {
        let text = match path.to_str() {
            Some("cognate.toml") => example,
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

    for setting in SETTINGS {
        let name = setting.place().1;
        let left_out = name.starts_with("database_url");
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
            "postgres://me:hunter2@h/d",
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
        "account_id: `12` is not an account's number",
        "cognate.toml:2:14",
        "root.secret_access_key: this is not a secret access key",
        "cognate.toml:5:21",
        "COGNATE_ALLOW_HTTP_ISSUERS: this is neither true nor false",
        "--database-url: this version has the embedded store only",
        "--region: `Mars` is not a region's name",
        "COGNATE_LISTEN: no public URL follows from 0.0.0.0:1",
        "COGNATE_LISTEN: 0.0.0.0:1 is not a loopback address, and the listener speaks plain HTTP",
    ] {
        assert!(report.contains(expected), "{expected}\n{report}");
    }
    assert!(!report.contains("hunter2"), "{report}");
}

#[test]
fn check_config_tells_what_would_be_served() {
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

#[cfg(unix)]
#[test]
fn check_config_warns_of_a_secret_that_everybody_can_read() {
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
            warnings.contains("every user of this machine can read it"),
            warned
        );
    }
}
