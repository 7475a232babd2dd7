//! The table of cases, and what holds after any sequence of sign-ins.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn login(text: &str) -> Login {
    let (provider, subject) = text.split_once(':').unwrap();
    Login::public(provider, subject)
}

fn logins(texts: &[&str]) -> Vec<Login> {
    texts.iter().map(|text| login(text)).collect()
}

/// An identity of the pool 0, made at the second of its number.
fn identity(number: u128, of: &[&str]) -> Identity {
    let made = at(i64::try_from(number).unwrap());
    Identity::new(id(number), id(0), logins(of), made)
}

/// An identity that the caller named, and its survivor.
type Named = (Identity, Option<Identity>);

fn presented(identity: Identity) -> Named {
    (identity, None)
}

fn decide_for(named: impl Into<Option<Named>>, owners: &[Identity], of: &[&str]) -> Decision {
    decide_as(Asker::User, named.into().as_ref(), owners, &logins(of))
}

fn decide_as(
    asker: Asker,
    named: Option<&Named>,
    owners: &[Identity],
    logins: &[Login],
) -> Decision {
    let known = Known {
        presented: named.map(|(identity, survivor)| Presented {
            identity,
            survivor: survivor.as_ref(),
        }),
        owners: owners.iter().collect(),
    };
    decide(asker, &logins.iter().collect::<Vec<_>>(), &known)
}

fn joined(into: u128, from: &[u128], link: &[&str]) -> Decision {
    Decision::Join {
        into: id(into),
        from: from.iter().map(|number| id(*number)).collect(),
        link: logins(link),
    }
}

#[test]
fn without_an_identity_the_owner_of_the_logins_answers() {
    let one = identity(1, &["a:1"]);
    let two = identity(2, &["b:1"]);
    let ask = |owners: &[Identity], of: &[&str]| decide_for(None, owners, of);
    assert_eq!(ask(&[], &["a:1"]), Decision::Create);
    assert_eq!(ask(&[], &["a:1", "b:1"]), Decision::Create);
    let owner = std::slice::from_ref(&one);
    assert_eq!(ask(owner, &["a:1"]), Decision::Found(id(1)));
    assert_eq!(ask(owner, &["a:1", "b:1"]), joined(1, &[], &["b:1"]));
    let both = [one, two];
    assert_eq!(
        ask(&both, &["a:1", "b:1"]),
        Decision::Refuse(Refusal::Conflict)
    );
}

#[test]
fn a_second_user_of_a_linked_provider_conflicts() {
    let one = identity(1, &["a:1", "b:1"]);
    let conflict = Decision::Refuse(Refusal::Conflict);
    let owner = std::slice::from_ref(&one);
    assert_eq!(decide_for(None, owner, &["a:1", "b:2"]), conflict);
    assert_eq!(
        decide_for(presented(one.clone()), owner, &["a:1", "b:2"]),
        conflict
    );
}

#[test]
fn a_guest_takes_logins_that_nobody_has() {
    let guest = identity(1, &[]);
    assert_eq!(
        decide_for(presented(guest), &[], &["a:1"]),
        joined(1, &[], &["a:1"])
    );
}

#[test]
fn a_guest_is_merged_into_the_owner_of_its_login() {
    let guest = presented(identity(3, &[]));
    let one = identity(1, &["a:1"]);
    let two = identity(2, &["b:1"]);
    assert_eq!(
        decide_for(guest.clone(), std::slice::from_ref(&two), &["b:1"]),
        joined(2, &[3], &[])
    );
    assert_eq!(
        decide_for(guest.clone(), std::slice::from_ref(&two), &["b:1", "c:1"]),
        joined(2, &[3], &["c:1"])
    );
    assert_eq!(
        decide_for(guest.clone(), &[two, one.clone()], &["b:1", "a:1"]),
        joined(1, &[3, 2], &[]),
        "of two owners the older stays"
    );
    let clash = identity(2, &["b:1", "a:2"]);
    assert_eq!(
        decide_for(guest, &[clash, one], &["b:1", "a:1"]),
        Decision::Refuse(Refusal::Conflict)
    );
}

#[test]
fn an_identity_answers_to_its_own_logins_only() {
    let one = identity(1, &["a:1"]);
    let two = identity(2, &["b:1"]);
    let named = presented(one.clone());
    let both = [one.clone(), two.clone()];
    assert_eq!(
        decide_for(named.clone(), std::slice::from_ref(&one), &["a:1"]),
        Decision::Found(id(1))
    );
    let no = Decision::Refuse(Refusal::LoginsDontMatch);
    assert_eq!(
        decide_for(named.clone(), std::slice::from_ref(&two), &["b:1"]),
        no
    );
    assert_eq!(decide_for(named.clone(), &[], &["c:1"]), no);
    assert_eq!(
        decide_for(named, &both, &["a:1", "b:1"]),
        joined(1, &[2], &[])
    );
}

#[test]
fn an_identity_stripped_of_its_logins_is_no_guest() {
    let mut stripped = identity(1, &["a:1"]);
    stripped.logins.clear();
    assert!(!stripped.is_guest());
    let no = Decision::Refuse(Refusal::LoginsDontMatch);
    assert_eq!(decide_for(presented(stripped), &[], &["a:1"]), no);
}

