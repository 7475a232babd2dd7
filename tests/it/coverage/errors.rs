//! Whether each error that the service model declares for an operation comes about, or why it can't. That no other one
//! does, every test asks: see `world/declared.rs`.

use std::collections::BTreeSet;
use std::sync::Arc;

use cognate::ambient::Still;
use cognate::operations::{ALL, Entry, Service};
use serde_json::{Value, json};

use crate::constraints::requests::request;
use crate::constraints::sending::send;
use crate::service_model::{ServiceModel, text};
use crate::world::{Answer, DEVELOPER, Two, World, beginning, claims};

const CONFLICT: &str = "ResourceConflictException";
const DENIED: &str = "NotAuthorizedException";
const INVALID: &str = "InvalidParameterException";
const CHANGED: &str = "ConcurrentModificationException";
const FAILED: &str = "InternalErrorException";
const FULL: &str = "LimitExceededException";
const UNREACHABLE: &str = "ExternalServiceException";

/// Errors that operations declare and never give, and why.
const NEVER: &[(&str, &str, &[&str])] = &[
    (
        INVALID,
        "what could be wrong with a parameter breaks a constraint of the model, which is a ValidationException, or names \
         what isn't found",
        &[
            "DeleteIdentities",
            "DeleteIdentityPool",
            "DescribeIdentity",
            "DescribeIdentityPool",
            "GetId",
            "GetIdentityPoolRoles",
            "GetPrincipalTagAttributeMap",
            "MergeDeveloperIdentities",
            "UnlinkDeveloperIdentity",
            "UnlinkIdentity",
        ],
    ),
    (
        CHANGED,
        "it is done again on what another change has made of the pool",
        &["SetIdentityPoolRoles"],
    ),
    (
        DENIED,
        "what another account's administrator is told; a server is one account, whose own are told AccessDeniedException",
        &[
            "CreateIdentityPool",
            "DeleteIdentityPool",
            "DescribeIdentity",
            "DescribeIdentityPool",
            "GetIdentityPoolRoles",
            "GetPrincipalTagAttributeMap",
            "ListIdentities",
            "ListIdentityPools",
            "ListTagsForResource",
            "LookupDeveloperIdentity",
            "SetPrincipalTagAttributeMap",
            "TagResource",
            "UntagResource",
            "UpdateIdentityPool",
        ],
    ),
    (
        CONFLICT,
        "the names of pools need not be unique, and what is set for a pool is no other's",
        &[
            "CreateIdentityPool",
            "GetIdentityPoolRoles",
            "SetIdentityPoolRoles",
            "UpdateIdentityPool",
        ],
    ),
    (
        FULL,
        "identities have no quota, and an update makes no pool",
        &["GetId", "UpdateIdentityPool"],
    ),
    (
        "ResourceNotFoundException",
        "a region without pools has an empty list of them",
        &["ListIdentityPools"],
    ),
    (
        FAILED,
        "what fails is named id by id in the answer",
        &["DeleteIdentities"],
    ),
];

/// The errors that came about, with their operations.
#[derive(Default)]
struct Seen(BTreeSet<(String, String)>);

impl Seen {
    fn add(&mut self, operation: &str, answer: &Answer) {
        if answer.status != 200 {
            self.0.insert((operation.to_owned(), answer.error().1));
        }
    }

    /// Asks, and wants this error.
    async fn ask(&mut self, place: &Two, operation: &str, input: Value, code: &str) {
        let answer = place.ask(operation, input).await;
        assert_eq!(answer.error().1, code, "{operation}: {}", answer.text);
        self.add(operation, &answer);
    }
}

impl Two {
    /// Calls an operation as whoever may.
    async fn ask(&self, operation: &str, input: Value) -> Answer {
        let entry = entries().find(|entry| entry.name == operation).unwrap();
        send(&self.world, entry, &input).await
    }
}

fn entries() -> impl Iterator<Item = &'static Entry> {
    ALL.iter()
        .filter(|entry| entry.service == Service::CognitoIdentity)
}

fn declared() -> BTreeSet<(String, String)> {
    let model = ServiceModel::of(Service::CognitoIdentity);
    let mut all = BTreeSet::new();
    for name in model.operations() {
        for error in model.operation(name)["errors"].as_array().unwrap() {
            all.insert((name.to_owned(), text(&error["shape"]).to_owned()));
        }
    }
    all
}

fn never() -> BTreeSet<(String, String)> {
    let pair = |code: &str, name: &str| (name.to_owned(), code.to_owned());
    let rows = NEVER.iter();
    rows.flat_map(|(code, _, names)| names.iter().map(move |name| pair(code, name)))
        .collect()
}

