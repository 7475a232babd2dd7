//! The commands on a running server.

use std::fs;

use serde_json::json;

use super::{Data, failed, may_administrate};
use crate::world::{Credentials, Ended, Issuer, Running, Start, real_token};

/// A command on `server`, signed with the root key that is in `data`.
async fn on(server: &Running, data: &Data, words: &[&str]) -> Ended {
    Start::command(words)
        .flag("--endpoint", &server.base)
        .flag("--data-dir", data.path())
        .run()
        .await
}

async fn done(server: &Running, data: &Data, words: &[&str]) -> String {
    let ended = on(server, data, words).await;
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    ended.out
}

/// State and id of each key in the lines of a command.
fn keys(out: &str) -> Vec<(String, String)> {
    let lines = out.lines().take_while(|line| !line.is_empty());
    lines
        .map(|line| {
            let mut words = line.split_whitespace().map(str::to_owned);
            (words.next().unwrap(), words.next().unwrap())
        })
        .collect()
}

#[tokio::test]
async fn the_authority_of_a_server_is_named_by_a_file() {
    let data = Data::new();
    let (start, client) = super::connections::secure(&data, "").await;
    let server = start.up_with(client).await;
    let ask = |file: Option<&str>| {
        let command = Start::command(&["health"]).variable("COGNATE_ENDPOINT", &server.base);
        match file {
            Some(name) => command.flag("--ca-file", data.path().parent().unwrap().join(name)),
            None => command,
        }
    };
    failed(&ask(None).run().await, &["no server answers"]);
    let ended = ask(Some("certificate.pem")).run().await;
    assert_eq!(
        (ended.status.code(), ended.out.as_str()),
        (Some(0), "ok\n"),
        "{ended:?}"
    );
    failed(
        &ask(Some("none.pem")).run().await,
        &["--ca-file", "can't be read"],
    );
    failed(
        &ask(Some("key.pem")).run().await,
        &["--ca-file", "no CERTIFICATE"],
    );
    let other = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    data.beside("other.pem", other.cert.pem());
    failed(&ask(Some("other.pem")).run().await, &["no server answers"]);
    server.stop().await;
}

#[tokio::test]
async fn a_command_ends_quietly_if_the_reader_of_its_output_has_gone() {
    let mut child = Start::command(&["check-config"]).spawn();
    drop(child.stdout.take());
    let output = child.wait_with_output().await.unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(
        !err.contains("panicked") && !err.contains("Broken pipe"),
        "{err}"
    );
    assert_eq!(output.status.code(), Some(0));
}

