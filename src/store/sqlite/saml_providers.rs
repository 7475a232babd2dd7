//! What is meant with SAML providers, said in SQL. Each function runs in a savepoint of the writer.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension};

use super::memory::Change;
use super::registry::Registry;
use super::rows;
use crate::model::provider::SamlProvider;
use crate::store::{Added, Replaced, StoreError};

const REGISTRY: Registry = Registry {
    table: "saml_provider",
    key: "name",
};

/// Adds a provider within the limit, unless its name is there.
pub(super) fn add(
    db: &Connection,
    changes: &mut Vec<Change>,
    provider: SamlProvider,
    limit: usize,
) -> Result<Added, StoreError> {
    let added = REGISTRY.add(db, provider.arn.name(), provider.version, &provider, limit)?;
    if added == Added::Added {
        changes.push(Change::SamlProvider(Arc::new(provider)));
    }
    Ok(added)
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
