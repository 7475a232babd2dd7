//! The client behind every command that asks a running server: it signs one of Cognate's own operations.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use http::{HeaderMap, HeaderValue, header};
use miette::{IntoDiagnostic, Result, WrapErr, miette};
use serde_json::Value;

use crate::ambient::{Ambient, Real};
use crate::app::keys::root_key;
use crate::config::Environment;
use crate::model::json;
use crate::wire::sigv4::{self, SecretKey, Signer};

/// The server that is asked where none is named.
pub(super) const ENDPOINT: &str = "http://127.0.0.1:2646";

const NO_JSON: &str = "the answer is no JSON: is this a Cognate server?";

/// Which server is asked, and who asks.
#[derive(Debug, Args)]
pub(super) struct Server {
    /// The server's URL
    #[arg(long, value_name = "URL", default_value = ENDPOINT)]
    endpoint: String,
    /// Where the server's `root-credentials` lie; without them, AWS_ACCESS_KEY_ID or the AWS credentials file count
    #[arg(long, value_name = "DIR", default_value = "./cognate-data")]
    data_dir: PathBuf,
    /// The region to sign for
    #[arg(long, value_name = "NAME", default_value = "us-east-1")]
    region: String,
}

/// An access key that may administrate.
struct AccessKey {
    id: String,
    secret: SecretKey,
    session_token: Option<String>,
}

impl Server {
    /// The same server, asked for this region.
    pub(super) fn of_region(self, region: &str) -> Self {
        Self {
            region: region.to_owned(),
            ..self
        }
    }

    /// Asks for one of Cognate's own operations, and gives its answer.
    pub(super) async fn ask(&self, operation: &str, input: &Value) -> Result<Value> {
        let key = access_key(&self.data_dir, &Environment::of_the_process())?;
        let url = url(&self.endpoint)?;
        let body = input.to_string();
        let headers = self.headers(&url, operation, &body, &key)?;
        let response = client()?
            .post(url)
            .headers(headers)
            .body(body)
            .send()
            .await
            .into_diagnostic()
            .wrap_err_with(|| unanswered(&self.endpoint))?;
        let status = response.status();
        let answer = response.bytes().await.into_diagnostic()?;
        let answer = json::read(&answer).into_diagnostic().wrap_err(NO_JSON)?;
        if status.is_success() {
            return Ok(answer);
        }
        let text = |name: &str| answer.get(name).and_then(Value::as_str);
        let words = text("message")
            .or(text("Message"))
            .unwrap_or("no reason was given");
        Err(miette!(
            "{}: {words}",
            text("__type").unwrap_or("the server refused")
        ))
    }

    fn headers(
        &self,
        url: &reqwest::Url,
        operation: &str,
        body: &str,
        key: &AccessKey,
    ) -> Result<HeaderMap> {
        let mut headers = HeaderMap::new();
        let host = HeaderValue::from_str(url.authority()).into_diagnostic()?;
        headers.insert(header::HOST, host);
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/x-amz-json-1.1"),
        );
        let target = HeaderValue::from_str(&format!("Cognate.{operation}")).into_diagnostic()?;
        headers.insert("x-amz-target", target);
        let request = sigv4::Request {
            method: "POST",
            path: url.path(),
            query: "",
            authority: None,
            headers: &headers,
            body: body.as_bytes(),
        };
        let signer = Signer {
            access_key_id: &key.id,
            secret: &key.secret,
            session_token: key.session_token.as_deref(),
            region: &self.region,
            service: "cognito-identity",
        };
        let added = sigv4::sign(&request, &signer, Real.now()).into_diagnostic()?;
        headers.extend(added);
        Ok(headers)
    }
}

