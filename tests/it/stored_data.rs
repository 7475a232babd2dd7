//! Data directories as earlier versions left them: each is copied, migrated and used.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;

use cognate::ambient::Still;
use cognate::config::{Config, Environment, Flags, read_file};
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::world::{Credentials, World};

/// What `cognate` wrote before records were one table: pools, identities, a provider, a role, keys and an access key.
const VERSION_4: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/stored/version_4");

/// The same, as `cognate` wrote it before there were packages.
const VERSION_10: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/stored/version_10");

fn credentials(file: &Path) -> Credentials {
    let text = fs::read_to_string(file).unwrap();
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap().trim_start_matches([' ', '=']).to_owned()
    };
    Credentials {
        id: value("aws_access_key_id"),
        secret: value("aws_secret_access_key"),
        session_token: None,
    }
}

/// A data directory with a copy of the stored files.
fn copied(stored: &str) -> Arc<TempDir> {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let data = folder.path().join("data");
    fs::DirBuilder::new().mode(0o700).create(&data).unwrap();
    for name in ["cognate.sqlite", "master.key", "root-credentials"] {
        let to = data.join(name);
        fs::copy(Path::new(stored).join(name), &to).unwrap();
        fs::set_permissions(&to, fs::Permissions::from_mode(0o600)).unwrap();
    }
    folder
}

async fn opened(folder: &Arc<TempDir>) -> World {
    let flags = Flags {
        listen: Some("127.0.0.1:0".into()),
        data_dir: Some(folder.path().join("data")),
        ..Flags::default()
    };
    let config = Config::load(&flags, &Environment::default(), &read_file).unwrap();
    let clock = Still::at("2026-11-28T04:00:00Z".parse().unwrap());
    World::of(config, Arc::clone(folder), Arc::new(clock)).await
}

fn version(file: &Path) -> i64 {
    let db = Connection::open(file).unwrap();
    db.pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap()
}

/// Checks that the server answers with what was stored.
async fn is_used(world: &World, stored: &str) {
    let stored = |name: &str| Path::new(stored).join(name);
    let ids = cognate::model::json::read(&fs::read(stored("ids.json")).unwrap()).unwrap();
    let id = |name: &str| ids[name].as_str().unwrap();
    let root = credentials(&stored("root-credentials"));
    let ask = async |operation: &str, input: Value| world.signed(&root, operation, input).await;

    let pool = json!({ "IdentityPoolId": id("pool") });
    let described = ask("DescribeIdentityPool", pool.clone()).await.ok();
    assert_eq!(described["IdentityPoolName"], "Stored");
    assert_eq!(described["IdentityPoolTags"], json!({ "a": "b" }));
    assert_eq!(
        described["OpenIdConnectProviderARNs"],
        json!([id("provider")])
    );
    let roles = ask("GetIdentityPoolRoles", pool).await.ok();
    assert_eq!(
        roles["Roles"]["unauthenticated"],
        "arn:aws:iam::123456789012:role/Guest"
    );
    let gone = ask(
        "DescribeIdentityPool",
        json!({ "IdentityPoolId": id("gone") }),
    )
    .await;
    assert_eq!(gone.error().1, "ResourceNotFoundException");

    assert_eq!(world.credentials(id("guest"), json!({})).await.status, 200);
    for user in ["ada", "bob"] {
        let input = json!({ "IdentityPoolId": id("pool"), "DeveloperUserIdentifier": user });
        let found = ask("LookupDeveloperIdentity", input).await.ok();
        assert_eq!(found["IdentityId"], id("ada"), "{user}");
    }
    let merged = ask("DescribeIdentity", json!({ "IdentityId": id("bob") }))
        .await
        .ok();
    assert_eq!(merged["IdentityId"], id("bob"));

    let query = async |name: &str, value: (&str, &str)| {
        let parameters = [("Action", name), ("Version", "2010-05-08"), value];
        world.signed_query(&root, "iam", &parameters).await.status
    };
    assert_eq!(query("GetRole", ("RoleName", "reader")).await, 200);
    let provider = ("OpenIDConnectProviderArn", id("provider"));
    assert_eq!(query("GetOpenIDConnectProvider", provider).await, 200);

    let ci = credentials(&stored("ci-credentials"));
    let listed = world
        .signed(&ci, "ListIdentityPools", json!({ "MaxResults": 9 }))
        .await
        .ok();
    assert_eq!(listed["IdentityPools"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn data_of_version_4_are_copied_migrated_and_used() {
    let folder = copied(VERSION_4);
    let world = opened(&folder).await;
    is_used(&world, VERSION_4).await;

    let data = folder.path().join("data");
    let copy = data.join("cognate.sqlite.before-5");
    assert_eq!(version(&copy), 4);
    assert_eq!(
        fs::metadata(&copy).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let copied = fs::read(&copy).unwrap();
    cognate::app::maintenance::close(&world.app).await;
    drop(world);
    let again = opened(&folder).await;
    assert_eq!(version(&data.join("cognate.sqlite")), 10);
    assert_eq!(
        fs::read(&copy).unwrap(),
        copied,
        "a data file is copied once"
    );
    cognate::app::maintenance::close(&again.app).await;
}

#[tokio::test]
async fn data_of_before_there_were_packages_are_used() {
    let folder = copied(VERSION_10);
    assert_eq!(version(&folder.path().join("data/cognate.sqlite")), 10);
    let world = opened(&folder).await;
    is_used(&world, VERSION_10).await;
    cognate::app::maintenance::close(&world.app).await;
}
