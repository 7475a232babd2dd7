//! The audit log: a line for each change, token, credential and refusal, and nothing secret in it.

use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;

use cognate::operations::{ALL, Access};
use http::HeaderValue;
use serde_json::{Value, json};

use crate::constraints::requests::request;
use crate::constraints::sending::{send, written};
use crate::world::{Credentials, GUEST_ROLE, Issuer, Key, Two, USER_ROLE, World, login};

/// A world with an audit log, and the log.
struct Logged {
    world: World,
    path: PathBuf,
    folder: tempfile::TempDir,
}

impl Logged {
    async fn new(more: &str) -> Self {
        Self::with_file(more, |path| path).await
    }

    async fn with_file(more: &str, file: impl FnOnce(PathBuf) -> PathBuf) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = file(folder.path().join("audit.jsonl"));
        let config = folder.path().join("cognate.toml");
        let text = format!("{more}\n[audit]\nfile = {:?}\n", path.display().to_string());
        fs::write(&config, text).unwrap();
        let world = World::with(|flags| flags.config = Some(config)).await;
        Self {
            world,
            path,
            folder,
        }
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.path).unwrap()
    }

    fn lines(&self) -> Vec<Value> {
        lines(&self.text())
    }

    /// The lines of an operation.
    fn of(&self, operation: &str) -> Vec<Value> {
        let lines = self.lines().into_iter();
        lines
            .filter(|line| line["eventName"] == operation)
            .collect()
    }

    /// Waits for lines that no answer waited for.
    async fn settled(&self) {
        for _ in 0..2 {
            let done = self.world.pool(json!({})).await;
            assert!(!done.is_empty());
        }
    }
}

fn lines(text: &str) -> Vec<Value> {
    assert!(text.is_empty() || text.ends_with('\n'), "whole lines");
    #[expect(
        clippy::disallowed_methods,
        reason = "a test reads what the server wrote"
    )]
    let read = |line| serde_json::from_str(line).unwrap();
    text.lines().map(read).collect()
}

/// That a line has the members that CloudTrail requires, in their forms.
fn has_form(line: &Value) {
    let required = [
        "eventVersion",
        "userIdentity",
        "eventTime",
        "eventSource",
        "eventName",
        "awsRegion",
        "sourceIPAddress",
        "requestParameters",
        "responseElements",
        "requestID",
        "eventID",
        "readOnly",
        "eventType",
        "managementEvent",
        "recipientAccountId",
        "eventCategory",
    ];
    let members = line.as_object().unwrap();
    for name in required {
        assert!(members.contains_key(name), "no {name} in {line}");
    }
    assert!(line["userIdentity"]["type"].is_string(), "{line}");
    let time = line["eventTime"].as_str().unwrap();
    assert!(time.len() == 20 && time.ends_with('Z'), "{line}");
    for (name, value) in members {
        let may_be_null = ["requestParameters", "responseElements"].contains(&&**name);
        assert!(may_be_null || !value.is_null(), "{name} of {line}");
    }
    let identity = line["userIdentity"].as_object().unwrap();
    assert!(identity.values().all(|value| !value.is_null()), "{line}");
}

/// Calls each operation, whatever becomes of it, and each that must be signed without a signature, too.
async fn call_every_operation(world: &World) {
    for entry in ALL {
        send(world, entry, &request(entry)).await;
        if entry.access != Access::Public {
            let (headers, body) = written(entry, &request(entry));
            world.send("POST", "/", headers, body).await;
        }
    }
}

