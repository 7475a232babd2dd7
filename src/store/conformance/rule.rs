//! The store against the rules alone: the same questions, answered by a list in memory.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tokio::runtime::Handle;

use super::*;
use crate::model::identity::Revocation;
use crate::model::merge;
use crate::model::sign_in::{Decision, Known, Presented, apply, decide};

/// A pool as a list of identities, kept by the rules alone.
struct World(Vec<Identity>);

impl World {
    fn find(&self, id: Uuid) -> Option<&Identity> {
        self.0.iter().find(|one| one.id == id)
    }

    fn take(&mut self, id: Uuid) -> Identity {
        let at = self.0.iter().position(|one| one.id == id);
        self.0.remove(at.expect("the rule names what it was given"))
    }

    fn survivor(&self, id: Uuid) -> Option<&Identity> {
        let found = self.find(id)?;
        match found.state {
            State::Live => Some(found),
            State::MergedInto(next) => self.survivor(next),
        }
    }

    fn presented(&self, id: Uuid) -> Option<Presented<'_>> {
        let identity = self.find(id)?;
        let survivor = match identity.state {
            State::Live => None,
            State::MergedInto(next) => self.survivor(next),
        };
        Some(Presented { identity, survivor })
    }

    fn owners(&self, logins: &[Login]) -> Vec<&Identity> {
        let mut owners: Vec<&Identity> = Vec::new();
        for login in logins {
            let owner = self.0.iter().find(|one| one.has(login));
            if let Some(owner) = owner.filter(|owner| owners.iter().all(|one| one.id != owner.id)) {
                owners.push(owner);
            }
        }
        owners
    }

    fn sign_in(&mut self, ask: &SignIn) -> SignedIn {
        let presented = match ask.presented {
            None => None,
            Some(id) => match self.presented(id) {
                None => return SignedIn::NoIdentity,
                some => some,
            },
        };
        let owners = self.owners(&ask.logins);
        let logins: Vec<&Login> = ask.logins.iter().collect();
        match decide(ask.asker, &logins, &Known { presented, owners }) {
            Decision::Found(id) => SignedIn::Identity(self.find(id).unwrap().clone()),
            Decision::Refuse(refusal) => SignedIn::Refused(refusal),
            Decision::Create => {
                let new = Identity::new(ask.new_id, ask.pool, ask.logins.clone(), ask.now);
                self.0.push(new.clone());
                SignedIn::Identity(new)
            }
            Decision::Join { into, from, link } => {
                let mut into = self.take(into);
                let mut from: Vec<Identity> = from.iter().map(|id| self.take(*id)).collect();
                apply(&mut into, &mut from, link, ask.now);
                self.0.append(&mut from);
                self.0.push(into.clone());
                SignedIn::Identity(into)
            }
        }
    }

    fn merge(&mut self, ask: &Merge) -> Merged {
        let owner = |login: &Login| self.0.iter().find(|one| one.has(login)).map(|one| one.id);
        let Some(source) = owner(&ask.source) else {
            return Merged::NoSource;
        };
        let Some(destination) = owner(&ask.destination) else {
            return Merged::NoDestination;
        };
        let found = |id| self.find(id).unwrap();
        match merge::decide(found(source), found(destination)) {
            merge::MergeDecision::Same => Merged::Identity(found(destination).clone()),
            merge::MergeDecision::Conflict => Merged::Conflict,
            merge::MergeDecision::Join => {
                let mut into = self.take(destination);
                let mut from = [self.take(source)];
                apply(&mut into, &mut from, Vec::new(), ask.now);
                self.0.extend(from);
                self.0.push(into.clone());
                Merged::Identity(into)
            }
        }
    }

    fn revoke(&mut self, ask: &Revoke) -> Option<Identity> {
        let id = self.survivor(ask.identity)?.id;
        let one = self.0.iter_mut().find(|one| one.id == id)?;
        one.revoke(ask.revoked.then_some(Revocation::EveryPool), ask.now);
        Some(one.clone())
    }

    fn unlink(&mut self, ask: &Unlink) -> Unlinked {
        let Some(one) = self.0.iter_mut().find(|one| one.id == ask.identity) else {
            return Unlinked::NoIdentity;
        };
        if merge::unlink(one, &ask.logins, ask.now).is_empty() {
            Unlinked::NotLinked
        } else {
            Unlinked::Unlinked
        }
    }
}

/// What one step does. Identities are named by the number of the step that made them; some are nobody's.
#[derive(Debug, Clone)]
enum Step {
    Guest,
    SignIn(Asker, Option<u128>, Vec<Login>),
    Merge(Login, Login),
    Unlink(u128, Vec<Login>),
    Revoke(u128, bool),
    Remove(Vec<u128>),
}

fn public_login() -> impl Strategy<Value = Login> {
    (0_u8..4, 0_u8..3).prop_map(|(p, s)| login(&format!("{p}:{s}")))
}

fn developers_user() -> impl Strategy<Value = Login> {
    (0_u8..4).prop_map(|s| login(&format!("=dev:{s}")))
}

