//! The attributes of a SAML response for the session: its name, its longest duration, its tags.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_saml_assertions.html>

use super::SamlIdentityError;
use crate::logins::saml::Assertion;
use crate::model::tags::{TagError, Tags};

/// The prefix of the attributes for the STS.
const ATTRIBUTES: &str = "https://aws.amazon.com/SAML/Attributes/";

/// The attributes for the STS beside those of tags.
const KNOWN: [&str; 5] = [
    "Role",
    "RoleSessionName",
    "SessionDuration",
    "SourceIdentity",
    "TransitiveTagKeys",
];

/// The durations that an assertion may set, in seconds.
const DURATIONS: std::ops::RangeInclusive<i64> = 900..=43_200;

/// The values of an attribute for the STS.
pub(super) fn value<'a>(assertion: &'a Assertion, name: &str) -> Option<&'a [String]> {
    assertion.attribute(&format!("{ATTRIBUTES}{name}"))
}

/// The name of the session.
pub(super) fn session_name(assertion: &Assertion) -> Result<String, SamlIdentityError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte);
    match value(assertion, "RoleSessionName") {
        None | Some([]) => Err(SamlIdentityError::NoSessionName),
        Some([name]) if (2..=64).contains(&name.len()) && name.bytes().all(plain) => {
            Ok(name.clone())
        }
        Some(_) => Err(SamlIdentityError::SessionName),
    }
}

/// The longest duration of the session, in seconds, if the provider sets it.
pub(super) fn duration(assertion: &Assertion) -> Result<Option<i64>, SamlIdentityError> {
    let Some(values) = value(assertion, "SessionDuration") else {
        return Ok(None);
    };
    let seconds = match values {
        [one] if one.bytes().all(|byte| byte.is_ascii_digit()) => one.parse().ok(),
        _ => None,
    };
    let seconds = seconds.filter(|seconds| DURATIONS.contains(seconds));
    seconds.map(Some).ok_or(SamlIdentityError::SessionDuration)
}

/// The tags of the session, each with one value, and which of them are passed on. Any other attribute for the STS may
/// narrow access, and is refused.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html#id_session-tags_adding-assume-role-saml>
pub(super) fn tags(assertion: &Assertion) -> Result<Tags, TagError> {
    let mut pairs = Vec::new();
    for (name, values) in &assertion.attributes {
        let Some(attribute) = name.strip_prefix(ATTRIBUTES) else {
            continue;
        };
        let refused = || TagError::Claim(name.clone());
        if let Some(key) = attribute.strip_prefix("PrincipalTag:") {
            let [value] = &values[..] else {
                return Err(refused());
            };
            pairs.push((key, value.as_str()));
        } else if !KNOWN.contains(&attribute) {
            return Err(refused());
        }
    }
    let transitive = value(assertion, "TransitiveTagKeys").unwrap_or_default();
    Tags::of_session(pairs, transitive)
}
