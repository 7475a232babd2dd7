//! What the model expects of changes of pools and keys.

use super::model::{AccessKey, CONFLICT, NOT_FOUND, Pool, State};
use super::rules::{Expected, pool};
use super::step::{Found, Reply, Request, Step};

/// How long the next signing key is published before it is used, in milliseconds.
const PUBLISHED: i64 = 300_000;

/// Changes the state as the step does, and returns what the answer must show.
pub fn apply(state: &mut State, request: &Request, step: &Step) -> Expected {
    let shown = |pool: &Pool| Found {
        flags: vec![pool.guests, pool.second_issuer],
        ..Found::default()
    };
    match request {
        Request::CreatePool { pool: at } => {
            let id = match &step.reply {
                Reply::Done(found) => found.id.clone(),
                _ => None,
            };
            let pool = Pool {
                id: id.clone(),
                guests: true,
                second_issuer: true,
                has_roles: false,
            };
            let found = Found { id, ..shown(&pool) };
            state.pools.insert(*at, pool);
            Ok(found)
        }
        Request::UpdatePool {
            pool: at,
            guests,
            second_issuer,
        } => {
            let pool = state.pools.get_mut(at).ok_or(vec![NOT_FOUND])?;
            (pool.guests, pool.second_issuer) = (*guests, *second_issuer);
            Ok(shown(pool))
        }
        Request::SetRoles {
            pool: at,
            has_roles,
        } => {
            state.pools.get_mut(at).ok_or(vec![NOT_FOUND])?.has_roles = *has_roles;
            Ok(Found::default())
        }
        Request::DescribePool { pool: at } => Ok(shown(pool(state, *at)?)),
        Request::DeletePool { pool: at } => {
            pool(state, *at)?;
            state.pools.remove(at);
            state.identities.retain(|_, one| one.pool != *at);
            Ok(Found::default())
        }
        Request::CreateKey { name } => {
            if state.keys.contains_key(name) {
                return Err(vec![CONFLICT]);
            }
            let id = match &step.reply {
                Reply::Done(found) => found.id.clone(),
                _ => None,
            };
            let key = AccessKey {
                id: id.clone(),
                enabled: true,
            };
            state.keys.insert(name.clone(), key);
            Ok(Found {
                id,
                ..Found::default()
            })
        }
        Request::EnableKey { name, id, enabled } => {
            let key = state.keys.get_mut(name).filter(|key| is(key, id));
            key.ok_or(vec![NOT_FOUND])?.enabled = *enabled;
            Ok(Found::default())
        }
        Request::DeleteKey { name, id } => {
            let key = state.keys.get(name).filter(|key| is(key, id));
            key.ok_or(vec![NOT_FOUND])?;
            state.keys.remove(name);
            Ok(Found::default())
        }
        Request::UseKey { name, id, pool: at } => {
            let key = state.keys.get(name).filter(|key| is(key, id));
            if !key.is_some_and(|key| key.enabled) {
                return Err(vec!["UnrecognizedClientException"]);
            }
            Ok(shown(pool(state, *at)?))
        }
        Request::Rotate => {
            if step.now < state.next_rotation {
                return Err(vec!["InvalidParameterException"]);
            }
            state.next_rotation = step.now + PUBLISHED;
            Ok(Found::default())
        }
        other => unreachable!("{other:?} is no change of settings"),
    }
}

fn is(key: &AccessKey, id: &str) -> bool {
    key.id.as_deref() == Some(id)
}
