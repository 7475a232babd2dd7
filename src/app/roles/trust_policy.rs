//! Trust policies of roles: which policies are accepted, and whether one lets a caller assume its role.

use super::pins::{SharedIssuer, shared_issuers};
use crate::app::Call;
use crate::app::access::condition_keys::{self, CallerKeys, RequestKeys};
use crate::app::access::resource::Resource;
use crate::app::test_issuer;
use crate::credentials::SessionIdentity;
use crate::model::iam_role::Role;
use crate::model::ids::{OidcProviderArn, RoleArn, SamlProviderArn};
use crate::model::issuer::IssuerUrl;
use crate::model::provider::OWN;
use crate::model::tags::Tags;
use crate::policy::{
    AccessRequest, Effect, Policy, PolicyError, PolicyKind, Principal, Statement, evaluate,
};
use crate::store::StoreError;

/// How many characters a trust policy may have, white space not counted: the highest quota of IAM.
const LONGEST: usize = 8192;

/// The action of assuming a role with a token.
pub const WITH_WEB_IDENTITY: &str = "sts:AssumeRoleWithWebIdentity";

/// The action of assuming a role with a SAML response.
pub const WITH_SAML: &str = "sts:AssumeRoleWithSAML";

/// The issuers that trust policies name by their domain, without a registration.
const BUILT_IN: [&str; 4] = [
    OWN,
    "accounts.google.com",
    "graph.facebook.com",
    "www.amazon.com",
];

/// The condition key of a SAML response's recipient.
const SAML_RECIPIENT: &str = "saml:aud";

/// Why a trust policy is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// The document is not a trust policy.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// A statement would let in the users of every pool.
    #[error(
        "The statement that allows {WITH_WEB_IDENTITY} to {OWN} must say for which identity pools: it needs a condition \
         such as StringEquals on {OWN}:aud."
    )]
    AnyPool,
    /// A statement would let in the holder of a SAML response for any recipient.
    #[error(
        "The statement that allows {WITH_SAML} must say for which recipients: it needs a condition such as StringEquals \
         on {SAML_RECIPIENT}."
    )]
    AnyRecipient,
    /// A statement would let in every holder of a token of an issuer that gives tokens to anybody.
    #[error(
        "Anybody can have a token of {issuer}: the statement that allows {WITH_WEB_IDENTITY} to it needs a condition such \
         as StringEquals on one of {claims}, and a value that names the tenant in full before any wildcard."
    )]
    Anybody {
        /// The issuer's name.
        issuer: String,
        /// The condition keys of which one is needed.
        claims: String,
    },
    /// A statement would let in the users of every client of an issuer.
    #[error(
        "The statement that allows {WITH_WEB_IDENTITY} to {issuer} must say for which clients: it needs a condition such \
         as StringEquals on {key}, and values without wildcards."
    )]
    AnyClient {
        /// The issuer's name.
        issuer: String,
        /// The condition key of the client.
        key: String,
    },
    /// A role that isn't the demo pool's would trust the test issuer.
    #[error("Only the roles of the demo pool of cognate dev can trust its test issuer, {0}.")]
    TestIssuer(String),
    /// A federated principal can't be that of any request.
    #[error("The federated principal {principal} can never match on this server: {reason}.")]
    NeverMatches {
        /// The principal.
        principal: String,
        /// The reason, and what to do.
        reason: &'static str,
    },
}

/// A request to assume a role, as its trust policy is evaluated for it.
pub struct TrustRequest<'a> {
    /// The action: `sts:AssumeRoleWithWebIdentity` and its like.
    pub action: &'a str,
    /// The principal that asks.
    pub principal: Principal<'a>,
    /// The condition keys of the caller.
    pub caller: CallerKeys,
    /// The condition keys of what the caller asks for.
    pub keys: RequestKeys,
    /// Whether the session has tags, which need `sts:TagSession`.
    pub is_tagged: bool,
}

impl<'a> TrustRequest<'a> {
    /// The request of the owner of a verified token or SAML response. `duration` is in seconds. The tags are those of the
    /// token: its owner's, and requested for the session.
    pub fn of_federated(
        action: &'a str,
        provider: &'a str,
        caller: CallerKeys,
        session: (&str, i64),
        tags: &Tags,
    ) -> Self {
        let mut keys = RequestKeys::default();
        keys.set_session(session.0, session.1);
        keys.set_session_tags(tags);
        Self {
            action,
            principal: Principal::Federated(provider),
            caller,
            keys,
            is_tagged: !tags.is_empty(),
        }
    }

    /// The request of an identity of a pool of this server.
    pub fn of_identity(identity: &SessionIdentity, session: (&str, i64), tags: &Tags) -> Self {
        let caller = CallerKeys::of_identity(identity, tags);
        Self::of_federated(WITH_WEB_IDENTITY, OWN, caller, session, tags)
    }
}

