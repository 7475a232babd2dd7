//! The principal of a request, and the principals that a trust policy names. `app` authenticates the principal.

use serde_json::{Map, Value};

use super::diagnostics::PolicyDiagnostics;
use super::document::PolicyKind;
use super::elements::{JsonPath, either, object, short, texts};
use super::statement::Effect;
use crate::model::ids::{AccountId, OidcProviderArn};

/// The principal that requests a role. Names are compared as bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Principal<'p> {
    /// A user of an identity provider: `cognito-identity.amazonaws.com`, or the ARN of an OpenID Connect or SAML provider.
    Federated(&'p str),
    /// A caller with an access key, by every name that trust policies may use: the account's number, the ARN of the
    /// session, of its role or user, and the unique id of the role or user.
    Aws(&'p [&'p str]),
    /// An AWS service, for example `ec2.amazonaws.com`.
    Service(&'p str),
}

/// The element `Principal`. Trust policies have no `NotPrincipal`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Principals {
    named: Vec<PrincipalPattern>,
}

/// A principal that a trust policy names.
#[derive(Debug, Clone, PartialEq, Eq)]
enum PrincipalPattern {
    /// Every principal: `"*"` or `{"AWS": "*"}`, which are equivalent in the documentation.
    Anyone,
    Federated(String),
    /// An ARN, a unique id, or an account's number. The ARN of an account's root becomes its number.
    Aws(String),
    Service(String),
}

impl Principals {
    /// Whether `caller` is among them. Without a caller, an allow covers none and a deny covers all.
    pub(super) fn cover(&self, effect: Effect, caller: Option<Principal<'_>>) -> bool {
        let Some(caller) = caller else {
            return effect == Effect::Deny;
        };
        let is_caller = |named: &PrincipalPattern| match (named, caller) {
            (PrincipalPattern::Anyone, _) => true,
            (PrincipalPattern::Federated(name), Principal::Federated(caller))
            | (PrincipalPattern::Service(name), Principal::Service(caller)) => name == caller,
            (PrincipalPattern::Aws(name), Principal::Aws(names)) => names.contains(&name.as_str()),
            _ => false,
        };
        self.named.iter().any(is_caller)
    }

    /// Whether a user of some SAML provider may be among them.
    pub(super) fn cover_saml(&self) -> bool {
        let is_saml = |named: &PrincipalPattern| match named {
            PrincipalPattern::Anyone => true,
            PrincipalPattern::Federated(name) => is_saml_provider(name),
            PrincipalPattern::Aws(_) | PrincipalPattern::Service(_) => false,
        };
        self.named.iter().any(is_saml)
    }

    /// Whether every principal is among them.
    pub(super) fn cover_anyone(&self) -> bool {
        self.named.contains(&PrincipalPattern::Anyone)
    }

