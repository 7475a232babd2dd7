//! The habits of a seed: some kinds of requests are frequent, and some never happen.

use super::random::Random;

/// How a seed differs from others.
pub struct Habits {
    pub rounds: usize,
    /// How many users each issuer and the developer have.
    pub users: usize,
    /// Frequencies, in percent of the rounds.
    pub issuer_events: usize,
    pub power_cuts: usize,
    pub faults: usize,
    pub restarts: usize,
    /// How often the signing keys may be rotated: making keys takes long.
    pub rotations: usize,
    pools: usize,
    pub weights: Vec<(Kind, usize)>,
}

/// A kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Guest,
    SignIn,
    Credentials,
    GuestCredentials,
    Token,
    Developer,
    Exchange,
    UseSession,
    Assume,
    Merge,
    UnlinkDeveloper,
    Unlink,
    Delete,
    Revoke,
    Restore,
    Describe,
    Lookup,
    CreatePool,
    UpdatePool,
    SetRoles,
    DescribePool,
    DeletePool,
    CreateKey,
    EnableKey,
    DeleteKey,
    UseKey,
    Rotate,
}

/// The kinds with their usual weights.
const KINDS: [(Kind, usize); 27] = [
    (Kind::Guest, 8),
    (Kind::SignIn, 14),
    (Kind::Credentials, 10),
    (Kind::GuestCredentials, 6),
    (Kind::Token, 5),
    (Kind::Developer, 12),
    (Kind::Exchange, 4),
    (Kind::UseSession, 6),
    (Kind::Assume, 4),
    (Kind::Merge, 6),
    (Kind::UnlinkDeveloper, 4),
    (Kind::Unlink, 4),
    (Kind::Delete, 3),
    (Kind::Revoke, 4),
    (Kind::Restore, 3),
    (Kind::Describe, 6),
    (Kind::Lookup, 3),
    (Kind::CreatePool, 1),
    (Kind::UpdatePool, 4),
    (Kind::SetRoles, 2),
    (Kind::DescribePool, 3),
    (Kind::DeletePool, 1),
    (Kind::CreateKey, 2),
    (Kind::EnableKey, 3),
    (Kind::DeleteKey, 1),
    (Kind::UseKey, 3),
    (Kind::Rotate, 3),
];

impl Habits {
    pub fn new(random: &mut Random) -> Self {
        let mut often = |choices: &[usize]| *random.pick(choices).unwrap_or(&0);
        let (issuer_events, power_cuts) = (often(&[0, 2, 4]), often(&[0, 2, 2, 6]));
        let (faults, restarts) = (often(&[0, 0, 3]), often(&[0, 0, 2]));
        let (rotations, users) = (often(&[0, 0, 3]), often(&[2, 3, 5]));
        let rounds = often(&[40, 60, 90]);
        let weights = KINDS.iter().map(|(kind, weight)| {
            let times = often(&[0, 1, 2, 2, 2, 4]);
            (*kind, weight * times)
        });
        Self {
            weights: weights.collect(),
            rounds,
            users,
            issuer_events,
            power_cuts,
            faults,
            restarts,
            rotations,
            pools: 2,
        }
    }

    /// The number of the next pool.
    pub fn next_pool(&mut self) -> usize {
        self.pools += 1;
        self.pools - 1
    }
}
