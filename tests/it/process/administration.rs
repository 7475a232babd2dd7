//! The commands that list, show, create and delete what is on a running server.

use std::collections::BTreeSet;
use std::fs;

use cognate::model::json;
use serde_json::{Value, json};

use super::{Data, failed};
use crate::world::{Credentials, Ended, Issuer, Running, Start, login, real_token};

/// A server and the data directory whose root key signs.
struct Place {
    data: Data,
    server: Running,
}

impl Place {
    async fn new() -> Self {
        let data = Data::new();
        let server = Start::keyless(&data.path())
            .word("--allow-http-issuers")
            .up()
            .await;
        let root = data.root_key();
        Self {
            data,
            server: server.with_root(root),
        }
    }

    async fn run(&self, words: &[&str]) -> Ended {
        Start::command(words)
            .flag("--endpoint", &self.server.base)
            .flag("--data-dir", self.data.path())
            .run()
            .await
    }

    /// The table that a command prints.
    async fn table(&self, words: &[&str]) -> String {
        let ended = self.run(words).await;
        assert_eq!(ended.status.code(), Some(0), "{words:?}: {ended:?}");
        ended.out
    }

    /// The JSON that a command prints.
    async fn json(&self, words: &[&str]) -> Value {
        let out = self.table(&[words, &["--output", "json"]].concat()).await;
        json::read(out.as_bytes()).unwrap_or_else(|error| panic!("{words:?}: {error}: {out}"))
    }

