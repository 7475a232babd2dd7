//! What `cognate dev` accepts with `--expose`, and what it refuses then (security rule 21).

use super::*;

const ROUTE: &str =
    "[[credentials.route]]\nrole = 'arn:aws:iam:::role/*'\nendpoint = 'https://sts.example.net'\n";

fn exposed(text: &str) -> Inputs {
    Inputs::file(text).flags(|flags| {
        flags.expose = true;
        flags.listen = Some("0.0.0.0:2646".into());
    })
}

#[test]
fn an_exposed_development_server_listens_everywhere_and_is_called_localhost() {
    for (address, url) in [
        ("0.0.0.0:2646", "http://localhost:2646"),
        ("[::]:80", "http://localhost"),
        ("192.0.2.1:2646", "http://192.0.2.1:2646"),
        ("127.0.0.1:2646", "http://127.0.0.1:2646"),
    ] {
        let inputs = exposed("").flags(|flags| flags.listen = Some(address.into()));
        let config = inputs.for_dev().unwrap();
        assert!(config.is_exposed());
        assert!(config.exceptions().is_empty());
        assert_eq!(config.public_url_for(config.listen), url, "{address}");
    }
    let named = exposed("public_url = 'http://cognate:2646'")
        .for_dev()
        .unwrap();
    assert_eq!(named.public_url_for(named.listen), "http://cognate:2646");
}

#[test]
fn nothing_with_real_credentials_behind_it_is_exposed() {
    let key =
        "[root]\naccess_key_id = 'AKIAIOSFODNN7EXAMPLE'\nsecret_access_key = '0123456789abcdef'\n";
    let by_variable = exposed("").environment([
        ("COGNATE_ROOT_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
        ("COGNATE_ROOT_SECRET_ACCESS_KEY", "0123456789abcdef"),
    ]);
    let by_named_file = exposed("")
        .environment([("COGNATE_CREDENTIALS_ROUTE", "routes.toml")])
        .with("routes.toml", ROUTE);
    for (inputs, what) in [
        (exposed(ROUTE), "credentials.route is set"),
        (by_named_file, "credentials.route is set"),
        (exposed(key), "the secret of the root key is set"),
        (by_variable, "the secret of the root key is set"),
    ] {
        let errors = inputs.for_dev().unwrap_err();
        let listed = listed(&errors);
        assert_eq!(listed.len(), 1, "{listed:?}");
        let begin = format!("--expose: cognate dev can't be exposed while {what}");
        assert!(listed[0].starts_with(&begin), "{listed:?}");
        // A loopback address doesn't help.
        let here = inputs.flags(|flags| flags.listen = None);
        assert!(here.for_dev().is_err());
        let hidden = here.flags(|flags| flags.expose = false);
        hidden.for_dev().unwrap();
    }
    let disabled = exposed("[root]\nenabled = false\n");
    disabled.for_dev().unwrap();
}

#[test]
fn serve_has_no_test_issuer_and_exposes_nothing() {
    let config = Inputs::default()
        .flags(|flags| {
            flags.expose = true;
            flags.listen = Some("127.0.0.1:1".into());
        })
        .load()
        .unwrap();
    assert!(config.dev.is_none() && !config.is_exposed());
    let open = Inputs::default().flags(|flags| {
        flags.expose = true;
        flags.listen = Some("0.0.0.0:1".into());
    });
    assert!(open.load().is_err());
}
