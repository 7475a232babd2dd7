//! What is meant with the server's own documents, said in SQL.

use rusqlite::{Connection, OptionalExtension};

use super::rows;
use crate::store::{Document, DocumentName, Replaced, StoreError};

/// The document with this name; on a reader or the writer.
pub(super) fn find(db: &Connection, name: DocumentName) -> Result<Option<Document>, StoreError> {
    let found = db
        .prepare_cached("SELECT version, bytes FROM document WHERE name = ?1")?
        .query_row([name.as_str()], |row| {
            let (version, bytes) = (row.get(0)?, row.get(1)?);
            Ok(Document { version, bytes })
        })
        .optional()?;
    Ok(found)
}

/// Replaces a document if this is its next version. Runs in a savepoint of the writer.
pub(super) fn replace(
    db: &Connection,
    name: DocumentName,
    document: &Document,
) -> Result<Replaced, StoreError> {
    let (version, bytes) = (document.version, &document.bytes);
    let written = if version == 1 {
        db.prepare_cached(
            "INSERT INTO document (name, version, bytes) VALUES (?1, ?2, ?3) \
             ON CONFLICT (name) DO NOTHING",
        )?
    } else {
        db.prepare_cached(
            "UPDATE document SET version = ?2, bytes = ?3 WHERE name = ?1 AND version = ?2 - 1",
        )?
    }
    .execute((name.as_str(), version, bytes))?;
    if written == 1 {
        return Ok(Replaced::Replaced);
    }
    Ok(rows::not_replaced(find(db, name)?.as_ref(), document))
}
