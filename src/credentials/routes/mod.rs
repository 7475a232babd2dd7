//! Routes: credentials of other STSs, chosen by role. This server's own permission checks and the session policy come
//! before, in `app`.
//!
//! A request is one unsigned POST of AssumeRoleWithWebIdentity with an OpenID token of this server. It is never sent
//! again, because the STS may have created a session already.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Semaphore;
use url::Url;

use crate::model::ids::RoleArn;
use crate::model::issuer;
use crate::model::role_pattern::RolePattern;
use crate::outgoing::{Fetched, Outgoing, OutgoingError};
use crate::policy::SessionTemplate;

mod answer;
mod cache;
mod request;

pub use answer::{StsAnswerError, StsCredentials, StsErrorResponse, read};
pub use cache::{LEFT, StsCache, StsCacheKey};
pub use request::{LEAST_SECONDS, StsRequest};

/// The most concurrent requests to one STS; more would only queue at a slow STS.
const MOST_ASKED: usize = 256;

/// How much longer than requested a session may seem to last, because the STS's clock may be ahead of this server's.
const CLOCKS: SignedDuration = SignedDuration::from_mins(5);

/// A route as the operator configures it.
#[derive(Debug, Clone)]
pub struct RouteSettings {
    /// The pattern of the roles that this route serves.
    pub role: RolePattern,
    /// The URL of the STS.
    pub endpoint: String,
    /// The region of the STS, for the log.
    pub region: Option<String>,
    /// The role's ARN at the STS, if it differs.
    pub assume: Option<String>,
    /// The `aud` of tokens for this STS; the default is the pool's id.
    pub audience: Option<String>,
    /// The session policy of every session.
    pub session_policy: Option<SessionTemplate>,
}

/// A route with its limit of concurrent requests.
pub struct StsRoute {
    /// The operator's settings.
    pub settings: RouteSettings,
    /// The position in the configuration, counted from 1.
    pub number: usize,
    asked: Semaphore,
}

/// All routes, in the order in which they are tried, and the cache of their sessions.
pub struct StsRoutes {
    routes: Vec<StsRoute>,
    outgoing: Arc<Outgoing>,
    /// The sessions that can be used again.
    pub cache: StsCache,
}

