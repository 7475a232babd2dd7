//! Plans of sign-ins and merges: both make one identity of several.

use uuid::Uuid;

use super::rows::{
    id_taken, new_identity, owner_of, presented, providers, same_version, subject, writable,
};
use super::{Plan, Write};
use crate::model::identity::{Identity, Login};
use crate::model::merge;
use crate::model::sign_in::{self, Decision, Known};
use crate::store::event::{Event, EventKind, Origin};
use crate::store::identities::loaded::{Halt, Loaded};
use crate::store::identities::question::{
    Answer, IdentityRefusal, Merge, Missing, PoolVersion, SignIn,
};

pub(super) fn sign_in(
    question: &SignIn,
    origin: Option<&Origin>,
    loaded: &Loaded,
) -> Result<Plan, Halt> {
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

pub(super) fn merge(
    question: &Merge,
    origin: Option<&Origin>,
    loaded: &Loaded,
) -> Result<Plan, Halt> {
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
