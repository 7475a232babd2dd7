//! Deleting rows that nothing needs any more, a page at a time.

use jiff::Timestamp;

use super::identities::PoolRef;

/// Which rows are deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sweep {
    /// The identities and logins of an incarnation of a pool that is deleted.
    Identities(PoolRef),
    /// Claims that ended before this moment.
    Claims(Timestamp),
    /// Events of transactions before this moment.
    Events(Timestamp),
    /// Deletions of records before this moment.
    Deletions(Timestamp),
}
