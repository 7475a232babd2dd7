//! Group commit: many changes in one transaction, with the events of all in one row. Where one fails, all run again, each in
//! a savepoint of its own, so that only the failed ones are undone.

use std::sync::Arc;

use rusqlite::{Connection, ErrorCode};
use tokio::sync::oneshot;

use super::apply;
use super::log::LogRefusal;
use crate::store::event::Event;
use crate::store::{Cause, StoreError};

/// A change that a caller waits for.
pub(super) trait PendingChange: Send {
    /// Makes the change and adds its events; `false` where it failed and must be rolled back. It may run again after that.
    fn attempt(&mut self, db: &Connection, events: &mut Vec<Event>) -> bool;

    /// Sends the outcome to the caller. `failure` is the failure of the whole group, if it failed.
    fn answer(self: Box<Self>, failure: Option<&Failure>);
}

/// A change as a function, with the channel to its caller.
pub(super) struct ChangeFn<T, F> {
    function: F,
    outcome: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> ChangeFn<T, F> {
    pub(super) fn new(function: F, reply: oneshot::Sender<Result<T, StoreError>>) -> Self {
        Self {
            function,
            outcome: None,
            reply,
        }
    }
}

impl<T, F> PendingChange for ChangeFn<T, F>
where
    T: Send,
    F: Fn(&Connection, &mut Vec<Event>) -> Result<T, StoreError> + Send,
{
    fn attempt(&mut self, db: &Connection, events: &mut Vec<Event>) -> bool {
        self.outcome.insert((self.function)(db, events)).is_ok()
    }

    fn answer(self: Box<Self>, failure: Option<&Failure>) {
        let outcome = match (self.outcome, failure) {
            (Some(Err(error)), _) => Err(error),
            (_, Some(failure)) => Err(failure.into()),
            (Some(outcome), None) => outcome,
            (None, None) => unreachable!("a group that was committed attempted each change"),
        };
        // The caller may have gone away.
        let _ = self.reply.send(outcome);
    }
}

/// Why no change of a group counts as committed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The group was not attempted.
    #[error(transparent)]
    Refused(LogRefusal),
    /// The group was rolled back.
    #[error(transparent)]
    RolledBack(Arc<rusqlite::Error>),
    /// COMMIT failed on the way to the disk: after a crash the group may turn out to be committed.
    #[error(transparent)]
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
            Self::RolledBack(error)
        } else {
            Self::Unknown(error)
        }
    }
}

impl From<&Failure> for StoreError {
    fn from(failure: &Failure) -> Self {
        let cause = |error: &Arc<rusqlite::Error>| -> Cause { Box::new(Arc::clone(error)) };
        match failure {
            Failure::Refused(refusal) => Self::Unavailable(Box::new(*refusal)),
            Failure::RolledBack(error) => Self::Unavailable(cause(error)),
            Failure::Unknown(error) => Self::Unknown(cause(error)),
        }
    }
}

/// Attempts each change and commits those that didn't fail.
pub(super) fn commit(db: &Connection, group: &mut [Box<dyn PendingChange>]) -> Result<(), Failure> {
    let result = attempt_all(db, group)
        .map_err(|error| Failure::RolledBack(Arc::new(error)))
        .and_then(|()| run(db, "COMMIT").map_err(Failure::of_commit));
    // SQLite ends a transaction by itself after some errors and leaves it open after others.
    if result.is_err() && !db.is_autocommit() {
        let _ = db.execute_batch("ROLLBACK");
    }
    if result.is_ok() {
        metrics::counter!("cognate_store_commits_total").increment(1);
        metrics::counter!("cognate_store_changes_total").increment(group.len() as u64);
    }
    result
}

fn attempt_all(db: &Connection, group: &mut [Box<dyn PendingChange>]) -> rusqlite::Result<()> {
    run(db, "BEGIN IMMEDIATE")?;
    let events = if let Some(events) = attempt_together(db, group) {
        events
    } else {
        // SQLite ends a transaction by itself after some errors.
        if !db.is_autocommit() {
            run(db, "ROLLBACK")?;
        }
        run(db, "BEGIN IMMEDIATE")?;
        attempt_one_by_one(db, group)?
    };
    apply::events(db, &events)
}

/// Attempts all changes without savepoints, which would cost as much as a small change; `None` where one fails, or ends the
/// transaction.
fn attempt_together(db: &Connection, group: &mut [Box<dyn PendingChange>]) -> Option<Vec<Event>> {
    let mut events = Vec::new();
    let all = group
        .iter_mut()
        .all(|change| change.attempt(db, &mut events) && !db.is_autocommit());
    all.then_some(events)
}

/// Attempts each change in a savepoint, and undoes those that fail.
fn attempt_one_by_one(
    db: &Connection,
    group: &mut [Box<dyn PendingChange>],
) -> rusqlite::Result<Vec<Event>> {
    let mut events = Vec::new();
    for change in group {
        let before = events.len();
        run(db, "SAVEPOINT change")?;
        if !change.attempt(db, &mut events) {
            events.truncate(before);
            // Fails, and the group with it, where the error has ended the whole transaction.
            run(db, "ROLLBACK TO change")?;
        }
        run(db, "RELEASE change")?;
    }
    Ok(events)
}

/// Runs a command that is run often.
pub(super) fn run(db: &Connection, command: &str) -> rusqlite::Result<()> {
    db.prepare_cached(command)?.execute([]).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Reply = oneshot::Receiver<Result<(), StoreError>>;

    fn asked(sql: &'static str) -> (Box<dyn PendingChange>, Reply) {
        let (reply, answer) = oneshot::channel();
        let function = move |db: &Connection, _: &mut Vec<Event>| Ok(db.execute_batch(sql)?);
        (Box::new(ChangeFn::new(function, reply)), answer)
    }

    fn commit_all(db: &Connection, all: &[&'static str]) -> Vec<Result<(), StoreError>> {
        let (mut group, answers): (Vec<_>, Vec<_>) = all.iter().map(|sql| asked(sql)).unzip();
        let fate = commit(db, &mut group);
        for change in group {
            change.answer(fate.as_ref().err());
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
            assert!(matches!(failed(code), Failure::RolledBack(_)), "{code}");
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
