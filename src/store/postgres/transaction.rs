//! What becomes of a transaction, and when it runs again. Every question and write of the store can run again with the
//! same ids: a transaction that was committed without an answer finds its own result.

use std::time::Duration;

use tokio::time::sleep;
use tokio_postgres::error::SqlState;

use super::advice::{self, advised};
use crate::ambient::Ambient;
use crate::store::{Cause, StoreError};

/// Called before each statement: tests stop a transaction there, to run another meanwhile.
pub(super) async fn before_statement() {
    #[cfg(test)]
    super::tests::gate::pass().await;
}

/// How often a transaction runs at most. At SERIALIZABLE, many transactions at once refuse each other many times.
const RUNS: u32 = 40;

/// Why a transaction ended without a result.
#[derive(Debug)]
pub(super) enum TransactionError {
    /// Another transaction was faster; this one was rolled back and runs again.
    Conflict(Cause),
    /// The connection broke before COMMIT, or the server is starting or stopping; it runs again, on another connection.
    Broken(Cause),
    /// The connection broke during COMMIT: it runs again, and finds its own result if that was committed.
    Unknown(Cause),
    /// Running again would not help.
    Failed(StoreError),
}

impl From<StoreError> for TransactionError {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

impl From<tokio_postgres::Error> for TransactionError {
    fn from(error: tokio_postgres::Error) -> Self {
        let conflicts = [
            &SqlState::T_R_SERIALIZATION_FAILURE,
            &SqlState::T_R_DEADLOCK_DETECTED,
            &SqlState::LOCK_NOT_AVAILABLE,
            &SqlState::UNIQUE_VIOLATION,
        ];
        match error.code().cloned() {
            None if error.is_closed() || is_io(&error) => Self::Broken(advised(error)),
            // A column that can't be read as its type.
            None => Self::Failed(StoreError::Corrupt(Box::new(error))),
            Some(code) if conflicts.contains(&&code) => Self::Conflict(Box::new(error)),
            Some(code) if is_interruption(&code) => Self::Broken(advised(error)),
            Some(code) if code.code().starts_with("22") || code.code().starts_with("23") => {
                Self::Failed(StoreError::Corrupt(Box::new(error)))
            }
            Some(_) => Self::Failed(StoreError::Unavailable(advised(error))),
        }
    }
}

impl From<deadpool_postgres::PoolError> for TransactionError {
    fn from(error: deadpool_postgres::PoolError) -> Self {
        use deadpool_postgres::{PoolError, TimeoutType};
        match error {
            PoolError::Backend(error) => match error.code() {
                Some(code) if !is_interruption(code) => {
                    Self::Failed(StoreError::Unavailable(advised(error)))
                }
                _ => Self::Broken(advised(error)),
            },
            PoolError::Timeout(TimeoutType::Create | TimeoutType::Wait) => {
                Self::Failed(StoreError::Unavailable(advice::SILENT.into()))
            }
            other => Self::Failed(StoreError::Unavailable(Box::new(other))),
        }
    }
}

fn is_io(error: &tokio_postgres::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if cause.is::<std::io::Error>() {
            return true;
        }
        source = cause.source();
    }
    false
}

/// Whether the server ends the connection or doesn't take changes now, for example because another node is the primary.
fn is_interruption(code: &SqlState) -> bool {
    let interruptions = [
        &SqlState::ADMIN_SHUTDOWN,
        &SqlState::CRASH_SHUTDOWN,
        &SqlState::CANNOT_CONNECT_NOW,
        &SqlState::READ_ONLY_SQL_TRANSACTION,
        &SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
        // Another client may end its connection, and one of this server's own may become free.
        &SqlState::TOO_MANY_CONNECTIONS,
        // A prepared statement of a connection that a migration outdated.
        &SqlState::FEATURE_NOT_SUPPORTED,
    ];
    interruptions.contains(&code) || code.code().starts_with("08")
}

/// How long after a question, or the first run of a transaction, a run may begin.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// Counts the runs of a transaction.
#[derive(Debug)]
pub(super) struct Runs {
    done: u32,
    unknown: bool,
    /// The uptime at which no further run begins.
    end: Duration,
}

impl Runs {
    pub(super) fn new(ambient: &dyn Ambient) -> Self {
        Self {
            done: 0,
            unknown: false,
            end: ambient.uptime() + PATIENCE,
        }
    }

    /// Whether an earlier run may have been committed.
    pub(super) fn is_unknown(&self) -> bool {
        self.unknown
    }

    /// The result, or `None` where the transaction is to run again, after a pause with jitter.
    pub(super) async fn after<T>(
        &mut self,
        result: Result<T, TransactionError>,
        ambient: &dyn Ambient,
    ) -> Option<Result<T, StoreError>> {
        self.done += 1;
        let cause = match result {
            Ok(value) => return Some(Ok(value)),
            Err(TransactionError::Failed(error)) if self.unknown => {
                return Some(Err(StoreError::Unknown(Box::new(error))));
            }
            Err(TransactionError::Failed(error)) => return Some(Err(error)),
            Err(TransactionError::Conflict(cause) | TransactionError::Broken(cause)) => cause,
            Err(TransactionError::Unknown(cause)) => {
                self.unknown = true;
                cause
            }
        };
        if self.done >= RUNS || ambient.uptime() >= self.end {
            return Some(Err(if self.unknown {
                StoreError::Unknown(cause)
            } else {
                StoreError::Unavailable(cause)
            }));
        }
        sleep(self.pause(ambient)).await;
        None
    }

    /// 0 to 1 ms after the first run, and twice as much after each further one, up to 0 to 64 ms.
    fn pause(&self, ambient: &dyn Ambient) -> Duration {
        let mut random = [0; 2];
        ambient.fill(&mut random);
        let most = 1000_u32 << (self.done - 1).min(6);
        let part = u32::from(u16::from_le_bytes(random));
        Duration::from_micros(u64::from(most) * u64::from(part) / u64::from(u16::MAX))
    }
}