#[tokio::test]
async fn every_declared_error_comes_about_or_cannot() {
    let mut seen = Seen::default();
    refusals(&mut seen).await;
    limits(&mut seen).await;
    races(&mut seen).await;
    failures(&mut seen).await;
    let declared = declared();
    let undeclared: Vec<_> = seen.0.difference(&declared).collect();
    assert!(undeclared.is_empty(), "{undeclared:?} aren't declared");
    let (unseen, never) = (&declared - &seen.0, never());
    let missing = &unseen - &never;
    assert!(missing.is_empty(), "{missing:?} never came about");
    let wrong = &never - &unseen;
    assert!(wrong.is_empty(), "{wrong:?} come about, or aren't declared");
}

/// What is wrong with requests, one by one.
#[expect(clippy::too_many_lines, reason = "a table")]
async fn refusals(seen: &mut Seen) {
    let place = Two::new().await;
    let pool = json!({ "IdentityPoolId": place.pool });
    let with = |more: Value| {
        let mut input = pool.clone();
        for (name, value) in more.as_object().unwrap() {
            input[name] = value.clone();
        }
        input
    };
    // All name pools and identities that aren't there, or providers that aren't registered.
    for entry in entries() {
        let answer = send(&place.world, entry, &request(entry)).await;
        seen.add(entry.name, &answer);
    }
    let guest = place.owner(json!({})).await;
    let ada = place.owner(place.first("ada")).await;
    let bob = place.owner(place.second("bob")).await;
    place.world.user(&place.pool, "one").await;
    let two = place.world.user(&place.pool, "two").await.identity;
    let of = |identity: &str, logins: Value| json!({ "IdentityId": identity, "Logins": logins });

    let bad_page = json!({ "MaxResults": 1, "NextToken": "x" });
    let no_provider = json!({ "IdentityProviderName": "unknown.example.com" });
    let role = json!({ "authenticated": "arn:aws:iam::210987654321:role/Theirs" });
    let mapping = json!({ "x": { "Type": "Token", "AmbiguousRoleResolution": "Deny" } });
    let bad_arn = "not an ARN, but long enough";
    let settings = with(json!({
        "IdentityPoolName": "A pool", "AllowUnauthenticatedIdentities": true,
        "DeveloperProviderName": "login.other",
    }));
    for (operation, input) in [
        ("ListIdentities", with(bad_page.clone())),
        ("ListIdentityPools", bad_page),
        ("LookupDeveloperIdentity", pool.clone()),
        ("SetPrincipalTagAttributeMap", with(no_provider)),
        (
            "SetIdentityPoolRoles",
            with(json!({ "Roles": {}, "RoleMappings": mapping })),
        ),
        ("UpdateIdentityPool", settings),
        ("TagResource", json!({ "ResourceArn": bad_arn, "Tags": {} })),
        (
            "UntagResource",
            json!({ "ResourceArn": bad_arn, "TagKeys": [] }),
        ),
        ("ListTagsForResource", json!({ "ResourceArn": bad_arn })),
        (
            "GetOpenIdTokenForDeveloperIdentity",
            with(json!({ "Logins": place.first("ada") })),
        ),
        (
            "GetOpenIdToken",
            of(
                &guest,
                json!({ "arn:aws:iam::123456789012:saml-provider/x": "x" }),
            ),
        ),
    ] {
        seen.ask(&place, operation, input, INVALID).await;
    }
    let arn = format!(
        "arn:aws:iam::123456789012:oidc-provider/{}",
        place.one.name()
    );
    let tags = json!({ "IdentityProviderName": arn, "PrincipalTags": { "t": "sub" } });
    place
        .ask("SetPrincipalTagAttributeMap", with(tags))
        .await
        .ok();
    let credentials = "GetCredentialsForIdentity";
    let no_tag = of(&guest, place.first("*"));
    seen.ask(&place, credentials, no_tag, INVALID).await;

    let developer = json!({ "DeveloperProviderName": "login.other" });
    let merge = json!({ "SourceUserIdentifier": "one", "DestinationUserIdentifier": "two" });
    let unlink = json!({ "IdentityId": two, "DeveloperUserIdentifier": "one" });
    let both = |one: &Value, two: &Value| {
        let mut all = with(one.clone());
        for (name, value) in two.as_object().unwrap() {
            all[name] = value.clone();
        }
        all
    };
    let others = json!({ "login.other": "x" });
    let mut remove = of(&ada, place.first("eve"));
    remove["LoginsToRemove"] = json!([]);
    for (operation, input) in [
        (credentials, of(&ada, json!({}))),
        ("GetOpenIdToken", of(&ada, json!({}))),
        ("GetId", with(json!({ "Logins": { DEVELOPER: "x" } }))),
        (
            "GetOpenIdTokenForDeveloperIdentity",
            with(json!({ "Logins": others })),
        ),
        ("MergeDeveloperIdentities", both(&merge, &developer)),
        ("UnlinkDeveloperIdentity", both(&unlink, &developer)),
        ("UnlinkIdentity", remove),
        ("SetIdentityPoolRoles", with(json!({ "Roles": role }))),
    ] {
        seen.ask(&place, operation, input, DENIED).await;
    }

    let ours = json!({ "DeveloperProviderName": DEVELOPER });
    let clash = place.pair("ada", "bob");
    place.owner(place.pair("ada", "ada")).await;
    let mut beside = clash.clone();
    beside[DEVELOPER] = json!("three");
    let mut remove = of(&bob, place.pair("nobody", "bob"));
    remove["LoginsToRemove"] = json!([place.one.name()]);
    for user in ["one", "two"] {
        let more = json!({ "Logins": place.first(user) });
        place.world.developer(&place.pool, user, more).await.ok();
    }
    for (operation, input) in [
        (credentials, of(&ada, clash.clone())),
        ("GetOpenIdToken", of(&ada, clash.clone())),
        ("GetId", with(json!({ "Logins": clash }))),
        (
            "GetOpenIdTokenForDeveloperIdentity",
            with(json!({ "Logins": beside })),
        ),
        ("LookupDeveloperIdentity", with(unlink.clone())),
        ("MergeDeveloperIdentities", both(&merge, &ours)),
        ("UnlinkDeveloperIdentity", both(&unlink, &ours)),
        ("UnlinkIdentity", remove),
    ] {
        seen.ask(&place, operation, input, CONFLICT).await;
    }

    let registered = with(json!({ "IdentityId": guest, "Logins": { DEVELOPER: "one" } }));
    let code = "DeveloperUserAlreadyRegisteredException";
    seen.ask(
        &place,
        "GetOpenIdTokenForDeveloperIdentity",
        registered,
        code,
    )
    .await;
    let none = with(json!({ "Roles": {} }));
    place.ask("SetIdentityPoolRoles", none).await.ok();
    let code = "InvalidIdentityPoolConfigurationException";
    seen.ask(&place, credentials, of(&guest, json!({})), code)
        .await;

    // The keys are a day old by now.
    place.world.clock.advance(90_000);
    place.two.away(true);
    let mut late = claims(place.two.url(), "bob");
    late["iat"] = json!(place.world.now());
    late["exp"] = json!(place.world.now() + 60);
    let late = json!({ place.two.name(): place.two.key.token(&late) });
    let mut remove = of(&bob, late.clone());
    remove["LoginsToRemove"] = json!([]);
    for (operation, input) in [
        (credentials, of(&bob, late.clone())),
        ("GetOpenIdToken", of(&bob, late.clone())),
        ("GetId", with(json!({ "Logins": late }))),
        ("UnlinkIdentity", remove),
    ] {
        seen.ask(&place, operation, input, UNREACHABLE).await;
    }
}

