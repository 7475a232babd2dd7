//! TagResource.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::tagging;
use crate::app::access::authorise::IdentitySessions;
use crate::app::access::condition_keys::RequestKeys;
use crate::app::access::resource::Resource;
use crate::app::{Call, pools};
use crate::error::Error;
use crate::model::tags::Tags;
use crate::operations::{Access, Operation, Service};

/// Adds tags to a pool. They replace the tags with the same keys.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct TagResource {
    resource_arn: String,
    tags: IndexMap<String, String>,
}

#[derive(Serialize)]
pub(crate) struct TagResourceOutput {}

impl Operation for TagResource {
    const SERVICE: Service = Service::CognitoIdentity;
    const NAME: &'static str = "TagResource";
    const ACCESS: Access = Access::Signed;
    const IDENTITY_SESSIONS: IdentitySessions = IdentitySessions::IfConfigured;
    type Output = TagResourceOutput;

    fn resource(&self, call: &Call<'_>) -> Resource {
        tagging::resource(call, &self.resource_arn)
    }

    fn request_keys(&self, keys: &mut RequestKeys) {
        tagging::set_keys(&self.tags, keys);
    }

    async fn run(self, call: &Call<'_>) -> Result<TagResourceOutput, Error> {
        let pool = tagging::pool_of(call, &self.resource_arn)?;
        let tags = Tags::of(self.tags).map_err(|error| tagging::refused(&error))?;
        pools::change(call, &pool, |pool| {
            pool.settings.tags.set_all(&tags);
            tagging::check(&pool.settings.tags)
        })
        .await?;
        Ok(TagResourceOutput {})
    }
}
