//! Routes to other STSs: `[[credentials.route]]` in the configuration file. What goes there is not known here.

use std::ops::Range;

use toml::de::{DeTable, DeValue};
use url::Url;

use super::document::Value;
use super::lists::Items;
use super::mistakes::{Checked, Complaint, quoted};
use super::said::{Origin, Said};
use super::settings::CREDENTIALS_ROUTE;
use super::sources::{Sources, text_in, wrong_kind};
use crate::model::ids::{PoolId, Region};
use crate::model::issuer;
use crate::model::role_pattern::RolePattern;
use crate::policy::{LITERAL_ESCAPE, SessionTemplate};

/// A route to another STS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The roles whose credentials come from there.
    pub role: RolePattern,
    /// The URL of the STS: https, or http to a loopback host.
    pub endpoint: String,
    /// The region of the STS, as the log names it.
    pub region: Option<Region>,
    /// The ARN that the role has there, where that is another.
    pub assume: Option<String>,
    /// The `aud` of tokens that go there, where that isn't the pool's id; never without a session policy.
    pub audience: Option<String>,
    /// What sessions from there are narrowed to; never without an audience.
    pub session_policy: Option<SessionTemplate>,
}

impl Route {
    /// Whether its STS is asked without TLS.
    pub(super) fn is_plain(&self) -> bool {
        self.endpoint.starts_with("http://")
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

/// Reads the routes; they stand in the file only.
pub(super) fn read(sources: &mut Sources<'_>) -> Said<Vec<Route>> {
    sources.list(
        CREDENTIALS_ROUTE,
        &[],
        |route| route.role.as_str(),
        |_| Err(Complaint::new("routes stand in the file only", "")),
        items,
    )
}

fn items(value: Value<'_>) -> Checked<Items<Route>> {
    let help = "write [[credentials.route]] on a line of its own, and role and endpoint below";
    match value.into_inner() {
        DeValue::Array(all) => Ok(all
            .iter()
            .flat_map(|one| match one.get_ref() {
                DeValue::Table(table) => item(table, one.span()),
                other => vec![(
                    Origin::File(one.span()),
                    Err(wrong_kind("a table", other, help)),
                )],
            })
            .collect()),
        other => Err(wrong_kind("a list of tables", &other, help)),
    }
}

/// What a table says so far.
#[derive(Default)]
struct Draft<'t> {
    role: Option<RolePattern>,
    endpoint: Option<String>,
    region: Option<Region>,
    assume: Option<String>,
    audience: Option<String>,
    session_policy: Option<&'t str>,
    escapes: bool,
}

/// One route, or everything that is wrong with it.
fn item(table: &DeTable<'_>, whole: Range<usize>) -> Items<Route> {
    let mut wrong: Items<Route> = Vec::new();
    let mut note = |span, complaint| wrong.push((Origin::File(span), Err(complaint)));
    let mut draft = Draft::default();
    let mut policy_span = whole.clone();
    for (key, value) in table {
        let name = key.get_ref().as_ref();
        if !KNOWN.contains(&name) {
            let what = format!("{} is no setting of a route", quoted(name));
            let known: Vec<_> = KNOWN.iter().map(|name| format!("`{name}`")).collect();
            let help = format!("known here are {}", known.join(", "));
            note(key.span(), Complaint::new(what, help));
            continue;
        }
        if name == "session_policy" {
            policy_span = value.span();
        }
        let read = text_in(value.get_ref()).and_then(|text| draft.set(name, text));
        if let Err(complaint) = read {
            note(value.span(), complaint);
        }
    }
    let has = |name: &str| table.keys().any(|key| key.get_ref() == name);
    for complaint in missing(&has) {
        note(whole.clone(), complaint);
    }
    let template = draft
        .session_policy
        .map(|text| SessionTemplate::parse(text, draft.escapes));
    let session_policy = match template {
        Some(Err(error)) => {
            let what = format!("session_policy: {error}");
            let help = "write a session policy as IAM has it, with the variables that are filled in for each identity";
            note(policy_span, Complaint::new(what, help));
            None
        }
        Some(Ok(template)) => Some(template),
        None => None,
    };
    let of_region = draft.region.as_ref().map(of_aws);
    match (draft.role, draft.endpoint.or(of_region)) {
        (Some(role), Some(endpoint)) if wrong.is_empty() => {
            let route = Route {
                role,
                endpoint,
                region: draft.region,
                assume: draft.assume,
                audience: draft.audience,
                session_policy,
            };
            vec![(Origin::File(whole), Ok(route))]
        }
        _ => wrong,
    }
}

/// What a route lacks that has settings as `has` says.
fn missing(has: &impl Fn(&str) -> bool) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    if !has("role") {
        let help = "give each route the role, or the pattern of roles, that it is for";
        complaints.push(Complaint::new("role is missing", help));
    }
    if !has("endpoint") && !has("region") {
        let what = "endpoint is missing";
        let help = "give the route the URL of its STS, or the region of AWS whose STS is meant";
        complaints.push(Complaint::new(what, help));
    }
    if has("session_policy") && !has("audience") {
        complaints.push(Complaint::new(
            "a session_policy wants an audience",
            "set an audience that only this route's tokens have, and let the roles there trust no other: otherwise \
             a client takes its own token there, and leaves the session policy behind",
        ));
    }
    if has("audience") && !has("session_policy") {
        complaints.push(Complaint::new(
            "an audience wants a session_policy",
            "set a session_policy, or leave the audience out: it is the pool's id then",
        ));
    }
    if has("literal_escape") && !has("session_policy") {
        complaints.push(Complaint::new(
            "literal_escape wants a session_policy",
            "leave it out: it changes what a session_policy is filled in with",
        ));
    }
    complaints
}

