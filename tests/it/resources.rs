//! The resource that is authorised is the resource that is acted on: a parsed, canonical name, and never text of the
//! request.

use cognate::operations::{ALL, Access, Entry};
use serde_json::{Value, json};

use crate::constraints::requests::request;
use crate::constraints::sending::{is_query, written};
use crate::sessions::key;
use crate::world::{ACCOUNT, Answer, Credentials, World};

/// Other spellings of an ARN, or of another name.
fn spellings(text: &str) -> Vec<String> {
    let mut all = vec![
        text.to_uppercase(),
        format!("{text}/"),
        format!("{text}*"),
        format!("{text}%00"),
        text.replace('/', "//"),
        text.replace('-', "%2d"),
        text.replace("eu-west-1", "us-east-1"),
        text.replace(ACCOUNT, "999999999999"),
    ];
    for partition in ["aws-cn", "aws-us-gov", "awsx", "AWS", ""] {
        all.push(text.replacen("arn:aws:", &format!("arn:{partition}:"), 1));
    }
    all.retain(|other| other != text);
    all.sort();
    all.dedup();
    all
}

/// The pointers of a request's members that are names.
fn names(value: &Value, path: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                names(member, &format!("{path}/{name}"), found);
            }
        }
        Value::Array(elements) => {
            for (at, element) in elements.iter().enumerate() {
                names(element, &format!("{path}/{at}"), found);
            }
        }
        Value::String(text) if text.starts_with("arn:") || text.starts_with("eu-west-1:") => {
            found.push((path.to_owned(), text.clone()));
        }
        _ => {}
    }
}

async fn call(world: &World, who: &Credentials, entry: &Entry, request: &Value) -> Answer {
    let (headers, body) = written(entry, request);
    let headers = world.sign(who, entry.service.signing_name(), headers, &body);
    world.send("POST", "/", headers, body).await
}

/// The resource in a denial; `None` in another answer.
fn denied_resource(entry: &Entry, answer: &Answer) -> Option<String> {
    let text = if is_query(entry) {
        answer.xml("Message").unwrap_or_default()
    } else {
        answer.error().2
    };
    let (_, rest) = text.split_once(" on resource: ")?;
    let (resource, _) = rest.split_once(" because ")?;
    Some(resource.to_owned())
}

#[tokio::test]
async fn no_other_spelling_of_a_name_is_authorised_as_another_resource() {
    let world = World::new().await;
    let nothing = json!({ "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*" });
    let nothing = key(&world, "nothing", nothing).await;
    let mut wrong = Vec::new();
    for entry in ALL {
        if entry.access != Access::Signed {
            continue;
        }
        let plain = request(entry);
        let answer = call(&world, &nothing, entry, &plain).await;
        let canonical = denied_resource(entry, &answer);
        let canonical = canonical.unwrap_or_else(|| panic!("{}: {}", entry.name, answer.text));
        let mut found = Vec::new();
        names(&plain, "", &mut found);
        for (path, text) in found {
            for other in spellings(&text) {
                let mut changed = plain.clone();
                *changed.pointer_mut(&path).unwrap() = json!(other);
                let answer = call(&world, &nothing, entry, &changed).await;
                // Another answer refuses the spelling, and acts on nothing.
                let Some(resource) = denied_resource(entry, &answer) else {
                    assert_ne!(answer.status, 200, "{} {other}", entry.name);
                    continue;
                };
                // A name of something else is that name, in its own canonical form.
                let elsewhere = other == text.replace("eu-west-1", "us-east-1")
                    || other == text.replace(ACCOUNT, "999999999999")
                    || other.contains(":oidc-provider/") && other.starts_with("arn:aws:iam::123");
                let is_role = text.contains(":role/") && other.starts_with("arn:aws");
                if resource != canonical && resource != "*" && !elsewhere && !is_role {
                    wrong.push(format!("{} {other}: {resource}", entry.name));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn another_spelling_of_a_pools_arn_escapes_no_deny() {
    let world = World::new().await;
    let (pool, other) = (world.pool(json!({})).await, world.pool(json!({})).await);
    let arn =
        |pool: &str| format!("arn:aws:cognito-identity:eu-west-1:{ACCOUNT}:identitypool/{pool}");
    let statements = json!([
        { "Effect": "Allow", "Action": "*", "Resource": "*" },
        { "Effect": "Deny", "Action": "cognito-identity:*", "Resource": arn(&pool) },
    ]);
    let ci = key(&world, "ci", statements).await;
    for operation in ["TagResource", "UntagResource", "ListTagsForResource"] {
        let input = |arn: &str| {
            let mut input = json!({ "ResourceArn": arn });
            match operation {
                "TagResource" => input["Tags"] = json!({ "team": "red" }),
                "UntagResource" => input["TagKeys"] = json!(["team"]),
                _ => {}
            }
            input
        };
        let mut all = spellings(&arn(&pool));
        all.push(arn(&pool));
        for spelling in all {
            let answer = world.signed(&ci, operation, input(&spelling)).await;
            assert_ne!(answer.status, 200, "{operation} {spelling}");
        }
        world.signed(&ci, operation, input(&arn(&other))).await.ok();
        let answer = world.admin(operation, input(&arn(&pool))).await;
        answer.ok();
    }
}
