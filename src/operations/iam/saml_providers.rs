//! SAML providers. <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateSAMLProvider.html>

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{IdentityCenter, Tag, set_tag_keys, shown, tags_of};
use crate::app::Call;
use crate::app::access::condition_keys::RequestKeys;
use crate::app::access::resource::Resource;
use crate::app::providers::saml;
use crate::app::providers::saml_keys::EncryptionChange;
use crate::error::Error;
use crate::model::ids::SamlProviderArn;
use crate::model::provider::AssertionEncryption;
use crate::operations::answer::{EpochSeconds, NoOutput};
use crate::operations::{Access, Operation, Service};

/// Registers a provider.
#[derive(Deserialize)]
pub(crate) struct CreateSAMLProvider {
    #[serde(rename = "SAMLMetadataDocument")]
    document: String,
    #[serde(rename = "Name")]
    name: String,
    #[serde(default, rename = "Tags")]
    tags: Vec<Tag>,
    #[serde(flatten)]
    encryption: Encryption,
    #[serde(flatten)]
    identity_center: IdentityCenter,
}

/// The parameters for encrypted assertions.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Encryption {
    assertion_encryption_mode: Option<AssertionEncryption>,
    add_private_key: Option<String>,
    remove_private_key: Option<String>,
}

impl From<Encryption> for EncryptionChange {
    fn from(encryption: Encryption) -> Self {
        Self {
            mode: encryption.assertion_encryption_mode,
            add: encryption.add_private_key.map(Zeroizing::new),
            remove: encryption.remove_private_key,
        }
    }
}

#[derive(Serialize)]
pub(crate) struct CreateSAMLProviderOutput {
    #[serde(rename = "SAMLProviderArn")]
    arn: SamlProviderArn,
    #[serde(rename = "Tags", skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Tag>,
}

impl Operation for CreateSAMLProvider {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "CreateSAMLProvider";
    const ACCESS: Access = Access::Signed;
    type Output = CreateSAMLProviderOutput;

    fn resource(&self, call: &Call<'_>) -> Resource {
        resource(SamlProviderArn::new(&call.app.config.account_id, &self.name).as_str())
    }

    fn request_keys(&self, keys: &mut RequestKeys) {
        set_tag_keys(&self.tags, keys);
    }

    async fn run(self, call: &Call<'_>) -> Result<CreateSAMLProviderOutput, Error> {
        self.identity_center.refuse()?;
        let tags = tags_of(self.tags)?;
        let shown = shown(&tags);
        let encryption = self.encryption.into();
        let arn = saml::add(call, &self.name, self.document, tags, encryption).await?;
        Ok(CreateSAMLProviderOutput { arn, tags: shown })
    }
}

/// Shows a provider.
#[derive(Deserialize)]
pub(crate) struct GetSAMLProvider {
    #[serde(rename = "SAMLProviderArn")]
    arn: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct GetSAMLProviderOutput {
    #[serde(rename = "SAMLProviderUUID")]
    uuid: String,
    #[serde(rename = "SAMLMetadataDocument")]
    document: String,
    create_date: EpochSeconds,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_until: Option<EpochSeconds>,
    tags: Vec<Tag>,
    #[serde(skip_serializing_if = "Option::is_none")]
    assertion_encryption_mode: Option<AssertionEncryption>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    private_key_list: Vec<SAMLPrivateKey>,
}

/// A private key without the key.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SAMLPrivateKey {
    key_id: String,
    timestamp: EpochSeconds,
}

impl Operation for GetSAMLProvider {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "GetSAMLProvider";
    const ACCESS: Access = Access::Signed;
    type Output = GetSAMLProviderOutput;

    fn resource(&self, _call: &Call<'_>) -> Resource {
        resource(&self.arn)
    }

    async fn run(self, call: &Call<'_>) -> Result<GetSAMLProviderOutput, Error> {
        let provider = saml::find(call, &self.arn)?;
        let keys = provider.private_keys.into_iter().map(|key| SAMLPrivateKey {
            key_id: key.id,
            timestamp: EpochSeconds(key.added),
        });
        Ok(GetSAMLProviderOutput {
            uuid: format!("{:X}", provider.uuid.simple()),
            document: provider.document,
            create_date: EpochSeconds(provider.created),
            valid_until: provider.metadata.valid_until.map(EpochSeconds),
            tags: shown(&provider.tags),
            assertion_encryption_mode: provider.encryption,
            private_key_list: keys.collect(),
        })
    }
}

/// Lists all providers.
#[derive(Deserialize)]
pub(crate) struct ListSAMLProviders {}

#[derive(Serialize)]
pub(crate) struct ListSAMLProvidersOutput {
    #[serde(rename = "SAMLProviderList")]
    list: Vec<SAMLProviderListEntry>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SAMLProviderListEntry {
    arn: SamlProviderArn,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_until: Option<EpochSeconds>,
    create_date: EpochSeconds,
}

impl Operation for ListSAMLProviders {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "ListSAMLProviders";
    const ACCESS: Access = Access::Signed;
    type Output = ListSAMLProvidersOutput;

    async fn run(self, call: &Call<'_>) -> Result<ListSAMLProvidersOutput, Error> {
        let providers = saml::list(call)?;
        let list = providers.iter().map(|provider| SAMLProviderListEntry {
            arn: provider.arn.clone(),
            valid_until: provider.metadata.valid_until.map(EpochSeconds),
            create_date: EpochSeconds(provider.created),
        });
        Ok(ListSAMLProvidersOutput {
            list: list.collect(),
        })
    }
}

/// Replaces the metadata document of a provider, or changes its encryption. What isn't set doesn't change.
#[derive(Deserialize)]
pub(crate) struct UpdateSAMLProvider {
    #[serde(rename = "SAMLProviderArn")]
    arn: String,
    #[serde(rename = "SAMLMetadataDocument")]
    document: Option<String>,
    #[serde(flatten)]
    encryption: Encryption,
    #[serde(flatten)]
    identity_center: IdentityCenter,
}

#[derive(Serialize)]
pub(crate) struct UpdateSAMLProviderOutput {
    #[serde(rename = "SAMLProviderArn")]
    arn: String,
}

impl Operation for UpdateSAMLProvider {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "UpdateSAMLProvider";
    const ACCESS: Access = Access::Signed;
    type Output = UpdateSAMLProviderOutput;

    fn resource(&self, _call: &Call<'_>) -> Resource {
        resource(&self.arn)
    }

    async fn run(self, call: &Call<'_>) -> Result<UpdateSAMLProviderOutput, Error> {
        self.identity_center.refuse()?;
        saml::update(call, &self.arn, self.document, self.encryption.into()).await?;
        Ok(UpdateSAMLProviderOutput { arn: self.arn })
    }
}

/// Removes a provider. A pool that names it refuses its responses from then on.
#[derive(Deserialize)]
pub(crate) struct DeleteSAMLProvider {
    #[serde(rename = "SAMLProviderArn")]
    arn: String,
}

impl Operation for DeleteSAMLProvider {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "DeleteSAMLProvider";
    const ACCESS: Access = Access::Signed;
    type Output = NoOutput;

    fn resource(&self, _call: &Call<'_>) -> Resource {
        resource(&self.arn)
    }

    async fn run(self, call: &Call<'_>) -> Result<NoOutput, Error> {
        saml::remove(call, &self.arn).await?;
        Ok(NoOutput)
    }
}

/// The provider with this ARN, for authorisation.
pub(super) fn resource(arn: &str) -> Resource {
    let arn = SamlProviderArn::parse(arn);
    arn.map_or_else(Resource::any, |arn| Resource::saml_provider(&arn))
}
