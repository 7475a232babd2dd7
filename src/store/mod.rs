//! What is remembered: the trait that every store keeps. No dialect, transaction or cache leaks out of a store, and
//! nothing outside asks which store it is.
//!
//! A method is one whole intention: atomic, durable when it returns, retried inside, given its ids and times by the
//! caller so that asking again is harmless. Outcomes of the domain are values, absence is `Option`, and an error means
//! that the store could not do its work.

pub mod sqlite;

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

use crate::model::iam_role::Role;
use crate::model::identity::{Identity, Login};
use crate::model::ids::Region;
use crate::model::pool::Pool;
use crate::model::provider::{OidcProvider, SamlProvider};
use crate::model::sign_in::{Asker, Refusal};

/// A store of pools, identities, registered providers and the server's own documents.
#[async_trait]
pub trait Store: Send + Sync {
    /// Adds a pool, unless there are `limit` pools of its region already. A pool with that id that is there already
    /// counts as added.
    async fn add_pool(&self, pool: Pool, limit: usize) -> Result<PoolAdded, StoreError>;

    /// The pool with this id.
    async fn pool(&self, id: Uuid) -> Result<Option<Arc<Pool>>, StoreError>;

    /// Up to `limit` pools of a region behind `after`, in the order of their ids.
    async fn list_pools(
        &self,
        region: &Region,
        after: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<Arc<Pool>>, StoreError>;

    /// Puts `pool` in the place of the version before it: `pool.version` is one more than what was read.
    async fn replace_pool(&self, pool: Pool) -> Result<Replaced, StoreError>;

    /// Removes a pool and, sooner or later, its identities, which are not found from now on. Says whether it was there.
    async fn remove_pool(&self, id: Uuid) -> Result<bool, StoreError>;

    /// Adds a guest to a pool that is there. A guest with that id that is there already counts as added.
    async fn add_guest(&self, guest: Identity) -> Result<GuestAdded, StoreError>;

    /// The identity with this id and its pool, which is there.
    async fn identity(&self, id: Uuid) -> Result<Option<(Identity, Arc<Pool>)>, StoreError>;

    /// Finds, makes, links or merges the identity of verified logins, as [`crate::model::sign_in::decide`] says.
    async fn sign_in(&self, ask: SignIn) -> Result<SignedIn, StoreError>;

    /// The identity that has a login.
    async fn owner(&self, pool: Uuid, login: &Login) -> Result<Option<Identity>, StoreError>;

    /// Up to `limit` identities of a pool behind `after`, in the order of their ids; those that were merged away only
    /// with `disabled`.
    async fn list_identities(
        &self,
        pool: Uuid,
        after: Option<Uuid>,
        limit: usize,
        disabled: bool,
    ) -> Result<Vec<Identity>, StoreError>;

    /// Removes identities and their logins; those that aren't there need no removing, and those that are revoked stay, for
    /// their logins would be free.
    async fn remove_identities(&self, ids: Vec<Uuid>) -> Result<(), StoreError>;

    /// Merges the owner of one login into the owner of another, as [`crate::model::merge::decide`] says.
    async fn merge(&self, ask: Merge) -> Result<Merged, StoreError>;

    /// Takes logins from an identity, all of them or none, as [`crate::model::merge::unlink`] does.
    async fn unlink(&self, ask: Unlink) -> Result<Unlinked, StoreError>;

    /// Revokes an identity, or restores it, as [`Identity::revoke`] does; of one that was merged away, its survivor. Gives
    /// the identity as it now is, if it is there.
    async fn revoke(&self, ask: Revoke) -> Result<Option<Identity>, StoreError>;

    /// Adds a provider, unless there are `limit` already. Two providers whose names differ by a final slash only are
    /// the same one.
    async fn add_oidc_provider(
        &self,
        provider: OidcProvider,
        limit: usize,
    ) -> Result<Added, StoreError>;

    /// The provider with this name, to the byte.
    async fn oidc_provider(&self, name: &str) -> Result<Option<Arc<OidcProvider>>, StoreError>;

    /// All providers, in the order of their names.
    async fn list_oidc_providers(&self) -> Result<Vec<Arc<OidcProvider>>, StoreError>;

    /// Puts `provider` in the place of the version before it, as [`Store::replace_pool`] does.
    async fn replace_oidc_provider(&self, provider: OidcProvider) -> Result<Replaced, StoreError>;

    /// Removes the provider with this name. Says whether it was there.
    async fn remove_oidc_provider(&self, name: &str) -> Result<bool, StoreError>;

    /// Adds a SAML provider, unless there are `limit` already.
    async fn add_saml_provider(
        &self,
        provider: SamlProvider,
        limit: usize,
    ) -> Result<Added, StoreError>;

    /// The SAML provider with this name, to the byte.
    async fn saml_provider(&self, name: &str) -> Result<Option<Arc<SamlProvider>>, StoreError>;

    /// All SAML providers, in the order of their names.
    async fn list_saml_providers(&self) -> Result<Vec<Arc<SamlProvider>>, StoreError>;

    /// Puts `provider` in the place of the version before it, as [`Store::replace_pool`] does.
    async fn replace_saml_provider(&self, provider: SamlProvider) -> Result<Replaced, StoreError>;

    /// Removes the SAML provider with this name. Says whether it was there.
    async fn remove_saml_provider(&self, name: &str) -> Result<bool, StoreError>;

    /// Adds a role, unless there are `limit` already. Names that differ by the case of letters only are the same.
    async fn add_role(&self, role: Role, limit: usize) -> Result<Added, StoreError>;

    /// The role with this key ([`crate::model::iam_role::key`]).
    async fn role(&self, key: &str) -> Result<Option<Arc<Role>>, StoreError>;

    /// All roles, in the order of their keys.
    async fn list_roles(&self) -> Result<Vec<Arc<Role>>, StoreError>;

    /// Puts `role` in the place of the version before it, as [`Store::replace_pool`] does. A role that was made anew
    /// under the same name is another one.
    async fn replace_role(&self, role: Role) -> Result<Replaced, StoreError>;

    /// Removes the role with this key if it is still at this version.
    async fn remove_role(&self, key: &str, version: u64) -> Result<Replaced, StoreError>;

    /// One of the server's own documents.
    async fn document(&self, name: DocumentName) -> Result<Option<Document>, StoreError>;

    /// Puts a document in the place of the version before it; the first version is 1.
    async fn replace_document(
        &self,
        name: DocumentName,
        document: Document,
    ) -> Result<Replaced, StoreError>;

    /// Whether the store can answer now.
    async fn check(&self) -> Result<(), StoreError>;

    /// Finishes what is under way and closes; a call that comes later is `Unavailable`.
    async fn close(&self);
}

/// Whether a pool was added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolAdded {
    /// It is there.
    Added,
    /// The region has its limit of pools.
    LimitReached,
}

