//! The policies that AWS manages and that make sense here: those about the services that this server has. Their documents
//! are AWS's, in one version each.
//! <https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html>

use std::sync::{Arc, LazyLock};

use jiff::Timestamp;

use crate::model::managed_policy::{ManagedPolicy, PolicyArn, PolicyVersion};
use crate::model::tags::Tags;

/// A policy of AWS: its name, its unique id, the number of its version, and when it was created and updated.
struct Published {
    name: &'static str,
    id: &'static str,
    number: u64,
    created: &'static str,
    updated: &'static str,
    document: &'static str,
}

const PUBLISHED: [Published; 6] = [
    Published {
        name: "AdministratorAccess",
        id: "ANPAIWMBCKSKIEE64ZLYK",
        number: 1,
        created: "2015-02-06T18:39:46Z",
        updated: "2015-02-06T18:39:46Z",
        document: include_str!("administrator_access.json"),
    },
    Published {
        name: "AmazonCognitoDeveloperAuthenticatedIdentities",
        id: "ANPAIQOKZ5BGKLCMTXH4W",
        number: 1,
        created: "2015-03-24T17:22:23Z",
        updated: "2015-03-24T17:22:23Z",
        document: include_str!("cognito_developer.json"),
    },
    Published {
        name: "AmazonCognitoPowerUser",
        id: "ANPAJKW5H2HNCPGCYGR6Y",
        number: 9,
        created: "2015-03-24T17:14:56Z",
        updated: "2026-02-12T18:00:09Z",
        document: include_str!("cognito_power_user.json"),
    },
    Published {
        name: "AmazonCognitoReadOnly",
        id: "ANPAJBFTRZD2GQGJHSVQK",
        number: 4,
        created: "2015-03-24T17:06:46Z",
        updated: "2019-08-01T19:21:04Z",
        document: include_str!("cognito_read_only.json"),
    },
    Published {
        name: "IAMFullAccess",
        id: "ANPAI7XKCFMBPM3QQRRVQ",
        number: 2,
        created: "2015-02-06T18:40:38Z",
        updated: "2019-06-21T19:40:00Z",
        document: include_str!("iam_full_access.json"),
    },
    Published {
        name: "IAMReadOnlyAccess",
        id: "ANPAJKSO7NDY4T57MWDSQ",
        number: 4,
        created: "2015-02-06T18:40:39Z",
        updated: "2018-01-25T19:11:27Z",
        document: include_str!("iam_read_only_access.json"),
    },
];

impl Published {
    fn record(&self) -> ManagedPolicy {
        let time = |text: &str| {
            text.parse::<Timestamp>()
                .expect("a built-in policy has a time")
        };
        let arn = PolicyArn::parse(&format!("arn:aws:iam::aws:policy/{}", self.name));
        ManagedPolicy {
            arn: arn.expect("a built-in policy has an ARN"),
            id: self.id.to_owned(),
            version: 0,
            description: None,
            versions: vec![PolicyVersion {
                number: self.number,
                document: self.document.to_owned(),
                created: time(self.updated),
            }],
            default_version: self.number,
            newest_version: self.number,
            tags: Tags::new(),
            created: time(self.created),
            updated: time(self.updated),
        }
    }
}

/// All of them, ordered by name.
pub fn all() -> &'static [Arc<ManagedPolicy>] {
    static ALL: LazyLock<Vec<Arc<ManagedPolicy>>> = LazyLock::new(|| {
        let records = PUBLISHED.iter().map(Published::record);
        records.map(Arc::new).collect()
    });
    &ALL
}

/// Their names, for a refusal.
pub(super) fn names() -> String {
    PUBLISHED.map(|policy| policy.name).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{MAX_CHARACTERS, Policy, PolicyKind};

    #[test]
    fn each_is_a_policy_with_a_name_of_its_own() {
        assert!(all().is_sorted_by(|one, other| one.key() < other.key()));
        for policy in all() {
            let text = policy.document().unwrap();
            Policy::parse(PolicyKind::Identity, text.as_bytes(), MAX_CHARACTERS).unwrap();
            assert!(policy.arn.is_of_aws() && policy.id.len() == 21);
        }
    }
}