#[tokio::test]
async fn the_lines_of_a_session_of_every_operation_hold_no_secret() {
    let logged = Logged::new("").await;
    let place = Two::of(logged.world).await;
    let world = &place.world;
    let mut secrets = vec![Credentials::root().secret];
    let mut guests = Vec::new();
    // What succeeds, with each kind of secret.
    let guest = place.owner(json!({})).await;
    let logins = place.first("ada");
    let ada = place.owner(logins.clone()).await;
    for (identity, logins) in [(&guest, json!({})), (&ada, logins.clone())] {
        let given = world.credentials(identity, logins.clone()).await.ok();
        let given = Credentials::of(&given["Credentials"]);
        let token = world.get_token(identity, logins).await.ok()["Token"].clone();
        let token = token.as_str().unwrap().to_owned();
        let role = if *identity == guest {
            GUEST_ROLE
        } else {
            USER_ROLE
        };
        let assumed = world.assume(role, &token).await;
        assert_eq!(assumed.status, 200, "{}", assumed.text);
        for name in ["SecretAccessKey", "SessionToken"] {
            secrets.push(assumed.xml(name).unwrap());
        }
        secrets.extend([given.secret, given.session_token.unwrap(), token]);
    }
    for token in logins.as_object().unwrap().values() {
        secrets.push(token.as_str().unwrap().to_owned());
    }
    let policy =
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}"#;
    let key = json!({ "Name": "ci", "Policy": policy });
    let key = world.admin("Cognate.CreateAccessKey", key).await.ok();
    secrets.push(key["SecretAccessKey"].as_str().unwrap().to_owned());
    // The consumer secret of Twitter is a part of what looks like an app's id, also where it is wrong.
    for secret in ["n0tA5ecretForAnyApp", "n0tA5ecretFor\u{7f}Either"] {
        let providers = json!({ "api.twitter.com": format!("xvz1evFS4wEEPTGEFPHBog;{secret}") });
        let input = json!({ "IdentityPoolName": "t", "AllowUnauthenticatedIdentities": true,
            "SupportedLoginProviders": providers });
        world.admin("CreateIdentityPool", input).await;
        secrets.push(
            secret
                .chars()
                .filter(char::is_ascii_graphic)
                .take(13)
                .collect(),
        );
    }
    // A guest signs in, and its id was a password until then.
    let upgraded = place.owner(json!({})).await;
    world.credentials(&upgraded, place.first("bob")).await.ok();
    guests.extend([guest, upgraded]);
    call_every_operation(world).await;
    // Ids of guests where nobody looks for them.
    for odd in [format!("x {} y", guests[0]), guests[0].replace(':', "%3a")] {
        let input = json!({ "IdentityPoolName": "odd", "AllowUnauthenticatedIdentities": false,
            "IdentityPoolTags": { "note": odd } });
        world.admin("CreateIdentityPool", input).await;
        let mut headers = crate::world::json_headers("AWSCognitoIdentityService.GetId");
        headers.insert("user-agent", HeaderValue::try_from(odd).unwrap());
        let body = json!({ "IdentityPoolId": place.pool }).to_string();
        world.send("POST", "/", headers, body).await.ok();
    }
    place.owner(json!({})).await;
    let text = fs::read_to_string(&logged.path).unwrap();
    for secret in &secrets {
        assert!(secret.len() > 12 && !text.contains(secret), "{secret}");
        // A part of a token is a secret, too.
        if let Some(signature) = secret.rsplit('.').next().filter(|part| part.len() > 40) {
            assert!(!text.contains(signature), "{signature}");
        }
    }
    let input_secrets = [
        "SAMLResponse",
        "\"Signature\"",
        "Authorization",
        "AWS4-HMAC",
    ];
    for word in input_secrets {
        assert!(!text.contains(word), "{word}");
    }
    for guest in &guests {
        let (_, uuid) = guest.split_once(':').unwrap();
        assert!(!text.contains(uuid), "{guest}");
    }
    assert!(text.contains(&ada), "a user's id is no secret");
    assert!(text.contains(":guest-"), "a guest has a handle");
    let lines = lines(&text);
    lines.iter().for_each(has_form);
    let named: HashSet<_> = lines
        .iter()
        .filter_map(|line| line["eventName"].as_str())
        .collect();
    // Every operation that must be signed was called without a signature.
    for entry in ALL {
        if entry.access != Access::Public {
            assert!(named.contains(entry.name), "{}", entry.name);
        }
    }
    let ids: Vec<_> = lines
        .iter()
        .map(|line| line["eventID"].to_string())
        .collect();
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
}

