//! Read-only connections, used inline by the calling task: a point read takes microseconds, less than handing it to
//! another thread. Nothing here is held across an await, for reads are plain functions.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use rusqlite::Connection;

use super::{closed, open};
use crate::store::StoreError;

/// A few connections; none after [`Readers::close`].
#[derive(Debug)]
pub(super) struct Readers(Box<[Mutex<Option<Connection>>]>);

impl Readers {
    /// Opens as many connections as threads can run at once.
    pub(super) fn open(database: &Path) -> rusqlite::Result<Self> {
        let threads = std::thread::available_parallelism().map_or(4, usize::from);
        let connections = (0..threads.clamp(2, 64)).map(|_| {
            let db = open::connect_reader(database)?;
            Ok(Mutex::new(Some(db)))
        });
        Ok(Self(connections.collect::<rusqlite::Result<_>>()?))
    }

    /// Runs `read` on a connection.
    pub(super) fn with<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        read(self.free().as_ref().ok_or_else(closed)?)
    }

    /// The first connection that nobody uses, so that the caches of the first ones stay warm; waits where all are in
    /// use. One whose reader panicked is good: unwinding ended its transaction.
    fn free(&self) -> MutexGuard<'_, Option<Connection>> {
        for connection in &self.0 {
            match connection.try_lock() {
                Ok(free) => return free,
                Err(TryLockError::Poisoned(free)) => return free.into_inner(),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        let last = self.0.last().expect("there are at least two connections");
        last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the reads under way and closes the connections.
    pub(super) fn close(&self) {
        for connection in &self.0 {
            drop(
                connection
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .take(),
            );
        }
    }
}
