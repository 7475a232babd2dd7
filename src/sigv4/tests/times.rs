//! How far a request's date may be from the present.

use super::*;

fn at(text: &str) -> Timestamp {
    format!("2024-01-01T{text}Z").parse().unwrap()
}

fn said(refused: Result<VerifiedSignature<'static, &'static str>, SignatureError>) -> String {
    refused.unwrap_err().to_string()
}

#[test]
fn a_date_may_be_five_minutes_off_either_way_and_not_a_second_more() {
    let sent = Sent::new().signed_at(root, at("12:00:00"));
    sent.verify_at(at("12:05:00")).unwrap();
    sent.verify_at(at("12:05:00.999999999")).unwrap();
    sent.verify_at(at("11:55:00")).unwrap();
    assert_eq!(
        said(sent.verify_at(at("12:05:01"))),
        "Signature expired: 20240101T120000Z is now earlier than 20240101T120001Z (20240101T120501Z - 5 min.)"
    );
    assert_eq!(
        said(sent.verify_at(at("11:54:59.999999999"))),
        "Signature not yet current: 20240101T120000Z is still later than 20240101T115959Z (20240101T115459Z + 5 min.)"
    );
}

#[test]
fn a_presigned_request_lives_as_long_as_it_says() {
    let sent = Sent::caller_identity().presigned(root, 60);
    sent.verify_at(at("00:16:00")).unwrap();
    sent.verify_at(at("00:10:00")).unwrap();
    assert_eq!(
        said(sent.verify_at(at("00:16:01"))),
        "Signature expired: 20240101T001500Z is now earlier than 20240101T001501Z (20240101T001601Z - 1 min.)"
    );
    assert_eq!(
        said(sent.verify_at(at("00:09:59"))),
        "Signature not yet current: 20240101T001500Z is still later than 20240101T001459Z (20240101T000959Z + 5 min.)"
    );
    let sent = Sent::caller_identity().presigned(root, 90);
    assert_eq!(
        said(sent.verify_at(at("00:16:31"))),
        "Signature expired: 20240101T001500Z is now earlier than 20240101T001501Z (20240101T001631Z - 90 sec.)"
    );
}

#[test]
fn without_a_lifetime_a_presigned_request_lives_fifteen_minutes() {
    let secret = secret();
    let mut sent = Sent::caller_identity();
    let credential = "AKIDROOT%2F20240101%2Feu-west-1%2Fcognito-identity%2Faws4_request";
    sent.query = format!(
        "{}&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={credential}&X-Amz-Date=20240101T001500Z&X-Amz-SignedHeaders=host",
        sent.query
    );
    let query = canonical::Query::parse(&sent.query).unwrap().canonical(&[]);
    let hash = hex_hash(b"");
    let text = canonical::canonical_request(&sent.request(), "/", &query, "host", &hash);
    let scope = "20240101/eu-west-1/cognito-identity/aws4_request";
    let text = canonical::string_to_sign("20240101T001500Z", scope, &text);
    let key = DerivedKey::derive(&secret, "20240101", "eu-west-1", "cognito-identity");
    sent.query = format!("{}&X-Amz-Signature={}", sent.query, key.sign(&text));
    sent.verify_at(at("00:30:00")).unwrap();
    assert_eq!(
        said(sent.verify_at(at("00:30:01"))),
        "Signature expired: 20240101T001500Z is now earlier than 20240101T001501Z (20240101T003001Z - 15 min.)"
    );
}

#[test]
fn the_scopes_day_is_the_requests_and_not_the_servers() {
    let late: Timestamp = "2023-12-31T23:59:00Z".parse().unwrap();
    let sent = Sent::new().signed_at(root, late);
    sent.verify_at(at("00:01:00")).unwrap();
}

#[test]
fn the_date_header_serves_where_there_is_no_other() {
    let mut sent = Sent::new();
    sent.set("date", "20240101T001500Z");
    let mut sent = sent.signed_with("content-type;date;host;x-amz-target");
    sent.headers.remove("x-amz-date");
    sent.verify().unwrap();
    sent.set("date", "20240101T001501Z");
    assert_eq!(sent.verify(), Err(Invalid::Mismatch.into()));
    // The date is part of what is signed though the header isn't.
    let mut sent = Sent::new();
    sent.set("date", "20240101T001500Z");
    let mut sent = sent.signed_with("content-type;host;x-amz-target");
    sent.headers.remove("x-amz-date");
    sent.verify().unwrap();
    sent.set("date", "20240101T001501Z");
    assert_eq!(sent.verify(), Err(Invalid::Mismatch.into()));
}

#[test]
fn a_date_has_one_form() {
    for got in [
        "2024-01-01T00:15:00Z",
        "20240101T001500",
        "20240101T001500z",
        "20240101 001500Z",
        "20240101T001500+",
        "20240101T0015000Z",
        "20241301T001500Z",
        "20240230T001500Z",
        "20240101T241500Z",
        "20240101T001560Z",
        "+0240101T001500Z",
        "Mon, 01 Jan 2024 00:15:00 GMT",
        "",
    ] {
        let mut sent = Sent::new().signed(root);
        sent.set("x-amz-date", got);
        let got = got.to_owned();
        assert_eq!(sent.verify(), Err(Incomplete::Date { got }.into()));
    }
}

#[test]
fn dates_far_away_are_only_refused() {
    for date in ["00000101T000000Z", "99991231T235959Z"] {
        let mut sent = Sent::new().signed(root);
        sent.set("x-amz-date", date);
        let said = said(sent.verify());
        assert!(said.contains(date), "{said}");
    }
}
