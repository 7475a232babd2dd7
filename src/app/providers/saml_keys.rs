//! The private keys of SAML providers, which decrypt assertions. A provider's record keeps them, sealed for its ARN, and no
//! answer has them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::ambient::Ambient;
use crate::app::Call;
use crate::app::keys::resealing::reseal;
use crate::error::{Code, Error};
use crate::logins::LoginError;
use crate::logins::saml::{DecryptionKey, MOST_KEYS};
use crate::model::ids::SamlProviderArn;
use crate::model::provider::{AssertionEncryption, SamlProvider, SealedPrivateKey};
use crate::seal::master_keys::{MasterKeys, Unopened};
use crate::store::StoreError;

const PURPOSE: &str = "SAML private key";

/// A change of a provider's encryption. A member that isn't set changes nothing.
#[derive(Default)]
pub struct EncryptionChange {
    /// Whether assertions may or must be encrypted.
    pub mode: Option<AssertionEncryption>,
    /// A private key to add, in PEM.
    pub add: Option<Zeroizing<String>>,
    /// The id of a private key to remove, before one is added.
    pub remove: Option<String>,
}

impl EncryptionChange {
    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.mode.is_none() && self.add.is_none() && self.remove.is_none()
    }

    /// Changes `provider`, which is stored afterwards.
    pub async fn apply(self, call: &Call<'_>, provider: &mut SamlProvider) -> Result<(), Error> {
        if let Some(id) = self.remove {
            let before = provider.private_keys.len();
            provider.private_keys.retain(|key| key.id != id);
            if provider.private_keys.len() == before {
                return Err(Code::NoSuchEntity
                    .because(format!("The provider has no private key with the id {id}.")));
            }
        }
        if let Some(pem) = self.add {
            add(call, provider, pem).await?;
        }
        let mode = self.mode.or(provider.encryption);
        let mode = mode.unwrap_or(AssertionEncryption::Allowed);
        let has_keys = !provider.private_keys.is_empty();
        if mode == AssertionEncryption::Required && !has_keys {
            return Err(Code::InvalidInput.because(
                "AssertionEncryptionMode Required needs a private key: add one first, or set the mode to Allowed.",
            ));
        }
        provider.encryption = has_keys.then_some(mode);
        Ok(())
    }
}

async fn add(
    call: &Call<'_>,
    provider: &mut SamlProvider,
    pem: Zeroizing<String>,
) -> Result<(), Error> {
    if provider.private_keys.len() >= MOST_KEYS {
        return Err(Code::LimitExceeded.because(format!(
            "A SAML provider can have {MOST_KEYS} private keys: remove one first."
        )));
    }
    let key = read(call, pem).await?;
    let known = decryption_keys(call, provider)?;
    if known.iter().any(|known| known.is(&key)) {
        return Err(Code::InvalidInput.because("The provider has this private key already."));
    }
    let (master, ambient) = (&call.app.master_key, call.app.ambient.as_ref());
    let id = format!("{:X}", ambient.uuid().simple());
    let sealed = master.seal(PURPOSE, &row(&provider.arn, &id), key.bytes(), ambient);
    provider.private_keys.push(SealedPrivateKey {
        id,
        added: call.now,
        sealed: STANDARD.encode(sealed),
    });
    Ok(())
}

/// The private keys of `provider`.
pub fn decryption_keys(
    call: &Call<'_>,
    provider: &SamlProvider,
) -> Result<Vec<DecryptionKey>, StoreError> {
    let opened = provider.private_keys.iter().map(|key| {
        let sealed = STANDARD.decode(&key.sealed).ok()?;
        let name = row(&provider.arn, &key.id);
        call.app.master_key.open(PURPOSE, &name, &sealed)
    });
    let opened: Option<Vec<Vec<u8>>> = opened.collect();
    let corrupt = || {
        StoreError::Corrupt(
            "a private key of a SAML provider doesn't open under this master key".into(),
        )
    };
    let opened = opened.ok_or_else(corrupt)?;
    Ok(opened.into_iter().map(DecryptionKey::from_bytes).collect())
}

