//! The same as `errors` asks, of the operations of STS and IAM.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use cognate::operations::{ALL, Entry, Service};
use serde_json::{Value, json};

use crate::constraints::requests::request;
use crate::constraints::sending::{is_query, send};
use crate::service_model::{ServiceModel, text};
use crate::world::idp::{IdentityProvider, Says, metadata};
use crate::world::{Answer, GUEST_ROLE, Given, Issuer, Key, World};

const CHANGED: &str = "ConcurrentModification";
const URL: &str = "https://login.example.com";
const ARN: &str = "arn:aws:iam::123456789012:oidc-provider/login.example.com";
const ENTITY: &str = "https://idp.example/metadata";
const ROLE_ARN: &str = "arn:aws:iam::123456789012:role/Reader";
const SAML_ARN: &str = "arn:aws:iam::123456789012:saml-provider/corp";

/// Errors that operations declare and never give, and why.
const NEVER: &[(&str, &str, &[&str])] = &[
    (
        "UnmodifiableEntity",
        "no role here belongs to a service",
        &[
            "DeleteRole",
            "DeleteRolePolicy",
            "PutRolePolicy",
            "UpdateAssumeRolePolicy",
            "UpdateRole",
        ],
    ),
    (
        "ExpiredTokenException",
        "a session that is over signs nothing, which is ExpiredToken",
        &["AssumeRole"],
    ),
    (
        "InvalidContextAssertion",
        "provided contexts are refused before anything is read in them",
        &["AssumeRole"],
    ),
    (
        CHANGED,
        "it is done again on what another change has made of the role",
        &["DeleteRole", "TagRole", "UntagRole"],
    ),
    (
        "IDPRejectedClaim",
        "what a claim says wrong is InvalidIdentityToken or AccessDenied",
        &["AssumeRoleWithWebIdentity"],
    ),
    (
        "PolicyEvaluation",
        "a policy that was read can be evaluated",
        &["SimulatePrincipalPolicy"],
    ),
    (
        "RegionDisabledException",
        "no region is disabled here",
        &[
            "AssumeRole",
            "AssumeRoleWithSAML",
            "AssumeRoleWithWebIdentity",
        ],
    ),
    (
        "OpenIdIdpCommunicationError",
        "registering a provider asks it nothing",
        &["CreateOpenIDConnectProvider"],
    ),
    (
        "InvalidInput",
        "the model checks the keys, and a key that the provider doesn't have is no error",
        &[
            "ListOpenIDConnectProviderTags",
            "ListSAMLProviderTags",
            "UntagOpenIDConnectProvider",
            "UntagSAMLProvider",
        ],
    ),
    (
        CHANGED,
        "there is nothing yet to change",
        &[
            "CreateOpenIDConnectProvider",
            "CreateRole",
            "CreateSAMLProvider",
        ],
    ),
    (
        CHANGED,
        "it is done again on what another change has made of the provider",
        &["DeleteOpenIDConnectProvider", "DeleteSAMLProvider"],
    ),
    (
        "LimitExceeded",
        "there is no more of it afterwards than before",
        &[
            "DeleteRole",
            "DeleteRolePolicy",
            "DeleteSAMLProvider",
            "UpdateSAMLProvider",
        ],
    ),
    (
        "NoSuchEntity",
        "deleting what isn't there is no error",
        &["DeleteOpenIDConnectProvider"],
    ),
    (
        "InvalidInput",
        "what could be wrong breaks a constraint of the model, or names what isn't found",
        &[
            "AddClientIDToOpenIDConnectProvider",
            "DeleteOpenIDConnectProvider",
            "DeleteSAMLProvider",
            "GetOpenIDConnectProvider",
            "GetSAMLProvider",
            "ListAttachedRolePolicies",
            "RemoveClientIDFromOpenIDConnectProvider",
            "TagRole",
        ],
    ),
];

type Pairs = BTreeSet<(String, String)>;

