//! What the model expects of a step: the states that it may leave, where it got this answer.

use super::model::{
    Asker, CONFLICT, Login, NO_ROLES, NOT_AUTHORIZED, NOT_FOUND, Pool, Refusal, SignIn, State,
    issuer_of,
};
use super::step::{Found, Reply, Request, Step, Trust};
use super::{issued, settings};

const UNTRUSTED: [Refusal; 2] = [NOT_AUTHORIZED, "ExternalServiceException"];

/// The states that `step` may leave behind `before`; none where its answer is wrong.
pub fn follow(before: &State, step: &Step, number: usize) -> Vec<State> {
    let mut after = Vec::new();
    let trusts = match step.trust {
        Trust::Yes => [true].as_slice(),
        Trust::No => &[false],
        Trust::Perhaps => &[true, false],
    };
    for (trusted, reversed) in trusts.iter().flat_map(|one| [(*one, false), (*one, true)]) {
        let unknown = format!("?{number}");
        let shown = match &step.reply {
            Reply::Done(Found { id: Some(id), .. }) if !before.identities.contains_key(id) => id,
            _ => &unknown,
        };
        let call = Expecting {
            step,
            trusted,
            reversed,
            new_id: shown,
        };
        let mut state = before.clone();
        let expected = call.apply(&mut state);
        let next = match (&step.reply, expected) {
            (Reply::Done(found), Ok(expected)) if *found == expected => state,
            (Reply::Refused(code), Err(codes)) if codes.contains(&code.as_str()) => before.clone(),
            (Reply::Refused(code), _)
                if !step.is_alone && code == "ConcurrentModificationException" =>
            {
                before.clone()
            }
            (Reply::Failed(_), expected) if step.may_fail => {
                if expected.is_ok() && !after.contains(&state) {
                    after.push(state);
                }
                before.clone()
            }
            _ => continue,
        };
        if !after.contains(&next) {
            after.push(next);
        }
    }
    after
}

/// A step, with what isn't certain about it decided.
struct Expecting<'s> {
    step: &'s Step,
    trusted: bool,
    reversed: bool,
    new_id: &'s str,
}

pub type Expected = Result<Found, Vec<Refusal>>;

pub fn of(id: impl Into<String>) -> Found {
    Found {
        id: Some(id.into()),
        ..Found::default()
    }
}

pub fn pool(state: &State, pool: usize) -> Result<&Pool, Vec<Refusal>> {
    state.pools.get(&pool).ok_or(vec![NOT_FOUND])
}