/// The private key in this PEM file.
async fn read(call: &Call<'_>, pem: Zeroizing<String>) -> Result<DecryptionKey, Error> {
    let pool = &call.app.pools.expensive;
    let key = pool.run(move || DecryptionKey::from_pem(&pem)).await;
    let key = key.map_err(LoginError::Overloaded)?;
    key.map_err(|error| {
        Code::InvalidInput.because(format!("The private key can't be used: {error}."))
    })
}

/// Whether `provider` has this private key, in PEM.
pub async fn has_key(
    call: &Call<'_>,
    provider: &SamlProvider,
    pem: Zeroizing<String>,
) -> Result<bool, Error> {
    let key = read(call, pem).await?;
    let known = decryption_keys(call, provider)?;
    Ok(known.iter().any(|known| known.is(&key)))
}

/// The provider with its private keys sealed again under the first master key; `None` if they are.
pub(in crate::app) fn resealed(
    provider: &SamlProvider,
    master: &MasterKeys,
    ambient: &dyn Ambient,
) -> Result<Option<SamlProvider>, Unopened> {
    let mut changed = provider.clone();
    for key in &mut changed.private_keys {
        let name = row(&provider.arn, &key.id);
        if let Some(again) = reseal(master, (PURPOSE, &name), &key.sealed, ambient)? {
            key.sealed = again;
        }
    }
    Ok((changed.private_keys != provider.private_keys).then_some(changed))
}

/// The row that a key is sealed for.
fn row(provider: &SamlProviderArn, id: &str) -> String {
    format!("{provider} {id}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ambient::Real;
    use crate::model::ids::AccountId;
    use crate::model::provider::SamlMetadata;
    use crate::model::tags::Tags;
    use crate::seal::master_key;

    #[test]
    fn a_key_is_sealed_again_under_the_first_master_key() {
        let keys = |bytes: &[u8]| {
            let lines = bytes.iter().map(|byte| STANDARD.encode([*byte; 32]));
            let lines: Vec<String> = lines.collect();
            master_key::parse(&lines.join("\n")).unwrap()
        };
        let (old, both, new) = (keys(&[1]), keys(&[2, 1]), keys(&[2]));
        let account = AccountId::parse("123456789012").unwrap();
        let arn = SamlProviderArn::new(&account, "corp");
        let sealed = old.seal(PURPOSE, &row(&arn, "A"), b"secret", &Real);
        let provider = SamlProvider {
            arn: arn.clone(),
            version: 1,
            uuid: uuid::Uuid::nil(),
            document: String::new(),
            metadata: SamlMetadata {
                entity_id: "e".to_owned(),
                certificates: Vec::new(),
                valid_until: None,
            },
            encryption: None,
            private_keys: vec![SealedPrivateKey {
                id: "A".to_owned(),
                added: jiff::Timestamp::UNIX_EPOCH,
                sealed: STANDARD.encode(sealed),
            }],
            tags: Tags::default(),
            created: jiff::Timestamp::UNIX_EPOCH,
        };
        let changed = resealed(&provider, &both, &Real).unwrap().unwrap();
        let sealed = STANDARD.decode(&changed.private_keys[0].sealed).unwrap();
        let opened = new.open(PURPOSE, &row(&arn, "A"), &sealed).unwrap();
        assert_eq!(opened, b"secret");
        let other = SamlProviderArn::new(&account, "other");
        assert_eq!(new.open(PURPOSE, &row(&other, "A"), &sealed), None);
        assert_eq!(new.open(PURPOSE, &row(&arn, "B"), &sealed), None);
        assert_eq!(resealed(&changed, &both, &Real), Ok(None));
        assert_eq!(resealed(&provider, &new, &Real), Err(Unopened));
    }
}
