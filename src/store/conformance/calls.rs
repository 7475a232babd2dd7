//! The questions and writes of the guarantees as calls, each with its outcome.

use super::*;
use crate::model::iam_role::Role;
use crate::model::identity::Revocation;
use crate::model::pool::DeletedPool;
use crate::model::provider::{OidcProvider, SamlProvider, oidc_key};
use crate::store::event::{GuestHash, Origin};
use crate::store::identities::{
    self, Answer, Delete, IdentityEpoch, IdentityRefusal, Missing, PoolRef, PoolVersion, Question,
};
use crate::store::lease::LeaseRequest;
use crate::store::record::{PutOutcome, Record, RecordKind, RecordWrite, Stored, View, parse};
use crate::store::sweep::Sweep;
use crate::store::{StoreError, ask};

/// Whether a record was added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::enum_variant_names,
    reason = "outcomes are named after what was done"
)]
pub(crate) enum Added {
    Added,
    Exists,
    LimitReached,
}

/// Whether a guest was added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GuestAdded {
    Added,
    NoPool,
}

/// Whether a record was replaced or deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::enum_variant_names,
    reason = "outcomes are named after what was done"
)]
pub(crate) enum Replaced {
    Replaced,
    Changed,
    Absent,
}

/// A document and its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Document {
    pub(crate) version: u64,
    pub(crate) bytes: Vec<u8>,
}

/// The outcome of a sign-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SignedIn {
    Identity(Identity),
    Refused(crate::model::sign_in::Refusal),
    NoIdentity,
    NoPool,
}

/// The outcome of a merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Merged {
    Identity(Identity),
    NoSource,
    NoDestination,
    Conflict,
}

/// The outcome of an unlink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::enum_variant_names,
    reason = "outcomes are named after what was done"
)]
pub(crate) enum Unlinked {
    Unlinked,
    NotLinked,
    NoIdentity,
}

/// A sign-in at a moment.
#[derive(Debug, Clone)]
pub(crate) struct SignIn {
    pub(crate) asker: Asker,
    pub(crate) pool: Uuid,
    pub(crate) presented: Option<Uuid>,
    pub(crate) logins: Vec<Login>,
    pub(crate) new_id: Uuid,
    pub(crate) now: Timestamp,
}

/// A merge at a moment.
#[derive(Debug, Clone)]
pub(crate) struct Merge {
    pub(crate) pool: Uuid,
    pub(crate) source: Login,
    pub(crate) destination: Login,
    pub(crate) now: Timestamp,
}

/// An unlink at a moment.
#[derive(Debug, Clone)]
pub(crate) struct Unlink {
    pub(crate) pool: Uuid,
    pub(crate) identity: Uuid,
    pub(crate) logins: Vec<Login>,
    pub(crate) now: Timestamp,
}

/// A revocation at a moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Revoke {
    pub(crate) pool: Uuid,
    pub(crate) identity: Uuid,
    pub(crate) revoked: bool,
    pub(crate) now: Timestamp,
}

pub(crate) fn origin(now: Timestamp) -> Origin {
    Origin {
        signer: "anonymous".to_owned(),
        operation: "Test",
        request_id: Uuid::from_u128(9),
        at: Timestamp::from_millisecond(now.as_millisecond()).unwrap(),
        guests: GuestHash::new(&[7; 32]),
    }
}

/// The origin of a request that is not asked again.
fn new_origin() -> Origin {
    static REQUESTS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1000);
    let number = REQUESTS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    Origin {
        request_id: Uuid::from_u128(number.into()),
        ..origin(at(150))
    }
}

fn document_of<R: Stored>(record: &Record) -> R {
    parse(record, record.json.as_ref().expect("a live record")).unwrap()
}

/// The calls, on every store.
pub(crate) trait Calls: Store {
    /// The pool as a call sees it now.
    async fn version(&self, id: Uuid) -> Result<Option<PoolVersion>, StoreError> {
        let found = self.record(RecordKind::Pool, &id.to_string()).await?;
        Ok(found.map(|record| PoolVersion {
            pool: PoolRef {
                id,
                incarnation: document_of::<Pool>(&record).incarnation,
            },
            version: record.version,
        }))
    }