/// A JSON document that the server at `endpoint` shows to everybody under `path`, which begins with a slash.
pub(super) async fn document(endpoint: &str, path: &str) -> Result<Value> {
    let endpoint = endpoint.trim_end_matches('/');
    let url = url(&format!("{endpoint}{path}"))?;
    let response = client()?
        .get(url)
        .send()
        .await
        .into_diagnostic()
        .wrap_err_with(|| unanswered(endpoint))?;
    let status = response.status();
    if !status.is_success() {
        return Err(miette!("{endpoint}{path} answers {status}"));
    }
    let document = response.bytes().await.into_diagnostic()?;
    json::read(&document).into_diagnostic().wrap_err(NO_JSON)
}

fn url(text: &str) -> Result<reqwest::Url> {
    reqwest::Url::parse(text)
        .into_diagnostic()
        .wrap_err_with(|| format!("--endpoint is a URL, as {ENDPOINT}"))
}

fn unanswered(endpoint: &str) -> String {
    format!("no server answers at {endpoint}: start one, or name it with --endpoint")
}

#[expect(
    clippy::disallowed_methods,
    reason = "the operator names this server; the fences are for what strangers name"
)]
fn client() -> Result<reqwest::Client> {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(30))
        .build()
        .into_diagnostic()
}

/// The root key of the data directory; otherwise what AWS's own tools would take.
fn access_key(data_dir: &Path, environment: &Environment) -> Result<AccessKey> {
    let root = data_dir.join(root_key::FILE);
    if let Ok(text) = std::fs::read_to_string(&root) {
        return of_profile(&text, "default")
            .ok_or_else(|| miette!("{} holds no access key", root.display()));
    }
    if let (Some(id), Some(secret)) = (
        environment.text("AWS_ACCESS_KEY_ID"),
        environment.text("AWS_SECRET_ACCESS_KEY"),
    ) {
        let session_token = environment.text("AWS_SESSION_TOKEN");
        return Ok(AccessKey {
            id,
            secret: SecretKey::new(secret),
            session_token,
        });
    }
    let profile = environment
        .text("AWS_PROFILE")
        .unwrap_or_else(|| "default".to_owned());
    let shared = environment
        .text("AWS_SHARED_CREDENTIALS_FILE")
        .map(PathBuf::from);
    let shared =
        shared.or_else(|| Some(PathBuf::from(environment.text("HOME")?).join(".aws/credentials")));
    let text = shared.and_then(|path| std::fs::read_to_string(path).ok());
    text.and_then(|text| of_profile(&text, &profile)).ok_or_else(|| {
        miette!(
            "there is no access key to sign with: {} is not there (name the data directory with --data-dir), and \
             neither the environment nor the AWS credentials file has one",
            root.display()
        )
    })
}

/// The access key of a profile in the text of an AWS credentials file.
fn of_profile(text: &str, profile: &str) -> Option<AccessKey> {
    let mut here = false;
    let (mut id, mut secret, mut session_token) = (None, None, None);
    for line in text.lines().map(str::trim) {
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|line| line.strip_suffix(']'))
        {
            here = name.trim() == profile;
        } else if let Some((name, value)) = line.split_once('=').filter(|_| here) {
            let value = Some(value.trim().to_owned());
            match name.trim() {
                "aws_access_key_id" => id = value,
                "aws_secret_access_key" => secret = value,
                "aws_session_token" => session_token = value,
                _ => {}
            }
        }
    }
    Some(AccessKey {
        id: id?,
        secret: SecretKey::new(secret?),
        session_token,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_has_its_own_key() {
        let text = "[default]\naws_access_key_id = A\naws_secret_access_key=s\n\n[ci]\n\
                    aws_access_key_id=B\naws_secret_access_key = t\naws_session_token = u\n";
        assert_eq!(of_profile(text, "default").unwrap().id, "A");
        let ci = of_profile(text, "ci").unwrap();
        assert_eq!(
            (ci.id.as_str(), ci.session_token.as_deref()),
            ("B", Some("u"))
        );
        assert!(of_profile(text, "other").is_none());
        assert!(of_profile("[default]\naws_access_key_id = A\n", "default").is_none());
    }
}
