//! The table of condition keys: who sets each key of this server's own services, and each global key. Keys of other
//! services are left to the service that evaluates them.
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html>

use crate::model::tags;

/// Where the value of a condition key comes from. Each key has one owner, so that a value of one kind never replaces a
/// value of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyOwner {
    /// The principal that calls: its credentials and their record.
    Principal,
    /// The login that the caller's session began with: the claims of a verified token, or a SAML response.
    Login,
    /// The parameters of the request, and the permissions boundary of the role that it changes.
    Request,
    /// The resource that the request acts on.
    Resource,
    /// The connection of the request, and its time.
    Connection,
    /// No owner: this server can't know the value, and the key is always absent.
    Unset,
}

use KeyOwner::{Connection, Login, Principal, Request, Resource, Unset};

/// The namespaces of the keys that this server decides about.
const NAMESPACES: [&str; 8] = [
    "aws",
    "cognate",
    "cognito-identity",
    "cognito-identity-auth",
    "cognito-identity-unauth",
    "iam",
    "saml",
    "sts",
];

/// The beginnings of keys that end with the key of a tag, in lower case.
const TAG_KEYS: [&str; 4] = [
    "aws:principaltag/",
    "aws:requesttag/",
    "aws:resourcetag/",
    "iam:resourcetag/",
];

/// The keys by their owner, in lower case. A key that ends with `/` stands for all keys that begin with it.
const KEYS: [(KeyOwner, &[&str]); 6] = [
    (
        Principal,
        &[
            "aws:federatedprovider",
            "aws:multifactorauthpresent",
            "aws:principalaccount",
            "aws:principalarn",
            "aws:principalisawsservice",
            "aws:principaltag/",
            "aws:principaltype",
            "aws:tokenissuetime",
            "aws:userid",
            "aws:username",
            "cognito-identity-auth:accountid",
            "cognito-identity-auth:identitypoolarn",
            "cognito-identity-unauth:accountid",
            "cognito-identity-unauth:identitypoolarn",
        ],
    ),
    (
        Login,
        &[
            "saml:aud",
            "saml:cn",
            "saml:commonname",
            "saml:doc",
            "saml:eduorghomepageuri",
            "saml:eduorgidentityauthnpolicyuri",
            "saml:eduorglegalname",
            "saml:eduorgsuperioruri",
            "saml:eduorgwhitepagesuri",
            "saml:edupersonaffiliation",
            "saml:edupersonassurance",
            "saml:edupersonentitlement",
            "saml:edupersonnickname",
            "saml:edupersonorgdn",
            "saml:edupersonorgunitdn",
            "saml:edupersonprimaryaffiliation",
            "saml:edupersonprimaryorgunitdn",
            "saml:edupersonprincipalname",
            "saml:edupersonscopedaffiliation",
            "saml:edupersontargetedid",
            "saml:givenname",
            "saml:iss",
            "saml:mail",
            "saml:name",
            "saml:namequalifier",
            "saml:organizationstatus",
            "saml:primarygroupsid",
            "saml:sub",
            "saml:sub_type",
            "saml:surname",
            "saml:uid",
            "saml:x500uniqueidentifier",
        ],
    ),
    (
        Request,
        &[
            "aws:requesttag/",
            "aws:tagkeys",
            "iam:passedtoservice",
            "iam:permissionsboundary",
            "iam:policyarn",
            "sts:durationseconds",
            "sts:externalid",
            "sts:rolesessionname",
            "sts:transitivetagkeys",
        ],
    ),
    (
        Resource,
        &[
            "aws:resourceaccount",
            "aws:resourcetag/",
            "cognito-identity:identitypoolarn",
            "iam:resourcetag/",
        ],
    ),
    (
        Connection,
        &[
            "aws:currenttime",
            "aws:epochtime",
            "aws:ismcpserviceaction",
            "aws:referer",
            "aws:requestedregion",
            "aws:securetransport",
            "aws:sourceip",
            "aws:useragent",
            "aws:viaawsmcpservice",
            "aws:viaawsservice",
        ],
    ),
    (
        Unset,
        &[
            "aws:assumedroot",
            "aws:calledvia",
            "aws:calledviaawsmcp",
            "aws:calledviafirst",
            "aws:calledvialast",
            "aws:chatbotsourcearn",
            "aws:ec2instancesourceprivateipv4",
            "aws:ec2instancesourcevpc",
            "aws:multifactorauthage",
            "aws:principalorgid",
            "aws:principalorgpaths",
            "aws:principalservicename",
            "aws:principalservicenameslist",
            "aws:resourceorgid",
            "aws:resourceorgpaths",
            "aws:sourceaccount",
            "aws:sourcearn",
            "aws:sourceidentity",
            "aws:sourceorgid",
            "aws:sourceorgpaths",
            "aws:sourceowner",
            "aws:sourcevpc",
            "aws:sourcevpcarn",
            "aws:sourcevpce",
            "aws:vpceaccount",
            "aws:vpceorgid",
            "aws:vpceorgpaths",
            "aws:vpcsourceip",
            "iam:associatedresourcearn",
            "iam:awsservicename",
            "iam:delegationduration",
            "iam:delegationrequestowner",
            "iam:fido-certification",
            "iam:fido-fips-140-2-certification",
            "iam:fido-fips-140-3-certification",
            "iam:notificationchannel",
            "iam:organizationspolicyid",
            "iam:registersecuritykey",
            "iam:servicespecificcredentialagedays",
            "iam:servicespecificcredentialservicename",
            "iam:templatearn",
            "sts:awsservicename",
            "sts:identitytokenaudience",
            "sts:requestcontext/",
            "sts:requestcontextproviders",
            "sts:signingalgorithm",
            "sts:sourceidentity",
            "sts:taskpolicyarn",
        ],
    ),
];