    fn file(&self, name: &str, document: &Value) -> String {
        let path = self.data.beside(name, document.to_string());
        path.to_str().unwrap().to_owned()
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn allow_all() -> Value {
    let statement = json!({ "Effect": "Allow", "Action": "*", "Resource": "*" });
    json!({ "Version": "2012-10-17", "Statement": statement })
}

#[tokio::test]
async fn a_pool_is_made_used_and_deleted_without_other_tools() {
    let place = Place::new().await;
    let issuer = Issuer::new().await;
    let create = [
        "provider",
        "create",
        "--oidc",
        issuer.url(),
        "--client-id",
        "app",
    ];
    let provider = place.json(&create).await;
    let provider = text(&provider["OpenIDConnectProviderArn"]).to_owned();
    let listed = place.table(&["provider", "list"]).await;
    assert_eq!(listed, format!("ARN\n{provider}\n"));
    let shown = place.json(&["provider", "show", &provider]).await;
    assert_eq!(shown["ClientIDList"], json!(["app"]));

    let providers = format!("OpenIdConnectProviderARNs=[\"{provider}\"]");
    let create = [
        "pool",
        "create",
        "--name",
        "Shop",
        "--allow-guests",
        "--set",
        &providers,
    ];
    let pool = place.json(&create).await;
    let id = text(&pool["IdentityPoolId"]).to_owned();
    assert_eq!(pool["AllowUnauthenticatedIdentities"], json!(true));
    let listed = place.table(&["pool", "list"]).await;
    assert!(listed.contains(&id) && listed.contains("Shop"), "{listed}");

    let trust = json!({ "Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Principal": { "Federated": "cognito-identity.amazonaws.com" },
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": { "StringEquals": { "cognito-identity.amazonaws.com:aud": id } },
    } });
    let trust = place.file("trust.json", &trust);
    let policy = format!("all={}", place.file("policy.json", &allow_all()));
    let create = [
        "role", "create", "Buyer", "--trust", &trust, "--policy", &policy,
    ];
    let role = place.json(&create).await;
    assert_eq!(role["Policies"]["all"], allow_all());
    assert_eq!(
        role["AssumeRolePolicyDocument"]["Statement"]["Effect"],
        "Allow"
    );
    let listed = place.json(&["role", "list"]).await;
    assert_eq!(listed["Roles"][0]["RoleName"], "Buyer");
    let arn = text(&role["Arn"]).to_owned();
    place
        .table(&["pool", "roles", &id, "--authenticated", &arn])
        .await;
    let roles = place.table(&["pool", "roles", &id, "--guests", &arn]).await;
    assert_eq!(
        roles,
        format!("authenticated    {arn}\nunauthenticated  {arn}\n")
    );
    let shown = place.json(&["pool", "show", &id]).await;
    assert_eq!(shown["Roles"]["authenticated"], json!(arn));

    let ada = login(&issuer, &real_token(&issuer, "ada"));
    let ada = place.server.identity(&id, ada).await;
    place.server.identity(&id, json!({})).await;
    let listed = place.json(&["identity", "list", &id]).await;
    assert_eq!(listed["Identities"].as_array().unwrap().len(), 2);
    place.table(&["identity", "delete", &ada]).await;
    failed(
        &place.run(&["identity", "show", &ada]).await,
        &["not found"],
    );

    place.table(&["pool", "delete", &id]).await;
    place.table(&["role", "delete", "Buyer"]).await;
    place.table(&["provider", "delete", &provider]).await;
    for (words, rest) in [
        (["pool", "list"], "ID  NAME\n"),
        (["role", "list"], "NAME  CREATED  ARN\n"),
        (["provider", "list"], "ARN\n"),
    ] {
        assert_eq!(place.table(&words).await, rest);
    }
    failed(
        &place.run(&["role", "show", "Buyer"]).await,
        &["NoSuchEntity"],
    );
    failed(
        &place.run(&["provider", "show", "login.example.com"]).await,
        &["as `cognate provider list` prints it"],
    );
    place.server.stop().await;
}

#[tokio::test]
async fn revoked_identities_are_listed_and_marked() {
    let place = Place::new().await;
    let pool = place
        .json(&["pool", "create", "--name", "A", "--allow-guests"])
        .await;
    let pool = text(&pool["IdentityPoolId"]).to_owned();
    let mut guests = Vec::new();
    for _ in 0..4 {
        guests.push(place.server.identity(&pool, json!({})).await);
    }
    place.table(&["identity", "revoke", &guests[0]]).await;
    let here = ["identity", "revoke", &guests[1], "--only-this-pool"];
    place.table(&here).await;
    place.table(&["identity", "revoke", &guests[2]]).await;
    place.table(&["identity", "restore", &guests[2]]).await;

    let statuses = async |words: &[&str]| -> BTreeSet<(String, String)> {
        let listed = place.json(words).await;
        let listed = listed["Identities"].as_array().unwrap().iter();
        let status = |it: &Value| {
            let (id, status) = (text(&it["IdentityId"]), text(&it["Status"]));
            (id.to_owned(), status.to_owned())
        };
        listed.map(status).collect()
    };
    let of = |at: usize, status: &str| (guests[at].clone(), status.to_owned());
    let revoked = BTreeSet::from([of(0, "Revoked"), of(1, "RevokedInThisPool")]);
    let mut all = revoked.clone();
    all.extend([of(2, "Active"), of(3, "Active")]);
    assert_eq!(statuses(&["identity", "list", &pool]).await, all);
    assert_eq!(
        statuses(&["identity", "list", &pool, "--revoked"]).await,
        revoked
    );
    let shown = place.table(&["identity", "show", &guests[1]]).await;
    assert!(shown.contains("RevokedInThisPool"), "{shown}");
    failed(
        &place.run(&["identity", "delete", &guests[0]]).await,
        &["AccessDenied", "must be restored first"],
    );
    place.server.stop().await;
}

#[tokio::test]
async fn an_access_key_is_shown_with_its_policy_its_age_and_its_last_use() {
    let place = Place::new().await;
    let policy = place.file("policy.json", &allow_all());
    let key = place
        .json(&["access-key", "create", "--name", "ci", "--policy", &policy])
        .await;
    let key = Credentials::of(&key);
    let shown = place.json(&["access-key", "show", &key.id]).await;
    assert_eq!(
        (&shown["Policy"], &shown["LastUsedDate"]),
        (&allow_all(), &Value::Null)
    );
    let table = place.table(&["access-key", "list"]).await;
    assert!(table.contains("ci    never"), "{table}");
    // A signature that doesn't match is no use of the key.
    let forged = Credentials {
        secret: "x".repeat(40),
        ..key.clone()
    };
    let input = json!({ "MaxResults": 1 });
    place
        .server
        .signed(&forged, "ListIdentityPools", input.clone())
        .await;
    let shown = place.json(&["access-key", "show", &key.id]).await;
    assert_eq!(shown["LastUsedDate"], Value::Null);
    place
        .server
        .signed(&key, "ListIdentityPools", input)
        .await
        .ok();
    let used = place.json(&["access-key", "show", &key.id]).await["LastUsedDate"].clone();
    assert!(used.as_i64().unwrap() > 1_700_000_000, "{used}");
    let table = place.table(&["access-key", "show", &key.id]).await;
    for expected in [
        "CreateDate",
        "0 hours ago",
        "LastUsedDate",
        "\"Effect\": \"Allow\"",
    ] {
        assert!(table.contains(expected), "no {expected:?} in: {table}");
    }

    // It outlives the server.
    let Place { data, server } = place;
    assert!(server.stop().await.status.success());
    let server = Start::keyless(&data.path()).up().await;
    let place = Place { data, server };
    let shown = place.json(&["access-key", "show", &key.id]).await;
    assert_eq!(shown["LastUsedDate"], used);
    place.table(&["access-key", "delete", &key.id]).await;
    failed(
        &place.run(&["access-key", "show", &key.id]).await,
        &["no access key has the id", "`cognate access-key list`"],
    );
    place.server.stop().await;
}

#[tokio::test]
async fn named_keys_take_precedence_over_the_data_directory_beside() {
    let place = Place::new().await;
    let statement = json!({ "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*" });
    let policy = json!({ "Version": "2012-10-17", "Statement": statement });
    let policy = place.file("policy.json", &policy);
    let key = place
        .json(&[
            "access-key",
            "create",
            "--name",
            "none",
            "--policy",
            &policy,
        ])
        .await;
    let key = Credentials::of(&key);
    let home = place.data.path();
    let home = home.parent().unwrap();
    fs::rename(home.join("data/root-credentials"), home.join("kept")).unwrap();
    fs::create_dir(home.join("cognate-data")).unwrap();
    fs::copy(
        home.join("kept"),
        home.join("cognate-data/root-credentials"),
    )
    .unwrap();
    fs::create_dir(home.join(".aws")).unwrap();
    let key_of = |header: &str| {
        format!(
            "[{header}]\naws_access_key_id={}\naws_secret_access_key={}\n",
            key.id, key.secret
        )
    };
    fs::write(home.join(".aws/credentials"), key_of("named")).unwrap();
    let process = "[profile process]\ncredential_process = /bin/false\n";
    let config = key_of("profile configured") + process;
    fs::write(home.join(".aws/config"), config).unwrap();

    let list = |variables: &[(&str, &str)]| {
        let mut start = Start::command(&["access-key", "list"])
            .directory(home)
            .variable("HOME", home)
            .variable("COGNATE_ENDPOINT", &place.server.base);
        for (name, value) in variables {
            start = start.variable(name, value);
        }
        start.run()
    };
    let ended = list(&[]).await;
    assert!(ended.status.success(), "{ended:?}");
    let of_key = [
        ("AWS_ACCESS_KEY_ID", key.id.as_str()),
        ("AWS_SECRET_ACCESS_KEY", &key.secret),
    ];
    for variables in [
        &of_key[..],
        &[("AWS_PROFILE", "named")],
        &[("AWS_PROFILE", "configured")],
    ] {
        failed(
            &list(variables).await,
            &["user/none", "cognate:ListAccessKeys"],
        );
    }
    failed(
        &list(&[("AWS_PROFILE", "process")]).await,
        &[
            "has credential_process, which these commands don't follow",
            "export-credentials",
        ],
    );
    failed(
        &list(&[("AWS_PROFILE", "absent")]).await,
        &["the profile absent of AWS_PROFILE has no access key"],
    );
    place.server.stop().await;
}

#[tokio::test]
async fn what_needs_no_server_is_printed_as_json_too() {
    let data = Data::new();
    let check = Start::command(&["check-config", "--output", "json"]);
    let ended = check.flag("--data-dir", data.path()).run().await;
    let settings: Value = json::read(ended.out.as_bytes()).unwrap();
    assert_eq!(settings["audit log"], "none");
    let ended = Start::command(&["profile", "list", "--output", "json"])
        .variable("HOME", data.path().parent().unwrap())
        .run()
        .await;
    let profiles: Value = json::read(ended.out.as_bytes()).unwrap();
    assert_eq!(profiles, json!({ "Profiles": [] }));
    let version = Start::command(&["--version"]).run().await;
    assert!(version.out.starts_with("cognate 0."), "{version:?}");
}
