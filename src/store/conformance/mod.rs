//! The promises that every store keeps: one list, run against each back-end. What only one back-end promises is tested
//! beside it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use indexmap::IndexMap;
use jiff::Timestamp;
use uuid::Uuid;

use self::in_memory::memory::MemoryStore;
use super::Store;
use super::copy::OfflineStore;
use super::generation::NewGeneration;
use super::record::Record;
use crate::ambient::{Ambient, Real};
use crate::model::credentials_duration::CredentialsDuration;
use crate::model::identity::{Identity, Login, LoginKey, LoginKind, State};
use crate::model::ids::{PoolId, Region};
use crate::model::pool::{Pool, PoolSettings, Roles};
use crate::model::sign_in::Asker;
use crate::model::tags::Tags;

mod calls;
mod documents;
mod generations;
mod guests;
mod pools;
mod providers;
mod races;
mod records;
mod removal;
mod restart;
mod revocation;
mod roles;
mod rule;
mod saml_providers;
mod sign_in;
mod stale;
mod turmoil;

pub(super) use self::calls::{
    Added, Calls, Document, GuestAdded, Merge, Merged, Replaced, Revoke, SignIn, SignedIn, Unlink,
    Unlinked, origin,
};

/// The store in memory, with the names that it expects of its parent.
#[expect(unreachable_pub, reason = "the tests over HTTP include the same file")]
pub(crate) mod in_memory {
    use crate::{model, store};

    pub mod memory;
}

/// Where a store can be opened, closed and opened again.
#[async_trait]
pub(super) trait Home: Send + Sync {
    async fn open(&self) -> Arc<dyn Inspect>;
}

/// A store that shows its rows.
#[async_trait]
pub(super) trait Inspect: Store {
    async fn dump(&self) -> Dump;

    /// Begins a new generation, and returns its beginning.
    async fn begin_generation(&self) -> Timestamp;
}

/// All rows about identities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dump {
    /// The identities, in the order of their ids.
    pub(super) identities: Vec<Identity>,
    /// The pool, the key and the owner of each login, in the order of pools and keys.
    pub(super) logins: Vec<(Uuid, LoginKey, Uuid)>,
    /// The removed pools that are still to be purged.
    pub(super) removed: Vec<Uuid>,
}

/// Emits a test of each promise: those about an open store, then those about a store that is opened again.
macro_rules! promises {
    ($home:ty; store: [$($about:ident :: $promise:ident,)*], home: [$($place:ident :: $kept:ident,)*]) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $promise() {
                let home = <$home>::default();
                let store = $crate::store::conformance::Home::open(&home).await;
                $crate::store::conformance::$about::$promise(std::sync::Arc::clone(&store)).await;
                store.dump().await.check();
                store.close().await;
            }
        )*
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $kept() {
                let home = <$home>::default();
                $crate::store::conformance::$place::$kept(&home).await;
            }
        )*
    };
}

