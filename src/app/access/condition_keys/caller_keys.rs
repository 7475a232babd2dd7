//! The condition keys of the caller: the signer, or the owner of a token or a SAML response. Never what the caller asks for.

use serde_json::{Map, Value};

use crate::app::roles::pins::is_pinned_by_email;
use crate::app::{Call, Caller, roles};
use crate::credentials::{Session, SessionIdentity, SessionOrigin};
use crate::model::ids::{AccountId, OidcProviderArn};
use crate::model::provider::OWN;
use crate::model::roles::plain_text;
use crate::model::tags::Tags;
use crate::policy::{KeyOwner, OwnedKeys};
use crate::store::StoreError;

/// The condition keys of the caller.
#[derive(Debug, Clone)]
pub struct CallerKeys {
    principal: OwnedKeys,
    login: OwnedKeys,
}

impl CallerKeys {
    fn none() -> Self {
        Self {
            principal: OwnedKeys::new(KeyOwner::Principal),
            login: OwnedKeys::new(KeyOwner::Login),
        }
    }

    /// The keys of the signer of a request.
    pub fn of_signer(call: &Call<'_>) -> Result<Self, StoreError> {
        let mut keys = Self::none();
        let account = &call.app.config.account_id;
        let signer = call.signer();
        let principal = &mut keys.principal;
        principal.set("aws:PrincipalAccount", account.as_str());
        principal.set("aws:PrincipalIsAWSService", "false");
        principal.set("aws:userid", signer.user_id(account));
        let (kind, arn) = match signer {
            Caller::Root(_) => ("Account", signer.arn(account)),
            Caller::AccessKey(key) => {
                principal.set("aws:username", key.name.as_str());
                ("User", signer.arn(account))
            }
            // Policies name the role of a session, not the session.
            Caller::Session(session) => ("AssumedRole", session.role.to_string()),
        };
        principal.set("aws:PrincipalType", kind);
        principal.set("aws:PrincipalArn", arn);
        if let Caller::Session(session) = signer {
            keys.add_session(call, session)?;
        }
        Ok(keys)
    }

    /// The keys of an identity of a pool of this server, with the tags of its token.
    pub fn of_identity(identity: &SessionIdentity, tags: &Tags) -> Self {
        let mut keys = Self::of_provider(OWN, tags);
        keys.add_identity(identity);
        keys
    }

    /// The keys of a verified token of another issuer: `name` is the issuer without its scheme, `provider` its ARN.
    pub fn of_token(
        provider: &str,
        name: &str,
        claims: &Map<String, Value>,
        lasting: impl IntoIterator<Item = (String, String)>,
        tags: &Tags,
    ) -> Self {
        let mut keys = Self::of_provider(provider, tags);
        for (key, value) in lasting {
            keys.login.set(&key, value);
        }
        let audience = format!("{name}:aud");
        match claims.get("aud") {
            Some(Value::Array(all)) => {
                keys.login
                    .set_quantified(&audience, all.iter().filter_map(plain_text));
            }
            Some(one) => keys.login.set_quantified(&audience, plain_text(one)),
            None => {}
        }
        let email_counts = !is_pinned_by_email(name) || is_true(claims.get("email_verified"));
        for (claim, value) in claims {
            let key = format!("{name}:{claim}");
            // A claim with a delimiter in its name could spell the key of another issuer.
            if claim.contains([':', '/']) || keys.login.has(&key) {
                continue;
            }
            // The user of an issuer for anybody may claim an email without proof.
            if !email_counts && claim.eq_ignore_ascii_case("email") {
                continue;
            }
            match value {
                Value::Array(values) => {
                    let values = values.iter().filter_map(plain_text);
                    keys.login.set_all(&key, values);
                }
                value => {
                    if let Some(text) = plain_text(value) {
                        keys.login.set(&key, text);
                    }
                }
            }
        }
        keys
    }

