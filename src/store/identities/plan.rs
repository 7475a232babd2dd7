//! The plan of a question: which rows it needs next, or its answer with the writes and events. Pure: the same question
//! and rows give the same plan, so a store can run it again.

use jiff::Timestamp;
use uuid::Uuid;

use super::loaded::{Halt, Loaded, Need, corrupt};
use super::question::{
    Answer, Delete, IdentityEpoch, IdentityRefusal, Merge, Missing, PoolRef, PoolVersion, Question,
    Revoke, SignIn, Unlink,
};
use crate::model::identity::{Identity, Login, LoginKey, Revocation, State};
use crate::model::merge;
use crate::model::sign_in::{self, Decision, Known, Presented};
use crate::store::StoreError;
use crate::store::event::{Event, EventKind, Origin, Subject};

/// How often an identity may have been merged onwards. Far more than the accounts of any user; a longer chain is a loop.
const MERGES: usize = 1000;

/// What a store does next for a question.
#[derive(Debug)]
pub enum PlanStep {
    /// Load these rows and ask again.
    More(Vec<Need>),
    /// Apply this plan.
    Done(Plan),
    /// The answer needs writes, for which an origin is missing.
    NeedsChange,
}

/// An answer, and the writes and events that come with it.
#[derive(Debug, PartialEq, Eq)]
pub struct Plan {
    /// The answer, once the writes are durable.
    pub answer: Answer,
    /// The writes, in the order in which they are applied.
    pub writes: Vec<Write>,
    /// The events, which the same transaction stores.
    pub events: Vec<Event>,
}

impl Plan {
    fn answer(answer: Answer) -> Self {
        Self {
            answer,
            writes: Vec::new(),
            events: Vec::new(),
        }
    }
}

/// A write to one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// Insert an identity with a free id.
    InsertIdentity(Identity),
    /// Replace an identity that is there.
    UpdateIdentity(Identity),
    /// Delete an identity that is there.
    DeleteIdentity(Uuid),
    /// Set the owner of a login from `before` to `owner`. A login without an owner keeps its row, so that there is a row
    /// to lock.
    SetOwner {
        /// The pool.
        pool: PoolRef,
        /// The login's key.
        key: LoginKey,
        /// The owner that was loaded.
        before: Option<Uuid>,
        /// The owner from now on.
        owner: Option<Uuid>,
    },
}

/// Plans `question` with the rows that were loaded. Without an origin the plan ends where it would write.
pub fn plan(
    question: &Question,
    origin: Option<&Origin>,
    loaded: &Loaded,
) -> Result<PlanStep, StoreError> {
    let planned = match question {
        Question::Find(id) => find(*id, loaded),
        Question::Owner(pool, login) => owner(*pool, login, loaded),
        Question::RevokedOwner(pools, login) => revoked_owner(pools, login, loaded),
        Question::AddGuest(pool, id) => add_guest(*pool, *id, origin, loaded),
        Question::SignIn(question) => sign_in(question, origin, loaded),
        Question::Merge(question) => merge(question, origin, loaded),
        Question::Unlink(question) => unlink(question, origin, loaded),
        Question::Revoke(question) => revoke(*question, origin, loaded),
        Question::Delete(question) => delete(question, origin, loaded),
    };
    match planned {
        Ok(plan) => Ok(PlanStep::Done(plan)),
        Err(Halt::More(needs)) => Ok(PlanStep::More(needs)),
        Err(Halt::Answer(answer)) => Ok(PlanStep::Done(Plan::answer(*answer))),
        Err(Halt::NeedsChange) => Ok(PlanStep::NeedsChange),
        Err(Halt::Error(error)) => Err(error),
    }
}

/// Answers a question without writes; `None` where its plan has writes. For a store that loads without locks.
pub fn answer(
    question: &Question,
    load: impl FnMut(Need, &mut Loaded) -> Result<(), StoreError>,
) -> Result<Option<Answer>, StoreError> {
    let plan = load_and_plan(question, None, load)?;
    Ok(plan.map(|plan| plan.answer))
}

/// Plans a question to its end. For a store that loads without locks.
pub fn run(
    question: &Question,
    origin: &Origin,
    load: impl FnMut(Need, &mut Loaded) -> Result<(), StoreError>,
) -> Result<Plan, StoreError> {
    let plan = load_and_plan(question, Some(origin), load)?;
    Ok(plan.expect("a plan with an origin ends with an answer"))
}

