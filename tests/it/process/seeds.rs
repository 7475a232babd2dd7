//! `cognate apply`, `cognate export-config` and `seeds` in the configuration.

use std::fs;
use std::path::Path;

use serde_json::json;

use super::{Data, failed};
use crate::world::{Ended, Running, Start};

const POOL: &str = "eu-west-1:11111111-2222-4333-8444-555555555555";

/// The first block of code of docs/seeds.md.
fn example() -> String {
    let page = include_str!("../../../docs/seeds.md");
    let (_, rest) = page.split_once("```toml\n").unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

fn on(server: &Running, data: &Data, words: &[&str]) -> Start {
    Start::command(words)
        .flag("--endpoint", &server.base)
        .flag("--data-dir", data.path())
}

#[track_caller]
fn ended(ended: &Ended, code: i32, words: &str) {
    assert_eq!(ended.status.code(), Some(code), "{ended:?}");
    assert!(ended.out.contains(words), "{ended:?}");
}

fn written(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_seed_is_shown_applied_exported_and_applied_elsewhere() {
    let data = Data::new();
    let files = tempfile::tempdir().unwrap();
    let server = Start::keyless(&data.path()).up().await;
    let key = "\n[[access_keys]]\nName = \"ci\"\nAccessKeyId = \"AKIAIOSFODNN7SEEDED1\"\nSecretFile = \"secret\"\n\
               Policy = { Version = \"2012-10-17\", Statement = [{ Effect = \"Allow\", Action = \"*\", Resource = \"*\" }] }\n";
    written(files.path(), "secret", "0123456789abcdef0123\n");
    let seed = written(files.path(), "seed.toml", &(example() + key));
    let dry = on(&server, &data, &["apply", &seed, "--dry-run"])
        .run()
        .await;
    ended(&dry, 2, "+ Role PhotoUser\n");
    assert!(!dry.out.contains("0123456789abcdef"), "{dry:?}");
    let unasked = on(&server, &data, &["apply", &seed]).run().await;
    failed(&unasked, &["nothing was changed", "--yes"]);
    let applied = on(&server, &data, &["apply", &seed, "--yes"]).run().await;
    ended(&applied, 0, "Applied 3 changes.");
    for words in [vec!["apply", &seed], vec!["apply", &seed, "--dry-run"]] {
        ended(
            &on(&server, &data, &words).run().await,
            0,
            "Nothing to change.",
        );
    }
    let export = on(&server, &data, &["export-config", "--seed", "copy"])
        .run()
        .await;
    ended(&export, 0, "\"seed\": \"copy\"");
    let export = written(files.path(), "export.json", &export.out);

    let other_data = Data::new();
    let other = Start::keyless(&other_data.path()).up().await;
    let words = ["apply", &export, "--yes"];
    ended(
        &on(&other, &other_data, &words).run().await,
        0,
        "aws_secret_access_key = ",
    );
    let words = ["apply", &export, "--dry-run"];
    ended(
        &on(&other, &other_data, &words).run().await,
        0,
        "Nothing to change.",
    );
    let empty = written(files.path(), "empty.toml", "seed = \"copy\"\n");
    let words = ["apply", &empty, "--prune", "--yes"];
    ended(
        &on(&other, &other_data, &words).run().await,
        0,
        "- Role PhotoUser\n",
    );

    let broken = written(
        files.path(),
        "broken.toml",
        "[[pools]]\nIdentityPoolId = \n",
    );
    let refused = on(&server, &data, &["apply", &broken]).run().await;
    failed(&refused, &["broken.toml", "line 2"]);
    let text = format!("[[pools]]\nIdentityPoolId = \"{POOL}\"\nAllowGuests = true\n");
    let broken = written(files.path(), "broken.toml", &text);
    let refused = on(&server, &data, &["apply", &broken]).run().await;
    failed(
        &refused,
        &["broken.toml", "pools[0].AllowGuests", "no such member"],
    );
}

#[tokio::test]
async fn a_server_makes_at_its_start_what_its_seeds_describe() {
    let data = Data::new();
    let files = tempfile::tempdir().unwrap();
    let seed = written(files.path(), "seed.toml", &example());
    let config = written(
        files.path(),
        "cognate.toml",
        &format!("seeds = [\"{seed}\"]\n"),
    );
    let start = || Start::serve(&data.path()).flag("--config", &config);
    let server = start().up().await;
    let identity = server
        .public("GetId", json!({ "IdentityPoolId": POOL }))
        .await;
    identity.ok();
    server
        .admin("DeleteIdentityPool", json!({ "IdentityPoolId": POOL }))
        .await
        .ok();
    let first = server.stop().await;
    assert!(
        first.out.contains(&format!("IdentityPool {POOL}")),
        "{first:?}"
    );
    let server = start().up().await;
    let answer = server
        .public("GetId", json!({ "IdentityPoolId": POOL }))
        .await;
    assert_eq!(answer.error().1, "ResourceNotFoundException");
    let second = server.stop().await;
    assert!(!second.out.contains("Created from"), "{second:?}");
    let words = format!("IdentityPool {POOL} is left alone, because it was deleted");
    assert!(second.err.contains(&words), "{second:?}");

    written(files.path(), "seed.toml", "[[pools]]\nIdentityPoolId = 1\n");
    failed(&start().run().await, &["seed.toml", "pools[0]"]);
    let missing = "seeds = [\"/nonexistent/seed.toml\"]\n";
    written(files.path(), "cognate.toml", missing);
    failed(
        &start().run().await,
        &["/nonexistent/seed.toml", "can't be read"],
    );
}
