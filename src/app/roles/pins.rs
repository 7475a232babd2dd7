//! Pins: which conditions limit a statement to one tenant of an issuer that gives tokens to anybody. The data are in
//! `shared_issuers.toml`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::policy::{ConditionValue, Statement};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SharedIssuers {
    issuer: Vec<SharedIssuer>,
}

/// An issuer that gives tokens to anybody.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SharedIssuer {
    name: String,
    pins: BTreeMap<String, String>,
    /// The claim with the client, if the issuer is a principal of its own name. Its statements name the clients.
    client: Option<String>,
}

/// All shared issuers of the data file.
pub(super) fn shared_issuers() -> &'static [SharedIssuer] {
    static ALL: LazyLock<Vec<SharedIssuer>> = LazyLock::new(|| {
        let all: SharedIssuers =
            toml::from_str(include_str!("shared_issuers.toml")).expect("the data file parses");
        all.issuer
    });
    &ALL
}

impl SharedIssuer {
    /// Its name without scheme; a final `*` stands for any ending.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The condition key that names the client, if the issuer is a principal of its own name without a registration.
    pub(super) fn client_key(&self) -> Option<String> {
        let client = self.client.as_ref();
        client.map(|claim| condition_key(&self.name, claim))
    }

    /// Whether the issuer with this name is meant.
    pub(super) fn is_named(&self, issuer: &str) -> bool {
        match self.name.strip_suffix('*') {
            Some(start) => issuer.starts_with(start),
            None => issuer == self.name,
        }
    }

    /// The condition keys that pin, for the issuer with this name.
    pub(super) fn keys(&self, issuer: &str) -> String {
        let keys = self.pins.keys().map(|claim| condition_key(issuer, claim));
        keys.collect::<Vec<_>>().join(", ")
    }

    /// Whether the statement accepts tokens of one tenant only.
    pub(super) fn is_pinned(&self, issuer: &str, statement: &Statement) -> bool {
        self.pins.iter().any(|(claim, form)| {
            let key = condition_key(issuer, claim);
            statement.limits(&key, &|value| names_tenant(form, value))
        })
    }
}

/// Whether the audience of this issuer's tokens names the tenant, so that it must be one string which `azp` doesn't
/// replace.
pub(in crate::app) fn audience_names_tenant(issuer: &str) -> bool {
    let mut shared = shared_issuers().iter();
    shared.any(|one| one.is_named(issuer) && one.pins.contains_key("aud"))
}

/// Whether a trust policy may pin this issuer's tokens by the user's email, which the issuer must have verified then.
pub(in crate::app) fn is_pinned_by_email(issuer: &str) -> bool {
    let mut shared = shared_issuers().iter();
    shared.any(|one| one.is_named(issuer) && one.pins.contains_key("email"))
}

fn condition_key(issuer: &str, claim: &str) -> String {
    if claim.contains(':') {
        claim.to_owned()
    } else {
        format!("{issuer}:{claim}")
    }
}

/// Whether a value has the tenant in full, with its delimiter, before the first wildcard.
fn names_tenant(form: &str, value: &ConditionValue) -> bool {
    if !value.has_wildcards {
        return !value.beginning.is_empty();
    }
    let Some((start, delimiter)) = form.split_once('*') else {
        return false;
    };
    let tenant = value.beginning.strip_prefix(start);
    let end = tenant.and_then(|tenant| tenant.find(delimiter));
    end.is_some_and(|end| end > 0)
}
