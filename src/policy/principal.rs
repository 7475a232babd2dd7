//! Who asks for a role, and whom a trust policy names. Not whether somebody is who they say.

use serde_json::{Map, Value};

use super::document::Kind;
use super::mistake::Mistakes;
use super::reading::{Place, either, object, short, texts};
use super::statement::Effect;
use crate::model::ids::{AccountId, OidcProviderArn};

/// Who asks for a role. Names are compared to the byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Principal<'p> {
    /// Somebody signed in at a provider: `cognito-identity.amazonaws.com`, or the ARN of an OpenID Connect or SAML
    /// provider.
    Federated(&'p str),
    /// Somebody with an access key, by every name that trust policies have for them: the number of their account, the
    /// ARN of the session, of its role or user, and the unique id of that.
    Aws(&'p [&'p str]),
    /// A service: `ec2.amazonaws.com`.
    Service(&'p str),
}

/// `Principal`, or all but those of `NotPrincipal`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Principals {
    negated: bool,
    named: Vec<Named>,
}

/// What a trust policy names.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Named {
    /// `"*"`, and `{"AWS": "*"}`, which the documentation calls equivalent.
    Everybody,
    Federated(String),
    /// An ARN, a unique id, or an account's number, to which the ARN of an account's root is reduced.
    Aws(String),
    Service(String),
}

impl Principals {
    /// Whether `asking` is among them. Where nobody is known to ask, nobody is allowed, and everybody denied.
    pub(super) fn cover(&self, effect: Effect, asking: Option<Principal<'_>>) -> bool {
        let Some(asking) = asking else {
            return effect == Effect::Deny;
        };
        let is_asking = |named: &Named| match (named, asking) {
            (Named::Everybody, _) => true,
            (Named::Federated(name), Principal::Federated(asking))
            | (Named::Service(name), Principal::Service(asking)) => name == asking,
            (Named::Aws(name), Principal::Aws(names)) => names.contains(&name.as_str()),
            _ => false,
        };
        self.named.iter().any(is_asking) != self.negated
    }

    /// Whether somebody signed in at some SAML provider may be among them.
    pub(super) fn cover_saml(&self) -> bool {
        let is_saml = |named: &Named| match named {
            Named::Everybody => true,
            Named::Federated(name) => is_saml_provider(name),
            Named::Aws(_) | Named::Service(_) => false,
        };
        self.negated || self.named.iter().any(is_saml)
    }

    /// Reads the element; notes what is wrong with it. `None` where the kind of policy has none.
    pub(super) fn read(
        members: &Map<String, Value>,
        kind: Kind,
        effect: Option<Effect>,
        place: &Place<'_>,
        mistakes: &mut Mistakes,
    ) -> Option<Self> {
        const NAMES: [&str; 2] = ["Principal", "NotPrincipal"];
        if kind != Kind::Trust {
            if NAMES.iter().any(|name| members.contains_key(*name)) {
                mistakes.note(place, "Policy document should not specify a principal.");
            }
            return None;
        }
        let Some((name, value, negated)) = either(members, NAMES, place, mistakes) else {
            mistakes.note(place, "Missing required field Principal");
            return None;
        };
        if negated && effect == Some(Effect::Allow) {
            mistakes.note(place, "Allow with NotPrincipal is not allowed.");
        }
        let named = match value {
            Value::String(text) if text == "*" => vec![Named::Everybody],
            _ => by_kind(value, &place.member(name), mistakes),
        };
        Some(Self { negated, named })
    }
}

fn by_kind(value: &Value, place: &Place<'_>, mistakes: &mut Mistakes) -> Vec<Named> {
    const EMPTY: &str = "Missing required field Principal cannot be empty!";
    let Some(kinds) = object(value, "a principal that is not \"*\"", place, mistakes) else {
        return Vec::new();
    };
    if kinds.is_empty() {
        mistakes.note(place, EMPTY);
    }
    let named = kinds.iter().flat_map(|(kind, names)| {
        let place = place.member(kind);
        let read: fn(&str) -> Result<Named, String> = match kind.as_str() {
            "AWS" => aws,
            "Federated" => federated,
            "Service" => service,
            _ => {
                let what = format_args!("unknown kind of principal {}", short(kind));
                mistakes.syntax(&place, what);
                return Vec::new();
            }
        };
        texts(names, EMPTY, read, &place, mistakes)
    });
    named.collect()
}

fn aws(name: &str) -> Result<Named, String> {
    if name == "*" {
        return Ok(Named::Everybody);
    }
    if AccountId::parse(name).is_some() || is_unique_id(name) {
        return Ok(Named::Aws(name.to_owned()));
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
            return Ok(Named::Aws(account.to_owned()));
        }
        let kinds: &[&str] = match service {
            "iam" => &["user/", "role/"],
            _ => &["assumed-role/", "federated-user/"],
        };
        if kinds
            .iter()
            .any(|kind| resource.len() > kind.len() && resource.starts_with(kind))
        {
            return Ok(Named::Aws(name.to_owned()));
        }
    }
    Err(invalid("AWS", name))
}

fn federated(name: &str) -> Result<Named, String> {
    let is_oidc_provider =
        OidcProviderArn::parse(name).is_some() && !name.contains(['*', '?', ' ']);
    if is_oidc_provider || is_saml_provider(name) || is_domain(name) {
        return Ok(Named::Federated(name.to_owned()));
    }
    Err("Federated principals must be valid domain names or SAML metadata ARNs".to_owned())
}

fn service(name: &str) -> Result<Named, String> {
    if is_domain(name) {
        return Ok(Named::Service(name.to_owned()));
    }
    Err(invalid("SERVICE", name))
}

fn invalid(kind: &str, name: &str) -> String {
    let name = short(name);
    format!("Invalid principal in policy: \"{kind}\":\"{name}\"")
}

/// As IAM writes the principal of a role or user that is gone: `AROA…`.
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
