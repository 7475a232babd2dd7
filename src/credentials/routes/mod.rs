//! Credentials of other STSs: which role's come from where, and asking there. Whether somebody may have the role as far as
//! this server is concerned, and what the session is narrowed to, is decided before.
//!
//! One unsigned POST of AssumeRoleWithWebIdentity, with an OpenID token of this server. It is sent once: an STS that may
//! have given a session already is not asked again.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Semaphore;
use url::Url;

use crate::model::ids::RoleArn;
use crate::model::role_pattern::RolePattern;
use crate::outgoing::{Fetched, Outgoing, OutgoingError};
use crate::policy::SessionTemplate;

mod answer;
mod memory;
mod request;

pub use answer::{NotAnAnswer, Obtained, Refusal, read};
pub use memory::{Key, Memory};
pub use request::{LEAST_SECONDS, StsRequest};

/// How many requests to one STS may be under way; more would only pile up where it is slow.
const MOST_ASKED: usize = 256;

/// How much longer than asked for a session may seem to last: the STS's clock may go ahead of this server's.
const CLOCKS: SignedDuration = SignedDuration::from_mins(5);

/// What the operator says of a route.
#[derive(Debug, Clone)]
pub struct RouteSettings {
    /// The roles whose credentials come from there.
    pub role: RolePattern,
    /// The URL of the STS.
    pub endpoint: String,
    /// The region of the STS, for the log.
    pub region: Option<String>,
    /// What the role is called there, where that is something else.
    pub assume: Option<String>,
    /// The `aud` of tokens that go there; without one it is the pool's id.
    pub audience: Option<String>,
    /// What sessions from there are narrowed to.
    pub session_policy: Option<SessionTemplate>,
}

/// A route.
pub struct Route {
    /// What the operator says of it.
    pub settings: RouteSettings,
    /// Its place in the configuration, from 1 on.
    pub number: usize,
    asked: Semaphore,
}

/// All routes, in the order in which they are tried, and what was obtained by them.
pub struct Routes {
    routes: Vec<Route>,
    outgoing: Arc<Outgoing>,
    /// What is remembered.
    pub memory: Memory,
}

/// Why there are no credentials from an STS.
#[derive(Debug, thiserror::Error)]
pub enum StsError {
    /// It doesn't answer.
    #[error("the STS gives no answer")]
    Outgoing(#[source] OutgoingError),
    /// Its answer isn't one.
    #[error("the STS gives an answer that can't be used")]
    Answer(#[source] NotAnAnswer),
    /// It has trouble of its own, or can't reach this server; its status and what it says.
    #[error("the STS has trouble: {0}, {1}")]
    Trouble(StatusCode, Refusal),
    /// It refuses; its status and what it says.
    #[error("the STS refuses: {0}, {1}")]
    Refused(StatusCode, Refusal),
    /// It asks for fewer requests; what it says.
    #[error("the STS asks for fewer requests: {0}")]
    Throttled(Refusal),
    /// As many requests as may be are under way already.
    #[error("{MOST_ASKED} requests to the STS are under way already")]
    Crowded,
    /// It gave a session that lasts longer than was asked for.
    #[error("the STS gave a session that lasts longer than the {0} seconds that were asked for")]
    TooLong(i64),
    /// It gave a session that is over.
    #[error("the STS gave a session that is over: do its clock and this server's agree?")]
    Over,
}

impl Routes {
    /// The routes that the operator set, in their order.
    pub fn new(settings: Vec<RouteSettings>, outgoing: Arc<Outgoing>) -> Self {
        let routes = settings
            .into_iter()
            .enumerate()
            .map(|(at, settings)| Route {
                settings,
                number: at + 1,
                asked: Semaphore::new(MOST_ASKED),
            });
        Self {
            routes: routes.collect(),
            outgoing,
            memory: Memory::default(),
        }
    }

    /// The first route for this role; without one its credentials are the built-in STS's.
    pub fn of(&self, role: &RoleArn) -> Option<&Route> {
        self.routes
            .iter()
            .find(|route| route.settings.role.matches(role.as_str()))
    }

    /// Asks the STS of a route.
    pub async fn ask(
        &self,
        route: &Route,
        request: &StsRequest<'_>,
        now: Timestamp,
    ) -> Result<Obtained, StsError> {
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
    /// What an operator looks at.
    pub fn advice(&self) -> &'static str {
        let refusal = match self {
            Self::Refused(_, refusal) | Self::Trouble(_, refusal) => refusal,
            Self::Outgoing(_) => return "see whether it is there, and its certificate trusted",
            Self::Answer(_) => return "see whether the endpoint is an STS",
            Self::Throttled(_) | Self::Crowded => return "there are too many at once",
            Self::TooLong(_) | Self::Over => return "see whether both clocks are right",
        };
        match refusal.code.as_str() {
            "AccessDenied" => {
                "see whether the role is there, and its trust policy takes this server's tokens, their audience and amr, \
                 and sts:TagSession where there are tags"
            }
            "InvalidIdentityToken" => {
                "see whether this server's public URL is registered there as an OpenID Connect provider, with the audience"
            }
            "IDPCommunicationError" => "see whether it reaches this server's public URL",
            "ExpiredTokenException" | "ExpiredToken" => "see whether both clocks are right",
            "MalformedPolicyDocument" | "PackedPolicyTooLarge" => {
                "see the session_policy of the route, and how much it may say there"
            }
            "ValidationError" | "InvalidArgument" | "InvalidParameterValue" => {
                "see whether the role may be assumed for as long as the pool's credentials last, and what the STS calls it"
            }
            _ => "see the log of that STS",
        }
    }
}

impl Route {
    /// Its STS, with the region where that is known.
    pub fn place(&self) -> String {
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
        let domains = [".amazonaws.com", ".amazonaws.com.cn", ".api.aws"];
        domains.iter().any(|domain| host.ends_with(domain))
    }
}

fn headers() -> HeaderMap {
    let form = HeaderValue::from_static("application/x-www-form-urlencoded; charset=utf-8");
    // AWS's STS answers in JSON to whoever prefers that.
    let xml = HeaderValue::from_static("text/xml");
    HeaderMap::from_iter([(header::CONTENT_TYPE, form), (header::ACCEPT, xml)])
}

fn understand(answer: &Fetched, subject: &str) -> Result<Obtained, StsError> {
    let status = answer.status;
    if status == StatusCode::OK {
        return read(&answer.body).map_err(StsError::Answer);
    }
    let refusal = Refusal::read(&answer.body, subject);
    Err(match refusal.code.as_str() {
        "Throttling" | "ThrottlingException" | "RequestLimitExceeded" | "SlowDown" => {
            StsError::Throttled(refusal)
        }
        _ if status == StatusCode::TOO_MANY_REQUESTS => StsError::Throttled(refusal),
        "IDPCommunicationError" | "IDPCommunicationErrorException" => {
            StsError::Trouble(status, refusal)
        }
        _ if status.is_server_error() => StsError::Trouble(status, refusal),
        _ => StsError::Refused(status, refusal),
    })
}

#[cfg(test)]
mod tests;
