//! The logins of a request: which provider each `Logins` key selects in a pool, and whether its token is valid.

use indexmap::IndexMap;
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::origin::{self, Issued};
use crate::app::providers::{consumer_secrets, oidc, saml as registered_saml, saml_keys};
use crate::app::single_use::{self, RelyingParty};
use crate::app::{Call, pools, records};
use crate::logins::access_token::twitter::TwitterService;
use crate::logins::access_token::{Amazon, Facebook};
use crate::logins::id_token::{OpenIdConnect, UserPool};
use crate::logins::report::{Finding, Report, error_chain};
use crate::logins::saml::Saml;
use crate::logins::single_use::SingleUse;
use crate::logins::{LoginAttempt, LoginError, LoginProvider, VerifiedLogin};
use crate::model::identity::{Identity, Login};
use crate::model::ids::OidcProviderArn;
use crate::model::origin::LoginOrigin;
use crate::model::pool::Pool;
use crate::model::provider::{ProviderKind, PublicProvider};
use crate::model::tags::{TagError, Tags};
use crate::store::StoreError;
use crate::tokens::{OwnToken, OwnTokenError};

/// The operation that logins are presented to. It decides which tokens of this service are accepted.
#[derive(Debug, Clone, Copy)]
pub enum PresentedTo<'i> {
    /// GetId, which accepts no token of this service.
    GetId,
    /// An operation on this identity, which accepts the developer's tokens for it.
    Identity(&'i Identity),
    /// GetOpenIdTokenForDeveloperIdentity, which accepts logins beside the developer's user.
    Developer,
}

/// The proof of a login: what its token states.
#[derive(Debug, Clone)]
pub struct Proof {
    /// The login.
    pub login: Login,
    /// The client that the token is for.
    pub audience: String,
    /// The claims of the token; empty for a developer's user.
    pub claims: Map<String, Value>,
    /// When the token ends; `None` for an access token of a provider that doesn't state it.
    pub expires: Option<Timestamp>,
    /// The entries that the login adds to `amr`.
    pub amr: Vec<String>,
    /// The keys of role mappings and tag maps that apply to the login, the most specific first.
    pub keys: Vec<String>,
    /// The login and the registration that accepted it; of a developer's token, those that the token came from.
    pub origins: Vec<LoginOrigin>,
    /// The tags in a developer's token.
    own_tags: Option<Tags>,
    /// The token, if one relying party alone may use it.
    single_use: Option<SingleUse>,
}

/// Why a login is refused.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// The pool with this id accepts no logins.
    #[error("the pool has no login providers")]
    NoProviders(String),
    /// A public operation was called with a developer's user.
    #[error("a developer provider in a public operation")]
    DeveloperProvider,
    /// An operation that accepts no token of this service was called with one.
    #[error("a token of this service")]
    CognitoToken,
    /// The token isn't a developer's token of this service for this identity in its present epoch.
    #[error("not a token of this service that is valid for the identity")]
    NotCognitoToken,
    /// The provider's checks refuse the login.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// A provider's registration changed while the logins were verified.
    #[error("a provider's registration changed")]
    Outdated,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Proof {
    /// The tags that the provider's tag map makes of the claims, or the tags in a developer's token.
    pub fn tags(&self, pool: &Pool) -> Result<Tags, TagError> {
        if let Some(tags) = &self.own_tags {
            return Ok(tags.clone());
        }
        match self.keys.iter().find_map(|key| pool.tag_maps.get(key)) {
            Some(map) => map.tags(&self.claims, &self.audience),
            None => Ok(Tags::new()),
        }
    }

    /// Whether a token of this service proves the login.
    pub fn is_own(&self) -> bool {
        self.own_tags.is_some()
    }

    /// The end of a token of this service: tokens and credentials that it leads to end no later.
    pub fn own_end(&self) -> Option<Timestamp> {
        self.own_tags.as_ref().and(self.expires)
    }

    fn new(verified: VerifiedLogin, arn: Option<&OidcProviderArn>, origin: LoginOrigin) -> Self {
        let provider = &verified.login.provider;
        let mut keys = vec![
            format!("{provider}:{}", verified.audience),
            provider.clone(),
        ];
        keys.extend(arn.map(ToString::to_string));
        let origin = LoginOrigin {
            client: verified.audience.clone(),
            ..origin
        };
        Self {
            login: verified.login,
            audience: verified.audience,
            claims: verified.claims,
            expires: verified.expires,
            amr: verified.amr.into(),
            keys,
            origins: vec![origin],
            own_tags: None,
            single_use: verified.single_use,
        }
    }
}

