//! What holds of every request, whatever its bytes.

use proptest::prelude::*;

use super::*;

fn any_header() -> impl Strategy<Value = (HeaderName, HeaderValue)> {
    let names = prop::sample::select(vec![
        "authorization",
        "date",
        "host",
        "my-header",
        "x-amz-content-sha256",
        "x-amz-date",
        "x-amz-security-token",
        "x-amz-target",
    ]);
    let parts = prop::sample::select(vec![
        "AWS4-HMAC-SHA256",
        "Credential=AKIDROOT/20240101/eu-west-1/cognito-identity/aws4_request",
        "Credential=",
        "SignedHeaders=host;x-amz-date",
        "SignedHeaders=",
        "Signature=",
        "20240101T001500Z",
        ",",
        " ",
        "/",
        ";",
        "=",
        "\u{e9}",
    ]);
    let composed = prop::collection::vec(parts, 0..8).prop_map(|parts| parts.concat().into_bytes());
    let values = prop_oneof![prop::collection::vec(any::<u8>(), 0..64), composed];
    (names, values).prop_filter_map("a header's value", |(text, value)| {
        Some((name(text), HeaderValue::from_bytes(&value).ok()?))
    })
}

fn any_query() -> impl Strategy<Value = String> {
    let parts = prop::sample::select(vec![
        "X-Amz-Algorithm=AWS4-HMAC-SHA256",
        "X-Amz-Credential=AKIDROOT/20240101/eu-west-1/cognito-identity/aws4_request",
        "X-Amz-Date=20240101T001500Z",
        "X-Amz-Expires=60",
        "X-Amz-Security-Token=",
        "X-Amz-Signature=x",
        "X-Amz-SignedHeaders=host",
        "&",
        "&",
        "&",
        "%",
        "%ff",
        "+",
        "\u{1234}",
    ]);
    let composed = prop::collection::vec(parts, 0..16).prop_map(|parts| parts.concat());
    prop_oneof![".{0,64}", composed]
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic_or_pass(
        method in "[A-Z]{0,8}",
        path in ".{0,32}",
        query in any_query(),
        authority in prop::option::of(".{0,16}"),
        headers in prop::collection::vec(any_header(), 0..8),
        body in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let headers = headers.into_iter().fold(HeaderMap::new(), |mut all, (name, value)| {
            all.append(name, value);
            all
        });
        let sent = Sent { method, path, query, authority, headers, body };
        let said = sent.verify().unwrap_err().to_string();
        prop_assert!(said.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{said}");
        prop_assert!(said.len() < 500);
    }

    #[test]
    fn a_header_of_any_bytes_is_only_refused(value in prop::collection::vec(any::<u8>(), 0..256)) {
        let Ok(value) = HeaderValue::from_bytes(&value) else { return Ok(()) };
        for header in ["authorization", "x-amz-date", "host"] {
            let mut sent = Sent::new().signed(root);
            sent.headers.insert(name(header), value.clone());
            prop_assert!(sent.verify().is_err());
        }
    }

    #[test]
    fn a_canonical_query_is_its_own_canonical_form(query in any_query()) {
        if let Ok(parsed) = canonical::Query::parse(&query) {
            let once = parsed.canonical(&[]);
            let again = canonical::Query::parse(&once);
            // Encoded, a query may be three times as long, and then too long to be read.
            if let Ok(again) = again {
                prop_assert_eq!(again.canonical(&[]), once);
            }
        }
    }

    #[test]
    fn a_normalised_path_has_nothing_to_normalise(path in "/[a-z./%]{0,24}") {
        let normal = canonical::canonical_path(&path, true);
        prop_assert!(normal.starts_with('/'));
        let dots = normal.split('/').any(|part| matches!(part, "." | ".."));
        prop_assert!(!dots && !normal.contains("//"), "{}", normal);
    }
}
