//! A group of intentions in one transaction: what is kept, what is not, and what everybody is told.

use std::sync::Arc;

use rusqlite::{Connection, ErrorCode};
use tokio::sync::oneshot;

use super::memory::Change;
use crate::store::{Source, StoreError};

/// One change that somebody waits for.
pub(super) trait Intention: Send {
    /// Makes the change, once; `false` where it failed and must be undone.
    fn attempt(&mut self, db: &Connection, changes: &mut Vec<Change>) -> bool;

    /// Tells whoever waits how it ended. `failure` is what became of the whole group, if it failed.
    fn answer(self: Box<Self>, failure: Option<&Failure>);
}

/// An intention as a function, with the way back to the one who asked.
pub(super) struct Asked<T, F> {
    function: Option<F>,
    outcome: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Asked<T, F> {
    pub(super) fn new(function: F, reply: oneshot::Sender<Result<T, StoreError>>) -> Self {
        Self {
            function: Some(function),
            outcome: None,
            reply,
        }
    }
}

impl<T, F> Intention for Asked<T, F>
where
    T: Send,
    F: FnOnce(&Connection, &mut Vec<Change>) -> Result<T, StoreError> + Send,
{
    fn attempt(&mut self, db: &Connection, changes: &mut Vec<Change>) -> bool {
        let function = self
            .function
            .take()
            .expect("an intention is attempted once");
        self.outcome.insert(function(db, changes)).is_ok()
    }

    fn answer(self: Box<Self>, failure: Option<&Failure>) {
        let outcome = match (self.outcome, failure) {
            (Some(Err(error)), _) => Err(error),
            (_, Some(failure)) => Err(failure.into()),
            (Some(outcome), None) => outcome,
            (None, None) => unreachable!("a group that was kept attempted each of its intentions"),
        };
        // Whoever asked may have gone away meanwhile.
        let _ = self.reply.send(outcome);
    }
}

/// Why nothing of a group counts as kept.
#[derive(Debug)]
pub(super) enum Failure {
    /// It surely was undone.
    Undone(Arc<rusqlite::Error>),
    /// Its COMMIT failed on the way to the disk: after a crash it may turn out to be there.
    Unknown(Arc<rusqlite::Error>),
}

impl Failure {
    fn of_commit(error: rusqlite::Error) -> Self {
        // These two come before anything is written.
        let early = matches!(
            error.sqlite_error_code(),
            Some(ErrorCode::DatabaseBusy | ErrorCode::ConstraintViolation)
        );
        let error = Arc::new(error);
        if early {
            Self::Undone(error)
        } else {
            Self::Unknown(error)
        }
    }

