//! Routes to other STSs: `[[credentials.route]]`. `credentials` sends the requests.

use std::ops::Range;

use toml::de::DeTable;
use url::Url;

use super::account::parse_region;
use super::load::ParsedSettings;
use super::sections::{SummaryLine, joined};
use super::source::diagnostics::{Diagnostics, Parsed, ValueError, quoted};
use super::source::lists::{ParsedItems, tables_in};
use super::source::setting::settings;
use super::source::value::{SettingValue, ValueOrigin};
use super::source::{Sources, string_in};
use super::{Config, RunMode};
use crate::model::ids::{PoolId, Region};
use crate::model::issuer;
use crate::model::role_pattern::RolePattern;
use crate::policy::{LITERAL_ESCAPE, SessionTemplate};

settings! {
    ROUTES = "credentials.route" tables() reloaded();
}

/// A route to another STS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteSetting {
    /// The pattern of the roles that use this route.
    pub role: RolePattern,
    /// The URL of the STS: https, or http for a loopback host.
    pub endpoint: String,
    /// The region of the STS, as the log names it.
    pub region: Option<Region>,
    /// The role's ARN at that STS, if it is a different one.
    pub assume: Option<String>,
    /// The `aud` of tokens that are sent there, if it isn't the pool's id; never without a session policy.
    pub audience: Option<String>,
    /// The session policy that restricts sessions from there; never without an audience.
    pub session_policy: Option<SessionTemplate>,
}

impl RouteSetting {
    /// Whether requests to its STS have no TLS.
    fn is_plain(&self) -> bool {
        self.endpoint.starts_with("http://")
    }

    /// Whether its STS gets tokens that it can present to this server as a client of the pool.
    fn lends_tokens(&self) -> bool {
        let url = Url::parse(&self.endpoint).ok();
        let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
        self.audience.is_none() && !issuer::is_aws(host)
    }
}

const KNOWN: [&str; 7] = [
    "role",
    "endpoint",
    "region",
    "assume",
    "audience",
    "session_policy",
    "literal_escape",
];

const ENDPOINT_HELP: &str =
    "write the URL of the STS: https://rgw.example.net, or https://sts.eu-west-1.amazonaws.com";

pub(super) fn read(sources: &mut Sources<'_>) -> SettingValue<Vec<RouteSetting>> {
    let help = "write [[credentials.route]] on its own line, and role and endpoint below it";
    sources.tables(
        ROUTES,
        |route| route.role.as_str(),
        |value| tables_in(value, help, item),
    )
}

/// Refuses routes without TLS unless http is allowed.
pub(super) fn cross_check(parsed: &ParsedSettings, mode: RunMode, diagnostics: &mut Diagnostics) {
    let allowed = match &parsed.allow_http_issuers {
        SettingValue::Set(allowed, _) => *allowed,
        SettingValue::Unset => mode == RunMode::Dev,
        SettingValue::Invalid => return,
    };
    for route in parsed.routes.value().into_iter().flatten() {
        if route.is_plain() && !allowed {
            let what = format!(
                "{}: the endpoint {} has no TLS, and http is not allowed",
                ROUTES.key, route.endpoint
            );
            let help = "write an https URL, or set allow_http_issuers = true, for loopback only";
            let error = ValueError::new(what, help);
            diagnostics.add_cross_check(&[parsed.routes.origin()], error);
        }
    }
}

/// Warnings about routes that send an STS tokens which this server accepts.
pub(super) fn warnings(parsed: &ParsedSettings) -> impl Iterator<Item = String> {
    let routes = parsed.routes.value().into_iter().flatten();
    routes.filter(|route| route.lends_tokens()).map(|route| {
        format!(
            "{}: the STS at {} gets tokens that it could use here, for ten minutes each, because the route has no audience; \
             set audience and session_policy, unless that STS may act for every identity of the pools",
            ROUTES.key, route.endpoint
        )
    })
}

pub(super) fn summary(config: &Config) -> Vec<SummaryLine> {
    let routes = config.routes.iter();
    let routes = routes.map(|route| format!("{} to {}", route.role.as_str(), route.endpoint));
    vec![("routes", joined(routes, "not set"))]
}

/// The settings of a table so far.
#[derive(Default)]
struct RouteDraft<'t> {
    role: Option<RolePattern>,
    endpoint: Option<String>,
    region: Option<Region>,
    assume: Option<String>,
    audience: Option<String>,
    session_policy: Option<&'t str>,
    escapes: bool,
}

/// One route, or all of its mistakes.
fn item(table: &DeTable<'_>, whole: Range<usize>) -> ParsedItems<RouteSetting> {
    let mut wrong: ParsedItems<RouteSetting> = Vec::new();
    let mut note = |span, error| wrong.push((ValueOrigin::File(span), Err(error)));
    let mut draft = RouteDraft::default();
    let mut policy_span = whole.clone();
    for (key, value) in table {
        let name = key.get_ref().as_ref();
        if !KNOWN.contains(&name) {
            let what = format!("{} is not a setting of a route", quoted(name));
            let known: Vec<_> = KNOWN.iter().map(|name| format!("`{name}`")).collect();
            let help = format!("the settings of a route are {}", known.join(", "));
            note(key.span(), ValueError::new(what, help));
            continue;
        }
        if name == "session_policy" {
            policy_span = value.span();
        }
        let read = string_in(value.get_ref()).and_then(|text| draft.set(name, text));
        if let Err(error) = read {
            note(value.span(), error);
        }
    }
    let has = |name: &str| table.keys().any(|key| key.get_ref() == name);
    for error in missing(&has) {
        note(whole.clone(), error);
    }
    let template = draft
        .session_policy
        .map(|text| SessionTemplate::parse(text, draft.escapes));
    let session_policy = match template {
        Some(Err(error)) => {
            let what = format!("session_policy: {error}");
            let help = "write an IAM session policy; its variables are filled in for each identity";
            note(policy_span, ValueError::new(what, help));
            None
        }
        Some(Ok(template)) => Some(template),
        None => None,
    };
    let regional = draft.region.as_ref().map(aws_endpoint);
    match (draft.role, draft.endpoint.or(regional)) {
        (Some(role), Some(endpoint)) if wrong.is_empty() => {
            let route = RouteSetting {
                role,
                endpoint,
                region: draft.region,
                assume: draft.assume,
                audience: draft.audience,
                session_policy,
            };
            vec![(ValueOrigin::File(whole), Ok(route))]
        }
        _ => wrong,
    }
}

