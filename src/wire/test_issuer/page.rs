//! The pages of the test issuer, without scripts. No other page can frame them.

use std::fmt::Write as _;

use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use url::Url;

use super::super::html::{self, escaped};
use super::parameters::Parameters;

/// The parameters that the form carries on.
const CARRIED: [&str; 9] = [
    "client_id",
    "redirect_uri",
    "response_type",
    "response_mode",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
];

/// The page on which a user is chosen; the browser returns to `redirect`.
pub(super) fn choice(parameters: &Parameters, redirect: &Url) -> Response {
    let origin = redirect.origin().ascii_serialization();
    let mut form = String::new();
    for name in CARRIED {
        if let Some(value) = parameters.get(name) {
            let value = escaped(value);
            writeln!(
                form,
                r#"<input type="hidden" name="{name}" value="{value}">"#
            )
            .expect("a String takes any text");
        }
    }
    let subject = parameters.get("login_hint").unwrap_or("alice");
    let content = format!(
        r#"<h1>Sign in as a test user</h1>
<p>The client <code>{client}</code> at <code>{origin}</code> asks for an ID token. This is the test issuer of <code>cognate dev</code>. It knows no passwords: choose any user.</p>
<form method="post" action="authorize">
{form}<p><label>User (sub)<br><input name="sub" value="{subject}" maxlength="255" required autofocus></label></p>
<p><label>Further claims, a JSON object<br><textarea name="claims" rows="4" cols="60" placeholder='{{"team": "admins"}}'></textarea></label></p>
<p><button name="decision" value="allow">Sign in</button> <button name="decision" value="deny" formnovalidate>Cancel</button></p>
</form>"#,
        client = escaped(parameters.text("client_id")),
        origin = escaped(&origin),
        subject = escaped(subject),
    );
    // Chromium applies form-action to the redirect after the form, too. A policy can't name an IPv6 address.
    let target = if origin.contains('[') {
        format!("{}:", redirect.scheme())
    } else {
        origin
    };
    protected(
        html::page(StatusCode::OK, "Sign in: test issuer of Cognate", &content),
        &format!("'self' {target}"),
    )
}

/// A page that says why nothing was asked, without a redirect.
pub(super) fn refusal(status: StatusCode, sentence: &str) -> Response {
    let content = format!(
        "<h1>The test issuer refuses this request</h1>\n<p>{}</p>",
        escaped(sentence)
    );
    protected(
        html::page(status, "Refused: test issuer of Cognate", &content),
        "'none'",
    )
}

/// Replaces the policy of a page, with the URLs that its form may lead to.
fn protected(mut response: Response, form_action: &str) -> Response {
    let policy = format!(
        "default-src 'none'; form-action {form_action}; base-uri 'none'; frame-ancestors 'none'"
    );
    if let Ok(policy) = HeaderValue::try_from(policy) {
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}
