//! The tokens of pages: opaque to clients, the id behind which the next page begins.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::error::{Code, Error};

/// A page's items, at most `limit` of the `limit + 1` that were found, and the token of the next page if there is one.
pub(super) fn cut<T, B: AsRef<[u8]>>(
    mut items: Vec<T>,
    limit: usize,
    id: impl Fn(&T) -> B,
) -> (Vec<T>, Option<String>) {
    let more = items.len() > limit;
    items.truncate(limit);
    let last = items.last().filter(|_| more);
    let token = last.map(|item| URL_SAFE_NO_PAD.encode(id(item)));
    (items, token)
}

/// The id that a token was made of, as `read` reads it.
pub(super) fn after<T>(
    token: Option<&str>,
    read: impl Fn(Vec<u8>) -> Option<T>,
) -> Result<Option<T>, Error> {
    let Some(token) = token else { return Ok(None) };
    let bytes = URL_SAFE_NO_PAD.decode(token).ok();
    let id = bytes.and_then(read);
    id.map(Some)
        .ok_or_else(|| Code::InvalidParameter.because("Invalid NextToken."))
}