#[tokio::test]
async fn an_operation_has_a_line_unless_it_is_listed_as_a_read() {
    let logged = Logged::new("").await;
    let world = &logged.world;
    let mut without = Vec::new();
    for entry in ALL {
        let before = logged.lines().len();
        let answer = send(world, entry, &request(entry)).await;
        if answer.status == 200 && logged.lines().len() == before {
            without.push(entry.name);
        }
    }
    for name in without {
        let reads = ["Get", "List", "Describe", "Simulate", "Check", "Explain"];
        assert!(reads.iter().any(|word| name.starts_with(word)), "{name}");
        assert!(
            !name.contains("Credentials") || name == "GetCredentialsDuration",
            "{name}"
        );
        assert!(!name.contains("Token") && name != "GetId", "{name}");
    }
}

#[tokio::test]
async fn a_line_says_by_whom_from_where_what_and_on_which_pool() {
    let logged = Logged::new("trusted_proxies = [\"127.0.0.0/8\"]").await;
    let world = &logged.world;
    let pool = world.pool(json!({})).await;
    let body = json!({ "IdentityPoolId": pool }).to_string();
    let mut headers = crate::world::json_headers("AWSCognitoIdentityService.GetId");
    headers.insert(
        "x-forwarded-for",
        HeaderValue::from_static("203.0.113.9, 192.0.2.7"),
    );
    headers.insert("user-agent", HeaderValue::from_static("an app/1.0"));
    let answer = world.send("POST", "/", headers, body).await;
    let line = logged.of("GetId").pop().unwrap();
    assert_eq!(line["sourceIPAddress"], "192.0.2.7");
    assert_eq!(line["additionalEventData"]["peer"], "127.0.0.1");
    assert_eq!(line["userAgent"], "an app/1.0");
    assert_eq!(line["userIdentity"], json!({ "type": "Unknown" }));
    assert_eq!(line["requestParameters"], json!({ "identityPoolId": pool }));
    let request_id = answer.header("x-amzn-requestid").unwrap();
    assert_eq!(line["requestID"], request_id.as_str());
    let identity = line["responseElements"]["identityId"].as_str().unwrap();
    assert!(identity.starts_with("eu-west-1:guest-"), "{identity}");
    assert_eq!(identity.len(), "eu-west-1:guest-".len() + 26);
    assert_eq!(line["eventCategory"], "Data");
    assert_eq!(line["resources"][0]["type"], "AWS::Cognito::IdentityPool");
    let line = logged.of("CreateIdentityPool").pop().unwrap();
    assert_eq!(line["userIdentity"]["type"], "Root");
    assert_eq!(
        line["userIdentity"]["accessKeyId"],
        Credentials::root().id.as_str()
    );
    assert_eq!(
        line["requestParameters"]["allowUnauthenticatedIdentities"],
        true
    );
    assert_eq!(line["responseElements"]["identityPoolId"], pool.as_str());
}

#[tokio::test]
async fn an_address_that_no_named_proxy_sent_is_not_in_the_line() {
    let logged = Logged::new("").await;
    let world = &logged.world;
    let pool = world.pool(json!({})).await;
    let body = json!({ "IdentityPoolId": pool }).to_string();
    let mut headers = crate::world::json_headers("AWSCognitoIdentityService.GetId");
    headers.insert("x-forwarded-for", HeaderValue::from_static("203.0.113.9"));
    world.send("POST", "/", headers, body).await.ok();
    let line = logged.of("GetId").pop().unwrap();
    assert_eq!(line["sourceIPAddress"], "127.0.0.1");
    assert!(!line.to_string().contains("203.0.113.9"), "{line}");
}