fn pair(name: &str, code: &str) -> (String, String) {
    (name.to_owned(), code.to_owned())
}

fn entries() -> impl Iterator<Item = &'static Entry> {
    ALL.iter().filter(|entry| is_query(entry))
}

/// The errors that the models declare for the operations there are.
fn declared() -> Pairs {
    let mut all = Pairs::new();
    for entry in entries() {
        let model = ServiceModel::of(entry.service);
        let errors = model.operation(entry.name)["errors"].as_array();
        for error in errors.into_iter().flatten() {
            let shape = model.shape(text(&error["shape"]));
            all.insert(pair(entry.name, text(&shape["error"]["code"])));
        }
    }
    all
}

fn never() -> Pairs {
    let rows = NEVER.iter();
    rows.flat_map(|(code, _, names)| names.iter().map(move |name| pair(name, code)))
        .collect()
}

/// Asks, notes the error if there is one, and gives its code.
async fn ask(world: &World, seen: &mut Pairs, name: &str, input: Value) -> Option<String> {
    note(seen, name, &ask_only(world, name, input).await)
}

async fn ask_only(world: &World, name: &str, input: Value) -> Answer {
    let entry = entries().find(|entry| entry.name == name).unwrap();
    send(world, entry, &input).await
}

fn note(seen: &mut Pairs, name: &str, answer: &Answer) -> Option<String> {
    let code = (answer.status != 200).then(|| answer.xml("Code").unwrap());
    seen.extend(code.as_ref().map(|code| pair(name, code)));
    code
}

#[tokio::test]
async fn every_declared_error_comes_about_or_cannot() {
    let mut seen = Pairs::new();
    tokens(&mut seen).await;
    responses(&mut seen).await;
    providers(&mut seen).await;
    saml_providers(&mut seen).await;
    roles(&mut seen).await;
    races(&mut seen).await;
    let world = World::new().await;
    cognate::app::maintenance::close(&world.app).await;
    for entry in entries().filter(|entry| entry.service == Service::Iam) {
        let mut input = request(entry);
        if entry.name == "CreateOpenIDConnectProvider" {
            input = json!({ "Url": URL });
        }
        if entry.name == "SimulatePrincipalPolicy" {
            input = json!({ "PolicySourceArn": ROLE_ARN, "ActionNames": ["s3:GetObject"] });
        }
        if entry.name == "CreateSAMLProvider" {
            input = json!({ "Name": "corp", "SAMLMetadataDocument": saml_metadata(2030) });
        }
        if entry.name == "CreateRole" {
            input = json!({ "RoleName": "Reader", "AssumeRolePolicyDocument": trust("") });
        }
        if entry.name == "UpdateRole" {
            input = json!({ "RoleName": "Reader" });
        }
        if entry.name == "UpdateSAMLProvider" {
            input =
                json!({ "SAMLProviderArn": SAML_ARN, "SAMLMetadataDocument": saml_metadata(2030) });
        }
        let code = ask(&world, &mut seen, entry.name, input).await;
        assert_eq!(code.as_deref(), Some("ServiceFailure"), "{}", entry.name);
    }
    let (unseen, never) = (&declared() - &seen, never());
    let missing = &unseen - &never;
    assert!(missing.is_empty(), "{missing:?} never came about");
    let wrong = &never - &unseen;
    assert!(wrong.is_empty(), "{wrong:?} come about, or aren't declared");
}

/// What is wrong with what is taken to the STS.
async fn tokens(seen: &mut Pairs) {
    let name = "AssumeRoleWithWebIdentity";
    let world = World::new().await;
    let issuer = Issuer::with(Key::p256("one")).await;
    let pool = world.pool_of(&issuer).await;
    let guest = world.identity(&pool, json!({})).await;
    let token = Given::of(world.get_token(&guest, json!({})).await).token;
    let with = |token: &str| json!({ "RoleArn": GUEST_ROLE, "RoleSessionName": "me", "WebIdentityToken": token });
    let mut narrowed = with(&token);
    for document in ["{}".to_owned(), policy(1900)] {
        narrowed["Policy"] = json!(document);
        ask(&world, seen, name, narrowed.clone()).await;
    }
    ask(&world, seen, name, with("opaque")).await;
    issuer.away(true);
    ask(&world, seen, name, with(&issuer.token("ada"))).await;
    world.clock.advance(600);
    ask(&world, seen, name, with(&token)).await;
}

