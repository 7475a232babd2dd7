//! The lifetime of credentials of the enhanced flow.

use jiff::{SignedDuration, Timestamp};

use crate::app::sign_in::logins::Proof;
use crate::model::credentials_duration::SHORTEST;
use crate::model::iam_role::Role;
use crate::model::pool::Pool;

/// The lifetime of a login without an expiry time, in a pool with credentials that end with the login: the shortest that an
/// STS allows, after which the provider is asked again.
const WITHOUT_EXPIRY: SignedDuration = SignedDuration::from_secs(SHORTEST);

/// The time at which credentials for these logins must end. They never outlive a developer's token; the pool's settings
/// decide about other logins.
pub fn bounded_end(pool: &Pool, proofs: &[Proof], now: Timestamp) -> Option<Timestamp> {
    let end = |proof: &Proof| {
        if pool.credentials.within_login {
            proof
                .expires
                .or_else(|| now.checked_add(WITHOUT_EXPIRY).ok())
        } else {
            proof.own_end()
        }
    };
    proofs.iter().filter_map(end).min()
}

/// The lifetime of credentials: the pool's duration, limited by the role's `MaxSessionDuration` if the built-in IAM has the
/// role.
pub fn of_credentials(pool: &Pool, role: Option<&Role>) -> SignedDuration {
    let longest = role.map_or(i64::MAX, |role| role.max_session_duration);
    SignedDuration::from_secs(pool.credentials.seconds.min(longest))
}

/// A lifetime that was requested: whole seconds, at least [`SHORTEST`] and at most as long as [`of_credentials`] allows. `None`
/// where it isn't allowed.
pub fn requested(pool: &Pool, role: Option<&Role>, seconds: i64) -> Option<SignedDuration> {
    let longest = of_credentials(pool, role).as_secs();
    (SHORTEST..=longest)
        .contains(&seconds)
        .then(|| SignedDuration::from_secs(seconds))
}

/// `lifetime`, shortened to `end`: in whole seconds, for a session that begins with the second of `now`.
pub fn until(lifetime: SignedDuration, end: Option<Timestamp>, now: Timestamp) -> SignedDuration {
    let left = end.map_or(i64::MAX, |end| end.as_second() - now.as_second());
    SignedDuration::from_secs(lifetime.as_secs().min(left).max(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pool whose credentials last `seconds`.
    fn pool(seconds: i64) -> Pool {
        let mut pool: Pool = crate::model::json::read_as(
            br#"{"id":"eu-west-1:00000000-0000-0000-0000-000000000001","version":1,"settings":{"name":"p",
            "allow_unauthenticated":true,"allow_classic_flow":null,"supported_login_providers":{},
            "developer_provider_name":null,"oidc_provider_arns":[],"user_pool_clients":[],"tags":{}},
            "roles":{"authenticated":null,"unauthenticated":null}}"#,
        )
        .unwrap();
        pool.credentials.seconds = seconds;
        pool
    }

    fn at(milliseconds: i64) -> Timestamp {
        Timestamp::from_millisecond(1_800_000_000_000 + milliseconds).unwrap()
    }

    #[test]
    fn credentials_end_with_the_second_of_their_end_at_whatever_moment_they_begin() {
        for (now, end, lasts) in [
            (0, 600_000, 600),
            (999, 600_000, 600),
            (1, 600_999, 600),
            // An end that came while the provider was being asked.
            (5_000, 4_000, 0),
            (0, 900_001, 900),
            (0, 43_200_000, 900),
        ] {
            let lifetime = until(of_credentials(&pool(900), None), Some(at(end)), at(now));
            assert_eq!(lifetime.as_secs(), lasts, "{now} {end}");
            assert_eq!(lifetime.subsec_nanos(), 0);
        }
    }
}
