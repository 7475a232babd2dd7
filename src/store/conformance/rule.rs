//! The store against the rule alone: the same sign-ins, answered by a list in memory.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tokio::runtime::Handle;
use tokio::task::block_in_place;

use super::*;
use crate::model::sign_in::{Decision, Known, Presented, apply, decide};

/// A pool as a list of identities, kept by the rule alone.
struct World(Vec<Identity>);

impl World {
    fn find(&self, id: Uuid) -> Option<&Identity> {
        self.0.iter().find(|one| one.id == id)
    }

    fn take(&mut self, id: Uuid) -> Identity {
        let at = self.0.iter().position(|one| one.id == id);
        self.0.remove(at.expect("the rule names what it was given"))
    }

    fn survivor(&self, id: Uuid) -> Option<Identity> {
        let found = self.find(id)?;
        match found.state {
            State::Live => Some(found.clone()),
            State::MergedInto(next) => self.survivor(next),
        }
    }

    fn presented(&self, id: Uuid) -> Option<Presented> {
        let identity = self.find(id)?.clone();
        let survivor = match identity.state {
            State::Live => None,
            State::MergedInto(next) => self.survivor(next),
        };
        Some(Presented { identity, survivor })
    }

    fn owners(&self, logins: &[Login]) -> Vec<Identity> {
        let mut owners: Vec<Identity> = Vec::new();
        for login in logins {
            let owner = self.0.iter().find(|one| one.has(login));
            if let Some(owner) = owner.filter(|owner| owners.iter().all(|one| one.id != owner.id)) {
                owners.push(owner.clone());
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
        match decide(&ask.logins, &Known { presented, owners }) {
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
}

/// What one step does: who is named (by number; some are nobody), and the logins; without logins a guest is added.
type Step = (Option<u128>, Vec<Login>);

fn step() -> impl Strategy<Value = Step> {
    let public = prop::collection::btree_map(0_u8..4, 0_u8..3, 0..4);
    let developer = prop::option::weighted(0.2, 0_u8..3);
    let logins = (public, developer).prop_map(|(public, developer)| {
        let public = public.iter().map(|(p, s)| login(&format!("{p}:{s}")));
        let developer = developer.map(|s| login(&format!("=dev:{s}")));
        public.chain(developer).collect()
    });
    (prop::option::of(1_u128..14), logins)
}

/// Takes the steps in the pool `number` of the store and in a list, and compares.
async fn same(store: &dyn Inspect, number: u128, steps: Vec<Step>) {
    add_pool(store, number).await;
    let mut world = World(Vec::new());
    let id = |nth: u128| id(number * 1_000_000 + nth);
    for (nth, (named, logins)) in (1..).zip(steps) {
        let now = at(i64::try_from(nth).unwrap());
        let pool = Uuid::from_u128(number);
        if logins.is_empty() {
            let guest = Identity::new(id(nth), pool, logins, now);
            store.add_guest(guest.clone()).await.unwrap();
            world.0.push(guest);
            continue;
        }
        let question = SignIn {
            pool,
            presented: named.map(id),
            logins,
            new_id: id(nth),
            now,
        };
        let expected = world.sign_in(&question);
        assert_eq!(store.sign_in(question).await.unwrap(), expected);
    }
    for expected in &world.0 {
        let (found, _) = store.identity(expected.id).await.unwrap().unwrap();
        assert_eq!(found, *expected);
    }
}

pub(super) async fn sign_ins_end_as_the_rule_alone_says(store: Arc<dyn Inspect>) {
    let config = Config {
        cases: 128,
        failure_persistence: None,
        ..Config::default()
    };
    let mut number = 0;
    block_in_place(|| {
        let steps = prop::collection::vec(step(), 1..40);
        // A pool for each case, and for each try to make a failing one smaller.
        let number = std::cell::Cell::from_mut(&mut number);
        TestRunner::new(config)
            .run(&steps, |steps| {
                number.set(number.get() + 1);
                Handle::current().block_on(same(&*store, number.get(), steps));
                Ok(())
            })
            .unwrap();
    });
}
