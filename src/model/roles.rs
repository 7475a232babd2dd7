//! The choice of a login's role: the pure rule of role mappings. <https://docs.aws.amazon.com/cognito/latest/developerguide/role-based-access-control.html>

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::ids::RoleArn;

/// The role mapping of one provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleMapping {
    /// The source of the role.
    pub by: MappedBy,
    /// The fallback if the source names no role, or several.
    pub ambiguous: AmbiguousRoleResolution,
}

/// The source of a mapping's role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MappedBy {
    /// The token: its claims `cognito:preferred_role` and `cognito:roles`.
    Token,
    /// The first rule that a claim of the token meets.
    Rules(Vec<Rule>),
}

/// The fallback without a unique role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AmbiguousRoleResolution {
    /// The fallback is the pool's role for signed-in identities.
    AuthenticatedRole,
    /// The request is denied.
    Deny,
}

/// A rule: a role for tokens with a certain value of a claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// The claim's name.
    pub claim: String,
    /// The comparison of bytes.
    pub match_type: MatchType,
    /// The value to compare with.
    pub value: String,
    /// The role.
    pub role: RoleArn,
}

/// The comparison of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum MatchType {
    /// The claim, or an element of its array, equals the value.
    Equals,
    /// The claim, or an element of its array, contains the value.
    Contains,
    /// The claim, or an element of its array, starts with the value.
    StartsWith,
    /// The claim exists, and neither it nor an element of its array equals the value.
    NotEqual,
}

/// The role that a mapping chooses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chosen<'m> {
    /// A role that the pool names.
    OfPool(&'m RoleArn),
    /// A role that only the token names; the issuer of credentials must know it.
    OfToken(RoleArn),
    /// The pool's role for signed-in identities.
    Authenticated,
}

/// Why a mapping chooses no role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotChosen {
    /// The requested role isn't offered.
    NotOffered,
    /// The source names no role, or several, and the fallback is to deny.
    Ambiguous,
}

impl RoleMapping {
    /// Chooses the role for a token with these claims; `asked` is the role that the caller requests.
    pub fn choose(
        &self,
        claims: &Map<String, Value>,
        asked: Option<&RoleArn>,
    ) -> Result<Chosen<'_>, NotChosen> {
        let offered = match &self.by {
            MappedBy::Token => of_token(claims, asked)?.map(Chosen::OfToken),
            MappedBy::Rules(rules) => of_rules(rules, claims, asked)?.map(Chosen::OfPool),
        };
        match (offered, self.ambiguous) {
            (Some(role), _) => Ok(role),
            (None, AmbiguousRoleResolution::AuthenticatedRole) => Ok(Chosen::Authenticated),
            (None, AmbiguousRoleResolution::Deny) => Err(NotChosen::Ambiguous),
        }
    }
}

impl RoleMapping {
    /// All roles that the mapping offers to a token with these claims.
    pub fn offered(&self, claims: &Map<String, Value>) -> Vec<RoleArn> {
        match &self.by {
            MappedBy::Token => roles_of_token(claims),
            MappedBy::Rules(rules) => {
                let matching = rules.iter().filter(|rule| rule.matches(claims));
                matching.map(|rule| rule.role.clone()).collect()
            }
        }
    }
}

fn of_rules<'m>(
    all: &'m [Rule],
    claims: &Map<String, Value>,
    asked: Option<&RoleArn>,
) -> Result<Option<&'m RoleArn>, NotChosen> {
    let mut roles = all
        .iter()
        .filter(|rule| rule.matches(claims))
        .map(|rule| &rule.role);
    match asked {
        None => Ok(roles.next()),
        Some(asked) => roles
            .find(|role| *role == asked)
            .map(Some)
            .ok_or(NotChosen::NotOffered),
    }
}

fn of_token(
    claims: &Map<String, Value>,
    asked: Option<&RoleArn>,
) -> Result<Option<RoleArn>, NotChosen> {
    let roles = roles_of_token(claims);
    if let Some(asked) = asked {
        let offered = roles.into_iter().find(|role| role == asked);
        return offered.map(Some).ok_or(NotChosen::NotOffered);
    }
    let preferred = claims.get("cognito:preferred_role").and_then(Value::as_str);
    if let Some(preferred) = preferred.and_then(RoleArn::parse) {
        return Ok(Some(preferred));
    }
    match <[RoleArn; 1]>::try_from(roles) {
        Ok([role]) => Ok(Some(role)),
        Err(_) => Ok(None),
    }
}

/// Reads `cognito:roles`: an array in tokens, and a string with commas in the documentation.
fn roles_of_token(claims: &Map<String, Value>) -> Vec<RoleArn> {
    let texts: Vec<&str> = match claims.get("cognito:roles") {
        Some(Value::Array(elements)) => elements.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(text)) => text.split(',').map(str::trim).collect(),
        _ => Vec::new(),
    };
    texts.into_iter().filter_map(RoleArn::parse).collect()
}

impl Rule {
    /// Whether the claims match the rule. A claim that is absent, or neither a scalar nor an array of scalars, never matches.
    pub fn matches(&self, claims: &Map<String, Value>) -> bool {
        let Some(values) = claims.get(&self.claim).and_then(plain_values) else {
            return false;
        };
        let mut values = values.iter().map(String::as_str);
        let wanted = self.value.as_str();
        match self.match_type {
            MatchType::Equals => values.any(|value| value == wanted),
            MatchType::Contains => values.any(|value| value.contains(wanted)),
            MatchType::StartsWith => values.any(|value| value.starts_with(wanted)),
            MatchType::NotEqual => values.all(|value| value != wanted),
        }
    }
}

