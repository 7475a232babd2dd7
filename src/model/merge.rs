//! Making one identity of two, and taking logins from an identity: the pure rules behind MergeDeveloperIdentities,
//! UnlinkDeveloperIdentity and UnlinkIdentity. Merging by proofs of login is [`super::sign_in`]'s.

use jiff::Timestamp;

use super::identity::{Identity, Login, State};
use super::sign_in::one_public_login_a_provider;

/// How many logins a merged identity may have.
pub const MOST_LOGINS: usize = 20;

/// Whether two identities may become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MergeDecision {
    /// They are one already.
    Same,
    /// They may become one.
    Join,
    /// They have different users of one public provider, or more than [`MOST_LOGINS`] logins together, or one is revoked.
    Conflict,
}

/// Decides whether `source` may be merged into `destination`, both live and of one pool.
pub fn decide(source: &Identity, destination: &Identity) -> MergeDecision {
    if source.id == destination.id {
        return MergeDecision::Same;
    }
    let all: Vec<&Login> = destination.logins.iter().chain(&source.logins).collect();
    let is_free = !source.revoked && !destination.revoked;
    if is_free && all.len() <= MOST_LOGINS && one_public_login_a_provider(&all) {
        MergeDecision::Join
    } else {
        MergeDecision::Conflict
    }
}

/// Whether `logins` can be removed from `identity`: all are its own, and it is neither revoked nor merged away.
pub fn may_unlink(identity: &Identity, logins: &[Login]) -> bool {
    !identity.revoked
        && identity.state == State::Live
        && logins.iter().all(|login| identity.has(login))
}

/// Removes `logins` from `identity` at `now` and returns those that it removed, each once; nothing where
/// [`may_unlink`] refuses. The epoch rises, and an identity without logins doesn't become a guest.
pub fn unlink(identity: &mut Identity, logins: &[Login], now: Timestamp) -> Vec<Login> {
    if !may_unlink(identity, logins) {
        return Vec::new();
    }
    let removed = identity
        .logins
        .extract_if(.., |login| logins.contains(login));
    let removed = removed.collect();
    identity.epoch += 1;
    identity.version += 1;
    identity.modified = now.max(identity.created);
    removed
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::model::identity::Revocation;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn user(name: &str) -> Login {
        Login::developer("dev", name)
    }

    fn identity(number: u128, logins: &[Login]) -> Identity {
        Identity::new(Uuid::from_u128(number), Uuid::nil(), logins.to_vec(), at(1))
    }

    #[test]
    fn two_identities_may_become_one_unless_they_clash() {
        let one = identity(1, &[user("a"), Login::public("p", "1")]);
        assert_eq!(decide(&one, &one), MergeDecision::Same);
        assert_eq!(
            decide(&one, &identity(2, &[user("b")])),
            MergeDecision::Join
        );
        let other_user = identity(2, &[user("b"), Login::public("p", "2")]);
        assert_eq!(decide(&one, &other_user), MergeDecision::Conflict);
    }

    #[test]
    fn a_revoked_identity_stays_as_it_is() {
        let (mut one, other) = (identity(1, &[user("a")]), identity(2, &[user("b")]));
        assert!(one.revoke(Some(Revocation::EveryPool), at(2)));
        assert_eq!((one.epoch, one.version, one.modified), (1, 2, at(2)));
        assert!(
            !one.revoke(Some(Revocation::EveryPool), at(3)),
            "it is revoked already"
        );
        assert_eq!(decide(&one, &other), MergeDecision::Conflict);
        assert_eq!(decide(&other, &one), MergeDecision::Conflict);
        assert_eq!(unlink(&mut one, &[user("a")], at(3)), []);
        assert!(one.revoke(None, at(4)));
        assert_eq!((one.epoch, one.revoked), (2, false));
        assert_eq!(decide(&one, &other), MergeDecision::Join);
    }

    #[test]
    fn a_merged_identity_has_twenty_logins_at_most() {
        let users = |from: usize, count: usize| -> Vec<Login> {
            (from..from + count).map(|n| user(&n.to_string())).collect()
        };
        let ten = identity(1, &users(0, 10));
        assert_eq!(
            decide(&ten, &identity(2, &users(10, 10))),
            MergeDecision::Join
        );
        assert_eq!(
            decide(&ten, &identity(2, &users(10, 11))),
            MergeDecision::Conflict
        );
    }

    #[test]
    fn an_identity_that_loses_logins_starts_a_new_epoch_and_never_becomes_a_guest() {
        let mut one = identity(1, &[user("a"), user("b")]);
        let twice = [user("a"), user("a")];
        assert_eq!(unlink(&mut one, &twice, at(2)), [user("a")]);
        assert_eq!((one.logins.len(), one.epoch, one.modified), (1, 1, at(2)));
        assert_eq!(
            unlink(&mut one, &[user("a")], at(3)),
            [],
            "it has it no more"
        );
        assert_eq!(unlink(&mut one, &[user("b"), user("c")], at(3)), []);
        assert_eq!(
            (one.logins.len(), one.epoch),
            (1, 1),
            "a refusal changes nothing"
        );
        assert_eq!(unlink(&mut one, &[user("b")], at(3)), [user("b")]);
        assert!(!one.is_guest());
    }
}
