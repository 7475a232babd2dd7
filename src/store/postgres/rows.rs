//! The rows of a batch of questions: what was loaded, and what the plans of the batch make of it. A later question of the
//! batch sees the writes of an earlier one, as if each had its own transaction.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use crate::model::identity::{Identity, LoginKey};
use crate::store::identities::{Loaded, Need, PoolRef, Question, Write};

/// The key of a login's row.
pub(super) type LoginRow = (Uuid, LoginKey);

/// Which rows are needed, in the order in which they are loaded: pools, identities, logins, each ascending.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Needs {
    pub(super) pools: BTreeSet<Uuid>,
    pub(super) identities: BTreeSet<Uuid>,
    pub(super) logins: BTreeSet<LoginRow>,
}

impl Needs {
    pub(super) fn add(&mut self, need: Need) {
        match need {
            Need::Pool(id) => self.pools.insert(id),
            Need::Identity(id) | Need::NewIdentity(id) => self.identities.insert(id),
            Need::Login(pool, key) => self.logins.insert((pool.id, key)),
        };
    }

    pub(super) fn extend(&mut self, other: &Self) {
        self.pools.extend(&other.pools);
        self.identities.extend(&other.identities);
        self.logins.extend(&other.logins);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pools.is_empty() && self.identities.is_empty() && self.logins.is_empty()
    }

    /// The rows that the plan of `question` needs in any case, so that most questions are planned at once.
    pub(super) fn of(question: &Question) -> Self {
        let mut needs = Self::default();
        match question {
            Question::Find(id) => needs.add(Need::Identity(*id)),
            Question::Owner(pool, login) => needs.add(Need::Login(*pool, login.key())),
            Question::RevokedOwner(pools, login) => {
                let key = login.key();
                for pool in pools {
                    needs.add(Need::Login(*pool, key));
                }
            }
            Question::AddGuest(pool, id) => {
                needs.add(Need::Pool(pool.pool.id));
                needs.add(Need::Identity(*id));
            }
            Question::SignIn(one) => {
                needs.add(Need::Pool(one.pool.pool.id));
                needs.add(Need::Identity(one.new_id));
                needs.identities.extend(one.presented.map(|seen| seen.id));
                for (key, _) in &one.logins {
                    needs.add(Need::Login(one.pool.pool, *key));
                }
            }
            Question::Merge(one) => {
                needs.add(Need::Pool(one.pool.pool.id));
                for login in [&one.source, &one.destination] {
                    needs.add(Need::Login(one.pool.pool, login.key()));
                }
            }
            Question::Unlink(one) => {
                needs.add(Need::Pool(one.pool.pool.id));
                needs.add(Need::Identity(one.identity.id));
                for login in &one.logins {
                    needs.add(Need::Login(one.pool.pool, login.key()));
                }
            }
            Question::Revoke(one) => {
                needs.add(Need::Pool(one.pool.pool.id));
                needs.add(Need::Identity(one.identity));
            }
            Question::Delete(one) => {
                for (pool, id) in &one.identities {
                    needs.add(Need::Pool(pool.pool.id));
                    needs.add(Need::Identity(*id));
                }
            }
        }
        needs
    }
}

/// A row of a login, as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StoredLogin {
    pub(super) incarnation: u64,
    pub(super) owner: Option<Uuid>,
}

/// Rows by their keys; an absent row is loaded as `None`.
#[derive(Debug, Clone, Default)]
pub(super) struct Rows {
    pub(super) pools: BTreeMap<Uuid, Option<u64>>,
    pub(super) identities: BTreeMap<Uuid, Option<Identity>>,
    pub(super) logins: BTreeMap<LoginRow, Option<StoredLogin>>,
}

impl Rows {
    /// Gives a plan a row; `false` where it isn't loaded.
    pub(super) fn give(&self, need: Need, loaded: &mut Loaded) -> bool {
        match need {
            Need::Pool(id) => match self.pools.get(&id) {
                Some(version) => loaded.add_pool(id, *version),
                None => return false,
            },
            Need::Identity(id) | Need::NewIdentity(id) => match self.identities.get(&id) {
                Some(row) => loaded.add_identity(id, row.clone()),
                None => return false,
            },
            Need::Login(pool, key) => match self.logins.get(&(pool.id, key)) {
                Some(row) => loaded.add_login(pool, key, owner(*row, pool)),
                None => return false,
            },
        }
        true
    }

    /// Makes a write of a plan in these rows. `loaded` gets the owner of a login that the plan knows from its identity: the
    /// lock of the identity is a lock of its logins.
    pub(super) fn apply(&mut self, write: Write, loaded: &mut Self) {
        match write {
            Write::InsertIdentity(identity) | Write::UpdateIdentity(identity) => {
                self.identities.insert(identity.id, Some(identity));
            }
            Write::DeleteIdentity(id) => {
                self.identities.insert(id, None);
            }
            Write::SetOwner {
                pool,
                key,
                before,
                owner,
            } => {
                let incarnation = pool.incarnation;
                let row = |owner| StoredLogin { incarnation, owner };
                let key = (pool.id, key);
                if before.is_some() && !self.logins.contains_key(&key) {
                    loaded.logins.insert(key, Some(row(before)));
                }
                self.logins.insert(key, Some(row(owner)));
            }
        }
    }
}

/// The owner of a login in this incarnation of its pool.
fn owner(row: Option<StoredLogin>, pool: PoolRef) -> Option<Uuid> {
    row.filter(|row| row.incarnation == pool.incarnation)?.owner
}
