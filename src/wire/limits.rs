//! Limits of a request.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};

use crate::error::{Code, Error};

/// The longest body, in bytes.
pub(super) const BODY: usize = 1 << 20;

/// The longest time for a client to send its body.
const PATIENCE: Duration = Duration::from_secs(20);

/// The most concurrent requests; further requests are refused.
pub(super) const IN_FLIGHT: usize = 2048;

/// The most form parameters of a request.
pub(super) const PARAMETERS: usize = 1000;

/// Reads a whole body.
pub(super) async fn read(body: Body) -> Result<Bytes, Error> {
    let whole = tokio::time::timeout(PATIENCE, Limited::new(body, BODY).collect());
    match whole.await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            Err(Code::RequestTooLarge.because("Request body must be at most 1048576 bytes."))
        }
        Ok(Err(_)) | Err(_) => Err(Code::Serialization.bare()),
    }
}
