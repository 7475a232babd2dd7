//! Nothing secret is written down, however much is logged.

use std::collections::BTreeSet;
use std::time::Duration;

use http::HeaderMap;
use rusqlite::Connection;
use serde_json::{Value, json};

use super::Data;
use super::connections::secure;
use crate::world::idp::{IdentityProvider, Says, encode};
use crate::world::{
    Answer, Credentials, GUEST_ROLE, Issuer, Running, Start, form, json_headers, login, real_token,
};

/// A user whose name shows wherever it is written down.
const USER: &str = "ada-lovelace-4711";

/// All that nobody but its owner may see.
#[derive(Default)]
struct Secrets(BTreeSet<String>);

impl Secrets {
    /// Takes note of an answer's secrets.
    fn of(&mut self, answer: &Value) {
        let Value::Object(members) = answer else {
            return;
        };
        for (name, value) in members {
            match (name.as_str(), value) {
                ("IdentityId", Value::String(id)) => {
                    self.0.insert(id.split_once(':').unwrap().1.to_owned());
                }
                ("Token", Value::String(token)) => self.token(token),
                ("SecretKey" | "SessionToken", Value::String(secret)) => {
                    self.0.insert(secret.clone());
                }
                (_, other) => self.of(other),
            }
        }
    }

    /// Takes note of a token, and of what it says and proves.
    fn token(&mut self, token: &str) {
        self.0.extend(token.split('.').skip(1).map(str::to_owned));
    }

    #[track_caller]
    fn not_in(&self, what: &str, text: &str) {
        for secret in &self.0 {
            // The beginning of one is too much already.
            let length = secret.len().min(24);
            let found = text.find(&secret[..length]);
            let around = found.map(|at| &text[at.saturating_sub(200)..at + length]);
            assert!(found.is_none(), "{what} has a secret: {}", around.unwrap());
        }
    }
}

/// What clients have come to know.
struct Known {
    pool: String,
    issuer: Issuer,
    token: String,
    guest: Value,
    user: Value,
    session: Credentials,
}

/// Everything that succeeds.
async fn successes(server: &Running, secrets: &mut Secrets) -> Known {
    let issuer = Issuer::new().await;
    let pool = server.pool_of(&issuer).await;
    let token = real_token(&issuer, USER);
    secrets.token(&token);
    let logins = login(&issuer, &token);
    let guest = server.get_id(&pool, json!({})).await.ok();
    let user = server.get_id(&pool, logins.clone()).await.ok();
    let credentials = server
        .credentials(guest["IdentityId"].as_str().unwrap(), json!({}))
        .await
        .ok();
    let own = server.public("GetOpenIdToken", guest.clone()).await.ok();
    for answer in [&guest, &user, &credentials, &own] {
        secrets.of(answer);
    }
    server.admin("DescribeIdentity", user.clone()).await.ok();
    let session = Credentials::of(&credentials["Credentials"]);
    let caller = [("Action", "GetCallerIdentity"), ("Version", "2011-06-15")];
    let who = server.signed_query(&session, "sts", &caller).await;
    assert_eq!(who.status, 200, "{}", who.text);
    let assumed = assume(server, own["Token"].as_str().unwrap()).await;
    for name in ["SecretAccessKey", "SessionToken"] {
        secrets.0.insert(assumed.xml(name).unwrap());
    }
    Known {
        pool,
        issuer,
        token,
        guest,
        user,
        session,
    }
}

async fn assume(server: &Running, token: &str) -> Answer {
    let parameters = [
        ("RoleArn", GUEST_ROLE),
        ("RoleSessionName", "me"),
        ("WebIdentityToken", token),
    ];
    server.sts("AssumeRoleWithWebIdentity", &parameters).await
}

