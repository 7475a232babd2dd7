//! The condition keys of the attributes of a SAML response.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_saml_assertions.html#saml-attribute-mapping>

use indexmap::IndexMap;

use crate::app::access::condition_keys::{CallerKeys, SamlValues};
use crate::logins::saml::Assertion;

/// Condition keys, without `saml:`, by the attributes' names.
const KEYS: [(&str, &str); 30] = [
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.1", "edupersonaffiliation"),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.2", "edupersonnickname"),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.3", "edupersonorgdn"),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.4", "edupersonorgunitdn"),
    (
        "urn:oid:1.3.6.1.4.1.5923.1.1.1.5",
        "edupersonprimaryaffiliation",
    ),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.6", "edupersonprincipalname"),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.7", "edupersonentitlement"),
    (
        "urn:oid:1.3.6.1.4.1.5923.1.1.1.8",
        "edupersonprimaryorgunitdn",
    ),
    (
        "urn:oid:1.3.6.1.4.1.5923.1.1.1.9",
        "edupersonscopedaffiliation",
    ),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.10", "edupersontargetedid"),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.11", "edupersonassurance"),
    ("urn:oid:1.3.6.1.4.1.5923.1.2.1.2", "eduorghomepageuri"),
    (
        "urn:oid:1.3.6.1.4.1.5923.1.2.1.3",
        "eduorgidentityauthnpolicyuri",
    ),
    ("urn:oid:1.3.6.1.4.1.5923.1.2.1.4", "eduorglegalname"),
    ("urn:oid:1.3.6.1.4.1.5923.1.2.1.5", "eduorgsuperioruri"),
    ("urn:oid:1.3.6.1.4.1.5923.1.2.1.6", "eduorgwhitepagesuri"),
    ("urn:oid:2.5.4.3", "cn"),
    (
        "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name",
        "name",
    ),
    ("http://schemas.xmlsoap.org/claims/CommonName", "commonname"),
    (
        "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/givenname",
        "givenname",
    ),
    (
        "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/surname",
        "surname",
    ),
    (
        "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress",
        "mail",
    ),
    (
        "http://schemas.microsoft.com/ws/2008/06/identity/claims/primarygroupsid",
        "primarygroupsid",
    ),
    ("2.5.4.3", "commonname"),
    ("2.5.4.4", "surname"),
    ("2.5.4.42", "givenname"),
    ("2.5.4.45", "x500uniqueidentifier"),
    ("0.9.2342.19200300.100.1.1", "uid"),
    ("0.9.2342.19200300.100.1.3", "mail"),
    ("0.9.2342.19200300.100.1.45", "organizationstatus"),
];

/// The keys with a single value.
const SINGLE: [&str; 4] = [
    "edupersonorgdn",
    "edupersonprimaryaffiliation",
    "edupersonprimaryorgunitdn",
    "edupersonprincipalname",
];

/// Sets the keys of the attributes that are present. A single-valued key with several values is set as a multi-valued key,
/// and a statement that allows must match all of them.
pub(super) fn of_attributes(assertion: &Assertion, caller: &mut CallerKeys) {
    let mut all: IndexMap<&str, Vec<&str>> = IndexMap::new();
    for (name, key) in KEYS {
        let values = assertion.attribute(name).unwrap_or_default();
        if !values.is_empty() {
            let known = all.entry(key).or_default();
            known.extend(values.iter().map(String::as_str));
        }
    }
    for (key, values) in all {
        let values = match values[..] {
            [one] if SINGLE.contains(&key) => SamlValues::One(one),
            _ => SamlValues::Several(&values),
        };
        caller.set_saml(key, values);
    }
}
