//! A new generation of a store that was recovered to an earlier point in time: nothing that was issued before counts.

#[cfg(test)]
mod tests;

use jiff::Timestamp;
use uuid::Uuid;

use super::StoreError;
use super::copy::{OfflineStore, TransferError};
use crate::ambient::Ambient;

/// The generation that a store is to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewGeneration {
    /// Its id.
    pub id: Uuid,
    /// When it begins, in whole milliseconds. A store that servers share uses its own clock instead.
    pub now: Timestamp,
}

impl NewGeneration {
    /// A generation with this id that begins now.
    pub fn new(id: Uuid, ambient: &dyn Ambient) -> Self {
        let now = ambient.now_in_milliseconds();
        Self { id, now }
    }
}

/// What a store holds when its generation begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GenerationStart {
    /// When the generation began.
    pub began: Timestamp,
    /// The newest thing in the store: a record, an event, or the last commit of a server. Later changes are missing.
    pub newest: Option<Timestamp>,
}

/// Why a store doesn't begin a new generation. It is as it was.
#[derive(Debug, thiserror::Error)]
pub enum GenerationError {
    /// A server uses the store.
    #[error("a server used this store within the last ten seconds: stop every server of it first")]
    Served,
    /// A server began to use the store meanwhile.
    #[error("a server began to use this store: stop every server of it, and run the command again")]
    Changed,
    /// The store is an unfinished copy, or was moved.
    #[error(transparent)]
    Transfer(#[from] TransferError),
    /// The store failed.
    #[error("the store could not be read or written: run the command again")]
    Store(#[from] StoreError),
}

/// Begins a new generation, in one transaction. No server may use the store.
pub async fn begin(
    store: &dyn OfflineStore,
    ambient: &dyn Ambient,
) -> Result<GenerationStart, GenerationError> {
    let header = store.header().await?;
    if let Some(mark) = header.transfer {
        return Err(mark.refusal().into());
    }
    if header.is_served {
        return Err(GenerationError::Served);
    }
    let new = NewGeneration::new(ambient.uuid(), ambient);
    let begun = store.begin_generation(&new, header.last_beat).await?;
    let start = begun.ok_or(GenerationError::Changed)?;
    // Records that a migration made have no time.
    let newest = start.newest.filter(|at| *at > Timestamp::UNIX_EPOCH);
    Ok(GenerationStart { newest, ..start })
}
