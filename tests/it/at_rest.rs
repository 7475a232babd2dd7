//! What lies on the disk: nothing secret can be read there, nothing sealed can be changed or moved, and the database is of
//! no use without the master key.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use cognate::seal::{SealKey, master_key};
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::process::{Data, failed};
use crate::world::{Credentials, Issuer, Running, Start, login, real_token};

/// The purpose that a document's secrets are sealed for.
fn purpose(document: &str) -> &str {
    match document {
        "root-key" => "root access key",
        ring => ring,
    }
}

fn database(data: &Data) -> Connection {
    Connection::open(data.file("cognate.sqlite")).unwrap()
}

/// The kind and key of a document's record.
fn record(name: &str) -> (&str, &str) {
    match name {
        "signing-keys" => ("key-ring", "signing"),
        "sealing-keys" => ("key-ring", "sealing"),
        "root-key" => ("root-key", "root"),
        other => panic!("no document {other}"),
    }
}

fn document(db: &Connection, name: &str) -> Value {
    let query = "SELECT json FROM record WHERE kind = ?1 AND key = ?2";
    let text: String = db.query_row(query, record(name), |row| row.get(0)).unwrap();
    cognate::model::json::read(text.as_bytes()).unwrap()
}

fn put(db: &Connection, name: &str, document: &Value) {
    let (kind, key) = record(name);
    let changed = db.execute(
        "UPDATE record SET json = ?3, checksum = NULL WHERE kind = ?1 AND key = ?2",
        (kind, key, document.to_string()),
    );
    assert_eq!(changed.unwrap(), 1);
}