fn load_and_plan(
    question: &Question,
    origin: Option<&Origin>,
    mut load: impl FnMut(Need, &mut Loaded) -> Result<(), StoreError>,
) -> Result<Option<Plan>, StoreError> {
    let mut loaded = Loaded::default();
    loop {
        match plan(question, origin, &loaded)? {
            PlanStep::Done(plan) => return Ok(Some(plan)),
            PlanStep::NeedsChange => return Ok(None),
            PlanStep::More(needs) => {
                for need in needs {
                    load(need, &mut loaded)?;
                }
            }
        }
    }
}

fn find(id: Uuid, loaded: &Loaded) -> Result<Plan, Halt> {
    let Some(identity) = loaded.identity(id)? else {
        return Ok(Plan::answer(Answer::Missing(Missing::Identity)));
    };
    if let State::MergedInto(next) = identity.state
        && survivor(next, loaded)?.is_none()
    {
        return Ok(Plan::answer(Answer::Orphan(identity.clone())));
    }
    Ok(Plan::answer(Answer::Identity(identity.clone())))
}

fn owner(pool: PoolRef, login: &Login, loaded: &Loaded) -> Result<Plan, Halt> {
    let found = owner_of(pool, &login.key(), login, loaded)?;
    Ok(Plan::answer(match found {
        Some(identity) => Answer::Identity(identity.clone()),
        None => Answer::Missing(Missing::Owner),
    }))
}

fn revoked_owner(pools: &[PoolRef], login: &Login, loaded: &Loaded) -> Result<Plan, Halt> {
    let key = login.key();
    let mut needs = Vec::new();
    for pool in pools {
        match owner_of(*pool, &key, login, loaded) {
            Ok(Some(owner)) if owner.revocation() == Some(Revocation::EveryPool) => {
                return Ok(Plan::answer(Answer::Identity(owner.clone())));
            }
            Ok(_) => {}
            Err(Halt::More(more)) => needs.extend(more),
            Err(other) => return Err(other),
        }
    }
    if needs.is_empty() {
        Ok(Plan::answer(Answer::Missing(Missing::Owner)))
    } else {
        Err(Halt::More(needs))
    }
}

fn add_guest(
    pool: PoolVersion,
    id: Uuid,
    origin: Option<&Origin>,
    loaded: &Loaded,
) -> Result<Plan, Halt> {
    let origin = writable(pool, origin, loaded)?;
    let guest = new_identity(pool, id, Vec::new(), origin.at);
    if let Some(made) = made_before(&guest, loaded)? {
        return Ok(Plan::answer(Answer::Identity(made)));
    }
    let event = Event::new(EventKind::IdentityCreated, subject(&guest, origin), origin);
    Ok(Plan {
        answer: Answer::Identity(guest.clone()),
        writes: vec![Write::InsertIdentity(guest)],
        events: vec![event],
    })
}

fn sign_in(question: &SignIn, origin: Option<&Origin>, loaded: &Loaded) -> Result<Plan, Halt> {
    let pool = question.pool.pool;
    let mut needs = Vec::new();
    let mut note = |halt: Halt| match halt {
        Halt::More(more) => {
            needs.extend(more);
            Ok(())
        }
        other => Err(other),
    };
    // Also a sign-in that writes nothing depends on the pool's providers and roles.
    if let Err(halt) = same_version(question.pool, loaded) {
        note(halt)?;
    }
    let presented = question.presented.map(|seen| presented(pool, seen, loaded));
    let presented = match presented.transpose() {
        Ok(presented) => presented,
        Err(halt) => note(halt).map(|()| None)?,
    };
    let mut owners: Vec<&Identity> = Vec::new();
    let named = question.presented.map(|seen| seen.id);
    for (key, login) in &question.logins {
        let only_found = question.only_found.contains(key);
        match owner_of(pool, key, login, loaded) {
            Ok(owner) if only_found && (owner.is_none() || owner.map(|one| one.id) != named) => {
                return Err(Halt::answer(Answer::IdentityChanged));
            }
            Ok(Some(owner)) if owners.iter().all(|one| one.id != owner.id) => {
                owners.push(owner);
            }
            Ok(_) => {}
            Err(halt) => note(halt)?,
        }
    }
    if !needs.is_empty() {
        return Err(Halt::More(needs));
    }
    let known = Known { presented, owners };
    let logins = question.logins.iter().map(|(_, login)| login);
    let logins: Vec<&Login> = logins.collect();
    let copy = |id: Uuid| {
        let identity = known.identity(id);
        identity
            .cloned()
            .expect("the rule names identities that it knows")
    };
    match sign_in::decide(question.asker, &logins, &known) {
        Decision::Found(id) => Ok(Plan::answer(Answer::Identity(copy(id)))),
        Decision::Refuse(refusal) => Ok(Plan::answer(Answer::Refused(IdentityRefusal::SignIn(
            refusal,
        )))),
        Decision::Create => create(question, origin, loaded),
        Decision::Join { into, from, link } => {
            let into = copy(into);
            let from = from.into_iter().map(copy).collect();
            join(question.pool, into, from, link, origin, loaded)
        }
    }
}

