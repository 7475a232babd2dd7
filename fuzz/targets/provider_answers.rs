//! What providers answer about access tokens. The first letter says who: `f` Facebook, `a` Amazon, `t` Twitter; the
//! status stands behind it, and the body on the lines below. Only a 200 with a user in it is a yes, and what comes of any
//! other repeats nothing that a provider wrote but the numbers and names of errors.
#![no_main]

use std::error::Error;

use cognate::logins::access_token::{Introspection, IntrospectionError, amazon, facebook, twitter};
use cognate::logins::report::error_chain;
use cognate::model::json;
use serde_json::Value;

/// In the sentences of the seeds, as providers quote what they refuse.
const TOKEN: &str = "Atza|quoted token";

fn member(body: &[u8], name: &str) -> Value {
    json::read(body).expect("strict JSON")[name].clone()
}

/// A user or an app with an id that is a number.
fn numeric(
    status: u16,
    body: &[u8],
    read: Result<String, IntrospectionError>,
    name: &str,
) -> Option<IntrospectionError> {
    let id = match read {
        Ok(id) => id,
        Err(why) => return Some(why),
    };
    assert_eq!(status, 200);
    assert!((1..=64).contains(&id.len()) && id.bytes().all(|digit| digit.is_ascii_digit()));
    assert_eq!(member(body, name), id);
    None
}

fn of_amazon(status: u16, body: &[u8]) -> Option<IntrospectionError> {
    let Introspection {
        apps,
        user,
        expires_in,
    } = match amazon::read_token_info(status, body) {
        Ok(answer) => answer,
        Err(why) => return Some(why),
    };
    assert_eq!(status, 200);
    assert!((1..=255).contains(&user.chars().count()));
    assert_eq!(member(body, "user_id"), user);
    assert!(!apps.is_empty() && apps.iter().all(|app| !app.is_empty()));
    assert_eq!(member(body, "aud"), apps[0]);
    assert!(expires_in.is_some_and(|time| time.is_positive()));
    None
}

cognate_fuzz::target!(|bytes: &[u8]| {
    let mut parts = bytes.splitn(2, |byte| *byte == b'\n');
    let (Some([who, status @ ..]), Some(body)) = (parts.next(), parts.next()) else {
        return;
    };
    let status = std::str::from_utf8(status)
        .ok()
        .and_then(|status| status.parse().ok());
    let Some(status @ 100..=599) = status else {
        return;
    };
    let no = match who {
        b'f' => numeric(status, body, facebook::read_id(status, body), "id"),
        b'a' => of_amazon(status, body),
        b't' => numeric(status, body, twitter::read_account(status, body), "id_str"),
        _ => return,
    };
    let words = match &no {
        None => return,
        Some(IntrospectionError::Rejected(no)) => {
            assert!(no.status == status && (400..500).contains(&status) || no.code == "expired");
            assert!(no.code.len() <= 64 && no.code.bytes().all(|byte| byte.is_ascii_graphic()));
            error_chain(no)
        }
        Some(IntrospectionError::Failed(why)) => error_chain(why.as_ref() as &dyn Error),
    };
    assert!(!words.contains(TOKEN), "{words}");
    assert!(words.len() < 300, "{words}");
});
