//! What is meant with SAML providers, said in SQL. Each function runs in a savepoint of the writer.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension};

use super::memory::Change;
use super::rows;
use crate::model::provider::SamlProvider;
use crate::store::{ProviderAdded, Replaced, StoreError};

/// Adds a provider within the limit, unless its name is there.
pub(super) fn add(
    db: &Connection,
    changes: &mut Vec<Change>,
    provider: SamlProvider,
    limit: usize,
) -> Result<ProviderAdded, StoreError> {
    let name = provider.arn.name();
    let exists = db
        .prepare_cached("SELECT 1 FROM saml_provider WHERE name = ?1")?
        .exists([name])?;
    if exists {
        return Ok(ProviderAdded::Exists);
    }
    let providers: usize = db
        .prepare_cached("SELECT count(*) FROM saml_provider")?
        .query_row([], |row| row.get(0))?;
    if providers >= limit {
        return Ok(ProviderAdded::LimitReached);
    }
    db.prepare_cached("INSERT INTO saml_provider (name, version, record) VALUES (?1, ?2, ?3)")?
        .execute((name, provider.version, rows::to_json(&provider)))?;
    changes.push(Change::SamlProvider(Arc::new(provider)));
    Ok(ProviderAdded::Added)
}

/// Replaces a provider's record if it is the next version.
pub(super) fn replace(
    db: &Connection,
    changes: &mut Vec<Change>,
    provider: SamlProvider,
) -> Result<Replaced, StoreError> {
    let record = rows::to_json(&provider);
    let name = provider.arn.name();
    let replaced = db
        .prepare_cached(
            "UPDATE saml_provider SET version = ?2, record = ?3 \
             WHERE name = ?1 AND version = ?2 - 1",
        )?
        .execute((name, provider.version, &record))?;
    if replaced == 1 {
        changes.push(Change::SamlProvider(Arc::new(provider)));
        return Ok(Replaced::Replaced);
    }
    let found: Option<String> = db
        .prepare_cached("SELECT record FROM saml_provider WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()?;
    Ok(rows::not_replaced(found.as_ref(), &record))
}

/// Removes the provider of this name.
pub(super) fn remove(
    db: &Connection,
    changes: &mut Vec<Change>,
    name: String,
) -> Result<bool, StoreError> {
    let removed = db
        .prepare_cached("DELETE FROM saml_provider WHERE name = ?1")?
        .execute([&name])?;
    if removed == 0 {
        return Ok(false);
    }
    changes.push(Change::NoSamlProvider(name));
    Ok(true)
}
