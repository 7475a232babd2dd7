//! Read-only connections, used inline by the calling task: a point read takes microseconds, less than handing it to
//! another thread. No lock is held during an await, because reads are plain functions.
//!
//! Each read sees one snapshot. Taking one and giving it back are locks on a file, which cost more than the read
//! itself and make the threads wait for each other; so a connection keeps its snapshot for the reads to come, until
//! the writer, the only one who can make it old, says that it begins to write. A read that meets the writer has a
//! snapshot of its own.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use rusqlite::Connection;

use super::group::run;
use super::{closed, open};
use crate::store::StoreError;

/// A few connections; none after [`Readers::close`].
#[derive(Debug)]
pub(super) struct Readers {
    pub(super) connections: Box<[Mutex<Option<Connection>>]>,
    /// How often the writer has begun or ended to write: odd while it writes. It counts before it looks for snapshots
    /// that are kept; a read, under its connection's lock, sees whether the two met.
    turns: AtomicU64,
}

/// While this lives, no snapshot is kept.
pub(super) struct Writing<'r>(&'r Readers);

impl Readers {
    /// Opens as many connections as threads can run at once.
    pub(super) fn open(database: &Path) -> rusqlite::Result<Self> {
        let threads = std::thread::available_parallelism().map_or(4, usize::from);
        let connections = (0..threads.clamp(2, 64)).map(|_| {
            let db = open::connect_reader(database)?;
            Ok(Mutex::new(Some(db)))
        });
        Ok(Self {
            connections: connections.collect::<rusqlite::Result<_>>()?,
            turns: AtomicU64::new(0),
        })
    }

    /// Runs `read` on a connection, in one snapshot that has everything that was answered before.
    pub(super) fn with<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let connection = self.free();
        let turn = self.turns.load(Ordering::SeqCst);
        let db = connection.as_ref().ok_or_else(closed)?;
        // SQLite ends a transaction by itself after some errors, so it is asked each time.
        if db.is_autocommit() {
            run(db, "BEGIN")?;
        }
        let found = read(db);
        let met_writer = turn % 2 == 1 || self.turns.load(Ordering::SeqCst) != turn;
        // After an error the next one begins anew.
        if found.is_err() || met_writer {
            end(db)?;
        }
        found
    }

    /// Ends all snapshots that are kept. To be called by the writer, before each transaction of its own; what is
    /// returned is kept until that has ended.
    pub(super) fn writing(&self) -> Writing<'_> {
        self.turns.fetch_add(1, Ordering::SeqCst);
        for connection in &self.connections {
            let mut connection = lock(connection);
            if let Some(Err(error)) = connection.as_ref().map(end) {
                tracing::error!(%error, "a snapshot can't be ended, so its connection is closed");
                *connection = None;
            }
        }
        Writing(self)
    }

    /// The first connection that is free, so that the caches of the first ones stay warm; waits where all are in
    /// use. A connection with a reader that panicked is good: its snapshot is as good as any.
    fn free(&self) -> MutexGuard<'_, Option<Connection>> {
        for connection in &self.connections {
            match connection.try_lock() {
                Ok(free) => return free,
                Err(TryLockError::Poisoned(free)) => return free.into_inner(),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        lock(
            self.connections
                .last()
                .expect("there are at least two connections"),
        )
    }

    /// Waits for the reads under way and closes the connections.
    pub(super) fn close(&self) {
        for connection in &self.connections {
            drop(lock(connection).take());
        }
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        self.0.turns.fetch_add(1, Ordering::SeqCst);
    }
}

fn lock(connection: &Mutex<Option<Connection>>) -> MutexGuard<'_, Option<Connection>> {
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

fn end(db: &Connection) -> rusqlite::Result<()> {
    if db.is_autocommit() {
        return Ok(());
    }
    run(db, "COMMIT")
}
