//! What a signature decides, for every operation of the table.

use cognate::operations::{ALL, Access, Entry};
use http::HeaderValue;
use serde_json::{Value, json};

use crate::constraints::requests::request;
use crate::constraints::sending::{is_query, send, written};
use crate::world::{Answer, Credentials, World};

#[tokio::test]
async fn an_unsigned_call_of_whatever_wants_a_signature_is_refused() {
    let world = World::new().await;
    for entry in ALL {
        if entry.access == Access::Public {
            continue;
        }
        // Before anything is said about what it holds.
        for request in [request(entry), json!({})] {
            let answer = with_authorization(&world, entry, &request, None).await;
            if is_query(entry) {
                answer.query_refused(
                    403,
                    "MissingAuthenticationToken",
                    "Request is missing Authentication Token",
                );
            } else {
                answer.refused(
                    "MissingAuthenticationTokenException",
                    "Missing Authentication Token",
                );
            }
        }
    }
}

#[tokio::test]
async fn what_anybody_may_call_is_answered_the_same_whatever_the_signature() {
    let world = World::new().await;
    for entry in ALL {
        if entry.access != Access::Public {
            continue;
        }
        let plain = send(&world, entry, &request(entry)).await;
        for authorization in [
            "nonsense",
            "AWS4-HMAC-SHA256 Credential=x",
            "Bearer abc",
            "",
        ] {
            let signed =
                with_authorization(&world, entry, &request(entry), Some(authorization)).await;
            let what = |answer: &Answer| {
                let text = answer.xml("Message").unwrap_or_else(|| answer.text.clone());
                (answer.status, text)
            };
            assert_eq!(
                what(&plain),
                what(&signed),
                "{} {authorization}",
                entry.name
            );
        }
    }
}

#[tokio::test]
async fn a_guests_session_may_call_nothing_that_wants_permission() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    let guest = world.identity(&pool, json!({})).await;
    let given = world.credentials(&guest, json!({})).await.ok();
    let session = Credentials::of(&given["Credentials"]);
    for entry in ALL {
        if entry.access != Access::Signed {
            continue;
        }
        let (headers, body) = written(entry, &request(entry));
        let headers = world.sign(&session, entry.service.signing_name(), headers, &body);
        let answer = world.send("POST", "/", headers, body).await;
        let action = format!("{}:{}", entry.service.action_prefix(), entry.name);
        let begins = format!(
            "User: arn:aws:sts::123456789012:assumed-role/Guest/CognitoIdentityCredentials is not authorized to \
             perform: {action} on resource: "
        );
        let (found, wanted) = if is_query(entry) {
            let part = |name: &str| answer.xml(name).unwrap_or_default();
            let found = (answer.status, part("Code"), part("Message"));
            (found, (403, "AccessDenied"))
        } else {
            (answer.error(), (400, "AccessDeniedException"))
        };
        let (status, code, text) = found;
        assert_eq!((status, code.as_str()), wanted, "{}", entry.name);
        assert!(text.starts_with(&begins), "{text}");
    }
}

/// Sends a request that bears this authorisation, or none.
async fn with_authorization(
    world: &World,
    entry: &Entry,
    request: &Value,
    authorization: Option<&str>,
) -> Answer {
    let (mut headers, body) = written(entry, request);
    if let Some(value) = authorization {
        headers.insert("authorization", HeaderValue::from_str(value).unwrap());
    }
    world.send("POST", "/", headers, body).await
}
