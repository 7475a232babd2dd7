//! The tokens of pages: opaque to clients, the id behind which the next page begins.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::error::{Code, Error};

/// What a token begins with: one that began with a hyphen would be taken for an option on a command line.
const MARK: &str = "p";

/// A page's items, at most `limit` of the `limit + 1` that were found, and the token of the next page if there is one.
pub(in crate::operations) fn cut<T, B: AsRef<[u8]>>(
    mut items: Vec<T>,
    limit: usize,
    id: impl Fn(&T) -> B,
) -> (Vec<T>, Option<String>) {
    let more = items.len() > limit;
    items.truncate(limit);
    let last = items.last().filter(|_| more);
    let token = last.map(|item| format!("{MARK}{}", URL_SAFE_NO_PAD.encode(id(item))));
    (items, token)
}

/// The id that a token was made of, as `read` reads it.
pub(in crate::operations) fn after<T>(
    token: Option<&str>,
    read: impl Fn(Vec<u8>) -> Option<T>,
) -> Result<Option<T>, Error> {
    let Some(token) = token else { return Ok(None) };
    let bytes = token
        .strip_prefix(MARK)
        .map(|id| URL_SAFE_NO_PAD.decode(id));
    let id = bytes.and_then(Result::ok).and_then(read);
    id.map(Some)
        .ok_or_else(|| Code::InvalidParameter.because("Invalid NextToken."))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_token_leads_behind_the_last_item_and_passes_for_no_option() {
        let (items, token) = cut(vec![[0xfb; 16], [0xfc; 16]], 1, |id| *id);
        let token = token.unwrap();
        assert_eq!(items, [[0xfb; 16]]);
        assert_eq!(&URL_SAFE_NO_PAD.encode(items[0])[..1], "-");
        assert!(!token.starts_with('-'), "{token}");
        assert_eq!(after(Some(&token), Some).unwrap(), Some(vec![0xfb; 16]));
        assert_eq!(cut(items, 1, |id| *id).1, None);
        for wrong in ["", "p-", "p=", "-_v7", &token[1..]] {
            assert!(
                after(Some(wrong), |id| Uuid::from_slice(&id).ok()).is_err(),
                "{wrong}"
            );
        }
    }
}
