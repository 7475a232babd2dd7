//! The header form: what is accepted, and what a stranger may try.

use super::*;

#[test]
fn a_signed_request_is_its_signers() {
    let verified = Sent::new().signed(root).verify().unwrap();
    assert_eq!(verified.owner, "root");
    assert_eq!(verified.access_key_id, "AKIDROOT");
    assert_eq!(verified.region.as_str(), "eu-west-1");
    assert_eq!(verified.service, "cognito-identity");
}

#[test]
fn a_session_is_its_holders_whether_its_token_was_signed_or_added_after() {
    assert_eq!(
        Sent::new().signed(session).verify().unwrap().owner,
        "session"
    );
    let mut sent = Sent::new().signed(|secret| Signer {
        session_token: None,
        ..session(secret)
    });
    sent.set("x-amz-security-token", "a token/+=");
    assert_eq!(sent.verify().unwrap().owner, "session");
}

#[test]
fn the_authority_of_http2_is_the_host() {
    let mut sent = Sent::new();
    let host = sent.headers.remove("host").unwrap();
    sent.authority = Some(host.to_str().unwrap().to_owned());
    let sent = sent.signed(root);
    sent.verify().unwrap();
    let mut other = sent.clone();
    other.authority = Some("elsewhere.example.net".to_owned());
    assert_eq!(other.verify(), Err(Invalid::Mismatch.into()));
}

#[test]
fn a_host_that_differs_from_the_authority_is_refused() {
    let mut sent = Sent::new().signed(root);
    sent.authority = Some("cognito.example.net:2646".to_owned());
    sent.verify().unwrap();
    sent.authority = Some("elsewhere.example.net".to_owned());
    assert_eq!(sent.verify(), Err(doubled_header("host")));
}

#[test]
fn parts_may_be_separated_by_commas_or_blanks() {
    for (from, to) in [
        (", ", ","),
        (", ", " "),
        (", ", "  ,\t"),
        (" Cred", "\tCred"),
    ] {
        let mut sent = Sent::new().signed(root);
        sent.rewrite(from, to);
        sent.verify().unwrap();
    }
}

#[test]
fn whatever_is_signed_can_t_be_changed() {
    let tampers: [(&str, Tamper); 9] = [
        ("method", |sent| sent.method = "PUT".to_owned()),
        ("path", |sent| sent.path = "/x".to_owned()),
        ("query", |sent| sent.query = "a=b".to_owned()),
        ("body", |sent| sent.body[0] = b'['),
        ("no body", |sent| sent.body.clear()),
        ("host", |sent| sent.set("host", "elsewhere.example.net")),
        ("content type", |sent| {
            sent.set("content-type", "text/plain");
        }),
        ("target", |sent| {
            sent.set(
                "x-amz-target",
                "AWSCognitoIdentityService.DeleteIdentityPool",
            );
        }),
        ("date", |sent| sent.set("x-amz-date", "20240101T001501Z")),
    ];
    for (what, tamper) in tampers {
        let mut sent = Sent::new().signed(root);
        tamper(&mut sent);
        assert_eq!(sent.verify(), Err(Invalid::Mismatch.into()), "{what}");
    }
}

#[test]
fn a_header_that_is_not_signed_may_change() {
    let mut sent = Sent::new().signed(root);
    sent.set("user-agent", "proxy");
    sent.set("x-amzn-trace-id", "Root=1");
    sent.verify().unwrap();
}

#[test]
fn every_character_of_the_signature_counts() {
    let sent = Sent::new().signed(root);
    let header = sent.header("authorization");
    let (before, signature) = header.split_once("Signature=").unwrap();
    for at in 0..64 {
        let mut other: Vec<char> = signature.chars().collect();
        other[at] = if other[at] == '0' { '1' } else { '0' };
        let mut sent = sent.clone();
        let other: String = other.into_iter().collect();
        sent.set("authorization", &format!("{before}Signature={other}"));
        assert_eq!(sent.verify(), Err(Invalid::Mismatch.into()), "{at}");
    }
}

#[test]
fn a_signature_has_64_lower_case_digits() {
    let signed = Sent::new().signed(root);
    let header = signed.header("authorization");
    let (before, signature) = header.split_once("Signature=").unwrap();
    for other in [
        signature.to_ascii_uppercase(),
        signature[..63].to_owned(),
        format!("{signature}0"),
        "0".repeat(64),
    ] {
        let mut sent = signed.clone();
        sent.set("authorization", &format!("{before}Signature={other}"));
        assert_eq!(sent.verify(), Err(Invalid::Mismatch.into()), "{other}");
    }
}

