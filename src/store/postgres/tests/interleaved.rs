//! Each pair of changes, interleaved at every statement: the first stops before a statement while the second runs, on
//! another server. What is stored and answered must be what one order or the other would give.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use super::gate::Gate;
use super::{Database, PostgresStore};
use crate::model::identity::{Login, Revocation};
use crate::model::pool::{DeletedPool, Pool};
use crate::model::sign_in::Asker;
use crate::store::Store;
use crate::store::conformance::{Dump, Home, Inspect, Shared, origin};
use crate::store::identities::{
    Delete, IdentityEpoch, Merge, PoolRef, PoolVersion, Question, Revoke, SignIn, Unlink,
};
use crate::store::lease::LeaseRequest;
use crate::store::record::{RecordKind, RecordWrite};
use crate::store::sweep::Sweep;

/// The most statements that one change runs.
const STATEMENTS: usize = 16;

/// How long the second change gets: long enough to end, unless it waits for a lock of the first.
const TURN: Duration = Duration::from_millis(30);

const FIRST: [Action; 8] = [
    Action::Revoke,
    Action::Unlink,
    Action::Merge,
    Action::DeleteIdentity,
    Action::UpdatePool,
    Action::DeletePool,
    Action::PurgePool,
    Action::MergeBack,
];

const SECOND: [Action; 6] = [
    Action::SignIn,
    Action::Link,
    Action::Upgrade,
    Action::Guest,
    Action::Merge,
    Action::Create,
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Revoke,
    Unlink,
    Merge,
    MergeBack,
    DeleteIdentity,
    UpdatePool,
    DeletePool,
    /// The pool is deleted, then its identities.
    PurgePool,
    /// A user signs in with both logins of two identities.
    SignIn,
    /// A user links a new login.
    Link,
    /// A guest signs in with the login of an identity.
    Upgrade,
    Guest,
    /// A new user signs in.
    Create,
}

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn pool() -> Pool {
    crate::model::json::read_as(
        br#"{"id":"eu-west-1:00000000-0000-0000-0000-000000000001","settings":{"name":"p",
        "allow_unauthenticated":true,"allow_classic_flow":null,"supported_login_providers":{},
        "developer_provider_name":"dev","oidc_provider_arns":[],"user_pool_clients":[],"tags":{}},
        "roles":{"authenticated":null,"unauthenticated":null}}"#,
    )
    .unwrap()
}

pub(in crate::store) const POOL: PoolVersion = PoolVersion {
    pool: PoolRef {
        id: Uuid::from_u128(1),
        incarnation: 0,
    },
    version: 1,
};

/// An identity as its creation left it.
fn seen(number: u128) -> IdentityEpoch {
    IdentityEpoch {
        id: id(number),
        epoch: 0,
    }
}

pub(in crate::store) fn sign_in(
    presented: Option<u128>,
    logins: Vec<Login>,
    new: u128,
) -> Question {
    let logins = logins.into_iter().map(|login| (login.key(), login));
    Question::SignIn(SignIn {
        asker: Asker::User,
        pool: POOL,
        presented: presented.map(seen),
        logins: logins.collect(),
        only_found: Vec::new(),
        new_id: id(new),
    })
}

/// The identities 10 (`a:1`, developer's user `u`) and 20 (`b:1`, developer's user `v`), and the guest 30.
pub(in crate::store) async fn prepare(store: &dyn Inspect) {
    let add = RecordWrite::add(&pool(), 9);
    store.put(&[add], &at(100)).await.unwrap();
    for (new, public, user) in [(10, ("a", "1"), "u"), (20, ("b", "1"), "v")] {
        let logins = vec![
            Login::public(public.0, public.1),
            Login::developer("dev", user),
        ];
        let question = sign_in(None, logins, new);
        store.change(&question, &at(100)).await.unwrap();
    }
    let guest = Question::AddGuest(POOL, id(30));
    store.change(&guest, &at(100)).await.unwrap();
}

fn at(second: i64) -> crate::store::event::Origin {
    crate::store::event::Origin {
        request_id: id(u128::try_from(second).unwrap()),
        ..origin(Timestamp::from_second(second).unwrap())
    }
}

