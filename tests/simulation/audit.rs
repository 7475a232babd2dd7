//! What the store really has, as a state of the model, and whether a state of the model agrees with it.

use std::collections::BTreeMap;

use cognate::model::access_key::AccessKeyRecord;
use cognate::model::identity::{Login as StoredLogin, LoginKind, Revocation, State as StoredState};
use cognate::model::key_ring::KeyRing;
use cognate::model::pool::Pool as StoredPool;
use cognate::store::Store;
use cognate::store::identities::{Answer, PoolRef, Question};
use cognate::store::record::{self, Record, RecordKind, View};

use super::clients::DEVELOPER;
use super::issuers::LoginIssuer;
use super::model::{AccessKey, Identity, Login, Pool, State};

fn parsed<R: record::Stored>(record: &Record) -> Result<Option<R>, String> {
    let Some(json) = &record.json else {
        return Ok(None);
    };
    let read = record::parse(record, json);
    read.map(Some)
        .map_err(|error| format!("the record {} can't be read: {error}", record.key))
}

/// Reads everything from the store, and checks that logins and identities agree.
pub async fn read(store: &dyn Store, issuers: &[LoginIssuer]) -> Result<State, String> {
    let failed = |error| format!("the store can't be read: {error:?}");
    let changes = store.records_since(View::default()).await.map_err(failed)?;
    let mut state = State::default();
    let mut refs = BTreeMap::new();
    for record in &changes.records {
        match RecordKind::parse(&record.kind) {
            Some(RecordKind::Pool) => {
                let Some(pool) = parsed::<StoredPool>(record)? else {
                    continue;
                };
                let number = pool.settings.name.strip_prefix("pool-");
                let number: usize = number
                    .and_then(|number| number.parse().ok())
                    .ok_or("a pool that no client made")?;
                let shown = Pool {
                    id: Some(pool.id.to_string()),
                    guests: pool.settings.allow_unauthenticated,
                    second_issuer: pool.settings.oidc_provider_arns.len() == 2,
                    has_roles: pool.roles.authenticated.is_some(),
                };
                if state.pools.insert(number, shown).is_some() {
                    return Err(format!("there are two pools with the number {number}"));
                }
                let (id, incarnation) = (pool.id.uuid, pool.incarnation);
                refs.insert(
                    number,
                    (PoolRef { id, incarnation }, pool.id.region.clone()),
                );
            }
            Some(RecordKind::AccessKey) => {
                if let Some(key) = parsed::<AccessKeyRecord>(record)? {
                    let shown = AccessKey {
                        id: Some(key.id),
                        enabled: key.enabled,
                    };
                    state.keys.insert(key.name, shown);
                }
            }
            Some(RecordKind::KeyRing) if record.key == "signing" => {
                let ring = parsed::<KeyRing>(record)?.ok_or("the signing keys are deleted")?;
                state.next_rotation = ring.next_ready.as_millisecond();
            }
            _ => {}
        }
    }
    for (number, (pool, region)) in refs {
        let all = store.list_identities(pool, None, 100_000, true).await;
        for identity in all.map_err(failed)? {
            for login in &identity.logins {
                let question = Question::Owner(pool, login.clone());
                let owner = store.read(&question).await.map_err(failed)?;
                if !matches!(&owner, Some(Answer::Identity(owner)) if owner.id == identity.id) {
                    return Err(format!("{login:?} of {} belongs to {owner:?}", identity.id));
                }
            }
            let name = |id| format!("{region}:{id}");
            let logins = identity.logins.iter().map(|login| known(login, issuers));
            let shown = Identity {
                pool: number,
                logins: logins.collect::<Result<_, _>>()?,
                authenticated: identity.authenticated,
                merged: match identity.state {
                    StoredState::Live => None,
                    StoredState::MergedInto(other) => Some(name(other)),
                },
                revoked: identity
                    .revocation()
                    .map(|reach| reach == Revocation::ThisPool),
                epoch: identity.epoch,
                created: identity.created.as_millisecond(),
            };
            if shown.logins.len() < identity.logins.len() {
                return Err(format!("{} has a login twice", identity.id));
            }
            state.identities.insert(name(identity.id), shown);
        }
    }
    Ok(state)
}

fn known(login: &StoredLogin, issuers: &[LoginIssuer]) -> Result<Login, String> {
    if login.kind == LoginKind::Developer && login.provider == DEVELOPER {
        return Ok(Login::Developer(login.subject.clone()));
    }
    let issuer = issuers
        .iter()
        .position(|issuer| issuer.name() == login.provider);
    let issuer = issuer.ok_or_else(|| format!("{login:?} is of no known issuer"))?;
    Ok(Login::Public(issuer, login.subject.clone()))
}

/// The state with the ids that `actual` has, where both agree; what they don't agree on otherwise.
pub fn identify(state: &State, actual: &State) -> Result<State, String> {
    let mut named = state.clone();
    for (number, pool) in &mut named.pools {
        if pool.id.is_none() {
            pool.id = actual.pools.get(number).and_then(|pool| pool.id.clone());
        }
    }
    for (name, key) in &mut named.keys {
        if key.id.is_none() {
            key.id = actual.keys.get(name).and_then(|key| key.id.clone());
        }
    }
    let unknown = named.identities.keys().filter(|id| id.starts_with('?'));
    let unknown: Vec<String> = unknown.cloned().collect();
    for id in unknown {
        let identity = named.identities[&id].clone();
        let mut all = actual.identities.iter();
        let is_it = |(id, one): &(&String, &Identity)| {
            let merged = identity
                .merged
                .as_ref()
                .is_none_or(|into| into.starts_with('?') || Some(into) == one.merged.as_ref());
            let same = Identity {
                merged: one.merged.clone(),
                ..identity.clone()
            };
            !named.identities.contains_key(*id) && merged && same == **one
        };
        let Some((found, _)) = all.find(is_it) else {
            return Err(format!("{identity:?} isn't there"));
        };
        let found = found.clone();
        named.identities.remove(&id);
        named.identities.insert(found.clone(), identity);
        for other in named.identities.values_mut() {
            if other.merged.as_ref() == Some(&id) {
                other.merged = Some(found.clone());
            }
        }
    }
    if named == *actual {
        return Ok(named);
    }
    Err(difference(&named, actual))
}

/// What two states don't agree on.
fn difference(state: &State, actual: &State) -> String {
    let mut lines = Vec::new();
    let ids = state.identities.keys().chain(actual.identities.keys());
    for id in ids {
        let (one, other) = (state.identities.get(id), actual.identities.get(id));
        if one != other {
            lines.push(format!("{id}:\n  model  {one:?}\n  stored {other:?}"));
        }
    }
    if state.pools != actual.pools {
        lines.push(format!(
            "pools:\n  model  {:?}\n  stored {:?}",
            state.pools, actual.pools
        ));
    }
    if state.keys != actual.keys {
        lines.push(format!(
            "keys:\n  model  {:?}\n  stored {:?}",
            state.keys, actual.keys
        ));
    }
    if state.next_rotation != actual.next_rotation {
        let (one, other) = (state.next_rotation, actual.next_rotation);
        lines.push(format!("next rotation:\n  model  {one}\n  stored {other}"));
    }
    lines.sort();
    lines.dedup();
    lines.join("\n")
}
