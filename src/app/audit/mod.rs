//! What the audit log needs of the application: the ids of guests in it, the lines about the server itself, and the changes
//! that were never answered.

pub mod user_identity;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{App, Call};
use crate::ambient::Ambient;
use crate::audit::{AuditLog, CloudTrailLine, OpenAuditError};
use crate::config::{AuditTarget, Config};
use crate::error::{Code, Error};
use crate::model::ids::{IdentityId, Region};
use crate::store::event::{Event, Subject, handle_of_hash};
use crate::store::record::RecordKind;
use crate::store::{Store, StoreError};

/// The source of Cognate's own operations and of events of the server.
pub const OWN_SOURCE: &str = "cognate.local";

/// The version of CloudTrail's form.
pub const VERSION: &str = "1.11";

/// How long before the newest line of the log a change without a line may have begun.
pub(super) const LONGEST_CALL: SignedDuration = SignedDuration::from_mins(10);

/// How many transactions one page of events has.
const PAGE: usize = 500;

/// The identities that a call has found, and whether each was a guest when it was found first. An id that no call found is
/// that of a guest for the audit log.
#[derive(Debug, Default)]
pub struct FoundIdentities(Mutex<Vec<(Uuid, bool)>>);

impl FoundIdentities {
    /// Notes an identity. What it was when the call arrived counts.
    pub(super) fn note(&self, id: Uuid, is_guest: bool) {
        let mut found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !found.iter().any(|(noted, _)| *noted == id) {
            found.push((id, is_guest));
        }
    }

    /// Whether an identity was a guest; `None` for one that wasn't found.
    fn is_guest(&self, id: Uuid) -> Option<bool> {
        let found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let noted = found.iter().find(|(noted, _)| *noted == id);
        noted.map(|(_, is_guest)| *is_guest)
    }
}

/// Opens the audit log of this configuration, if it has one.
pub(super) fn open(
    config: &Config,
    ambient: &Arc<dyn Ambient>,
) -> Result<Option<Arc<AuditLog>>, OpenAuditError> {
    let Some(settings) = &config.audit else {
        return Ok(None);
    };
    let account = config.account_id.to_string();
    let region = own_region(config);
    let clock = Arc::clone(ambient);
    let log = AuditLog::open(settings, Arc::clone(ambient), move |name, data| {
        let mut line = service_line(&clock, &account, &region, name);
        if let Value::Object(data) = data {
            line.additional_event_data = data;
        }
        line.into_line(&|_| None)
    })?;
    Ok(Some(Arc::new(log)))
}

/// The handle of the identity with this id, whether or not there is such an identity.
pub fn handle_of(call: &Call<'_>, id: &IdentityId) -> String {
    format!("{}:{}", id.region, call.app.guests.handle(id.uuid))
}

/// The region of events without one.
pub fn own_region(config: &Config) -> String {
    let first = config.regions.first();
    first.map_or_else(|| "us-east-1".to_owned(), Region::to_string)
}

/// A line about the server itself.
fn service_line(
    ambient: &Arc<dyn Ambient>,
    account: &str,
    region: &str,
    name: &str,
) -> CloudTrailLine {
    CloudTrailLine {
        event_version: VERSION,
        user_identity: json!({ "type": "AWSService", "invokedBy": "cognate" }),
        event_time: in_seconds(ambient.now()),
        event_source: OWN_SOURCE,
        event_name: name.to_owned(),
        aws_region: region.to_owned(),
        source_ip_address: OWN_SOURCE.to_owned(),
        user_agent: None,
        error_code: None,
        error_message: None,
        request_parameters: Value::Null,
        response_elements: Value::Null,
        additional_event_data: Map::new(),
        request_id: ambient.uuid().to_string(),
        event_id: ambient.uuid().to_string(),
        read_only: false,
        resources: Vec::new(),
        event_type: "AwsServiceEvent",
        management_event: true,
        recipient_account_id: account.to_owned(),
        event_category: "Management",
    }
}

