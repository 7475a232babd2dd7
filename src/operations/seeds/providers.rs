//! The OpenID Connect and SAML providers of a seed.

use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::roles::tag_changes;
use super::step::{iam, only};
use crate::app::Call;
use crate::app::providers::{oidc, saml, saml_keys};
use crate::error::{Code, Error};
use crate::model::ids::{OidcProviderArn, SamlProviderArn};
use crate::model::provider::SamlProvider;
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
    let members = only(
        &object.members,
        &[
            "Name",
            "SAMLMetadataDocument",
            "AssertionEncryptionMode",
            "AddPrivateKey",
            "Tags",
        ],
    );
    let mut input = Value::from(members);
    let arn = SamlProviderArn::new(&call.app.config.account_id, object.name());
    let provider = saml::record(call, &arn)?;
    refuse_mode_without_key(&input, provider.as_deref())?;
    let create = iam("CreateSAMLProvider");
    let Some(provider) = provider else {
        return create.run(call, input).await;
    };
    if input.get("SAMLMetadataDocument").is_none() {
        input["SAMLMetadataDocument"] = json!(provider.document);
    }
    create.check(&mut input)?;
    let mut update = json!({ "SAMLProviderArn": arn });
    if input["SAMLMetadataDocument"] != json!(provider.document) {
        update["SAMLMetadataDocument"] = input["SAMLMetadataDocument"].clone();
    }
    if let Some(mode) = input.get("AssertionEncryptionMode")
        && *mode != json!(provider.encryption)
    {
        update["AssertionEncryptionMode"] = mode.clone();
    }
    if let Some(pem) = object.text("AddPrivateKey") {
        let key = Zeroizing::new(pem.to_owned());
        if !saml_keys::has_key(call, &provider, key).await? {
            update["AddPrivateKey"] = json!(pem);
        }
    }
    if update.as_object().is_some_and(|update| update.len() > 1) {
        iam("UpdateSAMLProvider").run(call, update).await?;
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

/// Refuses the mode of an export alone, which has no private keys, with words about seeds.
fn refuse_mode_without_key(input: &Value, provider: Option<&SamlProvider>) -> Result<(), Error> {
    let has_key = input.get("AddPrivateKey").is_some()
        || provider.is_some_and(|provider| !provider.private_keys.is_empty());
    if input.get("AssertionEncryptionMode").is_none() || has_key {
        return Ok(());
    }
    Err(Code::InvalidInput.because(
        "AssertionEncryptionMode: the provider has no private key, and an export has none: name it in PrivateKeyFile.",
    ))
}
