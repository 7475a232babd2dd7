//! Connections to the database: a pool of them, and the bounds in time of what runs on one.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deadpool_postgres::{
    Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime, Transaction,
};
use tokio::time::timeout;
use tokio_postgres::{Config, IsolationLevel};

use super::batch::Mode;
use super::connect::Connector;
use super::transaction::{TransactionError, before_statement};
use super::{OpenPostgresError, advice, heartbeat};
use crate::ambient::Ambient;
use crate::store::StoreError;

/// How long the transaction of a request takes at most; then its connection is closed.
const TRANSACTION: Duration = Duration::from_secs(5);

/// How long a transaction may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TimeBound {
    /// Five seconds, because a client waits.
    Request,
    /// Ten minutes for each statement, because an operator waits.
    Maintenance,
}

/// How long a caller waits for a connection at most, its making included.
const WAIT: Duration = Duration::from_secs(5);

/// The connections of a store.
pub(super) struct Connections {
    pool: Pool,
    /// Whether a write failed because a disk was full, and none that needs space was committed since.
    disk_full: AtomicBool,
    #[cfg(test)]
    pub(super) gate: std::sync::Mutex<Option<super::tests::gate::Gate>>,
    ambient: Arc<dyn Ambient>,
    isolation: IsolationLevel,
}

impl Connections {
    pub(super) fn new(
        config: &Config,
        connector: Connector,
        size: usize,
        isolation: IsolationLevel,
        ambient: Arc<dyn Ambient>,
    ) -> Result<Self, OpenPostgresError> {
        let recycling_method = RecyclingMethod::Fast;
        let manager_config = ManagerConfig { recycling_method };
        let manager = Manager::from_connect(config.clone(), connector, manager_config);
        let pool = Pool::builder(manager)
            .max_size(size)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(WAIT))
            .create_timeout(Some(WAIT))
            .build()
            .map_err(|error| OpenPostgresError::Settings(Box::new(error)))?;
        Ok(Self {
            pool,
            disk_full: AtomicBool::new(false),
            #[cfg(test)]
            gate: std::sync::Mutex::default(),
            ambient,
            isolation,
        })
    }

    pub(super) fn ambient(&self) -> &dyn Ambient {
        self.ambient.as_ref()
    }

    pub(super) async fn client(&self) -> Result<Object, TransactionError> {
        match timeout(WAIT, self.pool.get()).await {
            Ok(client) => Ok(client?),
            Err(_) => Err(StoreError::Unavailable(advice::SILENT.into()).into()),
        }
    }

    /// Begins a transaction: of a read, in one snapshot.
    pub(super) async fn begin<'c>(
        &self,
        client: &'c mut Object,
        mode: Mode,
        bound: TimeBound,
    ) -> Result<Transaction<'c>, TransactionError> {
        let isolation = match mode {
            Mode::Read => IsolationLevel::RepeatableRead,
            Mode::Change => self.isolation,
        };
        let begin = client.build_transaction().isolation_level(isolation);
        let tx = begin.read_only(mode == Mode::Read).start().await?;
        if bound == TimeBound::Maintenance {
            tx.batch_execute("SET LOCAL statement_timeout = '10min'")
                .await?;
        }
        Ok(tx)
    }

    /// Returns a connection to the pool, or closes it where its state isn't known.
    pub(super) fn give_back<T>(&self, client: Object, result: &Result<T, TransactionError>) {
        if result.as_ref().is_err_and(heartbeat::is_full_disk) {
            self.disk_full.store(true, Ordering::Relaxed);
        }
        if let Err(TransactionError::Broken(_) | TransactionError::Unknown(_)) = result {
            drop(Object::take(client));
        }
    }

    /// Whether a disk of the database was full, as far as this server knows.
    pub(super) fn is_disk_full(&self) -> bool {
        self.disk_full.load(Ordering::Relaxed)
    }

    /// Notes that there is space again.
    pub(super) fn found_space(&self) {
        self.disk_full.store(false, Ordering::Relaxed);
    }

    pub(super) fn close(&self) {
        self.pool.close();
    }
}

/// Runs a transaction within its bound.
pub(super) async fn within<T>(
    bound: TimeBound,
    work: impl Future<Output = Result<T, TransactionError>>,
) -> Result<T, TransactionError> {
    if bound == TimeBound::Maintenance {
        return work.await;
    }
    let result = timeout(TRANSACTION, work).await;
    result.unwrap_or_else(|_| Err(TransactionError::Unknown(advice::SILENT.into())))
}

/// Commits. Where the connection breaks meanwhile, the outcome isn't known.
pub(super) async fn commit(tx: Transaction<'_>) -> Result<(), TransactionError> {
    before_statement().await;
    match tx.commit().await.map_err(TransactionError::from) {
        Err(TransactionError::Broken(cause)) => Err(TransactionError::Unknown(cause)),
        Err(TransactionError::Failed(StoreError::Corrupt(cause))) => {
            Err(TransactionError::Failed(StoreError::Unavailable(cause)))
        }
        other => other,
    }
}
