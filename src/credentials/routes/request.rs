//! The request for a session, in the Query protocol.

use std::fmt::Write;

/// The shortest session of an STS, in seconds.
pub const LEAST_SECONDS: i64 = 900;

/// The parameters of AssumeRoleWithWebIdentity.
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html>
pub struct StsRequest<'r> {
    /// The role's ARN at the STS; at most 2,048 characters.
    pub role: &'r str,
    /// The session's name: 2 to 64 of `[\w+=,.@-]`.
    pub session_name: &'r str,
    /// The token's subject.
    pub subject: &'r str,
    /// An OpenID token, 4 to 20,000 characters.
    pub token: &'r str,
    /// The session's duration: [`LEAST_SECONDS`] to 43,200 seconds.
    pub seconds: i64,
    /// The session policy: compact JSON of at most 2,048 characters.
    pub policy: Option<&'r str>,
    /// The ARNs of managed session policies; at most 10.
    pub policy_arns: &'r [&'r str],
}

impl StsRequest<'_> {
    /// The request's form. A space is `%20`, never `+`, because some gateways read `+` literally.
    pub(super) fn form(&self) -> String {
        let seconds = self.seconds.to_string();
        let mut form = "Action=AssumeRoleWithWebIdentity&Version=2011-06-15".to_owned();
        let mut add = |name: &str, value: &str| {
            let value = percent_encoding::utf8_percent_encode(value, LITERAL);
            write!(form, "&{name}={value}").expect("a text takes more text");
        };
        add("RoleArn", self.role);
        add("RoleSessionName", self.session_name);
        add("WebIdentityToken", self.token);
        add("DurationSeconds", &seconds);
        if let Some(policy) = self.policy {
            add("Policy", policy);
        }
        for (at, arn) in self.policy_arns.iter().enumerate() {
            add(&format!("PolicyArns.member.{}.arn", at + 1), arn);
        }
        form
    }
}

/// Everything but the unreserved characters of RFC 3986.
const LITERAL: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