    pub(super) fn error(&self) -> &rusqlite::Error {
        match self {
            Self::Undone(error) | Self::Unknown(error) => error,
        }
    }
}

impl From<&Failure> for StoreError {
    fn from(failure: &Failure) -> Self {
        let source = |error: &Arc<rusqlite::Error>| -> Source { Box::new(Arc::clone(error)) };
        match failure {
            Failure::Undone(error) => Self::Unavailable(source(error)),
            Failure::Unknown(error) => Self::Unknown(source(error)),
        }
    }
}

/// Attempts each intention and commits those that didn't fail. Returns what they change in memory.
pub(super) fn commit(
    db: &Connection,
    group: &mut [Box<dyn Intention>],
) -> Result<Vec<Change>, Failure> {
    let result = attempt_all(db, group)
        .map_err(|error| Failure::Undone(Arc::new(error)))
        .and_then(|changes| match db.execute_batch("COMMIT") {
            Ok(()) => Ok(changes),
            Err(error) => Err(Failure::of_commit(error)),
        });
    // SQLite ends a transaction by itself after some errors and leaves it open after others.
    if result.is_err() && !db.is_autocommit() {
        let _ = db.execute_batch("ROLLBACK");
    }
    result
}

fn attempt_all(db: &Connection, group: &mut [Box<dyn Intention>]) -> rusqlite::Result<Vec<Change>> {
    let mut changes = Vec::new();
    db.execute_batch("BEGIN IMMEDIATE")?;
    for intention in group {
        let before = changes.len();
        run(db, "SAVEPOINT intention")?;
        if !intention.attempt(db, &mut changes) {
            changes.truncate(before);
            // Fails, and the group with it, where the error has ended the whole transaction.
            run(db, "ROLLBACK TO intention")?;
        }
        run(db, "RELEASE intention")?;
    }
    Ok(changes)
}

/// Runs a command that is run often.
pub(super) fn run(db: &Connection, command: &str) -> rusqlite::Result<()> {
    db.prepare_cached(command)?.execute([]).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Reply = oneshot::Receiver<Result<(), StoreError>>;

    fn asked(sql: &'static str) -> (Box<dyn Intention>, Reply) {
        let (reply, answer) = oneshot::channel();
        let function = move |db: &Connection, _: &mut Vec<Change>| Ok(db.execute_batch(sql)?);
        (Box::new(Asked::new(function, reply)), answer)
    }

    fn commit_all(db: &Connection, all: &[&'static str]) -> Vec<Result<(), StoreError>> {
        let (mut group, answers): (Vec<_>, Vec<_>) = all.iter().map(|sql| asked(sql)).unzip();
        let fate = commit(db, &mut group);
        for intention in group {
            intention.answer(fate.as_ref().err());
        }
        let answers = answers.into_iter();
        answers
            .map(|mut answer: Reply| answer.try_recv().unwrap())
            .collect()
    }

    fn database() -> Connection {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch(
            "PRAGMA foreign_keys = ON;
             CREATE TABLE parent (x INTEGER PRIMARY KEY);
             CREATE TABLE child (x INTEGER REFERENCES parent DEFERRABLE INITIALLY DEFERRED);",
        )
        .unwrap();
        db
    }

    fn parents(db: &Connection) -> i64 {
        let count = "SELECT count(*) FROM parent";
        db.query_row(count, [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn a_group_whose_commit_is_refused_leaves_nothing() {
        let db = database();
        let orphan = "INSERT INTO child VALUES (1)";
        let answers = commit_all(&db, &["INSERT INTO parent VALUES (7)", orphan]);
        for answer in answers {
            assert!(
                matches!(answer, Err(StoreError::Unavailable(_))),
                "{answer:?}"
            );
        }
        assert_eq!(parents(&db), 0);
        let next = commit_all(&db, &["INSERT INTO parent VALUES (8)"]);
        assert!(next[0].is_ok(), "the next group begins anew");
        assert_eq!(parents(&db), 1);
    }

    #[test]
    fn one_that_fails_is_undone_alone() {
        let db = database();
        let answers = commit_all(
            &db,
            &[
                "INSERT INTO parent VALUES (1)",
                "INSERT INTO parent VALUES (2); INSERT INTO nowhere VALUES (1)",
                "INSERT INTO parent VALUES (3)",
            ],
        );
        assert!(answers[0].is_ok() && answers[1].is_err() && answers[2].is_ok());
        assert_eq!(parents(&db), 2);
    }

    #[test]
    fn only_what_comes_before_writing_is_surely_undone() {
        let failed = |code| {
            let code = rusqlite::ffi::Error::new(code);
            Failure::of_commit(rusqlite::Error::SqliteFailure(code, None))
        };
        for code in [
            rusqlite::ffi::SQLITE_BUSY,
            rusqlite::ffi::SQLITE_CONSTRAINT_FOREIGNKEY,
        ] {
            assert!(matches!(failed(code), Failure::Undone(_)), "{code}");
        }
        for code in [
            rusqlite::ffi::SQLITE_IOERR_FSYNC,
            rusqlite::ffi::SQLITE_FULL,
            rusqlite::ffi::SQLITE_NOMEM,
        ] {
            assert!(matches!(failed(code), Failure::Unknown(_)), "{code}");
        }
    }
}