/// What there can be too many of.
async fn limits(seen: &mut Seen) {
    let mut place = Two::new().await;
    let crowd = place.world.crowd().await;
    for entry in entries() {
        let code = "TooManyRequestsException";
        seen.ask(&place, entry.name, request(entry), code).await;
    }
    drop(crowd);

    let folder = Arc::new(tempfile::tempdir().unwrap());
    let file = folder.path().join("cognate.toml");
    std::fs::write(&file, "[limits]\npools_per_region = 1\n").unwrap();
    let clock = Arc::new(Still::at(beginning()));
    let world = World::open(folder, clock, |flags| flags.config = Some(file)).await;
    world.pool(json!({})).await;
    let input = json!({ "IdentityPoolName": "A pool", "AllowUnauthenticatedIdentities": true });
    let answer = world.admin("CreateIdentityPool", input).await;
    assert_eq!(answer.error().1, FULL);
    seen.add("CreateIdentityPool", &answer);
}

/// What calls at once do to each other.
async fn races(seen: &mut Seen) {
    const OPERATION: &str = "UpdateIdentityPool";
    let place = Two::new().await;
    let input = |at: usize| {
        json!({
            "IdentityPoolId": place.pool, "IdentityPoolName": format!("Pool {at}"),
            "AllowUnauthenticatedIdentities": true,
        })
    };
    let changed = (OPERATION.to_owned(), CHANGED.to_owned());
    for at in 0..100 {
        let (one, two, three) = tokio::join!(
            place.ask(OPERATION, input(3 * at)),
            place.ask(OPERATION, input(3 * at + 1)),
            place.ask(OPERATION, input(3 * at + 2)),
        );
        for answer in [one, two, three] {
            seen.add(OPERATION, &answer);
        }
        if seen.0.contains(&changed) {
            return;
        }
    }
    panic!("{OPERATION} never overtook another");
}

/// What a store that is away makes of calls.
async fn failures(seen: &mut Seen) {
    let place = Two::new().await;
    cognate::app::maintenance::close(&place.world.app).await;
    for entry in entries() {
        let mut input = request(entry);
        if entry.name == "ListIdentityPools" {
            input = json!({ "MaxResults": 1 });
        }
        let answer = place.ask(entry.name, input).await;
        if answer.status != 200 {
            let failed = (500, FAILED.to_owned(), "Internal Server Error".to_owned());
            assert_eq!(answer.error(), failed, "{}", entry.name);
        }
        seen.add(entry.name, &answer);
    }
}
