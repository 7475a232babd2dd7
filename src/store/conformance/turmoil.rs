//! Promises about everything that changes identities, at once: sign-ins, links, merges, unlinks and removals.

use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::*;

const WORKERS: u64 = 64;
const ROUNDS: u32 = 24;

/// How many changes a worker makes in a round, one after the other.
const CHANGES: u32 = 3;

#[derive(Debug, Clone)]
enum Change {
    SignIn(SignIn),
    Merge(Merge),
    Unlink(Unlink),
    Remove(Uuid),
}

/// What was acknowledged in a round.
#[derive(Debug, Default)]
struct Acknowledged {
    /// Identities as they were in answers.
    seen: Vec<Identity>,
    /// Logins that somebody was signed in with.
    used: HashSet<Login>,
    unlinked: HashSet<Login>,
    removed: HashSet<Uuid>,
}

impl Acknowledged {
    fn add(&mut self, more: Self) {
        self.seen.extend(more.seen);
        self.used.extend(more.used);
        self.unlinked.extend(more.unlinked);
        self.removed.extend(more.removed);
    }
}

async fn make(store: &dyn Inspect, change: Change, told: &mut Acknowledged) {
    match change {
        Change::SignIn(ask) => {
            let used = ask.logins.clone();
            match store.sign_in(ask).await.unwrap() {
                SignedIn::Identity(identity) => {
                    assert!(used.iter().all(|login| identity.has(login)));
                    told.used.extend(used);
                    told.seen.push(identity);
                }
                SignedIn::Refused(_) | SignedIn::NoIdentity => {}
                SignedIn::NoPool => panic!("the pool is there"),
            }
        }
        Change::Merge(ask) => {
            let both = [ask.source.clone(), ask.destination.clone()];
            if let Merged::Identity(identity) = store.merge(ask).await.unwrap() {
                assert!(both.iter().all(|login| identity.has(login)));
                told.seen.push(identity);
            }
        }
        Change::Unlink(ask) => {
            let logins = ask.logins.clone();
            if store.unlink(ask).await.unwrap() == Unlinked::Unlinked {
                told.unlinked.extend(logins);
            }
        }
        Change::Remove(id) => {
            store.remove_identities(vec![id]).await.unwrap();
            told.removed.insert(id);
        }
    }
}

/// What each of many workers is told who make their changes at once, having met at a barrier.
async fn at_once(store: &Arc<dyn Inspect>, workers: Vec<Vec<Change>>) -> Acknowledged {
    let barrier = Arc::new(Barrier::new(workers.len()));
    let mut tasks = JoinSet::new();
    for changes in workers {
        let (store, barrier) = (Arc::clone(store), Arc::clone(&barrier));
        tasks.spawn(async move {
            let mut told = Acknowledged::default();
            barrier.wait().await;
            for change in changes {
                make(&*store, change, &mut told).await;
            }
            told
        });
    }
    let mut all = Acknowledged::default();
    for told in tasks.join_all().await {
        all.add(told);
    }
    all
}

/// How many users each provider has. In a round the half of them signs in.
const USERS: u64 = 8;

/// Makes up changes of few logins and of the identities that are known.
struct Plan<D> {
    dice: D,
    new: u128,
    known: Vec<Identity>,
    /// The first of the users that sign in.
    first: u64,
}

impl<D: FnMut(u64) -> u64> Plan<D> {
    fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        let nth = (self.dice)(all.len() as u64);
        &all[usize::try_from(nth).unwrap()]
    }

    fn known(&mut self) -> Identity {
        let known = std::mem::take(&mut self.known);
        let one = self.one_of(&known).clone();
        self.known = known;
        one
    }

    /// A user at a provider, or of the developer.
    fn user(&mut self, provider: &str, first: u64, count: u64) -> Login {
        login(&format!("{provider}:{}", first + (self.dice)(count)))
    }

    fn any(&mut self) -> Login {
        let provider = *self.one_of(&["a", "b", "c", "d", "=dev"]);
        self.user(provider, 0, USERS)
    }

    fn sign_in(&mut self) -> Change {
        self.new += 1;
        let mut question = ask(self.new, None, &[]);
        let mut providers = vec![*self.one_of(&["a", "b"])];
        if (self.dice)(2) == 0 {
            providers.push(*self.one_of(&["c", "d"]));
        }
        if (self.dice)(4) == 0 {
            question.asker = Asker::Developer;
            providers.push("=dev");
        }
        for provider in providers {
            let login = self.user(provider, self.first, USERS / 2);
            question.logins.push(login);
        }
        if (self.dice)(3) > 0 {
            question.presented = Some(self.known().id);
        }
        Change::SignIn(question)
    }

    fn unlink(&mut self) -> Option<Change> {
        let one = self.known();
        let (pool, identity, now) = (one.pool, one.id, at(300));
        let logins = vec![one.logins.first()?.clone()];
        Some(Change::Unlink(Unlink {
            pool,
            identity,
            logins,
            now,
        }))
    }

    fn change(&mut self) -> Change {
        let change = match (self.dice)(32) {
            0 => Some(Change::Remove(self.known().id)),
            1..4 => self.unlink(),
            4..10 => Some(Change::Merge(Merge {
                pool: id(1),
                source: self.any(),
                destination: self.any(),
                now: at(400),
            })),
            _ => None,
        };
        change.unwrap_or_else(|| self.sign_in())
    }
}

/// The owners of logins, by the identities' own rows.
fn owners(dump: &Dump) -> HashMap<&Login, Uuid> {
    let all = dump.identities.iter();
    all.flat_map(|one| one.logins.iter().map(|login| (login, one.id)))
        .collect()
}