    /// The federated principals that are named.
    pub(super) fn federated(&self) -> impl Iterator<Item = &str> {
        self.named.iter().filter_map(|named| match named {
            PrincipalPattern::Federated(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// Parses the element and adds its errors. `None` if this kind of policy has no principals.
    pub(super) fn read(
        members: &Map<String, Value>,
        kind: PolicyKind,
        effect: Option<Effect>,
        path: &JsonPath<'_>,
        diagnostics: &mut PolicyDiagnostics,
    ) -> Option<Self> {
        const NAMES: [&str; 2] = ["Principal", "NotPrincipal"];
        if kind != PolicyKind::Trust {
            if NAMES.iter().any(|name| members.contains_key(*name)) {
                diagnostics.note(path, "Policy document should not specify a principal.");
            }
            return None;
        }
        let Some((name, value, negated)) = either(members, NAMES, path, diagnostics) else {
            diagnostics.note(path, "Missing required field Principal");
            return None;
        };
        if negated {
            let message = match effect {
                Some(Effect::Allow) => "Allow with NotPrincipal is not allowed.",
                _ => {
                    "AssumeRolepolicy contained an invalid principal: NotPrincipal is not allowed."
                }
            };
            diagnostics.note(path, message);
        }
        let named = match value {
            Value::String(text) if text == "*" => vec![PrincipalPattern::Anyone],
            _ => by_kind(value, &path.member(name), diagnostics),
        };
        Some(Self { named })
    }
}

fn by_kind(
    value: &Value,
    path: &JsonPath<'_>,
    diagnostics: &mut PolicyDiagnostics,
) -> Vec<PrincipalPattern> {
    const EMPTY: &str = "Missing required field Principal cannot be empty!";
    let Some(kinds) = object(value, "a principal that is not \"*\"", path, diagnostics) else {
        return Vec::new();
    };
    if kinds.is_empty() {
        diagnostics.note(path, EMPTY);
    }
    let named = kinds.iter().flat_map(|(kind, names)| {
        let path = path.member(kind);
        let read: fn(&str) -> Result<PrincipalPattern, String> = match kind.as_str() {
            "AWS" => aws,
            "Federated" => federated,
            "Service" => service,
            _ => {
                let what = format_args!("unknown kind of principal {}", short(kind));
                diagnostics.syntax(&path, what);
                return Vec::new();
            }
        };
        texts(names, EMPTY, read, &path, diagnostics)
    });
    named.collect()
}

fn aws(name: &str) -> Result<PrincipalPattern, String> {
    if name == "*" {
        return Ok(PrincipalPattern::Anyone);
    }
    if AccountId::parse(name).is_some() || is_unique_id(name) {
        return Ok(PrincipalPattern::Aws(name.to_owned()));
    }
    let parts: Vec<&str> = name.splitn(6, ':').collect();
    if let [
        "arn",
        partition,
        service @ ("iam" | "sts"),
        "",
        account,
        resource,
    ] = parts[..]
        && partition.starts_with("aws")
        && AccountId::parse(account).is_some()
        && !name.contains(['*', '?'])
    {
        if (service, resource) == ("iam", "root") {
            return Ok(PrincipalPattern::Aws(account.to_owned()));
        }
        let kinds: &[&str] = match service {
            "iam" => &["user/", "role/"],
            _ => &["assumed-role/", "federated-user/"],
        };
        if kinds
            .iter()
            .any(|kind| resource.len() > kind.len() && resource.starts_with(kind))
        {
            return Ok(PrincipalPattern::Aws(name.to_owned()));
        }
    }
    Err(invalid("AWS", name))
}

fn federated(name: &str) -> Result<PrincipalPattern, String> {
    let is_oidc_provider =
        OidcProviderArn::parse(name).is_some() && !name.contains(['*', '?', ' ']);
    if is_oidc_provider || is_saml_provider(name) || is_domain(name) {
        return Ok(PrincipalPattern::Federated(name.to_owned()));
    }
    Err("Federated principals must be valid domain names or SAML metadata ARNs".to_owned())
}

fn service(name: &str) -> Result<PrincipalPattern, String> {
    if is_domain(name) {
        return Ok(PrincipalPattern::Service(name.to_owned()));
    }
    Err(invalid("SERVICE", name))
}

fn invalid(kind: &str, name: &str) -> String {
    let name = short(name);
    format!("Invalid principal in policy: \"{kind}\":\"{name}\"")
}

/// Whether the name is a unique id (`AROA…`), as IAM writes the principal of a deleted role or user.
fn is_unique_id(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    ["AROA", "AIDA"].iter().any(|kind| name.starts_with(kind))
        && name.bytes().all(plain)
        && (16..=128).contains(&name.len())
}

fn is_saml_provider(name: &str) -> bool {
    let parts: Vec<&str> = name.splitn(6, ':').collect();
    let ["arn", partition, "iam", "", account, resource] = parts[..] else {
        return false;
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    partition.starts_with("aws")
        && AccountId::parse(account).is_some()
        && resource
            .strip_prefix("saml-provider/")
            .is_some_and(|name| !name.is_empty() && name.bytes().all(plain))
}

fn is_domain(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    name.contains('.')
        && name.len() <= 253
        && name
            .split('.')
            .all(|label| !label.is_empty() && label.bytes().all(plain))
}