fn create(question: &SignIn, origin: Option<&Origin>, loaded: &Loaded) -> Result<Plan, Halt> {
    let origin = writable(question.pool, origin, loaded)?;
    let logins = question.logins.iter().map(|(_, login)| login.clone());
    let new = new_identity(question.pool, question.new_id, logins.collect(), origin.at);
    // An identity that an earlier run made is found by its logins, so this id belongs to another identity.
    if loaded.new_identity(new.id)?.is_some() {
        return Err(Halt::Error(id_taken()));
    }
    let mut event = Event::new(EventKind::IdentityCreated, subject(&new, origin), origin);
    event.providers = providers(&new.logins);
    let mut writes = vec![Write::InsertIdentity(new.clone())];
    writes.extend(question.logins.iter().map(|(key, _)| Write::SetOwner {
        pool: question.pool.pool,
        key: *key,
        before: None,
        owner: Some(new.id),
    }));
    Ok(Plan {
        answer: Answer::Identity(new),
        writes,
        events: vec![event],
    })
}

/// Makes one identity of `into` and `from`, with the logins `link` that no identity has.
fn join(
    pool: PoolVersion,
    mut into: Identity,
    mut from: Vec<Identity>,
    link: Vec<Login>,
    origin: Option<&Origin>,
    loaded: &Loaded,
) -> Result<Plan, Halt> {
    let origin = writable(pool, origin, loaded)?;
    let kind = if from.is_empty() {
        EventKind::IdentityLinked
    } else {
        EventKind::IdentityMerged
    };
    let mut event = Event::new(kind, subject(&into, origin), origin);
    event.related = from.iter().map(|one| subject(one, origin)).collect();
    event.providers = providers(&link);
    let set_owner = |login: &Login, before| Write::SetOwner {
        pool: pool.pool,
        key: login.key(),
        before,
        owner: Some(into.id),
    };
    let mut writes = Vec::new();
    for source in &from {
        writes.extend(
            source
                .logins
                .iter()
                .map(|login| set_owner(login, Some(source.id))),
        );
    }
    writes.extend(link.iter().map(|login| set_owner(login, None)));
    sign_in::apply(&mut into, &mut from, link, origin.at);
    writes.extend(from.into_iter().map(Write::UpdateIdentity));
    writes.push(Write::UpdateIdentity(into.clone()));
    Ok(Plan {
        answer: Answer::Identity(into),
        writes,
        events: vec![event],
    })
}

fn merge(question: &Merge, origin: Option<&Origin>, loaded: &Loaded) -> Result<Plan, Halt> {
    let pool = question.pool;
    let owner = |login: &Login| owner_of(pool.pool, &login.key(), login, loaded);
    let Some(source) = owner(&question.source)? else {
        return Ok(Plan::answer(Answer::Missing(Missing::Source)));
    };
    let Some(destination) = owner(&question.destination)? else {
        return Ok(Plan::answer(Answer::Missing(Missing::Owner)));
    };
    match merge::decide(source, destination) {
        merge::MergeDecision::Same => Ok(Plan::answer(Answer::Identity(destination.clone()))),
        merge::MergeDecision::Conflict => Ok(Plan::answer(Answer::Refused(IdentityRefusal::Merge))),
        merge::MergeDecision::Join => {
            let (into, from) = (destination.clone(), vec![source.clone()]);
            join(pool, into, from, Vec::new(), origin, loaded)
        }
    }
}