async fn published(server: &Running) -> Vec<String> {
    let set = server.get("/.well-known/jwks.json").await.ok();
    let keys = set["keys"].as_array().unwrap().iter();
    keys.map(|key| key["kid"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn anybody_is_told_the_thumbprints_of_the_keys_the_signing_keys_first() {
    let data = Data::new();
    let server = Start::keyless(&data.path()).up().await;
    let ask = || async {
        let endpoint = format!("{}/", server.base);
        let command = Start::command(&["issuer", "thumbprint"]).flag("--endpoint", endpoint);
        let ended = command.run().await;
        assert_eq!(ended.status.code(), Some(0), "{ended:?}");
        let lines = ended.out.lines().map(str::to_owned);
        lines.collect::<Vec<_>>()
    };
    let before = ask().await;
    assert_eq!(before.len(), 2);
    done(&server, &data, &["keys", "rotate"]).await;
    let after = ask().await;
    assert_eq!(after.len(), 3);
    assert_eq!((&after[0], &after[2]), (&before[1], &before[0]));

    let nobody = Start::command(&["issuer", "thumbprint"]).flag("--endpoint", "http://127.0.0.1:1");
    failed(
        &nobody.run().await,
        &["no server answers at http://127.0.0.1:1", "--endpoint"],
    );
    let elsewhere = format!("{}/elsewhere", server.base);
    let elsewhere = Start::command(&["issuer", "thumbprint"]).flag("--endpoint", elsewhere);
    failed(
        &elsewhere.run().await,
        &["/elsewhere/.well-known/jwks_uri answers 404"],
    );
}

#[tokio::test]
async fn keys_are_listed_and_rotated() {
    let data = Data::new();
    let server = Start::keyless(&data.path()).up().await;
    for purpose in ["signing", "sealing"] {
        let listed = keys(&done(&server, &data, &["keys", "list", "--purpose", purpose]).await);
        let out = done(&server, &data, &["keys", "rotate", "--purpose", purpose]).await;
        let rotated = keys(&out);
        assert_eq!(listed[0].0, "current");
        assert_eq!(rotated[0], ("current".to_owned(), listed[1].1.clone()));
        assert_eq!(rotated[2], ("retired".to_owned(), listed[0].1.clone()));
        assert!(out.contains("stay good until they expire"), "{out}");
    }
    let listed = keys(&done(&server, &data, &["keys", "list"]).await);
    let ids: Vec<String> = listed.into_iter().map(|(_, id)| id).collect();
    assert_eq!(published(&server).await, ids);

    let again = on(&server, &data, &["keys", "rotate"]).await;
    failed(&again, &["has not been published long enough"]);
}

#[tokio::test]
async fn a_compromised_key_is_gone_at_once_and_stays_gone() {
    let data = Data::new();
    let server = Start::keyless(&data.path()).up().await;
    let before = published(&server).await;
    let out = done(&server, &data, &["keys", "rotate", "--compromised"]).await;
    assert!(out.contains("refused here at once"), "{out}");
    let after = published(&server).await;
    assert!(!after.contains(&before[0]));
    assert_eq!(after[0], before[1]);
    let words = ["keys", "rotate", "--compromised", "--key-id", &after[1]];
    done(&server, &data, &words).await;
    let last = published(&server).await;
    assert!(last[0] == after[0] && last[1] != after[1]);
    server.kill().await;
    let server = Start::keyless(&data.path()).up().await;
    assert_eq!(published(&server).await, last);
}

#[tokio::test]
async fn a_rotated_root_key_replaces_the_old_one_everywhere() {
    let data = Data::new();
    let server = Start::keyless(&data.path()).up().await;
    let old = data.root_key();
    let out = done(&server, &data, &["root-key", "rotate"]).await;
    let new = data.root_key();
    assert!(new.id != old.id && new.secret != old.secret);
    assert!(
        out.contains(&new.id) && out.contains("root-credentials"),
        "{out}"
    );
    assert!(!out.contains(&new.secret));
    assert_eq!(data.mode("root-credentials"), 0o600);
    assert!(!data.file("root-credentials.new").exists());
    assert!(!may_administrate(&server, &old).await);
    assert!(may_administrate(&server, &new).await);
    server.kill().await;
    let server = Start::keyless(&data.path()).up().await;
    assert!(!may_administrate(&server, &old).await);
    assert!(may_administrate(&server, &new).await);
}

#[tokio::test]
async fn a_root_key_that_is_given_is_not_rotated_here() {
    let data = Data::used().await;
    let server = Start::serve(&data.path()).up().await;
    let before = fs::read(data.file("root-credentials")).unwrap();
    let root = crate::world::Credentials::root();
    let ended = Start::command(&["root-key", "rotate", "--endpoint", &server.base])
        .flag("--data-dir", "/nowhere")
        .variable("AWS_ACCESS_KEY_ID", root.id)
        .variable("AWS_SECRET_ACCESS_KEY", root.secret)
        .run()
        .await;
    failed(
        &ended,
        &[
            "environment or configuration file",
            "change it there and restart",
        ],
    );
    assert_eq!(fs::read(data.file("root-credentials")).unwrap(), before);
    let pools = server.admin("ListIdentityPools", json!({ "MaxResults": 1 }));
    assert_eq!(pools.await.status, 200, "it is as good as before");
}

#[tokio::test]
async fn a_command_without_a_key_or_a_server_says_so() {
    let data = Data::used().await;
    let list = || Start::command(&["keys", "list"]);
    let ended = list().flag("--data-dir", "/nowhere").run().await;
    failed(&ended, &["no access key to sign with", "--data-dir"]);
    let ended = list()
        .flag("--data-dir", data.path())
        .flag("--endpoint", "http://127.0.0.1:1")
        .run()
        .await;
    failed(
        &ended,
        &["no server answers at http://127.0.0.1:1", "--endpoint"],
    );
}

#[tokio::test]
async fn a_login_is_explained_and_its_token_may_come_from_a_file_or_standard_input() {
    let data = Data::new();
    let server = Start::serve(&data.path()).up().await;
    let issuer = Issuer::new().await;
    let pool = server.pool_of(&issuer).await;
    let token = real_token(&issuer, "ada");
    let file = data.beside("token", format!("{token}\n"));
    let root = Credentials::root();
    let explain = |login: &str| {
        Start::command(&["explain", "--endpoint", &server.base])
            .flag("--data-dir", "/nowhere")
            .variable("AWS_ACCESS_KEY_ID", &root.id)
            .variable("AWS_SECRET_ACCESS_KEY", &root.secret)
            .flag("--pool", &pool)
            .flag("--login", format!("{}={login}", issuer.name()))
    };
    for start in [
        explain(&token),
        explain(&format!("@{}", file.display())),
        explain("-").input(&file),
    ] {
        let ended = start.run().await;
        assert!(ended.status.success(), "{}", ended.err);
        for expected in [
            issuer.name(),
            "ok       signature",
            "Identity  a new one",
            "role/User",
        ] {
            assert!(ended.out.contains(expected), "{expected}: {}", ended.out);
        }
        assert!(!ended.out.contains(&token[..60]), "{}", ended.out);
    }
    let ended = explain("opaque").run().await;
    failed(
        &ended,
        &["the login would be refused: NotAuthorizedException: Invalid login token."],
    );
    assert!(ended.out.contains("REFUSED  form"), "{}", ended.out);
    failed(&explain("@/nowhere").run().await, &["can't be read"]);
    let ended = explain("").run().await;
    let help = "write PROVIDER=TOKEN, PROVIDER=@FILE or PROVIDER=-";
    assert!(
        !ended.status.success() && ended.err.contains(help),
        "{}",
        ended.err
    );
}

#[tokio::test]
async fn how_long_credentials_last_is_shown_and_set() {
    let data = Data::new();
    let server = Start::keyless(&data.path()).up().await;
    let server = server.with_root(data.root_key());
    let input = json!({ "IdentityPoolName": "A pool", "AllowUnauthenticatedIdentities": true });
    let pool = server.admin("CreateIdentityPool", input).await.ok();
    let pool = pool["IdentityPoolId"].as_str().unwrap();
    let hour = "Credentials last 1h (3600 seconds), even if the logins expire earlier\n";
    let eight = "Credentials last 8h (28800 seconds) at most, and end when the logins expire\n";
    for (flags, wanted) in [
        (&[][..], hour),
        (&["--duration", "8h", "--within-login"], eight),
        (&[], eight),
        (&["--duration-seconds", "3600", "--past-login"], hour),
    ] {
        let words = [&["pool", "credentials", pool], flags].concat();
        assert_eq!(done(&server, &data, &words).await, wanted);
    }
    let words = ["pool", "credentials", pool, "--duration", "13h"];
    let refused = on(&server, &data, &words).await;
    failed(
        &refused,
        &["ValidationException", "less than or equal to 43200"],
    );
}

#[tokio::test]
async fn a_store_is_moved_once_and_its_copy_is_served_with_the_same_keys() {
    let (first, second) = (Data::new(), Data::new());
    let server = Start::keyless(&first.path()).up().await;
    let keys = published(&server).await;
    assert_eq!(server.stop().await.status.code(), Some(0));
    let copy = |from: &Data, to: &Data| {
        Start::command(&["store", "copy"])
            .flag("--from", format!("sqlite:{}", from.path().display()))
            .flag("--to", format!("sqlite:{}", to.path().display()))
    };
    let ended = copy(&first, &second).run().await;
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    assert!(ended.out.contains("The copy is complete"), "{ended:?}");
    for (ended, expected) in [
        (copy(&first, &second).run().await, "was moved already"),
        (copy(&second, &Data::used().await).run().await, "not empty"),
        (
            Start::keyless(&first.path()).run().await,
            "was moved to another one",
        ),
        (
            copy(&Data::new(), &Data::new()).run().await,
            "there is no store in",
        ),
    ] {
        failed(&ended, &[expected]);
    }
    for name in ["master.key", "root-credentials"] {
        fs::copy(first.path().join(name), second.path().join(name)).unwrap();
    }
    let server = Start::keyless(&second.path()).up().await;
    assert_eq!(published(&server).await, keys);
    done(&server, &second, &["keys", "list"]).await;
}
