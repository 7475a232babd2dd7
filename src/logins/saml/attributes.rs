//! The attributes of an assertion: the roles in them, and their form as claims.

use serde_json::{Map, Value};

use super::Assertion;
use crate::model::ids::RoleArn;

/// The attribute with roles, each paired with the provider's ARN.
pub(super) const ROLES: &str = "https://aws.amazon.com/SAML/Attributes/Role";

/// The claims that role mappings read. They come from [`ROLES`], never from an attribute with their name.
const ROLE_CLAIMS: [&str; 2] = ["cognito:roles", "cognito:preferred_role"];

impl Assertion {
    /// The values of the attribute with this name, if there is one.
    pub fn attribute(&self, name: &str) -> Option<&[String]> {
        let found = self.attributes.iter().find(|(known, _)| known == name);
        found.map(|(_, values)| values.as_slice())
    }

    /// The ARNs of the roles for the provider `arn`, in document order.
    pub fn roles(&self, arn: &str) -> impl Iterator<Item = &str> {
        let pairs = self.attribute(ROLES).unwrap_or_default();
        pairs.iter().filter_map(move |pair| role(pair, arn))
    }

    /// The attributes as claims: a string, or an array of several values; the roles for the provider `arn`, as in a user
    /// pool's token; and the user as `sub`.
    pub(super) fn claims(&self, arn: &str) -> Map<String, Value> {
        let mut claims = Map::new();
        for (name, values) in &self.attributes {
            if ROLE_CLAIMS.contains(&name.as_str()) {
                continue;
            }
            match &values[..] {
                [] => {}
                [one] => {
                    claims.insert(name.clone(), Value::from(one.as_str()));
                }
                several => {
                    claims.insert(name.clone(), Value::from(several.to_vec()));
                }
            }
        }
        if self.attribute(ROLES).is_some() {
            let roles: Vec<&str> = self.roles(arn).collect();
            claims.insert(ROLE_CLAIMS[0].to_owned(), Value::from(roles));
        }
        claims.insert("sub".to_owned(), Value::from(self.subject.as_str()));
        claims
    }
}

/// The role of a pair `ROLE,PROVIDER`, in either order, if the pair names this provider.
fn role<'p>(pair: &'p str, provider: &str) -> Option<&'p str> {
    let (one, other) = pair.split_once(',')?;
    let (one, other) = (one.trim(), other.trim());
    let role = match (one == provider, other == provider) {
        (true, false) => other,
        (false, true) => one,
        _ => return None,
    };
    RoleArn::parse(role).map(|_| role)
}
