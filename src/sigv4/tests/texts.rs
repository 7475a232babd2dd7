//! The client's texts, to the letter, and what never gets into one.

use super::*;

fn said(sent: &Sent) -> String {
    sent.verify().unwrap_err().to_string()
}

#[test]
fn a_refusal_has_the_services_words() {
    let tampers: [(Tamper, &str); 12] = [
        (
            |sent| drop(sent.headers.remove("authorization")),
            "Missing Authentication Token",
        ),
        (
            |sent| sent.body.clear(),
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.",
        ),
        (
            |sent| sent.rewrite("AKIDROOT", "AKIDNOBODY"),
            "The security token included in the request is invalid.",
        ),
        (
            |sent| sent.rewrite("/eu-west-1/", "/x y/"),
            "Invalid key=value pair (missing equal-sign) in Authorization header (hashed with SHA-256 and encoded with Base64): 'HASH'.",
        ),
        (
            |sent| sent.rewrite("/eu-west-1/", "/EU/"),
            "Credential should be scoped to a valid region. ",
        ),
        (
            |sent| sent.rewrite("/cognito-identity/", "/es/"),
            "Credential should be scoped to correct service: 'cognito-identity'. ",
        ),
        (
            |sent| sent.rewrite("aws4_request", "aws5_request"),
            "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws5_request'. ",
        ),
        (
            |sent| sent.rewrite("/20240101/", "/20231231/"),
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20231231' != '20240101', from '20240101T001500Z'.",
        ),
        (
            |sent| {
                sent.rewrite(
                    "20240101/eu-west-1/cognito-identity/aws4_request",
                    "a/B/c/d",
                );
            },
            "Credential should be scoped to a valid region. Credential should be scoped to correct service: 'cognito-identity'. Credential should be scoped with a valid terminator: 'aws4_request', not 'd'. Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: 'a' != '20240101', from '20240101T001500Z'.",
        ),
        (
            |sent| sent.rewrite("AKIDROOT/", ""),
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '20240101/eu-west-1/cognito-identity/aws4_request'",
        ),
        (
            |sent| sent.rewrite("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA25"),
            "Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA25' (only AWS4-HMAC-SHA256 for now). ",
        ),
        (
            |sent| sent.rewrite(";host;", ";"),
            "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
        ),
    ];
    for (tamper, text) in tampers {
        let mut sent = Sent::new().signed(root);
        tamper(&mut sent);
        let said = said(&sent);
        let header = sent.headers.get("authorization");
        let hash = header.map_or(String::new(), |value| {
            error::HashedHeader::of(value.as_bytes()).to_string()
        });
        assert_eq!(said, text.replace("HASH", &hash));
    }
}

#[test]
fn every_missing_part_is_told() {
    let mut sent = Sent::new();
    sent.set("authorization", "a");
    assert_eq!(
        said(&sent),
        "Authorization header requires 'Credential' parameter. \
         Authorization header requires 'Signature' parameter. \
         Authorization header requires 'SignedHeaders' parameter. \
         Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. \
         (Hashed with SHA-256 and encoded with Base64) Authorization=ypeBEsobvcr6wjGzmiPcTaeG7/gUfE5yuYB3ha/uSLs="
    );
    sent.set("x-amz-date", "20240101T001500Z");
    sent.set(
        "authorization",
        "AWS4-HMAC-SHA256 Credential=x, SignedHeaders=host",
    );
    assert!(
        said(&sent).starts_with(
            "Authorization header requires 'Signature' parameter. (Hashed with SHA-256"
        )
    );
    let mut sent = Sent::new().signed(root);
    sent.headers.remove("x-amz-date");
    assert!(said(&sent).starts_with(
        "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. (Hashed"
    ));
    let mut sent = Sent::caller_identity();
    sent.query = "X-Amz-Algorithm".to_owned();
    assert_eq!(
        said(&sent),
        "AWS query-string parameters must include 'X-Amz-Algorithm'. \
         AWS query-string parameters must include 'X-Amz-Credential'. \
         AWS query-string parameters must include 'X-Amz-Signature'. \
         AWS query-string parameters must include 'X-Amz-SignedHeaders'. \
         AWS query-string parameters must include 'X-Amz-Date'. \
         Re-examine the query-string parameters."
    );
}

#[test]
fn two_forms_are_told_apart() {
    let mut sent = Sent::new().signed(root);
    sent.query = "X-Amz-Algorithm".to_owned();
    assert_eq!(
        said(&sent),
        "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."
    );
}

#[test]
fn a_date_of_another_form_is_shown() {
    let mut sent = Sent::new().signed(root);
    sent.set("x-amz-date", "201");
    assert_eq!(
        said(&sent),
        "Date must be in ISO-8601 'basic format'. Got '201'. See http://en.wikipedia.org/wiki/ISO_8601"
    );
}

#[test]
fn an_old_token_is_told_from_a_wrong_one() {
    assert_eq!(
        SignatureError::ExpiredToken.to_string(),
        "The security token included in the request is expired"
    );
}

#[test]
fn no_text_has_a_signature_or_a_token_or_more_than_a_little_of_the_clients() {
    let tampers: [Tamper; 12] = [
        |sent| sent.rewrite("Credential=", "Credential"),
        |sent| sent.rewrite("Credential=", "X="),
        |sent| sent.rewrite("Signature=", "signature="),
        |sent| sent.rewrite("AWS4-HMAC-SHA256", &"x".repeat(5000)),
        |sent| sent.rewrite("AKIDROOT/", &"x".repeat(5000)),
        |sent| sent.rewrite("/eu-west-1/", &format!("/{}/", "x".repeat(5000))),
        |sent| sent.rewrite("/20240101/", &format!("/{}/", "1".repeat(5000))),
        |sent| sent.rewrite("aws4_request", &"x".repeat(5000)),
        |sent| {
            sent.rewrite(
                "SignedHeaders=",
                &format!("SignedHeaders={};", "a".repeat(5000)),
            );
        },
        |sent| sent.set("x-amz-date", &"1".repeat(5000)),
        |sent| sent.set("x-amz-security-token", &"t".repeat(5000)),
        |sent| sent.body.clear(),
    ];
    for (at, tamper) in tampers.into_iter().enumerate() {
        let mut sent = Sent::new().signed(root);
        let header = sent.header("authorization");
        let (_, signature) = header.split_once("Signature=").unwrap();
        tamper(&mut sent);
        let said = said(&sent);
        assert!(!said.contains(signature), "{at}: {said}");
        assert!(!said.contains("tttt"), "{at}: {said}");
        assert!(said.len() < 500, "{at}: {said}");
        assert!(
            said.bytes().all(|byte| (b' '..=b'~').contains(&byte)),
            "{at}: {said}"
        );
    }
}

#[test]
fn what_can_t_be_printed_is_not_echoed() {
    let mut sent = Sent::new().signed(root);
    let date = HeaderValue::from_bytes(b"2024\xc3\xa9\t").unwrap();
    sent.headers.insert(name("x-amz-date"), date);
    assert!(said(&sent).contains("Got '2024???'."));
    let mut sent = Sent::caller_identity().presigned(root, 60);
    sent.query = sent.query.replace("20240101T001500Z", "%0d%0aSet-Cookie:x");
    assert!(said(&sent).contains("Got '??Set-Cookie:x'."));
}
