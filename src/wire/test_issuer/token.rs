//! The token endpoint, which redeems codes, and the endpoint of `cognate dev token`, which makes an ID token of any user.
//! The latter is for programs: it refuses everything that a browser sends.

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::request::Parts;
use http::{HeaderMap, HeaderName, StatusCode, header};
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::{Map, Value, json as document};

use super::{IssuerState, allowed_origin, body, form, json, shared};
use crate::app::connection::Connection;
use crate::app::demo::CLIENT;
use crate::app::test_issuer::has_client;
use crate::model::json as strict;
use crate::test_issuer::{CodeRedemption, LIFETIME, LONGEST_LIFETIME, TestUser};

/// The headers that browsers add and pages can't remove.
const OF_BROWSERS: [HeaderName; 5] = [
    header::ORIGIN,
    HeaderName::from_static("sec-fetch-site"),
    HeaderName::from_static("sec-fetch-mode"),
    HeaderName::from_static("sec-fetch-dest"),
    header::COOKIE,
];

/// An error of OAuth: a code, and a sentence for developers.
type OauthError = (&'static str, String);

/// Redeems a code for an ID token.
pub(super) async fn redeem(
    State(state): State<IssuerState>,
    Extension(connection): Extension<Connection>,
    request: axum::extract::Request,
) -> Response {
    let (parts, sent) = request.into_parts();
    let of_page = parts.headers.contains_key(header::ORIGIN);
    if of_page && allowed_origin(&state.issuer, &parts.headers).is_none() {
        let error = error(
            "invalid_request",
            "the page's origin is neither on this machine nor one that dev.origins names",
        );
        return json(StatusCode::FORBIDDEN, &error);
    }
    let answer = redeemed(&state, &connection, &parts, sent).await;
    let (status, answer) = match answer {
        Ok(answer) => (StatusCode::OK, answer),
        Err((code, sentence)) => (StatusCode::BAD_REQUEST, error(code, &sentence)),
    };
    shared(&state.issuer, &parts.headers, status, &answer)
}

async fn redeemed(
    state: &IssuerState,
    connection: &Connection,
    parts: &Parts,
    sent: Body,
) -> Result<Value, OauthError> {
    let sent = body(state, connection, sent).await;
    let parameters = sent.and_then(|sent| form(&parts.method, &parts.headers, &sent));
    let refuse = |code, sentence: &str| (code, sentence.to_owned());
    let parameters = parameters.ok_or_else(|| {
        refuse(
            "invalid_request",
            "the request isn't a form with each parameter once",
        )
    })?;
    if parameters.get("grant_type") != Some("authorization_code") {
        let sentence = "grant_type must be authorization_code";
        return Err(refuse("unsupported_grant_type", sentence));
    }
    if parts.headers.contains_key(header::AUTHORIZATION)
        || parameters.get("client_secret").is_some()
    {
        let sentence =
            "the clients of the test issuer are public: they have no secret, and use PKCE";
        return Err(refuse("invalid_client", sentence));
    }
    let redemption = CodeRedemption {
        code: parameters.text("code"),
        client_id: parameters.text("client_id"),
        redirect_uri: parameters.text("redirect_uri"),
        verifier: parameters.text("code_verifier"),
    };
    let app = &state.front.app;
    let now = app.now();
    let grant = state.issuer.redeem(&redemption, now);
    let grant = grant.map_err(|error| ("invalid_grant", error.to_string()))?;
    let nonce = grant.nonce.as_deref();
    let id_token = state
        .issuer
        .id_token(&grant.user, &grant.client_id, nonce, LIFETIME, now);
    // OAuth requires an access token. This one opens nothing.
    let mut random = [0; 32];
    app.ambient.fill(&mut random);
    Ok(document!({
        "access_token": URL_SAFE_NO_PAD.encode(random),
        "token_type": "Bearer",
        "expires_in": LIFETIME.as_secs(),
        "scope": "openid",
        "id_token": id_token,
    }))
}

fn error(code: &str, sentence: &str) -> Value {
    document!({ "error": code, "error_description": sentence })
}

/// The body of a request for an ID token.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenRequest {
    sub: String,
    #[serde(default)]
    claims: Map<String, Value>,
    client_id: Option<String>,
    /// In seconds.
    expires_in: Option<i64>,
}

/// Makes an ID token.
pub(super) async fn make(
    State(state): State<IssuerState>,
    Extension(connection): Extension<Connection>,
    request: axum::extract::Request,
) -> Response {
    let (parts, sent) = request.into_parts();
    if let Err(sentence) = check_program(&parts.headers) {
        return json(StatusCode::FORBIDDEN, &error("invalid_request", sentence));
    }
    let answer = made(&state, &connection, sent).await;
    match answer {
        Ok(token) => json(StatusCode::OK, &document!({ "id_token": token })),
        Err(sentence) => {
            let error = error("invalid_request", &sentence);
            json(StatusCode::BAD_REQUEST, &error)
        }
    }
}

/// Refuses what a browser sends. A page can't send JSON to another origin unasked, either.
fn check_program(headers: &HeaderMap) -> Result<(), &'static str> {
    if OF_BROWSERS.iter().any(|name| headers.contains_key(name)) {
        return Err(
            "this endpoint is for programs: a browser signs in at the authorization endpoint",
        );
    }
    let content_type = headers.get(header::CONTENT_TYPE);
    match content_type.and_then(|value| value.to_str().ok()) {
        Some("application/json") => Ok(()),
        _ => Err("the content type must be application/json"),
    }
}

async fn made(state: &IssuerState, connection: &Connection, sent: Body) -> Result<String, String> {
    let sent = body(state, connection, sent)
        .await
        .ok_or("the body can't be read")?;
    let request: TokenRequest = strict::read_as(&sent).map_err(|_| {
        "the body is {\"sub\": …, \"claims\": {…}, \"client_id\": …, \"expires_in\": …} in JSON, and only sub is required"
    })?;
    let user = TestUser::new(&request.sub, request.claims).map_err(|error| error.to_string())?;
    let client = request.client_id.as_deref().unwrap_or(CLIENT);
    let app = &state.front.app;
    match has_client(app, client) {
        Ok(true) => {}
        Ok(false) => {
            return Err("the client is not registered for the test issuer: \
                        AddClientIDToOpenIDConnectProvider adds one"
                .to_owned());
        }
        Err(_) => return Err("the store of the server can't be read".to_owned()),
    }
    let lifetime = request.expires_in.unwrap_or(LIFETIME.as_secs());
    if !(1..=LONGEST_LIFETIME.as_secs()).contains(&lifetime) {
        return Err("the lifetime is a second to 24 hours".to_owned());
    }
    let lifetime = SignedDuration::from_secs(lifetime);
    Ok(state
        .issuer
        .id_token(&user, client, None, lifetime, app.now()))
}
