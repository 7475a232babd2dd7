//! Patterns on the ARNs of roles: `arn:aws:iam::*:role/media/*`. Unlike in a policy's resource, a wildcard matches every
//! separator after the account.

/// A pattern. `*` matches any characters, also none, and `?` matches one; upper and lower case differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolePattern(String);

impl RolePattern {
    /// Reads `arn:PARTITION:iam::ACCOUNT:role/NAME`, wildcards only in the account and after `role/`; `None` for another text
    /// or more than 2,048 characters.
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let [arn, partition, service, region, account, resource] = parts.as_slice() else {
            return None;
        };
        let of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"/_+=,.@-*?".contains(&byte);
        let name = resource.strip_prefix("role/")?;
        let good = *arn == "arn"
            && is_partition(partition)
            && *service == "iam"
            && region.is_empty()
            && account
                .bytes()
                .all(|byte| byte.is_ascii_digit() || b"*?".contains(&byte))
            && !name.is_empty()
            && name.bytes().all(of_name)
            && text.len() <= 2048;
        good.then(|| Self(text.to_owned()))
    }

    /// The pattern's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether an ARN matches. The number of steps is at most about the product of the lengths.
    pub fn matches(&self, arn: &str) -> bool {
        let (pattern, text) = (self.0.as_bytes(), arn.as_bytes());
        let (mut at, mut from) = (0, 0);
        // The last star (for backtracking): the rest of its pattern, and how much of the text it took.
        let mut star = None;
        while from < text.len() {
            match pattern.get(at) {
                Some(b'*') => {
                    at += 1;
                    star = Some((at, from));
                    continue;
                }
                Some(byte) if *byte == b'?' || *byte == text[from] => {
                    (at, from) = (at + 1, from + 1);
                    continue;
                }
                _ => {}
            }
            let Some((after, taken)) = &mut star else {
                return false;
            };
            *taken += 1;
            (at, from) = (*after, *taken);
        }
        pattern[at..].iter().all(|byte| *byte == b'*')
    }
}

/// Whether the text is a partition: one of AWS's, or MinIO's.
pub(super) fn is_partition(text: &str) -> bool {
    text.starts_with("aws") || text == "minio"
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_pattern_names_roles_and_nothing_else() {
        for good in [
            "arn:aws:iam:::role/*",
            "arn:aws:iam::123456789012:role/media/User",
            "arn:aws-cn:iam::*:role/*",
            "arn:minio:iam:::role/nOybJqMNzNmroqEKq5D0EUsRZw0",
        ] {
            assert!(RolePattern::parse(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "*",
            "arn:*",
            "arn:aws:iam:::user/*",
            "arn:aws:*:::role/*",
            "arn:aws:iam:us-east-1::role/*",
            "arn:aws:iam::x:role/*",
            "arn:aws:iam:::role/",
            "arn:aws:iam:::role/a b",
            "arn:other:iam:::role/a",
        ] {
            assert_eq!(RolePattern::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_pattern_matches_the_whole_arn() {
        for (pattern, arn, matches) in [
            ("arn:aws:iam:::role/*", "arn:aws:iam:::role/User", true),
            (
                "arn:aws:iam:::role/*",
                "arn:aws:iam:::role/media/User",
                true,
            ),
            (
                "arn:aws:iam:::role/*",
                "arn:aws:iam::123456789012:role/User",
                false,
            ),
            (
                "arn:aws:iam::*:role/*",
                "arn:aws:iam::123456789012:role/User",
                true,
            ),
            ("arn:aws:iam:::role/a*c", "arn:aws:iam:::role/abcbc", true),
            ("arn:aws:iam:::role/a*c", "arn:aws:iam:::role/abcb", false),
            ("arn:aws:iam:::role/User", "arn:aws:iam:::role/user", false),
            ("arn:aws:iam:::role/User?", "arn:aws:iam:::role/User", false),
            ("arn:aws:iam:::role/User?", "arn:aws:iam:::role/Users", true),
        ] {
            let found = RolePattern::parse(pattern).unwrap().matches(arn);
            assert_eq!(found, matches, "{pattern} {arn}");
        }
    }

    proptest! {
        #[test]
        fn a_pattern_matches_what_a_regular_expression_says(pattern in "[ab*?]{1,8}", name in "[ab]{0,8}") {
            let whole = format!("arn:aws:iam:::role/{pattern}");
            let arn = format!("arn:aws:iam:::role/{name}");
            let expression = format!("^arn:aws:iam:::role/{}$", pattern.replace('*', ".*").replace('?', "."));
            let wanted = regex::Regex::new(&expression).unwrap().is_match(&arn);
            prop_assert_eq!(RolePattern::parse(&whole).unwrap().matches(&arn), wanted);
        }
    }
}
