//! The tags of OpenID Connect and SAML providers.
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_TagOpenIDConnectProvider.html>

use serde::Deserialize;

use super::{
    ListTagsOutput, Paging, Tag, oidc_providers, saml_providers, set_tag_keys, set_tags, tags_of,
};
use crate::app::Call;
use crate::app::access::condition_keys::RequestKeys;
use crate::app::access::resource::Resource;
use crate::app::providers::{oidc, saml};
use crate::error::Error;
use crate::operations::answer::NoOutput;
use crate::operations::{Access, Operation, Service};

/// Adds tags to an OpenID Connect provider. They replace the tags with the same keys.
#[derive(Deserialize)]
pub(crate) struct TagOpenIDConnectProvider {
    #[serde(rename = "OpenIDConnectProviderArn")]
    arn: String,
    #[serde(rename = "Tags")]
    tags: Vec<Tag>,
}

impl Operation for TagOpenIDConnectProvider {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "TagOpenIDConnectProvider";
    const ACCESS: Access = Access::Signed;
    type Output = NoOutput;

    fn resource(&self, _call: &Call<'_>) -> Resource {
        oidc_providers::resource(&self.arn)
    }

    fn request_keys(&self, keys: &mut RequestKeys) {
        set_tag_keys(&self.tags, keys);
    }

    async fn run(self, call: &Call<'_>) -> Result<NoOutput, Error> {
        let mut provider = oidc::find(call, &self.arn)?;
        let tags = tags_of(self.tags)?;
        set_tags(&mut provider.tags, &tags, "OpenIdConnectProvider")?;
        oidc::replace(call, provider).await?;
        Ok(NoOutput)
    }
}

/// Removes tags from an OpenID Connect provider. Unknown keys are no error.
#[derive(Deserialize)]
pub(crate) struct UntagOpenIDConnectProvider {
    #[serde(rename = "OpenIDConnectProviderArn")]
    arn: String,
    #[serde(rename = "TagKeys")]
    tag_keys: Vec<String>,
}

impl Operation for UntagOpenIDConnectProvider {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "UntagOpenIDConnectProvider";
    const ACCESS: Access = Access::Signed;
    type Output = NoOutput;

    fn resource(&self, _call: &Call<'_>) -> Resource {
        oidc_providers::resource(&self.arn)
    }

    fn request_keys(&self, keys: &mut RequestKeys) {
        keys.set_tag_keys(self.tag_keys.iter().map(String::as_str));
    }

    async fn run(self, call: &Call<'_>) -> Result<NoOutput, Error> {
        let mut provider = oidc::find(call, &self.arn)?;
        let keys = self.tag_keys.iter();
        keys.for_each(|key| provider.tags.remove(key));
        oidc::replace(call, provider).await?;
        Ok(NoOutput)
    }
}

/// Lists the tags of an OpenID Connect provider.
#[derive(Deserialize)]
pub(crate) struct ListOpenIDConnectProviderTags {
    #[serde(rename = "OpenIDConnectProviderArn")]
    arn: String,
    #[serde(flatten)]
    paging: Paging,
}

impl Operation for ListOpenIDConnectProviderTags {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "ListOpenIDConnectProviderTags";
    const ACCESS: Access = Access::Signed;
    type Output = ListTagsOutput;

    fn resource(&self, _call: &Call<'_>) -> Resource {
        oidc_providers::resource(&self.arn)
    }

    async fn run(self, call: &Call<'_>) -> Result<ListTagsOutput, Error> {
        let provider = oidc::find(call, &self.arn)?;
        Ok(ListTagsOutput::page(&provider.tags, &self.paging))
    }
}

/// Adds tags to a SAML provider. They replace the tags with the same keys.
#[derive(Deserialize)]
pub(crate) struct TagSAMLProvider {
    #[serde(rename = "SAMLProviderArn")]
    arn: String,
    #[serde(rename = "Tags")]
    tags: Vec<Tag>,
}

impl Operation for TagSAMLProvider {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "TagSAMLProvider";
    const ACCESS: Access = Access::Signed;
    type Output = NoOutput;

    fn resource(&self, _call: &Call<'_>) -> Resource {
        saml_providers::resource(&self.arn)
    }

    fn request_keys(&self, keys: &mut RequestKeys) {
        set_tag_keys(&self.tags, keys);
    }

    async fn run(self, call: &Call<'_>) -> Result<NoOutput, Error> {
        let mut provider = saml::find(call, &self.arn)?;
        let tags = tags_of(self.tags)?;
        set_tags(&mut provider.tags, &tags, "SAMLProvider")?;
        saml::replace(call, provider).await?;
        Ok(NoOutput)
    }
}

/// Removes tags from a SAML provider. Unknown keys are no error.
#[derive(Deserialize)]
pub(crate) struct UntagSAMLProvider {
    #[serde(rename = "SAMLProviderArn")]
    arn: String,
    #[serde(rename = "TagKeys")]
    tag_keys: Vec<String>,
}

impl Operation for UntagSAMLProvider {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "UntagSAMLProvider";
    const ACCESS: Access = Access::Signed;
    type Output = NoOutput;

    fn resource(&self, _call: &Call<'_>) -> Resource {
        saml_providers::resource(&self.arn)
    }

    fn request_keys(&self, keys: &mut RequestKeys) {
        keys.set_tag_keys(self.tag_keys.iter().map(String::as_str));
    }

    async fn run(self, call: &Call<'_>) -> Result<NoOutput, Error> {
        let mut provider = saml::find(call, &self.arn)?;
        let keys = self.tag_keys.iter();
        keys.for_each(|key| provider.tags.remove(key));
        saml::replace(call, provider).await?;
        Ok(NoOutput)
    }
}

/// Lists the tags of a SAML provider.
#[derive(Deserialize)]
pub(crate) struct ListSAMLProviderTags {
    #[serde(rename = "SAMLProviderArn")]
    arn: String,
    #[serde(flatten)]
    paging: Paging,
}

impl Operation for ListSAMLProviderTags {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "ListSAMLProviderTags";
    const ACCESS: Access = Access::Signed;
    type Output = ListTagsOutput;

    fn resource(&self, _call: &Call<'_>) -> Resource {
        saml_providers::resource(&self.arn)
    }

    async fn run(self, call: &Call<'_>) -> Result<ListTagsOutput, Error> {
        let provider = saml::find(call, &self.arn)?;
        Ok(ListTagsOutput::page(&provider.tags, &self.paging))
    }
}
