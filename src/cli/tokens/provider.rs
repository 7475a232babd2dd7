//! The provider of a login: its discovery document and the form posts of OAuth. The server verifies the ID token.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use miette::{IntoDiagnostic, Result, miette};
use serde_json::Value;
use url::Url;

use super::{Unreachable, printable};
use crate::model::issuer::{discovery_url, url_is_loopback};
use crate::model::json;
use crate::model::login_client::LoginClient;
use crate::outgoing::DirectClient;

/// A provider, as its discovery document describes it.
pub(in crate::cli) struct ProviderEndpoints {
    document: Value,
    client: DirectClient,
}

/// A refusal of the provider: OAuth's code and the provider's words.
#[derive(Debug, thiserror::Error)]
#[error("{code}{}", .words.as_ref().map(|words| format!(": {words}")).unwrap_or_default())]
pub(in crate::cli) struct ProviderRefusal {
    pub(in crate::cli) code: String,
    words: Option<String>,
}

impl ProviderEndpoints {
    /// Fetches the discovery document of the client's issuer, which must name that issuer.
    pub(in crate::cli) async fn discover(login: &LoginClient) -> Result<Self> {
        let issuer = &login.issuer;
        let client = DirectClient::new(None).into_diagnostic()?;
        let url = checked(&discovery_url(issuer))?;
        let answer = client.get(url).await;
        let answer =
            answer.map_err(|_| Unreachable(format!("the provider {issuer} can't be reached")))?;
        let document = json::read(&answer.body).unwrap_or_default();
        if document["issuer"].as_str() != Some(issuer) {
            return Err(miette!(
                "the provider {issuer} has no discovery document with this issuer"
            ));
        }
        Ok(Self { document, client })
    }

    /// An endpoint of the document: https, or on this machine.
    pub(in crate::cli) fn endpoint(&self, name: &str) -> Result<Url> {
        match self.find_endpoint(name)? {
            Some(url) => Ok(url),
            None => Err(miette!("the provider has no {name}")),
        }
    }

    /// As [`Self::endpoint`]; `None` where the document has none.
    pub(in crate::cli) fn find_endpoint(&self, name: &str) -> Result<Option<Url>> {
        self.document[name].as_str().map(checked).transpose()
    }

    /// Sends a form; the answer is an object.
    pub(in crate::cli) async fn post(
        &self,
        url: Url,
        form: &[(&str, &str)],
    ) -> Result<Result<Value, ProviderRefusal>> {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let content_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, content_type)]);
        let host = url.host_str().unwrap_or_default().to_owned();
        let answer = self.client.post(url, headers, Bytes::from(body)).await;
        let answer =
            answer.map_err(|_| Unreachable(format!("the provider {host} can't be reached")))?;
        let value = json::read(&answer.body).unwrap_or_default();
        if answer.status.is_success() {
            return Ok(Ok(value));
        }
        let text = |name: &str| value[name].as_str().map(printable);
        let status = answer.status.to_string();
        Ok(Err(ProviderRefusal {
            code: text("error").unwrap_or(status),
            words: text("error_description"),
        }))
    }
}

fn checked(text: &str) -> Result<Url> {
    let url = Url::parse(text).into_diagnostic()?;
    if url.scheme() == "https" || url.scheme() == "http" && url_is_loopback(&url) {
        return Ok(url);
    }
    Err(miette!("the provider's URL {url} isn't https"))
}