/// Makes a change, and describes its answer.
async fn run(store: Arc<dyn Inspect>, action: Action, second: i64) -> String {
    let origin = at(second);
    let question = match action {
        Action::Revoke => Question::Revoke(Revoke {
            pool: POOL,
            identity: id(10),
            revocation: Some(Revocation::EveryPool),
        }),
        Action::Unlink => Question::Unlink(Unlink {
            pool: POOL,
            identity: seen(10),
            logins: vec![Login::public("a", "1")],
        }),
        Action::Merge | Action::MergeBack => {
            let users = ["u", "v"].map(|user| Login::developer("dev", user));
            let [u, v] = users;
            let (source, destination) = if action == Action::Merge {
                (u, v)
            } else {
                (v, u)
            };
            Question::Merge(Merge {
                pool: POOL,
                source,
                destination,
            })
        }
        Action::DeleteIdentity => Question::Delete(Delete {
            identities: vec![(POOL, id(10)), (POOL, id(30))],
        }),
        Action::SignIn => {
            let logins = vec![Login::public("a", "1"), Login::public("b", "1")];
            sign_in(Some(20), logins, 40)
        }
        Action::Link => {
            let logins = vec![Login::public("a", "1"), Login::public("c", "1")];
            sign_in(Some(10), logins, 40)
        }
        Action::Upgrade => sign_in(Some(30), vec![Login::public("a", "1")], 40),
        Action::Guest => Question::AddGuest(POOL, id(50)),
        Action::Create => sign_in(None, vec![Login::public("d", "1")], 60),
        Action::UpdatePool => {
            let mut pool = pool();
            pool.settings.allow_unauthenticated = false;
            let write = RecordWrite::replace(&pool, 1);
            return outcome(&store.put(&[write], &origin).await.unwrap());
        }
        Action::DeletePool | Action::PurgePool => {
            let deleted = DeletedPool {
                id: id(1),
                incarnation: 0,
                version: 0,
            };
            let writes = [
                RecordWrite::delete(RecordKind::Pool, id(1).to_string(), 1),
                RecordWrite::replace(&deleted, 0),
            ];
            let deleted = outcome(&store.put(&writes, &origin).await.unwrap());
            if action == Action::PurgePool {
                purge(&*store).await;
            }
            return deleted;
        }
    };
    format!("{:?}", store.change(&question, &origin).await.unwrap())
}

/// Deletes the identities and logins of the pool.
async fn purge(store: &dyn Inspect) {
    let request = LeaseRequest {
        name: "maintenance",
        owner: id(77),
        now: Timestamp::from_second(500).unwrap(),
        until: Timestamp::from_second(600).unwrap(),
    };
    let fence = store.lease(&request).await.unwrap().unwrap();
    let sweep = Sweep::Identities(POOL.pool);
    while store.sweep(&sweep, &fence, 100).await.unwrap() != Some(0) {}
}

fn outcome(outcome: &crate::store::record::PutOutcome) -> String {
    format!("{outcome:?}")
}

type End = (String, String, Dump);

/// How both end, one after the other.
async fn in_order(first: Action, second: Action, swapped: bool) -> End {
    let store = Shared::default().open().await;
    prepare(&*store).await;
    let (one, two);
    if swapped {
        two = run(Arc::clone(&store), second, 400).await;
        one = run(Arc::clone(&store), first, 300).await;
    } else {
        one = run(Arc::clone(&store), first, 300).await;
        two = run(Arc::clone(&store), second, 400).await;
    }
    (one, two, store.dump().await)
}

