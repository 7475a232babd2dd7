//! UntagResource.

use serde::{Deserialize, Serialize};

use super::tagging;
use crate::app::access::authorise::IdentitySessions;
use crate::app::access::condition_keys::RequestKeys;
use crate::app::access::resource::Resource;
use crate::app::{Call, pools};
use crate::error::Error;
use crate::operations::{Access, Operation, Service};

/// Removes tags from a pool. Unknown keys are no error.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct UntagResource {
    resource_arn: String,
    tag_keys: Vec<String>,
}

#[derive(Serialize)]
pub(crate) struct UntagResourceOutput {}

impl Operation for UntagResource {
    const SERVICE: Service = Service::CognitoIdentity;
    const NAME: &'static str = "UntagResource";
    const ACCESS: Access = Access::Signed;
    const IDENTITY_SESSIONS: IdentitySessions = IdentitySessions::IfConfigured;
    type Output = UntagResourceOutput;

    fn resource(&self, call: &Call<'_>) -> Resource {
        tagging::resource(call, &self.resource_arn)
    }

    fn request_keys(&self, keys: &mut RequestKeys) {
        keys.set_tag_keys(self.tag_keys.iter().map(String::as_str));
    }

    async fn run(self, call: &Call<'_>) -> Result<UntagResourceOutput, Error> {
        let pool = tagging::pool_of(call, &self.resource_arn)?;
        pools::change(call, &pool, |pool| {
            let keys = self.tag_keys.iter();
            keys.for_each(|key| pool.settings.tags.remove(key));
            Ok::<(), Error>(())
        })
        .await?;
        Ok(UntagResourceOutput {})
    }
}
