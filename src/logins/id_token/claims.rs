//! The claims of an unverified ID token, and the checks that need no key. Each check is one method; `checks` has their
//! order.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::logins::error::LoginError;

/// The leeway of `iat`, `nbf` and lifetimes, in seconds. `exp` has none.
pub(super) const LEEWAY: i64 = 300;
/// The longest subject, in characters.
const LONGEST_SUBJECT: usize = 255;

/// The claims that the checks read. Times are in seconds since 1970, without fractions.
#[derive(Debug)]
pub(in crate::logins) struct IdTokenClaims<'j> {
    pub(super) issuer: &'j str,
    /// One or more.
    pub(super) audiences: Vec<&'j str>,
    /// 1 to 255 characters.
    pub(super) subject: &'j str,
    pub(super) expires: i64,
    pub(super) issued: Option<i64>,
    pub(super) not_before: Option<i64>,
    /// `azp`: the client that the token was issued to.
    pub(super) authorized_party: Option<&'j str>,
}

impl<'j> IdTokenClaims<'j> {
    /// Reads the claims; an `Err` names the first required claim that is missing or unusable.
    pub(in crate::logins) fn read(claims: &'j Map<String, Value>) -> Result<Self, LoginError> {
        let missing = LoginError::MissingClaim;
        let text = |name| claims.get(name).and_then(Value::as_str);
        let time = |name| claims.get(name).and_then(seconds);
        Ok(Self {
            issuer: text("iss").ok_or(missing("iss"))?,
            audiences: claims
                .get("aud")
                .and_then(audiences)
                .ok_or(missing("aud"))?,
            subject: text("sub")
                .filter(|subject| (1..=LONGEST_SUBJECT).contains(&subject.chars().count()))
                .ok_or(missing("sub"))?,
            expires: time("exp").ok_or(missing("exp"))?,
            issued: time("iat"),
            not_before: time("nbf"),
            authorized_party: text("azp"),
        })
    }

    /// Refuses a token that has expired, is not yet valid, or has a lifetime longer than `longest` and the leeway.
    pub(in crate::logins) fn check_times(
        &self,
        now: Timestamp,
        longest: Duration,
    ) -> Result<(), LoginError> {
        let now = now.as_second();
        let exp = self.expires;
        if now >= exp {
            return Err(LoginError::Expired { now, exp });
        }
        let latest = now.saturating_add(LEEWAY);
        if self.issued > Some(latest) || self.not_before > Some(latest) {
            return Err(LoginError::NotYetValid);
        }
        let lives = exp.saturating_sub(self.issued.unwrap_or(now));
        let longest = i64::try_from(longest.as_secs()).unwrap_or(i64::MAX);
        // Issuers add the leeway for clocks to `exp`: tokens of Azure's managed identities live 24 hours and 5 minutes.
        if lives > longest.saturating_add(LEEWAY) {
            return Err(LoginError::LivesTooLong { longest });
        }
        Ok(())
    }

    /// The client that the token is for, one of `clients`: `azp` where the token has it, otherwise the first of `clients`
    /// that `aud` names, so that the order of `aud` never matters. Where the token has `azp`, both `aud` and `azp` must be
    /// clients, unless `authorized_party_alone` is set.
    pub(in crate::logins) fn client(
        &self,
        clients: &[&str],
        authorized_party_alone: bool,
    ) -> Result<&'j str, LoginError> {
        let mut in_order = clients.iter();
        let audience = in_order
            .find_map(|client| self.audiences.iter().find(|audience| *audience == client))
            .copied();
        let client = match self.authorized_party {
            None => audience,
            Some(party) => Some(party)
                .filter(|party| clients.contains(party))
                .filter(|_| authorized_party_alone || audience.is_some()),
        };
        client.ok_or(LoginError::Unsupported)
    }
}

fn audiences(value: &Value) -> Option<Vec<&str>> {
    match value {
        Value::String(one) => Some(vec![one]),
        Value::Array(several) if !several.is_empty() => several.iter().map(Value::as_str).collect(),
        _ => None,
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "fractions are dropped, and a number out of range becomes the nearest time"
)]
fn seconds(value: &Value) -> Option<i64> {
    value
        .as_i64()
        .or_else(|| value.as_f64().map(|seconds| seconds as i64))
}
