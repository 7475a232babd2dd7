//! Tokens that are taken to the STS, and the tokens that are made for that.

use std::sync::Arc;

use indexmap::IndexMap;
use jiff::SignedDuration;
use serde_json::{Map, Value};

use super::Call;
use super::assume_role::identity_keys;
use super::find::FindError;
use super::sign_in::Known;
use crate::credentials::Whose;
use crate::logins::id_token::OpenIdConnect;
use crate::logins::report::Report;
use crate::logins::{LoginAttempt, LoginError, VerifiedLogin};
use crate::model::identity::State;
use crate::model::pool::Pool;
use crate::model::principal_tags::{self, Tags};
use crate::model::provider::OWN;
use crate::model::roles::plain_text;
use crate::policy::Context;
use crate::store::StoreError;
use crate::tokens::{Claims, NotOwn, unverified_issuer};

/// Why a token opens no role.
#[derive(Debug, thiserror::Error)]
pub enum WebIdentityError {
    /// It is none of this server's, though it should be.
    #[error(transparent)]
    NotOwn(NotOwn),
    /// Nobody registered its issuer; the issuer.
    #[error("no provider is registered for the token's issuer")]
    NoProvider(String),
    /// It isn't good at its issuer.
    #[error(transparent)]
    Login(LoginError),
    /// It is good, but its identity is gone or has become another kind of thing since.
    #[error("the token's identity is not what it was")]
    Outdated,
    /// The tags that it gives its sessions are none.
    #[error("the token's tags are none that a session can have")]
    Tags,
    /// The store can't say.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Who is behind a token that was verified.
#[derive(Debug)]
pub struct WebIdentity {
    /// Who issued it, as trust policies have it: `cognito-identity.amazonaws.com` for this server, otherwise the ARN of the
    /// registered provider.
    pub provider: String,
    /// The subject.
    pub subject: String,
    /// The audience: the pool, or the client.
    pub audience: String,
    /// The tags that it gives its sessions.
    pub tags: Tags,
    /// What more is known.
    pub of: Of,
}

/// Of what kind a token is.
#[derive(Debug)]
pub enum Of {
    /// This server's, for an identity.
    Identity {
        /// The identity, as it now is.
        whose: Whose,
        /// Its pool.
        pool: Arc<Pool>,
    },
    /// Another issuer's.
    Token {
        /// The issuer without its scheme.
        name: String,
        /// What the token says.
        verified: Box<VerifiedLogin>,
    },
}

impl Call<'_> {
    /// An OpenID token of this server for an identity; `developer` for one of the developer's users, who may show it as
    /// a login.
    pub fn open_id_token(
        &self,
        pool: &Pool,
        who: &Known,
        lifetime: SignedDuration,
        developer: bool,
    ) -> String {
        self.app.tokens.issue(&Claims {
            identity: &who.id,
            pool: &pool.id,
            audience: None,
            pool_arn: &pool.id.arn(&self.app.config.account_id),
            amr: &who.amr,
            tags: &who.tags,
            epoch: who.epoch,
            developer,
            issued: self.now,
            lifetime,
        })
    }

    /// Who is behind a token that is taken to the STS: an OpenID token of this server, or an ID token of a registered
    /// provider. A token of this server is no good once its identity is in another epoch: a guest has signed in, a login
    /// was taken, it was merged away.
    pub async fn web_identity(&self, token: &str) -> Result<WebIdentity, WebIdentityError> {
        let own = match self.app.tokens.verify(token, self.now) {
            Ok(own) => own,
            Err(NotOwn::Issuer) => return self.foreign(token).await,
            Err(other) => return Err(WebIdentityError::NotOwn(other)),
        };
        let found = match self.identity(&own.identity.reveal()).await {
            Ok(found) => Some(found),
            Err(FindError::Store(error)) => return Err(error.into()),
            Err(_) => None,
        };
        let found = found.filter(|(identity, pool)| {
            pool.id == own.pool && identity.state == State::Live && identity.epoch == own.epoch
        });
        let (identity, pool) = found.ok_or(WebIdentityError::Outdated)?;
        Ok(WebIdentity {
            provider: OWN.to_owned(),
            subject: own.identity.reveal(),
            audience: pool.id.to_string(),
            tags: own.tags,
            of: Of::Identity {
                whose: Whose {
                    pool: own.pool,
                    identity: identity.id,
                    epoch: identity.epoch,
                    amr: own.amr,
                },
                pool,
            },
        })
    }