/// Verifies logins in their order; the first refusal refuses all.
pub async fn verify(
    call: &Call<'_>,
    pool: &Pool,
    logins: &IndexMap<String, String>,
    presented_to: PresentedTo<'_>,
) -> Result<Vec<Proof>, ProofError> {
    let dry_run = false;
    let mut report = Report::disabled();
    check(call, pool, logins, presented_to, dry_run, &mut report).await
}

/// Makes the checks of [`verify`], and adds each to `report`. A dry run changes nothing: it claims no SAML response.
pub async fn check(
    call: &Call<'_>,
    pool: &Pool,
    logins: &IndexMap<String, String>,
    presented_to: PresentedTo<'_>,
    dry_run: bool,
    report: &mut Report,
) -> Result<Vec<Proof>, ProofError> {
    if !logins.is_empty() {
        let any = pool.settings.has_providers();
        report.add("pool", any, || {
            let found = if any { "providers" } else { "no provider" };
            Finding::new(found, "a provider in the pool's settings")
        });
        if !any {
            return Err(ProofError::NoProviders(pool.id.to_string()));
        }
    }
    let registrations = || -> Result<Vec<_>, StoreError> {
        let keys = logins.keys();
        keys.map(|key| origin::registration(call, pool, key))
            .collect()
    };
    let before = registrations()?;
    let mut proofs = Vec::with_capacity(logins.len());
    for (key, token) in logins {
        report.about_login(key);
        let attempt = LoginAttempt {
            key,
            token,
            now: call.now,
        };
        proofs.push(check_one(call, pool, &attempt, presented_to, report).await?);
    }
    // A provider may have taken seconds, and a registration may have changed meanwhile.
    if registrations()? != before {
        return Err(ProofError::Outdated);
    }
    // Responses are claimed last, so that a call with a refused login uses none up.
    for proof in &proofs {
        claim(call, pool, proof, dry_run, report).await?;
    }
    Ok(proofs)
}

/// Claims a proof for the pool, if the pool alone may use it from now on.
async fn claim(
    call: &Call<'_>,
    pool: &Pool,
    proof: &Proof,
    dry_run: bool,
    report: &mut Report,
) -> Result<(), ProofError> {
    let Some(single_use) = &proof.single_use else {
        return Ok(());
    };
    let relying_party = RelyingParty::Pool(pools::reference(pool));
    let claimed = single_use::claim::<ProofError>(call, single_use, relying_party, dry_run).await;
    report.about_login(&proof.login.provider);
    report.add_outcome("replay", claimed, |claimed| {
        let error = claimed.as_ref().err().map(|error| error_chain(error));
        let found = error.unwrap_or_else(|| "a response of this pool".to_owned());
        let wanted = "a response that wasn't presented to another pool or to the STS, and that was issued after the \
                      store was restored or copied";
        Finding::new(found, wanted)
    })
}

async fn check_one(
    call: &Call<'_>,
    pool: &Pool,
    attempt: &LoginAttempt<'_>,
    presented_to: PresentedTo<'_>,
    report: &mut Report,
) -> Result<Proof, ProofError> {
    let key = attempt.key;
    let own_key = ProviderKind::of(key) == ProviderKind::Own;
    if matches!(presented_to, PresentedTo::GetId) {
        let own = own_key || call.app.tokens.claims_to_be_own(attempt.token);
        report.add("own token", !own, || {
            let found = if own {
                "a token of this service"
            } else {
                "another token"
            };
            Finding::new(found, "another token than one of this service")
        });
        if own {
            return Err(ProofError::CognitoToken);
        }
    }
    match presented_to {
        PresentedTo::Identity(identity) if own_key => {
            return developers_token(call, pool, identity, attempt.token).await;
        }
        _ if own_key => return Err(ProofError::NotCognitoToken),
        _ => {}
    }
    let developers = pool.settings.developer_provider_name.as_deref() == Some(key);
    report.add("public provider", !developers, || {
        let found = if developers {
            "the developer provider"
        } else {
            "another provider"
        };
        let wanted = "another provider than the developer provider, whose users log in by \
                      GetOpenIdTokenForDeveloperIdentity";
        Finding::new(found, wanted)
    });
    if developers {
        return Err(ProofError::DeveloperProvider);
    }
    let mut arns = pool.settings.oidc_provider_arns.iter();
    let arn = arns.find(|arn| arn.name() == key);
    let provider = provider(call, pool, key, arn);
    let provider = report.add_outcome("key", provider, |provider| {
        let found = match provider {
            Ok(Some(_)) => "a provider of the pool",
            Ok(None) => "no provider of the pool, so it is checked as an issuer",
            Err(_) => "a kind of provider that the pool doesn't have under this key",
        };
        Finding::new(found, "the key of a provider of the pool, byte for byte")
    })?;
    // The origin comes before the provider is asked: a registration that changes meanwhile isn't the one that accepted.
    let origin = origin::of_provider(call, pool, key)?;
    let logins = &call.app.logins;
    let verified = logins.verify(provider.as_deref(), attempt, report).await?;
    Ok(Proof::new(verified, arn, origin))
}

