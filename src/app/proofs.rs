//! Proofs of login: which provider each key of a `Logins` map means in a pool, and whether what stands under it is good.

use indexmap::IndexMap;
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::Call;
use super::providers::{oidc, saml};
use crate::logins::saml::At;
use crate::logins::{
    Audience, Client, LoginError, OpenIdConnect, Provider, Saml, Through, Unwatched, UserPool,
    Verified, Watch, What,
};
use crate::model::identity::{Identity, Login};
use crate::model::ids::OidcProviderArn;
use crate::model::pool::Pool;
use crate::model::principal_tags::{NoTag, Tags};
use crate::model::provider::{ProviderKind, PublicProvider};
use crate::store::StoreError;
use crate::tokens::OwnTokenError;

/// Where proofs are presented.
#[derive(Debug, Clone, Copy)]
pub enum Place<'i> {
    /// To GetId, which takes no token of this service.
    GetId,
    /// To an operation on this identity.
    For(&'i Identity),
    /// By the developer, beside a user of theirs.
    Developer,
}

/// A login that was proved.
#[derive(Debug, Clone)]
pub struct Proof {
    /// The login.
    pub login: Login,
    /// The client that the token is for.
    pub audience: String,
    /// What the token says; nothing for a developer's user.
    pub claims: Map<String, Value>,
    /// When the token ends; `None` of an access token whose provider doesn't tell.
    pub expires: Option<Timestamp>,
    /// What `amr` says of it.
    pub amr: Vec<String>,
    /// The keys under which role mappings and tag maps of its provider may stand, the most exact first.
    pub keys: Vec<String>,
    /// The tags that a developer's token carries.
    own_tags: Option<Tags>,
}

/// Why a login is no good.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// The pool takes no logins at all; its id.
    #[error("the pool has no login providers")]
    NoProviders(String),
    /// A developer's user in a public operation.
    #[error("a developer provider in a public operation")]
    DeveloperProvider,
    /// A token of this service, where none is taken.
    #[error("a token of this service")]
    CognitoToken,
    /// No token that this service gave to a developer for this identity, as it now is.
    #[error("not a token of this service that is good here")]
    NotCognitoToken,
    /// The token isn't good at its provider.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// The store can't say.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Proof {
    /// The tags that its provider's tag map makes of its claims, or that the developer gave.
    pub fn tags(&self, pool: &Pool) -> Result<Tags, NoTag> {
        if let Some(tags) = &self.own_tags {
            return Ok(tags.clone());
        }
        match self.keys.iter().find_map(|key| pool.tag_maps.get(key)) {
            Some(map) => map.tags(&self.claims, &self.audience),
            None => Ok(Tags::new()),
        }
    }

    /// When it ends, if it is a token of this service: what comes from it doesn't outlive it.
    pub fn own_end(&self) -> Option<Timestamp> {
        self.own_tags.as_ref().and(self.expires)
    }

    fn of(verified: Verified, arn: Option<&OidcProviderArn>) -> Self {
        let provider = &verified.login.provider;
        let mut keys = vec![
            format!("{provider}:{}", verified.audience),
            provider.clone(),
        ];
        keys.extend(arn.map(ToString::to_string));
        Self {
            login: verified.login,
            audience: verified.audience,
            claims: verified.claims,
            expires: verified.expires,
            amr: verified.amr.into(),
            keys,
            own_tags: None,
        }
    }
}