    /// Asks about a pool as it is now, again where it changed meanwhile; `None` where it isn't there.
    async fn about(
        &self,
        pool: Uuid,
        now: Timestamp,
        question: impl Fn(PoolVersion) -> Question,
    ) -> Result<Option<Answer>, StoreError>;

    /// Puts a record, as a request that may be asked again.
    async fn put_one(&self, write: RecordWrite) -> Result<PutOutcome, StoreError> {
        self.put(&[write], &origin(at(150))).await
    }

    /// Puts a record, as a request of its own.
    async fn put_new(&self, write: RecordWrite) -> Result<PutOutcome, StoreError> {
        self.put(&[write], &new_origin()).await
    }

    async fn live<R: Stored>(&self, key: &str) -> Result<Option<Arc<R>>, StoreError> {
        let found = self.record(R::KIND, key).await?;
        Ok(found.map(|record| Arc::new(document_of(&record))))
    }

    /// All records of a kind, in the order of their keys.
    async fn all<R: Stored>(&self) -> Result<Vec<Arc<R>>, StoreError> {
        let mut records = self.records_since(View::default()).await?.records;
        records.retain(|record| record.kind == R::KIND.as_str() && record.json.is_some());
        records.sort_by(|one, other| one.key.cmp(&other.key));
        let documents = records.iter().map(|record| Arc::new(document_of(record)));
        Ok(documents.collect())
    }

    async fn add_pool(&self, mut pool: Pool, limit: usize) -> Result<Added, StoreError> {
        let all = self.records_since(View::default()).await?.records;
        let key = pool.key();
        let deleted = all
            .iter()
            .find(|one| one.kind == "pool" && one.key == key && one.json.is_none());
        pool.incarnation = deleted.map_or(0, |record| record.version);
        Ok(added(&self.put_one(RecordWrite::add(&pool, limit)).await?))
    }

    async fn pool(&self, id: Uuid) -> Result<Option<Arc<Pool>>, StoreError> {
        self.live(&id.to_string()).await
    }