#[test]
fn a_doubled_header_that_decides_anything_is_refused() {
    for (header, second) in [
        ("content-type", "text/plain"),
        ("date", "20240101T001500Z"),
        ("host", "elsewhere.example.net"),
        ("host", "cognito.example.net:2646"),
        ("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
        ("x-amz-date", "20240101T001500Z"),
        ("x-amz-security-token", "another"),
        (
            "x-amz-target",
            "AWSCognitoIdentityService.DeleteIdentityPool",
        ),
        ("authorization", "AWS4-HMAC-SHA256"),
    ] {
        let mut sent = Sent::new();
        sent.set("date", "20240101T001500Z");
        let hash = hex_hash(&sent.body);
        sent.set("x-amz-content-sha256", &hash);
        let mut sent = sent.signed(session);
        sent.verify().unwrap();
        sent.add(header, second);
        assert_eq!(sent.verify(), Err(doubled_header(header)), "{header}");
    }
}

#[test]
fn a_doubled_header_is_refused_though_both_were_signed() {
    let mut sent = Sent::new();
    sent.add(
        "x-amz-target",
        "AWSCognitoIdentityService.DeleteIdentityPool",
    );
    assert_eq!(
        sent.signed(root).verify(),
        Err(doubled_header("x-amz-target"))
    );
}

#[test]
fn other_headers_may_be_doubled_and_are_signed_in_their_order() {
    let mut sent = Sent::new();
    sent.add("my-header", "b");
    sent.add("my-header", "a");
    let mut sent = sent.signed(root);
    sent.verify().unwrap();
    sent.headers.remove("my-header");
    sent.add("my-header", "a");
    sent.add("my-header", "b");
    assert_eq!(sent.verify(), Err(Invalid::Mismatch.into()));
}

#[test]
fn host_and_every_amz_header_must_be_signed() {
    let all = "content-type;host;x-amz-date;x-amz-target";
    Sent::new().signed_with(all).verify().unwrap();
    Sent::new()
        .signed_with("host;x-amz-date;x-amz-target")
        .verify()
        .unwrap();
    assert_eq!(
        Sent::new().signed_with("x-amz-date;x-amz-target").verify(),
        Err(Invalid::HostNotSigned.into())
    );
    for (names, name) in [
        ("host;x-amz-date", "x-amz-target"),
        ("host;x-amz-target", "x-amz-date"),
    ] {
        let name = name.to_owned();
        assert_eq!(
            Sent::new().signed_with(names).verify(),
            Err(Invalid::NotSigned { name }.into())
        );
    }
}

#[test]
fn an_amz_header_added_on_the_way_is_refused() {
    for header in ["x-amz-user-agent", "x-amz-target", "x-amz-content-sha256"] {
        let mut sent = Sent::new();
        sent.headers.remove("x-amz-target");
        let mut sent = sent.signed(root);
        sent.verify().unwrap();
        sent.set(header, "x");
        let name = header.to_owned();
        assert_eq!(sent.verify(), Err(Invalid::NotSigned { name }.into()));
    }
}

#[test]
fn the_list_of_signed_headers_has_one_order_and_no_second_spelling() {
    for names in [
        "host;content-type;x-amz-date;x-amz-target",
        "content-type;host;host;x-amz-date;x-amz-target",
        "content-type;Host;x-amz-date;x-amz-target",
        "Host;content-type;x-amz-date;x-amz-target",
        "content-type;host;x-amz-date;x-amz-target;",
        "content-type;host;;x-amz-date;x-amz-target",
    ] {
        assert_eq!(
            Sent::new().signed_with(names).verify(),
            Err(Invalid::SignedHeaders.into()),
            "{names}"
        );
    }
}

#[test]
fn a_signed_header_is_there() {
    for (names, name) in [
        ("accept;content-type;host;x-amz-date;x-amz-target", "accept"),
        (";content-type;host;x-amz-date;x-amz-target", ""),
        ("content-type;host;host:x;x-amz-date;x-amz-target", "host:x"),
    ] {
        let name = name.to_owned();
        assert_eq!(
            Sent::new().signed_with(names).verify(),
            Err(Invalid::NotThere { name }.into())
        );
    }
}

#[test]
fn at_most_100_headers_are_signed() {
    let mut sent = Sent::new();
    let names: Vec<String> = (0..96).map(|number| format!("a{number:03}")).collect();
    for name in &names {
        let name: HeaderName = name.parse().unwrap();
        sent.headers.insert(name, HeaderValue::from_static("v"));
    }
    sent.clone().signed(root).verify().unwrap();
    sent.set("b", "v");
    assert_eq!(
        sent.signed(root).verify(),
        Err(Invalid::SignedHeaders.into())
    );
}

#[test]
fn the_hash_of_the_body_is_never_believed() {
    let mut honest = Sent::new();
    let hash = hex_hash(&honest.body);
    honest.set("x-amz-content-sha256", &hash);
    honest.signed(root).verify().unwrap();
    for stated in [
        "UNSIGNED-PAYLOAD",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        &hash.to_ascii_uppercase(),
        "",
    ] {
        let mut sent = Sent::new();
        sent.set("x-amz-content-sha256", stated);
        assert_eq!(
            sent.signed(root).verify(),
            Err(Invalid::Payload.into()),
            "{stated}"
        );
    }
    // The header is right for the body that was signed; the body is another.
    let mut sent = Sent::new();
    sent.set("x-amz-content-sha256", &hash);
    let mut sent = sent.signed(root);
    sent.body.push(b' ');
    assert_eq!(sent.verify(), Err(Invalid::Payload.into()));
}

#[test]
fn a_scope_is_for_this_service_region_and_day() {
    let scoped = |from: &str, to: &str| {
        let mut sent = Sent::new().signed(root);
        sent.rewrite(from, to);
        let rules = SignatureRules {
            services: &["cognito-identity", "sts"],
            region: &|region| region.as_str().starts_with("eu-"),
            presigned: false,
        };
        let cache = KeyCache::new();
        verify(&sent.request(), &rules, &Few, &cache, now()).map(|_| ())
    };
    scoped("/", "/").unwrap();
    let wrong = |wrong: WrongScope| Err(Invalid::from(wrong).into());
    let region = WrongScope {
        region: true,
        ..WrongScope::default()
    };
    for other in ["us-east-1", "EU-west-1", "", "eu-west-1%2F"] {
        let to = format!("/{other}/");
        assert_eq!(scoped("/eu-west-1/", &to), wrong(region.clone()), "{other}");
    }
    let service = WrongScope {
        service: Some("cognito-identity".to_owned()),
        ..WrongScope::default()
    };
    for other in ["iam", "Cognito-Identity", ""] {
        let to = format!("/{other}/");
        assert_eq!(scoped("/cognito-identity/", &to), wrong(service.clone()));
    }
    let terminator = WrongScope {
        terminator: Some("aws5_request".to_owned()),
        ..WrongScope::default()
    };
    assert_eq!(scoped("aws4_request", "aws5_request"), wrong(terminator));
    for other in ["20231231", "20240102", "2024010", "", "20240101T"] {
        let date = WrongScope {
            date: Some((other.to_owned(), now())),
            ..WrongScope::default()
        };
        assert_eq!(scoped("/20240101/", &format!("/{other}/")), wrong(date));
    }
}

#[test]
fn a_credential_has_five_parts() {
    for (from, to) in [
        ("/aws4_request", ""),
        ("/aws4_request", "/aws4_request/"),
        ("/aws4_request", "/aws4_request/x"),
        ("AKIDROOT/", ""),
        ("AKIDROOT/", "AKID/ROOT/"),
    ] {
        let mut sent = Sent::new().signed(root);
        sent.rewrite(from, to);
        assert!(
            matches!(
                sent.verify(),
                Err(SignatureError::Incomplete(Incomplete::Credential { .. }))
            ),
            "{from} {to}"
        );
    }
}

#[test]
fn a_key_of_another_day_or_place_signs_nothing_here() {
    // The scope says what the rules want; the key was derived for something else.
    let secret = secret();
    let canonical = |sent: &Sent| {
        let names = "content-type;host;x-amz-date;x-amz-target";
        canonical::canonical_request(&sent.request(), "/", "", names, &hex_hash(&sent.body))
    };
    for (day, region, service) in [
        ("20231231", "eu-west-1", "cognito-identity"),
        ("20240101", "us-east-1", "cognito-identity"),
        ("20240101", "eu-west-1", "sts"),
    ] {
        let mut sent = Sent::new().signed(root);
        let scope = "20240101/eu-west-1/cognito-identity/aws4_request";
        let text = canonical::string_to_sign("20240101T001500Z", scope, &canonical(&sent));
        let forged = DerivedKey::derive(&secret, day, region, service).sign(&text);
        let header = sent.header("authorization");
        let (before, _) = header.split_once("Signature=").unwrap();
        sent.set("authorization", &format!("{before}Signature={forged}"));
        assert_eq!(sent.verify(), Err(Invalid::Mismatch.into()));
    }
}

#[test]
fn no_other_algorithm_is_taken() {
    for other in [
        "AWS4-HMAC-SHA1",
        "AWS4-ECDSA-P256-SHA256",
        "aws4-hmac-sha256",
        "none",
    ] {
        let mut sent = Sent::new().signed(root);
        sent.rewrite("AWS4-HMAC-SHA256", other);
        let got = other.to_owned();
        assert_eq!(sent.verify(), Err(Incomplete::Algorithm { got }.into()));
    }
}

#[test]
fn a_part_that_is_missing_or_doubled_is_refused() {
    for (from, to) in [
        ("Credential=", "Credentials="),
        ("Signature=", "signature="),
        ("SignedHeaders=", "X="),
        (", SignedHeaders=", ", SignedHeaders=, X="),
    ] {
        let mut sent = Sent::new().signed(root);
        sent.rewrite(from, to);
        assert!(
            matches!(
                sent.verify(),
                Err(SignatureError::Incomplete(Incomplete::Header { .. }))
            ),
            "{to}"
        );
    }
    for part in ["Credential", "SignedHeaders", "Signature"] {
        let mut sent = Sent::new().signed(root);
        sent.rewrite(part, &format!("{part}=x, {part}"));
        assert_eq!(
            sent.verify(),
            Err(Incomplete::DoubledPart { name: part }.into())
        );
    }
}

#[test]
fn a_request_has_one_signature() {
    for parameter in presigned::PARAMETERS {
        for written in [parameter.to_owned(), parameter.to_ascii_lowercase()] {
            let mut sent = Sent::new();
            sent.query = format!("{written}=x");
            let header = "Authorization";
            assert_eq!(
                sent.signed(root).verify(),
                Err(Invalid::TwoForms { parameter, header }.into())
            );
        }
    }
}

#[test]
fn nothing_is_read_without_end() {
    let mut sent = Sent::new().signed(root);
    let long = format!(
        "{}, X={}",
        sent.header("authorization"),
        "x".repeat(8 * 1024)
    );
    sent.set("authorization", &long);
    let (what, limit) = ("Authorization header", 8 * 1024);
    assert_eq!(
        sent.verify(),
        Err(Incomplete::TooLong { what, limit }.into())
    );
    let mut sent = Sent::new().signed(root);
    sent.query = "x".repeat(16 * 1024 + 1);
    let (what, limit) = ("query string", 16 * 1024);
    assert_eq!(
        sent.verify(),
        Err(Incomplete::TooLong { what, limit }.into())
    );
}

#[test]
fn an_unsigned_request_is_told_apart() {
    assert_eq!(Sent::new().verify(), Err(SignatureError::Missing));
}

#[test]
fn a_query_is_signed_in_any_spelling_of_its_characters() {
    let mut sent = Sent::new();
    sent.query = "b=%7e&a=x+y&a=%c3%a9&c".to_owned();
    let mut sent = sent.signed(root);
    sent.verify().unwrap();
    sent.query = "c=&a=%C3%A9&&b=~&a=x%20y".to_owned();
    sent.verify().unwrap();
    sent.query = "c=&a=%C3%A9&b=~&a=x%2By".to_owned();
    assert_eq!(sent.verify(), Err(Invalid::Mismatch.into()));
}

#[test]
fn a_malformed_query_is_refused() {
    for query in ["a=%", "a=%4", "a=%zz", "%=a", "a=%%20", "a=%é"] {
        let mut sent = Sent::new().signed(root);
        query.clone_into(&mut sent.query);
        assert_eq!(
            sent.verify(),
            Err(Incomplete::MalformedQuery.into()),
            "{query}"
        );
    }
}

#[test]
fn bytes_that_are_no_text_are_signed_as_they_are() {
    let mut sent = Sent::new();
    sent.query = "a=%ff%fe".to_owned();
    let value = HeaderValue::from_bytes(b"\xff \xfe").unwrap();
    sent.headers.insert(name("my-header"), value);
    sent.signed(root).verify().unwrap();
}