/// Whether a provider or a role was added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// It is there.
    Added,
    /// One with this name, or an OpenID Connect provider's with another final slash, was there before.
    Exists,
    /// There is the limit of providers.
    LimitReached,
}

/// Whether a guest was added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GuestAdded {
    /// It is there.
    Added,
    /// Its pool is not there.
    NoPool,
}

/// Whether a record was replaced, or removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replaced {
    /// It was.
    Replaced,
    /// Somebody else replaced it meanwhile.
    Changed,
    /// It isn't there.
    Absent,
}

/// A question to [`Store::sign_in`].
#[derive(Debug, Clone)]
pub struct SignIn {
    /// Who vouches for the logins.
    pub asker: Asker,
    /// The pool.
    pub pool: Uuid,
    /// The identity that the caller named, if any.
    pub presented: Option<Uuid>,
    /// Verified logins: at least one, no provider twice.
    pub logins: Vec<Login>,
    /// The id of the identity that is made if one must be.
    pub new_id: Uuid,
    /// The moment of the call.
    pub now: Timestamp,
}

/// The answer to a [`SignIn`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignedIn {
    /// This identity, as it now is.
    Identity(Identity),
    /// The rule says no.
    Refused(Refusal),
    /// The identity that was named isn't there, or not in this pool.
    NoIdentity,
    /// The pool isn't there.
    NoPool,
}

/// A question to [`Store::merge`].
#[derive(Debug, Clone)]
pub struct Merge {
    /// The pool.
    pub pool: Uuid,
    /// A login of the identity that goes.
    pub source: Login,
    /// A login of the identity that stays.
    pub destination: Login,
    /// The moment of the call.
    pub now: Timestamp,
}

/// The answer to a [`Merge`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Merged {
    /// Both are this identity now.
    Identity(Identity),
    /// Nobody has the source's login.
    NoSource,
    /// Nobody has the destination's login.
    NoDestination,
    /// The rule says no.
    Conflict,
}

/// A question to [`Store::revoke`].
#[derive(Debug, Clone, Copy)]
pub struct Revoke {
    /// The pool.
    pub pool: Uuid,
    /// The identity.
    pub identity: Uuid,
    /// Whether it is to be revoked, or restored.
    pub revoked: bool,
    /// The moment of the call.
    pub now: Timestamp,
}

/// A question to [`Store::unlink`].
#[derive(Debug, Clone)]
pub struct Unlink {
    /// The pool.
    pub pool: Uuid,
    /// The identity.
    pub identity: Uuid,
    /// What is to be taken from it: at least one.
    pub logins: Vec<Login>,
    /// The moment of the call.
    pub now: Timestamp,
}

/// The answer to an [`Unlink`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unlinked {
    /// It has them no more.
    Unlinked,
    /// It doesn't have them all.
    NotLinked,
    /// The identity isn't there, or not in this pool.
    NoIdentity,
}

/// The server's own documents: small, rarely changed, replaced as a whole. What is secret in them is sealed before it
/// comes here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DocumentName {
    /// The keys that sign OpenID tokens.
    SigningKeys,
    /// The keys that seal session tokens.
    SealingKeys,
    /// The root access key.
    RootKey,
    /// The other access keys.
    AccessKeys,
}

impl DocumentName {
    /// The name as it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SigningKeys => "signing-keys",
            Self::SealingKeys => "sealing-keys",
            Self::RootKey => "root-key",
            Self::AccessKeys => "access-keys",
        }
    }
}

/// A document and its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// 1 for the first, one more with every replacement.
    pub version: u64,
    /// Its bytes: JSON, by the one who wrote it.
    pub bytes: Vec<u8>,
}

/// What went wrong in a store, with the store's own words as the source.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store can't be used now; nothing was changed.
    #[error("the store is unavailable")]
    Unavailable(#[source] Source),
    /// A change may or may not have been kept; asking again is safe.
    #[error("the store lost track of a change")]
    Unknown(#[source] Source),
    /// What is stored can't be read.
    #[error("the store holds something it can't read")]
    Corrupt(#[source] Source),
}

/// The words of whatever a store is built on; for the log.
pub type Source = Box<dyn std::error::Error + Send + Sync>;
