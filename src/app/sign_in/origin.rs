//! Origins: the logins that a token or a session came from, and whether the pool still accepts them.

use std::sync::Arc;

use uuid::Uuid;

use crate::app::Call;
use crate::app::providers::{oidc, saml};
use crate::logins::id_token::{OpenIdConnect, UserPool};
use crate::model::identity::{Identity, State};
use crate::model::origin::LoginOrigin;
use crate::model::pool::Pool;
use crate::model::provider::{OidcProvider, ProviderKind, SamlProvider};
use crate::store::StoreError;

/// What was issued to an identity: a token or a session.
#[derive(Debug, Clone, Copy)]
pub struct Issued<'i> {
    /// The incarnation of the pool at the time of issue.
    pub incarnation: u64,
    /// The identity's epoch at the time of issue.
    pub epoch: u64,
    /// Whether it was issued to a signed-in user, and not to a guest.
    pub is_authenticated: bool,
    /// The logins that it was issued for.
    pub logins: &'i [LoginOrigin],
}

/// Whether the origin of what was issued to `identity` of `pool` is still valid: the pool is the same, the identity is in
/// the same epoch, and the pool accepts each of the logins (or guests, if there are none).
pub fn is_valid(
    call: &Call<'_>,
    pool: &Pool,
    identity: &Identity,
    issued: Issued<'_>,
) -> Result<bool, StoreError> {
    let is_same = pool.incarnation == issued.incarnation
        && identity.incarnation == issued.incarnation
        && identity.state == State::Live
        && !identity.revoked
        && identity.epoch == issued.epoch;
    if !is_same {
        return Ok(false);
    }
    if !issued.is_authenticated {
        return Ok(pool.settings.allow_unauthenticated);
    }
    for login in issued.logins {
        if !accepts(call, pool, login)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The origin of a login at the provider `key` of `pool`, before the login is verified: its client isn't known yet.
pub(super) fn of_provider(
    call: &Call<'_>,
    pool: &Pool,
    key: &str,
) -> Result<LoginOrigin, StoreError> {
    let registration = match ProviderKind::of(key) {
        ProviderKind::Saml => saml_registration(call, pool, key)?,
        _ => registered(call, pool, key)?.map(|provider| provider.uuid),
    };
    Ok(LoginOrigin {
        provider: key.to_owned(),
        client: String::new(),
        registration,
    })
}

/// The registration of the provider `key` of `pool`, if it has one: its unique id, and the version of its record.
pub(super) fn registration(
    call: &Call<'_>,
    pool: &Pool,
    key: &str,
) -> Result<Option<(Uuid, u64)>, StoreError> {
    if ProviderKind::of(key) == ProviderKind::Saml {
        let registered = registered_saml(call, pool, key)?;
        return Ok(registered.map(|provider| (provider.uuid, provider.version)));
    }
    let registered = registered(call, pool, key)?;
    Ok(registered.map(|provider| (provider.uuid, provider.version)))
}

/// The origin of a developer's user.
pub fn of_developer(provider: &str) -> LoginOrigin {
    LoginOrigin {
        provider: provider.to_owned(),
        client: String::new(),
        registration: None,
    }
}

/// Whether `pool` still accepts logins of this provider for this client.
fn accepts(call: &Call<'_>, pool: &Pool, login: &LoginOrigin) -> Result<bool, StoreError> {
    let (key, client) = (login.provider.as_str(), login.client.as_str());
    let settings = &pool.settings;
    if settings.developer_provider_name.as_deref() == Some(key) {
        return Ok(true);
    }
    Ok(match ProviderKind::of(key) {
        ProviderKind::Saml => {
            let now = saml_registration(call, pool, key)?;
            now.is_some() && now == login.registration
        }
        ProviderKind::UserPool => {
            let registered = registered(call, pool, key)?;
            let provider = UserPool::from_settings(key, settings, registered.as_deref());
            let accepts = |pool: UserPool| pool.clients.iter().any(|one| one.id == client);
            provider.is_some_and(accepts) && is_same(login, registered.as_deref())
        }
        ProviderKind::OpenIdConnect | ProviderKind::Public(_) => {
            let registered = registered(call, pool, key)?;
            let provider = OpenIdConnect::from_settings(key, settings, registered.as_deref());
            let accepts = |provider: OpenIdConnect| {
                let mut audiences = provider.audiences.iter();
                audiences.any(|audience| audience.client_id == client)
            };
            provider.is_some_and(accepts) && is_same(login, registered.as_deref())
        }
        ProviderKind::Own => false,
    })
}

/// Whether a login came from the present registration of its provider, or from none.
fn is_same(login: &LoginOrigin, registered: Option<&OidcProvider>) -> bool {
    login.registration.is_none() || login.registration == registered.map(|provider| provider.uuid)
}

/// The registered provider that the pool names under `key`.
fn registered(
    call: &Call<'_>,
    pool: &Pool,
    key: &str,
) -> Result<Option<Arc<OidcProvider>>, StoreError> {
    let mut named = pool.settings.oidc_provider_arns.iter();
    if named.any(|arn| arn.name() == key) {
        oidc::record_of_pool(call, &pool.id, key)
    } else {
        Ok(None)
    }
}

/// The unique id of the SAML provider that the pool names under `key`.
fn saml_registration(call: &Call<'_>, pool: &Pool, key: &str) -> Result<Option<Uuid>, StoreError> {
    Ok(registered_saml(call, pool, key)?.map(|provider| provider.uuid))
}

/// The SAML provider that the pool names under `key`.
fn registered_saml(
    call: &Call<'_>,
    pool: &Pool,
    key: &str,
) -> Result<Option<Arc<SamlProvider>>, StoreError> {
    let mut named = pool.settings.saml_provider_arns.iter();
    match named.find(|arn| arn.as_str() == key) {
        Some(arn) => saml::record(call, arn),
        None => Ok(None),
    }
}
