//! The token of a profile: from a login, a file, a variable, or the environment of a workload.

pub(super) mod provider;
pub(super) mod saved_login;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderValue, header};
use jiff::Timestamp;
use miette::{IntoDiagnostic, Result, WrapErr, miette};
use serde_json::{Map, Value};
use url::Url;

use super::profile::{Profile, ProfileSource};
use super::user_files::UserFolder;
use crate::config::Environment;
use crate::model::json;
use crate::outgoing::DirectClient;

/// A server or a provider can't be reached now. Older keys may be used meanwhile.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("{0}")]
pub(super) struct Unreachable(pub(super) String);

/// Text of a server without control characters, because it is printed on a terminal.
pub(super) fn printable(text: &str) -> String {
    let printable = |letter: &char| !letter.is_control();
    text.chars().filter(printable).take(1000).collect()
}

/// The rest of a token that is still sent. Of a shorter token, half of its life is enough.
const LEAST_LEFT: i64 = 30;

/// A new token of a profile, or one that is still good for a while.
pub(super) async fn find(
    folder: &UserFolder,
    environment: &Environment,
    name: &str,
    profile: &Profile,
    now: Timestamp,
) -> Result<String> {
    match profile.source {
        ProfileSource::Login => saved_login::token(folder, name, profile, now).await,
        ProfileSource::File => of_file(profile.token_file.as_deref().unwrap_or_default()),
        ProfileSource::Gitlab => environment.text("COGNATE_ID_TOKEN").ok_or_else(|| {
            miette!("the variable COGNATE_ID_TOKEN is not set: name it under id_tokens of the job")
        }),
        ProfileSource::Github => of_github(environment, &profile.audience()?).await,
        ProfileSource::Spiffe => of_spiffe(environment, &profile.audience()?).await,
    }
}

fn of_file(path: &str) -> Result<String> {
    let text = std::fs::read_to_string(path).into_diagnostic();
    let text = text.wrap_err_with(|| format!("the token's file {path} can't be read"))?;
    let token = text.trim_end_matches(['\r', '\n']);
    if token.is_empty() {
        return Err(miette!("the token's file {path} is empty"));
    }
    Ok(token.to_owned())
}

/// A token of a job of GitHub Actions, which is good for five minutes.
async fn of_github(environment: &Environment, audience: &str) -> Result<String> {
    let variable = |name: &str| {
        environment.text(name).ok_or_else(|| {
            miette!("the variable {name} is not set: the job needs permissions: id-token: write")
        })
    };
    let mut url = Url::parse(&variable("ACTIONS_ID_TOKEN_REQUEST_URL")?).into_diagnostic()?;
    url.query_pairs_mut().append_pair("audience", audience);
    let bearer = format!("bearer {}", variable("ACTIONS_ID_TOKEN_REQUEST_TOKEN")?);
    let mut value = HeaderValue::from_str(&bearer).into_diagnostic()?;
    value.set_sensitive(true);
    let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value)]);
    let client = DirectClient::new(None).into_diagnostic()?;
    let answer = client.get_with(url, headers).await.into_diagnostic();
    let answer = answer.wrap_err("GitHub gives no token")?;
    let body = json::read(&answer.body).unwrap_or_default();
    let token = body["value"]
        .as_str()
        .filter(|_| answer.status.is_success());
    token
        .map(str::to_owned)
        .ok_or_else(|| miette!("GitHub gives no token: it answers {}", answer.status))
}

/// A token of the SPIFFE Workload API, by the agent's own client.
async fn of_spiffe(environment: &Environment, audience: &str) -> Result<String> {
    let mut command = tokio::process::Command::new("spire-agent");
    command.args([
        "api",
        "fetch",
        "jwt",
        "-output",
        "json",
        "-audience",
        audience,
    ]);
    if let Some(socket) = environment.text("SPIFFE_ENDPOINT_SOCKET") {
        command.args(["-socketPath", socket.trim_start_matches("unix://")]);
    }
    let output = command.output().await.into_diagnostic();
    let output = output
        .wrap_err("spire-agent can't be run: install it, or use spiffe-helper and --from file")?;
    svid(&output.stdout).ok_or_else(|| {
        let words = String::from_utf8_lossy(&output.stderr);
        let line = words.lines().next().unwrap_or("it prints no token");
        miette!("spire-agent gives no token: {line}")
    })
}

/// The token in the output of `spire-agent api fetch jwt -output json`.
fn svid(output: &[u8]) -> Option<String> {
    let Ok(Value::Array(parts)) = json::read(output) else {
        return None;
    };
    let mut found = parts
        .iter()
        .filter_map(|part| part["svids"][0]["svid"].as_str());
    found.next().map(str::to_owned)
}

/// The claims of a token, which the server verifies.
pub(super) fn claims(token: &str) -> Option<Map<String, Value>> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    match json::read(&payload) {
        Ok(Value::Object(claims)) => Some(claims),
        _ => None,
    }
}

/// Whether a token is good for a while.
pub(super) fn is_fresh(token: &str, now: Timestamp) -> bool {
    let Some(claims) = claims(token) else {
        return false;
    };
    let number = |name: &str| claims.get(name).and_then(Value::as_i64);
    let Some(end) = number("exp") else {
        return false;
    };
    let life = number("iat").map_or(LEAST_LEFT * 2, |issued| end.saturating_sub(issued));
    end.saturating_sub(now.as_second()) > LEAST_LEFT.min(life / 2)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_token_is_fresh_for_half_of_a_short_life() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let of = |issued: i64, end: i64| {
            let at = |seconds: i64| now.as_second() + seconds;
            let claims = json!({ "iat": at(issued), "exp": at(end) }).to_string();
            format!("e30.{}.AA", URL_SAFE_NO_PAD.encode(claims))
        };
        for (issued, end, fresh) in [
            (0, 3600, true),
            (-3500, 100, true),
            (-3570, 30, false),
            (0, 5, true),
            (-3, 2, false),
            (-5, 0, false),
            (-10, -5, false),
        ] {
            assert_eq!(is_fresh(&of(issued, end), now), fresh, "{issued} {end}");
        }
        for token in ["", "a.b", "e30.e30.AA", "a.b.c"] {
            assert!(!is_fresh(token, now), "{token}");
        }
    }

    #[test]
    fn the_token_of_the_workload_api_is_found() {
        let output =
            json!([{ "svids": [{ "svid": "a.b.c", "spiffe_id": "x" }] }, { "bundles": {} }]);
        assert_eq!(
            svid(output.to_string().as_bytes()).as_deref(),
            Some("a.b.c")
        );
        for output in ["", "[]", "{}", "[{\"svids\":[]}]"] {
            assert_eq!(svid(output.as_bytes()), None);
        }
    }

    #[test]
    fn a_file_may_end_with_a_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        for (text, token) in [
            ("a.b.c", Some("a.b.c")),
            ("a.b.c\n", Some("a.b.c")),
            ("\n", None),
        ] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(of_file(path.to_str().unwrap()).ok().as_deref(), token);
        }
        assert!(of_file("/nothing/here").is_err());
    }
}
