//! What a server does on the database to show that it can serve: a commit of its own, a comparison of the clocks, and, where
//! a disk was full, a write that needs space.

use jiff::Timestamp;
use tokio_postgres::error::SqlState;
use uuid::Uuid;

use super::transaction::{TransactionError, before_statement};
use super::{apply, copy, load};
use crate::ambient::Ambient;
use crate::store::{Cause, StoreError};

/// How many random ids the write that needs space has: as text, more than a page of the database.
const IDS: usize = 400;

/// Records that this server commits, and returns the time of the database; an error where the store may not be served.
pub(super) async fn beat(
    tx: &deadpool_postgres::Transaction<'_>,
    server: Uuid,
) -> Result<Timestamp, TransactionError> {
    before_statement().await;
    let statement = "INSERT INTO heartbeat (server, beats, at) SELECT $1, 1, clock_timestamp() \
                     WHERE NOT EXISTS (SELECT one FROM transfer) \
                     ON CONFLICT (server) DO UPDATE SET beats = heartbeat.beats + 1, \
                     at = clock_timestamp() RETURNING (extract(epoch FROM at) * 1000)::bigint";
    let statement = tx.prepare_cached(statement).await?;
    if let [row] = tx.query(&statement, &[&server]).await?.as_slice() {
        return Ok(load::moment(row.try_get(0)?)?);
    }
    copy::check_served(tx).await?;
    Err(TransactionError::Conflict("a copy ended meanwhile".into()))
}

/// Writes a row that needs a new page, and deletes it again.
pub(super) async fn take_space(
    tx: &deadpool_postgres::Transaction<'_>,
    id: Uuid,
    ambient: &dyn Ambient,
) -> Result<(), TransactionError> {
    let text: String = (0..IDS).map(|_| ambient.uuid().to_string()).collect();
    let insert = "INSERT INTO event (id, written, at_ms, events) VALUES ($1, now(), 0, $2)";
    apply::write(tx, insert, &[&id, &text], 1).await?;
    apply::write(tx, "DELETE FROM event WHERE id = $1", &[&id], 1).await
}

/// Whether the cause is a full disk of the database.
pub(super) fn is_full_disk(error: &TransactionError) -> bool {
    let (TransactionError::Failed(StoreError::Unavailable(cause) | StoreError::Unknown(cause))
    | TransactionError::Broken(cause)
    | TransactionError::Unknown(cause)) = error
    else {
        return false;
    };
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(cause.as_ref());
    while let Some(error) = cause {
        let error_of_database = error.downcast_ref::<tokio_postgres::Error>();
        if error_of_database.and_then(tokio_postgres::Error::code) == Some(&SqlState::DISK_FULL) {
            return true;
        }
        cause = error.source();
    }
    false
}

/// The cause where the clocks are too far apart.
pub(super) fn clocks_differ() -> Cause {
    "the clock of this server and that of the database are more than five minutes apart: set both, for example with NTP"
        .into()
}
