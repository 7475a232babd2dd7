//! What only the embedded store promises, and how the promises of every store open it.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::Connection;
use tempfile::TempDir;
use uuid::Uuid;

use super::{SqliteStore, load};
use crate::model::identity::{Identity, Login};
use crate::model::pool::Pool;
use crate::store::conformance::{
    Added, Calls, Dump, GuestAdded, Home, Inspect, SignIn, SignedIn, begin_generation, removed,
};
use crate::store::record::View;
use crate::store::{Store, StoreError};

mod checksums;
mod damage;
mod earlier;
mod files;
mod log;
mod reading;
mod writing;

/// A data directory that goes when it is dropped.
#[derive(Debug)]
pub(in crate::store) struct Folder(TempDir);

impl Default for Folder {
    fn default() -> Self {
        Self(tempfile::tempdir().unwrap())
    }
}

impl Folder {
    fn store(&self) -> Arc<SqliteStore> {
        Arc::new(SqliteStore::open(self.0.path()).unwrap())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A connection of somebody who looks at the database from outside.
    fn sql(&self) -> Connection {
        Connection::open(self.file("cognate.sqlite")).unwrap()
    }

    /// The data directory as a crash at this moment would leave it.
    fn crashed(&self) -> Self {
        let copy = Self::default();
        for name in ["cognate.sqlite", "cognate.sqlite-wal"] {
            fs::copy(self.file(name), copy.file(name)).unwrap();
        }
        copy
    }

    /// The data directory of a closed store, copied.
    fn copied(&self) -> Self {
        let copy = Self::default();
        fs::copy(self.file("cognate.sqlite"), copy.file("cognate.sqlite")).unwrap();
        copy
    }
}

#[async_trait]
impl Home for Folder {
    async fn open(&self) -> Arc<dyn Inspect> {
        self.store()
    }
}

#[async_trait]
impl Inspect for SqliteStore {
    async fn begin_generation(&self) -> Timestamp {
        begin_generation(self).await
    }

    async fn dump(&self) -> Dump {
        let uuid = |row: &rusqlite::Row<'_>, column| row.get(column).map(Uuid::from_bytes);
        let read = |db: &Connection| {
            let mut statement = db.prepare("SELECT id FROM identity ORDER BY id")?;
            let ids = statement.query_map([], |row| uuid(row, 0))?;
            let mut identities = Vec::new();
            for id in ids {
                identities.push(load::identity(db, id?)?.unwrap());
            }
            let mut logins = db.prepare(
                "SELECT pool, login_key, identity FROM login WHERE identity <> zeroblob(16) \
                 ORDER BY pool, login_key",
            )?;
            let logins =
                logins.query_map([], |row| Ok((uuid(row, 0)?, row.get(1)?, uuid(row, 2)?)))?;
            let logins = logins.collect::<rusqlite::Result<_>>()?;
            let records = load::changes(db, View::default())?.records;
            Ok(Dump {
                identities,
                logins,
                removed: removed(records.iter()),
            })
        };
        self.readers.with(read).unwrap()
    }
}

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

/// The pool 1, in the store.
async fn add_pool(store: &SqliteStore) -> Pool {
    let mut pool: Pool = crate::model::json::read_as(
        br#"{"id":"eu-west-1:00000000-0000-0000-0000-000000000001","settings":{"name":"p",
        "allow_unauthenticated":true,"allow_classic_flow":null,"supported_login_providers":{},
        "developer_provider_name":null,"oidc_provider_arns":[],"user_pool_clients":[],"tags":{}},
        "roles":{"authenticated":null,"unauthenticated":null}}"#,
    )
    .unwrap();
    pool.version = 1;
    let added = store.add_pool(pool.clone(), 9).await.unwrap();
    assert_eq!(added, Added::Added);
    pool
}

fn guest(number: u128) -> Identity {
    Identity::new(id(number), id(1), Vec::new(), Timestamp::UNIX_EPOCH)
}

fn ask(new: u128, subject: &str) -> SignIn {
    SignIn {
        asker: crate::model::sign_in::Asker::User,
        pool: id(1),
        presented: None,
        logins: vec![Login::public("a", subject)],
        new_id: id(new),
        now: Timestamp::UNIX_EPOCH,
    }
}

async fn signed_in(store: &SqliteStore, ask: SignIn) -> Identity {
    match store.sign_in(ask).await.unwrap() {
        SignedIn::Identity(identity) => identity,
        other => panic!("no identity but {other:?}"),
    }
}

fn is_corrupt<T>(result: &Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::Corrupt(_)))
}