#[tokio::test]
async fn a_flood_of_refusals_hides_neither_an_attack_nor_a_change() {
    let logged = Logged::new("trusted_proxies = [\"127.0.0.0/8\"]").await;
    let world = &logged.world;
    let pool = world.pool(json!({})).await;
    let refused = async |address: String| {
        let body = json!({ "IdentityPoolId": pool, "MaxResults": 1 }).to_string();
        let mut headers = crate::world::json_headers("AWSCognitoIdentityService.ListIdentities");
        headers.insert("x-forwarded-for", HeaderValue::try_from(address).unwrap());
        let answer = world.send("POST", "/", headers, body).await;
        assert_eq!(answer.error().1, "MissingAuthenticationTokenException");
    };
    for at in 0..400 {
        refused(format!("198.51.100.{}", at % 4)).await;
    }
    refused("192.0.2.66".to_owned()).await;
    for at in 0..100 {
        refused(format!("198.51.100.{}", at % 4)).await;
    }
    let change = json!({ "IdentityPoolName": "later", "AllowUnauthenticatedIdentities": false });
    world.admin("CreateIdentityPool", change).await.ok();
    let lines = logged.of("ListIdentities");
    assert_eq!(lines.len(), 4 * 10 + 1);
    let attack = |line: &&Value| line["sourceIPAddress"] == "192.0.2.66";
    assert_eq!(lines.iter().filter(attack).count(), 1);
    let later = logged.of("CreateIdentityPool");
    assert!(
        later
            .iter()
            .any(|line| line["requestParameters"]["identityPoolName"] == "later")
    );
    // Refusals of keys are never bounded.
    let policy =
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}"#;
    let key = json!({ "Name": "ci", "Policy": policy });
    let key = world.admin("Cognate.CreateAccessKey", key).await.ok();
    let key = Credentials::of(&key);
    for _ in 0..50 {
        let answer = world
            .signed(&key, "ListIdentityPools", json!({ "MaxResults": 1 }))
            .await;
        assert_eq!(answer.error().1, "AccessDeniedException");
    }
    logged.settled().await;
    let lines = logged.of("ListIdentityPools");
    assert_eq!(lines.len(), 50);
    assert_eq!(lines[0]["userIdentity"]["userName"], "ci");
    assert_eq!(lines[0]["userIdentity"]["accessKeyId"], key.id.as_str());
    cognate::app::maintenance::close(&world.app).await;
    let report = logged.of("CountRefusals").pop().unwrap();
    assert_eq!(
        report["additionalEventData"]["refusalsWithoutLine"],
        500 - 40
    );
}

#[tokio::test]
async fn text_of_clients_stays_on_its_line() {
    let logged = Logged::new("").await;
    let world = &logged.world;
    let odd = "\u{2028}\u{202e}\u{1b}[2J\u{85}\r\n{\"eventName\":\"Forged\"}\u{feff}";
    let input = json!({ "IdentityPoolName": "a", "AllowUnauthenticatedIdentities": false,
        "IdentityPoolTags": { "odd": odd } });
    world.admin("CreateIdentityPool", input).await;
    let pool = json!({ "IdentityPoolId": odd }).to_string();
    let mut headers = crate::world::json_headers("AWSCognitoIdentityService.GetId");
    let agent = HeaderValue::from_bytes("agent\u{202e}\u{2028}".as_bytes()).unwrap();
    headers.insert("user-agent", agent);
    world.send("POST", "/", headers, pool).await;
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}]}"#;
    let role = [
        ("RoleName", "R"),
        ("AssumeRolePolicyDocument", policy),
        ("Description", odd),
    ];
    world.iam("CreateRole", &role).await;
    logged.settled().await;
    let text = logged.text();
    assert!(
        text.bytes()
            .all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte))
    );
    let lines = lines(&text);
    assert!(lines.iter().all(|line| line["eventName"] != "Forged"));
    let stored = lines.iter().any(|line| line.to_string().contains("Forged"));
    assert!(stored, "what was sent is there, escaped");
}