impl Expecting<'_> {
    /// Changes the state as the step does, and returns what the answer must show.
    fn apply(&self, state: &mut State) -> Expected {
        let no = |code: Refusal| vec![code];
        match &self.step.request {
            Request::Guest { pool: at } => {
                if !pool(state, *at)?.guests {
                    return Err(no(NOT_AUTHORIZED));
                }
                state.add(self.new_id, *at, &[], self.step.now);
                Ok(of(self.new_id))
            }
            Request::SignIn { pool: at, logins } => {
                self.verify(pool(state, *at)?, logins)?;
                let id = self.sign_in(state, (Asker::User, *at), None, logins);
                id.map(of).map_err(no)
            }
            Request::Credentials { identity, logins } => {
                self.present(state, identity, logins, true)
            }
            Request::Token { identity, logins } => self.present(state, identity, logins, false),
            Request::Developer {
                pool: at,
                user,
                identity,
                logins,
            } => {
                // A login that isn't of the pool is refused before the identity is looked up.
                if has_foreign(pool(state, *at)?, logins) {
                    return Err(no(NOT_AUTHORIZED));
                }
                if let Some(id) = identity
                    && state.find(id).map_err(no)?.pool != *at
                {
                    return Err(no(NOT_FOUND));
                }
                self.verify(pool(state, *at)?, logins)?;
                let mut all = vec![Login::Developer(user.clone())];
                all.extend(logins.iter().cloned());
                let by = (Asker::Developer, *at);
                let id = self.sign_in(state, by, identity.as_deref(), &all);
                let id = id.map_err(no)?;
                let epoch = Some(state.identities[&id].epoch);
                Ok(Found { epoch, ..of(id) })
            }
            Request::Exchange(token) => issued::exchange(state, token, self.step.now),
            Request::Assume(token) => issued::assume(state, token, self.step.now),
            Request::UseSession(session) => issued::sign(state, session, self.step.now),
            _ => self.change(state),
        }
    }

    /// As [`Expecting::apply`], where nobody signs in.
    fn change(&self, state: &mut State) -> Expected {
        let no = |code: Refusal| vec![code];
        match &self.step.request {
            Request::Merge {
                pool: at,
                source,
                destination,
            } => {
                pool(state, *at)?;
                let user = |name: &String| Login::Developer(name.clone());
                let merged = state.merge(*at, &user(source), &user(destination));
                merged.map(of).map_err(no)
            }
            Request::UnlinkDeveloper {
                pool: at,
                identity,
                user,
            } => {
                pool(state, *at)?;
                if state.find(identity).map_err(no)?.pool != *at {
                    return Err(no(NOT_FOUND));
                }
                let login = Login::Developer(user.clone());
                unlink(state, identity, &login).map_err(no)
            }
            Request::Unlink { identity, login } => {
                let found = state.find(identity).map_err(no)?;
                if !found.is_live() {
                    return Err(no(NOT_AUTHORIZED));
                }
                let found = found.clone();
                self.verify(pool(state, found.pool)?, std::slice::from_ref(login))?;
                if !found.logins.contains(login) {
                    return Err(no(NOT_AUTHORIZED));
                }
                unlink(state, identity, login).map_err(no)
            }
            Request::Delete { identity } => {
                let found = state.identities.get(identity);
                let stays = found.is_some_and(|one| one.revoked.is_some());
                if !stays {
                    state.identities.remove(identity);
                }
                Ok(Found {
                    flags: vec![stays],
                    ..Found::default()
                })
            }
            Request::Revoke {
                identity,
                only_this_pool,
            } => revoke(state, identity, Some(*only_this_pool)),
            Request::Restore { identity } => revoke(state, identity, None),
            Request::Describe { identity } => {
                let found = state.find(identity).map_err(no)?;
                let names = found.logins.iter().map(|login| match login {
                    Login::Developer(_) => "developer".to_owned(),
                    Login::Public(issuer, _) => issuer.to_string(),
                });
                Ok(Found {
                    names: names.collect(),
                    ..of(identity)
                })
            }
            Request::Lookup { pool: at, user } => {
                pool(state, *at)?;
                let owner = state.owner(*at, &Login::Developer(user.clone()));
                let owner = owner.ok_or(no(NOT_FOUND))?;
                let users = state.identities[owner].logins.iter();
                let users = users.filter_map(|login| match login {
                    Login::Developer(user) => Some(user.clone()),
                    Login::Public(..) => None,
                });
                Ok(Found {
                    names: users.collect(),
                    ..of(owner)
                })
            }
            other => settings::apply(state, other, self.step),
        }
    }

    /// Whether the pool accepts the proofs of these logins.
    fn verify(&self, pool: &Pool, logins: &[Login]) -> Result<(), Vec<Refusal>> {
        if logins.is_empty() || self.trusted && !has_foreign(pool, logins) {
            Ok(())
        } else {
            Err(UNTRUSTED.to_vec())
        }
    }

    fn sign_in(
        &self,
        state: &mut State,
        (asker, pool): (Asker, usize),
        presented: Option<&str>,
        logins: &[Login],
    ) -> Result<String, Refusal> {
        state.sign_in(&SignIn {
            asker,
            pool,
            presented,
            logins,
            new_id: self.new_id,
            now: self.step.now,
            reversed: self.reversed,
        })
    }

    /// An identity asks for a token, or for credentials, which need a role.
    fn present(&self, state: &mut State, id: &str, logins: &[Login], needs_role: bool) -> Expected {
        let no = |code: Refusal| vec![code];
        let identity = state.find(id).map_err(no)?.clone();
        let pool = pool(state, identity.pool)?.clone();
        self.verify(&pool, logins)?;
        let has_role = !needs_role || pool.has_roles;
        if logins.is_empty() {
            let is_guest =
                identity.is_live() && !identity.authenticated && identity.revoked.is_none();
            if !is_guest || !pool.guests {
                return Err(no(NOT_AUTHORIZED));
            }
            if !has_role {
                return Err(no(NO_ROLES));
            }
            let epoch = Some(identity.epoch);
            return Ok(Found { epoch, ..of(id) });
        }
        if !has_role {
            return Err(no(NO_ROLES));
        }
        let by = (Asker::User, identity.pool);
        let id = self.sign_in(state, by, Some(id), logins).map_err(no)?;
        let epoch = Some(state.identities[&id].epoch);
        Ok(Found { epoch, ..of(id) })
    }
}

/// Whether a login is of an issuer that the pool doesn't have.
pub fn has_foreign(pool: &Pool, logins: &[Login]) -> bool {
    let mut issuers = logins.iter().filter_map(issuer_of);
    !pool.second_issuer && issuers.any(|issuer| issuer == 1)
}

fn unlink(state: &mut State, id: &str, login: &Login) -> Result<Found, Refusal> {
    let identity = state.identities.get_mut(id).ok_or(NOT_FOUND)?;
    if identity.revoked.is_some() {
        return Err(NOT_AUTHORIZED);
    }
    if !identity.is_live() || !identity.logins.remove(login) {
        return Err(CONFLICT);
    }
    identity.epoch += 1;
    Ok(Found::default())
}

fn revoke(state: &mut State, id: &str, revoked: Option<bool>) -> Expected {
    let id = state.survivor(id).ok_or(vec![NOT_FOUND])?;
    let identity = state.identities.get_mut(&id).expect("a survivor");
    if identity.revoked != revoked {
        identity.revoked = revoked;
        identity.epoch += 1;
    }
    Ok(of(id))
}
