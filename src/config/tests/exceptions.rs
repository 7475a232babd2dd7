//! What is refused on every address but loopback, and the exceptions.

use super::*;
use crate::config::UnsafeException;

const TLS: &str = "\n[tls]\ncertificate_file = 'cert.pem'\nkey_file = 'key.pem'\n";

fn on(address: &str, rest: &str) -> Inputs {
    Inputs::file(format!("listen = '{address}'\n{rest}"))
}

#[test]
fn on_loopback_everything_is_good() {
    let text = "public_url = 'http://localhost:1'\nallow_http_issuers = true\nupstreams = { 'a.example.com' = 'http://x' }";
    for address in [
        "127.0.0.1:1",
        "127.8.9.1:1",
        "[::1]:1",
        "[::ffff:127.0.0.1]:1",
    ] {
        let config = on(address, text).load().unwrap();
        assert!(config.exceptions().is_empty(), "{address}");
        on(address, text).for_dev().unwrap();
    }
}

#[test]
fn elsewhere_each_unsafe_setting_needs_its_exception() {
    let plain = "public_url = 'https://id.example.com'\ntrusted_proxies = ['192.0.2.7/32']";
    let secure = format!("{plain}{TLS}");
    let above = |line: &str| format!("{line}\n{secure}");
    for (text, exception, what) in [
        (
            plain.to_owned(),
            UnsafeException::HttpListener,
            "the listener speaks plain HTTP",
        ),
        (
            secure.replace("https:", "http:"),
            UnsafeException::HttpPublicUrl,
            "the public URL is http://id.example.com, without TLS",
        ),
        (
            above("upstreams = { 'a.example.com' = 'http://x' }"),
            UnsafeException::Upstreams,
            "upstreams are set",
        ),
        (
            above("allow_http_issuers = true"),
            UnsafeException::HttpIssuers,
            "http issuers are allowed",
        ),
    ] {
        for address in ["0.0.0.0:1", "192.0.2.1:1", "[::]:1", "[2001:db8::1]:1"] {
            let given = on(address, &text);
            let expected = format!("listen: {address} is not a loopback address, and {what}");
            assert_eq!(given.mistakes(), [expected]);
            let errors = given.load().unwrap_err();
            assert!(errors.diagnostics()[0].help.contains(exception.key()));
            assert_eq!(
                errors.diagnostics()[0].location,
                DiagnosticLocation::CrossCheck
            );

            let (_, name) = exception.key().split_once('.').unwrap();
            let config = on(address, &format!("{text}\n[unsafe]\n{name} = true"))
                .load()
                .unwrap();
            assert_eq!(config.exceptions(), [exception]);
            assert!(config.warnings().is_empty(), "{:?}", config.warnings());
            assert!(exception.to_string().starts_with(exception.key()));
            assert_eq!(
                on(address, &format!("{text}\n[unsafe]\n{name} = false"))
                    .mistakes()
                    .len(),
                1
            );
        }
    }
    on("0.0.0.0:1", &secure).load().unwrap();
}

#[test]
fn metrics_are_on_the_listener_on_loopback_or_by_exception_unless_they_have_a_listener() {
    let elsewhere = format!("public_url = 'https://id.example.com'\n{TLS}");
    let public = "[unsafe]\npublic_metrics = true";
    let own = "management_listen = '10.0.0.1:9'";
    for (text, on_listener, used) in [
        (String::new(), true, false),
        (format!("listen = '[::1]:1'\n{public}"), true, false),
        (own.to_owned(), false, false),
        (format!("listen = '0.0.0.0:1'\n{elsewhere}"), false, false),
        (
            format!("listen = '0.0.0.0:1'\n{elsewhere}{public}"),
            true,
            true,
        ),
        (
            format!("listen = '0.0.0.0:1'\n{own}\n{elsewhere}{public}"),
            false,
            false,
        ),
    ] {
        let config = Inputs::file(text.clone()).load().unwrap();
        assert_eq!(config.listener_has_metrics(), on_listener, "{text}");
        let exceptions = config
            .exceptions()
            .contains(&UnsafeException::PublicMetrics);
        assert_eq!(exceptions, used, "{text}");
    }
}

#[test]
fn two_listeners_on_one_port_are_refused() {
    for (listen, management) in [
        ("127.0.0.1:1", "127.0.0.1:1"),
        ("127.0.0.1:1", "0.0.0.0:1"),
        ("127.0.0.1:1", "[::]:1"),
    ] {
        let text = format!("listen = '{listen}'\nmanagement_listen = '{management}'");
        let expected =
            format!("management_listen: {management} is the address of listen, {listen}");
        assert_eq!(Inputs::file(text).mistakes(), [expected]);
    }
    for management in ["127.0.0.1:0", "127.0.0.1:2", "127.0.0.2:1", "0.0.0.0:2"] {
        let text = format!("listen = '127.0.0.1:1'\nmanagement_listen = '{management}'");
        Inputs::file(text).load().unwrap();
    }
}

