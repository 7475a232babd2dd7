//! Questions about identities and their answers, as values: a store can ask its plan again with the same question.

use uuid::Uuid;

use crate::model::identity::{Identity, Login, LoginKey, Revocation};
use crate::model::sign_in::{Asker, Refusal};

/// One incarnation of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PoolRef {
    /// The pool's UUID.
    pub id: Uuid,
    /// Distinguishes a pool from an earlier pool with the same id; its identities and logins carry it.
    pub incarnation: u64,
}

/// A pool as a call saw it. A change and a sign-in compare it in their transaction: where the pool has another version,
/// nothing is written and the answer is [`Answer::PoolChanged`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolVersion {
    /// The pool.
    pub pool: PoolRef,
    /// The version of its record.
    pub version: u64,
}

/// An identity as a call saw it. Its epoch is compared as the pool's version is: where the identity has another epoch,
/// what the call concluded from it may be wrong, and the answer is [`Answer::IdentityChanged`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdentityEpoch {
    /// The identity.
    pub id: Uuid,
    /// Its epoch.
    pub epoch: u64,
}

/// A question about identities.
#[derive(Debug, Clone)]
pub enum Question {
    /// Which identity has this id?
    Find(Uuid),
    /// Which identity of the pool has this login?
    Owner(PoolRef, Login),
    /// Which identity of any of these pools has this login, and is revoked in every pool?
    RevokedOwner(Vec<PoolRef>, Login),
    /// Add a guest with this id to the pool.
    AddGuest(PoolVersion, Uuid),
    /// Find, make, link or merge the identity of verified logins, as [`crate::model::sign_in::decide`] says.
    SignIn(SignIn),
    /// Merge the owner of one login into the owner of another, as [`crate::model::merge::decide`] says.
    Merge(Merge),
    /// Remove logins from an identity, all or none, as [`crate::model::merge::unlink`] does.
    Unlink(Unlink),
    /// Revoke or restore an identity, as [`Identity::revoke`] does; of an identity that was merged away, its survivor.
    Revoke(Revoke),
    /// Delete identities and their logins; an identity that isn't there counts as deleted, and a revoked identity stays,
    /// because its logins would be free.
    Delete(Delete),
}

/// A sign-in with verified logins.
#[derive(Debug, Clone)]
pub struct SignIn {
    /// Who presents the logins.
    pub asker: Asker,
    /// The pool.
    pub pool: PoolVersion,
    /// The identity that the caller named, if any.
    pub presented: Option<IdentityEpoch>,
    /// Verified logins with their keys: at least one, no provider twice.
    pub logins: Vec<(LoginKey, Login)>,
    /// The keys of those that only a token of this service proves. They must be logins of the presented identity, and
    /// are never linked.
    pub only_found: Vec<LoginKey>,
    /// The id of the identity that is made if one must be.
    pub new_id: Uuid,
}

/// A merge by two logins.
#[derive(Debug, Clone)]
pub struct Merge {
    /// The pool.
    pub pool: PoolVersion,
    /// A login of the identity that is merged away.
    pub source: Login,
    /// A login of the identity that stays.
    pub destination: Login,
}

/// A removal of logins.
#[derive(Debug, Clone)]
pub struct Unlink {
    /// The pool.
    pub pool: PoolVersion,
    /// The identity.
    pub identity: IdentityEpoch,
    /// The logins that are removed: at least one.
    pub logins: Vec<Login>,
}

/// A revocation, or its end.
#[derive(Debug, Clone, Copy)]
pub struct Revoke {
    /// The pool.
    pub pool: PoolVersion,
    /// The identity.
    pub identity: Uuid,
    /// The revocation; `None` restores the identity.
    pub revocation: Option<Revocation>,
}

/// A deletion.
#[derive(Debug, Clone)]
pub struct Delete {
    /// The identities, each with its pool.
    pub identities: Vec<(PoolVersion, Uuid)>,
}

/// The answer to a [`Question`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// This identity, as it now is.
    Identity(Identity),
    /// This identity was merged away and its survivor is deleted, so that only a deletion still finds it.
    Orphan(Identity),
    /// Something that the question names isn't there.
    Missing(Missing),
    /// The rule refuses.
    Refused(IdentityRefusal),
    /// The identities are deleted.
    Deleted {
        /// Those that stay, because they are revoked.
        kept: Vec<Uuid>,
    },
    /// The pool has another version than the call saw, or is deleted: look at it again and ask anew.
    PoolChanged,
    /// The identity has another epoch than the call saw, or lacks a login that a token of this service proves: look at it
    /// again and ask anew.
    IdentityChanged,
}

/// What isn't there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// The identity isn't there, or not in this pool.
    Identity,
    /// No identity has the login of the source.
    Source,
    /// No identity has the login, or the login of the destination.
    Owner,
}

/// Why a rule refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdentityRefusal {
    /// A sign-in is refused.
    SignIn(Refusal),
    /// The identities can't become one.
    Merge,
    /// The identity doesn't have all the logins.
    NotLinked,
}
