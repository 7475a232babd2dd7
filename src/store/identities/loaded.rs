//! The rows that a plan has, and how it asks for those that it lacks.

use uuid::Uuid;

use super::question::{Answer, PoolRef};
use crate::model::identity::{Identity, LoginKey};
use crate::store::StoreError;

/// A row that a plan needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// The version of a pool's record, held until the transaction ends.
    Pool(Uuid),
    /// The identity with this id, in any pool.
    Identity(Uuid),
    /// The identity with this id, which was drawn for a new one: it is there only if an earlier run of the change made it.
    NewIdentity(Uuid),
    /// The owner of the login with this key.
    Login(PoolRef, LoginKey),
}

/// The rows that were loaded so far; an absent row is loaded as `None`.
#[derive(Debug, Default)]
pub struct Loaded {
    pools: Vec<(Uuid, Option<u64>)>,
    identities: Vec<(Uuid, Option<Identity>)>,
    logins: Vec<(PoolRef, LoginKey, Option<Uuid>)>,
}

impl Loaded {
    /// Adds the version of a pool's record.
    pub fn add_pool(&mut self, id: Uuid, version: Option<u64>) {
        self.pools.push((id, version));
    }

    /// Adds an identity.
    pub fn add_identity(&mut self, id: Uuid, row: Option<Identity>) {
        self.identities.push((id, row));
    }

    /// Adds the owner of a login; a row of a removed login has none.
    pub fn add_login(&mut self, pool: PoolRef, key: LoginKey, owner: Option<Uuid>) {
        self.logins.push((pool, key, owner));
    }

    pub(super) fn pool(&self, id: Uuid) -> Result<Option<u64>, Halt> {
        let found = self.pools.iter().find(|(loaded, _)| *loaded == id);
        found.map_or(Err(Need::Pool(id).into()), |(_, version)| Ok(*version))
    }

    pub(super) fn identity(&self, id: Uuid) -> Result<Option<&Identity>, Halt> {
        let found = self.identities.iter().find(|(loaded, _)| *loaded == id);
        found.map_or(Err(Need::Identity(id).into()), |(_, row)| Ok(row.as_ref()))
    }

    pub(super) fn new_identity(&self, id: Uuid) -> Result<Option<&Identity>, Halt> {
        let found = self.identities.iter().find(|(loaded, _)| *loaded == id);
        found.map_or(Err(Need::NewIdentity(id).into()), |(_, row)| {
            Ok(row.as_ref())
        })
    }

    pub(super) fn owner(&self, pool: PoolRef, key: LoginKey) -> Result<Option<Uuid>, Halt> {
        let mut logins = self.logins.iter();
        let found = logins.find(|(of, loaded, _)| *of == pool && *loaded == key);
        found.map_or(Err(Need::Login(pool, key).into()), |(_, _, owner)| {
            Ok(*owner)
        })
    }
}

/// Why a plan stops before its end.
pub(super) enum Halt {
    More(Vec<Need>),
    Answer(Box<Answer>),
    NeedsChange,
    Error(StoreError),
}

impl Halt {
    pub(super) fn answer(answer: Answer) -> Self {
        Self::Answer(Box::new(answer))
    }
}

impl From<Need> for Halt {
    fn from(need: Need) -> Self {
        Self::More(vec![need])
    }
}

pub(super) fn corrupt(reason: &'static str) -> Halt {
    Halt::Error(StoreError::Corrupt(reason.into()))
}
