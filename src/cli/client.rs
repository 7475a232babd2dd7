//! The client of the commands that call a running server: it signs an operation of Cognate, of identity pools or of IAM.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use clap::Args;
use http::{HeaderMap, HeaderValue, header};
use miette::{IntoDiagnostic, Report, Result, WrapErr, miette};
use serde_json::{Map, Value};
use url::Url;

use super::output::OutputArguments;
use super::query;
use super::signing_credentials::SigningCredentials;
use crate::ambient::{Ambient, Real};
use crate::config::Environment;
use crate::model::json;
use crate::outgoing::{DirectClient, Fetched};
use crate::sigv4::{self, Signer};

/// The default endpoint.
pub(super) const ENDPOINT: &str = "http://127.0.0.1:2646";

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
    #[command(flatten)]
    pub(super) output: OutputArguments,
}

/// The services with operations that the commands call in JSON.
#[derive(Debug, Clone, Copy)]
enum JsonService {
    Cognate,
    IdentityPools,
}

impl JsonService {
    /// The part of `X-Amz-Target` before the operation.
    const fn target(self) -> &'static str {
        match self {
            Self::Cognate => "Cognate",
            Self::IdentityPools => "AWSCognitoIdentityService",
        }
    }
}

impl ServerArguments {
    /// The same server with requests signed for this region.
    pub(super) fn in_region(self, region: &str) -> Self {
        Self {
            region: region.to_owned(),
            ..self
        }
    }

    /// The same server with requests signed for the region of an id, REGION:UUID.
    pub(super) fn in_region_of(self, id: &str) -> Self {
        match id.split_once(':') {
            Some((region, _)) => self.in_region(region),
            None => self,
        }
    }

    /// Calls one of Cognate's own operations and returns its output.
    pub(super) async fn call(&self, operation: &str, input: &Value) -> Result<Value> {
        self.call_json(JsonService::Cognate, operation, input).await
    }

    /// Calls an operation of identity pools and returns its output.
    pub(super) async fn call_pools(&self, operation: &str, input: &Value) -> Result<Value> {
        let service = JsonService::IdentityPools;
        self.call_json(service, operation, input).await
    }

    /// Calls a list operation until it has no further page, and returns the items of all pages.
    pub(super) async fn list_pools(
        &self,
        operation: &str,
        mut input: Value,
        items: &str,
    ) -> Result<Vec<Value>> {
        let mut found = Vec::new();
        loop {
            let page = self.call_pools(operation, &input).await?;
            found.extend(page[items].as_array().cloned().unwrap_or_default());
            match &page["NextToken"] {
                Value::Null => return Ok(found),
                next => input["NextToken"] = next.clone(),
            }
        }
    }

    /// Calls an operation of IAM and returns its output, in which every scalar is a string.
    pub(super) async fn call_iam(&self, operation: &str, input: &Value) -> Result<Value> {
        let body = query::form(operation, input);
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, form)]);
        let response = self.send("iam", headers, body).await?;
        let answer = query::read(&response.body)?;
        if response.status.is_success() {
            return Ok(answer[format!("{operation}Result")].clone());
        }
        let text = |name: &str| answer["Error"][name].as_str();
        Err(refusal(text("Code"), text("Message")))
    }

    async fn call_json(
        &self,
        service: JsonService,
        operation: &str,
        input: &Value,
    ) -> Result<Value> {
        let target = format!("{}.{operation}", service.target());
        let mut headers = HeaderMap::new();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/x-amz-json-1.1"),
        );
        headers.insert(
            "x-amz-target",
            HeaderValue::from_str(&target).into_diagnostic()?,
        );
        let response = self
            .send("cognito-identity", headers, input.to_string())
            .await?;
        // An operation without output has an empty body.
        let answer = match response.body.as_ref() {
            [] if response.status.is_success() => return Ok(Value::Object(Map::new())),
            body => json::read(body).into_diagnostic().wrap_err(NOT_JSON)?,
        };
        if response.status.is_success() {
            return Ok(answer);
        }
        let text = |name: &str| answer.get(name).and_then(Value::as_str);
        Err(refusal(text("__type"), text("message").or(text("Message"))))
    }

    /// Signs a request for this service and sends it.
    async fn send(&self, service: &str, mut headers: HeaderMap, body: String) -> Result<Fetched> {
        let environment = Environment::of_the_process();
        let key = SigningCredentials::find(self.data_dir.as_deref(), &environment)?;
        let url = self.endpoint.url("/")?;
        let host = HeaderValue::from_str(url.authority()).into_diagnostic()?;
        headers.insert(header::HOST, host);
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
            service,
        };
        let added = sigv4::sign(&request, &signer, Real.now()).into_diagnostic()?;
        headers.extend(added);
        let client = self.endpoint.client()?;
        let sent = client.post(url, headers, Bytes::from(body)).await;
        sent.into_diagnostic()
            .wrap_err_with(|| unanswered(self.endpoint.as_str()))
    }
}

/// The error of a refused call.
fn refusal(code: Option<&str>, message: Option<&str>) -> Report {
    miette!(
        "{}: {}",
        code.unwrap_or("the server refused"),
        message.unwrap_or("the server states no reason")
    )
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