/// What is wrong with SAML responses that are taken to the STS.
async fn responses(seen: &mut Pairs) {
    let name = "AssumeRoleWithSAML";
    let world = World::new().await;
    let idp = IdentityProvider::new(ENTITY);
    let document = metadata(ENTITY, &[&idp.certificate], "");
    let provider = json!({ "Name": "corp", "SAMLMetadataDocument": document });
    ask(&world, seen, "CreateSAMLProvider", provider).await;
    let statement = json!({
        "Effect": "Allow", "Principal": { "Federated": SAML_ARN }, "Action": format!("sts:{name}"),
        "Condition": { "StringLike": { "SAML:aud": "https://*" } },
    });
    let trust = json!({ "Version": "2012-10-17", "Statement": statement }).to_string();
    let role = json!({ "RoleName": "Reader", "AssumeRolePolicyDocument": trust });
    ask(&world, seen, "CreateRole", role).await;
    let arn = "arn:aws:iam::123456789012:role/Reader";
    let prefix = "https://aws.amazon.com/SAML/Attributes";
    let says = Says::of(&idp, "ada", world.app.now())
        .attribute(&format!("{prefix}/Role"), &[&format!("{arn},{SAML_ARN}")])
        .attribute(&format!("{prefix}/RoleSessionName"), &["ada"]);
    let with = |says: &Says| json!({ "RoleArn": arn, "PrincipalArn": SAML_ARN, "SAMLAssertion": says.login(&idp) });
    let mut narrowed = with(&says);
    for document in ["{}".to_owned(), policy(1900)] {
        narrowed["Policy"] = json!(document);
        ask(&world, seen, name, narrowed.clone()).await;
    }
    let mut bad = with(&says);
    bad["SAMLAssertion"] = json!("%%%%");
    ask(&world, seen, name, bad).await;
    let mut failed = says.clone();
    "urn:oasis:names:tc:SAML:2.0:status:Responder".clone_into(&mut failed.status);
    ask(&world, seen, name, with(&failed)).await;
    world.clock.advance(600);
    ask(&world, seen, name, with(&says)).await;
}

/// What is wrong with providers.
async fn providers(seen: &mut Pairs) {
    let world = World::new().await;
    for entry in entries().filter(|entry| entry.service == Service::Iam) {
        ask(&world, seen, entry.name, request(entry)).await;
    }
    let create = "CreateOpenIDConnectProvider";
    let clients: Vec<String> = (0..100).map(|at| format!("client-{at}")).collect();
    let input = json!({ "Url": URL, "ClientIDList": clients });
    assert_eq!(ask(&world, seen, create, input.clone()).await, None);
    ask(&world, seen, create, input).await;
    let input = json!({ "OpenIDConnectProviderArn": ARN, "ClientID": "one-more" });
    ask(&world, seen, "AddClientIDToOpenIDConnectProvider", input).await;
    let print = "z".repeat(40);
    let input = json!({ "OpenIDConnectProviderArn": ARN, "ThumbprintList": [print] });
    ask(&world, seen, "UpdateOpenIDConnectProviderThumbprint", input).await;
    tag_beyond_measure(
        &world,
        seen,
        "TagOpenIDConnectProvider",
        "OpenIDConnectProviderArn",
        ARN,
    )
    .await;
    race_tags(
        &world,
        seen,
        "OpenIDConnectProviderArn",
        ARN,
        ["TagOpenIDConnectProvider", "UntagOpenIDConnectProvider"],
    )
    .await;
    for at in 0..100 {
        let input = json!({ "Url": format!("https://login-{at}.example.com") });
        if ask(&world, seen, create, input).await.is_some() {
            return;
        }
    }
}

