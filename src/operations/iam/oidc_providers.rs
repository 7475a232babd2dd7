//! OpenID Connect providers.
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateOpenIDConnectProvider.html>

use serde::{Deserialize, Serialize};

use super::{IdentityCenter, Tag, set_tag_keys, shown, tags_of};
use crate::app::Call;
use crate::app::access::condition_keys::RequestKeys;
use crate::app::access::resource::Resource;
use crate::app::providers::oidc;
use crate::error::{Code, Error};
use crate::model::ids::OidcProviderArn;
use crate::model::issuer::{IssuerError, IssuerUrl};
use crate::model::provider::OidcProvider;
use crate::operations::answer::{EpochSeconds, NoOutput};
use crate::operations::{Access, Operation, Service};

/// How many client ids a provider may have.
const CLIENT_IDS: usize = 100;

/// How many thumbprints a provider may have.
const THUMBPRINTS: usize = 5;

/// Registers a provider.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CreateOpenIDConnectProvider {
    url: String,
    #[serde(default, rename = "ClientIDList")]
    client_id_list: Vec<String>,
    #[serde(default)]
    thumbprint_list: Vec<String>,
    #[serde(default)]
    tags: Vec<Tag>,
    #[serde(flatten)]
    identity_center: IdentityCenter,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CreateOpenIDConnectProviderOutput {
    #[serde(rename = "OpenIDConnectProviderArn")]
    arn: OidcProviderArn,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Tag>,
}

impl Operation for CreateOpenIDConnectProvider {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "CreateOpenIDConnectProvider";
    const ACCESS: Access = Access::Signed;
    type Output = CreateOpenIDConnectProviderOutput;

    fn resource(&self, call: &Call<'_>) -> Resource {
        self.issuer(call).map_or_else(
            |_| Resource::any(),
            |issuer| {
                let account = &call.app.config.account_id;
                Resource::oidc_provider(&OidcProviderArn::new(account, issuer.name()))
            },
        )
    }

    fn request_keys(&self, keys: &mut RequestKeys) {
        set_tag_keys(&self.tags, keys);
    }

    async fn run(self, call: &Call<'_>) -> Result<CreateOpenIDConnectProviderOutput, Error> {
        self.identity_center.refuse()?;
        let issuer = self.issuer(call);
        let issuer = issuer.map_err(|error| Code::InvalidInput.because(format!("{error}.")))?;
        let arn = OidcProviderArn::new(&call.app.config.account_id, issuer.name());
        let mut client_ids: Vec<String> = Vec::new();
        for client_id in self.client_id_list {
            add_client_id(&mut client_ids, client_id)?;
        }
        let provider = OidcProvider {
            arn: arn.clone(),
            version: 1,
            uuid: call.app.ambient.uuid(),
            issuer: issuer.url().to_owned(),
            client_ids,
            thumbprints: thumbprints(self.thumbprint_list)?,
            tags: tags_of(self.tags)?,
            created: call.now,
            is_test_issuer: false,
        };
        let tags = shown(&provider.tags);
        oidc::add(call, provider).await?;
        Ok(CreateOpenIDConnectProviderOutput { arn, tags })
    }
}

impl CreateOpenIDConnectProvider {
    fn issuer(&self, call: &Call<'_>) -> Result<IssuerUrl, IssuerError> {
        let accepted = call.app.config.accepted_http_issuers();
        IssuerUrl::parse(&self.url, accepted, call.app.tokens.issuer())
    }
}

/// Shows a provider.
#[derive(Deserialize)]
pub(crate) struct GetOpenIDConnectProvider {
    #[serde(rename = "OpenIDConnectProviderArn")]
    arn: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct GetOpenIDConnectProviderOutput {
    url: String,
    #[serde(rename = "ClientIDList")]
    client_id_list: Vec<String>,
    thumbprint_list: Vec<String>,
    create_date: EpochSeconds,
    tags: Vec<Tag>,
}

impl Operation for GetOpenIDConnectProvider {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "GetOpenIDConnectProvider";
    const ACCESS: Access = Access::Signed;
    type Output = GetOpenIDConnectProviderOutput;

    fn resource(&self, _call: &Call<'_>) -> Resource {
        resource(&self.arn)
    }

    async fn run(self, call: &Call<'_>) -> Result<GetOpenIDConnectProviderOutput, Error> {
        let provider = oidc::find(call, &self.arn)?;
        Ok(GetOpenIDConnectProviderOutput {
            // As the real service shows it: without the scheme.
            url: provider.arn.name().to_owned(),
            client_id_list: provider.client_ids,
            thumbprint_list: provider.thumbprints,
            create_date: EpochSeconds(provider.created),
            tags: shown(&provider.tags),
        })
    }
}

/// Lists all providers.
#[derive(Deserialize)]
pub(crate) struct ListOpenIDConnectProviders {}

#[derive(Serialize)]
pub(crate) struct ListOpenIDConnectProvidersOutput {
    #[serde(rename = "OpenIDConnectProviderList")]
    list: Vec<OpenIDConnectProviderListEntry>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct OpenIDConnectProviderListEntry {
    arn: OidcProviderArn,
}

impl Operation for ListOpenIDConnectProviders {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "ListOpenIDConnectProviders";
    const ACCESS: Access = Access::Signed;
    type Output = ListOpenIDConnectProvidersOutput;