/// A key without its case. The key of a tag may have other letters than ASCII.
pub(super) fn folded(key: &str) -> String {
    let lower = key.to_ascii_lowercase();
    let tag = TAG_KEYS.iter().find_map(|tags| lower.strip_prefix(tags));
    match tag {
        Some(tag) if !tag.is_ascii() => {
            let tags = &lower[..lower.len() - tag.len()];
            format!("{tags}{}", tags::folded(tag))
        }
        _ => lower,
    }
}

/// The owner of a key, in any case. `None` for the keys of other services. A key that the table lacks is unset if it is in
/// a namespace of this server. A key with a host as its namespace is a claim of that issuer.
pub fn owner_of(key: &str) -> Option<KeyOwner> {
    let key = key.to_ascii_lowercase();
    let is_this = |pattern: &&&str| {
        if pattern.ends_with('/') {
            key.len() > pattern.len() && key.starts_with(**pattern)
        } else {
            key == **pattern
        }
    };
    if let Some((owner, _)) = KEYS
        .iter()
        .find(|(_, patterns)| patterns.iter().any(|pattern| is_this(&pattern)))
    {
        return Some(*owner);
    }
    let (namespace, _) = key.split_once(':').unwrap_or((&key, ""));
    if NAMESPACES.contains(&namespace) {
        return Some(Unset);
    }
    let (issuer, _) = key.rsplit_once(':').unwrap_or_default();
    issuer.contains('.').then_some(Login)
}

/// Whether this server can never know the value of a key, in any case.
pub(super) fn is_unset(key: &str) -> bool {
    owner_of(key) == Some(Unset)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The published condition keys; its head says where they come from.
    const PUBLISHED: &str = include_str!("tests/published_condition_keys.txt");

    fn is_listed(key: &str) -> bool {
        let all = KEYS.iter().flat_map(|(_, patterns)| patterns.iter());
        all.into_iter().any(|pattern| *pattern == key)
    }

    #[test]
    fn every_published_key_has_a_decision() {
        let keys = PUBLISHED.lines().filter(|line| !line.starts_with('#'));
        let keys: Vec<&str> = keys.filter(|line| !line.is_empty()).collect();
        assert!(keys.len() > 120, "{} keys", keys.len());
        let undecided: Vec<_> = keys
            .into_iter()
            .filter(|key| {
                let namespace = key.split_once(':').map_or("", |(namespace, _)| namespace);
                let lower = key.to_ascii_lowercase();
                // A member such as `${TagKey}` stands for any text.
                let pattern = lower.split_inclusive('/').next().unwrap_or_default();
                if NAMESPACES.contains(&namespace) {
                    !is_listed(pattern)
                } else {
                    // The keys of issuers, and of services that this server doesn't authorise.
                    !matches!(owner_of(key), Some(Login) | None)
                }
            })
            .collect();
        assert!(
            undecided.is_empty(),
            "keys without a decision: {undecided:?}"
        );
    }

    #[test]
    fn every_key_has_one_owner() {
        let mut seen = BTreeSet::new();
        for pattern in KEYS.iter().flat_map(|(_, patterns)| patterns.iter()) {
            assert!(seen.insert(pattern), "{pattern} is listed twice");
            assert_eq!(*pattern, pattern.to_ascii_lowercase());
            let (namespace, _) = pattern.split_once(':').unwrap();
            assert!(NAMESPACES.contains(&namespace), "{pattern}");
        }
    }

    #[test]
    fn the_owner_is_found_by_the_table_and_by_the_namespace() {
        for (key, owner) in [
            ("AWS:SourceIP", Some(Connection)),
            ("aws:PrincipalTag/team", Some(Principal)),
            ("aws:PrincipalTag/", Some(Unset)),
            ("aws:PrincipalTag", Some(Unset)),
            ("aws:RequestTag/aws:PrincipalTag/team", Some(Request)),
            ("aws:Unheard", Some(Unset)),
            ("sts:aws:PrincipalArn", Some(Unset)),
            ("cognate:Anything", Some(Unset)),
            ("cognito-identity.amazonaws.com:aud", Some(Login)),
            ("login.example.com/realm:8443:sub", Some(Login)),
            ("s3:prefix", None),
            ("ec2:RoleDelivery", None),
            ("", None),
        ] {
            assert_eq!(owner_of(key), owner, "{key}");
        }
    }
}
