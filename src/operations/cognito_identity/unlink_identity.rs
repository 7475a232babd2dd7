//! UnlinkIdentity.

use serde::Deserialize;

use super::Logins;
use crate::app::Call;
use crate::app::identities::{self, id_in};
use crate::app::sign_in::SignInError;
use crate::app::sign_in::logins::{self, PresentedTo, ProofError};
use crate::error::Error;
use crate::model::identity::State;
use crate::operations::answer::NoOutput;
use crate::operations::{Access, Operation, Service};

/// Unlinks logins from an identity. The caller must prove each of them; only an administrator can remove a lost login.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct UnlinkIdentity {
    identity_id: String,
    logins: Logins,
    logins_to_remove: Vec<String>,
}

impl Operation for UnlinkIdentity {
    const SERVICE: Service = Service::CognitoIdentity;
    const NAME: &'static str = "UnlinkIdentity";
    const ACCESS: Access = Access::Public;
    type Output = NoOutput;

    async fn run(self, call: &Call<'_>) -> Result<NoOutput, Error> {
        let (identity, pool) = identities::find(call, &self.identity_id).await?;
        if identity.state != State::Live {
            return Err(SignInError::Forbidden(id_in(&pool, identity.id)).into());
        }
        let developer = pool.settings.developer_provider_name.as_ref();
        if self
            .logins_to_remove
            .iter()
            .any(|name| Some(name) == developer)
        {
            return Err(ProofError::DeveloperProvider.into());
        }
        let proofs =
            logins::verify(call, &pool, &self.logins, PresentedTo::Identity(&identity)).await?;
        if !proofs.iter().any(|proof| identity.has(&proof.login)) {
            return Err(SignInError::LoginsDontMatch.into());
        }
        let mut logins = Vec::with_capacity(self.logins_to_remove.len());
        for name in &self.logins_to_remove {
            let proof = proofs.iter().find(|proof| proof.login.provider == *name);
            let proof = proof.ok_or(SignInError::LoginsDontMatch)?;
            logins.push(proof.login.clone());
        }
        if !logins.is_empty() {
            identities::unlink(call, &pool, &identity, logins).await?;
        }
        Ok(NoOutput)
    }
}