macro_rules! kept_by {
    ($store:ident, $home:ty) => {
        mod $store {
            promises! { $home; store: [
                pools::a_pool_is_found_as_it_was_added,
                pools::a_pool_that_is_added_twice_is_there_once,
                pools::a_region_takes_no_more_pools_than_its_limit,
                pools::pools_that_are_added_at_once_keep_to_the_limit,
                pools::pools_are_listed_in_pages_in_the_order_of_their_ids,
                pools::a_pool_is_replaced_by_its_next_version_only,
                pools::of_many_new_versions_at_once_one_is_kept,
                pools::a_removed_pool_is_not_there,
                pools::a_removed_pool_makes_room,
                guests::a_guest_is_found_with_its_pool,
                guests::a_guest_that_is_added_twice_is_there_once,
                guests::a_guest_needs_its_pool,
                guests::an_id_is_not_given_to_two_pools,
                guests::times_are_kept_to_the_millisecond,
                removal::identities_are_hidden_as_soon_as_their_pool_is_removed,
                removal::what_a_removed_pool_leaves_is_deleted,
                removal::a_pool_that_comes_back_comes_back_empty,
                sign_in::the_same_login_gets_the_same_identity,
                sign_in::other_logins_get_other_identities,
                sign_in::a_login_is_compared_to_the_byte,
                sign_in::a_login_belongs_to_one_pool,
                sign_in::logins_that_come_together_belong_together,
                sign_in::a_sign_in_needs_its_pool,
                sign_in::an_identity_that_is_named_is_there_and_in_the_pool,
                sign_in::a_guest_that_signs_in_keeps_its_id,
                sign_in::a_guest_is_merged_into_the_owner_of_its_login,
                sign_in::an_identity_that_is_named_takes_the_other_owners,
                sign_in::a_merged_identity_leads_to_its_last_survivor,
                sign_in::what_the_rule_refuses_changes_nothing,
                sign_in::asking_again_changes_nothing,
                revocation::a_revoked_login_is_found_from_every_pool,
                sign_in::a_new_identity_needs_an_id_of_its_own,
                stale::what_rests_on_an_earlier_epoch_writes_nothing,
                stale::a_login_that_is_only_found_is_never_linked,
                stale::a_sign_in_with_an_outdated_pool_finds_nothing,
                races::sign_ins_at_once_get_one_identity,
                races::a_guest_signs_in_once,
                races::two_guests_do_not_share_a_login,
                races::links_and_merges_at_once_leave_every_login_one_owner,
                races::a_pool_that_is_removed_meanwhile_takes_everything_along,
                turmoil::whatever_happens_at_once_no_login_is_lost_or_doubled,
                turmoil::of_many_unlinks_at_once_one_takes_the_login,
                turmoil::merges_in_both_directions_at_once_end_in_one_identity,
                rule::everything_ends_as_the_rules_alone_say,
                providers::a_provider_is_found_as_it_was_added,
                providers::a_name_with_another_final_slash_is_the_same_one,
                providers::there_are_no_more_providers_than_their_limit,
                providers::of_two_twins_at_once_one_is_added,
                providers::providers_are_listed_in_the_order_of_their_names,
                providers::a_provider_is_replaced_by_its_next_version_only,
                providers::a_provider_is_removed_by_its_exact_name,
                saml_providers::a_saml_provider_is_found_as_it_was_added,
                saml_providers::there_are_no_more_saml_providers_than_their_limit,
                saml_providers::of_two_namesakes_at_once_one_is_added,
                saml_providers::saml_providers_are_listed_in_the_order_of_their_names,
                saml_providers::a_saml_provider_is_replaced_by_its_next_version_only,
                saml_providers::a_saml_provider_is_removed_by_its_name,
                roles::a_role_is_found_as_it_was_added,
                roles::a_name_in_other_letters_is_the_same_role,
                roles::there_are_no_more_roles_than_their_limit,
                roles::roles_are_listed_in_the_order_of_their_keys,
                roles::a_role_is_replaced_by_its_next_version_only,
                roles::a_role_is_removed_as_it_was_seen,
                roles::of_two_namesakes_among_roles_at_once_one_is_added,
                documents::a_document_begins_at_version_one,
                documents::a_document_is_replaced_by_its_next_version_only,
                documents::documents_do_not_mix,
                documents::of_many_documents_at_once_one_is_kept,
                restart::an_open_store_is_well,
                records::all_records_of_a_put_are_written_or_none,
                records::a_request_that_runs_again_changes_nothing,
                records::a_version_never_returns,
                records::changes_come_with_deletions_and_a_checksum,
                records::each_change_leaves_its_event,
                records::a_question_that_changes_nothing_leaves_no_event,
                records::a_consumer_that_lags_behind_the_kept_events_is_told,
                records::a_lease_has_one_owner_at_a_time,
                records::a_claim_belongs_to_its_first_holder_until_its_end,
                records::a_dry_run_claims_nothing,
                records::of_many_claims_at_once_one_holds,
                generations::a_proof_from_before_the_generation_is_refused,
                generations::a_proof_of_the_first_generation_needs_no_time,
                generations::a_new_generation_keeps_everything_else,
                records::a_change_with_an_outdated_pool_writes_nothing,
                records::a_deletion_of_what_people_name_is_never_swept,
                records::swept_deletions_make_old_views_start_anew,
                ], home: [
                restart::everything_is_there_after_a_restart,
                restart::a_removed_pool_stays_away_after_a_restart,
                generations::the_beginning_stays_after_a_restart,
                restart::a_closed_store_is_unavailable,
                restart::what_is_under_way_when_it_closes_is_done_or_refused,
            ] }
        }
    };
}

kept_by!(sqlite, crate::store::sqlite::tests::Folder);
kept_by!(postgres, crate::store::postgres::tests::Database);
kept_by!(
    postgres_serializable,
    crate::store::postgres::tests::SerializableDatabase
);
kept_by!(memory, crate::store::conformance::Shared);

/// A store in memory that outlives its closing.
#[derive(Debug, Default)]
pub(super) struct Shared(Arc<MemoryStore>);

#[async_trait]
impl Home for Shared {
    async fn open(&self) -> Arc<dyn Inspect> {
        self.0.tables().closed = false;
        Arc::clone(&self.0) as Arc<dyn Inspect>
    }
}

#[async_trait]
impl Inspect for MemoryStore {
    async fn dump(&self) -> Dump {
        let tables = self.tables();
        let owned = tables.logins.iter();
        let owned = owned.filter_map(|((pool, key), (_, owner))| Some((*pool, *key, (*owner)?)));
        Dump {
            identities: tables.identities.values().cloned().collect(),
            logins: owned.collect(),
            removed: removed(tables.records.values()),
        }
    }

    async fn begin_generation(&self) -> Timestamp {
        let (began, generation) = (Real.now_in_milliseconds(), Real.uuid());
        let mut tables = self.tables();
        tables.view.generation = generation;
        tables.began = Some(began);
        began
    }
}

/// Begins a new generation of a store, without a look at its servers.
pub(super) async fn begin_generation(store: &dyn OfflineStore) -> Timestamp {
    let last_beat = store.header().await.unwrap().last_beat;
    let new = NewGeneration::new(Real.uuid(), &Real);
    let start = store.begin_generation(&new, last_beat).await.unwrap();
    start.expect("no server").began
}