    async fn list_pools(
        &self,
        region: &Region,
        after: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<Arc<Pool>>, StoreError> {
        let mut pools = self.all::<Pool>().await?;
        pools.retain(|pool| pool.id.region == *region && after.is_none_or(|id| pool.id.uuid > id));
        pools.truncate(limit);
        Ok(pools)
    }

    async fn replace<R: Stored>(&self, record: &R, version: u64) -> Result<Replaced, StoreError> {
        // Version 1 and before replace nothing.
        let write = RecordWrite::replace(record, version.wrapping_sub(1));
        Ok(replaced(&self.put_one(write).await?))
    }

    async fn replace_pool(&self, pool: Pool) -> Result<Replaced, StoreError> {
        self.replace(&pool, pool.version).await
    }

    async fn remove<R: Stored>(&self, key: &str) -> Result<bool, StoreError> {
        let Some(found) = self.record(R::KIND, key).await? else {
            return Ok(false);
        };
        let write = RecordWrite::delete(R::KIND, key, found.version);
        Ok(replaced(&self.put_new(write).await?) == Replaced::Replaced)
    }

    async fn remove_pool(&self, id: Uuid) -> Result<bool, StoreError> {
        let Some(pool) = self.version(id).await? else {
            return Ok(false);
        };
        let deleted = DeletedPool {
            id,
            incarnation: pool.pool.incarnation,
            version: 0,
        };
        let writes = [
            RecordWrite::delete(RecordKind::Pool, id.to_string(), pool.version),
            RecordWrite::replace(&deleted, 0),
        ];
        let outcome = self.put(&writes, &new_origin()).await?;
        Ok(replaced(&outcome) == Replaced::Replaced)
    }

    /// Deletes up to `limit` rows of the deleted pools; `false` where none is left.
    async fn purge(&self, limit: usize) -> Result<bool, StoreError> {
        let request = LeaseRequest {
            name: "maintenance",
            owner: id(77),
            now: at(500),
            until: at(600),
        };
        let fence = self.lease(&request).await?.expect("nobody else purges");
        let Some(pool) = self.all::<DeletedPool>().await?.into_iter().next() else {
            return Ok(false);
        };
        let (id, incarnation) = (pool.id, pool.incarnation);
        let sweep = Sweep::Identities(PoolRef { id, incarnation });
        if self.sweep(&sweep, &fence, limit).await? == Some(0) {
            self.remove::<DeletedPool>(&pool.key()).await?;
        }
        Ok(true)
    }

    async fn add_guest(&self, guest: Identity) -> Result<GuestAdded, StoreError> {
        let question = |pool| Question::AddGuest(pool, guest.id);
        match self.about(guest.pool, guest.created, question).await? {
            Some(Answer::Identity(_)) => Ok(GuestAdded::Added),
            None => Ok(GuestAdded::NoPool),
            other => panic!("no guest but {other:?}"),
        }
    }

    async fn identity(&self, id: Uuid) -> Result<Option<(Identity, Arc<Pool>)>, StoreError> {
        let found = match self.read(&Question::Find(id)).await? {
            Some(Answer::Identity(identity)) => identity,
            Some(Answer::Missing(Missing::Identity) | Answer::Orphan(_)) => return Ok(None),
            other => panic!("no identity but {other:?}"),
        };
        let pool = self.pool(found.pool).await?;
        let pool = pool.filter(|pool| pool.incarnation == found.incarnation);
        Ok(pool.map(|pool| (found, pool)))
    }

    /// The identity as it is now, for a question that compares its epoch; a missing one has the epoch 0.
    async fn seen(&self, id: Uuid) -> Result<IdentityEpoch, StoreError> {
        let epoch = match self.read(&Question::Find(id)).await? {
            Some(Answer::Identity(found) | Answer::Orphan(found)) => found.epoch,
            _ => 0,
        };
        Ok(IdentityEpoch { id, epoch })
    }

    async fn sign_in(&self, ask: SignIn) -> Result<SignedIn, StoreError> {
        let answer = loop {
            let presented = match ask.presented {
                Some(id) => Some(self.seen(id).await?),
                None => None,
            };
            let question = |pool| {
                let logins = ask.logins.iter().map(|login| (login.key(), login.clone()));
                Question::SignIn(identities::SignIn {
                    asker: ask.asker,
                    pool,
                    presented,
                    logins: logins.collect(),
                    only_found: Vec::new(),
                    new_id: ask.new_id,
                })
            };
            match self.about(ask.pool, ask.now, question).await? {
                Some(Answer::IdentityChanged) => {}
                answer => break answer,
            }
        };
        Ok(match answer {
            None => SignedIn::NoPool,
            Some(Answer::Identity(identity)) => SignedIn::Identity(identity),
            Some(Answer::Refused(IdentityRefusal::SignIn(refusal))) => SignedIn::Refused(refusal),
            Some(Answer::Missing(Missing::Identity)) => SignedIn::NoIdentity,
            other => panic!("no sign-in but {other:?}"),
        })
    }

    async fn owner(&self, pool: Uuid, login: &Login) -> Result<Option<Identity>, StoreError> {
        let Some(pool) = self.version(pool).await? else {
            return Ok(None);
        };
        let question = Question::Owner(pool.pool, login.clone());
        Ok(match self.read(&question).await? {
            Some(Answer::Identity(identity)) => Some(identity),
            Some(Answer::Missing(Missing::Owner)) => None,
            other => panic!("no owner but {other:?}"),
        })
    }

    async fn identities(
        &self,
        pool: Uuid,
        after: Option<Uuid>,
        limit: usize,
        disabled: bool,
    ) -> Result<Vec<Identity>, StoreError> {
        match self.version(pool).await? {
            None => Ok(Vec::new()),
            Some(pool) => {
                self.list_identities(pool.pool, after, limit, disabled)
                    .await
            }
        }
    }

    async fn remove_identities(&self, ids: Vec<Uuid>) -> Result<(), StoreError> {
        loop {
            let mut identities = Vec::new();
            for id in &ids {
                let found = self.read(&Question::Find(*id)).await?;
                let Some(Answer::Identity(one) | Answer::Orphan(one)) = found else {
                    continue;
                };
                if let Some(pool) = self.version(one.pool).await? {
                    identities.push((pool, *id));
                }
            }
            let question = Question::Delete(Delete { identities });
            match ask(self.as_store(), &question, || origin(at(450))).await? {
                Answer::Deleted { .. } => return Ok(()),
                Answer::PoolChanged => {}
                other => panic!("not deleted but {other:?}"),
            }
        }
    }

    async fn merge(&self, ask: Merge) -> Result<Merged, StoreError> {
        let question = |pool| {
            Question::Merge(identities::Merge {
                pool,
                source: ask.source.clone(),
                destination: ask.destination.clone(),
            })
        };
        Ok(match self.about(ask.pool, ask.now, question).await? {
            None | Some(Answer::Missing(Missing::Source)) => Merged::NoSource,
            Some(Answer::Missing(Missing::Owner)) => Merged::NoDestination,
            Some(Answer::Identity(identity)) => Merged::Identity(identity),
            Some(Answer::Refused(IdentityRefusal::Merge)) => Merged::Conflict,
            other => panic!("no merge but {other:?}"),
        })
    }

    async fn unlink(&self, ask: Unlink) -> Result<Unlinked, StoreError> {
        let answer = loop {
            let identity = self.seen(ask.identity).await?;
            let question = |pool| {
                Question::Unlink(identities::Unlink {
                    pool,
                    identity,
                    logins: ask.logins.clone(),
                })
            };
            match self.about(ask.pool, ask.now, question).await? {
                Some(Answer::IdentityChanged) => {}
                answer => break answer,
            }
        };
        Ok(match answer {
            None | Some(Answer::Missing(Missing::Identity)) => Unlinked::NoIdentity,
            Some(Answer::Identity(_)) => Unlinked::Unlinked,
            Some(Answer::Refused(IdentityRefusal::NotLinked)) => Unlinked::NotLinked,
            other => panic!("no unlink but {other:?}"),
        })
    }

    async fn revoke(&self, ask: Revoke) -> Result<Option<Identity>, StoreError> {
        let question = |pool| {
            Question::Revoke(identities::Revoke {
                pool,
                identity: ask.identity,
                revocation: ask.revoked.then_some(Revocation::EveryPool),
            })
        };
        Ok(match self.about(ask.pool, ask.now, question).await? {
            None | Some(Answer::Missing(Missing::Identity)) => None,
            Some(Answer::Identity(identity)) => Some(identity),
            other => panic!("no revocation but {other:?}"),
        })
    }

    /// This store as a trait object.
    fn as_store(&self) -> &dyn Store;

    async fn add_oidc_provider(
        &self,
        provider: OidcProvider,
        limit: usize,
    ) -> Result<Added, StoreError> {
        Ok(added(
            &self.put_new(RecordWrite::add(&provider, limit)).await?,
        ))
    }

    async fn oidc_provider(&self, name: &str) -> Result<Option<Arc<OidcProvider>>, StoreError> {
        let found = self.live::<OidcProvider>(oidc_key(name)).await?;
        Ok(found.filter(|provider| provider.arn.name() == name))
    }

    async fn list_oidc_providers(&self) -> Result<Vec<Arc<OidcProvider>>, StoreError> {
        self.all().await
    }

    async fn replace_oidc_provider(&self, provider: OidcProvider) -> Result<Replaced, StoreError> {
        match self.oidc_provider(provider.arn.name()).await? {
            None => Ok(Replaced::Absent),
            Some(_) => self.replace(&provider, provider.version).await,
        }
    }

    async fn remove_oidc_provider(&self, name: &str) -> Result<bool, StoreError> {
        match self.oidc_provider(name).await? {
            None => Ok(false),
            Some(_) => self.remove::<OidcProvider>(oidc_key(name)).await,
        }
    }

    async fn add_saml_provider(
        &self,
        provider: SamlProvider,
        limit: usize,
    ) -> Result<Added, StoreError> {
        Ok(added(
            &self.put_new(RecordWrite::add(&provider, limit)).await?,
        ))
    }

    async fn saml_provider(&self, name: &str) -> Result<Option<Arc<SamlProvider>>, StoreError> {
        self.live(name).await
    }

    async fn list_saml_providers(&self) -> Result<Vec<Arc<SamlProvider>>, StoreError> {
        self.all().await
    }

    async fn replace_saml_provider(&self, provider: SamlProvider) -> Result<Replaced, StoreError> {
        self.replace(&provider, provider.version).await
    }

    async fn remove_saml_provider(&self, name: &str) -> Result<bool, StoreError> {
        self.remove::<SamlProvider>(name).await
    }

    async fn add_role(&self, role: Role, limit: usize) -> Result<Added, StoreError> {
        Ok(added(&self.put_new(RecordWrite::add(&role, limit)).await?))
    }

    async fn role(&self, key: &str) -> Result<Option<Arc<Role>>, StoreError> {
        self.live(key).await
    }

    async fn list_roles(&self) -> Result<Vec<Arc<Role>>, StoreError> {
        self.all().await
    }

    async fn replace_role(&self, role: Role) -> Result<Replaced, StoreError> {
        self.replace(&role, role.version).await
    }

    async fn remove_role(&self, key: &str, version: u64) -> Result<Replaced, StoreError> {
        let write = RecordWrite::delete(RecordKind::Role, key, version);
        Ok(replaced(&self.put_new(write).await?))
    }

    async fn document(&self, name: &str) -> Result<Option<Document>, StoreError> {
        let found = self.record(RecordKind::KeyRing, name).await?;
        Ok(found.map(|record| Document {
            version: record.version,
            bytes: record.json.unwrap_or_default().into_bytes(),
        }))
    }

    async fn replace_document(
        &self,
        name: &str,
        document: Document,
    ) -> Result<Replaced, StoreError> {
        let write = RecordWrite {
            kind: RecordKind::KeyRing,
            key: name.to_owned(),
            scope: String::new(),
            expected: document.version.wrapping_sub(1),
            json: Some(String::from_utf8(document.bytes).unwrap()),
            limit: None,
        };
        Ok(replaced(&self.put_one(write).await?))
    }
}

macro_rules! calls {
    ($store:ty) => {
        impl Calls for $store {
            async fn about(
                &self,
                pool: Uuid,
                now: Timestamp,
                question: impl Fn(PoolVersion) -> Question,
            ) -> Result<Option<Answer>, StoreError> {
                loop {
                    let Some(version) = self.version(pool).await? else {
                        return Ok(None);
                    };
                    let question = question(version);
                    match ask(self.as_store(), &question, || origin(now)).await? {
                        Answer::PoolChanged => {}
                        answer => return Ok(Some(answer)),
                    }
                }
            }

            fn as_store(&self) -> &dyn Store {
                self
            }
        }
    };
}

calls!(dyn Inspect + '_);
calls!(crate::store::sqlite::SqliteStore);

fn added(outcome: &PutOutcome) -> Added {
    match outcome {
        PutOutcome::Stored(_) => Added::Added,
        PutOutcome::LimitReached(_) => Added::LimitReached,
        PutOutcome::Conflict(_) | PutOutcome::Absent(_) => Added::Exists,
    }
}

fn replaced(outcome: &PutOutcome) -> Replaced {
    match outcome {
        PutOutcome::Stored(_) => Replaced::Replaced,
        PutOutcome::Absent(_) => Replaced::Absent,
        PutOutcome::Conflict(_) | PutOutcome::LimitReached(_) => Replaced::Changed,
    }
}
