//! What the server does to the store as a whole, for the health check and the end of the process.

use super::App;
use crate::store::StoreError;

/// Checks that the store can answer now.
pub async fn check(app: &App) -> Result<(), StoreError> {
    app.store.check().await
}

/// Finishes the work under way in the store and closes it. Later calls are refused.
pub async fn close(app: &App) {
    app.store.close().await;
}
