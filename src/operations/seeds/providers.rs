//! The OpenID Connect and SAML providers of a seed.

use serde_json::{Value, json};

use super::roles::tag_changes;
use super::step::{iam, only};
use crate::app::Call;
use crate::app::providers::{oidc, saml};
use crate::error::{Code, Error};
use crate::model::ids::{OidcProviderArn, SamlProviderArn};
use crate::model::seed::SeedObject;

/// Makes or changes an OpenID Connect provider. Members that the seed doesn't have stay as they are.
pub(super) async fn apply_oidc(call: &Call<'_>, object: &SeedObject) -> Result<(), Error> {
    let mut input = Value::from(object.members.clone());
    let url = object.name();
    // The real service shows the URL without its scheme.
    let url = if url.contains("://") {
        url.to_owned()
    } else {
        format!("https://{url}")
    };
    input["Url"] = json!(url);
    let create = iam("CreateOpenIDConnectProvider");
    create.check(&mut input)?;
    let name = url.split_once("://").map_or("", |(_, name)| name);
    let Some(provider) = oidc::record(call, name)? else {
        return create.run(call, input).await;
    };
    if provider.issuer != url {
        return Err(Code::InvalidInput.because(format!(
            "The provider is registered as {}; its URL can't change.",
            provider.issuer
        )));
    }
    let arn = json!(OidcProviderArn::new(&call.app.config.account_id, name));
    if let Some(Value::Array(wanted)) = input.get("ClientIDList") {
        let has = |id: &Value| provider.client_ids.iter().any(|known| *id == **known);
        for id in &provider.client_ids {
            if !wanted.iter().any(|wanted| *wanted == **id) {
                let input = json!({ "OpenIDConnectProviderArn": arn, "ClientID": id });
                let step = iam("RemoveClientIDFromOpenIDConnectProvider");
                step.run(call, input).await?;
            }
        }
        for id in wanted.iter().filter(|id| !has(id)) {
            let input = json!({ "OpenIDConnectProviderArn": arn, "ClientID": id });
            let step = iam("AddClientIDToOpenIDConnectProvider");
            step.run(call, input).await?;
        }
    }
    if let Some(thumbprints) = input.get("ThumbprintList")
        && *thumbprints != json!(provider.thumbprints)
    {
        let input = json!({ "OpenIDConnectProviderArn": arn, "ThumbprintList": thumbprints });
        let step = iam("UpdateOpenIDConnectProviderThumbprint");
        step.run(call, input).await?;
    }
    if let Some(tags) = input.get("Tags") {
        let (set, removed) = tag_changes(&provider.tags, tags);
        if !removed.is_empty() {
            let input = json!({ "OpenIDConnectProviderArn": arn, "TagKeys": removed });
            iam("UntagOpenIDConnectProvider").run(call, input).await?;
        }
        if !set.is_empty() {
            let input = json!({ "OpenIDConnectProviderArn": arn, "Tags": set });
            iam("TagOpenIDConnectProvider").run(call, input).await?;
        }
    }
    Ok(())
}

/// Makes or changes a SAML provider. Members that the seed doesn't have stay as they are.
pub(super) async fn apply_saml(call: &Call<'_>, object: &SeedObject) -> Result<(), Error> {
    let members = only(&object.members, &["Name", "SAMLMetadataDocument", "Tags"]);
    let mut input = Value::from(members);
    let arn = SamlProviderArn::new(&call.app.config.account_id, object.name());
    let provider = saml::record(call, &arn)?;
    let create = iam("CreateSAMLProvider");
    let Some(provider) = provider else {
        return create.run(call, input).await;
    };
    if input.get("SAMLMetadataDocument").is_none() {
        input["SAMLMetadataDocument"] = json!(provider.document);
    }
    create.check(&mut input)?;
    if input["SAMLMetadataDocument"] != json!(provider.document) {
        let input = json!({
            "SAMLProviderArn": arn, "SAMLMetadataDocument": input["SAMLMetadataDocument"],
        });
        iam("UpdateSAMLProvider").run(call, input).await?;
    }
    if let Some(tags) = input.get("Tags") {
        let (set, removed) = tag_changes(&provider.tags, tags);
        if !removed.is_empty() {
            let input = json!({ "SAMLProviderArn": arn, "TagKeys": removed });
            iam("UntagSAMLProvider").run(call, input).await?;
        }
        if !set.is_empty() {
            let input = json!({ "SAMLProviderArn": arn, "Tags": set });
            iam("TagSAMLProvider").run(call, input).await?;
        }
    }
    Ok(())
}