impl<'t> Draft<'t> {
    fn set(&mut self, name: &str, text: &'t str) -> Checked<()> {
        match name {
            "role" => self.role = Some(role(text)?),
            "endpoint" => self.endpoint = Some(endpoint(text)?),
            "region" => self.region = Some(super::values::region(text)?),
            "assume" => self.assume = Some(assume(text)?),
            "audience" => self.audience = Some(audience(text)?),
            "session_policy" => self.session_policy = Some(text),
            _ => self.escapes = escapes(text)?,
        }
        Ok(())
    }
}

fn role(text: &str) -> Checked<RolePattern> {
    RolePattern::parse(text).ok_or_else(|| {
        let what = format!("{} is no pattern of roles' ARNs", quoted(text));
        let help = "write arn:aws:iam::ACCOUNT:role/NAME; * and ? may stand in the account and in the name";
        Complaint::new(what, help)
    })
}

fn endpoint(text: &str) -> Checked<String> {
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
        let what = format!("{} is no URL of an STS", quoted(text));
        Complaint::new(what, ENDPOINT_HELP)
    })?;
    let here = url
        .host()
        .is_some_and(|host| issuer::is_loopback(&host.to_owned()));
    if url.scheme() == "http" && !here {
        let what = format!("{} would be asked without TLS", quoted(text));
        return Err(Complaint::new(
            what,
            "write an https URL: who listens gets the tokens and the credentials",
        ));
    }
    Ok(url.into())
}

/// AWS's own STS in a region. <https://docs.aws.amazon.com/general/latest/gr/sts.html>
fn of_aws(region: &Region) -> String {
    let suffix = if region.as_str().starts_with("cn-") {
        ".cn"
    } else {
        ""
    };
    format!("https://sts.{region}.amazonaws.com{suffix}/")
}

fn assume(text: &str) -> Checked<String> {
    let fits =
        (20..=2048).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if fits && text.starts_with("arn:") {
        return Ok(text.to_owned());
    }
    let what = format!("{} is no ARN", quoted(text));
    Err(Complaint::new(
        what,
        "write the ARN that the STS has for the role, as MinIO prints it when it starts",
    ))
}

/// An audience that no token of a client has: theirs is the id of a pool.
fn audience(text: &str) -> Checked<String> {
    let fits = (1..=255).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_.:/-".contains(&byte));
    if !fits {
        let what = format!("{} can't be an audience", quoted(text));
        let help = "write 1 to 255 letters, digits and _.:/- such as the host of the STS";
        return Err(Complaint::new(what, help));
    }
    if PoolId::parse(text).is_some() {
        let what = format!("{} is the id of a pool", quoted(text));
        let help = "write one that only this route's tokens have: every client of that pool has tokens for its id";
        return Err(Complaint::new(what, help));
    }
    Ok(text.to_owned())
}

fn escapes(text: &str) -> Checked<bool> {
    if text == LITERAL_ESCAPE {
        return Ok(true);
    }
    let what = format!("{} can't stand for a colon", quoted(text));
    Err(Complaint::new(
        what,
        "write \"?\", which stands for the one character that is there",
    ))
}
