//! The root key as the operator gives it. Making one where none is given is for whoever starts the server.

use super::access_key::{self, AccessKey, Names};
use super::settings::{ROOT_ACCESS_KEY_ID, ROOT_ENABLED, ROOT_SECRET, ROOT_SECRET_FILE};
use super::sources::Sources;

/// What signs the first requests.
#[derive(Debug, Clone)]
pub enum Root {
    /// There is no root key: requests that it signed are refused.
    Disabled,
    /// This one.
    Given(AccessKey),
    /// The one in the data directory, made at the first start.
    Kept,
}

/// The names of the root key's halves.
const NAMES: Names = Names {
    id: ROOT_ACCESS_KEY_ID,
    secret: ROOT_SECRET,
    secret_file: ROOT_SECRET_FILE,
};

/// Reads the root key.
pub(super) fn read(sources: &mut Sources<'_>) -> Root {
    let enabled = sources.switch(ROOT_ENABLED, false).or(true);
    match (enabled, access_key::read(sources, NAMES)) {
        (true, Some(key)) => Root::Given(key),
        (true, None) => Root::Kept,
        (false, None) => Root::Disabled,
        (false, Some(_)) => {
            let warning = format!("{}: the root key that is set is not used", ROOT_ENABLED.key);
            sources.warnings.push(warning);
            Root::Disabled
        }
    }
}