/// A time as the lines have it: UTC, in whole seconds.
pub fn in_seconds(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Refuses a call that would have a line, while none can be written.
pub fn admit(call: &Call<'_>) -> Result<(), Error> {
    match call.app.audit.as_ref().and_then(|log| log.problem()) {
        None => Ok(()),
        Some(problem) => Err(Code::InternalError
            .because("Internal Server Error")
            .from_source(problem)),
    }
}

/// `text` with a handle for each id of a guest; `None` where it has none. Ids that the call didn't find are those of guests,
/// but not the ids of pools.
pub fn without_guests(call: &Call<'_>, text: &str) -> Option<String> {
    const UUID: usize = 36;
    if text.len() < UUID {
        return None;
    }
    let mut replaced = String::new();
    let (mut copied, mut at) = (0, 0);
    while at + UUID <= text.len() {
        let found = text
            .get(at..at + UUID)
            .filter(|part| part.as_bytes()[8] == b'-' && part.as_bytes()[13] == b'-')
            .and_then(|part| Uuid::try_parse(part).ok());
        let Some(id) = found else {
            at += 1;
            continue;
        };
        if is_guest(call, id, &text[..at]) {
            replaced.push_str(&text[copied..at]);
            replaced.push_str(&call.app.guests.handle(id));
            copied = at + UUID;
        }
        at += UUID;
    }
    if copied == 0 {
        return None;
    }
    replaced.push_str(&text[copied..]);
    Some(replaced)
}

/// Whether the UUID after `before` is taken for a guest's: it is known as one, or it follows a region and is neither a pool
/// nor known.
fn is_guest(call: &Call<'_>, id: Uuid, before: &str) -> bool {
    match call.found.is_guest(id) {
        Some(is_guest) => is_guest,
        None => follows_region(before) && !is_pool(call, id),
    }
}

/// Whether a text ends with a region and a colon, which may be escaped as in a URL.
fn follows_region(before: &str) -> bool {
    let colons = [":", "%3a", "%3A", "%253a", "%253A"];
    let Some(before) = colons.iter().find_map(|colon| before.strip_suffix(colon)) else {
        return false;
    };
    let is_label = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    let label = before.trim_end_matches(is_label);
    let (around, label) = (label, &before[label.len()..]);
    let is_of_aws = label.contains('-') && label.ends_with(|last: char| last.is_ascii_digit());
    // `PROVIDER:AUDIENCE:SUBJECT` has a colon before the audience.
    !label.is_empty() && (is_of_aws || !around.ends_with(':'))
}

fn is_pool(call: &Call<'_>, id: Uuid) -> bool {
    if call.pool.get().is_some_and(|pool| pool.uuid == id) {
        return true;
    }
    let snapshot = call.app.records.catalog.newest();
    let key = id.to_string();
    snapshot.is_there(RecordKind::Pool, &key) || snapshot.was_deleted(RecordKind::Pool, &key)
}

/// The line of a change, from its events: the call was never answered, or there was none.
fn line_of_events(app: &App, first: &Event, events: &[Event], why: &str) -> Vec<u8> {
    let config = &app.config;
    let account = config.account_id.to_string();
    let mut line = service_line(
        &app.ambient,
        &account,
        &own_region(config),
        &first.operation,
    );
    line.event_time = in_seconds(first.at);
    line.request_id = first.request_id.to_string();
    if first.signer != "cognate" {
        line.user_identity = json!({ "type": "Unknown", "arn": first.signer });
    }
    let changes: Vec<Value> = events.iter().map(described).collect();
    line.additional_event_data = Map::from_iter([
        ("recorded".to_owned(), Value::from(why)),
        ("changes".to_owned(), Value::Array(changes)),
    ]);
    line.into_line(&|_| None)
}

fn described(event: &Event) -> Value {
    let kind = serde_json::to_value(event.kind).unwrap_or_default();
    let subjects = std::iter::once(&event.subject).chain(&event.related);
    let subjects: Vec<Value> = subjects
        .map(|subject| match subject {
            Subject::Guest { pool, hash } => {
                let handle = handle_of_hash(hash).unwrap_or_default();
                json!({ "is": "guest", "pool": pool, "identity": handle })
            }
            Subject::Identity { pool, id } => {
                json!({ "is": "identity", "pool": pool, "identity": id })
            }
            Subject::Record { kind, key, version } => {
                json!({ "is": "record", "kind": kind, "key": key, "version": version })
            }
        })
        .collect();
    json!({ "type": kind, "subjects": subjects, "providers": event.providers })
}

/// Writes a line for each change of this store that has none: the process was killed after the change was committed and
/// before its call was answered. `Start` has one for what this start made. Servers that share a database each have a log of
/// their own, and don't know which of them made a change: there, the change has its event only.
pub async fn record_unanswered(app: &App, started: Timestamp) -> Result<usize, StoreError> {
    let (Some(log), Some(settings)) = (&app.audit, &app.config.audit) else {
        return Ok(0);
    };
    let path = match &settings.target {
        AuditTarget::File(path) if app.config.database.is_none() => path.clone(),
        _ => return Ok(0),
    };
    let read = tokio::task::spawn_blocking(move || crate::audit::newest_requests(&path));
    let written = read.await.ok().and_then(Result::ok).unwrap_or_default();
    let newest = written.values().max().copied();
    let since = newest.map_or(started, |newest| (newest - LONGEST_CALL).min(started));
    let mut by_request: HashMap<Uuid, Vec<Event>> = HashMap::new();
    let store = app.records.store.as_ref();
    let mut after = position_before(store, since).await?;
    loop {
        let page = store.list_events(after, PAGE).await?;
        let Some((last, _)) = page.transactions.last() else {
            break;
        };
        after = *last;
        for event in page.transactions.into_iter().flat_map(|(_, events)| events) {
            if event.at >= since && !written.contains_key(&event.request_id) {
                by_request.entry(event.request_id).or_default().push(event);
            }
        }
    }
    let count = by_request.len();
    for events in by_request.values() {
        let why = if events[0].signer == "cognate" {
            "own"
        } else {
            "afterwards"
        };
        log.append_later(line_of_events(app, &events[0], events, why));
    }
    Ok(count)
}

/// A position in the outbox: every event since `since` comes after it. Events are in the order of their times, except that
/// the times of calls that overlap may be exchanged.
async fn position_before(store: &dyn Store, since: Timestamp) -> Result<u64, StoreError> {
    let since = since - LONGEST_CALL;
    let (mut low, mut high) = (0_u64, u64::from(u32::MAX) << 16);
    while low < high {
        let middle = low + (high - low) / 2;
        let page = store.list_events(middle, 1).await?;
        let first = page
            .transactions
            .first()
            .and_then(|(_, events)| events.first());
        if first.is_some_and(|event| event.at < since) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}