/// The live identity that `id` leads to, if there is one.
fn end(dump: &Dump, mut id: Uuid) -> Option<Uuid> {
    loop {
        match dump.identities.iter().find(|one| one.id == id)?.state {
            State::Live => return Some(id),
            State::MergedInto(next) => id = next,
        }
    }
}

/// How many logins a round said something certain of.
#[derive(Debug, Default)]
struct Certain {
    kept: usize,
    gone: usize,
}

/// Holds what was acknowledged in a round between `before` and `after` against what is there.
fn hold(before: &Dump, told: &Acknowledged, after: &Dump, certain: &mut Certain) {
    let seen = || before.identities.iter().chain(&told.seen);
    let taken_along = seen().filter(|one| told.removed.contains(&one.id));
    let loose: HashSet<&Login> = taken_along
        .flat_map(|one| &one.logins)
        .chain(&told.unlinked)
        .collect();
    let owners = owners(after);
    for one in seen() {
        for login in &one.logins {
            if !loose.contains(login) {
                let owner = owners.get(login).copied();
                assert!(owner.is_some(), "{login:?} is lost");
                assert_eq!(end(after, one.id), owner, "{login:?} changed hands");
                certain.kept += 1;
            }
        }
    }
    for login in told.unlinked.difference(&told.used) {
        assert!(!owners.contains_key(login), "{login:?} is back");
        certain.gone += 1;
    }
}

pub(super) async fn whatever_happens_at_once_no_login_is_lost_or_doubled(store: Arc<dyn Inspect>) {
    add_pool(&*store, 1).await;
    let (mut removed, mut certain) = (HashSet::<Uuid>::new(), Certain::default());
    let mut plan = Plan {
        dice: dice(11),
        new: 1_000,
        known: Vec::new(),
        first: 0,
    };
    let mut before = store.dump().await;
    for round in 0..ROUNDS {
        for _ in 0..8 {
            plan.new += 1;
            let guest = guest(plan.new, 1);
            store.add_guest(guest.clone()).await.unwrap();
            plan.known.push(guest);
        }
        plan.first = u64::from(round % 2) * USERS / 2;
        let workers = (0..WORKERS).map(|_| (0..CHANGES).map(|_| plan.change()).collect());
        let told = at_once(&store, workers.collect()).await;
        let after = store.dump().await;
        after.check();
        hold(&before, &told, &after, &mut certain);

        removed.extend(&told.removed);
        let there: HashSet<Uuid> = after.identities.iter().map(|one| one.id).collect();
        for one in before.identities.iter().chain(&told.seen) {
            let is_there = there.contains(&one.id);
            assert_eq!(is_there, !removed.contains(&one.id), "{}", one.id);
        }
        for one in &after.identities {
            if let State::MergedInto(next) = one.state {
                assert!(there.contains(&next) || removed.contains(&next));
            }
        }
        plan.known.clone_from(&after.identities);
        before = after;
    }
    assert!(certain.kept > 1000 && certain.gone > 5, "{certain:?}");
    assert!(removed.len() > 50, "{}", removed.len());
    let is_merged = |one: &&Identity| one.state != State::Live;
    assert!(before.identities.iter().filter(is_merged).count() > 20);
}

pub(super) async fn of_many_unlinks_at_once_one_takes_the_login(store: Arc<dyn Inspect>) {
    add_pool(&*store, 1).await;
    let made = signed_in(&*store, ask(10, None, &["a:1", "b:1"])).await;
    let ask = Unlink {
        pool: id(1),
        identity: made.id,
        logins: logins(&["a:1"]),
        now: at(300),
    };
    let mut tasks = JoinSet::new();
    for _ in 0..WORKERS {
        let (store, ask) = (Arc::clone(&store), ask.clone());
        tasks.spawn(async move { store.unlink(ask).await.unwrap() });
    }
    let answers = tasks.join_all().await;
    let took = answers.iter().filter(|one| **one == Unlinked::Unlinked);
    assert_eq!(took.count(), 1);
    let (left, _) = store.identity(made.id).await.unwrap().unwrap();
    assert_eq!((left.epoch, left.logins), (1, logins(&["b:1"])));
}

pub(super) async fn merges_in_both_directions_at_once_end_in_one_identity(store: Arc<dyn Inspect>) {
    add_pool(&*store, 1).await;
    for round in 0..10_u128 {
        let pair = [0, 1].map(|side| 1000 * (round + 1) + side);
        let users = pair.map(|number| format!("=dev:{number}"));
        for (number, user) in pair.iter().zip(&users) {
            signed_in(&*store, ask(*number, None, &[user])).await;
        }
        let mut tasks = JoinSet::new();
        for worker in 0..WORKERS {
            let (source, destination) = match worker % 2 {
                0 => (&users[0], &users[1]),
                _ => (&users[1], &users[0]),
            };
            let ask = Merge {
                pool: id(1),
                source: login(source),
                destination: login(destination),
                now: at(300),
            };
            let store = Arc::clone(&store);
            tasks.spawn(async move { store.merge(ask).await.unwrap() });
        }
        let answers = tasks.join_all().await;
        let Merged::Identity(survivor) = &answers[0] else {
            panic!("{answers:?}");
        };
        assert!(answers.iter().all(|answer| *answer == answers[0]));
        assert_eq!(survivor.logins.len(), 2);
        let dump = store.dump().await;
        for number in pair {
            assert_eq!(end(&dump, id(number)), Some(survivor.id));
        }
    }
}