/// Why there are no credentials from an STS.
#[derive(Debug, thiserror::Error)]
pub enum StsError {
    /// The STS doesn't answer.
    #[error("the STS doesn't answer")]
    Outgoing(#[source] OutgoingError),
    /// The STS's answer can't be read.
    #[error("the STS's answer can't be read")]
    Answer(#[source] StsAnswerError),
    /// The STS has an error of its own, or can't reach this server; holds its status and its error.
    #[error("the STS has an error: {0}, {1}")]
    ServerError(StatusCode, StsErrorResponse),
    /// The STS refuses the request; holds its status and its error.
    #[error("the STS refuses: {0}, {1}")]
    Refused(StatusCode, StsErrorResponse),
    /// The STS asks for fewer requests; holds its error.
    #[error("the STS asks for fewer requests: {0}")]
    Throttled(StsErrorResponse),
    /// The limit of concurrent requests to the STS is reached.
    #[error("{MOST_ASKED} requests to the STS are in progress already")]
    Crowded,
    /// The session lasts longer than requested.
    #[error("the STS's session lasts longer than the requested {0} seconds")]
    TooLong(i64),
    /// The session has expired already.
    #[error("the STS's session has expired already: compare its clock with this server's")]
    Over,
}

impl StsRoutes {
    /// Makes the routes of the configuration, in its order.
    pub fn new(settings: Vec<RouteSettings>, outgoing: Arc<Outgoing>) -> Self {
        let routes = settings
            .into_iter()
            .enumerate()
            .map(|(at, settings)| StsRoute {
                settings,
                number: at + 1,
                asked: Semaphore::new(MOST_ASKED),
            });
        Self {
            routes: routes.collect(),
            outgoing,
            cache: StsCache::default(),
        }
    }

    /// Whether there is no route.
    pub fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }

    /// Finds the first route for a role. Without one, the built-in STS issues the credentials.
    pub fn of(&self, role: &RoleArn) -> Option<&StsRoute> {
        self.routes
            .iter()
            .find(|route| route.settings.role.matches(role.as_str()))
    }

    /// Requests a session from the STS of a route.
    pub async fn ask(
        &self,
        route: &StsRoute,
        request: &StsRequest<'_>,
        now: Timestamp,
    ) -> Result<StsCredentials, StsError> {
        let _permit = route.asked.try_acquire().map_err(|_| StsError::Crowded)?;
        let body = Bytes::from(request.form());
        let answer = self
            .outgoing
            .post_to_sts(&route.settings.endpoint, headers(), body)
            .await
            .map_err(StsError::Outgoing)?;
        let obtained = understand(&answer, request.subject)?;
        if obtained.expires <= now {
            return Err(StsError::Over);
        }
        let asked = SignedDuration::from_secs(request.seconds);
        if obtained.expires.duration_since(now) > asked + CLOCKS {
            return Err(StsError::TooLong(request.seconds));
        }
        Ok(obtained)
    }
}

impl StsError {
    /// What the operator should check.
    pub fn advice(&self) -> &'static str {
        let refusal = match self {
            Self::Refused(_, refusal) | Self::ServerError(_, refusal) => refusal,
            Self::Outgoing(_) => {
                return "check that the STS runs and that its certificate is trusted";
            }
            Self::Answer(_) => return "check that the endpoint is an STS",
            Self::Throttled(_) | Self::Crowded => return "there are too many requests at once",
            Self::TooLong(_) | Self::Over => return "check both clocks",
        };
        match refusal.code.as_str() {
            "AccessDenied" => {
                "check that the role exists, and that its trust policy accepts this server's tokens, their audience and \
                 amr, and sts:TagSession if the session has tags"
            }
            "InvalidIdentityToken" => {
                "check that this server's public URL is registered there as an OpenID Connect provider, with the audience"
            }
            "IDPCommunicationError" => "check that the STS can reach this server's public URL",
            "ExpiredTokenException" | "ExpiredToken" => "check both clocks",
            "MalformedPolicyDocument" | "PackedPolicyTooLarge" => {
                "check the route's session_policy and the longest policy that the STS accepts"
            }
            "ValidationError" | "InvalidArgument" | "InvalidParameterValue" => {
                "check that the role allows sessions as long as the pool's credentials, and the role's name at the STS"
            }
            _ => "read the log of that STS",
        }
    }
}

impl StsRoute {
    /// The STS's endpoint, with the region if it is configured.
    pub fn endpoint(&self) -> String {
        let endpoint = &self.settings.endpoint;
        match &self.settings.region {
            Some(region) => format!("{endpoint} ({region})"),
            None => endpoint.clone(),
        }
    }

    /// Whether its STS is AWS's own, which has managed policies.
    pub fn is_aws(&self) -> bool {
        let url = Url::parse(&self.settings.endpoint).ok();
        let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
        issuer::is_aws(host)
    }
}

fn headers() -> HeaderMap {
    let form = HeaderValue::from_static("application/x-www-form-urlencoded; charset=utf-8");
    // AWS's STS answers in JSON to clients that prefer it.
    let xml = HeaderValue::from_static("text/xml");
    HeaderMap::from_iter([(header::CONTENT_TYPE, form), (header::ACCEPT, xml)])
}

fn understand(answer: &Fetched, subject: &str) -> Result<StsCredentials, StsError> {
    let status = answer.status;
    if status == StatusCode::OK {
        return read(&answer.body).map_err(StsError::Answer);
    }
    let refusal = StsErrorResponse::read(&answer.body, subject);
    Err(match refusal.code.as_str() {
        "Throttling" | "ThrottlingException" | "RequestLimitExceeded" | "SlowDown" => {
            StsError::Throttled(refusal)
        }
        _ if status == StatusCode::TOO_MANY_REQUESTS => StsError::Throttled(refusal),
        "IDPCommunicationError" | "IDPCommunicationErrorException" => {
            StsError::ServerError(status, refusal)
        }
        _ if status.is_server_error() => StsError::ServerError(status, refusal),
        _ => StsError::Refused(status, refusal),
    })
}

#[cfg(test)]
mod tests;