    /// Who is behind a token of another issuer.
    async fn foreign(&self, token: &str) -> Result<WebIdentity, WebIdentityError> {
        let Some(issuer) = unverified_issuer(token) else {
            return Err(WebIdentityError::NotOwn(NotOwn::Malformed));
        };
        let name = issuer
            .split_once("://")
            .map_or(issuer.as_str(), |(_, name)| name);
        let registered = self.app.store.oidc_provider(name).await?;
        let Some(registered) = registered.filter(|provider| provider.issuer == issuer) else {
            return Err(WebIdentityError::NoProvider(issuer));
        };
        let provider = OpenIdConnect::from_registration(name, &registered);
        let attempt = LoginAttempt {
            key: name,
            token,
            now: self.now,
            dry_run: false,
        };
        let logins = &self.app.logins;
        let mut report = Report::disabled();
        let verified = logins.verify(Some(&provider), &attempt, &mut report);
        let verified = verified.await.map_err(WebIdentityError::Login)?;
        Ok(WebIdentity {
            provider: registered.arn.to_string(),
            subject: verified.login.subject.clone(),
            audience: verified.audience.clone(),
            tags: tags(&verified.claims)?,
            of: Of::Token {
                name: name.to_owned(),
                verified: Box::new(verified),
            },
        })
    }
}

impl WebIdentity {
    /// The condition keys that the token brings.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html>
    pub fn context(&self) -> Context {
        let mut context = Context::default();
        match &self.of {
            Of::Identity { whose, .. } => identity_keys(whose, &mut context),
            Of::Token { name, verified } => {
                for (claim, value) in &verified.claims {
                    let key = format!("{name}:{claim}");
                    match value {
                        Value::Array(values) => {
                            context.set_all(&key, values.iter().filter_map(plain_text));
                        }
                        value => {
                            if let Some(text) = plain_text(value) {
                                context.set(&key, text);
                            }
                        }
                    }
                }
                for (key, value) in self.lasting_keys() {
                    context.set(&key, value);
                }
            }
        }
        context
    }

    /// Those of the keys of another issuer's token that conditions may still ask of the session.
    pub fn lasting_keys(&self) -> IndexMap<String, String> {
        match &self.of {
            Of::Identity { .. } => IndexMap::new(),
            Of::Token { name, .. } => [("aud", &self.audience), ("sub", &self.subject)]
                .map(|(key, value)| (format!("{name}:{key}"), value.clone()))
                .into(),
        }
    }
}

/// The tags that a token gives its sessions.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html#id_session-tags_adding-assume-role-idp>
fn tags(claims: &Map<String, Value>) -> Result<Tags, WebIdentityError> {
    let Some(written) = claims.get("https://aws.amazon.com/tags") else {
        return Ok(Tags::new());
    };
    let Some(Value::Object(principal_tags)) = written.get("principal_tags") else {
        return Err(WebIdentityError::Tags);
    };
    let mut tags = Tags::new();
    for (key, value) in principal_tags {
        let text = match value {
            Value::String(text) => text,
            Value::Array(texts) => match texts.as_slice() {
                [Value::String(text)] => text,
                _ => return Err(WebIdentityError::Tags),
            },
            _ => return Err(WebIdentityError::Tags),
        };
        tags.insert(key.clone(), text.clone());
    }
    principal_tags::check(&tags).map_err(|_| WebIdentityError::Tags)?;
    Ok(tags)
}