/// Whether the trust policy of `role` allows a request. The policy is checked as strictly as when it was written.
pub fn allows(call: &Call<'_>, role: &Role, request: TrustRequest<'_>) -> Result<bool, StoreError> {
    let policy = match read(&role.trust) {
        Ok(policy) => policy,
        Err(error) => {
            tracing::warn!(role = %role.arn, %error, "the role can't be assumed: its trust policy is refused");
            return Ok(false);
        }
    };
    let TrustRequest {
        action,
        principal,
        caller,
        keys,
        is_tagged,
    } = request;
    if !test_issuer::may_be_assumed(call, &role.arn, principal)? {
        return Ok(false);
    }
    let context = condition_keys::context(call, caller, keys, &Resource::role(&role.arn))?;
    let is_allowed = |action: &str| {
        let request = AccessRequest {
            action,
            resource: "*",
            principal: Some(principal),
            context: &context,
        };
        evaluate(&request, [&policy]).is_allow()
    };
    Ok(is_allowed(action) && (!is_tagged || is_allowed("sts:TagSession")))
}

/// Reads a trust policy. A statement that accepts tokens of this server must name the pools, one that accepts tokens of
/// a public issuer must name their owner, and one that accepts SAML responses must name the recipients (`security.md`,
/// rule 14).
pub fn read(text: &str) -> Result<Policy, TrustError> {
    let policy = parse(text)?;
    check_pins(&policy)?;
    Ok(policy)
}

/// Reads a trust policy that is to be stored. No stored policy becomes useless by what this refuses beyond [`read`].
pub fn read_new(call: &Call<'_>, role: &RoleArn, text: &str) -> Result<Policy, TrustError> {
    let policy = parse(text)?;
    check_principals(call, role, &policy)?;
    check_pins(&policy)?;
    policy.check_keys()?;
    Ok(policy)
}

fn parse(text: &str) -> Result<Policy, PolicyError> {
    Policy::parse(PolicyKind::Trust, text.as_bytes(), LONGEST)
}

fn check_pins(policy: &Policy) -> Result<(), TrustError> {
    let allowing = |action: &'static str| {
        let all = policy.statements().iter();
        all.filter(move |one: &&Statement| one.effect() == Effect::Allow && one.names(action))
    };
    let own = format!("{OWN}:aud");
    for statement in allowing(WITH_SAML) {
        // A statement that requires a token of this server accepts no SAML response.
        if statement.is_about_saml() && !statement.pins(SAML_RECIPIENT) && !statement.pins(&own) {
            return Err(TrustError::AnyRecipient);
        }
    }
    for statement in allowing(WITH_WEB_IDENTITY) {
        for shared in shared_issuers() {
            let anyone = statement.is_about_anyone().then_some(shared.name());
            let named = statement.federated().map(issuer_of);
            for issuer in named.filter(|name| shared.is_named(name)).chain(anyone) {
                if shared.is_pinned(issuer, statement) {
                    continue;
                }
                if issuer == OWN {
                    return Err(TrustError::AnyPool);
                }
                return Err(TrustError::Anybody {
                    issuer: issuer.to_owned(),
                    claims: shared.keys(issuer),
                });
            }
            let name = shared.name();
            let built_in = shared
                .client_key()
                .filter(|_| statement.is_about(Principal::Federated(name)));
            if let Some(key) = built_in.filter(|key| statement.literals(key).is_none()) {
                return Err(TrustError::AnyClient {
                    issuer: name.to_owned(),
                    key,
                });
            }
        }
    }
    Ok(())
}

/// The clients of a built-in provider that the trust policy of `role` names. Empty if it trusts none, or is refused.
pub fn pinned_clients(role: &Role, provider: &str) -> Vec<String> {
    let mut shared = shared_issuers().iter();
    let shared = shared.find(|shared| shared.name() == provider);
    let key = shared.and_then(SharedIssuer::client_key);
    let (Some(key), Ok(policy)) = (key, read(&role.trust)) else {
        return Vec::new();
    };
    let allowing = policy.statements().iter().filter(|statement| {
        statement.effect() == Effect::Allow
            && statement.names(WITH_WEB_IDENTITY)
            && statement.is_about(Principal::Federated(provider))
    });
    // Google's `aud` is compared with `oaud` where the token also has `azp`.
    let keys = [key, format!("{provider}:oaud")];
    let clients = allowing.flat_map(|one| keys.iter().filter_map(|key| one.literals(key)));
    clients.flatten().collect()
}

/// Refuses a policy with a federated principal that can't be that of any request, or that must not assume the role.
fn check_principals(call: &Call<'_>, role: &RoleArn, policy: &Policy) -> Result<(), TrustError> {
    for statement in policy.statements() {
        for principal in statement.federated() {
            if test_issuer::is_principal(call, principal) {
                // A view that is too old knows of no demo pool.
                if test_issuer::is_demo_role(call, role).unwrap_or(false) {
                    continue;
                }
                return Err(TrustError::TestIssuer(principal.to_owned()));
            }
            if let Some(reason) = never_matches(call, principal) {
                return Err(TrustError::NeverMatches {
                    principal: principal.to_owned(),
                    reason,
                });
            }
        }
    }
    Ok(())
}

