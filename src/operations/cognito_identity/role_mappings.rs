//! Role mappings on the wire: what SetIdentityPoolRoles takes and GetIdentityPoolRoles shows.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::app::Call;
use crate::app::access::authorise::{self, FurtherPermission};
use crate::app::access::resource::Resource;
use crate::error::{Code, Error};
use crate::model::ids::RoleArn;
use crate::model::pool::Pool;
use crate::model::provider::{ProviderKind, PublicProvider};
use crate::model::roles::{AmbiguousRoleResolution, MappedBy, MatchType, RoleMapping, Rule};

/// How many rules a provider may have; the service model's 400 is more than the service takes.
const RULES: usize = 25;

/// A role mapping on the wire.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct WrittenMapping {
    r#type: Type,
    #[serde(skip_serializing_if = "Option::is_none")]
    ambiguous_role_resolution: Option<AmbiguousRoleResolution>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rules_configuration: Option<RulesConfiguration>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Type {
    Token,
    Rules,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RulesConfiguration {
    rules: Vec<WrittenRule>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WrittenRule {
    claim: String,
    match_type: MatchType,
    value: String,
    #[serde(rename = "RoleARN")]
    role_arn: String,
}

/// Reads the mappings of a pool; each key must be a provider that the pool has.
pub(super) async fn read(
    call: &Call<'_>,
    pool: &Pool,
    written: IndexMap<String, WrittenMapping>,
) -> Result<IndexMap<String, RoleMapping>, Error> {
    let mut mappings = IndexMap::with_capacity(written.len());
    for (key, written) in written {
        check_keys(pool, [&key])?;
        let mapping = written.read(call, &key).await?;
        mappings.insert(key, mapping);
    }
    Ok(mappings)
}

/// Refuses keys that name no provider of the pool.
pub(super) fn check_keys<'k>(
    pool: &Pool,
    keys: impl IntoIterator<Item = &'k String>,
) -> Result<(), Error> {
    for key in keys {
        if !is_mapping_key(pool, key) {
            return Err(invalid(format!(
                "({key}) is not a valid RoleMapping ProviderName or is not a configured provider."
            )));
        }
    }
    Ok(())
}

/// The role mappings of a pool, as GetIdentityPoolRoles shows them.
pub(super) fn shown(mappings: &IndexMap<String, RoleMapping>) -> IndexMap<String, WrittenMapping> {
    let shown = mappings
        .iter()
        .map(|(key, mapping)| (key.clone(), WrittenMapping::of(mapping)));
    shown.collect()
}

/// A role of this account or of an external STS that the signer may pass to a pool. The real service refuses a malformed ARN
/// with the same text. <https://docs.aws.amazon.com/cognito/latest/developerguide/iam-roles.html>
pub(super) async fn passed_role(call: &Call<'_>, arn: &str) -> Result<RoleArn, Error> {
    let forbidden = || Code::NotAuthorized.because(format!("Access to Role '{arn}' is forbidden."));
    let role = RoleArn::parse(arn)
        .filter(|role| {
            role.account() == call.app.config.account_id.as_str() || call.routes.of(role).is_some()
        })
        .ok_or_else(forbidden)?;
    let FurtherPermission {
        action,
        resource,
        request,
    } = FurtherPermission::pass_role(Resource::role(&role));
    match authorise::check(call, action, &resource, request) {
        Ok(()) => Ok(role),
        Err(error) if error.code == Code::AccessDenied => Err(forbidden()),
        Err(other) => Err(other),
    }
}

/// Whether a name is one under which a pool's provider may have a tag map: as for a role mapping, or a user pool's own
/// name.
pub(super) fn has_provider(pool: &Pool, name: &str) -> bool {
    let mut clients = pool.settings.user_pool_clients.iter();
    is_mapping_key(pool, name) || clients.any(|client| client.provider_name == name)
}

/// A host, a user pool with a client, or the ARN of a registered provider, in each case the pool's.
fn is_mapping_key(pool: &Pool, key: &str) -> bool {
    let settings = &pool.settings;
    let client = key.rsplit_once(':');
    settings.supported_login_providers.contains_key(key)
        || settings
            .oidc_provider_arns
            .iter()
            .any(|arn| arn.as_str() == key)
        || settings
            .saml_provider_arns
            .iter()
            .any(|arn| arn.as_str() == key)
        || settings.user_pool_clients.iter().any(|of_pool| {
            client == Some((of_pool.provider_name.as_str(), of_pool.client_id.as_str()))
        })
}

impl WrittenMapping {
    async fn read(self, call: &Call<'_>, key: &str) -> Result<RoleMapping, Error> {
        let ambiguous = self.ambiguous_role_resolution.ok_or_else(|| {
            invalid(format!(
                "AmbiguousRoleResolution is required in the RoleMapping of {key}."
            ))
        })?;
        let by = match (self.r#type, self.rules_configuration) {
            (Type::Token, None) if names_no_roles(key) => {
                return Err(invalid(format!("The tokens of {key} name no roles.")));
            }
            (Type::Token, None) => MappedBy::Token,
            (Type::Token, Some(_)) => {
                return Err(invalid(format!(
                    "RulesConfiguration goes with the type Rules in the RoleMapping of {key}."
                )));
            }
            (Type::Rules, None) => {
                return Err(invalid(format!(
                    "RulesConfiguration is required in the RoleMapping of {key}."
                )));
            }
            (Type::Rules, Some(configuration)) => {
                MappedBy::Rules(configuration.read(call, key).await?)
            }
        };
        Ok(RoleMapping { by, ambiguous })
    }

    fn of(mapping: &RoleMapping) -> Self {
        let (r#type, rules) = match &mapping.by {
            MappedBy::Token => (Type::Token, None),
            MappedBy::Rules(rules) => (Type::Rules, Some(RulesConfiguration::of(rules))),
        };
        Self {
            r#type,
            ambiguous_role_resolution: Some(mapping.ambiguous),
            rules_configuration: rules,
        }
    }
}

impl RulesConfiguration {
    async fn read(self, call: &Call<'_>, key: &str) -> Result<Vec<Rule>, Error> {
        if self.rules.len() > RULES {
            return Err(invalid(format!(
                "A RoleMapping has at most {RULES} rules, that of {key} has {}.",
                self.rules.len()
            )));
        }
        let mut rules = Vec::with_capacity(self.rules.len());
        for written in self.rules {
            rules.push(Rule {
                role: passed_role(call, &written.role_arn).await?,
                claim: written.claim,
                match_type: written.match_type,
                value: written.value,
            });
        }
        Ok(rules)
    }

    fn of(rules: &[Rule]) -> Self {
        let rules = rules.iter().map(|rule| WrittenRule {
            claim: rule.claim.clone(),
            match_type: rule.match_type,
            value: rule.value.clone(),
            role_arn: rule.role.to_string(),
        });
        Self {
            rules: rules.collect(),
        }
    }
}

/// Whether tokens of this provider never name roles: those of public providers and of this server.
fn names_no_roles(key: &str) -> bool {
    PublicProvider::named(key).is_some() || ProviderKind::of(key) == ProviderKind::Own
}

fn invalid(text: String) -> Error {
    Code::InvalidParameter.because(text)
}