fn unlink(question: &Unlink, origin: Option<&Origin>, loaded: &Loaded) -> Result<Plan, Halt> {
    let pool = question.pool;
    let identity = as_seen(pool.pool, question.identity, loaded)?;
    if !merge::may_unlink(identity, &question.logins) {
        return Ok(Plan::answer(Answer::Refused(IdentityRefusal::NotLinked)));
    }
    let origin = writable(pool, origin, loaded)?;
    let mut identity = identity.clone();
    let subject = subject(&identity, origin);
    let removed = merge::unlink(&mut identity, &question.logins, origin.at);
    let mut event = Event::new(EventKind::IdentityUnlinked, subject, origin);
    event.providers = providers(&removed);
    let mut writes = without_owner(pool.pool, identity.id, &removed);
    writes.push(Write::UpdateIdentity(identity.clone()));
    Ok(Plan {
        answer: Answer::Identity(identity),
        writes,
        events: vec![event],
    })
}

fn revoke(question: Revoke, origin: Option<&Origin>, loaded: &Loaded) -> Result<Plan, Halt> {
    let pool = question.pool;
    let mut identity = in_pool(pool.pool, question.identity, loaded)?;
    if let State::MergedInto(next) = identity.state {
        let survivor = survivor(next, loaded)?;
        let missing = || Halt::answer(Answer::Missing(Missing::Identity));
        identity = survivor.ok_or_else(missing)?;
    }
    let mut identity = identity.clone();
    if identity.revocation() == question.revocation {
        return Ok(Plan::answer(Answer::Identity(identity)));
    }
    let origin = writable(pool, origin, loaded)?;
    let subject = subject(&identity, origin);
    identity.revoke(question.revocation, origin.at);
    let kind = if question.revocation.is_some() {
        EventKind::IdentityRevoked
    } else {
        EventKind::IdentityRestored
    };
    Ok(Plan {
        answer: Answer::Identity(identity.clone()),
        writes: vec![Write::UpdateIdentity(identity)],
        events: vec![Event::new(kind, subject, origin)],
    })
}

fn delete(question: &Delete, origin: Option<&Origin>, loaded: &Loaded) -> Result<Plan, Halt> {
    let needs = question.identities.iter().filter_map(|(_, id)| {
        let loaded = loaded.identity(*id);
        loaded.is_err().then_some(Need::Identity(*id))
    });
    let needs: Vec<Need> = needs.collect();
    if !needs.is_empty() {
        return Err(Halt::More(needs));
    }
    let mut plan = Plan::answer(Answer::Deleted);
    let mut seen = Vec::new();
    for (pool, id) in &question.identities {
        let identity = loaded.identity(*id)?.filter(|one| is_of(one, pool.pool));
        let Some(identity) = identity.filter(|one| !one.revoked && !seen.contains(id)) else {
            continue;
        };
        seen.push(*id);
        let origin = writable(*pool, origin, loaded)?;
        let mut event = Event::new(
            EventKind::IdentityDeleted,
            subject(identity, origin),
            origin,
        );
        event.providers = providers(&identity.logins);
        plan.events.push(event);
        let without_owner = without_owner(pool.pool, identity.id, &identity.logins);
        plan.writes.extend(without_owner);
        plan.writes.push(Write::DeleteIdentity(identity.id));
    }
    Ok(plan)
}

/// Allows writes where the pool is what the call saw.
fn writable<'o>(
    pool: PoolVersion,
    origin: Option<&'o Origin>,
    loaded: &Loaded,
) -> Result<&'o Origin, Halt> {
    let origin = origin.ok_or(Halt::NeedsChange)?;
    same_version(pool, loaded)?;
    Ok(origin)
}

/// Ends the plan where the pool isn't what the call saw.
fn same_version(pool: PoolVersion, loaded: &Loaded) -> Result<(), Halt> {
    if loaded.pool(pool.pool.id)? == Some(pool.version) {
        Ok(())
    } else {
        Err(Halt::answer(Answer::PoolChanged))
    }
}

