//! A database for each test, on the server that `scripts/postgres` starts.

mod broken;
mod faults;
pub(super) mod gate;
pub(in crate::store) mod interleaved;

use std::sync::Arc;

use async_trait::async_trait;
use deadpool_postgres::Transaction;
use jiff::{SignedDuration, Timestamp};
use tokio_postgres::NoTls;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::batch::Mode;
use super::connections::TimeBound;
use super::rows::{Needs, Rows};
use super::transaction::TransactionError;
use super::{OpenPostgresError, PostgresSettings, PostgresStore, load};
use crate::ambient::{Ambient, Real, Still};
use crate::store::Store;
use crate::store::conformance::{Dump, Home, Inspect, begin_generation, removed};
use crate::store::copy::OpenPurpose;
use crate::store::lease::LeaseRequest;
use crate::store::once::Claim;
use crate::store::record::View;
use crate::store::sweep::Sweep;

/// The variable with the URL of a server whose databases the tests make.
const SERVER: &str = "COGNATE_TEST_POSTGRES";

/// A new database at READ COMMITTED.
#[derive(Debug)]
pub(in crate::store) struct Database(String);

/// A new database at SERIALIZABLE.
#[derive(Debug, Default)]
pub(in crate::store) struct SerializableDatabase(Database);

#[expect(
    clippy::disallowed_methods,
    reason = "tests find their server by a variable"
)]
fn server() -> String {
    std::env::var(SERVER).unwrap_or_else(|_| {
        panic!("{SERVER} is not set: run the tests with scripts/test, which starts PostgreSQL")
    })
}

impl Default for Database {
    fn default() -> Self {
        Self(Real.uuid().simple().to_string())
    }
}

impl Database {
    fn settings(&self) -> PostgresSettings {
        let (server, _) = server()
            .rsplit_once('/')
            .map(|(a, b)| (a.to_owned(), b.to_owned()))
            .unwrap();
        PostgresSettings {
            url: Zeroizing::new(format!("{server}/test_{}", self.0)),
            url_file: None,
            password_file: None,
            ca_file: None,
            client_files: None,
            unverified: false,
            connections: 8,
            clock_tolerance: None,
            serializable: false,
            one_by_one: false,
        }
    }

    /// Makes the database where it isn't there.
    async fn make(&self) {
        let (client, connection) = tokio_postgres::connect(&server(), NoTls).await.unwrap();
        tokio::spawn(connection);
        let name = format!("test_{}", self.0);
        let exists = "SELECT 1 FROM pg_database WHERE datname = $1";
        if client.query(exists, &[&name]).await.unwrap().is_empty() {
            let create = format!("CREATE DATABASE {name}");
            client.batch_execute(&create).await.unwrap();
        }
    }

    /// The store that is there, without a server; an empty database is made where there is none.
    pub(in crate::store) async fn existing_store(
        &self,
    ) -> Result<PostgresStore, OpenPostgresError> {
        self.make().await;
        PostgresStore::open_for(&self.settings(), Arc::new(Real), OpenPurpose::Existing).await
    }

