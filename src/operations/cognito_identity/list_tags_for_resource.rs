//! ListTagsForResource.

use serde::{Deserialize, Serialize};

use super::tagging;
use crate::app::access::authorise::IdentitySessions;
use crate::app::access::resource::Resource;
use crate::app::{Call, pools};
use crate::error::Error;
use crate::model::tags::Tags;
use crate::operations::{Access, Operation, Service};

/// Shows the tags of a pool.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListTagsForResource {
    resource_arn: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListTagsForResourceOutput {
    tags: Tags,
}

impl Operation for ListTagsForResource {
    const SERVICE: Service = Service::CognitoIdentity;
    const NAME: &'static str = "ListTagsForResource";
    const ACCESS: Access = Access::Signed;
    const IDENTITY_SESSIONS: IdentitySessions = IdentitySessions::IfConfigured;
    type Output = ListTagsForResourceOutput;

    fn resource(&self, call: &Call<'_>) -> Resource {
        tagging::resource(call, &self.resource_arn)
    }

    async fn run(self, call: &Call<'_>) -> Result<ListTagsForResourceOutput, Error> {
        let pool = tagging::pool_of(call, &self.resource_arn)?;
        let pool = pools::find_for_admin(call, &pool)?;
        Ok(ListTagsForResourceOutput {
            tags: pool.settings.tags.clone(),
        })
    }
}