/// What is sealed in the database: which document, whose, the box.
fn boxes(db: &Connection) -> Vec<(&'static str, String, Vec<u8>)> {
    fn collect(
        name: &'static str,
        value: &Value,
        found: &mut Vec<(&'static str, String, Vec<u8>)>,
    ) {
        match value {
            Value::Object(members) => {
                if let (Some(id), Some(sealed)) = (members.get("id"), members.get("sealed")) {
                    let sealed = STANDARD.decode(sealed.as_str().unwrap()).unwrap();
                    found.push((name, id.as_str().unwrap().to_owned(), sealed));
                }
                members
                    .values()
                    .for_each(|member| collect(name, member, found));
            }
            Value::Array(items) => items.iter().for_each(|item| collect(name, item, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    for name in ["root-key", "signing-keys", "sealing-keys"] {
        collect(name, &document(db, name), &mut found);
    }
    found
}

/// A part of a secret, in every form in which it might be written down.
fn forms(secret: &[u8]) -> Vec<Vec<u8>> {
    let part = &secret[..secret.len().min(30)];
    let hex: Vec<String> = part.iter().map(|byte| format!("{byte:02x}")).collect();
    let hex = hex.concat();
    let mut forms = vec![
        part.to_vec(),
        hex.to_uppercase().into_bytes(),
        hex.into_bytes(),
    ];
    // What stands before it decides how base64 cuts it.
    for skipped in 0..3 {
        for text in [
            STANDARD.encode(&part[skipped..]),
            URL_SAFE_NO_PAD.encode(&part[skipped..]),
        ] {
            forms.push(text.as_bytes()[..text.len() - 4].to_vec());
        }
    }
    forms
}

/// The files of a data directory, as they lay at one moment.
struct Files(BTreeMap<PathBuf, Vec<u8>>);

impl Files {
    fn of(data: &Data) -> Self {
        let files = data.contents().into_iter();
        Self(files.map(|(path, (_, bytes))| (path, bytes)).collect())
    }

    /// That none but `own` holds any form of `secret`.
    #[track_caller]
    fn have_not(&self, what: &str, secret: &[u8], own: &str) {
        let holder = self.holder(secret, own);
        assert!(
            holder.is_none(),
            "{what} is in {}",
            holder.unwrap().display()
        );
    }

    fn holder(&self, secret: &[u8], own: &str) -> Option<&Path> {
        let forms = forms(secret);
        let holds = |bytes: &[u8], form: &[u8]| bytes.windows(form.len()).any(|part| part == form);
        let mut others = self
            .0
            .iter()
            .filter(|(path, _)| path.file_name().unwrap() != own);
        let found = others.find(|(_, bytes)| forms.iter().any(|form| holds(bytes, form)));
        found.map(|(path, _)| path.as_path())
    }
}

/// The part of a private key (PKCS #8 of RSA) that isn't in its public key as well: what follows the modulus.
fn private_part(db: &Connection, key_id: &str, der: &[u8]) -> Vec<u8> {
    let ring = document(db, "signing-keys");
    let keys = [&ring["current"], &ring["next"]];
    let retired = ring["retired"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["key"]);
    let key = keys
        .into_iter()
        .chain(retired)
        .find(|key| key["id"] == *key_id);
    let certificate = key.unwrap()["public"].as_str().unwrap();
    let certificate = STANDARD.decode(certificate).unwrap();
    let shared = |part: &&[u8]| certificate.windows(part.len()).any(|other| other == *part);
    // The last 16 bytes in common end the modulus or stand in it; the exponent follows.
    let last = der.windows(16).rposition(|part| shared(&part)).unwrap();
    der[last + 16 + 16..].to_vec()
}

/// A server that has made keys of every kind, and the secrets that it has given out.
async fn in_use(data: &Data) -> (Running, Vec<String>) {
    let server = Start::keyless(&data.path())
        .variable("COGNATE_ALLOW_HTTP_ISSUERS", "true")
        .up()
        .await;
    let server = server.with_root(data.root_key());
    let issuer = Issuer::new().await;
    let pool = server.pool_of(&issuer).await;
    let token = real_token(&issuer, "ada");
    let logins = login(&issuer, &token);
    let ada = server.identity(&pool, logins.clone()).await;
    let answer = server.credentials(&ada, logins).await.ok();
    let session = Credentials::of(&answer["Credentials"]);
    let guest = server.identity(&pool, json!({})).await;
    let own = server.public("GetOpenIdToken", json!({ "IdentityId": guest }));
    let own = own.await.ok()["Token"].as_str().unwrap().to_owned();
    for purpose in ["Signing", "Sealing"] {
        let input = json!({ "Purpose": purpose });
        server.admin("Cognate.RotateKeys", input).await.ok();
    }
    let given = [token, own, session.secret, session.session_token.unwrap()];
    (server, given.to_vec())
}

#[tokio::test]
async fn no_secret_is_in_any_file_but_its_own() {
    let data = Data::new();
    let (server, given) = in_use(&data).await;
    server.kill().await;
    check_files(&data, &given);
    // And once the log is folded in.
    let server = Start::keyless(&data.path()).up().await;
    server.stop().await;
    check_files(&data, &given);
}

fn check_files(data: &Data, given: &[String]) {
    // Before the database is opened, which folds its log in.
    let files = Files::of(data);
    let db = database(data);
    let master = master_key::read(&data.file("master.key")).unwrap();
    let line = fs::read_to_string(data.file("master.key")).unwrap();
    let bytes = STANDARD.decode(line.trim_end()).unwrap();
    files.have_not("the master key", &bytes, "master.key");
    let boxes = boxes(&db);
    assert_eq!(
        boxes.len(),
        1 + 3 + 3,
        "a root key, and two rings with retired keys"
    );
    for (name, id, sealed) in boxes {
        assert!(
            files.holder(&sealed, "").is_some(),
            "what is there is found"
        );
        let secret = master.open(purpose(name), &id, &sealed).unwrap();
        match name {
            "root-key" => {
                assert_eq!(secret, data.root_key().secret.as_bytes());
                files.have_not(name, &secret, "root-credentials");
            }
            "signing-keys" => {
                let secret = private_part(&db, &id, &secret);
                assert!(secret.len() > 800, "two primes and more");
                for part in secret.chunks_exact(128) {
                    files.have_not(name, part, "");
                }
            }
            _ => files.have_not(name, &secret, ""),
        }
    }
    for secret in given {
        // The beginning of a token says nothing.
        let end = &secret.as_bytes()[secret.len() - 30..];
        files.have_not("something that was given out", end, "");
    }
}

/// Changes something in the database, and checks that a start fails with `words` and changes nothing.
async fn refused_after(data: &Data, words: &[&str], change: impl FnOnce(&Connection)) {
    let kept = fs::read(data.file("cognate.sqlite")).unwrap();
    let db = database(data);
    change(&db);
    db.close().unwrap();
    let before = data.contents();
    assert!(
        before[&data.file("cognate.sqlite")].1 != kept,
        "nothing was changed"
    );
    failed(&Start::keyless(&data.path()).run().await, words);
    // A root key that is given by hand makes nothing better.
    let ended = Start::keyless(&data.path()).with_root().run().await;
    failed(&ended, words);
    assert!(
        data.contents() == before,
        "a start that fails changed something"
    );
    fs::write(data.file("cognate.sqlite"), kept).unwrap();
}

const KEYS: [&str; 1] = ["the stored keys don't open under this master key"];
const ROOT: [&str; 1] = ["the stored root key doesn't open under this master key"];

/// The places of the boxes in the rings, with retired keys in them.
const PLACES: [&str; 3] = ["/current/sealed", "/next/sealed", "/retired/0/key/sealed"];

async fn rotated() -> Data {
    let data = Data::new();
    let (server, _) = in_use(&data).await;
    assert!(server.stop().await.status.success());
    data
}

#[tokio::test]
async fn a_box_with_a_changed_byte_does_not_open() {
    let data = rotated().await;
    let flip = |document: &mut Value, place: &str, at: usize| {
        let sealed = document.pointer_mut(place).unwrap();
        let mut bytes = STANDARD.decode(sealed.as_str().unwrap()).unwrap();
        let at = at % bytes.len();
        bytes[at] ^= 1;
        *sealed = json!(STANDARD.encode(bytes));
    };
    // In its salt, behind it, and in its tag.
    for at in [0, 20, usize::MAX] {
        for ring in ["signing-keys", "sealing-keys"] {
            for place in PLACES {
                refused_after(&data, &KEYS, |db| {
                    let mut changed = document(db, ring);
                    flip(&mut changed, place, at);
                    put(db, ring, &changed);
                })
                .await;
            }
        }
        refused_after(&data, &ROOT, |db| {
            let mut changed = document(db, "root-key");
            flip(&mut changed, "/sealed", at);
            put(db, "root-key", &changed);
        })
        .await;
    }
    Start::keyless(&data.path()).up().await;
}

#[tokio::test]
async fn a_box_that_was_moved_does_not_open() {
    let (data, other) = (rotated().await, rotated().await);
    // To another key of its ring.
    for ring in ["signing-keys", "sealing-keys"] {
        for (from, to) in [(0, 1), (1, 0), (2, 0), (0, 2)] {
            refused_after(&data, &KEYS, |db| {
                let mut changed = document(db, ring);
                let moved = changed.pointer(PLACES[from]).unwrap().clone();
                *changed.pointer_mut(PLACES[to]).unwrap() = moved;
                put(db, ring, &changed);
            })
            .await;
        }
    }
    // With its id, to another ring, or to the root key.
    for (from, to) in [
        ("signing-keys", "sealing-keys"),
        ("sealing-keys", "signing-keys"),
    ] {
        refused_after(&data, &KEYS, |db| {
            let mut changed = document(db, to);
            changed["current"] = document(db, from)["current"].clone();
            put(db, to, &changed);
        })
        .await;
        refused_after(&data, &KEYS, |db| {
            let mut moved = document(db, from);
            moved["purpose"] = document(db, to)["purpose"].clone();
            put(db, to, &moved);
        })
        .await;
        refused_after(&data, &ROOT, |db| {
            let moved = &document(db, from)["current"];
            let moved = json!({ "id": moved["id"], "sealed": moved["sealed"] });
            put(db, "root-key", &moved);
        })
        .await;
    }
    // From other data.
    for (name, words) in [
        ("signing-keys", KEYS),
        ("sealing-keys", KEYS),
        ("root-key", ROOT),
    ] {
        let foreign = document(&database(&other), name);
        refused_after(&data, &words, |db| put(db, name, &foreign)).await;
    }
    Start::keyless(&data.path()).up().await;
}

#[tokio::test]
async fn a_document_that_is_none_is_refused() {
    let data = rotated().await;
    for text in ["", "{}", "[]", "{\"current\":1}", "\u{0}"] {
        for (name, words) in [
            ("signing-keys", &["the stored keys can't be read"]),
            ("sealing-keys", &["the stored keys can't be read"]),
            ("root-key", &ROOT),
        ] {
            refused_after(&data, words, |db| {
                let (kind, key) = record(name);
                let update =
                    "UPDATE record SET json = ?3, checksum = NULL WHERE kind = ?1 AND key = ?2";
                db.execute(update, (kind, key, text)).unwrap();
            })
            .await;
        }
    }
}

fn copy_database(from: &Data, to: &Path) {
    fs::create_dir(to).unwrap();
    fs::copy(from.file("cognate.sqlite"), to.join("cognate.sqlite")).unwrap();
}

#[tokio::test]
async fn a_copy_of_the_database_alone_is_of_no_use() {
    let data = rotated().await;
    let thief = Data::new();
    copy_database(&data, &thief.path());
    let words = ["master.key is missing", "sealed under it"];
    failed(&Start::keyless(&thief.path()).run().await, &words);
    assert!(!thief.file("master.key").exists(), "none is made");
    assert!(!thief.file("root-credentials").exists());

    let guess = Data::used().await;
    fs::copy(guess.file("master.key"), thief.file("master.key")).unwrap();
    failed(&Start::keyless(&thief.path()).run().await, &ROOT);
    assert!(!thief.file("root-credentials").exists());
    let guessed = SealKey::new([0; 32]);
    for (name, id, sealed) in boxes(&database(&thief)) {
        assert_eq!(guessed.open(purpose(name), &id, &sealed), None);
    }
    // With the key, it is the same server.
    fs::copy(data.file("master.key"), thief.file("master.key")).unwrap();
    let server = Start::keyless(&thief.path()).up().await;
    let server = server.with_root(data.root_key());
    server.pool(json!({})).await;
}