    /// Sets `saml:NAME`: one value as a single-valued key, otherwise as a multivalued key.
    pub fn set_saml(&mut self, name: &str, values: SamlValues<'_>) {
        let key = format!("saml:{name}");
        match values {
            SamlValues::One(value) => self.login.set(&key, value),
            SamlValues::Several(values) => self.login.set_all(&key, values.iter().copied()),
        }
    }

    /// The keys of the owners.
    pub(super) fn into_owned(self) -> [OwnedKeys; 2] {
        [self.principal, self.login]
    }

    /// The keys of a user of a provider, with the tags of the login; [`CallerKeys::set_saml`] adds those of a SAML response.
    pub fn of_provider(provider: &str, tags: &Tags) -> Self {
        let mut keys = Self::none();
        keys.principal.set("aws:FederatedProvider", provider);
        for (key, value) in tags {
            keys.add_tag(key, value);
        }
        keys
    }

    fn add_tag(&mut self, key: &str, value: &str) {
        self.principal
            .set(&format!("aws:PrincipalTag/{key}"), value);
    }

    fn add_session(&mut self, call: &Call<'_>, session: &Session) -> Result<(), StoreError> {
        let account = &call.app.config.account_id;
        self.principal
            .set("aws:TokenIssueTime", session.issued.to_string());
        // This server has no multi-factor authentication, and says so where the service does: in temporary credentials.
        self.principal.set("aws:MultiFactorAuthPresent", "false");
        if let Some(provider) = federated_provider(&session.origin, account) {
            self.principal.set("aws:FederatedProvider", provider);
        }
        for (key, value) in &session.tags {
            self.add_tag(key, value);
        }
        let role = roles::find_by_arn(call, &session.role)?;
        // The tags of the session replace those of its role.
        for (key, value) in role.iter().flat_map(|role| &role.tags) {
            if !session.tags.contains(key) {
                self.add_tag(key, value);
            }
        }
        for (key, value) in &session.keys {
            self.login.set(key, value.as_str());
        }
        if let Some(identity) = session.identity() {
            self.add_identity(identity);
            let kind = if identity.is_authenticated() {
                "auth"
            } else {
                "unauth"
            };
            let principal = &mut self.principal;
            let key = |name: &str| format!("cognito-identity-{kind}:{name}");
            principal.set(&key("AccountId"), account.as_str());
            principal.set(&key("IdentityPoolArn"), identity.pool.arn(account));
        }
        Ok(())
    }

    /// Adds the keys of an identity.
    /// <https://docs.aws.amazon.com/cognito/latest/developerguide/role-trust-and-permissions.html>
    fn add_identity(&mut self, identity: &SessionIdentity) {
        let id = format!("{}:{}", identity.pool.region, identity.identity);
        self.login
            .set(&format!("{OWN}:aud"), identity.pool.to_string());
        self.login.set(&format!("{OWN}:sub"), id);
        let amr = identity.amr.iter().map(String::as_str);
        self.login.set_all(&format!("{OWN}:amr"), amr);
    }
}

/// The values of a key of a SAML response.
#[derive(Debug, Clone, Copy)]
pub enum SamlValues<'v> {
    /// The value of a single-valued key.
    One(&'v str),
    /// The values of a multivalued key.
    Several(&'v [&'v str]),
}

/// Whether a claim is true, also as a string.
fn is_true(claim: Option<&Value>) -> bool {
    claim
        .and_then(plain_text)
        .is_some_and(|text| text == "true")
}

/// The provider of the login that a session began with, as policies name it.
fn federated_provider(origin: &SessionOrigin, account: &AccountId) -> Option<String> {
    match origin {
        SessionOrigin::Identity(_) => Some(OWN.to_owned()),
        SessionOrigin::WebIdentity { provider, .. } => {
            Some(OidcProviderArn::new(account, provider).to_string())
        }
        SessionOrigin::PublicProvider { provider, .. } => Some(provider.clone()),
        SessionOrigin::Saml { provider, .. } => Some(provider.to_string()),
        SessionOrigin::AccessKey(_) | SessionOrigin::RootKey(_) => None,
    }
}
