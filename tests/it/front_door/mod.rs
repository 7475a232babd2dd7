//! The front door: which bytes are taken for which request, what every answer looks like, and what strangers can't do.

mod bodies;
mod cors;
mod documents;
mod envelope;
mod forms;
mod other_clients;
mod query;
mod raw;
mod targets;
mod url_parameters;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::world::{Answer, World, json_headers};

/// A pool that nobody has, in a request that is good but for that.
const NOBODYS: &str = r#"{"IdentityPoolId":"eu-west-1:00000000-0000-4000-8000-000000000000"}"#;

/// What is said about [`NOBODYS`].
const NOT_FOUND: &str = "IdentityPool 'eu-west-1:00000000-0000-4000-8000-000000000000' not found.";

/// Sends a body to an operation that anybody may call.
async fn get_id(world: &World, body: impl Into<reqwest::Body>) -> Answer {
    let headers = json_headers("AWSCognitoIdentityService.GetId");
    world.send("POST", "/", headers, body).await
}

fn with(mut headers: HeaderMap, name: &str, value: &str) -> HeaderMap {
    headers.append(
        HeaderName::from_bytes(name.as_bytes()).unwrap(),
        HeaderValue::from_bytes(value.as_bytes()).unwrap(),
    );
    headers
}
