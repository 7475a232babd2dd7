//! UnlinkDeveloperIdentity.

use serde::Deserialize;

use super::get_open_id_token_for_developer_identity::other_developer;
use super::pool_resource;
use crate::app::access::authorise::IdentitySessions;
use crate::app::access::resource::Resource;
use crate::app::{Call, identities, pools};
use crate::error::Error;
use crate::model::identity::Login;
use crate::operations::answer::NoOutput;
use crate::operations::{Access, Operation, Service};

/// Unlinks one of the developer's users from an identity. The user gets a new identity at the next sign-in; an identity
/// without logins is disabled.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct UnlinkDeveloperIdentity {
    identity_id: String,
    identity_pool_id: String,
    developer_provider_name: String,
    developer_user_identifier: String,
}

impl Operation for UnlinkDeveloperIdentity {
    const SERVICE: Service = Service::CognitoIdentity;
    const NAME: &'static str = "UnlinkDeveloperIdentity";
    const ACCESS: Access = Access::Signed;
    const IDENTITY_SESSIONS: IdentitySessions = IdentitySessions::IfConfigured;
    type Output = NoOutput;

    fn resource(&self, call: &Call<'_>) -> Resource {
        pool_resource(call, &self.identity_pool_id)
    }

    async fn run(self, call: &Call<'_>) -> Result<NoOutput, Error> {
        let pool = pools::find_for_admin(call, &self.identity_pool_id)?;
        let provider = self.developer_provider_name;
        if pool.settings.developer_provider_name.as_ref() != Some(&provider) {
            return Err(other_developer());
        }
        let identity = identities::find_in_pool(call, &pool, &self.identity_id).await?;
        let login = Login::developer(provider, self.developer_user_identifier);
        identities::unlink(call, &pool, &identity, vec![login]).await?;
        Ok(NoOutput)
    }
}
