//! The http issuers that are named one by one.

use super::*;

fn named(issuers: &str, more: &str) -> Inputs {
    Inputs::file(format!("http_issuers = [{issuers}]\n{more}"))
}

#[test]
fn an_http_issuer_is_named_in_the_spelling_of_its_registration() {
    for good in [
        "http://keycloak:8080/realms/x",
        "http://10.0.0.7:8080",
        "http://[fd12::7]:8080/a",
        "http://id.example.com/a/",
    ] {
        let config = named(&format!("'{good}'"), "").load().unwrap();
        let accepted = config.accepted_http_issuers();
        let own = "http://127.0.0.1:2646";
        assert!(crate::model::issuer::IssuerUrl::parse(good, accepted, own).is_ok());
    }
    for (bad, why) in [
        ("https://keycloak:8080", "is an https issuer"),
        ("keycloak:8080", "can't be an http issuer"),
        ("http://Keycloak:8080", "can't be an http issuer"),
        ("http://keycloak:80", "can't be an http issuer"),
        ("http://keycloak:8080//x", "can't be an http issuer"),
        ("http://keycloak:8080/x?y", "can't be an http issuer"),
        ("http://user@keycloak:8080", "can't be an http issuer"),
        ("http://graph.facebook.com", "can't be an http issuer"),
        (
            "http://cognito-identity.amazonaws.com",
            "can't be an http issuer",
        ),
        ("http://169.254.169.254", "never connected to"),
        ("http://[fd00:ec2::254]", "never connected to"),
        ("http://0.0.0.0:1", "never connected to"),
        ("http://[fe80::1]", "never connected to"),
        ("http://*:8080", "can't be an http issuer"),
    ] {
        let mistakes = named(&format!("'{bad}'"), "").mistakes();
        assert!(
            mistakes.len() == 1 && mistakes[0].contains(why),
            "{bad}: {mistakes:?}"
        );
    }
}

#[test]
fn one_on_this_machine_needs_the_switch_for_them_and_none_is_this_server() {
    let here = "'http://localhost:8080/realms/x'";
    let mistakes = named(here, "").mistakes();
    assert_eq!(
        mistakes,
        ["http_issuers: http://localhost:8080/realms/x is on this machine"]
    );
    named(here, "allow_http_issuers = true").load().unwrap();
    named(here, "").for_dev().unwrap();
    for own in ["http://id.example.com", "http://id.example.com/dev/issuer"] {
        let inputs = named(&format!("'{own}'"), "public_url = 'http://id.example.com'");
        let mistakes = inputs.mistakes();
        assert_eq!(
            mistakes,
            [format!("http_issuers: {own} is this server itself")]
        );
    }
}
