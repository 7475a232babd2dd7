//! What the service models state (required, types, lengths, patterns, ranges, sets) is kept by every operation of the
//! table, at every place of its input. The requests are generated from the models; what is said about each comes from
//! `words` and `mistyped`, and the forms of that are written out in `by_hand`.

mod by_hand;
mod mistyped;
mod patterns;
mod places;
pub mod requests;
pub mod sending;
mod words;

use cognate::operations::{ALL, Entry};
use serde_json::{Value, json};

use crate::service_model::ServiceModel;
use crate::world::World;
use mistyped::mistyped;
use places::{Place, Slot, places};
use requests::request;
use sending::{flatten, is_of_the_front_door, is_query, send, send_form, violates};
use words::message;

/// An operation, its model, its good request and the places of that.
struct Subject {
    entry: &'static Entry,
    model: &'static ServiceModel,
    input: &'static str,
    request: Value,
    places: Vec<Place>,
}

/// Every operation of the table.
fn subjects() -> impl Iterator<Item = Subject> {
    ALL.iter().map(|entry| {
        let (model, input) = (ServiceModel::of(entry.service), ServiceModel::input(entry));
        let request = request(entry);
        let places = places(model, input, &request);
        Subject {
            entry,
            model,
            input,
            request,
            places,
        }
    })
}

impl Subject {
    /// Sends a request that is to be refused with what `words` says.
    async fn refuses(&self, world: &World, request: &Value, what: &str) {
        let what = format!("{} with {what}", self.entry.name);
        let text = message(self.model, self.input, request)
            .unwrap_or_else(|| panic!("{what} breaks nothing"));
        let answer = send(world, self.entry, request).await;
        violates(self.entry, &answer, &text, &what);
    }

    /// Sends a request that gets past types and constraints, whatever becomes of it then.
    async fn takes(&self, world: &World, request: &Value, what: &str) {
        let what = format!("{} with {what}", self.entry.name);
        assert_eq!(message(self.model, self.input, request), None, "{what}");
        let answer = send(world, self.entry, request).await;
        let refused = is_of_the_front_door(self.entry, &answer) || answer.status >= 500;
        assert!(!refused, "{what}: {}", answer.text);
    }
}

#[tokio::test]
async fn every_operation_has_a_good_request_that_leaves_nothing_out() {
    let world = World::new().await;
    for subject in subjects() {
        subject
            .takes(&world, &subject.request, "nothing wrong")
            .await;
    }
}

#[tokio::test]
async fn a_required_member_is_missed_wherever_it_belongs() {
    let world = World::new().await;
    for subject in subjects() {
        for place in &subject.places {
            if place.slot != Slot::Required {
                continue;
            }
            let missing = place.without(&subject.request);
            subject.refuses(&world, &missing, &place.pointer).await;
            if !is_query(subject.entry) {
                let null = place.with(&subject.request, Value::Null);
                subject.refuses(&world, &null, &place.pointer).await;
            }
        }
        if subject
            .places
            .iter()
            .any(|place| place.slot == Slot::Required)
        {
            subject.refuses(&world, &json!({}), "nothing at all").await;
        }
    }
}

#[tokio::test]
async fn a_null_counts_as_absent_but_in_maps() {
    let world = World::new().await;
    for subject in subjects().filter(|subject| !is_query(subject.entry)) {
        for place in &subject.places {
            let null = place.with(&subject.request, Value::Null);
            match place.slot {
                Slot::Optional => subject.takes(&world, &null, &place.pointer).await,
                Slot::MapValue => subject.refuses(&world, &null, &place.pointer).await,
                _ => {}
            }
        }
    }
}

