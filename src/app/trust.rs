//! Trust policies of roles: which ones are taken. Who is trusted by one is for those who give roles to ask.

use crate::model::ids::{AccountId, OidcProviderArn};
use crate::model::provider::OWN;
use crate::policy::{Effect, Policy, PolicyError, PolicyKind, Principal, Statement};

/// How many characters a trust policy may have, white space not counted: the highest quota of IAM.
const LONGEST: usize = 8192;

/// What is asked for with a token.
pub const WITH_WEB_IDENTITY: &str = "sts:AssumeRoleWithWebIdentity";

/// What is asked for with a SAML response.
pub const WITH_SAML: &str = "sts:AssumeRoleWithSAML";

/// The condition key of a SAML response's recipient.
const SAML_RECIPIENT: &str = "saml:aud";

/// Issuers from which anybody can have a token, and the claims that say whose it is.
const PUBLIC_ISSUERS: [(&str, &[&str]); 9] = [
    (
        "token.actions.githubusercontent.com",
        &[
            "sub",
            "repository",
            "repository_id",
            "repository_owner",
            "repository_owner_id",
            "enterprise_id",
        ],
    ),
    (
        "gitlab.com",
        &[
            "sub",
            "project_path",
            "project_id",
            "namespace_path",
            "namespace_id",
        ],
    ),
    ("accounts.google.com", &["sub", "hd", "email"]),
    ("appleid.apple.com", &["sub", "email"]),
    (
        "app.terraform.io",
        &[
            "sub",
            "terraform_organization_id",
            "terraform_organization_name",
        ],
    ),
    (
        "agent.buildkite.com",
        &["sub", "organization_slug", "organization_id"],
    ),
    ("oidc.vercel.com", &["sub", "owner", "owner_id"]),
    ("api.pulumi.com/oidc", &["sub", "organization"]),
    ("auth.fly.io", &["sub", "org_id", "org_name"]),
];

/// Why a text is no trust policy that is taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// It is no trust policy.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// A statement would let in the users of every pool.
    #[error(
        "The statement that allows {WITH_WEB_IDENTITY} to {OWN} must say for which identity pools: it needs a condition \
         such as StringEquals on {OWN}:aud."
    )]
    AnyPool,
    /// A statement would let in whoever has a SAML response, wherever it was to be brought.
    #[error(
        "The statement that allows {WITH_SAML} must say for which recipients: it needs a condition such as StringEquals \
         on {SAML_RECIPIENT}."
    )]
    AnyRecipient,
    /// A statement would let in everybody who has a token of an issuer that gives tokens to anybody; the issuer, and the
    /// claims of which one must be asked for.
    #[error(
        "Anybody can have a token of {issuer}: the statement that allows {WITH_WEB_IDENTITY} to it needs a condition such \
         as StringEquals on one of {claims}."
    )]
    Anybody {
        /// The issuer's name.
        issuer: &'static str,
        /// The condition keys of which one is needed.
        claims: String,
    },
}

/// Reads a trust policy. Each statement that lets in somebody with a token of this server says of which pools; where it
/// is a token that anybody can have, it says whose; where it is a SAML response, for which recipients (`security.md`,
/// rule 14).
pub fn read(text: &str, account: &AccountId) -> Result<Policy, TrustError> {
    let policy = Policy::parse(PolicyKind::Trust, text.as_bytes(), LONGEST)?;
    let allowing = |action: &'static str| {
        let all = policy.statements().iter();
        all.filter(move |one: &&Statement| one.effect() == Effect::Allow && one.names(action))
    };
    let own = format!("{OWN}:aud");
    for statement in allowing(WITH_SAML) {
        // One that wants a token of this server lets no SAML response in, whatever it names.
        if statement.is_about_saml() && !statement.pins(SAML_RECIPIENT) && !statement.pins(&own) {
            return Err(TrustError::AnyRecipient);
        }
    }
    for statement in allowing(WITH_WEB_IDENTITY) {
        if statement.is_about(Principal::Federated(OWN)) && !statement.pins(&own) {
            return Err(TrustError::AnyPool);
        }
        for (issuer, claims) in PUBLIC_ISSUERS {
            let arn = OidcProviderArn::new(account, issuer);
            let keys: Vec<String> = claims
                .iter()
                .map(|claim| format!("{issuer}:{claim}"))
                .collect();
            let is_about = statement.is_about(Principal::Federated(arn.as_str()))
                || statement.is_about(Principal::Federated(issuer));
            if is_about && !keys.iter().any(|key| statement.pins(key)) {
                return Err(TrustError::Anybody {
                    issuer,
                    claims: keys.join(", "),
                });
            }
        }
    }
    Ok(policy)
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
        let account = AccountId::parse("123456789012").unwrap();
        match read(&policy.to_string(), &account) {
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
        assert!(taken(
            &own,
            &json!({ "StringLike": { &aud: ["us-east-1:*"] } })
        ));
        for no_pin in [
            json!({}),
            json!({ "StringLike": { &aud: "*" } }),
            json!({ "StringEqualsIfExists": { &aud: pool } }),
            json!({ "ForAllValues:StringEquals": { &aud: pool } }),
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
            json!({ "StringEqualsIfExists": { "SAML:aud": recipient } }),
            json!({ "ForAllValues:StringEquals": { "SAML:aud": recipient } }),
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