/// A claim's value as strings: one, or the elements of an array.
fn plain_values(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::Array(elements) => elements.iter().map(plain_text).collect(),
        other => plain_text(other).map(|text| vec![text]),
    }
}

/// A scalar as a string; `None` for nulls, arrays and objects.
pub fn plain_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(bool) => Some(bool.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn role(name: &str) -> RoleArn {
        RoleArn::parse(&format!("arn:aws:iam::123456789012:role/{name}")).unwrap()
    }

    fn claims(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(claims) => claims,
            other => panic!("{other} is no object"),
        }
    }

    fn rule(claim: &str, match_type: MatchType, value: &str, of: &str) -> Rule {
        Rule {
            claim: claim.into(),
            match_type,
            value: value.into(),
            role: role(of),
        }
    }

    fn meets(match_type: MatchType, wanted: &str, value: impl Into<Value>) -> bool {
        let value: Value = value.into();
        rule("c", match_type, wanted, "R").matches(&claims(json!({ "c": value })))
    }

    #[test]
    fn a_claim_is_compared_as_bytes() {
        use MatchType::{Contains, Equals, NotEqual, StartsWith};
        assert!(meets(Equals, "admin", json!("admin")));
        assert!(!meets(Equals, "admin", json!("Admin")));
        assert!(!meets(Equals, "a*", json!("admin")), "no wildcards");
        assert!(meets(Contains, "dmi", json!("admin")));
        assert!(meets(StartsWith, "ad", json!("admin")));
        assert!(!meets(StartsWith, "dm", json!("admin")));
        assert!(meets(NotEqual, "user", json!("admin")));
        assert!(!meets(NotEqual, "admin", json!("admin")));
        assert!(meets(Equals, "3", json!(3)) && meets(Equals, "true", json!(true)));
    }

    #[test]
    fn a_list_meets_a_rule_by_any_element_and_not_equal_by_all() {
        use MatchType::{Contains, Equals, NotEqual, StartsWith};
        let groups = json!(["users", "admins"]);
        assert!(meets(Equals, "admins", groups.clone()));
        assert!(!meets(Equals, "admin", groups.clone()));
        assert!(meets(Contains, "admin", groups.clone()));
        assert!(
            !meets(Contains, "users, admins", groups.clone()),
            "no rendered list"
        );
        assert!(meets(StartsWith, "adm", groups.clone()));
        assert!(meets(NotEqual, "guests", groups.clone()));
        assert!(!meets(NotEqual, "users", groups));
        assert!(!meets(Equals, "x", json!([])));
    }

    #[test]
    fn a_claim_that_is_absent_or_no_plain_value_meets_nothing() {
        for match_type in [MatchType::Equals, MatchType::NotEqual, MatchType::Contains] {
            assert!(!rule("other", match_type, "x", "R").matches(&claims(json!({ "c": "x" }))));
            for value in [json!(null), json!({ "x": 1 }), json!([["x"]])] {
                assert!(!meets(match_type, "x", value));
            }
        }
    }

    #[test]
    fn the_first_rule_wins_unless_another_is_asked_for() {
        let mapping = RoleMapping {
            by: MappedBy::Rules(vec![
                rule("g", MatchType::Equals, "none", "Never"),
                rule("g", MatchType::Contains, "a", "First"),
                rule("g", MatchType::StartsWith, "a", "Second"),
            ]),
            ambiguous: AmbiguousRoleResolution::Deny,
        };
        let admin = claims(json!({ "g": "admin" }));
        let (first, second) = (role("First"), role("Second"));
        assert_eq!(mapping.choose(&admin, None), Ok(Chosen::OfPool(&first)));
        assert_eq!(
            mapping.choose(&admin, Some(&second)),
            Ok(Chosen::OfPool(&second))
        );
        let never = mapping.choose(&admin, Some(&role("Never")));
        assert_eq!(never, Err(NotChosen::NotOffered), "its rule isn't met");
        assert_eq!(
            mapping.choose(&claims(json!({})), None),
            Err(NotChosen::Ambiguous)
        );
        let asked = mapping.choose(&claims(json!({})), Some(&first));
        assert_eq!(asked, Err(NotChosen::NotOffered));
    }

    #[test]
    fn a_token_names_its_roles() {
        let mapping = |ambiguous| RoleMapping {
            by: MappedBy::Token,
            ambiguous,
        };
        let deny = mapping(AmbiguousRoleResolution::Deny);
        let (one, two) = (role("One"), role("Two"));
        let both = json!([one.as_str(), two.as_str()]);
        let text = format!("{one},{two}");
        for roles in [both, json!(text)] {
            let plain = claims(json!({ "cognito:roles": roles }));
            assert_eq!(deny.choose(&plain, None), Err(NotChosen::Ambiguous));
            let lenient = mapping(AmbiguousRoleResolution::AuthenticatedRole);
            assert_eq!(lenient.choose(&plain, None), Ok(Chosen::Authenticated));
            assert_eq!(
                deny.choose(&plain, Some(&two)),
                Ok(Chosen::OfToken(two.clone()))
            );
            let other = deny.choose(&plain, Some(&role("Three")));
            assert_eq!(other, Err(NotChosen::NotOffered));
            let preferred = claims(json!({
                "cognito:roles": roles, "cognito:preferred_role": two.as_str(),
            }));
            assert_eq!(
                deny.choose(&preferred, None),
                Ok(Chosen::OfToken(two.clone()))
            );
        }
        let single = claims(json!({ "cognito:roles": [one.as_str()] }));
        assert_eq!(deny.choose(&single, None), Ok(Chosen::OfToken(one)));
        assert_eq!(
            deny.choose(&claims(json!({})), None),
            Err(NotChosen::Ambiguous)
        );
    }
}