#[tokio::test]
async fn a_value_of_the_wrong_type_is_refused_before_anything_is_measured() {
    let world = World::new().await;
    for subject in subjects().filter(|subject| !is_query(subject.entry)) {
        for place in &subject.places {
            if place.slot == Slot::Whole {
                continue;
            }
            for (value, text) in mistyped(subject.model.kind(&place.shape)) {
                let what = format!("{} {} {value}", subject.entry.name, place.pointer);
                let wrong = place.with(&subject.request, read(value));
                // Nothing else is there that is required.
                let member = place.pointer.split('/').nth(1).unwrap();
                let alone = json!({ member: wrong[member] });
                for request in [wrong, alone] {
                    let answer = send(&world, subject.entry, &request).await;
                    let wanted = json!({ "__type": "SerializationException", "Message": text });
                    assert_eq!((answer.status, answer.json()), (400, wanted), "{what}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_form_of_the_wrong_kind_is_refused_before_anything_is_measured() {
    let world = World::new().await;
    for subject in subjects().filter(|subject| is_query(subject.entry)) {
        for place in &subject.places {
            let Some(name) = parameter(&subject, place) else {
                continue;
            };
            let more: Vec<(String, &str)> = match subject.model.kind(&place.shape) {
                "string" => vec![
                    (format!("{name}.member.1"), "a"),
                    (format!("{name}.x"), "a"),
                ],
                "integer" | "long" => ["", "a", "1.5", " 1", "1e3", "0x1", "9223372036854775808"]
                    .map(|text| (name.clone(), text))
                    .into(),
                "boolean" => ["", "1", "True", "yes"]
                    .map(|text| (name.clone(), text))
                    .into(),
                "list" => vec![
                    (name.clone(), "a"),
                    (format!("{name}.1"), "a"),
                    (format!("{name}.members.1"), "a"),
                    (format!("{name}.member"), "a"),
                    (format!("{name}.member."), "a"),
                    (format!("{name}.member.x"), "a"),
                    (format!("{name}.member.01"), "a"),
                    (format!("{name}.member.+1"), "a"),
                    (format!("{name}.member.4294967296"), "a"),
                ],
                "structure" => vec![(name.clone(), "a")],
                other => panic!("a {other}"),
            };
            for (spoiled, value) in more {
                let mut parameters = form(&subject, &subject.request);
                parameters.retain(|(name, _)| *name != spoiled);
                parameters.push((spoiled.clone(), value.to_owned()));
                let answer = send_form(&world, subject.entry, &parameters).await;
                let text = format!("The value of {name} can't be read.");
                answer.query_refused(400, "MalformedInput", &text);
            }
        }
    }
}

#[tokio::test]
async fn each_length_pattern_range_and_set_is_kept_everywhere() {
    let world = World::new().await;
    for subject in subjects() {
        for place in &subject.places {
            for value in place.breaking(subject.model) {
                let what = format!("{} {}", place.pointer, shortened(&value));
                let request = place.with(&subject.request, value);
                subject.refuses(&world, &request, &what).await;
            }
        }
    }
}

#[tokio::test]
async fn what_only_just_keeps_a_constraint_passes() {
    let world = World::new().await;
    for subject in subjects() {
        for place in &subject.places {
            for value in place.keeping(subject.model) {
                let what = format!("{} {}", place.pointer, shortened(&value));
                let request = place.with(&subject.request, value);
                subject.takes(&world, &request, &what).await;
            }
        }
    }
}

#[tokio::test]
async fn all_that_is_wrong_is_in_one_message_in_the_models_order() {
    let world = World::new().await;
    for subject in subjects() {
        for turn in 0..3 {
            let mut request = subject.request.clone();
            for place in &subject.places {
                let mut breaking = place.breaking(subject.model);
                // As a whole a request has a limit of its own.
                if request.to_string().len() > 100_000 {
                    breaking.retain(|value| value.to_string().len() < 50_000);
                }
                if subject.model.is_plain(&place.shape) && !breaking.is_empty() {
                    let value = breaking[turn % breaking.len()].clone();
                    request = place.with(&request, value);
                }
            }
            if request != subject.request {
                subject.refuses(&world, &request, "everything wrong").await;
            }
        }
    }
}

/// The name of the parameter of a place; none of the whole.
fn parameter(subject: &Subject, place: &Place) -> Option<String> {
    if place.slot == Slot::Whole {
        return None;
    }
    let parts = place.pointer.split('/').skip(1);
    let parts: Vec<String> = parts
        .map(|part| match part.parse::<usize>() {
            Ok(at) => format!("member.{}", at + 1),
            Err(_) => part.to_owned(),
        })
        .collect();
    let name = parts.join(".");
    let parameters = form(subject, &subject.request);
    assert!(
        parameters
            .iter()
            .any(|(written, _)| *written == name || written.starts_with(&format!("{name}."))),
        "{name} is not written"
    );
    Some(name)
}

fn form(subject: &Subject, request: &Value) -> Vec<(String, String)> {
    let mut parameters = Vec::new();
    flatten(subject.model, subject.input, "", request, &mut parameters);
    parameters
}

#[expect(clippy::disallowed_methods, reason = "the values stand in the tests")]
fn read(json: &str) -> Value {
    serde_json::from_str(json).expect("JSON")
}

fn shortened(value: &Value) -> String {
    value.to_string().chars().take(80).collect()
}