    /// The names of the tables.
    pub(in crate::store) async fn tables(&self) -> Vec<String> {
        let (client, connection) = tokio_postgres::connect(&self.settings().url, NoTls)
            .await
            .unwrap();
        tokio::spawn(connection);
        let statement = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'";
        let rows = client.query(statement, &[]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// The store as the source or target of a copy.
    pub(in crate::store) async fn store_to_copy(&self) -> Arc<PostgresStore> {
        self.make().await;
        let store =
            PostgresStore::open_for(&self.settings(), Arc::new(Real), OpenPurpose::CopyTo).await;
        Arc::new(store.unwrap())
    }

    /// The store as a server opens it.
    pub(in crate::store) async fn try_store(&self) -> Result<PostgresStore, OpenPostgresError> {
        PostgresStore::open(&self.settings(), Arc::new(Real)).await
    }

    /// Makes the last commits of all servers old.
    pub(in crate::store) async fn forget_servers(&self) {
        let url = self.settings().url;
        let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
        tokio::spawn(connection);
        let statement = "UPDATE heartbeat SET at = at - interval '1 minute'";
        client.batch_execute(statement).await.unwrap();
    }

    pub(super) async fn store(&self, serializable: bool) -> Arc<PostgresStore> {
        self.make().await;
        let settings = PostgresSettings {
            serializable,
            ..self.settings()
        };
        Arc::new(
            PostgresStore::open(&settings, Arc::new(Real))
                .await
                .unwrap(),
        )
    }
}

#[async_trait]
impl Home for Database {
    async fn open(&self) -> Arc<dyn Inspect> {
        self.store(false).await
    }
}

#[async_trait]
impl Home for SerializableDatabase {
    async fn open(&self) -> Arc<dyn Inspect> {
        self.0.store(true).await
    }
}

#[async_trait]
impl Inspect for PostgresStore {
    async fn begin_generation(&self) -> Timestamp {
        begin_generation(self).await
    }

    async fn dump(&self) -> Dump {
        let mut client = self.connections.client().await.unwrap();
        let tx = self
            .connections
            .begin(&mut client, Mode::Read, TimeBound::Request)
            .await
            .unwrap();
        dump(&tx).await.unwrap()
    }
}

async fn dump(tx: &Transaction<'_>) -> Result<Dump, TransactionError> {
    let ids = load::query(tx, "SELECT id FROM identity", &[]).await?;
    let mut needs = Needs::default();
    for row in &ids {
        needs.identities.insert(row.try_get(0)?);
    }
    let mut rows = Rows::default();
    load::needs(tx, &needs, load::Lock::No, &mut rows).await?;
    let statement = "SELECT pool, login_key, identity FROM login WHERE identity IS NOT NULL \
                     ORDER BY pool, login_key";
    let logins = load::query(tx, statement, &[]).await?;
    let logins = logins.iter().map(|row| {
        let key: &[u8] = row.try_get(1)?;
        Ok::<_, TransactionError>((
            row.try_get(0)?,
            key.try_into().unwrap(),
            row.try_get::<_, Uuid>(2)?,
        ))
    });
    let records = load::changes(tx, View::default()).await?.records;
    Ok(Dump {
        identities: rows.identities.into_values().flatten().collect(),
        logins: logins.collect::<Result<_, _>>()?,
        removed: removed(records.iter()),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn leases_and_sweeps_count_on_the_clock_of_the_database() {
    let database = Database::default();
    let here = database.store(false).await;
    let now = Real.now_in_milliseconds();
    let later = now + SignedDuration::from_hours(1);
    let ahead = PostgresStore::open(&database.settings(), Arc::new(Still::at(later))).await;
    let ahead = ahead.unwrap();
    let lease = |name, owner: u128, now: Timestamp| LeaseRequest {
        name,
        owner: Uuid::from_u128(owner),
        now,
        until: now + SignedDuration::from_secs(30),
    };
    let held = here.lease(&lease("maintenance", 1, now)).await.unwrap();
    assert!(held.is_some());
    let taken = ahead.lease(&lease("maintenance", 2, later)).await.unwrap();
    assert_eq!(taken, None, "the lease of the other server has not ended");

    let claim = Claim {
        purpose: "saml-response",
        key: [1; 32],
        holder: "pool".to_owned(),
        issued: None,
        until: now + SignedDuration::from_mins(10),
        now,
        dry_run: false,
    };
    here.claim_once(&claim).await.unwrap();
    let fence = ahead.lease(&lease("test", 2, later)).await.unwrap();
    let swept = ahead.sweep(&Sweep::Claims(later), &fence.unwrap(), 9).await;
    assert_eq!(swept.unwrap(), Some(0), "the claim has not ended");
    here.close().await;
    ahead.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_notice_that_their_settings_differ() {
    let database = Database::default();
    let (one, other) = (database.store(false).await, database.store(false).await);
    assert_eq!(one.announce("a").await.unwrap(), 0);
    assert_eq!(other.announce("a").await.unwrap(), 0);
    assert_eq!(other.announce("b").await.unwrap(), 1);
    assert_eq!(one.announce("a").await.unwrap(), 1);
    database.forget_servers().await;
    assert_eq!(one.announce("a").await.unwrap(), 0, "the other one is gone");
    one.close().await;
    other.close().await;
}
