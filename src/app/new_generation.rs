//! A new generation of a store that was recovered to an earlier point in time.

use std::sync::Arc;

use jiff::Timestamp;

use super::offline_store::{OpenStore, StoreLocation};
use super::open::StartError;
use crate::ambient::Ambient;
use crate::store::generation::{self, GenerationError};

/// Why a store doesn't begin a new generation.
#[derive(Debug, thiserror::Error)]
pub enum NewGenerationError {
    /// The store can't be opened.
    #[error(transparent)]
    Open(#[from] StartError),
    /// The store can't begin a new generation.
    #[error(transparent)]
    Generation(#[from] GenerationError),
}

/// Begins a new generation of a store that no server uses. Returns when it began, and the time of the newest thing in the
/// store: later revocations, deletions and disabled keys are missing.
pub async fn begin(
    location: &StoreLocation,
    ambient: Arc<dyn Ambient>,
) -> Result<(Timestamp, Option<Timestamp>), NewGenerationError> {
    let store = OpenStore::recovered(location, &ambient).await?;
    let begun = generation::begin(store.offline(), ambient.as_ref()).await;
    store.close().await;
    let begun = begun?;
    Ok((begun.began, begun.newest))
}
