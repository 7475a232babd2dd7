//! How long the credentials of the enhanced flow last.

use jiff::{SignedDuration, Timestamp};

use super::proofs::Proof;
use crate::model::credentials_duration::SHORTEST;
use crate::model::iam_role::Role;
use crate::model::pool::Pool;

/// For how long a login counts whose provider doesn't tell when it ends, in a pool whose credentials end with the login:
/// as short as an STS gives credentials, after which the provider is asked again.
const UNTOLD: SignedDuration = SignedDuration::from_secs(SHORTEST);

/// The moment that credentials for these logins may not outlive. What comes from a developer's token never does; of other
/// logins the pool decides.
pub fn bounded_end(pool: &Pool, proofs: &[Proof], now: Timestamp) -> Option<Timestamp> {
    let end = |proof: &Proof| {
        if pool.credentials.within_login {
            proof.expires.or_else(|| now.checked_add(UNTOLD).ok())
        } else {
            proof.own_end()
        }
    };
    proofs.iter().filter_map(end).min()
}

/// How long credentials last: as long as the pool says, but no longer than sessions of a role that the built-in IAM knows
/// may.
pub fn of_credentials(pool: &Pool, role: Option<&Role>) -> SignedDuration {
    let longest = role.map_or(i64::MAX, |role| role.max_session_duration);
    SignedDuration::from_secs(pool.credentials.seconds.min(longest))
}

/// `lifetime`, but not beyond `end`: in whole seconds, for a session that begins with the second of `now`.
pub fn until(lifetime: SignedDuration, end: Option<Timestamp>, now: Timestamp) -> SignedDuration {
    let left = end.map_or(i64::MAX, |end| end.as_second() - now.as_second());
    SignedDuration::from_secs(lifetime.as_secs().min(left).max(0))
}