/// Everything that is refused.
async fn refusals(server: &Running, known: &Known) {
    let (pool, token, session) = (&known.pool, &known.token, &known.session);
    let (guest, user) = (&known.guest, &known.user);
    let forged = token.rsplit_once('.').unwrap().0.to_owned() + ".AAAA";
    let (logins, wrong) = (login(&known.issuer, token), login(&known.issuer, &forged));
    let unfit = [
        ("GetId", json!({ "IdentityPoolId": pool, "Logins": wrong })),
        (
            "GetId",
            json!({ "IdentityPoolId": [pool], "Logins": logins }),
        ),
        (
            "GetId",
            json!({ "IdentityPoolId": guest["IdentityId"], "Logins": logins }),
        ),
        (
            "GetOpenIdToken",
            json!({ "IdentityId": user["IdentityId"] }),
        ),
        (
            "GetOpenIdToken",
            json!({ "IdentityId": guest["IdentityId"], "Logins": wrong }),
        ),
        (
            "GetOpenIdToken",
            json!({ "IdentityId": guest["IdentityId"], "Logins": token }),
        ),
        ("GetOpenIdToken", json!({ "IdentityId": { "x": token } })),
        ("GetOpenIdToken", json!({ "IdentityId": token })),
        ("Nothing", json!({ "IdentityId": guest["IdentityId"] })),
        ("DescribeIdentity", guest.clone()),
    ];
    for (operation, input) in unfit {
        assert!(server.public(operation, input).await.status >= 400);
    }
    let cut = guest.to_string();
    let cut = cut[..cut.len() - 1].to_owned();
    let target = json_headers("AWSCognitoIdentityService.GetOpenIdToken");
    assert_eq!(server.send("POST", "/", target, cut).await.status, 400);
    assert_eq!(assume(server, &forged).await.status, 400);
    assert_eq!(assume(server, token).await.status, 403);
    let other = Credentials {
        secret: "wrong".into(),
        ..session.clone()
    };
    let answer = server.signed(&other, "DescribeIdentity", user.clone());
    assert_eq!(answer.await.status, 400);
    let answer = server.signed(session, "DescribeIdentity", guest.clone());
    assert_eq!(answer.await.error().1, "AccessDeniedException");
    let parameters = [("Action", token.as_str()), ("Version", token)];
    let path = format!("/{token}?{}", form(&parameters));
    assert_eq!(server.get(&path).await.status, 404);
    let path = format!("/?{}", form(&parameters));
    assert_eq!(server.get(&path).await.status, 400);
    let mut large = HeaderMap::new();
    large.insert("x-amz-security-token", token.repeat(100).parse().unwrap());
    let refused = server.try_send("POST", "/", large, "").await;
    assert!(refused.is_err() || refused.unwrap().status >= 400);
}

/// SAML responses, good and refused.
async fn saml(server: &Running, secrets: &mut Secrets) {
    let idp = IdentityProvider::new("https://idp.example");
    let document = idp.metadata();
    let parameters = [
        ("Name", "corp"),
        ("SAMLMetadataDocument", document.as_str()),
    ];
    let arn = server.iam("CreateSAMLProvider", &parameters).await;
    let arn = arn.xml("SAMLProviderArn").unwrap();
    let pool = server.pool(json!({ "SamlProviderARNs": [arn] })).await;
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let now = jiff::Timestamp::from_second(now.cast_signed()).unwrap();
    let says = Says::of(&idp, USER, now);
    let good = says.signed_by(&idp);
    let logins = |xml: &str| json!({ arn.as_str(): encode(xml) });
    secrets.0.insert(encode(&good));
    let answer = server.get_id(&pool, logins(&good)).await.ok();
    secrets.of(&answer);
    for xml in [
        good.replace("persistent", "unspecified"),
        good.replace(&format!(">{USER}<"), &format!("><{USER}><")),
        good.replace(&format!(">{USER}<"), &format!(">&{USER};<")),
        good.replace("saml:NameID", "saml:EncryptedID"),
        good[..good.len() - 1].to_owned(),
    ] {
        let answer = server.get_id(&pool, logins(&xml)).await;
        assert_eq!(answer.error().1, "NotAuthorizedException");
        let response = encode(&xml);
        let parameters = [
            ("RoleArn", GUEST_ROLE),
            ("PrincipalArn", &arn),
            ("SAMLAssertion", &response),
        ];
        let answer = server.sts("AssumeRoleWithSAML", &parameters).await;
        assert_eq!(answer.xml("Code").as_deref(), Some("InvalidIdentityToken"));
    }
}