/// Changes of a provider's tags that overtake each other.
async fn race_tags(world: &World, seen: &mut Pairs, member: &str, arn: &str, names: [&str; 2]) {
    for name in names {
        for at in 0..100 {
            let input = |value: &str| {
                let mut input = json!({ member: arn });
                if name.starts_with("Tag") {
                    input["Tags"] = json!([{ "Key": "race", "Value": format!("{at}{value}") }]);
                } else {
                    input["TagKeys"] = json!(["race"]);
                }
                input
            };
            let (one, two) = tokio::join!(
                ask_only(world, name, input("a")),
                ask_only(world, name, input("b")),
            );
            note(seen, name, &one);
            note(seen, name, &two);
            if seen.contains(&pair(name, CHANGED)) {
                break;
            }
        }
    }
}

/// What is wrong with tags of a provider.
async fn tag_beyond_measure(world: &World, seen: &mut Pairs, name: &str, member: &str, arn: &str) {
    let tag = |key: String| json!({ "Key": key, "Value": "" });
    let twice = json!({ member: arn, "Tags": [tag("team".into()), tag("TEAM".into())] });
    ask(world, seen, name, twice).await;
    for half in 0..2 {
        let tags = (0..30).map(|at| tag(format!("{half}-{at}")));
        let input = json!({ member: arn, "Tags": tags.collect::<Vec<_>>() });
        ask(world, seen, name, input).await;
    }
}

/// A trust policy, with a statement of this id.
fn trust(id: &str) -> String {
    let statement = json!({
        "Sid": id, "Effect": "Allow", "Principal": { "AWS": "123456789012" }, "Action": "sts:AssumeRole",
    });
    json!({ "Version": "2012-10-17", "Statement": statement }).to_string()
}

/// A policy that names a long resource.
fn policy(letters: usize) -> String {
    let resource = format!("arn:aws:s3:::{}", "é".repeat(letters));
    let statement = json!({ "Effect": "Allow", "Action": "s3:*", "Resource": resource });
    json!({ "Version": "2012-10-17", "Statement": statement }).to_string()
}

/// What is wrong with roles.
async fn roles(seen: &mut Pairs) {
    let world = World::new().await;
    let (create, long) = ("CreateRole", trust(&"x".repeat(9000)));
    let with =
        |document: &str| json!({ "RoleName": "Reader", "AssumeRolePolicyDocument": document });
    for document in ["{}", &long] {
        ask(&world, seen, create, with(document)).await;
    }
    assert_eq!(ask(&world, seen, create, with(&trust(""))).await, None);
    ask(&world, seen, create, with(&trust(""))).await;
    for document in ["{}", &long] {
        let input = json!({ "RoleName": "Reader", "PolicyDocument": document });
        ask(&world, seen, "UpdateAssumeRolePolicy", input).await;
    }
    for document in ["{}".to_owned(), policy(10_300), policy(1)] {
        let input = json!({ "RoleName": "Reader", "PolicyName": "p", "PolicyDocument": document });
        ask(&world, seen, "PutRolePolicy", input).await;
    }
    ask(&world, seen, "UpdateRole", json!({ "RoleName": "Nobody" })).await;
    let nobody =
        json!({ "PolicySourceArn": format!("{ROLE_ARN}s"), "ActionNames": ["s3:GetObject"] });
    ask(&world, seen, "SimulatePrincipalPolicy", nobody).await;
    let malformed = json!({ "PolicySourceArn": ARN, "ActionNames": ["s3:GetObject"] });
    ask(&world, seen, "SimulatePrincipalPolicy", malformed).await;
    ask(&world, seen, "DeleteRole", json!({ "RoleName": "Reader" })).await;
    for half in 0..2 {
        let tags = (0..30).map(|at| json!({ "Key": format!("{half}-{at}"), "Value": "" }));
        let input = json!({ "RoleName": "Reader", "Tags": tags.collect::<Vec<_>>() });
        ask(&world, seen, "TagRole", input).await;
    }
    for document in ["{}".to_owned(), policy(1900)] {
        let input = json!({ "RoleArn": ROLE_ARN, "RoleSessionName": "me", "Policy": document });
        ask(&world, seen, "AssumeRole", input).await;
    }
}