/// The deleted pools whose identities are still to be deleted.
pub(super) fn removed<'r>(records: impl Iterator<Item = &'r Record>) -> Vec<Uuid> {
    let waiting = records.filter(|one| one.kind == "deleted-pool" && one.json.is_some());
    let ids = waiting.map(|one| one.key.split('.').next().unwrap().parse().unwrap());
    ids.collect()
}

impl Dump {
    /// What holds in every store at every moment.
    pub(super) fn check(&self) {
        let by_id: HashMap<Uuid, &Identity> =
            self.identities.iter().map(|one| (one.id, one)).collect();
        let mut owned = HashMap::new();
        for one in &self.identities {
            let mut public = HashSet::new();
            for login in &one.logins {
                assert_eq!(one.state, State::Live, "a merged identity has a login");
                assert!(one.authenticated, "a guest has a login");
                assert!(
                    login.kind != LoginKind::Public || public.insert(&login.provider),
                    "an identity has two users of one provider"
                );
                let before = owned.insert((one.pool, login.key()), one.id);
                assert_eq!(before, None, "two identities have one login");
            }
            let (mut end, mut steps) = (one, 0);
            while let State::MergedInto(next) = end.state {
                // A survivor may have been removed; then nobody finds those that lead to it.
                let Some(survivor) = by_id.get(&next) else {
                    break;
                };
                end = survivor;
                steps += 1;
                assert!(steps <= by_id.len(), "a chain of merges without an end");
            }
            assert_eq!(end.pool, one.pool, "a merge between two pools");
        }
        let indexed: HashMap<_, _> = self
            .logins
            .iter()
            .map(|(pool, key, owner)| ((*pool, *key), *owner))
            .collect();
        assert_eq!(indexed, owned, "the index of logins and the identities");
    }

    fn of(&self, id: Uuid) -> &Identity {
        let found = self.identities.iter().find(|identity| identity.id == id);
        found.expect("the identity has a row")
    }
}

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn region(name: &str) -> Region {
    Region::parse(name).unwrap()
}

/// The first version of the pool with this id in `eu-west-1`.
fn pool(number: u128) -> Pool {
    pool_in("eu-west-1", number)
}

fn pool_in(name: &str, number: u128) -> Pool {
    Pool {
        id: PoolId {
            region: region(name),
            uuid: id(number),
        },
        version: 1,
        incarnation: 0,
        settings: PoolSettings {
            name: format!("pool {number}"),
            allow_unauthenticated: true,
            allow_classic_flow: None,
            supported_login_providers: IndexMap::new(),
            sealed_consumer_secrets: IndexMap::new(),
            developer_provider_name: None,
            oidc_provider_arns: Vec::new(),
            saml_provider_arns: Vec::new(),
            user_pool_clients: Vec::new(),
            tags: Tags::new(),
        },
        roles: Roles::default(),
        tag_maps: IndexMap::new(),
        reuse_open_id_tokens: false,
        login_client: None,
        credentials: CredentialsDuration {
            seconds: 900,
            within_login: true,
        },
    }
}

async fn add_pool(store: &dyn Inspect, number: u128) {
    let added = store.add_pool(pool(number), 1000).await.unwrap();
    assert_eq!(added, Added::Added);
}

fn guest(number: u128, pool: u128) -> Identity {
    Identity::new(id(number), id(pool), Vec::new(), at(100))
}

/// `provider:subject`, or `=provider:subject` for a user of the developer.
fn login(text: &str) -> Login {
    let (kind, text) = match text.strip_prefix('=') {
        Some(text) => (LoginKind::Developer, text),
        None => (LoginKind::Public, text),
    };
    let (provider, subject) = text.split_once(':').unwrap();
    Login {
        kind,
        provider: provider.to_owned(),
        subject: subject.to_owned(),
    }
}

fn logins(texts: &[&str]) -> Vec<Login> {
    texts.iter().map(|text| login(text)).collect()
}

/// A sign-in to the pool 1 at second 200; `new` is the id for a new identity.
fn ask(new: u128, presented: impl Into<Option<u128>>, texts: &[&str]) -> SignIn {
    SignIn {
        asker: Asker::User,
        pool: id(1),
        presented: presented.into().map(id),
        logins: logins(texts),
        new_id: id(new),
        now: at(200),
    }
}

/// The identity that a sign-in must end with.
async fn signed_in(store: &dyn Inspect, ask: SignIn) -> Identity {
    match store.sign_in(ask).await.unwrap() {
        SignedIn::Identity(identity) => identity,
        other => panic!("no identity but {other:?}"),
    }
}

/// A little generator with a fixed seed, of numbers below a limit: the order of the tasks is chance enough.
fn dice(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut state = seed;
    move |limit| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % limit
    }
}

/// Purges until no deleted pool is left.
async fn purged(store: &dyn Inspect) -> Dump {
    while store.purge(2).await.unwrap() {}
    let dump = store.dump().await;
    assert!(dump.removed.is_empty());
    dump
}