impl Call<'_> {
    /// Verifies logins, in their order; the first that is no good refuses all.
    pub async fn proofs(
        &self,
        pool: &Pool,
        logins: &IndexMap<String, String>,
        place: Place<'_>,
    ) -> Result<Vec<Proof>, ProofError> {
        self.proofs_watched(pool, logins, place, &mut Unwatched)
            .await
    }

    /// As [`Call::proofs`], telling `watch` of each check.
    pub async fn proofs_watched<W: Watch>(
        &self,
        pool: &Pool,
        logins: &IndexMap<String, String>,
        place: Place<'_>,
        watch: &mut W,
    ) -> Result<Vec<Proof>, ProofError> {
        if !logins.is_empty() {
            let any = pool.settings.has_providers();
            watch.told("pool", any, || {
                let found = if any { "providers" } else { "no provider" };
                What::new(found, "a provider in the pool's settings")
            });
            if !any {
                return Err(ProofError::NoProviders(pool.id.to_string()));
            }
        }
        let mut proofs = Vec::with_capacity(logins.len());
        for (key, token) in logins {
            watch.login(key);
            proofs.push(self.proof(pool, key, token, place, watch).await?);
        }
        Ok(proofs)
    }

    async fn proof<W: Watch>(
        &self,
        pool: &Pool,
        key: &str,
        token: &str,
        place: Place<'_>,
        watch: &mut W,
    ) -> Result<Proof, ProofError> {
        let own_key = ProviderKind::of(key) == ProviderKind::Own;
        if matches!(place, Place::GetId) {
            let own = own_key || self.app.tokens.claims_to_be_own(token);
            watch.told("own token", !own, || {
                let found = if own {
                    "a token of this service"
                } else {
                    "none"
                };
                What::new(found, "no token of this service")
            });
            if own {
                return Err(ProofError::CognitoToken);
            }
        }
        match place {
            Place::For(identity) if own_key => return self.developers_token(pool, identity, token),
            _ if own_key => return Err(ProofError::NotCognitoToken),
            _ => {}
        }
        let developers = pool.settings.developer_provider_name.as_deref() == Some(key);
        watch.told("public provider", !developers, || {
            let found = if developers { "the developer's provider" } else { "another" };
            What::new(found, "another than the developer's: their users come through GetOpenIdTokenForDeveloperIdentity")
        });
        if developers {
            return Err(ProofError::DeveloperProvider);
        }
        let arn = pool
            .settings
            .oidc_provider_arns
            .iter()
            .find(|arn| arn.name() == key);
        let provider = self.provider_of(pool, key, arn).await;
        let provider = watch.made("key", provider, |provider| {
            let found = match provider {
                Ok(Some(_)) => "a provider of the pool",
                Ok(None) => "no provider of the pool, so taken for an issuer",
                Err(_) => "a kind of provider that the pool doesn't have under it",
            };
            What::new(found, "the key of a provider of the pool, to the byte")
        })?;
        let verified = self
            .app
            .logins
            .verify_watched(key, provider.as_ref(), token, self.now, watch)
            .await?;
        Ok(Proof::of(verified, arn))
    }

    /// A token of GetOpenIdTokenForDeveloperIdentity as a login: of this pool and this identity, whose user it names is
    /// still linked, and in the epoch in which it was given out.
    fn developers_token(
        &self,
        pool: &Pool,
        identity: &Identity,
        token: &str,
    ) -> Result<Proof, ProofError> {
        let own = self
            .app
            .tokens
            .verify(token, self.now)
            .map_err(|why| match why {
                OwnTokenError::Expired { now, expires } => {
                    LoginError::Expired { now, exp: expires }.into()
                }
                _ => ProofError::NotCognitoToken,
            })?;
        let user = own.developers_user();
        let login = user.map(|(provider, user)| Login::developer(provider, user));
        let of_this = own.pool == pool.id
            && own.identity.uuid == identity.id
            && own.epoch == identity.epoch
            && pool.settings.developer_provider_name.as_deref() == user.map(|(name, _)| name);
        let login = login
            .filter(|login| of_this && identity.has(login))
            .ok_or(ProofError::NotCognitoToken)?;
        Ok(Proof {
            login,
            audience: own.pool.to_string(),
            claims: Map::new(),
            expires: Some(own.expires),
            amr: own.amr.into_iter().skip(1).collect(),
            keys: Vec::new(),
            own_tags: Some(own.tags),
        })
    }

    /// What the pool trusts under a `Logins` key. A key that is known by its name and isn't configured is refused
    /// whatever the token; any other is taken for an issuer, and `None` is one that the pool doesn't trust.
    async fn provider_of(
        &self,
        pool: &Pool,
        key: &str,
        arn: Option<&OidcProviderArn>,
    ) -> Result<Option<Provider>, ProofError> {
        let settings = &pool.settings;
        let mut audiences = Vec::new();
        if let Some(client_id) = settings.supported_login_providers.get(key) {
            audiences.push(Audience {
                client_id: client_id.clone(),
                through: Through::Pool,
            });
        }
        let mut issuer = format!("https://{key}");
        let mut thumbprints = Vec::new();
        let registered = match arn {
            Some(_) => oidc::record(self, key)?,
            None => None,
        };
        if let Some(registered) = &registered {
            issuer.clone_from(&registered.issuer);
            thumbprints.clone_from(&registered.thumbprints);
            audiences.extend(registered.client_ids.iter().map(|client_id| Audience {
                client_id: client_id.clone(),
                through: Through::Registration(registered.arn.clone()),
            }));
        }
        let named = match ProviderKind::of(key) {
            ProviderKind::OpenIdConnect => {
                return Ok(registered.map(|_| openid_connect(key, issuer, thumbprints, audiences)));
            }
            ProviderKind::Public(PublicProvider::Google | PublicProvider::Apple) => {
                (!audiences.is_empty()).then(|| openid_connect(key, issuer, thumbprints, audiences))
            }
            ProviderKind::UserPool => {
                let of_pool = settings.user_pool_clients.iter();
                let of_pool = of_pool.filter(|client| client.provider_name == key);
                let mut clients: Vec<Client> = of_pool
                    .map(|client| Client {
                        id: client.client_id.clone(),
                        server_side_token_check: client.server_side_token_check,
                    })
                    .collect();
                clients.extend(audiences.into_iter().map(|audience| Client {
                    id: audience.client_id,
                    server_side_token_check: false,
                }));
                let name = key.to_owned();
                (!clients.is_empty()).then_some(Provider::UserPool(UserPool { name, clients }))
            }
            ProviderKind::Public(public) => self.asked_provider(pool, key, public)?,
            ProviderKind::Saml => self.saml_provider_of(pool, key).await?,
            ProviderKind::Own => None,
        };
        match named {
            Some(provider) => Ok(Some(provider)),
            None => Err(LoginError::Unsupported.into()),
        }
    }

    /// The registered SAML provider that the pool trusts under its ARN.
    async fn saml_provider_of(
        &self,
        pool: &Pool,
        key: &str,
    ) -> Result<Option<Provider>, StoreError> {
        let mut arns = pool.settings.saml_provider_arns.iter();
        let Some(arn) = arns.find(|arn| arn.as_str() == key) else {
            return Ok(None);
        };
        let registered = saml::record(self, arn)?;
        Ok(registered.map(|registered| {
            Provider::Saml(Saml {
                arn: arn.clone(),
                metadata: registered.metadata.clone(),
                own: self.app.tokens.issuer().to_owned(),
                at: At::Pool(pool.id.uuid),
            })
        }))
    }
}

fn openid_connect(
    key: &str,
    issuer: String,
    thumbprints: Vec<String>,
    audiences: Vec<Audience>,
) -> Provider {
    Provider::OpenIdConnect(OpenIdConnect {
        name: key.to_owned(),
        issuer,
        thumbprints,
        audiences,
    })
}