/// Why no request can be of this federated principal, if that is so.
fn never_matches(call: &Call<'_>, principal: &str) -> Option<&'static str> {
    const ACCOUNT: &str = "its provider belongs to another account";
    let account = &call.app.config.account_id;
    if principal.contains(":saml-provider/") {
        let own = SamlProviderArn::parse(principal)
            .is_some_and(|arn| SamlProviderArn::new(account, arn.name()) == arn);
        return (!own).then_some(ACCOUNT);
    }
    if let Some(arn) = OidcProviderArn::parse(principal) {
        if OidcProviderArn::new(account, arn.name()) != arn {
            return Some(ACCOUNT);
        }
        let own = call.app.tokens.issuer();
        let is_issuer = |scheme: &str| {
            let url = format!("{scheme}://{}", arn.name());
            IssuerUrl::parse(&url, call.app.config.accepted_http_issuers(), own).is_ok()
        };
        let can_be_registered = is_issuer("https") || is_issuer("http");
        return (!can_be_registered).then_some("no provider with this name can be registered");
    }
    (!BUILT_IN.contains(&principal)).then_some(
        "name a registered provider by its ARN, or one of accounts.google.com, cognito-identity.amazonaws.com, \
         graph.facebook.com and www.amazon.com",
    )
}

/// The issuer's name in the name of a principal.
fn issuer_of(principal: &str) -> &str {
    principal
        .split_once(":oidc-provider/")
        .map_or(principal, |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const GITHUB: &str =
        "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com";

    fn taken(principal: &Value, condition: &Value) -> bool {
        takes(WITH_WEB_IDENTITY, principal, condition)
    }

    fn takes(action: &str, principal: &Value, condition: &Value) -> bool {
        let policy = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": principal, "Action": action, "Condition": condition,
        }] });
        match read(&policy.to_string()) {
            Ok(_) => true,
            Err(TrustError::Policy(error)) => panic!("{error}"),
            Err(_) => false,
        }
    }

    #[test]
    fn a_statement_for_identities_names_their_pools() {
        let own = json!({ "Federated": OWN });
        let aud = format!("{OWN}:aud");
        let pool = "us-east-1:0b1c2d3e-4f50-4678-9abc-def012345678";
        assert!(taken(&own, &json!({ "StringEquals": { &aud: pool } })));
        for like in ["StringEqualsIfExists", "ForAllValues:StringEquals"] {
            assert!(taken(&own, &json!({ like: { &aud: pool } })), "{like}");
        }
        for no_pin in [
            json!({}),
            json!({ "StringLike": { &aud: "*" } }),
            json!({ "StringLike": { &aud: ["us-east-1:*"] } }),
            json!({ "StringNotEquals": { &aud: pool } }),
            json!({ "StringEquals": { format!("{OWN}:sub"): pool } }),
            json!({ "ForAnyValue:StringLike": { format!("{OWN}:amr"): "authenticated" } }),
        ] {
            assert!(!taken(&own, &no_pin), "{no_pin}");
        }
        assert!(
            !taken(&json!("*"), &json!({})),
            "everybody is somebody, too"
        );
    }

    #[test]
    fn a_statement_for_saml_names_the_recipients() {
        let corp = json!({ "Federated": "arn:aws:iam::123456789012:saml-provider/corp" });
        let recipient = "https://signin.aws.amazon.com/saml";
        for key in ["SAML:aud", "saml:aud"] {
            let pinned = json!({ "StringEquals": { key: recipient } });
            assert!(takes(WITH_SAML, &corp, &pinned));
        }
        for no_pin in [
            json!({}),
            json!({ "StringLike": { "SAML:aud": "*" } }),
            json!({ "StringNotEquals": { "SAML:aud": recipient } }),
            json!({ "StringEquals": { "SAML:iss": "https://idp.example" } }),
        ] {
            for action in [WITH_SAML, "sts:AssumeRoleWithS*"] {
                assert!(!takes(action, &corp, &no_pin), "{no_pin}");
            }
            assert!(!takes(WITH_SAML, &json!("*"), &no_pin), "{no_pin}");
        }
        let account = json!({ "AWS": "123456789012" });
        assert!(takes("sts:*", &account, &json!({})), "no SAML provider");
    }

    #[test]
    fn a_statement_for_a_public_issuer_names_whose_tokens() {
        let github = json!({ "Federated": GITHUB });
        let key = |claim: &str| format!("token.actions.githubusercontent.com:{claim}");
        assert!(taken(
            &github,
            &json!({ "StringLike": { key("sub"): "repo:octo-org/octo-repo:*" } })
        ));
        assert!(taken(
            &github,
            &json!({ "StringEquals": { key("repository_owner"): "octo-org" } })
        ));
        for no_pin in [
            json!({}),
            json!({ "StringEquals": { key("aud"): "sts.amazonaws.com" } }),
            json!({ "StringLike": { key("sub"): "*" } }),
            json!({ "StringEquals": { key("ref"): "refs/heads/main" } }),
        ] {
            assert!(!taken(&github, &no_pin), "{no_pin}");
        }
        let own =
            json!({ "Federated": "arn:aws:iam::123456789012:oidc-provider/login.example.com" });
        assert!(
            taken(&own, &json!({})),
            "an issuer of one's own has its own users only"
        );
    }
}
