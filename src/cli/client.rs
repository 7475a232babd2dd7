//! The client of the commands that call a running server: it signs one of Cognate's own operations.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use clap::Args;
use http::{HeaderMap, HeaderValue, header};
use miette::{IntoDiagnostic, Result, WrapErr, miette};
use serde_json::Value;
use url::Url;

use crate::ambient::{Ambient, Real};
use crate::app::keys::root_key;
use crate::config::Environment;
use crate::model::json;
use crate::outgoing::DirectClient;
use crate::sigv4::{self, SecretKey, Signer};

/// The default endpoint.
pub(super) const ENDPOINT: &str = "http://127.0.0.1:2646";

/// The usual data directory.
const DATA_DIR: &str = "./cognate-data";

/// The mark of a certificate in PEM.
const CERTIFICATE: &[u8] = b"-----BEGIN CERTIFICATE-----";

const NOT_JSON: &str = "the answer isn't JSON: check that --endpoint is a Cognate server";

/// The server to call.
#[derive(Debug, Args)]
pub(super) struct EndpointArguments {
    /// The server's URL
    #[arg(long, value_name = "URL", env = "COGNATE_ENDPOINT", default_value = ENDPOINT)]
    endpoint: String,
    /// A file with the certificates (PEM) of the authorities to trust for the server, instead of the system's
    #[arg(long, value_name = "FILE", env = "COGNATE_CA_FILE")]
    ca_file: Option<PathBuf>,
}

impl EndpointArguments {
    /// A client that trusts the authorities of the file, or the system's.
    pub(super) fn client(&self) -> Result<DirectClient> {
        client_trusting(self.ca_file.as_deref())
    }

    /// The URL as it was written.
    pub(super) fn as_str(&self) -> &str {
        self.endpoint.trim_end_matches('/')
    }

    /// The URL of a path, which begins with a slash.
    pub(super) fn url(&self, path: &str) -> Result<Url> {
        url(&format!("{}{path}", self.as_str()))
    }
}

/// A client that trusts the authorities of a file in PEM, or the system's.
pub(super) fn client_trusting(ca_file: Option<&Path>) -> Result<DirectClient> {
    let Some(path) = ca_file else {
        return DirectClient::new(None).into_diagnostic();
    };
    let pem = std::fs::read(path)
        .into_diagnostic()
        .wrap_err_with(|| format!("--ca-file: {} can't be read", path.display()))?;
    let has_certificate = pem
        .windows(CERTIFICATE.len())
        .any(|bytes| bytes == CERTIFICATE);
    let client = DirectClient::new(Some(&pem)).into_diagnostic();
    let client = client.and_then(|client| {
        has_certificate
            .then_some(client)
            .ok_or_else(|| miette!("the file has no CERTIFICATE in PEM"))
    });
    client.wrap_err_with(|| format!("--ca-file: {} can't be used", path.display()))
}

/// The server to call, and the access key to sign with.
#[derive(Debug, Args)]
pub(super) struct ServerArguments {
    #[command(flatten)]
    endpoint: EndpointArguments,
    /// The server's data directory with `root-credentials`, to sign with them. Without the flag: AWS_ACCESS_KEY_ID, AWS_PROFILE,
    /// ./cognate-data/root-credentials, or the AWS credentials file
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The region to sign for
    #[arg(long, value_name = "NAME", default_value = "us-east-1")]
    region: String,
}

/// The access key that signs.
struct SigningCredentials {
    id: String,
    secret: SecretKey,
    session_token: Option<String>,
}

impl ServerArguments {
    /// The same server with requests signed for this region.
    pub(super) fn in_region(self, region: &str) -> Self {
        Self {
            region: region.to_owned(),
            ..self
        }
    }

