//! What is meant with OpenID Connect providers, said in SQL. Each function runs in a savepoint of the writer.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension};

use super::memory::Change;
use super::rows;
use crate::model::provider::OidcProvider;
use crate::store::{Added, Replaced, StoreError};

/// The name without its final slash: one for the two forms of a name.
fn bare(name: &str) -> &str {
    name.strip_suffix('/').unwrap_or(name)
}

/// Adds a provider within the limit, unless its name is there in one form or the other.
pub(super) fn add(
    db: &Connection,
    changes: &mut Vec<Change>,
    provider: OidcProvider,
    limit: usize,
) -> Result<Added, StoreError> {
    let name = provider.arn.name();
    let exists = db
        .prepare_cached("SELECT 1 FROM oidc_provider WHERE bare_name = ?1")?
        .exists([bare(name)])?;
    if exists {
        return Ok(Added::Exists);
    }
    let providers: usize = db
        .prepare_cached("SELECT count(*) FROM oidc_provider")?
        .query_row([], |row| row.get(0))?;
    if providers >= limit {
        return Ok(Added::LimitReached);
    }
    db.prepare_cached(
        "INSERT INTO oidc_provider (bare_name, name, version, record) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute((bare(name), name, provider.version, rows::to_json(&provider)))?;
    changes.push(Change::Provider(Arc::new(provider)));
    Ok(Added::Added)
}

/// Replaces a provider's record if it is the next version.
pub(super) fn replace(
    db: &Connection,
    changes: &mut Vec<Change>,
    provider: OidcProvider,
) -> Result<Replaced, StoreError> {
    let record = rows::to_json(&provider);
    let name = provider.arn.name();
    let replaced = db
        .prepare_cached(
            "UPDATE oidc_provider SET version = ?3, record = ?4 \
             WHERE bare_name = ?1 AND name = ?2 AND version = ?3 - 1",
        )?
        .execute((bare(name), name, provider.version, &record))?;
    if replaced == 1 {
        changes.push(Change::Provider(Arc::new(provider)));
        return Ok(Replaced::Replaced);
    }
    let found: Option<String> = db
        .prepare_cached("SELECT record FROM oidc_provider WHERE bare_name = ?1 AND name = ?2")?
        .query_row((bare(name), name), |row| row.get(0))
        .optional()?;
    Ok(rows::not_replaced(found.as_ref(), &record))
}

/// Removes the provider of exactly this name.
pub(super) fn remove(
    db: &Connection,
    changes: &mut Vec<Change>,
    name: String,
) -> Result<bool, StoreError> {
    let removed = db
        .prepare_cached("DELETE FROM oidc_provider WHERE bare_name = ?1 AND name = ?2")?
        .execute((bare(&name), &name))?;
    if removed == 0 {
        return Ok(false);
    }
    changes.push(Change::NoProvider(name));
    Ok(true)
}
