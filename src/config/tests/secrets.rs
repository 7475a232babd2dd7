//! No secret is printed, and no text makes the loader panic.

use proptest::prelude::*;

use super::*;
use crate::config::{RootKeySetting, Secret};

const SECRET: &str = "wJalrXUtnFEMIbPxRfiCY";

#[test]
fn a_mistake_beside_a_secret_does_not_print_it() {
    for text in [
        "[root]\nsecret_access_key = \"SECRET\"\nenabled = 1\n",
        "[root]\nenabled = 1\nsecret_access_key = \"SECRET\n",
        "[root]\nenabled = 1\nsecret_access_key = SECRET\n",
        "[root]\nenabled = 1\nsecret_access_key \"SECRET\"\n",
        "[root]\nenabled = 1\nsecret_access_key = \"\"\"\nSECRET\n",
        "[root]\nenabled = 1\nsecret_access_key = \"\"\"\nSECRET x\"\"\"\n",
        "[root]\nenabled = 1\nsecret_acess_key = \"SECRET\"\n",
        "[root]\nenabled = 1\nsceret = \"SECRET\"\n",
        "[root]\nenabled = 1\n# secret_access_key = \"SECRET\"\n",
        "[root]\nenabled = 1 # SECRET\n",
        "[root]\naccess_key_id = \"SECRET\"\n",
        "[root]\nsecret_access_key = [\"SECRET\"]\n",
        "[root]\nsecret_access_key_file = \"SECRET\"\n",
        "root = { enabled = 1, secret_access_key = \"SECRET\" }\n",
        "root = { enabled = 1, secret_access_key = \"SECRET\"\n",
        "database_url = \"mysql://me:SECRET@h/d\"\n",
        "database_url = \"SECRET\"\n",
        "databse_url = \"postgres://me:SECRET@h/d\"\n",
        "public_url = \"https://me:SECRET@id.example.com\"\n",
        "listen = \"\"\"\nsecret_access_key = \"SECRET\"\nlisten = \"\"\"\n",
        "listen = \"\"\"\nsomething = \"SECRET\"\n",
        "regions = [\nsomething = \"SECRET\"\n",
        "root = { enabled = 1,\n'''\nsomething = \"SECRET\"\n",
        "[unsafe.upstreams]\nsomething = \"SECRET\"\n",
        "upstreams = {\nsomething = \"SECRET\"\n",
        "listen = [\n  \"x\",\n  secret_access_key = \"SECRET\"\n",
    ] {
        let text = text.replace("SECRET", SECRET);
        let errors = Inputs::file(&text).load().unwrap_err();
        let report = printed(&errors) + &format!("{errors:?}");
        assert!(!report.contains(SECRET), "{text}\n{report}");
    }
}

#[test]
fn secrets_of_other_sources_are_not_printed_either() {
    let given = Inputs::default()
        .environment([
            ("COGNATE_ROOT_ACCESS_KEY_ID", SECRET),
            ("COGNATE_ROOT_SECRET_ACCESS_KEY", "wJalrXUt n"),
            ("COGNATE_DATABASE_URL", "mysql://me:wJalrXUt@h"),
            ("COGNATE_PUBLIC_URL", "https://me:wJalrXUt@h"),
        ])
        .flags(|flags| flags.database_url = Some(Secret::new("mysql://me:wJalrXUt@h")));
    let errors = given.load().unwrap_err();
    assert_eq!(errors.diagnostics().len(), 5);
    let report = printed(&errors) + &format!("{errors:?}{:?}{:?}", given.flags, given.environment);
    assert!(!report.contains("wJalrXUt"), "{report}");
}

#[test]
fn the_root_key_is_set_in_three_ways_and_never_printed() {
    let id = "AKIAIOSFODNN7EXAMPLE";
    let inline = format!("root = {{ access_key_id = '{id}', secret_access_key = '{SECRET}' }}");
    let named = format!("root = {{ access_key_id = '{id}', secret_access_key_file = 'secret' }}");
    for given in [
        Inputs::file(inline),
        Inputs::file(&named).with("secret", &format!("{SECRET}\n")),
        Inputs::file(&named).with("secret", &format!("{SECRET}\r\n")),
        Inputs::file(named)
            .with("secret", "overruled-0123456789")
            .environment([
                ("COGNATE_ROOT_ACCESS_KEY_ID", id),
                ("COGNATE_ROOT_SECRET_ACCESS_KEY", SECRET),
            ]),
    ] {
        let config = given.load().unwrap();
        let RootKeySetting::Configured(key) = &config.root else {
            panic!("{:?}", config.root)
        };
        assert_eq!(
            (key.access_key_id.as_str(), key.secret_access_key.reveal()),
            (id, SECRET)
        );
        assert!(!format!("{config:?}").contains(SECRET));
    }
}

#[test]
fn a_secret_that_every_user_can_read_causes_a_warning() {
    let inline = format!(
        "root = {{ access_key_id = 'AKIAIOSFODNN7EXAMPLE', secret_access_key = '{SECRET}' }}"
    );
    let named = inline
        .replace("secret_access_key =", "secret_access_key_file =")
        .replace(SECRET, "secret");
    let tls = "tls = { certificate_file = 'cert.pem', key_file = 'key.pem' }";
    for (text, warning) in [
        (
            inline.as_str(),
            "the configuration file holds a secret, and every user of this machine can read it; limit its mode to 0600",
        ),
        (
            &named,
            "root.secret_access_key_file: every user of this machine can read the file; limit its mode to 0600",
        ),
        (
            tls,
            "tls.key_file: every user of this machine can read the file; limit its mode to 0600",
        ),
    ] {
        let mut given = Inputs::file(text).with("secret", SECRET);
        assert!(given.load().unwrap().warnings().is_empty());
        given.open_to_others = true;
        assert_eq!(given.load().unwrap().warnings(), [warning]);
    }
}

/// Lines with many kinds of mistakes, and the secret that must not be printed.
fn lines() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        Just("listen = '127.0.0.1:1'".to_owned()),
        Just("listen = \"\"\"".to_owned()),
        Just("regions = [".to_owned()),
        Just("upstreams = {".to_owned()),
        Just("root = { enabled = 1,".to_owned()),
        Just("'''".to_owned()),
        Just("[root".to_owned()),
        Just("[root]".to_owned()),
        Just("[[tls]]".to_owned()),
        Just("[unsafe.upstreams]".to_owned()),
        Just("a.b.c = 1 # x".to_owned()),
        "[a-z_.]{1,9} ?=? ?[\\[\\]{}\"'#=,.0-9a-zé\\\\]{0,9}",
        Just(format!("secret_access_key = \"{SECRET}\"")),
        Just(format!("secret_access_key = '''{SECRET}")),
        Just(format!("database_url = {SECRET}")),
        Just(format!("  # access_key_id = \"{SECRET}\"")),
        Just(format!("something = \"{SECRET}\"")),
    ];
    prop::collection::vec(line, 0..12).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #[test]
    fn no_text_makes_the_loader_panic(text in "\\PC*|[\\PC\n\r\t]*") {
        if let Err(errors) = Inputs::file(text).load() {
            printed(&errors);
        }
    }

    #[test]
    fn no_file_makes_it_panic_or_print_a_secret(text in lines()) {
        if let Err(errors) = Inputs::file(&text).load() {
            let report = printed(&errors);
            prop_assert!(!report.contains(SECRET), "{}\n{}", text, report);
        }
    }
}
