//! A PostgreSQL database for a world, where the tests run with `COGNATE_TEST_STORE=postgres`.

use std::path::Path;
use std::sync::Arc;

use cognate::ambient::{Ambient, Real};
use cognate::store::Store;
use cognate::store::event::{GuestHash, Origin};
use cognate::store::postgres::{PostgresSettings, PostgresStore};
use cognate::store::record::{RecordKind, RecordWrite, View};
use cognate::store::sqlite::SqliteStore;

#[expect(
    clippy::disallowed_methods,
    reason = "tests find their server by a variable"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Whether the worlds use PostgreSQL.
pub fn is_wanted() -> bool {
    variable("COGNATE_TEST_STORE").is_some_and(|store| store == "postgres")
}

/// The store of a data directory: its database, or a new one with the records of its embedded store.
pub async fn open(data_dir: &Path) -> Arc<dyn Store> {
    let server =
        variable("COGNATE_TEST_POSTGRES").expect("COGNATE_TEST_POSTGRES, by scripts/postgres run");
    let (base, _) = server.rsplit_once('/').expect("a URL with a database");
    let file = data_dir.join("database");
    if let Ok(name) = std::fs::read_to_string(&file) {
        return open_url(format!("{base}/{name}")).await;
    }
    let name = format!("world_{}", Real.uuid().simple());
    let (client, connection) = tokio_postgres::connect(&server, tokio_postgres::NoTls)
        .await
        .expect("the server for tests");
    let connected = tokio::spawn(connection);
    let create = format!("CREATE DATABASE {name}");
    client.batch_execute(&create).await.expect("a new database");
    drop(client);
    connected.await.ok();
    let store = open_url(format!("{base}/{name}")).await;
    let embedded = SqliteStore::open(data_dir).expect("a store");
    let records = embedded
        .records_since(View::default())
        .await
        .expect("records")
        .records;
    let writes = records.into_iter().filter(|record| record.json.is_some());
    let writes: Vec<RecordWrite> = writes
        .map(|record| RecordWrite {
            kind: RecordKind::parse(&record.kind).expect("a known kind"),
            key: record.key,
            scope: record.scope,
            expected: 0,
            json: record.json,
            limit: None,
        })
        .collect();
    embedded.close().await;
    let origin = Origin {
        signer: "test".to_owned(),
        operation: "Test",
        request_id: Real.uuid(),
        at: Real.now_in_milliseconds(),
        guests: GuestHash::new(&[0; 32]),
    };
    store.put(&writes, &origin).await.expect("copied records");
    std::fs::write(&file, name).expect("the name of the database");
    store
}

async fn open_url(url: String) -> Arc<dyn Store> {
    let settings = PostgresSettings {
        url: url.into(),
        url_file: None,
        password_file: None,
        ca_file: None,
        client_files: None,
        unverified: false,
        connections: 6,
        clock_tolerance: None,
        serializable: false,
        one_by_one: false,
    };
    let opened = PostgresStore::open(&settings, Arc::new(Real)).await;
    Arc::new(opened.expect("a database that opens"))
}