fn is_of(identity: &Identity, pool: PoolRef) -> bool {
    identity.pool == pool.id && identity.incarnation == pool.incarnation
}

/// The identity `id` of `pool`.
fn in_pool(pool: PoolRef, id: Uuid, loaded: &Loaded) -> Result<&Identity, Halt> {
    let found = loaded.identity(id)?;
    let found = found.filter(|identity| is_of(identity, pool));
    found.ok_or_else(|| Halt::answer(Answer::Missing(Missing::Identity)))
}

/// The identity `seen` of `pool`, in the epoch in which the call saw it.
fn as_seen(pool: PoolRef, seen: IdentityEpoch, loaded: &Loaded) -> Result<&Identity, Halt> {
    let identity = in_pool(pool, seen.id, loaded)?;
    if identity.epoch == seen.epoch {
        Ok(identity)
    } else {
        Err(Halt::answer(Answer::IdentityChanged))
    }
}

/// The identity `seen` of `pool`, and where it was merged away the live end of its chain.
fn presented(pool: PoolRef, seen: IdentityEpoch, loaded: &Loaded) -> Result<Presented<'_>, Halt> {
    let identity = as_seen(pool, seen, loaded)?;
    let survivor = match identity.state {
        State::Live => None,
        State::MergedInto(next) => survivor(next, loaded)?,
    };
    Ok(Presented { identity, survivor })
}

/// The live end of a chain of merges that leads to `next`; `None` where it was deleted.
fn survivor(mut next: Uuid, loaded: &Loaded) -> Result<Option<&Identity>, Halt> {
    for _ in 0..MERGES {
        let Some(identity) = loaded.identity(next)? else {
            return Ok(None);
        };
        match identity.state {
            State::Live => return Ok(Some(identity)),
            State::MergedInto(further) => next = further,
        }
    }
    Err(corrupt("a chain of merges without an end"))
}

/// The identity that has `login`: the key leads to it, the full text decides.
fn owner_of<'l>(
    pool: PoolRef,
    key: &LoginKey,
    login: &Login,
    loaded: &'l Loaded,
) -> Result<Option<&'l Identity>, Halt> {
    let Some(id) = loaded.owner(pool, *key)? else {
        return Ok(None);
    };
    let Some(owner) = loaded.identity(id)? else {
        return Err(corrupt("a login of an identity that isn't there"));
    };
    if owner.state != State::Live || !is_of(owner, pool) || !owner.has(login) {
        return Err(corrupt("a login that its identity doesn't have"));
    }
    Ok(Some(owner))
}

fn new_identity(pool: PoolVersion, id: Uuid, logins: Vec<Login>, at: Timestamp) -> Identity {
    let new = Identity::new(id, pool.pool.id, logins, at);
    Identity {
        incarnation: pool.pool.incarnation,
        ..new
    }
}

/// The identity that an earlier run of the same transaction made of `guest`, as it now is.
fn made_before(guest: &Identity, loaded: &Loaded) -> Result<Option<Identity>, Halt> {
    match loaded.new_identity(guest.id)? {
        None => Ok(None),
        Some(before) if (before.pool, before.incarnation) == (guest.pool, guest.incarnation) => {
            Ok(Some(before.clone()))
        }
        Some(_) => Err(Halt::Error(id_taken())),
    }
}

/// A new id belongs to another identity already. Another id may do.
fn id_taken() -> StoreError {
    StoreError::Unavailable("the id of a new identity is taken".into())
}

fn without_owner(pool: PoolRef, identity: Uuid, logins: &[Login]) -> Vec<Write> {
    let writes = logins.iter().map(|login| Write::SetOwner {
        pool,
        key: login.key(),
        before: Some(identity),
        owner: None,
    });
    writes.collect()
}

fn providers(logins: &[Login]) -> Vec<String> {
    logins.iter().map(|login| login.provider.clone()).collect()
}

/// The identity as an event names it: a guest by its keyed hash.
fn subject(identity: &Identity, origin: &Origin) -> Subject {
    let pool = identity.pool;
    if identity.authenticated {
        let id = identity.id;
        Subject::Identity { pool, id }
    } else {
        let hash = origin.guests.of(identity.id);
        Subject::Guest { pool, hash }
    }
}
