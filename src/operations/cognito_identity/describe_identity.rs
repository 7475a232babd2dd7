//! DescribeIdentity.

use serde::Deserialize;

use super::identity_description::IdentityDescription;
use crate::app::access::authorise::IdentitySessions;
use crate::app::{Call, identities};
use crate::error::Error;
use crate::operations::{Access, Operation, Service};

/// Shows an identity.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DescribeIdentity {
    identity_id: String,
}

impl Operation for DescribeIdentity {
    const SERVICE: Service = Service::CognitoIdentity;
    const NAME: &'static str = "DescribeIdentity";
    const ACCESS: Access = Access::Signed;
    const IDENTITY_SESSIONS: IdentitySessions = IdentitySessions::IfConfigured;
    type Output = IdentityDescription;

    async fn run(self, call: &Call<'_>) -> Result<IdentityDescription, Error> {
        let (identity, pool) = identities::find_for_admin(call, &self.identity_id).await?;
        Ok(IdentityDescription::of(identity, &pool))
    }
}
