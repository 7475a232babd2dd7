//! The identity of a set of verified logins: the pure rule behind GetId, GetOpenIdToken, GetCredentialsForIdentity and
//! GetOpenIdTokenForDeveloperIdentity. A store loads what the rule asks about, asks it, and applies the answer, all in one
//! transaction.

use jiff::Timestamp;
use uuid::Uuid;

use super::identity::{Identity, Login, LoginKind, State};

/// Who may already be known, as the store finds it.
#[derive(Debug, Clone)]
pub struct Known<'k> {
    /// The identity that the caller named, followed to the live end of its chain of merges if it was merged;
    /// `None` when the caller named none.
    pub presented: Option<Presented<'k>>,
    /// The live owners of the presented logins, each once, in the order of the logins.
    pub owners: Vec<&'k Identity>,
}

impl<'k> Known<'k> {
    /// The identity with this id, if it is known.
    pub fn identity(&self, id: Uuid) -> Option<&'k Identity> {
        let presented = self.presented.iter();
        let presented = presented.flat_map(|one| std::iter::once(one.identity).chain(one.survivor));
        let mut all = presented.chain(self.owners.iter().copied());
        all.find(|identity| identity.id == id)
    }
}

/// The identity that a caller named.
#[derive(Debug, Clone, Copy)]
pub struct Presented<'k> {
    /// The identity with that id.
    pub identity: &'k Identity,
    /// Where it was merged away: the live identity at the end of the chain, if that still exists.
    pub survivor: Option<&'k Identity>,
}

/// What to do about a sign-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The logins belong to this identity; nothing changes.
    Found(Uuid),
    /// No identity has any of the logins: make an identity with all of them.
    Create,
    /// Merge the identities `from` into the identity `into`, and link it the logins that no identity has.
    Join {
        /// The identity that stays.
        into: Uuid,
        /// The identities that it takes the logins of; each is disabled. May be empty.
        from: Vec<Uuid>,
        /// The logins to link. May be empty.
        link: Vec<Login>,
    },
    /// The sign-in is refused for this reason.
    Refuse(Refusal),
}

/// Who presents the logins of a sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asker {
    /// The user, with a proof of each login.
    User,
    /// The developer, for one user of theirs, and with a proof of each other login.
    Developer,
}

/// Why a sign-in is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The developer's user is another identity's.
    DeveloperUserRegistered,
    /// The logins belong to identities that can't become one.
    Conflict,
    /// None of the logins is one of the identity that was named.
    LoginsDontMatch,
    /// The identity that was named was merged away, and no login of its survivor was presented.
    Forbidden,
    /// This identity, which was named or has one of the logins, is revoked.
    Revoked(Uuid),
}

/// Decides about `logins`: at least one, each proved, no public provider twice; exactly one of them the developer's
/// where the developer asks.
///
/// * A revoked identity named, or the owner of a login: nothing.
/// * No identity named: the one owner, with the unknown logins linked to it; a new identity where there is no owner; a
///   conflict where there are two.
/// * A merged identity named: its survivor, if one of the survivor's logins is there.
/// * Otherwise as [`Asker::User`] or [`Asker::Developer`] may, below.
///
/// An identity has one login of each public provider: whatever would give it two is a conflict.
pub fn decide(asker: Asker, logins: &[&Login], known: &Known<'_>) -> Decision {
    let named = known.presented.iter();
    let named = named.flat_map(|named| std::iter::once(named.identity).chain(named.survivor));
    let mut involved = named.chain(known.owners.iter().copied());
    if let Some(revoked) = involved.find(|one| one.revoked) {
        return Decision::Refuse(Refusal::Revoked(revoked.id));
    }
    let Some(presented) = &known.presented else {
        return match known.owners.as_slice() {
            [] => Decision::Create,
            [owner] => join(owner, &[], logins),
            _ => Decision::Refuse(Refusal::Conflict),
        };
    };
    let identity = match presented.identity.state {
        State::Live => presented.identity,
        State::MergedInto(_) => match presented.survivor {
            Some(survivor) if logins.iter().any(|login| survivor.has(login)) => survivor,
            _ => return Decision::Refuse(Refusal::Forbidden),
        },
    };
    let others: Vec<&Identity> = known
        .owners
        .iter()
        .copied()
        .filter(|owner| owner.id != identity.id)
        .collect();
    match asker {
        Asker::User => for_a_user(identity, &others, logins),
        Asker::Developer => for_a_developer(identity, &others, logins),
    }
}

