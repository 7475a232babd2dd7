//! A copy to PostgreSQL and back, interrupted anywhere, and what is refused.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;

use super::*;
use crate::ambient::Real;
use crate::model::identity::Login;
use crate::store::Store;
use crate::store::conformance::{Inspect, origin};
use crate::store::identities::Question;
use crate::store::once::Claim;
use crate::store::postgres::tests::Database;
use crate::store::postgres::tests::interleaved::{POOL, prepare, sign_in};
use crate::store::record::View;
use crate::store::sqlite::{OpenError, SqliteStore};

/// More rows than fit on a page.
const GUESTS: u128 = PAGE as u128 + 500;

fn now() -> crate::store::event::Origin {
    origin(Timestamp::from_millisecond(1_800_000_000_000).unwrap())
}

/// A store with identities, logins, a removed login, a merged identity, claims and events.
async fn filled(folder: &Path) -> SqliteStore {
    let store = SqliteStore::open(folder).unwrap();
    prepare(&store).await;
    for number in 0..GUESTS {
        let question =
            Question::AddGuest(POOL, Uuid::from_u128(1_000_000 + number * 7919 % GUESTS));
        store.change(&question, &now()).await.unwrap();
    }
    for number in 0..50_u128 {
        let login = Login::public("a", format!("user \u{1F600} {number}"));
        let question = sign_in(None, vec![login], 5_000_000 + number);
        store.change(&question, &now()).await.unwrap();
    }
    for key in [[0; 32], [255; 32]] {
        let claim = Claim {
            purpose: "saml-response",
            key,
            holder: "holder".to_owned(),
            issued: Some(now().at),
            until: now().at + SignedDuration::from_hours(1),
            now: now().at,
            dry_run: false,
        };
        store.claim_once(&claim).await.unwrap();
    }
    store
}

fn silent(_: CopyProgress) {}

async fn everything(store: &dyn OfflineStore) -> Vec<TableSum> {
    let mut sums = Vec::new();
    for table in &TABLES {
        sums.push(sum(store, table, &silent).await.unwrap());
    }
    sums
}

/// A store that fails at its `writes`-th write.
struct Failing<'a> {
    store: &'a dyn OfflineStore,
    writes: AtomicUsize,
}

impl Failing<'_> {
    fn step(&self) -> Result<(), StoreError> {
        if self.writes.fetch_sub(1, Ordering::Relaxed) == 0 {
            self.writes.store(0, Ordering::Relaxed);
            return Err(StoreError::Unavailable("the cable was pulled".into()));
        }
        Ok(())
    }
}

