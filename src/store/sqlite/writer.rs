//! The one thread that writes. It takes every intention that is waiting into one transaction, each in a savepoint of
//! its own, and answers after the COMMIT: a sync of the disk serves everybody who waits for one.

use std::fs::File;
use std::io;
use std::sync::Arc;

use rusqlite::Connection;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{mpsc, oneshot, watch};

use super::group::{Asked, Intention, commit};
use super::memory::{Change, Memory};
use super::readers::Readers;
use super::{closed, purge};
use crate::store::StoreError;

/// How many intentions may wait; whoever comes later waits to get in.
const QUEUE: usize = 1024;

/// How many intentions one transaction takes.
const GROUP: usize = 512;

/// The way to the writing thread.
#[derive(Debug)]
pub(super) struct Writer {
    queue: mpsc::Sender<Message>,
    /// Its other end is dropped when the thread has ended.
    ended: watch::Receiver<()>,
}

enum Message {
    Intention(Box<dyn Intention>),
    Close,
}

impl Writer {
    /// Starts the thread. It keeps `lock` until it has closed `db`.
    pub(super) fn start(
        db: Connection,
        memory: Arc<Memory>,
        readers: Arc<Readers>,
        lock: File,
    ) -> io::Result<Self> {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let (end, ended) = watch::channel(());
        let thread = Thread {
            db,
            waiting,
            memory,
            readers,
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

    /// Has `intention` done, and returns when what it did is on the disk. It reports what it changes about pools and
    /// providers; when it fails, nothing that it did is kept.
    pub(super) async fn ask<T, F>(&self, intention: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection, &mut Vec<Change>) -> Result<T, StoreError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let intention = Message::Intention(Box::new(Asked::new(intention, reply)));
        self.queue.send(intention).await.map_err(|_| closed())?;
        if let Ok(answer) = answer.await {
            return answer;
        }
        // The thread panicked. Only when it has ended do the other calls notice.
        self.ended().await;
        let source = "the writer ended before it answered";
        Err(StoreError::Unknown(source.into()))
    }

    /// Whether the thread takes intentions.
    pub(super) fn is_open(&self) -> bool {
        !self.queue.is_closed()
    }

    /// Has everything done that was asked before, and the database closed.
    pub(super) async fn close(&self) {
        // An error means that somebody else has closed it.
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
    waiting: mpsc::Receiver<Message>,
    memory: Arc<Memory>,
    readers: Arc<Readers>,
}

impl Thread {
    fn run(mut self) {
        let mut purging = true;
        while let Some(first) = self.next(&mut purging) {
            let group = self.group(first);
            if !group.is_empty() {
                self.serve(group);
                purging = true;
            }
        }
        self.finish();
    }

    /// The next message; `None` after the last one. Purges removed pools for as long as nobody waits.
    fn next(&mut self, purging: &mut bool) -> Option<Message> {
        loop {
            match self.waiting.try_recv() {
                Ok(message) => return Some(message),
                Err(TryRecvError::Disconnected) => return None,
                Err(TryRecvError::Empty) if *purging => {
                    let _writing = self.readers.writing();
                    *purging = purge::page(&mut self.db).unwrap_or_else(|error| {
                        tracing::warn!(%error, "identities of a removed pool can't be deleted now");
                        false
                    });
                }
                Err(TryRecvError::Empty) => return self.waiting.blocking_recv(),
            }
        }
    }

    /// The intentions that wait, as many as go into a transaction.
    fn group(&mut self, first: Message) -> Vec<Box<dyn Intention>> {
        let mut group = Vec::new();
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                Message::Intention(intention) => group.push(intention),
                // Nothing comes in any more; what is in already is still served.
                Message::Close => self.waiting.close(),
            }
            next = if group.len() < GROUP {
                self.waiting.try_recv().ok()
            } else {
                None
            };
        }
        group
    }

    fn serve(&mut self, mut group: Vec<Box<dyn Intention>>) {
        let writing = self.readers.writing();
        let fate = commit(&self.db, &mut group);
        drop(writing);
        let fate = fate.map(|changes| {
            // Before the answers, so that whoever has one reads what it says.
            self.memory.apply(changes);
        });
        if let Err(failure) = &fate {
            tracing::error!(error = %failure.error(), "a group of changes was not committed");
        }
        for intention in group {
            intention.answer(fate.as_ref().err());
        }
    }

    fn finish(self) {
        // The connection that closes last tidies the files up, and a reader may not.
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