/// * A guest gets the logins if no identity has them; otherwise it is merged into their owner, of two owners into the older.
/// * Of an identity with logins, one must be there; the other owners are merged into it.
fn for_a_user(identity: &Identity, others: &[&Identity], logins: &[&Login]) -> Decision {
    if identity.authenticated {
        return if logins.iter().any(|login| identity.has(login)) {
            join(identity, others, logins)
        } else {
            Decision::Refuse(Refusal::LoginsDontMatch)
        };
    }
    match older(others) {
        None => join(identity, &[], logins),
        Some(oldest) => {
            let rest = others.iter().copied().filter(|other| other.id != oldest.id);
            let from: Vec<&Identity> = std::iter::once(identity).chain(rest).collect();
            join(oldest, &from, logins)
        }
    }
}

/// Nothing is merged. The developer's user must belong to no other identity; the developer alone speaks for guests and for
/// identities that only have users of theirs, but not for an identity that has logins elsewhere: one of those must be
/// there, too, unless the user is the identity's already. Another identity's login speaks for no identity.
fn for_a_developer(identity: &Identity, others: &[&Identity], logins: &[&Login]) -> Decision {
    let of_the_developer = |login: &Login| login.kind == LoginKind::Developer;
    let user = logins.iter().find(|login| of_the_developer(login));
    if others
        .iter()
        .any(|other| user.is_some_and(|user| other.has(user)))
    {
        return Decision::Refuse(Refusal::DeveloperUserRegistered);
    }
    let proven = logins.iter().any(|login| identity.has(login));
    let only_the_developers = identity.logins.iter().all(of_the_developer);
    let speaks_for_it = only_the_developers && !identity.logins.is_empty() && others.is_empty();
    // As for a user: whether another identity has the logins is not revealed before one of this identity's is there.
    if identity.authenticated && !proven && !speaks_for_it {
        return Decision::Refuse(Refusal::LoginsDontMatch);
    }
    if others.is_empty() {
        join(identity, &[], logins)
    } else {
        Decision::Refuse(Refusal::Conflict)
    }
}

fn older<'i>(identities: &[&'i Identity]) -> Option<&'i Identity> {
    identities
        .iter()
        .copied()
        .min_by_key(|identity| (identity.created, identity.id))
}

/// Makes `into` the owner of the logins of `from` and of those of `logins` that no identity has.
fn join(into: &Identity, from: &[&Identity], logins: &[&Login]) -> Decision {
    let held = |login: &Login| into.has(login) || from.iter().any(|other| other.has(login));
    let link = logins.iter().copied().filter(|login| !held(login));
    let link: Vec<&Login> = link.collect();
    let mut all: Vec<&Login> = into.logins.iter().collect();
    all.extend(from.iter().flat_map(|other| &other.logins));
    all.extend(&link);
    if one_public_login_a_provider(&all) {
        if from.is_empty() && link.is_empty() {
            return Decision::Found(into.id);
        }
        let from = from.iter().map(|other| other.id).collect();
        let link = link.into_iter().cloned().collect();
        let into = into.id;
        Decision::Join { into, from, link }
    } else {
        Decision::Refuse(Refusal::Conflict)
    }
}

pub(super) fn one_public_login_a_provider(logins: &[&Login]) -> bool {
    let mut seen = std::collections::HashSet::new();
    logins
        .iter()
        .filter(|login| login.kind == LoginKind::Public)
        .all(|login| seen.insert(&login.provider))
}

/// What a [`Decision::Join`] makes of the identities: `into` with everything, and each of `from` disabled.
///
/// The epoch of an identity that stops being a guest rises, and of each that is merged away.
pub fn apply(into: &mut Identity, from: &mut [Identity], link: Vec<Login>, now: Timestamp) {
    for source in from {
        into.logins.append(&mut source.logins);
        source.state = State::MergedInto(into.id);
        touch(source, now);
        source.epoch += 1;
    }
    into.logins.extend(link);
    if !into.authenticated && !into.logins.is_empty() {
        into.authenticated = true;
        into.epoch += 1;
    }
    touch(into, now);
}

fn touch(identity: &mut Identity, now: Timestamp) {
    identity.version += 1;
    identity.modified = now.max(identity.created);
}

#[cfg(test)]
mod tests;