/// How both end where the first change comes after the deletion of the pool and before its purge.
async fn between_deletion_and_purge(first: Action) -> End {
    let store = Shared::default().open().await;
    prepare(&*store).await;
    let deleted = run(Arc::clone(&store), Action::DeletePool, 400).await;
    let one = run(Arc::clone(&store), first, 300).await;
    purge(&*store).await;
    (one, deleted, store.dump().await)
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_that_meet_at_any_statement_end_as_if_one_came_first() {
    assert_eq!(violation(None, &FIRST, &SECOND).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_any_one_lock_the_interleaving_is_noticed() {
    for (lock, first, second) in [
        ("pool", Action::PurgePool, Action::Create),
        ("identity", Action::Revoke, Action::Link),
    ] {
        let found = violation(Some(lock), &[first], &[second]).await;
        assert!(found.is_some(), "no test needs the lock of the {lock}");
    }
}

/// The first interleaving that ends as neither order does. `without` is a kind of lock that the stopped store lacks.
async fn violation(
    without: Option<&'static str>,
    firsts: &[Action],
    seconds: &[Action],
) -> Option<String> {
    let database = Database::default();
    let (one, other) = (database.store(false).await, database.store(false).await);
    let mut stopped = 0;
    let mut found = None;
    for (first, second) in pairs(firsts, seconds) {
        let mut ends = vec![
            in_order(first, second, false).await,
            in_order(first, second, true).await,
        ];
        if second == Action::PurgePool {
            ends.push(between_deletion_and_purge(first).await);
        }
        for statement in 0..STATEMENTS {
            one.empty().await;
            prepare(&*one).await;
            let gate = Gate::at(statement, without);
            let Some(end) = interleave(&one, &other, &gate, (first, second)).await else {
                break;
            };
            stopped += 1;
            let is_sound = std::panic::catch_unwind(|| end.2.check()).is_ok();
            if found.is_none() && !(is_sound && ends.iter().any(|expected| alike(expected, &end))) {
                found = Some(format!(
                    "{first:?} stopped before its statement {statement}, and {second:?}:\n{end:#?}\n\
                     expected one of\n{ends:#?}"
                ));
            }
        }
    }
    one.close().await;
    other.close().await;
    assert!(
        stopped > 3 * firsts.len() * seconds.len(),
        "{stopped} stops"
    );
    found
}

/// Each pair, and the other way round.
fn pairs(firsts: &[Action], seconds: &[Action]) -> Vec<(Action, Action)> {
    let pairs = firsts
        .iter()
        .flat_map(|first| seconds.iter().map(|second| (*first, *second)));
    let both_ways = pairs.flat_map(|(a, b)| [(a, b), (b, a)]);
    both_ways
        .filter(|(stopped, _)| *stopped != Action::PurgePool)
        .collect()
}

/// Makes the first change behind the gate, and the second on another server while it stands there; `None` where it runs
/// fewer statements.
async fn interleave(
    one: &Arc<PostgresStore>,
    other: &Arc<PostgresStore>,
    gate: &Gate,
    (first, second): (Action, Action),
) -> Option<End> {
    let set = |gate: Option<Gate>| *one.connections.gate.lock().unwrap() = gate;
    set(Some(gate.clone()));
    let store: Arc<dyn Inspect> = one.clone();
    let mut slow = tokio::spawn(run(store, first, 300));
    let ended = tokio::select! {
        () = gate.reached() => false,
        answer = &mut slow => {
            answer.unwrap();
            true
        }
    };
    set(None);
    if ended {
        return None;
    }
    let store: Arc<dyn Inspect> = other.clone();
    let mut fast = tokio::spawn(run(store, second, 400));
    let in_time = tokio::time::timeout(TURN, &mut fast).await;
    gate.open();
    let slow = slow.await.unwrap();
    let fast = match in_time {
        Ok(answer) => answer.unwrap(),
        Err(_) => fast.await.unwrap(),
    };
    Some((slow, fast, one.dump().await))
}

fn alike(one: &End, other: &End) -> bool {
    // What a put answers holds revisions, which depend on how often the store was emptied.
    let put = |text: &str| text.split('(').next().unwrap_or_default().to_owned();
    let answer = |text: &str| {
        if text.starts_with("Stored") || text.starts_with("Conflict") || text.starts_with("Absent")
        {
            put(text)
        } else {
            text.to_owned()
        }
    };
    (answer(&one.0), answer(&one.1), &one.2) == (answer(&other.0), answer(&other.1), &other.2)
}

impl PostgresStore {
    /// Removes every row, so that a database serves many cases.
    async fn empty(&self) {
        let client = self.connections.client().await.unwrap();
        client
            .batch_execute("TRUNCATE record, identity, login, event")
            .await
            .unwrap();
    }
}
