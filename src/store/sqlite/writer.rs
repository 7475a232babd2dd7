//! The one thread that writes. It takes every change that is waiting into one transaction (group commit) and answers
//! after the COMMIT, so that one sync of the disk serves all of them.

use std::fs::File;
use std::io;
use std::sync::Arc;

use rusqlite::Connection;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{mpsc, oneshot, watch};

use super::condition::DiskCondition;
use super::group::{ChangeFn, Failure, PendingChange, commit};
use super::log::Log;
use super::readers::Readers;
use super::{closed, tables};
use crate::store::event::Event;
use crate::store::{StoreError, measure_queue};

/// How many changes may wait in the queue; a later caller waits until one is taken.
const QUEUE: usize = 1024;

/// How many changes one transaction takes.
const GROUP: usize = 512;

/// How many rows get their checksums in one transaction: few, so that a change doesn't wait long.
const FILLED: usize = 100;

/// The handle of the writing thread.
#[derive(Debug)]
pub(super) struct Writer {
    queue: mpsc::Sender<Message>,
    /// Its other end is dropped when the thread has ended.
    ended: watch::Receiver<()>,
}

enum Message {
    Change(Box<dyn PendingChange>),
    Close,
}

impl Writer {
    /// Starts the thread. It keeps `lock` until it has closed `db`.
    pub(super) fn start(
        db: Connection,
        log: Log,
        condition: Arc<DiskCondition>,
        readers: Arc<Readers>,
        lock: File,
    ) -> io::Result<Self> {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let (end, ended) = watch::channel(());
        let thread = Thread {
            db,
            log,
            condition,
            waiting,
            readers,
            has_unsummed_rows: true,
            has_changed: false,
        };
        std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || {
                // Dropped in the opposite order, and after the connection, also in a panic.
                let _end = end;
                let _lock = lock;
                thread.run();
            })?;
        Ok(Self { queue, ended })
    }

    /// Makes `change` in the next transaction, and returns when that is on the disk. A change that fails is rolled back;
    /// the events of a change that succeeds are stored with it.
    pub(super) async fn change<T, F>(&self, change: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&Connection, &mut Vec<Event>) -> Result<T, StoreError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let change = Message::Change(Box::new(ChangeFn::new(change, reply)));
        self.queue.send(change).await.map_err(|_| closed())?;
        if let Ok(answer) = answer.await {
            return answer;
        }
        // The thread panicked. Only when it has ended do the other calls notice.
        self.ended().await;
        let cause = "the writer ended before it answered";
        Err(StoreError::Unknown(cause.into()))
    }

    /// Whether the thread takes changes.
    pub(super) fn is_open(&self) -> bool {
        !self.queue.is_closed()
    }

    /// Waits until every change that was sent before is made and the database is closed.
    pub(super) async fn close(&self) {
        // An error means that the writer is closed already.
        let _ = self.queue.send(Message::Close).await;
        self.ended().await;
    }

    async fn ended(&self) {
        // Nothing is ever sent: this returns when the sending end is dropped.
        let _ = self.ended.clone().changed().await;
    }
}

struct Thread {
    db: Connection,
    log: Log,
    condition: Arc<DiskCondition>,
    waiting: mpsc::Receiver<Message>,
    readers: Arc<Readers>,
    /// Whether rows of an earlier version may have no checksum.
    has_unsummed_rows: bool,
    /// Whether a change was made since the start.
    has_changed: bool,
}

impl Thread {
    fn run(mut self) {
        while let Some(first) = self.next() {
            let group = self.group(first);
            if !group.is_empty() {
                self.commit(group);
                self.has_changed = true;
            }
        }
        self.finish();
    }

    /// The next message. Rows get their checksums until one comes; not before the first change, because a start that fails must
    /// leave the file as it was.
    fn next(&mut self) -> Option<Message> {
        while self.has_changed && self.has_unsummed_rows {
            match self.waiting.try_recv() {
                Ok(message) => return Some(message),
                Err(TryRecvError::Disconnected) => return None,
                Err(TryRecvError::Empty) => self.fill(),
            }
        }
        self.waiting.blocking_recv()
    }

    fn fill(&mut self) {
        let (reply, mut answer) = oneshot::channel();
        let fill = |db: &Connection, _: &mut Vec<Event>| tables::fill(db, FILLED);
        self.commit(vec![Box::new(ChangeFn::new(fill, reply))]);
        let filled = answer
            .try_recv()
            .expect("a group is answered when it is made");
        if let Err(error) = &filled {
            let error = error as &dyn std::error::Error;
            tracing::warn!(
                error,
                "rows of an earlier version get their checksums after the next start"
            );
        }
        self.has_unsummed_rows = filled.is_ok_and(|filled| filled > 0);
    }

    /// The changes that wait, as many as one transaction takes.
    fn group(&mut self, first: Message) -> Vec<Box<dyn PendingChange>> {
        let mut group = Vec::new();
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                Message::Change(change) => group.push(change),
                // The queue takes nothing more; what is in it is still committed.
                Message::Close => self.waiting.close(),
            }
            next = if group.len() < GROUP {
                self.waiting.try_recv().ok()
            } else {
                None
            };
        }
        measure_queue(self.waiting.len());
        group
    }

    fn commit(&mut self, mut group: Vec<Box<dyn PendingChange>>) {
        let outcome = match self.log.refusal(&self.db, &self.readers) {
            Some(refusal) => Err(Failure::Refused(refusal)),
            None => self.write(&mut group),
        };
        for change in group {
            change.answer(outcome.as_ref().err());
        }
        self.log.checkpoint_if_due(&self.db);
    }

    fn write(&mut self, group: &mut [Box<dyn PendingChange>]) -> Result<(), Failure> {
        let writing = self.readers.writing();
        let outcome = commit(&self.db, group);
        drop(writing);
        if let Err(failure) = &outcome {
            tracing::error!(error = %failure, "a group of changes was not committed");
        }
        let is_written = self
            .log
            .committed(matches!(outcome, Err(Failure::Unknown(_))));
        if is_written || outcome.is_err() {
            self.condition.wrote(outcome.is_ok());
        }
        outcome
    }

    fn finish(self) {
        // The connection that closes last removes the log, and a read-only connection can't.
        self.readers.close();
        let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
        if let Err(error) = self.db.execute_batch(checkpoint) {
            tracing::warn!(%error, "the write-ahead log stays; the next start reads it");
        }
        if let Err((_, error)) = self.db.close() {
            tracing::warn!(%error, "the database was not closed in order");
        }
    }
}
