//! The authorization endpoint: a page on which a user is chosen, and a redirect with a code. It never answers without a
//! person: a frame, a script and `prompt=none` get nothing.

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::response::Response;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde_json::{Map, Value};
use url::Url;

use super::page;
use super::parameters::Parameters;
use super::{IssuerState, body, form};
use crate::app::connection::Connection;
use crate::app::test_issuer::has_client;
use crate::model::json;
use crate::test_issuer::{Grant, TestIssuer, TestUser};

const FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The length of a challenge: a SHA-256 in base64url.
const CHALLENGE: usize = 43;

/// A request that is answered to its client, by a redirect.
struct AuthorizationRequest<'p> {
    redirect: Url,
    state: Option<&'p str>,
}

/// Why there is no page and no code.
enum Refused {
    /// The person sees a sentence, and nothing is sent to anyone.
    Here(StatusCode, &'static str),
    /// The client gets an error by a redirect.
    ToClient(&'static str, &'static str),
}

/// Shows the page.
pub(super) async fn show(
    State(state): State<IssuerState>,
    headers: HeaderMap,
    uri: http::Uri,
) -> Response {
    let query = uri.query().unwrap_or_default();
    let Some(parameters) = Parameters::parse(query.as_bytes()) else {
        return page::refusal(StatusCode::BAD_REQUEST, TWICE);
    };
    let request = match request(&state, &parameters) {
        Ok(request) => request,
        Err((status, sentence)) => return page::refusal(status, sentence),
    };
    match check(&parameters).and_then(|()| check_window(&headers)) {
        Ok(()) => page::choice(&parameters, &request.redirect),
        Err(refused) => refuse(&state.issuer, &request, &refused),
    }
}

/// Takes the form of the page: redirects with a code.
pub(super) async fn submit(
    State(state): State<IssuerState>,
    Extension(connection): Extension<Connection>,
    request: axum::extract::Request,
) -> Response {
    let (parts, sent) = request.into_parts();
    // Nothing is read for a page of another site.
    if let Err(sentence) = check_origin(&state.issuer, &parts) {
        return page::refusal(StatusCode::FORBIDDEN, sentence);
    }
    submitted(&state, &connection, &parts, sent).await
}

async fn submitted(
    state: &IssuerState,
    connection: &Connection,
    parts: &Parts,
    sent: Body,
) -> Response {
    let issuer = &state.issuer;
    let sent = body(state, connection, sent).await;
    let parameters = sent.and_then(|sent| form(&parts.method, &parts.headers, &sent));
    let Some(parameters) = parameters else {
        return page::refusal(StatusCode::BAD_REQUEST, TWICE);
    };
    let request = match self::request(state, &parameters) {
        Ok(request) => request,
        Err((status, sentence)) => return page::refusal(status, sentence),
    };
    if let Err(refused) = check(&parameters).and_then(|()| check_window(&parts.headers)) {
        return refuse(issuer, &request, &refused);
    }
    if parameters.get("decision") == Some("deny") {
        let denied = Refused::ToClient("access_denied", "the user cancelled");
        return refuse(issuer, &request, &denied);
    }
    let user = match user(&parameters) {
        Ok(user) => user,
        Err(sentence) => return page::refusal(StatusCode::BAD_REQUEST, &sentence),
    };
    let grant = Grant {
        user,
        client_id: parameters.text("client_id").to_owned(),
        redirect_uri: parameters.text("redirect_uri").to_owned(),
        code_challenge: parameters.text("code_challenge").to_owned(),
        nonce: parameters.get("nonce").map(str::to_owned),
    };
    let app = &state.front.app;
    let mut random = [0; 32];
    app.ambient.fill(&mut random);
    let code = issuer.issue_code(random, grant, app.now());
    redirect(issuer, &request, &[("code", &code)])
}

const TWICE: &str = "A parameter appears twice, or the request isn't a form.";

/// The request, if its client and its redirect are known. Otherwise nothing may be sent to the redirect.
fn request<'p>(
    state: &IssuerState,
    parameters: &'p Parameters,
) -> Result<AuthorizationRequest<'p>, (StatusCode, &'static str)> {
    let known = has_client(&state.front.app, parameters.text("client_id"));
    let known = known.map_err(|_| {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "The store of the server can't be read.",
        )
    })?;
    if !known {
        return Err((
            StatusCode::BAD_REQUEST,
            "The client_id is not registered: the test issuer has the client \"demo\", and those that \
             AddClientIDToOpenIDConnectProvider adds.",
        ));
    }
    let uri = parameters.text("redirect_uri");
    let allowed = state.issuer.may_redirect_to(uri);
    match Url::parse(uri).ok().filter(|_| allowed) {
        Some(redirect) => Ok(AuthorizationRequest {
            redirect,
            state: parameters.get("state"),
        }),
        None => Err((
            StatusCode::BAD_REQUEST,
            "The redirect_uri is neither on this machine (localhost or a loopback address) nor at an origin that dev.origins \
             (COGNATE_DEV_ORIGINS) names.",
        )),
    }
}

