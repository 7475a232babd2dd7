//! The consumer secrets of a pool's apps at Twitter and Digits. A secret signs requests, so the pool's record keeps it,
//! sealed for the pool and the provider.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use indexmap::IndexMap;
use zeroize::Zeroizing;

use crate::ambient::Ambient;
use crate::app::Call;
use crate::app::keys::resealing::reseal;
use crate::logins::access_token::twitter::{self, Twitter, TwitterService};
use crate::model::ids::PoolId;
use crate::model::pool::{Pool, PoolSettings};
use crate::model::provider::PublicProvider;
use crate::seal::master_keys::{MasterKeys, Unopened};
use crate::store::StoreError;

const PURPOSE: &str = "consumer secret";

/// The value of the provider with this `Logins` key isn't `consumerKey;consumerSecret`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the value of {0} isn't a consumer key and secret")]
pub struct NotAConsumer(pub String);

/// Sets the apps at the public providers, as clients write them (`consumerKey;consumerSecret` for Twitter and Digits), in
/// the settings of the pool `pool`. The secrets are sealed.
pub fn set_apps(
    call: &Call<'_>,
    pool: &PoolId,
    settings: &mut PoolSettings,
    apps: IndexMap<String, String>,
) -> Result<(), NotAConsumer> {
    settings.supported_login_providers.clear();
    settings.sealed_consumer_secrets.clear();
    for (key, app) in apps {
        let app = if has_secret(&key) {
            let app = Zeroizing::new(app);
            let pair = twitter::pair(&app).ok_or_else(|| NotAConsumer(key.clone()))?;
            let (consumer_key, secret) = pair;
            let (master, ambient) = (&call.app.master_key, call.app.ambient.as_ref());
            let sealed = master.seal(PURPOSE, &row(pool, &key), secret.as_bytes(), ambient);
            let sealed = STANDARD.encode(sealed);
            settings.sealed_consumer_secrets.insert(key.clone(), sealed);
            consumer_key.to_owned()
        } else {
            app
        };
        settings.supported_login_providers.insert(key, app);
    }
    Ok(())
}

/// The apps of a pool at the public providers, as clients wrote them.
pub fn apps(call: &Call<'_>, pool: &Pool) -> Result<IndexMap<String, String>, StoreError> {
    let apps = pool.settings.supported_login_providers.iter();
    let written = apps.map(|(key, app)| {
        let app = if has_secret(key) {
            format!("{app};{}", consumer_secret(call, pool, key)?.as_str())
        } else {
            app.clone()
        };
        Ok((key.clone(), app))
    });
    written.collect()
}

/// Twitter or Digits as the pool trusts it, with the app's consumer secret; `None` if the pool has no app there.
pub fn app(
    call: &Call<'_>,
    pool: &Pool,
    service: TwitterService,
) -> Result<Option<Twitter>, StoreError> {
    let (settings, key) = (&pool.settings, service.name());
    if !settings.supported_login_providers.contains_key(key) {
        return Ok(None);
    }
    let secret = consumer_secret(call, pool, key)?;
    let nonce = call.app.ambient.uuid().simple().to_string();
    Ok(Twitter::from_settings(service, settings, secret, nonce))
}

fn consumer_secret(
    call: &Call<'_>,
    pool: &Pool,
    key: &str,
) -> Result<Zeroizing<String>, StoreError> {
    let sealed = pool.settings.sealed_consumer_secrets.get(key);
    let opened = sealed.and_then(|sealed| {
        let sealed = STANDARD.decode(sealed).ok()?;
        let master = &call.app.master_key;
        let secret = master.open(PURPOSE, &row(&pool.id, key), &sealed)?;
        String::from_utf8(secret).ok()
    });
    let corrupt =
        || StoreError::Corrupt("a consumer secret doesn't open under this master key".into());
    opened.map(Zeroizing::new).ok_or_else(corrupt)
}

/// The pool with its secrets sealed again under the first master key; `None` if they are.
pub(in crate::app) fn resealed(
    pool: &Pool,
    master: &MasterKeys,
    ambient: &dyn Ambient,
) -> Result<Option<Pool>, Unopened> {
    let mut changed = pool.clone();
    for (key, sealed) in &mut changed.settings.sealed_consumer_secrets {
        let name = row(&pool.id, key);
        if let Some(again) = reseal(master, (PURPOSE, &name), sealed, ambient)? {
            *sealed = again;
        }
    }
    let secrets = |pool: &Pool| pool.settings.sealed_consumer_secrets.clone();
    Ok((secrets(&changed) != secrets(pool)).then_some(changed))
}

fn has_secret(key: &str) -> bool {
    PublicProvider::named(key).is_some_and(PublicProvider::has_consumer_secret)
}

/// The row that a secret is sealed for.
fn row(pool: &PoolId, provider: &str) -> String {
    format!("{pool} {provider}")
}
