//! The tokens of `cognate login`: kept in a file, refreshed at the provider. A rotated refresh token is stored before anything
//! else is done with the answer that has it.

use jiff::Timestamp;
use miette::{IntoDiagnostic, Result, miette};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::profile::Profile;
use super::super::user_files::{UserFile, UserFolder};
use super::is_fresh;
use super::provider::ProviderEndpoints;

/// The tokens, and what they were obtained for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::cli) struct SavedLogin {
    /// The only server that gets the ID token.
    pub(in crate::cli) endpoint: String,
    /// The provider that issued the tokens.
    pub(in crate::cli) issuer: String,
    /// The client that they were issued to.
    pub(in crate::cli) client_id: String,
    /// The newest ID token.
    pub(in crate::cli) id_token: String,
    /// The newest refresh token, if the provider gave any.
    pub(in crate::cli) refresh_token: Option<String>,
}

impl SavedLogin {
    /// Reads the login of a profile; `None` without one, or where it was made for another server or client.
    pub(in crate::cli) fn read(
        folder: &UserFolder,
        name: &str,
        profile: &Profile,
    ) -> Result<Option<Self>> {
        let Some(value) = folder.read(name, UserFile::Login)? else {
            return Ok(None);
        };
        let saved: Self = serde_json::from_value(value).into_diagnostic()?;
        let login = profile.login.as_ref();
        let is_for_it = saved.endpoint == profile.endpoint
            && login.is_some_and(|login| {
                login.issuer == saved.issuer && login.client_id == saved.client_id
            });
        Ok(is_for_it.then_some(saved))
    }

    /// Stores the tokens durably.
    pub(in crate::cli) fn write(&self, folder: &UserFolder, name: &str) -> Result<()> {
        let value = serde_json::to_value(self).into_diagnostic()?;
        folder.write(name, UserFile::Login, &value)
    }
}

/// The ID token of a login; a new one if it ends soon. The caller has the profile's lock.
pub(super) async fn token(
    folder: &UserFolder,
    name: &str,
    profile: &Profile,
    now: Timestamp,
) -> Result<String> {
    let run_login = || {
        miette!("nobody is signed in for the profile {name}: run cognate login --profile {name}")
    };
    let mut saved = SavedLogin::read(folder, name, profile)?.ok_or_else(run_login)?;
    // Nothing is sent anywhere if the server names another provider by now.
    let login = profile.login_client(name).await?;
    if is_fresh(&saved.id_token, now) {
        return Ok(saved.id_token);
    }
    let Some(refresh_token) = saved.refresh_token.clone() else {
        return Err(miette!(
            "the login of the profile {name} has ended, and the provider gave no refresh token: run cognate login --profile {name}"
        ));
    };
    let provider = ProviderEndpoints::discover(&login).await?;
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh_token.as_str()),
        ("client_id", login.client_id.as_str()),
    ];
    let answer = provider
        .post(provider.endpoint("token_endpoint")?, &form)
        .await?;
    let answer = answer.map_err(|refusal| {
        miette!("the provider refuses to refresh the login ({refusal}): run cognate login --profile {name}")
    })?;
    if let Some(rotated) = answer["refresh_token"].as_str() {
        saved.refresh_token = Some(rotated.to_owned());
    }
    if let Some(token) = answer["id_token"].as_str() {
        token.clone_into(&mut saved.id_token);
    }
    saved.write(folder, name)?;
    match answer["id_token"] {
        Value::String(ref token) => Ok(token.clone()),
        _ => Err(miette!(
            "the provider refreshed the login without a new ID token: run cognate login --profile {name}"
        )),
    }
}
