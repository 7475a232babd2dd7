//! LookupDeveloperIdentity.

use serde::{Deserialize, Serialize};

use super::{pages, pool_resource};
use crate::app::access::authorise::IdentitySessions;
use crate::app::access::resource::Resource;
use crate::app::identities::{self, id_in};
use crate::app::{Call, pools};
use crate::error::{Code, Error};
use crate::model::identity::{Identity, Login, LoginKind};
use crate::model::ids::IdentityId;
use crate::model::pool::Pool;
use crate::operations::{Access, Operation, Service};

/// The default number of users in a page.
const PAGE: usize = 60;

/// Finds the identity of a developer's user, or the developer's users of an identity in pages.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct LookupDeveloperIdentity {
    identity_pool_id: String,
    identity_id: Option<String>,
    developer_user_identifier: Option<String>,
    max_results: Option<usize>,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct LookupDeveloperIdentityOutput {
    developer_user_identifier_list: Vec<String>,
    identity_id: IdentityId,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

impl Operation for LookupDeveloperIdentity {
    const SERVICE: Service = Service::CognitoIdentity;
    const NAME: &'static str = "LookupDeveloperIdentity";
    const ACCESS: Access = Access::Signed;
    const IDENTITY_SESSIONS: IdentitySessions = IdentitySessions::IfConfigured;
    type Output = LookupDeveloperIdentityOutput;

    fn resource(&self, call: &Call<'_>) -> Resource {
        pool_resource(call, &self.identity_pool_id)
    }

    async fn run(self, call: &Call<'_>) -> Result<LookupDeveloperIdentityOutput, Error> {
        let pool = pools::find_for_admin(call, &self.identity_pool_id)?;
        let after = pages::after(self.next_token.as_deref(), |id| String::from_utf8(id).ok())?;
        let identity = self.identity(call, &pool).await?;
        let id = id_in(&pool, identity.id);
        let users = users(identity);
        let begin = match &after {
            None => 0,
            Some(last) => users
                .iter()
                .position(|user| user == last)
                .map_or(users.len(), |at| at + 1),
        };
        let limit = self.max_results.unwrap_or(PAGE);
        let found = users.into_iter().skip(begin).take(limit + 1).collect();
        let (users, next_token) = pages::cut(found, limit, Clone::clone);
        Ok(LookupDeveloperIdentityOutput {
            developer_user_identifier_list: users,
            identity_id: id,
            next_token,
        })
    }
}

impl LookupDeveloperIdentity {
    async fn identity(&self, call: &Call<'_>, pool: &Pool) -> Result<Identity, Error> {
        let owner = match (
            &self.developer_user_identifier,
            &pool.settings.developer_provider_name,
        ) {
            (None, _) => None,
            (Some(_), None) => Some(None),
            (Some(user), Some(provider)) => {
                let login = Login::developer(provider, user);
                Some(identities::owner(call, pool, &login).await?)
            }
        };
        match (&self.identity_id, owner) {
            (None, None) => Err(Code::InvalidParameter
                .because("Please provide an IdentityId or a DeveloperUserIdentifier.")),
            (None, Some(owner)) => owner.ok_or_else(identities::developer_user_not_found),
            (Some(id), None) => identities::find_in_pool(call, pool, id).await,
            (Some(id), Some(owner)) => {
                let identity = identities::find_in_pool(call, pool, id).await?;
                if owner.is_some_and(|owner| owner.id == identity.id) {
                    return Ok(identity);
                }
                Err(Code::ResourceConflict
                    .because("The developer user identifier is not linked to this identity."))
            }
        }
    }
}

/// The ids of the developer's users of an identity, as they were linked.
fn users(identity: Identity) -> Vec<String> {
    let logins = identity.logins.into_iter();
    let users = logins.filter(|login| login.kind == LoginKind::Developer);
    users.map(|login| login.subject).collect()
}
