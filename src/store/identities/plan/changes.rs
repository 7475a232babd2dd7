//! Plans of a new guest, unlinks, revocations and deletions.

use uuid::Uuid;

use super::rows::{
    as_seen, in_pool, is_of, made_before, new_identity, providers, subject, survivor,
    without_owner, writable,
};
use super::{Plan, Write};
use crate::model::identity::State;
use crate::model::merge;
use crate::store::event::{Event, EventKind, Origin};
use crate::store::identities::loaded::{Halt, Loaded, Need};
use crate::store::identities::question::{
    Answer, Delete, IdentityRefusal, Missing, PoolVersion, Revoke, Unlink,
};

pub(super) fn add_guest(
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

pub(super) fn unlink(
    question: &Unlink,
    origin: Option<&Origin>,
    loaded: &Loaded,
) -> Result<Plan, Halt> {
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

pub(super) fn revoke(
    question: Revoke,
    origin: Option<&Origin>,
    loaded: &Loaded,
) -> Result<Plan, Halt> {
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

pub(super) fn delete(
    question: &Delete,
    origin: Option<&Origin>,
    loaded: &Loaded,
) -> Result<Plan, Halt> {
    let needs = question.identities.iter().filter_map(|(_, id)| {
        let loaded = loaded.identity(*id);
        loaded.is_err().then_some(Need::Identity(*id))
    });
    let needs: Vec<Need> = needs.collect();
    if !needs.is_empty() {
        return Err(Halt::More(needs));
    }
    let (mut writes, mut events) = (Vec::new(), Vec::new());
    let (mut seen, mut kept) = (Vec::new(), Vec::new());
    for (pool, id) in &question.identities {
        let identity = loaded.identity(*id)?.filter(|one| is_of(one, pool.pool));
        let Some(identity) = identity.filter(|_| !seen.contains(id)) else {
            continue;
        };
        seen.push(*id);
        if identity.revoked {
            kept.push(*id);
            continue;
        }
        let origin = writable(*pool, origin, loaded)?;
        let mut event = Event::new(
            EventKind::IdentityDeleted,
            subject(identity, origin),
            origin,
        );
        event.providers = providers(&identity.logins);
        events.push(event);
        writes.extend(without_owner(pool.pool, identity.id, &identity.logins));
        writes.push(Write::DeleteIdentity(identity.id));
    }
    Ok(Plan {
        answer: Answer::Deleted { kept },
        writes,
        events,
    })
}
