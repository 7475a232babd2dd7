//! The plan of a question: which rows it needs next, or its answer with the writes and events. Pure: the same question
//! and rows give the same plan, so a store can run it again.

mod changes;
mod rows;
mod sign_in;

use uuid::Uuid;

use self::rows::{owner_of, survivor};
use super::loaded::{Halt, Loaded, Need};
use super::question::{Answer, Missing, PoolRef, Question};
use crate::model::identity::{Identity, Login, LoginKey, Revocation, State};
use crate::store::StoreError;
use crate::store::event::{Event, Origin};

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
        Question::AddGuest(pool, id) => changes::add_guest(*pool, *id, origin, loaded),
        Question::SignIn(question) => sign_in::sign_in(question, origin, loaded),
        Question::Merge(question) => sign_in::merge(question, origin, loaded),
        Question::Unlink(question) => changes::unlink(question, origin, loaded),
        Question::Revoke(question) => changes::revoke(*question, origin, loaded),
        Question::Delete(question) => changes::delete(question, origin, loaded),
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