#[test]
fn a_merged_identity_answers_only_with_a_login_of_its_survivor() {
    let survivor = identity(1, &["a:1"]);
    let mut merged = identity(2, &[]);
    merged.state = State::MergedInto(id(1));
    let named = |survivor: Option<Identity>| {
        let identity = merged.clone();
        Some((identity, survivor))
    };
    let owner = std::slice::from_ref(&survivor);
    let forbidden = Decision::Refuse(Refusal::Forbidden);
    let ask = |of: Option<Identity>, owners: &[Identity], logins: &[&str]| {
        decide_for(named(of), owners, logins)
    };
    assert_eq!(
        ask(Some(survivor.clone()), owner, &["a:1"]),
        Decision::Found(id(1))
    );
    assert_eq!(ask(Some(survivor.clone()), &[], &["b:1"]), forbidden);
    assert_eq!(ask(None, &[], &["a:1"]), forbidden);
}

#[test]
fn a_guest_that_signs_in_starts_a_new_epoch_and_so_does_a_merged_identity() {
    let mut guest = identity(1, &[]);
    apply(&mut guest, &mut [], logins(&["a:1"]), at(9));
    assert_eq!(
        (guest.authenticated, guest.epoch, guest.modified),
        (true, 1, at(9))
    );
    apply(&mut guest, &mut [], logins(&["b:1"]), at(10));
    assert_eq!(guest.epoch, 1, "a further login changes nobody's rights");

    let mut source = [identity(2, &["c:1"])];
    apply(&mut guest, &mut source, Vec::new(), at(11));
    assert_eq!(source[0].state, State::MergedInto(id(1)));
    assert_eq!((source[0].epoch, source[0].logins.len()), (1, 0));
    assert_eq!(guest.logins, logins(&["a:1", "b:1", "c:1"]));
}

/// A pool as a list of identities, kept by the rule alone.
#[derive(Default)]
struct World {
    identities: Vec<Identity>,
}

impl World {
    fn find(&self, id: Uuid) -> &Identity {
        self.identities.iter().find(|one| one.id == id).unwrap()
    }

    fn take(&mut self, id: Uuid) -> Identity {
        let at = self.identities.iter().position(|one| one.id == id).unwrap();
        self.identities.remove(at)
    }

    fn survivor(&self, identity: &Identity) -> Identity {
        match identity.state {
            State::Live => identity.clone(),
            State::MergedInto(next) => self.survivor(self.find(next)),
        }
    }

    fn new_identity(&mut self, logins: Vec<Login>) {
        let number = self.identities.len() as u128 + 1;
        let made = at(i64::try_from(number).unwrap());
        let new = Identity::new(id(number), id(0), logins, made);
        self.identities.push(new);
    }

    fn sign_in(&mut self, named: Option<Uuid>, logins: &[Login]) {
        let mut owners: Vec<Identity> = Vec::new();
        for login in logins {
            let owner = self.identities.iter().find(|one| one.has(login));
            if let Some(owner) = owner.filter(|owner| owners.iter().all(|one| one.id != owner.id)) {
                owners.push(owner.clone());
            }
        }
        let presented = named.map(|id| {
            let identity = self.find(id).clone();
            let survivor = Some(self.survivor(&identity));
            (identity, survivor)
        });
        match decide_as(Asker::User, presented.as_ref(), &owners, logins) {
            Decision::Create => self.new_identity(logins.to_vec()),
            Decision::Join { into, from, link } => {
                let mut target = self.take(into);
                let mut sources: Vec<Identity> = from.iter().map(|id| self.take(*id)).collect();
                apply(&mut target, &mut sources, link, at(1000));
                self.identities.push(target);
                self.identities.append(&mut sources);
            }
            Decision::Found(_) | Decision::Refuse(_) => {}
        }
    }

    fn check(&self) {
        let mut owner_of: HashMap<&Login, Uuid> = HashMap::new();
        for one in &self.identities {
            for login in &one.logins {
                assert_eq!(
                    owner_of.insert(login, one.id),
                    None,
                    "a login on two identities"
                );
                assert_eq!(one.state, State::Live, "a login on a merged identity");
            }
            let all: Vec<&Login> = one.logins.iter().collect();
            assert!(
                one_public_login_a_provider(&all),
                "two users of one provider"
            );
            assert!(
                one.authenticated || one.logins.is_empty(),
                "a guest with logins"
            );
            let mut end = one;
            let mut steps = 0;
            while let State::MergedInto(next) = end.state {
                end = self.find(next);
                steps += 1;
                assert!(
                    steps <= self.identities.len(),
                    "a chain of merges without an end"
                );
            }
        }
    }
}

proptest! {
    #[test]
    fn no_sequence_of_sign_ins_breaks_the_rules(
        steps in prop::collection::vec((prop::option::of(0_usize..12), prop::collection::btree_map(0_u8..4, 0_u8..3, 0..4)), 1..60)
    ) {
        let mut world = World::default();
        for (named, of) in steps {
            let of: Vec<Login> = of.iter().map(|(p, s)| Login::public(p.to_string(), s.to_string())).collect();
            let named = named.and_then(|nth| world.identities.get(nth)).map(|one| one.id);
            if of.is_empty() { world.new_identity(Vec::new()) } else { world.sign_in(named, &of) }
            world.check();
        }
    }
}
