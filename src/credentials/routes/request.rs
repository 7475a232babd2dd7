//! The request for a session, as the Query protocol writes it.

use std::fmt::Write;

/// The shortest session that an STS gives, in seconds.
pub const LEAST_SECONDS: i64 = 900;

/// AssumeRoleWithWebIdentity.
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html>
pub struct StsRequest<'r> {
    /// The role, as the STS calls it; at most 2,048 characters.
    pub role: &'r str,
    /// 2 to 64 of `[\w+=,.@-]`.
    pub session_name: &'r str,
    /// Whose the token is.
    pub subject: &'r str,
    /// An OpenID token, 4 to 20,000 characters.
    pub token: &'r str,
    /// How long the session is to last: [`LEAST_SECONDS`] to 43,200.
    pub seconds: i64,
    /// What it is narrowed to, in compact JSON of at most 2,048 characters.
    pub policy: Option<&'r str>,
    /// The managed policies beside it; at most 10.
    pub policy_arns: &'r [&'r str],
}

impl StsRequest<'_> {
    /// As a form. A space is `%20` in it, and never `+`, which some gateways take for what it is.
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
