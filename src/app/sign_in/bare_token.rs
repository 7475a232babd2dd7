//! A token that comes alone, without a `Logins` key: the provider of the pool that it names as its issuer decides about it.

use indexmap::IndexMap;

use super::logins::{self, PresentedTo, Proof, ProofError};
use crate::app::providers::oidc;
use crate::app::{Call, identities};
use crate::logins::id_token::OpenIdConnect;
use crate::model::identity::Identity;
use crate::model::ids::OidcProviderArn;
use crate::model::pool::Pool;
use crate::model::provider::{OWN, ProviderKind};
use crate::store::StoreError;
use crate::tokens::unverified_issuer;

/// Why a token that comes alone is refused. The refusal distinguishes an expired token, which a client can replace, from one
/// that was never good.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct BareTokenError(#[from] pub ProofError);

/// Verifies a token as the login `key` of a pool.
pub async fn verify(
    call: &Call<'_>,
    pool: &Pool,
    (key, token): (String, &str),
    presented: Option<&Identity>,
) -> Result<Vec<Proof>, BareTokenError> {
    let presented_to = presented.map_or(PresentedTo::GetId, PresentedTo::Identity);
    let logins = IndexMap::from([(key, token.to_owned())]);
    Ok(logins::verify(call, pool, &logins, presented_to).await?)
}

/// The identity that a token of this server is for, if it still exists.
pub async fn identity_of_own(call: &Call<'_>, token: &str) -> Result<Identity, BareTokenError> {
    let own = logins::verify_own(call, token).await?;
    let found = identities::lookup(call, &own.identity).await;
    let found = found.map_err(ProofError::from)?;
    let found = found.ok_or(ProofError::NotCognitoToken)?;
    Ok(found.0)
}

/// The key of the provider of `pool` that the token names as its issuer, compared as bytes; the service's own key for a token
/// that names this server. `None` where no provider of the pool is that issuer, or several are: then nothing is fetched. The token
/// isn't verified.
pub fn key_of_token(
    call: &Call<'_>,
    pool: &Pool,
    token: &str,
) -> Result<Option<String>, StoreError> {
    if call.app.tokens.claims_to_be_own(token) {
        return Ok(Some(OWN.to_owned()));
    }
    let Some(issuer) = unverified_issuer(token) else {
        return Ok(None);
    };
    let mut keys = Vec::new();
    for key in keys_with_id_tokens(pool) {
        if !keys.contains(&key) && is_issuer(call, pool, key, &issuer)? {
            keys.push(key);
        }
    }
    Ok(match keys.as_slice() {
        [key] => Some((*key).to_owned()),
        _ => None,
    })
}

/// The keys of the pool's providers of ID tokens.
fn keys_with_id_tokens(pool: &Pool) -> impl Iterator<Item = &str> {
    let settings = &pool.settings;
    let public = settings.supported_login_providers.keys();
    let public = public.map(String::as_str);
    let registered = settings.oidc_provider_arns.iter();
    let registered = registered.map(OidcProviderArn::name);
    let user_pools = settings.user_pool_clients.iter();
    let user_pools = user_pools.map(|client| client.provider_name.as_str());
    let all = public.chain(registered).chain(user_pools);
    all.filter(|key| ProviderKind::of(key).has_id_tokens())
}

/// Whether the tokens of the provider under `key` name `issuer`.
fn is_issuer(call: &Call<'_>, pool: &Pool, key: &str, issuer: &str) -> Result<bool, StoreError> {
    if ProviderKind::of(key) == ProviderKind::UserPool {
        return Ok(issuer.strip_prefix("https://") == Some(key));
    }
    let mut arns = pool.settings.oidc_provider_arns.iter();
    let registered = match arns.find(|arn| arn.name() == key) {
        Some(_) => oidc::record_of_pool(call, &pool.id, key)?,
        None => None,
    };
    let provider = OpenIdConnect::from_settings(key, &pool.settings, registered.as_deref());
    Ok(provider.is_some_and(|provider| provider.has_issuer(issuer)))
}