/// The settings that a route lacks. `has` states whether the route has a setting.
fn missing(has: &impl Fn(&str) -> bool) -> Vec<ValueError> {
    let mut errors = Vec::new();
    if !has("role") {
        let help = "set the role of the route, or a pattern of roles";
        errors.push(ValueError::new("role is not set", help));
    }
    if !has("endpoint") && !has("region") {
        let what = "endpoint is not set";
        let help = "set the URL of the STS, or the region of an STS of AWS";
        errors.push(ValueError::new(what, help));
    }
    if has("session_policy") && !has("audience") {
        errors.push(ValueError::new(
            "session_policy requires audience",
            "set an audience that only this route's tokens have, and make it the only one that the roles there \
             trust: otherwise a client can send its own token there and avoid the session policy",
        ));
    }
    if has("audience") && !has("session_policy") {
        errors.push(ValueError::new(
            "audience requires session_policy",
            "set a session_policy, or remove audience: the audience is then the pool's id",
        ));
    }
    if has("literal_escape") && !has("session_policy") {
        errors.push(ValueError::new(
            "literal_escape requires session_policy",
            "remove it: it changes only the values in a session_policy",
        ));
    }
    errors
}

impl<'t> RouteDraft<'t> {
    fn set(&mut self, name: &str, text: &'t str) -> Parsed<()> {
        match name {
            "role" => self.role = Some(role(text)?),
            "endpoint" => self.endpoint = Some(endpoint(text)?),
            "region" => self.region = Some(parse_region(text)?),
            "assume" => self.assume = Some(assume(text)?),
            "audience" => self.audience = Some(audience(text)?),
            "session_policy" => self.session_policy = Some(text),
            _ => self.escapes = escapes(text)?,
        }
        Ok(())
    }
}

fn role(text: &str) -> Parsed<RolePattern> {
    RolePattern::parse(text).ok_or_else(|| {
        let what = format!("{} is not a pattern of role ARNs", quoted(text));
        let help = "write arn:aws:iam::ACCOUNT:role/NAME, with * and ? in the account and in the name only";
        ValueError::new(what, help)
    })
}

fn endpoint(text: &str) -> Parsed<String> {
    let url = Url::parse(text).ok().filter(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
            && url.port() != Some(0)
    });
    let url = url.ok_or_else(|| {
        let what = format!("{} is not the URL of an STS", quoted(text));
        ValueError::new(what, ENDPOINT_HELP)
    })?;
    let here = url
        .host()
        .is_some_and(|host| issuer::is_loopback(&host.to_owned()));
    if url.scheme() == "http" && !here {
        let what = format!("{} has no TLS", quoted(text));
        return Err(ValueError::new(
            what,
            "write an https URL: others on the network could read the tokens and the credentials",
        ));
    }
    Ok(url.into())
}

/// The endpoint of AWS's STS in a region. <https://docs.aws.amazon.com/general/latest/gr/sts.html>
fn aws_endpoint(region: &Region) -> String {
    let suffix = if region.as_str().starts_with("cn-") {
        ".cn"
    } else {
        ""
    };
    format!("https://sts.{region}.amazonaws.com{suffix}/")
}

fn assume(text: &str) -> Parsed<String> {
    let fits =
        (20..=2048).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if fits && text.starts_with("arn:") {
        return Ok(text.to_owned());
    }
    let what = format!("{} is not an ARN", quoted(text));
    Err(ValueError::new(
        what,
        "write the role's ARN at the STS, as MinIO prints it at its start",
    ))
}

/// Parses an audience. The id of a pool is refused, because the tokens of clients have it.
fn audience(text: &str) -> Parsed<String> {
    let fits = (1..=255).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_.:/-".contains(&byte));
    if !fits {
        let what = format!("{} can't be an audience", quoted(text));
        let help = "write 1 to 255 letters, digits and _.:/-, for example the host of the STS";
        return Err(ValueError::new(what, help));
    }
    if PoolId::parse(text).is_some() {
        let what = format!("{} is the id of a pool", quoted(text));
        let help = "write an audience that only this route's tokens have: the tokens of that pool's clients have its id";
        return Err(ValueError::new(what, help));
    }
    Ok(text.to_owned())
}

fn escapes(text: &str) -> Parsed<bool> {
    if text == LITERAL_ESCAPE {
        return Ok(true);
    }
    let what = format!("{} can't replace a colon", quoted(text));
    Err(ValueError::new(
        what,
        "write \"?\", which matches any one character",
    ))
}