fn any_login() -> impl Strategy<Value = Login> {
    prop_oneof![public_login(), developers_user()]
}

/// Logins at different public providers.
fn public_logins(least: usize) -> impl Strategy<Value = Vec<Login>> {
    prop::collection::btree_map(0_u8..4, 0_u8..3, least..4).prop_map(|logins| {
        let logins = logins.iter().map(|(p, s)| login(&format!("{p}:{s}")));
        logins.collect()
    })
}

fn step() -> impl Strategy<Value = Step> {
    let named = || prop::option::of(1_u128..20);
    prop_oneof![
        2 => Just(Step::Guest),
        6 => (named(), public_logins(1)).prop_map(|(named, logins)| Step::SignIn(Asker::User, named, logins)),
        3 => (named(), developers_user(), public_logins(0)).prop_map(|(named, user, mut logins)| {
            logins.push(user);
            Step::SignIn(Asker::Developer, named, logins)
        }),
        2 => (developers_user(), any_login()).prop_map(|(a, b)| Step::Merge(a, b)),
        2 => (1_u128..20, prop::collection::vec(any_login(), 1..3)).prop_map(|(id, logins)| Step::Unlink(id, logins)),
        1 => (1_u128..20, any::<bool>()).prop_map(|(id, revoked)| Step::Revoke(id, revoked)),
        1 => prop::collection::vec(1_u128..20, 1..3).prop_map(Step::Remove),
    ]
}

/// Takes the steps in the pool `number` of the store and in a list, and compares.
async fn same(store: &dyn Inspect, number: u128, steps: Vec<Step>) {
    store.add_pool(pool(number), usize::MAX).await.unwrap();
    let mut world = World(Vec::new());
    let id = |nth: u128| id(number * 1_000_000 + nth);
    let pool = Uuid::from_u128(number);
    for (nth, step) in (1..).zip(steps) {
        let now = at(i64::try_from(nth).unwrap());
        match step {
            Step::Guest => {
                let guest = Identity::new(id(nth), pool, Vec::new(), now);
                store.add_guest(guest.clone()).await.unwrap();
                world.0.push(guest);
            }
            Step::SignIn(asker, named, logins) => {
                let presented = named.map(id);
                let new_id = id(nth);
                let ask = SignIn {
                    asker,
                    pool,
                    presented,
                    logins,
                    new_id,
                    now,
                };
                let expected = world.sign_in(&ask);
                assert_eq!(store.sign_in(ask).await.unwrap(), expected);
            }
            Step::Merge(source, destination) => {
                let ask = Merge {
                    pool,
                    source,
                    destination,
                    now,
                };
                let expected = world.merge(&ask);
                assert_eq!(store.merge(ask).await.unwrap(), expected);
            }
            Step::Unlink(identity, logins) => {
                let identity = id(identity);
                let ask = Unlink {
                    pool,
                    identity,
                    logins,
                    now,
                };
                let expected = world.unlink(&ask);
                assert_eq!(store.unlink(ask).await.unwrap(), expected);
            }
            Step::Revoke(identity, revoked) => {
                let identity = id(identity);
                let ask = Revoke {
                    pool,
                    identity,
                    revoked,
                    now,
                };
                let expected = world.revoke(&ask);
                assert_eq!(store.revoke(ask).await.unwrap(), expected);
            }
            Step::Remove(ids) => {
                let ids: Vec<Uuid> = ids.into_iter().map(id).collect();
                world.0.retain(|one| one.revoked || !ids.contains(&one.id));
                store.remove_identities(ids).await.unwrap();
            }
        }
    }
    world.0.sort_by_key(|one| one.id);
    let listed = store
        .identities(pool, None, usize::MAX / 2, true)
        .await
        .unwrap();
    assert_eq!(listed, world.0);
    for login in (0..4).flat_map(|p| (0..3).map(move |s| login(&format!("{p}:{s}")))) {
        let owner = world.0.iter().find(|one| one.has(&login)).cloned();
        assert_eq!(store.owner(pool, &login).await.unwrap(), owner);
    }
}

/// As many sequences of steps as `PROPTEST_CASES` says are taken by four clients at once, each in pools of its own.
pub(super) async fn everything_ends_as_the_rules_alone_say(store: Arc<dyn Inspect>) {
    let sequences = Config::default().cases;
    let clients = (0_u128..4).map(|client| {
        let store = Arc::clone(&store);
        tokio::task::spawn_blocking(move || {
            let config = Config {
                cases: sequences.div_ceil(4),
                failure_persistence: None,
                ..Config::default()
            };
            let steps = prop::collection::vec(step(), 1..40);
            // A pool for each case, and for each try to make a failing one smaller.
            let number = std::cell::Cell::new(client * 100_000);
            TestRunner::new(config)
                .run(&steps, |steps| {
                    number.set(number.get() + 1);
                    Handle::current().block_on(same(&*store, number.get(), steps));
                    Ok(())
                })
                .unwrap();
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }
}