/// What fails: an issuer that is away, and a store that can't be read.
async fn failures(server: &Running, data: &Data, known: &Known, secrets: &mut Secrets) {
    let stranger = Issuer::new().await;
    let lost = server.pool_of(&stranger).await;
    stranger.away(true);
    let away = real_token(&stranger, USER);
    secrets.token(&away);
    let answer = server.get_id(&lost, login(&stranger, &away)).await;
    assert_eq!(answer.error().1, "ExternalServiceException");
    let broken = server.get_id(&known.pool, json!({})).await.ok();
    secrets.of(&broken);
    spoil(data, &broken);
    let answer = server.public("GetOpenIdToken", broken).await;
    assert_eq!(answer.error().1, "InternalErrorException");
}

/// Spoils the row of an identity, as a disk may.
fn spoil(data: &Data, identity: &Value) {
    let id = identity["IdentityId"].as_str().unwrap();
    let id: uuid::Uuid = id.split_once(':').unwrap().1.parse().unwrap();
    let db = Connection::open(data.file("cognate.sqlite")).unwrap();
    db.busy_timeout(Duration::from_secs(5)).unwrap();
    let logins = json!([USER]);
    let changed = db.execute(
        "UPDATE identity SET logins = ?1, checksum = NULL WHERE id = ?2",
        (logins.to_string(), id.as_bytes()),
    );
    assert_eq!(changed.unwrap(), 1);
}

async fn quiet(format: &str) {
    let data = Data::new();
    let log = format!("[log]\nfilter = \"trace\"\nformat = \"{format}\"\n");
    let (start, client) = secure(&data, &log).await;
    let server = start.up_with(client).await;
    let mut secrets = Secrets::default();
    let own = [USER.to_owned(), Credentials::root().secret];
    secrets.0.extend(own);
    let known = successes(&server, &mut secrets).await;
    refusals(&server, &known).await;
    saml(&server, &mut secrets).await;
    failures(&server, &data, &known, &mut secrets).await;
    let metrics = server.get("/metrics").await.text;
    assert!(metrics.contains("cognate_requests_total{operation=\"GetId\",code=\"OK\"}"));
    secrets.not_in("the metrics", &metrics);
    let ended = server.stop().await;
    assert!(ended.status.success());
    for line in [
        "answered",
        "refused",
        "failed",
        "an issuer's keys can't be fetched",
        "the login isn't a signed SAML response",
        "its encrypted assertion can't be decrypted",
    ] {
        assert!(ended.err.contains(line), "no {line:?} in the log");
    }
    let of_others = ["FramedRead", "hpack", "certs"].map(|word| ended.err.contains(word));
    assert_eq!(of_others, [false; 3], "the layers below are not heard");
    secrets.not_in("what it prints", &ended.out);
    secrets.not_in("the log", &ended.err);
}

#[tokio::test]
async fn no_secret_is_written_down_for_people() {
    quiet("text").await;
}

#[tokio::test]
async fn no_secret_is_written_down_for_machines() {
    quiet("json").await;
}

#[tokio::test]
async fn lines_that_strangers_cause_are_bounded_and_counted() {
    const CALLS: usize = 200;
    let data = Data::new();
    let server = Start::serve(&data.path()).up().await;
    let issuer = Issuer::new().await;
    let pool = server.pool_of(&issuer).await;
    issuer.away(true);
    for _ in 0..CALLS {
        let logins = login(&issuer, &real_token(&issuer, USER));
        let answer = server.get_id(&pool, logins).await;
        assert_eq!(answer.error().1, "ExternalServiceException");
    }
    let log = server.stop().await.err;
    println!("{log}");
    let refused = log.lines().filter(|line| line.contains("WARN refused "));
    assert_eq!(refused.count(), 10, "{log}");
    let counted = format!("were not written: refused not_written={}", CALLS - 10);
    assert_eq!(log.matches(&counted).count(), 1, "{log}");
    assert!(log.lines().count() < 40, "{log}");
}
