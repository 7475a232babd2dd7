//! The demo pool of `cognate dev`, and the registration of its test issuer.

use std::sync::Arc;

use super::test_issuer::{DEMO_POOL, removal};
use super::{App, pools};
use crate::model::ids::{OidcProviderArn, PoolId, Region, RoleArn};
use crate::model::pool::{Pool, PoolSettings, Roles};
use crate::model::provider::OidcProvider;
use crate::model::roles::{AmbiguousRoleResolution, MappedBy, MatchType, RoleMapping, Rule};
use crate::model::tags::Tags;
use crate::store::StoreError;
use crate::store::record::RecordWrite;

/// The client of the test issuer.
pub const CLIENT: &str = "demo";

/// The claim of the demo pool's role mapping, and its value.
pub const ADMIN_CLAIM: (&str, &str) = ("team", "admins");

/// Makes the demo pool at the first start, and registers the test issuer of this process. A pool that names the issuer
/// already is left as it is. Earlier test issuers of the store, which had other URLs, are removed. Returns the pool's id.
pub async fn set_up(app: &App) -> Result<PoolId, StoreError> {
    let region = app.config.regions.first().cloned();
    let region = region
        .or_else(|| Region::parse("us-east-1"))
        .expect("a well-formed region");
    let id = PoolId {
        region,
        uuid: DEMO_POOL,
    };
    let is_new = pools::by_uuid(app, DEMO_POOL)?.is_none();
    pools::add_if_absent(app, demo_pool(app, id.clone())).await?;
    register(app, is_new).await?;
    // In a data directory that had another region, the pool has that region.
    let pool = pools::by_uuid(app, DEMO_POOL)?;
    Ok(pool.map_or(id, |pool| pool.id.clone()))
}

fn demo_pool(app: &App, id: PoolId) -> Pool {
    let settings = PoolSettings {
        name: "Demo".to_owned(),
        allow_unauthenticated: true,
        ..PoolSettings::default()
    };
    let roles = Roles {
        authenticated: role(app, "DemoSignedIn"),
        unauthenticated: role(app, "DemoGuest"),
        ..Roles::default()
    };
    Pool {
        roles,
        ..Pool::new(id, settings)
    }
}

fn role(app: &App, name: &str) -> Option<RoleArn> {
    let account = &app.config.account_id;
    RoleArn::parse(&format!("arn:aws:iam::{account}:role/{name}"))
}

/// Registers the test issuer, unless it is registered, and adds it to the demo pool, with a role for a claim. A registered
/// issuer is added to a new pool only: the administrator may have removed it from an older one.
async fn register(app: &App, is_new: bool) -> Result<(), StoreError> {
    let Some(issuer) = &app.test_issuer else {
        return Ok(());
    };
    let stored = app.records.snapshot()?;
    let earlier: Vec<_> = stored
        .oidc_providers()
        .filter(|one| one.is_test_issuer && one.issuer != issuer.url())
        .collect();
    if !earlier.is_empty() {
        let writes = removal(&stored, &earlier);
        app.records.put(writes, app.own_origin("Start")).await?;
    }
    let stored = app.records.snapshot()?;
    let registered = stored.oidc_provider(issuer.name())?;
    let is_registered = registered.is_some();
    if registered.is_some_and(|one| !one.is_test_issuer) {
        tracing::warn!(
            issuer = issuer.url(),
            "another provider is registered with the URL of the test issuer, and neither can be used: delete it"
        );
        return Ok(());
    }
    if is_registered && !is_new {
        return Ok(());
    }
    let provider = OidcProvider {
        arn: OidcProviderArn::new(&app.config.account_id, issuer.name()),
        version: 1,
        uuid: app.ambient.uuid(),
        issuer: issuer.url().to_owned(),
        client_ids: vec![CLIENT.to_owned()],
        thumbprints: Vec::new(),
        tags: Tags::new(),
        created: app.now(),
        is_test_issuer: true,
    };
    let mut writes = Vec::new();
    if !is_registered {
        writes.push(RecordWrite::replace(&provider, 0));
    }
    if let Some(pool) = pools::by_uuid(app, DEMO_POOL)? {
        let mut pool = Arc::unwrap_or_clone(pool);
        trust(app, &mut pool, &provider.arn);
        writes.push(RecordWrite::replace(&pool, pool.version));
    }
    app.records.put(writes, app.own_origin("Start")).await?;
    Ok(())
}

fn trust(app: &App, pool: &mut Pool, arn: &OidcProviderArn) {
    pool.settings.oidc_provider_arns.push(arn.clone());
    let (claim, value) = ADMIN_CLAIM;
    let rule = role(app, "DemoAdmin").map(|role| Rule {
        claim: claim.to_owned(),
        match_type: MatchType::Equals,
        value: value.to_owned(),
        role,
    });
    let mapping = RoleMapping {
        by: MappedBy::Rules(rule.into_iter().collect()),
        ambiguous: AmbiguousRoleResolution::AuthenticatedRole,
    };
    pool.roles.mappings.insert(arn.to_string(), mapping);
}
