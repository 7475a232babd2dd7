//! Deleting rows that nothing needs any more, a page at a time.

use jiff::{SignedDuration, Timestamp};

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
    /// Deletions of records before this moment, except of the kinds with keys that people choose
    /// ([`super::record::RecordKind::is_remembered`]).
    Deletions(Timestamp),
}

impl Sweep {
    /// The same rows, with the moment on a clock that is ahead by `offset`.
    #[must_use]
    pub fn on_clock(self, offset: SignedDuration) -> Self {
        match self {
            Self::Identities(pool) => Self::Identities(pool),
            Self::Claims(before) => Self::Claims(before + offset),
            Self::Events(before) => Self::Events(before + offset),
            Self::Deletions(before) => Self::Deletions(before + offset),
        }
    }
}