/// The metadata of a SAML provider that is good until this year.
fn saml_metadata(year: usize) -> String {
    static PROVIDER: LazyLock<IdentityProvider> = LazyLock::new(|| IdentityProvider::new(ENTITY));
    let until = format!(" validUntil=\"{year}-01-01T00:00:00Z\"");
    metadata(ENTITY, &[&PROVIDER.certificate], &until)
}

/// What is wrong with SAML providers, and what their updates at once do to each other.
async fn saml_providers(seen: &mut Pairs) {
    let world = World::new().await;
    let (create, update) = ("CreateSAMLProvider", "UpdateSAMLProvider");
    let corp = |name: &str| json!({ "Name": name, "SAMLMetadataDocument": saml_metadata(2030) });
    let until =
        |year| json!({ "SAMLProviderArn": SAML_ARN, "SAMLMetadataDocument": saml_metadata(year) });
    ask(&world, seen, update, until(2030)).await;
    assert_eq!(ask(&world, seen, create, corp("corp")).await, None);
    ask(&world, seen, create, corp("corp")).await;
    for at in 0..100 {
        let (one, two) = tokio::join!(
            ask_only(&world, update, until(2031 + 2 * at)),
            ask_only(&world, update, until(2032 + 2 * at)),
        );
        note(seen, update, &one);
        note(seen, update, &two);
        if seen.contains(&pair(update, CHANGED)) {
            break;
        }
    }
    tag_beyond_measure(&world, seen, "TagSAMLProvider", "SAMLProviderArn", SAML_ARN).await;
    race_tags(
        &world,
        seen,
        "SAMLProviderArn",
        SAML_ARN,
        ["TagSAMLProvider", "UntagSAMLProvider"],
    )
    .await;
    for at in 0..100 {
        let another = corp(&format!("corp-{at}"));
        if ask(&world, seen, create, another).await.is_some() {
            return;
        }
    }
}

/// What calls at once do to each other.
async fn races(seen: &mut Pairs) {
    let world = World::new().await;
    let print = |at: usize| format!("{at:040}");
    for name in [
        "AddClientIDToOpenIDConnectProvider",
        "RemoveClientIDFromOpenIDConnectProvider",
        "UpdateOpenIDConnectProviderThumbprint",
    ] {
        let entry = entries().find(|entry| entry.name == name).unwrap();
        let there: &[&str] = if name.starts_with("Add") {
            &[]
        } else {
            &["0", "1", "2"]
        };
        let call = async |at: usize| {
            let mut input = json!({ "OpenIDConnectProviderArn": ARN });
            if name.starts_with("Update") {
                input["ThumbprintList"] = json!([print(at)]);
            } else {
                input["ClientID"] = json!(at.to_string());
            }
            send(&world, entry, &input).await
        };
        for _ in 0..100 {
            let made = json!({ "Url": URL, "ClientIDList": there });
            let code = ask(&world, seen, "CreateOpenIDConnectProvider", made).await;
            assert_eq!(code, None);
            let (one, two, three) = tokio::join!(call(0), call(1), call(2));
            for answer in [one, two, three] {
                note(seen, name, &answer);
            }
            let delete = json!({ "OpenIDConnectProviderArn": ARN });
            ask(&world, seen, "DeleteOpenIDConnectProvider", delete).await;
            if seen.contains(&pair(name, CHANGED)) {
                break;
            }
        }
        assert!(
            seen.contains(&pair(name, CHANGED)),
            "{name} never overtook another"
        );
    }
}
