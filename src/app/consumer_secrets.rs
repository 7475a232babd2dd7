//! The apps of a pool at the public providers that are asked about access tokens, and the consumer secrets of those at
//! Twitter and Digits. Such a secret is needed again to sign requests, so it lies in the pool's record, sealed for the
//! pool and the provider.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use indexmap::IndexMap;
use zeroize::Zeroizing;

use super::Call;
use crate::logins::twitter::{self, Service, Twitter};
use crate::logins::{Amazon, Facebook, Provider};
use crate::model::ids::PoolId;
use crate::model::pool::{Pool, PoolSettings};
use crate::model::provider::PublicProvider;
use crate::store::StoreError;

const PURPOSE: &str = "consumer secret";

/// A provider whose value isn't `consumerKey;consumerSecret`; its `Logins` key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the value of {0} is no consumer key and secret")]
pub struct NotAConsumer(pub String);

impl Call<'_> {
    /// The settings with these apps at the public providers, as they are written (`consumerKey;consumerSecret` of
    /// Twitter and Digits), for the pool `pool`.
    pub fn set_login_providers(
        &self,
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
                let (master, ambient) = (&self.app.master_key, self.app.ambient.as_ref());
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

    /// The apps of a pool at the public providers, as they were written.
    pub fn login_providers(&self, pool: &Pool) -> Result<IndexMap<String, String>, StoreError> {
        let apps = pool.settings.supported_login_providers.iter();
        let written = apps.map(|(key, app)| {
            let app = if has_secret(key) {
                format!("{app};{}", self.consumer_secret(pool, key)?.as_str())
            } else {
                app.clone()
            };
            Ok((key.clone(), app))
        });
        written.collect()
    }

    /// A provider that is asked about each token, as the pool trusts it; `None` where the pool has no app there.
    pub(super) fn asked_provider(
        &self,
        pool: &Pool,
        key: &str,
        public: PublicProvider,
    ) -> Result<Option<Provider>, StoreError> {
        let Some(app) = pool.settings.supported_login_providers.get(key).cloned() else {
            return Ok(None);
        };
        let service = match public {
            PublicProvider::Facebook => return Ok(Some(Provider::Facebook(Facebook { app }))),
            PublicProvider::Amazon => return Ok(Some(Provider::Amazon(Amazon { app }))),
            PublicProvider::Google | PublicProvider::Apple => return Ok(None),
            PublicProvider::Twitter => Service::Twitter,
            PublicProvider::Digits => Service::Digits,
        };
        Ok(Some(Provider::Twitter(Twitter {
            service,
            consumer_key: app,
            consumer_secret: self.consumer_secret(pool, key)?,
            nonce: self.app.ambient.uuid().simple().to_string(),
        })))
    }

    fn consumer_secret(&self, pool: &Pool, key: &str) -> Result<Zeroizing<String>, StoreError> {
        let sealed = pool.settings.sealed_consumer_secrets.get(key);
        let opened = sealed.and_then(|sealed| {
            let sealed = STANDARD.decode(sealed).ok()?;
            let master = &self.app.master_key;
            let secret = master.open(PURPOSE, &row(&pool.id, key), &sealed)?;
            String::from_utf8(secret).ok()
        });
        let corrupt =
            || StoreError::Corrupt("a consumer secret doesn't open under this master key".into());
        opened.map(Zeroizing::new).ok_or_else(corrupt)
    }
}

fn has_secret(key: &str) -> bool {
    PublicProvider::named(key).is_some_and(PublicProvider::has_consumer_secret)
}

/// What a secret is bound to, besides its purpose.
fn row(pool: &PoolId, provider: &str) -> String {
    format!("{pool} {provider}")
}