#[tokio::test]
async fn without_a_line_nothing_is_changed_or_handed_out() {
    let logged = Logged::with_file("", |path| {
        std::os::unix::fs::symlink("/dev/full", &path).unwrap();
        path
    })
    .await;
    let world = &logged.world;
    let input = json!({ "IdentityPoolName": "a", "AllowUnauthenticatedIdentities": true });
    // The first call finds out that no line can be written, and the others are refused before they run.
    for _ in 0..3 {
        let answer = world.admin("CreateIdentityPool", input.clone()).await;
        assert_eq!(answer.error().1, "InternalErrorException");
    }
    let list = json!({ "MaxResults": 10 });
    let pools = world.admin("ListIdentityPools", list.clone()).await.ok();
    let pools = pools["IdentityPools"].as_array().unwrap().len();
    assert_eq!(pools, 1, "a read needs no line");
    for path in ["/health", "/health/ready"] {
        assert_eq!(world.get(path).await.status, 503, "{path}");
    }
    // The disk is repaired.
    fs::remove_file(&logged.path).unwrap();
    world.app.audit.as_ref().unwrap().reopen();
    let mut tries = 0;
    while world.get("/health").await.status != 200 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        tries += 1;
        assert!(tries < 200, "ready again within seconds");
    }
    world.admin("CreateIdentityPool", input).await.ok();
    let names: Vec<_> = logged
        .lines()
        .iter()
        .map(|line| line["eventName"].to_string())
        .collect();
    assert!(names[0].contains("ResumeAuditLog"), "{names:?}");
    assert!(logged.folder.path().exists());
}

#[tokio::test]
async fn users_of_the_sts_are_named_and_sessions_have_their_origin() {
    let logged = Logged::new("").await;
    let issuer = Issuer::with(Key::p256("one")).await;
    let world = &logged.world;
    let pool = world.pool_of(&issuer).await;
    let ada = world
        .identity(&pool, login(&issuer, &issuer.token("ada")))
        .await;
    let given = world
        .credentials(&ada, login(&issuer, &issuer.token("ada")))
        .await
        .ok();
    let session = Credentials::of(&given["Credentials"]);
    // A refusal of a user's session.
    let answer = world
        .signed(&session, "ListIdentityPools", json!({ "MaxResults": 1 }))
        .await;
    assert_eq!(answer.error().1, "AccessDeniedException");
    logged.settled().await;
    let line = logged.of("ListIdentityPools").pop().unwrap();
    let identity = &line["userIdentity"];
    assert_eq!(identity["type"], "AssumedRole");
    let federation = &identity["sessionContext"]["webIdFederationData"];
    assert_eq!(
        federation["attributes"]["cognito-identity.amazonaws.com:sub"],
        ada.as_str()
    );
    assert_eq!(line["errorCode"], "AccessDeniedException");
    let line = logged.of("GetCredentialsForIdentity").pop().unwrap();
    assert_eq!(line["responseElements"]["identityId"], ada.as_str());
    let key = &line["responseElements"]["credentials"]["accessKeyId"];
    assert_eq!(*key, session.id.as_str());
    let hidden = &line["requestParameters"]["logins"][issuer.name()];
    assert_eq!(*hidden, "HIDDEN_DUE_TO_SECURITY_REASONS");
}

#[tokio::test]
async fn a_call_that_its_client_left_has_exactly_one_line() {
    let logged = Logged::new("").await;
    let issuer = Issuer::with(Key::p256("one")).await;
    let world = &logged.world;
    let pool = world.pool_of(&issuer).await;
    issuer.hold(true);
    let call = world.get_id(&pool, login(&issuer, &issuer.token("ada")));
    let waiting = async {
        while !issuer.is_waited_for() {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
    };
    tokio::select! {
        answer = call => panic!("{}", answer.text),
        () = waiting => {}
    }
    let mut lines = Vec::new();
    for _ in 0..500 {
        lines = logged.of("GetId");
        if !lines.is_empty() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    issuer.hold(false);
    logged.settled().await;
    assert_eq!(lines, logged.of("GetId"));
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["errorCode"], "RequestAborted");
    assert_eq!(
        lines[0]["requestParameters"]["identityPoolId"],
        pool.as_str()
    );
}
