//! `cognate dev token`: an ID token of the test issuer of a running `cognate dev`.

use bytes::Bytes;
use clap::{Args, Subcommand};
use http::{HeaderMap, HeaderValue, header};
use jiff::SignedDuration;
use miette::{IntoDiagnostic, Result, WrapErr, miette};
use serde_json::{Map, Value, json};

use super::client::{self, EndpointArguments};
use crate::app::demo::CLIENT;
use crate::model::json;
use crate::test_issuer::PATH;

/// The subcommands of `cognate dev`.
#[derive(Debug, Subcommand)]
pub(super) enum DevCommand {
    /// Print an ID token of the test issuer of a running `cognate dev`
    ///
    /// The token is for the demo pool. The login's key in Logins is the issuer without its scheme, which --login prints. The
    /// command needs no access key.
    Token(DevTokenArguments),
}

/// The flags of `cognate dev token`.
#[derive(Debug, Args)]
pub(super) struct DevTokenArguments {
    /// The user: the claim sub
    #[arg(long, value_name = "NAME")]
    sub: String,
    /// A further claim; repeat the flag for more. A value that is JSON is taken as JSON, any other as a string
    #[arg(long = "claim", value_name = "NAME=VALUE", value_parser = claim)]
    claims: Vec<(String, Value)>,
    /// The lifetime of the token, up to 24h
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = lifetime)]
    expires: SignedDuration,
    /// The client: the claim aud
    #[arg(long, value_name = "ID", default_value = CLIENT)]
    client_id: String,
    /// Print KEY=TOKEN, the form of --logins of the AWS CLI
    #[arg(long)]
    login: bool,
    #[command(flatten)]
    endpoint: EndpointArguments,
}

fn claim(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text
        .split_once('=')
        .filter(|(name, _)| !name.is_empty())
        .ok_or("write NAME=VALUE: team=admins")?;
    let value = json::read(value.as_bytes()).unwrap_or_else(|_| value.into());
    Ok((name.to_owned(), value))
}

fn lifetime(text: &str) -> Result<SignedDuration, String> {
    let parsed = text.parse::<SignedDuration>().ok();
    let parsed = parsed.filter(|lifetime| lifetime.as_secs() >= 1);
    parsed.ok_or_else(|| "write a duration: 30s, 5m or 1h".to_owned())
}

/// Runs the subcommand.
pub(super) async fn run(command: DevCommand) -> Result<()> {
    let DevCommand::Token(arguments) = command;
    let mut claims = Map::new();
    for (name, value) in arguments.claims {
        if claims.insert(name.clone(), value).is_some() {
            return Err(miette!("--claim {name} is set twice: remove one of them"));
        }
    }
    let request = json!({
        "sub": arguments.sub,
        "claims": claims,
        "client_id": arguments.client_id,
        "expires_in": arguments.expires.as_secs(),
    });
    let endpoint = &arguments.endpoint;
    let token = make(endpoint, &request).await?;
    if arguments.login {
        let path = format!("{PATH}/.well-known/openid-configuration");
        let discovery = client::document(endpoint, &path).await?;
        let issuer = discovery["issuer"].as_str().unwrap_or_default();
        let name = issuer.split_once("://").map_or(issuer, |(_, name)| name);
        println!("{name}={token}");
    } else {
        println!("{token}");
    }
    Ok(())
}

async fn make(endpoint: &EndpointArguments, request: &Value) -> Result<String> {
    let url = endpoint.url(&format!("{PATH}/id-token"))?;
    let client = endpoint.client()?;
    let endpoint = endpoint.as_str();
    let mut headers = HeaderMap::new();
    let content_type = HeaderValue::from_static("application/json");
    headers.insert(header::CONTENT_TYPE, content_type);
    let response = client
        .post(url, headers, Bytes::from(request.to_string()))
        .await
        .into_diagnostic()
        .wrap_err_with(|| client::unanswered(endpoint))?;
    let answer = json::read(&response.body).unwrap_or_default();
    let text = |name: &str| answer.get(name).and_then(Value::as_str);
    match (text("id_token"), text("error_description")) {
        (Some(token), _) => Ok(token.to_owned()),
        (None, Some(why)) => Err(miette!("the test issuer refuses: {why}")),
        (None, None) => Err(miette!(
            "the server at {endpoint} has no test issuer: only one that was started by `cognate dev` has"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_json_or_a_string() {
        for (text, value) in [
            ("team=admins", json!("admins")),
            ("a=b=c", json!("b=c")),
            ("a=", json!("")),
            ("groups=[\"a\",\"b\"]", json!(["a", "b"])),
            ("email_verified=true", json!(true)),
            ("level=7", json!(7)),
            ("level=\"7\"", json!("7")),
            ("a=[", json!("[")),
        ] {
            assert_eq!(claim(text).unwrap().1, value, "{text}");
        }
        for text in ["", "=b", "a"] {
            assert!(claim(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_lifetime_is_a_duration() {
        for (text, seconds) in [("30s", 30), ("5m", 300), ("1h30m", 5400), ("PT5M", 300)] {
            assert_eq!(lifetime(text).unwrap().as_secs(), seconds, "{text}");
        }
        for text in ["", "5", "0s", "-5m", "soon"] {
            assert!(lifetime(text).is_err(), "{text}");
        }
    }
}
