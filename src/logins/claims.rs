//! What an unverified ID token claims, and the refusals that need no key. Each check is one method; their order is
//! `id_token`'s.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::error::LoginError;

/// How far ahead `iat` and `nbf` may be, in seconds. There is no such grace on `exp`.
pub(super) const AHEAD: i64 = 300;
/// How long a subject may be, in characters.
const LONGEST_SUBJECT: usize = 255;

/// The claims that decide about a login. Times are in seconds since 1970, fractions cut off.
#[derive(Debug)]
pub(super) struct Claims<'j> {
    pub(super) issuer: &'j str,
    /// One or more.
    pub(super) audiences: Vec<&'j str>,
    /// 1 to 255 characters.
    pub(super) subject: &'j str,
    pub(super) expires: i64,
    pub(super) issued: Option<i64>,
    pub(super) not_before: Option<i64>,
    /// The client that the token was issued to, where it says so.
    pub(super) party: Option<&'j str>,
}

impl<'j> Claims<'j> {
    /// Reads the claims; the first required one that is missing, or that can't be one, is the refusal.
    pub(super) fn of(claims: &'j Map<String, Value>) -> Result<Self, LoginError> {
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
            party: text("azp"),
        })
    }

    /// Refuses a token whose time is over, not yet come, or longer than `longest`.
    pub(super) fn check_times(&self, now: Timestamp, longest: Duration) -> Result<(), LoginError> {
        let now = now.as_second();
        let exp = self.expires;
        if now >= exp {
            return Err(LoginError::Expired { now, exp });
        }
        let latest = now.saturating_add(AHEAD);
        if self.issued > Some(latest) || self.not_before > Some(latest) {
            return Err(LoginError::NotYetValid);
        }
        let lives = exp.saturating_sub(self.issued.unwrap_or(now));
        if i64::try_from(longest.as_secs()).is_ok_and(|longest| lives > longest) {
            return Err(LoginError::LivesTooLong);
        }
        Ok(())
    }

    /// The registered client that the token is for; `takes` says which are. A token that names the client it was
    /// issued to is for that client as well as for its audience, unless `party_alone` decides.
    pub(super) fn client(
        &self,
        takes: impl Fn(&str) -> bool,
        party_alone: bool,
    ) -> Result<&'j str, LoginError> {
        let party_is_taken = self.party.is_none_or(&takes);
        let client = match self.party {
            Some(party) if party_alone => Some(party),
            _ => self.audiences.iter().copied().find(|client| takes(client)),
        };
        client
            .filter(|_| party_is_taken)
            .ok_or(LoginError::Unsupported)
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
    reason = "fractions are cut off, and what is out of range becomes the nearest time"
)]
fn seconds(value: &Value) -> Option<i64> {
    value
        .as_i64()
        .or_else(|| value.as_f64().map(|seconds| seconds as i64))
}