/// Checks what the client asks for.
fn check(parameters: &Parameters) -> Result<(), Refused> {
    let refuse = |error, description| Err(Refused::ToClient(error, description));
    for name in ["request", "request_uri"] {
        if parameters.get(name).is_some() {
            return refuse("request_not_supported", "requests are plain parameters");
        }
    }
    if parameters.get("response_type") != Some("code") {
        return refuse("unsupported_response_type", "response_type must be code");
    }
    if parameters
        .get("response_mode")
        .is_some_and(|mode| mode != "query")
    {
        return refuse("invalid_request", "response_mode must be query");
    }
    let mut scopes = parameters.text("scope").split(' ');
    if !scopes.any(|scope| scope == "openid") {
        return refuse("invalid_scope", "scope must have openid");
    }
    let challenge = parameters.text("code_challenge");
    let is_challenge = challenge.len() == CHALLENGE
        && challenge
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if parameters.get("code_challenge_method") != Some("S256") || !is_challenge {
        return refuse(
            "invalid_request",
            "PKCE is required: code_challenge_method must be S256",
        );
    }
    let mut prompts = parameters.text("prompt").split(' ');
    if prompts.any(|prompt| prompt == "none") {
        return refuse(
            "login_required",
            "the test issuer signs no user in silently",
        );
    }
    Ok(())
}

/// Refuses everything but a page of its own: frames, images and scripts, as far as the browser names them.
fn check_window(headers: &HeaderMap) -> Result<(), Refused> {
    let elsewhere = headers
        .get_all(FETCH_DEST)
        .iter()
        .any(|dest| dest != "document");
    if elsewhere {
        let sentence = "Open this page in a window of its own, not in a frame.";
        return Err(Refused::Here(StatusCode::FORBIDDEN, sentence));
    }
    Ok(())
}

/// Whether a form comes from the issuer's own page. Browsers send `Origin` with each form.
fn check_origin(issuer: &TestIssuer, parts: &Parts) -> Result<(), &'static str> {
    const OTHER: &str = "The form must come from the issuer's own page.";
    let mut origins = parts.headers.get_all(header::ORIGIN).iter();
    let (Some(origin), None) = (origins.next(), origins.next()) else {
        return Err(OTHER);
    };
    let host = parts
        .headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let host = host.or(parts.uri.authority().map(http::uri::Authority::as_str));
    let origin = origin.to_str().map_err(|_| OTHER)?;
    let is_same = origin
        .split_once("://")
        .is_some_and(|(_, authority)| Some(authority) == host);
    let sites = parts.headers.get_all(FETCH_SITE);
    let is_own =
        is_same && issuer.has_page_at(origin) && sites.iter().all(|site| site == "same-origin");
    if is_own { Ok(()) } else { Err(OTHER) }
}

/// The chosen user; the error is a sentence.
fn user(parameters: &Parameters) -> Result<TestUser, String> {
    let claims = match parameters.get("claims").map(str::trim) {
        None | Some("") => Map::new(),
        Some(text) => match json::read(text.as_bytes()) {
            Ok(Value::Object(claims)) => claims,
            _ => return Err("The further claims are not a JSON object.".to_owned()),
        },
    };
    let user = TestUser::new(parameters.text("sub"), claims);
    user.map_err(|error| format!("The user can't sign in: {error}."))
}

fn refuse(issuer: &TestIssuer, request: &AuthorizationRequest<'_>, refused: &Refused) -> Response {
    match refused {
        Refused::Here(status, sentence) => page::refusal(*status, sentence),
        Refused::ToClient(error, description) => {
            let answer = [("error", *error), ("error_description", *description)];
            redirect(issuer, request, &answer)
        }
    }
}

/// Sends the browser to the client, with the parameters of the answer.
fn redirect(
    issuer: &TestIssuer,
    request: &AuthorizationRequest<'_>,
    answer: &[(&str, &str)],
) -> Response {
    let mut url = request.redirect.clone();
    url.query_pairs_mut()
        .extend_pairs(answer)
        .extend_pairs(request.state.map(|state| ("state", state)))
        .append_pair("iss", issuer.url());
    let mut response = page::refusal(StatusCode::SEE_OTHER, "Go back to the application.");
    if let Ok(url) = HeaderValue::from_str(url.as_str()) {
        response.headers_mut().insert(header::LOCATION, url);
    }
    response
}
