//! What the model expects where a token or a session is used.

use super::model::{NO_ROLES, NOT_AUTHORIZED, State};
use super::rules::{Expected, has_foreign, of, pool};
use super::step::{Found, Issued};

/// Whether what an identity got is still good: nothing has changed that it rests on.
fn is_valid(state: &State, issued: &Issued, now: i64) -> bool {
    let Some(identity) = state.identities.get(&issued.identity) else {
        return false;
    };
    let Some(pool) = state.pools.get(&identity.pool) else {
        return false;
    };
    identity.is_live()
        && identity.revoked.is_none()
        && identity.epoch == issued.epoch
        && now / 1000 < issued.expires
        && (!issued.logins.is_empty() || pool.guests)
        && !has_foreign(pool, &issued.logins)
}

/// A session signs a request.
pub fn sign(state: &State, session: &Issued, now: i64) -> Expected {
    if is_valid(state, session, now) {
        Ok(Found::default())
    } else {
        Err(vec!["InvalidClientTokenId", "ExpiredToken", "AccessDenied"])
    }
}

/// A token is taken to the STS, for the role of its pool.
pub fn assume(state: &State, token: &Issued, now: i64) -> Expected {
    let identity = state.identities.get(&token.identity);
    let pool = identity.and_then(|identity| state.pools.get(&identity.pool));
    if is_valid(state, token, now) && pool.is_some_and(|pool| pool.has_roles) {
        return Ok(Found::default());
    }
    Err(vec![
        "InvalidIdentityToken",
        "ExpiredTokenException",
        "AccessDenied",
    ])
}

/// A developer's token is a login of its identity.
pub fn exchange(state: &State, token: &Issued, now: i64) -> Expected {
    let identity = state.find(&token.identity).map_err(|code| vec![code])?;
    let mut logins = token.logins.iter();
    let is_linked = logins.all(|login| identity.logins.contains(login));
    if !is_valid(state, token, now) || !is_linked {
        return Err(vec![NOT_AUTHORIZED]);
    }
    if !pool(state, identity.pool)?.has_roles {
        return Err(vec![NO_ROLES]);
    }
    let epoch = Some(identity.epoch);
    Ok(Found {
        epoch,
        ..of(&token.identity)
    })
}