    async fn run(self, call: &Call<'_>) -> Result<ListOpenIDConnectProvidersOutput, Error> {
        let providers = oidc::list(call)?;
        let list = providers
            .iter()
            .map(|provider| OpenIDConnectProviderListEntry {
                arn: provider.arn.clone(),
            });
        Ok(ListOpenIDConnectProvidersOutput {
            list: list.collect(),
        })
    }
}

/// Adds a client id, unless the provider has it already.
#[derive(Deserialize)]
pub(crate) struct AddClientIDToOpenIDConnectProvider {
    #[serde(rename = "OpenIDConnectProviderArn")]
    arn: String,
    #[serde(rename = "ClientID")]
    client_id: String,
}

impl Operation for AddClientIDToOpenIDConnectProvider {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "AddClientIDToOpenIDConnectProvider";
    const ACCESS: Access = Access::Signed;
    type Output = NoOutput;

    fn resource(&self, _call: &Call<'_>) -> Resource {
        resource(&self.arn)
    }

    async fn run(self, call: &Call<'_>) -> Result<NoOutput, Error> {
        let mut provider = oidc::find(call, &self.arn)?;
        add_client_id(&mut provider.client_ids, self.client_id)?;
        oidc::replace(call, provider).await?;
        Ok(NoOutput)
    }
}

/// Removes a client id. An unknown client id is no error.
#[derive(Deserialize)]
pub(crate) struct RemoveClientIDFromOpenIDConnectProvider {
    #[serde(rename = "OpenIDConnectProviderArn")]
    arn: String,
    #[serde(rename = "ClientID")]
    client_id: String,
}

impl Operation for RemoveClientIDFromOpenIDConnectProvider {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "RemoveClientIDFromOpenIDConnectProvider";
    const ACCESS: Access = Access::Signed;
    type Output = NoOutput;

    fn resource(&self, _call: &Call<'_>) -> Resource {
        resource(&self.arn)
    }

    async fn run(self, call: &Call<'_>) -> Result<NoOutput, Error> {
        let mut provider = oidc::find(call, &self.arn)?;
        provider
            .client_ids
            .retain(|client_id| *client_id != self.client_id);
        oidc::replace(call, provider).await?;
        Ok(NoOutput)
    }
}

/// Replaces all thumbprints.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct UpdateOpenIDConnectProviderThumbprint {
    #[serde(rename = "OpenIDConnectProviderArn")]
    arn: String,
    thumbprint_list: Vec<String>,
}

impl Operation for UpdateOpenIDConnectProviderThumbprint {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "UpdateOpenIDConnectProviderThumbprint";
    const ACCESS: Access = Access::Signed;
    type Output = NoOutput;

    fn resource(&self, _call: &Call<'_>) -> Resource {
        resource(&self.arn)
    }

    async fn run(self, call: &Call<'_>) -> Result<NoOutput, Error> {
        let mut provider = oidc::find(call, &self.arn)?;
        provider.thumbprints = thumbprints(self.thumbprint_list)?;
        oidc::replace(call, provider).await?;
        Ok(NoOutput)
    }
}

/// Removes a provider. An unknown ARN is no error. A pool that names the provider refuses its tokens from then on.
#[derive(Deserialize)]
pub(crate) struct DeleteOpenIDConnectProvider {
    #[serde(rename = "OpenIDConnectProviderArn")]
    arn: String,
}

impl Operation for DeleteOpenIDConnectProvider {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "DeleteOpenIDConnectProvider";
    const ACCESS: Access = Access::Signed;
    type Output = NoOutput;

    fn resource(&self, _call: &Call<'_>) -> Resource {
        resource(&self.arn)
    }

    async fn run(self, call: &Call<'_>) -> Result<NoOutput, Error> {
        oidc::remove(call, &self.arn).await?;
        Ok(NoOutput)
    }
}

/// The provider with this ARN, for authorisation.
pub(super) fn resource(arn: &str) -> Resource {
    let arn = OidcProviderArn::parse(arn);
    arn.map_or_else(Resource::any, |arn| Resource::oidc_provider(&arn))
}

fn add_client_id(client_ids: &mut Vec<String>, client_id: String) -> Result<(), Error> {
    if client_ids.contains(&client_id) {
        return Ok(());
    }
    if client_ids.len() == CLIENT_IDS {
        return Err(Code::LimitExceeded.because(format!(
            "Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: {CLIENT_IDS}"
        )));
    }
    client_ids.push(client_id);
    Ok(())
}

/// Checks that thumbprints are hexadecimal. The service model has checked their length.
fn thumbprints(list: Vec<String>) -> Result<Vec<String>, Error> {
    if list.len() > THUMBPRINTS {
        return Err(Code::InvalidInput.because(format!(
            "Thumbprint list must contain at most {THUMBPRINTS} entries."
        )));
    }
    let hex = |text: &String| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if list.iter().all(hex) {
        Ok(list)
    } else {
        Err(Code::InvalidInput.because("Thumbprints are 40 hexadecimal digits."))
    }
}
