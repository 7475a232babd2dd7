//! The model of what the server must have stored: pools, identities, access keys and the time of the next rotation. Plain
//! data and the rules of the documentation, written independently of the server's own.

use std::collections::{BTreeMap, BTreeSet};

/// A login.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Login {
    Developer(String),
    /// A user of the issuer with this number.
    Public(usize, String),
}

/// A pool. Every pool has a developer provider and the first issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// The id; `None` until the answer or the store shows it.
    pub id: Option<String>,
    pub guests: bool,
    pub second_issuer: bool,
    pub has_roles: bool,
}

/// An identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub pool: usize,
    pub logins: BTreeSet<Login>,
    pub authenticated: bool,
    /// The identity that it was merged into.
    pub merged: Option<String>,
    /// Whether it is revoked, and if so whether in this pool only.
    pub revoked: Option<bool>,
    pub epoch: u64,
    pub created: i64,
}

impl Identity {
    pub fn is_live(&self) -> bool {
        self.merged.is_none()
    }
}

/// An access key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessKey {
    pub id: Option<String>,
    pub enabled: bool,
}

/// Everything that is stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// Pools by the numbers in their names.
    pub pools: BTreeMap<usize, Pool>,
    /// Identities by their ids. An id that no answer has shown begins with `?`.
    pub identities: BTreeMap<String, Identity>,
    pub keys: BTreeMap<String, AccessKey>,
    /// From when the signing keys may be rotated again.
    pub next_rotation: i64,
}

/// Who presents logins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asker {
    User,
    Developer,
}

/// The code of a refusal.
pub type Refusal = &'static str;

pub const NOT_AUTHORIZED: Refusal = "NotAuthorizedException";
pub const NOT_FOUND: Refusal = "ResourceNotFoundException";
pub const CONFLICT: Refusal = "ResourceConflictException";
pub const REGISTERED: Refusal = "DeveloperUserAlreadyRegisteredException";
pub const NO_ROLES: Refusal = "InvalidIdentityPoolConfigurationException";

/// A sign-in.
pub struct SignIn<'s> {
    pub asker: Asker,
    pub pool: usize,
    pub presented: Option<&'s str>,
    pub logins: &'s [Login],
    /// The id of the identity that is made if one must be.
    pub new_id: &'s str,
    pub now: i64,
    /// Which of two identities of one moment counts as older where the id of one isn't known.
    pub reversed: bool,
}

impl State {
    /// The live identity at the end of a chain of merges; `None` where it was deleted.
    pub fn survivor(&self, id: &str) -> Option<String> {
        let mut id = id.to_owned();
        loop {
            match &self.identities.get(&id)?.merged {
                None => return Some(id),
                Some(next) => id.clone_from(next),
            }
        }
    }

    /// An identity that can be found: it is live, or its survivor is there.
    pub fn find(&self, id: &str) -> Result<&Identity, Refusal> {
        self.survivor(id).ok_or(NOT_FOUND)?;
        self.identities.get(id).ok_or(NOT_FOUND)
    }

    pub fn owner(&self, pool: usize, login: &Login) -> Option<&str> {
        let mut all = self.identities.iter();
        let owner = all.find(|(_, one)| one.pool == pool && one.logins.contains(login));
        owner.map(|(id, _)| id.as_str())
    }

    /// Adds an identity.
    pub fn add(&mut self, id: &str, pool: usize, logins: &[Login], now: i64) {
        let identity = Identity {
            pool,
            authenticated: !logins.is_empty(),
            logins: logins.iter().cloned().collect(),
            merged: None,
            revoked: None,
            epoch: 0,
            created: now,
        };
        self.identities.insert(id.to_owned(), identity);
    }