/// The provider that the pool trusts under a `Logins` key. A key of a kind without ID tokens that isn't configured is
/// refused whatever the value is. Any other key is an issuer; `None` is an issuer that the pool doesn't trust.
fn provider(
    call: &Call<'_>,
    pool: &Pool,
    key: &str,
    arn: Option<&OidcProviderArn>,
) -> Result<Option<Box<dyn LoginProvider>>, ProofError> {
    let settings = &pool.settings;
    let registered = match arn {
        Some(_) => oidc::record_of_pool(call, &pool.id, key)?,
        None => None,
    };
    let registered = registered.as_deref();
    let provider = match ProviderKind::of(key) {
        ProviderKind::Public(PublicProvider::Facebook) => boxed(Facebook::from_settings(settings)),
        ProviderKind::Public(PublicProvider::Amazon) => boxed(Amazon::from_settings(settings)),
        ProviderKind::Public(PublicProvider::Twitter) => {
            boxed(consumer_secrets::app(call, pool, TwitterService::Twitter)?)
        }
        ProviderKind::Public(PublicProvider::Digits) => {
            boxed(consumer_secrets::app(call, pool, TwitterService::Digits)?)
        }
        ProviderKind::UserPool => boxed(UserPool::from_settings(key, settings, registered)),
        ProviderKind::Saml => boxed(saml(call, pool, key)?),
        ProviderKind::OpenIdConnect
        | ProviderKind::Public(PublicProvider::Google | PublicProvider::Apple) => {
            boxed(OpenIdConnect::from_settings(key, settings, registered))
        }
        ProviderKind::Own => None,
    };
    if provider.is_none() && !ProviderKind::of(key).has_id_tokens() {
        return Err(LoginError::Unsupported.into());
    }
    Ok(provider)
}

fn boxed<P: LoginProvider + 'static>(provider: Option<P>) -> Option<Box<dyn LoginProvider>> {
    provider.map(|provider| Box::new(provider) as Box<dyn LoginProvider>)
}

fn saml(call: &Call<'_>, pool: &Pool, key: &str) -> Result<Option<Saml>, StoreError> {
    let mut arns = pool.settings.saml_provider_arns.iter();
    let Some(arn) = arns.find(|arn| arn.as_str() == key) else {
        return Ok(None);
    };
    let registered = registered_saml::record(call, arn)?;
    let Some(registered) = registered else {
        return Ok(None);
    };
    let keys = saml_keys::decryption_keys(call, &registered)?;
    let public_url = call.app.tokens.issuer();
    Ok(Saml::from_settings(
        key,
        pool,
        &registered,
        keys,
        public_url,
    ))
}

/// Verifies a token of this server.
pub(super) async fn verify_own(call: &Call<'_>, token: &str) -> Result<OwnToken, ProofError> {
    let own = call.app.tokens.verify(token, call.now).await;
    own.map_err(|error| match error {
        OwnTokenError::Overloaded(error) => LoginError::Overloaded(error).into(),
        OwnTokenError::Expired { now, expires } => LoginError::Expired { now, exp: expires }.into(),
        _ => ProofError::NotCognitoToken,
    })
}

/// A token of GetOpenIdTokenForDeveloperIdentity as a login. It must be for this pool and this identity in its present
/// epoch, and its user must still be linked.
async fn developers_token(
    call: &Call<'_>,
    pool: &Pool,
    identity: &Identity,
    token: &str,
) -> Result<Proof, ProofError> {
    let own = verify_own(call, token).await?;
    let user = own.developers_user();
    let login = user.map(|(provider, user)| Login::developer(provider, user));
    let origin = own.origin.as_ref().ok_or(ProofError::NotCognitoToken)?;
    let issued = Issued {
        incarnation: origin.incarnation,
        epoch: own.epoch,
        is_authenticated: true,
        logins: &origin.logins,
    };
    let is_for_identity = own.pool == pool.id
        && own.identity.uuid == identity.id
        && origin.generation == records::generation(call.app)?
        && origin::is_valid(call, pool, identity, issued)?
        && pool.settings.developer_provider_name.as_deref() == user.map(|(name, _)| name);
    let login = login
        .filter(|login| is_for_identity && identity.has(login))
        .ok_or(ProofError::NotCognitoToken)?;
    Ok(Proof {
        login,
        audience: own.pool.to_string(),
        claims: Map::new(),
        expires: Some(own.expires),
        amr: own.amr.into_iter().skip(1).collect(),
        keys: Vec::new(),
        origins: origin.logins.clone(),
        own_tags: Some(own.tags),
        single_use: None,
    })
}