#[async_trait]
impl OfflineStore for Failing<'_> {
    async fn header(&self) -> Result<StoreHeader, StoreError> {
        self.store.header().await
    }
    async fn count(&self, table: &'static CopiedTable) -> Result<u64, StoreError> {
        self.store.count(table).await
    }
    async fn page(
        &self,
        table: &'static CopiedTable,
        after: Option<Cells>,
        limit: usize,
    ) -> Result<Vec<Cells>, StoreError> {
        self.store.page(table, after, limit).await
    }
    async fn last(&self, table: &'static CopiedTable) -> Result<Option<Cells>, StoreError> {
        self.store.last(table).await
    }
    async fn add(&self, table: &'static CopiedTable, rows: Vec<Cells>) -> Result<(), StoreError> {
        self.step()?;
        self.store.add(table, rows).await
    }
    async fn begin(&self, source: Uuid) -> Result<(), StoreError> {
        self.step()?;
        self.store.begin(source).await
    }
    async fn finish(&self, source: &StoreHeader, new: &NewGeneration) -> Result<(), StoreError> {
        self.step()?;
        self.store.finish(source, new).await
    }
    async fn begin_generation(
        &self,
        new: &NewGeneration,
        last_beat: i64,
    ) -> Result<Option<GenerationStart>, StoreError> {
        self.store.begin_generation(new, last_beat).await
    }
    async fn mark_moved(&self, to: Uuid, last_beat: i64) -> Result<bool, StoreError> {
        self.store.mark_moved(to, last_beat).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_to_postgresql_and_back_is_equal_wherever_it_is_interrupted() {
    let (first, last) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let source = filled(first.path()).await;
    let (before, dump) = (everything(&source).await, source.dump().await);
    let records = source.records_since(View::default()).await.unwrap();
    let database = Database::default();
    let middle = database.store_to_copy().await;
    // At most as many writes as there are, and each interruption leaves one further written.
    let seen = Mutex::new(Vec::new());
    let progress = |at: CopyProgress| seen.lock().unwrap().push(at);
    let mut interruptions = 0;
    let sums = loop {
        let failing = Failing {
            store: middle.as_ref(),
            writes: AtomicUsize::new(1),
        };
        match copy(&source, &failing, &Real, &progress).await {
            Ok(sums) => break sums,
            Err(CopyError::Store(_)) => interruptions += 1,
            Err(other) => panic!("{other}"),
        }
        assert!(interruptions < 50);
        if middle.header().await.unwrap().transfer.is_some() {
            let refused = database.try_store().await;
            let refused = refused.err().unwrap().to_string();
            assert!(refused.contains("unfinished copy"), "{refused}");
        }
    };
    assert!(interruptions >= 6, "{interruptions}");
    let copied: Vec<TableSum> = sums.into_iter().map(|(_, sum)| sum).collect();
    assert_eq!(copied, before);
    assert_eq!(everything(middle.as_ref()).await, before);
    assert!(seen.lock().unwrap().iter().all(|at| at.done <= at.total));
    source.close().await;
    let refused = SqliteStore::open(first.path());
    assert!(matches!(
        refused,
        Err(OpenError::Transfer(TransferError::Moved))
    ));

    let served = database.try_store().await.unwrap();
    assert_eq!(served.dump().await, dump);
    let view = served.records_since(View::default()).await.unwrap();
    assert_eq!(view.records, records.records);
    assert_ne!(view.view.generation, records.view.generation);
    let page = served.list_events(0, 10_000).await.unwrap();
    assert!(!page.lost && !page.transactions.is_empty());
    let question = Question::AddGuest(POOL, Uuid::from_u128(9));
    served.change(&question, &now()).await.unwrap();
    let more = served.list_events(0, 10_000).await.unwrap();
    assert_eq!(more.transactions.len(), page.transactions.len() + 1);
    served.close().await;

    let target = SqliteStore::open_for(last.path(), OpenPurpose::CopyTo).unwrap();
    let refused = copy(middle.as_ref(), &target, &Real, &silent).await;
    assert!(matches!(refused, Err(CopyError::Served("source"))));
    database.forget_servers().await;
    copy(middle.as_ref(), &target, &Real, &silent)
        .await
        .unwrap();
    target.close().await;
    assert!(
        database
            .try_store()
            .await
            .err()
            .unwrap()
            .to_string()
            .contains("was moved")
    );
    assert!(matches!(
        middle.check().await,
        Err(StoreError::Unavailable(_))
    ));
    let back = SqliteStore::open(last.path()).unwrap();
    assert_eq!(
        back.list_events(0, 10_000).await.unwrap().transactions,
        more.transactions
    );
    let question = Question::AddGuest(POOL, Uuid::from_u128(12));
    back.change(&question, &now()).await.unwrap();
    let newest = back.list_events(0, 10_000).await.unwrap().transactions;
    assert_eq!(
        newest.last().unwrap().0,
        more.transactions.last().unwrap().0 + 1
    );
    back.close().await;
    middle.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_mix_or_lose_stores_is_refused() {
    let folders: Vec<TempDir> = (0..4).map(|_| TempDir::new().unwrap()).collect();
    let source = filled(folders[0].path()).await;
    let other = SqliteStore::open(folders[1].path()).unwrap();
    prepare(&other).await;

    let refused = copy(&source, &other, &Real, &silent).await;
    assert!(matches!(refused, Err(CopyError::NotEmpty)), "{refused:?}");

    // The source changes between an interruption and the rest of the copy.
    let target = SqliteStore::open_for(folders[2].path(), OpenPurpose::CopyTo).unwrap();
    let failing = Failing {
        store: &target,
        writes: AtomicUsize::new(3),
    };
    assert!(copy(&source, &failing, &Real, &silent).await.is_err());
    let refused = copy(&other, &target, &Real, &silent).await;
    assert!(matches!(refused, Err(CopyError::OtherCopy)), "{refused:?}");
    let question = Question::AddGuest(POOL, Uuid::from_u128(11));
    source.change(&question, &now()).await.unwrap();
    let refused = copy(&source, &target, &Real, &silent).await;
    assert!(
        matches!(
            refused,
            Err(CopyError::Different {
                table: "identity",
                ..
            })
        ),
        "{refused:?}"
    );
    let refused = copy(&target, &other, &Real, &silent).await;
    assert!(matches!(refused, Err(CopyError::Unfinished)), "{refused:?}");

    let target = SqliteStore::open_for(folders[3].path(), OpenPurpose::CopyTo).unwrap();
    copy(&source, &target, &Real, &silent).await.unwrap();
    let refused = copy(&source, &target, &Real, &silent).await;
    assert!(matches!(refused, Err(CopyError::Moved)), "{refused:?}");
}