    /// Signs in, and returns the id of the identity.
    pub fn sign_in(&mut self, call: &SignIn<'_>) -> Result<String, Refusal> {
        let mut owners: Vec<String> = Vec::new();
        for login in call.logins {
            if let Some(owner) = self.owner(call.pool, login)
                && !owners.iter().any(|one| one == owner)
            {
                owners.push(owner.to_owned());
            }
        }
        let mut named: Vec<String> = call.presented.map(str::to_owned).into_iter().collect();
        named.extend(call.presented.and_then(|id| self.survivor(id)));
        let mut involved = named.iter().chain(&owners);
        if involved.any(|id| self.identities[id].revoked.is_some()) {
            return Err(NOT_AUTHORIZED);
        }
        let Some(presented) = call.presented else {
            return match owners.as_slice() {
                [] => {
                    self.add(call.new_id, call.pool, call.logins, call.now);
                    Ok(call.new_id.to_owned())
                }
                [owner] => self.join(owner, &[], call.logins),
                _ => Err(CONFLICT),
            };
        };
        let id = self.survivor(presented).ok_or(NOT_FOUND)?;
        let identity = &self.identities[&id];
        let has_one = call
            .logins
            .iter()
            .any(|login| identity.logins.contains(login));
        if presented != id && !has_one {
            return Err(NOT_AUTHORIZED);
        }
        let others: Vec<String> = owners.into_iter().filter(|owner| *owner != id).collect();
        match call.asker {
            Asker::User if identity.authenticated && !has_one => Err(NOT_AUTHORIZED),
            Asker::User if identity.authenticated => self.join(&id, &others, call.logins),
            Asker::User => match self.oldest(&others, call.reversed) {
                None => self.join(&id, &[], call.logins),
                Some(oldest) => {
                    let mut from = vec![id.clone()];
                    from.extend(others.into_iter().filter(|other| *other != oldest));
                    self.join(&oldest, &from, call.logins)
                }
            },
            Asker::Developer => self.link_for_developer(&id, &others, call.logins),
        }
    }

    fn link_for_developer(
        &mut self,
        id: &str,
        others: &[String],
        logins: &[Login],
    ) -> Result<String, Refusal> {
        let is_user = |login: &&Login| matches!(login, Login::Developer(_));
        let user = logins.iter().find(is_user);
        let has_user =
            |other: &String| user.is_some_and(|user| self.identities[other].logins.contains(user));
        if others.iter().any(has_user) {
            return Err(REGISTERED);
        }
        let identity = &self.identities[id];
        let is_proven = logins.iter().any(|login| identity.logins.contains(login));
        let is_the_developers = !identity.logins.is_empty()
            && identity.logins.iter().all(|login| is_user(&login))
            && others.is_empty();
        if identity.authenticated && !is_proven && !is_the_developers {
            return Err(NOT_AUTHORIZED);
        }
        if others.is_empty() {
            self.join(id, &[], logins)
        } else {
            Err(CONFLICT)
        }
    }

    fn oldest(&self, ids: &[String], reversed: bool) -> Option<String> {
        let age = |id: &&String| self.identities[*id].created;
        let created = ids.iter().map(|id| age(&id)).min()?;
        let mut oldest: Vec<&String> = ids.iter().filter(|id| age(id) == created).collect();
        oldest.sort_unstable();
        if reversed && oldest.iter().any(|id| id.starts_with('?')) {
            oldest.reverse();
        }
        oldest.first().map(|id| (*id).clone())
    }

    /// Makes one identity of `into` and `from`, with the logins that no identity has.
    pub fn join(
        &mut self,
        into: &str,
        from: &[String],
        logins: &[Login],
    ) -> Result<String, Refusal> {
        let mut all = self.identities[into].logins.clone();
        all.extend(logins.iter().cloned());
        for other in from {
            all.extend(self.identities[other].logins.iter().cloned());
        }
        let issuers: Vec<_> = all.iter().filter_map(issuer_of).collect();
        let different: BTreeSet<_> = issuers.iter().collect();
        if different.len() < issuers.len() {
            return Err(CONFLICT);
        }
        for other in from {
            let other = self.identities.get_mut(other).expect("a known identity");
            other.logins.clear();
            other.merged = Some(into.to_owned());
            other.epoch += 1;
        }
        let identity = self.identities.get_mut(into).expect("a known identity");
        identity.logins = all;
        if !identity.authenticated && !identity.logins.is_empty() {
            identity.authenticated = true;
            identity.epoch += 1;
        }
        Ok(into.to_owned())
    }

    /// Merges the identity of one developer's user into another's.
    pub fn merge(&mut self, pool: usize, source: &Login, to: &Login) -> Result<String, Refusal> {
        let source = self.owner(pool, source).ok_or(NOT_FOUND)?.to_owned();
        let to = self.owner(pool, to).ok_or(NOT_FOUND)?.to_owned();
        let is_revoked = |id: &String| self.identities[id].revoked.is_some();
        let count = self.identities[&source].logins.len() + self.identities[&to].logins.len();
        if source == to {
            return Ok(to);
        }
        if is_revoked(&source) || is_revoked(&to) || count > 20 {
            return Err(CONFLICT);
        }
        self.join(&to, &[source], &[])
    }
}

pub fn issuer_of(login: &Login) -> Option<usize> {
    match login {
        Login::Developer(_) => None,
        Login::Public(issuer, _) => Some(*issuer),
    }
}
