//! The same requests before another verifier: what we sign, it accepts, and so do we; what was tampered with, we refuse.
//! It is asked only where it agrees with the published vectors: it can't read presigned requests, encodes paths once,
//! and sorts parameters with their values, so that `a-b=` comes before `a=`.

use std::error::Error;
use std::str::FromStr;

use chrono::{DateTime, NaiveDate, Utc};
use http::Method;
use proptest::prelude::*;
use proptest::sample::Index;
use scratchstack_aws_signature::{
    GetSigningKeyRequest, GetSigningKeyResponse, KSecretKey, NO_ADDITIONAL_SIGNED_HEADERS,
    SignatureOptions, service_for_signing_key_fn, sigv4_validate_request,
};

use super::*;

async fn signing_key(
    asked: GetSigningKeyRequest,
) -> Result<GetSigningKeyResponse, Box<dyn Error + Send + Sync>> {
    let secret = KSecretKey::from_str(SECRET)?;
    let key = secret.to_ksigning(asked.request_date(), asked.region(), asked.service());
    Ok(GetSigningKeyResponse::builder().signing_key(key).build()?)
}

/// Whether the other verifier accepts a request.
fn accepted(sent: &Sent) -> Result<(), String> {
    let target = if sent.query.is_empty() {
        sent.path.clone()
    } else {
        format!("{}?{}", sent.path, sent.query)
    };
    let mut request = http::Request::builder()
        .method(Method::from_str(&sent.method).unwrap())
        .uri(target)
        .body(sent.body.clone())
        .unwrap();
    *request.headers_mut() = sent.headers.clone();
    let date = NaiveDate::from_ymd_opt(2024, 1, 1).unwrap();
    let moment: DateTime<Utc> = date.and_hms_opt(0, 15, 0).unwrap().and_utc();
    let mut keys = service_for_signing_key_fn(signing_key);
    let answer = sigv4_validate_request(
        request,
        "eu-west-1",
        "cognito-identity",
        &mut keys,
        moment,
        &NO_ADDITIONAL_SIGNED_HEADERS,
        SignatureOptions::default(),
    );
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(answer)
        .map(|_| ())
        .map_err(|error| error.to_string())
}

/// Without `%`, and with names of one length, as said above.
const PATHS: &str = "(/[a-zA-Z0-9._~-]{0,6}){1,4}/?";
const QUERIES: &str =
    "([a-zA-Z]{3}=([a-zA-Z0-9._~+=/?:@!$*,;-]|%[2-7][0-9A-Fa-f]|%[cC]3%[aA]9){0,12}&{1,2}){0,4}";

fn any_request() -> impl Strategy<Value = Sent> {
    let method = prop::sample::select(vec!["GET", "POST", "PUT", "DELETE"]);
    let path = PATHS.prop_filter("not above the root", |path| !path.contains(".."));
    let header = ("my-[a-z]{1,8}", "[ -~]{0,24}");
    (
        method,
        path,
        QUERIES,
        prop::collection::vec(header, 0..5),
        prop::collection::vec(any::<u8>(), 0..64),
    )
        .prop_map(|(method, path, query, headers, body)| {
            let mut sent = Sent {
                method: method.to_owned(),
                path,
                query,
                body,
                ..Sent::new()
            };
            for (name, value) in headers {
                let name: HeaderName = name.parse().unwrap();
                sent.headers
                    .append(name, HeaderValue::from_str(&value).unwrap());
            }
            sent
        })
}

/// Changes something that is signed.
fn tamper(sent: &mut Sent, kind: usize, at: Index) {
    match kind {
        0 => sent.method.push('X'),
        1 => sent.path.push_str("/x"),
        2 => sent.query.push_str("&x=y"),
        3 if !sent.body.is_empty() => {
            let at = at.index(sent.body.len());
            sent.body[at] ^= 1;
        }
        3 | 4 => sent.body.push(0),
        5 => sent.add("host", "x"),
        6 => sent.set(
            "x-amz-target",
            "AWSCognitoIdentityService.DeleteIdentityPool",
        ),
        7 => sent.set("x-amz-date", "20240101T001459Z"),
        8 => {
            let mut header = sent.header("authorization");
            let end = header.len();
            let at = end - 64 + at.index(64);
            let other = if &header[at..=at] == "0" { "1" } else { "0" };
            header.replace_range(at..=at, other);
            sent.set("authorization", &header);
        }
        _ => sent.set("x-amz-new", "x"),
    }
}

proptest! {
    #[test]
    fn what_we_sign_both_accept(sent in any_request()) {
        let sent = sent.signed(root);
        prop_assert_eq!(sent.verify().map(|verified| verified.owner), Ok("root"));
        prop_assert_eq!(accepted(&sent), Ok(()));
    }

    #[test]
    fn what_was_tampered_with_is_refused(
        sent in any_request(),
        kind in 0_usize..10,
        at in any::<Index>(),
    ) {
        let mut sent = sent.signed(root);
        tamper(&mut sent, kind, at);
        prop_assert!(sent.verify().is_err());
    }
}