    /// Calls one of Cognate's own operations and returns its output.
    pub(super) async fn call(&self, operation: &str, input: &Value) -> Result<Value> {
        let key = access_key(self.data_dir.as_deref(), &Environment::of_the_process())?;
        let url = self.endpoint.url("/")?;
        let body = input.to_string();
        let headers = self.headers(&url, operation, &body, &key)?;
        let client = self.endpoint.client()?;
        let response = client
            .post(url, headers, Bytes::from(body))
            .await
            .into_diagnostic()
            .wrap_err_with(|| unanswered(self.endpoint.as_str()))?;
        let answer = json::read(&response.body)
            .into_diagnostic()
            .wrap_err(NOT_JSON)?;
        if response.status.is_success() {
            return Ok(answer);
        }
        let text = |name: &str| answer.get(name).and_then(Value::as_str);
        let words = text("message")
            .or(text("Message"))
            .unwrap_or("the server states no reason");
        Err(miette!(
            "{}: {words}",
            text("__type").unwrap_or("the server refused")
        ))
    }

    fn headers(
        &self,
        url: &Url,
        operation: &str,
        body: &str,
        key: &SigningCredentials,
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

/// Fetches a public JSON document of a server; `path` begins with a slash.
pub(super) async fn document(endpoint: &EndpointArguments, path: &str) -> Result<Value> {
    let url = endpoint.url(path)?;
    let client = endpoint.client()?;
    let endpoint = endpoint.as_str();
    let response = client
        .get(url)
        .await
        .into_diagnostic()
        .wrap_err_with(|| unanswered(endpoint))?;
    let status = response.status;
    if !status.is_success() {
        return Err(miette!("{endpoint}{path} answers {status}"));
    }
    json::read(&response.body)
        .into_diagnostic()
        .wrap_err(NOT_JSON)
}

fn url(text: &str) -> Result<Url> {
    Url::parse(text)
        .into_diagnostic()
        .wrap_err_with(|| format!("--endpoint must be a URL, for example {ENDPOINT}"))
}

/// The error where no server answers.
pub(super) fn unanswered(endpoint: &str) -> String {
    format!("no server answers at {endpoint}: start one, or set --endpoint")
}

/// Finds the access key to sign with: the root key of the data directory that was named; a key or profile that the environment
/// names; the root key of the usual data directory; or the key that AWS's own tools would use.
fn access_key(data_dir: Option<&Path>, environment: &Environment) -> Result<SigningCredentials> {
    let root = data_dir.unwrap_or(Path::new(DATA_DIR)).join(root_key::FILE);
    let root_key = || {
        let text = std::fs::read_to_string(&root).ok()?;
        Some(of_profile(&text, "default").ok_or_else(|| {
            miette!(
                "{} has no access key: restore the file, or rotate the root key",
                root.display()
            )
        }))
    };
    if data_dir.is_some()
        && let Some(key) = root_key()
    {
        return key;
    }
    if let (Some(id), Some(secret)) = (
        environment.text("AWS_ACCESS_KEY_ID"),
        environment.text("AWS_SECRET_ACCESS_KEY"),
    ) {
        let session_token = environment.text("AWS_SESSION_TOKEN");
        return Ok(SigningCredentials {
            id,
            secret: SecretKey::new(secret),
            session_token,
        });
    }
    let profile = environment.text("AWS_PROFILE");
    if profile.is_none()
        && let Some(key) = root_key()
    {
        return key;
    }
    let profile = profile.unwrap_or_else(|| "default".to_owned());
    let shared = environment
        .text("AWS_SHARED_CREDENTIALS_FILE")
        .map(PathBuf::from);
    let shared =
        shared.or_else(|| Some(PathBuf::from(environment.text("HOME")?).join(".aws/credentials")));
    let text = shared.and_then(|path| std::fs::read_to_string(path).ok());
    text.and_then(|text| of_profile(&text, &profile)).ok_or_else(|| {
        miette!(
            "there is no access key to sign with: {} doesn't exist, and neither the environment nor the AWS credentials \
             file has a key; set --data-dir to the server's data directory",
            root.display()
        )
    })
}

/// Finds the access key of a profile in an AWS credentials file.
fn of_profile(text: &str, profile: &str) -> Option<SigningCredentials> {
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
    Some(SigningCredentials {
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