#[test]
fn flags_and_variables_need_exceptions_of_the_file_too() {
    let flags = Inputs::default().flags(|flags| {
        flags.listen = Some("0.0.0.0:1".into());
        flags.public_url = Some("http://id.example.com".into());
        flags.upstreams = vec!["a.example.com=http://x".into()];
        flags.allow_http_issuers = true;
    });
    let expected = [
        "the listener speaks plain HTTP",
        "the public URL is http://id.example.com, without TLS",
        "upstreams are set",
        "http issuers are allowed",
    ];
    let expected_of = |name: &str| {
        expected.map(|what| format!("{name}: 0.0.0.0:1 is not a loopback address, and {what}"))
    };
    assert_eq!(flags.mistakes(), expected_of("--listen"));
    let variables = Inputs::default().environment([
        ("COGNATE_LISTEN", "0.0.0.0:1"),
        ("COGNATE_PUBLIC_URL", "http://id.example.com"),
        ("COGNATE_UPSTREAMS", "a.example.com=http://x"),
        ("COGNATE_ALLOW_HTTP_ISSUERS", "1"),
        ("COGNATE_UNSAFE_HTTP_LISTENER", "true"),
    ]);
    assert_eq!(variables.mistakes(), expected_of("COGNATE_LISTEN"));
}

#[test]
fn an_address_without_a_public_url_needs_one() {
    for address in ["0.0.0.0:1", "[::]:0"] {
        let expected =
            format!("listen: no public URL follows from {address}, and public_url is not set");
        assert_eq!(on(address, TLS).mistakes(), [expected]);
    }
    let text = format!("{TLS}[unsafe]\nhttp_public_url = true");
    let config = on("192.0.2.1:0", &text).load().unwrap();
    let bound = "192.0.2.1:8443".parse().unwrap();
    assert_eq!(config.public_url_for(bound), "https://192.0.2.1:8443");
    assert_eq!(
        config.warnings(),
        ["unsafe.http_public_url is set but not needed; remove it"]
    );
}

#[test]
fn a_default_public_url_is_http_too() {
    assert_eq!(
        on("192.0.2.1:1", "[unsafe]\nhttp_listener = true").mistakes(),
        [
            "listen: 192.0.2.1:1 is not a loopback address, and the public URL is http://192.0.2.1:1, without TLS"
        ]
    );
}

#[test]
fn a_named_http_issuer_needs_the_exception_for_http_issuers() {
    let secure = format!(
        "public_url = 'https://id.example.com'\nhttp_issuers = ['http://keycloak:8080/realms/x']{TLS}"
    );
    let what = "listen: 0.0.0.0:1 is not a loopback address, and http issuers are named";
    assert_eq!(on("0.0.0.0:1", &secure).mistakes(), [what]);
    let named = format!("{secure}[unsafe]\nhttp_issuers = true");
    let config = on("0.0.0.0:1", &named).load().unwrap();
    assert_eq!(config.exceptions(), [UnsafeException::HttpIssuers]);
    on("127.0.0.1:1", &secure).load().unwrap();
}

#[test]
fn container_credentials_over_http_need_their_own_exception() {
    let plain = "public_url = 'https://id.example.com'\ntrusted_proxies = ['192.0.2.7/32']\n[unsafe]\nhttp_listener = true";
    let secure = format!("public_url = 'https://id.example.com'{TLS}[unsafe]");
    let named = |text: &str| format!("{text}\nhttp_container_credentials = true");
    let over_http = |address: &str, text: &str| {
        let config = on(address, text).load().unwrap();
        config.gives_container_credentials_over_http()
    };
    // Without it, the server starts and refuses these requests.
    assert!(!over_http("0.0.0.0:1", plain));
    assert!(over_http("0.0.0.0:1", &named(plain)));
    assert!(over_http("127.0.0.1:1", plain), "loopback");
    let config = on("0.0.0.0:1", &named(plain)).load().unwrap();
    let used = [
        UnsafeException::HttpListener,
        UnsafeException::HttpContainerCredentials,
    ];
    assert_eq!(config.exceptions(), used, "both are reported");
    // With TLS, it isn't needed.
    let config = on("0.0.0.0:1", &named(&secure)).load().unwrap();
    assert!(config.exceptions().is_empty());
    assert_eq!(config.warnings().len(), 1, "{:?}", config.warnings());
}

#[test]
fn dev_listens_on_loopback_only() {
    let text = format!(
        "public_url = 'https://id.example.com'{TLS}[unsafe]\nhttp_listener = true\nhttp_issuers = true"
    );
    let errors = on("192.0.2.1:1", &text).for_dev().unwrap_err();
    assert_eq!(
        listed(&errors),
        ["listen: cognate dev listens on loopback addresses only, not on 192.0.2.1:1"]
    );
    assert!(errors.diagnostics()[0].help.contains("--expose"));
}

#[test]
fn the_operator_is_warned() {
    for (given, warning) in [
        (
            Inputs::file("public_url = 'http://id.example.com'"),
            "public_url: http://id.example.com is not https",
        ),
        (
            Inputs::file(
                "root = { enabled = false, access_key_id = 'A234567890123456', secret_access_key = '0123456789abcdef' }",
            ),
            "root.enabled is false: the root key that is set is not used",
        ),
        (
            Inputs::default().environment([
                ("COGNATE_LISTN", "x"),
                ("COGNATE_SERVICE_HOST", "x"),
                ("COGNATE_PORT", "x"),
            ]),
            "COGNATE_LISTN is not a variable of Cognate; did you mean COGNATE_LISTEN?",
        ),
    ] {
        let config = given.load().unwrap();
        assert_eq!(config.warnings().len(), 1, "{:?}", config.warnings());
        assert!(
            config.warnings()[0].starts_with(warning),
            "{:?}",
            config.warnings()
        );
    }
}
