//! Loads what the rule of sign-ins asks about, asks it, and applies its answer. The rule itself is
//! [`crate::model::sign_in`].

use jiff::Timestamp;
use rusqlite::Connection;
use uuid::Uuid;

use super::{pools, rows};
use crate::model::identity::{Identity, Login, State};
use crate::model::sign_in::{Decision, Known, Presented, apply, decide};
use crate::store::{SignIn, SignedIn, StoreError};

/// How often an identity may have been merged onwards. Far more than anybody's accounts; a longer chain is a loop.
const MERGES: usize = 1000;

/// Answers where nothing has to change; `None` where the writer must be asked. The pool is there, and `db` is in a
/// transaction.
pub(super) fn look(db: &Connection, ask: &SignIn) -> Result<Option<SignedIn>, StoreError> {
    Ok(match decided(db, ask)? {
        Decided::Answer(answer) => Some(answer),
        Decided::Create | Decided::Join { .. } => None,
    })
}

/// Does what the rule says. Runs in a savepoint of the writer.
pub(super) fn perform(db: &Connection, mut ask: SignIn) -> Result<SignedIn, StoreError> {
    if !pools::is_there(db, ask.pool)? {
        return Ok(SignedIn::NoPool);
    }
    ask.now = rows::whole_milliseconds(ask.now);
    match decided(db, &ask)? {
        Decided::Answer(answer) => Ok(answer),
        Decided::Create => create(db, ask),
        Decided::Join { into, from, link } => {
            join(db, ask.pool, ask.now, into, from, link).map(SignedIn::Identity)
        }
    }
}

/// The rule's decision, with the identities that it is about.
enum Decided {
    Answer(SignedIn),
    Create,
    Join {
        into: Identity,
        from: Vec<Identity>,
        link: Vec<Login>,
    },
}

fn decided(db: &Connection, ask: &SignIn) -> Result<Decided, StoreError> {
    let presented = match ask.presented {
        None => None,
        Some(id) => match presented(db, ask.pool, id)? {
            None => return Ok(Decided::Answer(SignedIn::NoIdentity)),
            found => found,
        },
    };
    let owners = owners(db, ask.pool, &ask.logins, presented.as_ref())?;
    let known = Known { presented, owners };
    let decision = decide(ask.asker, &ask.logins, &known);
    let mut loaded = loaded(known);
    let mut take = |id: Uuid| {
        let at = loaded.iter().position(|identity| identity.id == id);
        loaded.swap_remove(at.expect("the rule names identities that it was given, each once"))
    };
    Ok(match decision {
        Decision::Found(id) => Decided::Answer(SignedIn::Identity(take(id))),
        Decision::Refuse(refusal) => Decided::Answer(SignedIn::Refused(refusal)),
        Decision::Create => Decided::Create,
        Decision::Join { into, from, link } => Decided::Join {
            into: take(into),
            from: from.into_iter().map(take).collect(),
            link,
        },
    })
}

fn loaded(known: Known) -> Vec<Identity> {
    let mut all = known.owners;
    if let Some(presented) = known.presented {
        all.push(presented.identity);
        all.extend(presented.survivor);
    }
    all
}

/// The identity `id` of `pool`, and where it was merged away the live end of its chain.
fn presented(db: &Connection, pool: Uuid, id: Uuid) -> Result<Option<Presented>, StoreError> {
    let found = rows::identity(db, id)?.filter(|identity| identity.pool == pool);
    let Some(identity) = found else {
        return Ok(None);
    };
    let survivor = match identity.state {
        State::Live => None,
        State::MergedInto(next) => survivor(db, next)?,
    };
    Ok(Some(Presented { identity, survivor }))
}

pub(super) fn survivor(db: &Connection, mut next: Uuid) -> Result<Option<Identity>, StoreError> {
    for _ in 0..MERGES {
        let Some(identity) = rows::identity(db, next)? else {
            return Ok(None);
        };
        match identity.state {
            State::Live => return Ok(Some(identity)),
            State::MergedInto(further) => next = further,
        }
    }
    Err(rows::corrupt("a chain of merges without an end"))
}

/// The owners of `logins`, each once, in the order of the logins. The usual one is `presented`, which was read already.
pub(super) fn owners(
    db: &Connection,
    pool: Uuid,
    logins: &[Login],
    presented: Option<&Presented>,
) -> Result<Vec<Identity>, StoreError> {
    let mut owners: Vec<Identity> = Vec::new();
    for login in logins {
        let Some(id) = rows::owner(db, pool, login)? else {
            continue;
        };
        let known = owners.iter().position(|owner| owner.id == id);
        let at = if let Some(at) = known {
            at
        } else {
            let read = presented.map(|presented| &presented.identity);
            let owner = match read.filter(|read| read.id == id) {
                Some(read) => read.clone(),
                None => rows::identity(db, id)?
                    .ok_or_else(|| rows::corrupt("a login of an identity that isn't there"))?,
            };
            owners.push(owner);
            owners.len() - 1
        };
        let owner = &owners[at];
        // The key led here; the text decides.
        if owner.state != State::Live || owner.pool != pool || !owner.has(login) {
            return Err(rows::corrupt("a login that its identity doesn't have"));
        }
    }
    Ok(owners)
}

/// Makes an identity with all the logins. One that an earlier try made is found by its logins and never comes here.
fn create(db: &Connection, ask: SignIn) -> Result<SignedIn, StoreError> {
    let new = Identity::new(ask.new_id, ask.pool, ask.logins, ask.now);
    if !rows::add_identity(db, &new)? {
        return Err(rows::taken());
    }
    for login in &new.logins {
        rows::add_login(db, new.pool, login, new.id)?;
    }
    Ok(SignedIn::Identity(new))
}

/// Makes one identity of `into` and `from`, with the logins `link` that nobody has.
pub(super) fn join(
    db: &Connection,
    pool: Uuid,
    now: Timestamp,
    mut into: Identity,
    mut from: Vec<Identity>,
    link: Vec<Login>,
) -> Result<Identity, StoreError> {
    for source in &from {
        for login in &source.logins {
            rows::move_login(db, pool, login, source.id, into.id)?;
        }
    }
    for login in &link {
        rows::add_login(db, pool, login, into.id)?;
    }
    apply(&mut into, &mut from, link, now);
    for changed in from.iter().chain([&into]) {
        rows::update_identity(db, changed)?;
    }
    Ok(into)
}
