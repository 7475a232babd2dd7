//! An identity's record and its logins.

use aws_lc_rs::digest;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// An identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Its own id: the UUID behind the region.
    pub id: Uuid,
    /// Its pool's UUID.
    pub pool: Uuid,
    /// The incarnation of its pool, which an earlier pool with the same UUID doesn't have.
    pub incarnation: u64,
    /// Whether it lives.
    pub state: State,
    /// Whether it ever had a login. Such an identity is never a guest again.
    pub authenticated: bool,
    /// Its logins, oldest first.
    pub logins: Vec<Login>,
    /// Whether an administrator has revoked it: it gets nothing, and neither it nor its logins can be linked, merged or
    /// parted until it is restored.
    pub revoked: bool,
    /// Whether the revocation counts in this pool only; otherwise, its logins open nothing at the STS either.
    pub only_this_pool: bool,
    /// Rises when the identity becomes something else (a guest signs in, a merge takes it, it is revoked). Tokens and
    /// sessions of an earlier epoch are refused.
    pub epoch: u64,
    /// Rises with every change.
    pub version: u64,
    /// When it was made, in whole milliseconds.
    pub created: Timestamp,
    /// When it last changed, in whole milliseconds.
    pub modified: Timestamp,
}

impl Identity {
    /// A new identity at `now` with `logins`; without any it is a guest.
    pub fn new(id: Uuid, pool: Uuid, logins: Vec<Login>, now: Timestamp) -> Self {
        Self {
            id,
            pool,
            incarnation: 0,
            state: State::Live,
            authenticated: !logins.is_empty(),
            logins,
            revoked: false,
            only_this_pool: false,
            epoch: 0,
            version: 1,
            created: now,
            modified: now,
        }
    }

    /// Whether it may be used without any login.
    pub fn is_guest(&self) -> bool {
        self.state == State::Live && !self.authenticated
    }

    /// Revokes it at `now`, or restores it with `None`. Tokens and sessions issued before are refused either way; `false`
    /// where nothing changes.
    pub fn revoke(&mut self, revocation: Option<Revocation>, now: Timestamp) -> bool {
        if self.revocation() == revocation {
            return false;
        }
        self.revoked = revocation.is_some();
        self.only_this_pool = revocation == Some(Revocation::ThisPool);
        self.epoch += 1;
        self.version += 1;
        self.modified = now.max(self.created);
        true
    }

    /// Its revocation, if it is revoked.
    pub fn revocation(&self) -> Option<Revocation> {
        let reach = if self.only_this_pool {
            Revocation::ThisPool
        } else {
            Revocation::EveryPool
        };
        self.revoked.then_some(reach)
    }

    /// Whether `login` is one of its logins.
    pub fn has(&self, login: &Login) -> bool {
        self.logins.contains(login)
    }
}

/// The reach of a revocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revocation {
    /// The identity is revoked in its pool, and its logins at the STS.
    EveryPool,
    /// The identity is revoked in its pool only.
    ThisPool,
}

/// Whether an identity lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The identity is in use.
    Live,
    /// It was merged into another identity of its pool, and is disabled.
    MergedInto(Uuid),
}

/// A login: a provider's name and the user's subject there, as bytes; never trimmed, folded or joined.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Login {
    /// Who proves it.
    pub kind: LoginKind,
    /// The provider: a `Logins` key, without the client for user pools; the developer provider's name.
    pub provider: String,
    /// The user's id at the provider: 1 to 255 characters, 1,024 for developer users.
    pub subject: String,
}

/// Who proves a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LoginKind {
    /// A provider that issues proofs. An identity has at most one such login of each provider.
    Public,
    /// The pool's developer. An identity may have several.
    Developer,
}

/// The name of a login in an index: 32 bytes that no two logins share.
pub type LoginKey = [u8; 32];

impl Login {
    /// A user of the pool's developer.
    pub fn developer(provider: impl Into<String>, subject: impl Into<String>) -> Self {
        Self {
            kind: LoginKind::Developer,
            ..Self::public(provider, subject)
        }
    }

    /// A login at a provider that issues proofs.
    pub fn public(provider: impl Into<String>, subject: impl Into<String>) -> Self {
        Self {
            kind: LoginKind::Public,
            provider: provider.into(),
            subject: subject.into(),
        }
    }

    /// SHA-256 over the kind, the provider and the subject, each with its length before it.
    pub fn key(&self) -> LoginKey {
        let mut hash = digest::Context::new(&digest::SHA256);
        hash.update(match self.kind {
            LoginKind::Public => b"p",
            LoginKind::Developer => b"d",
        });
        for text in [&self.provider, &self.subject] {
            hash.update(&(text.len() as u64).to_be_bytes());
            hash.update(text.as_bytes());
        }
        let mut key = [0; 32];
        key.copy_from_slice(hash.finish().as_ref());
        key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_logins_share_a_key() {
        let mut developer = Login::public("a", "b");
        developer.kind = LoginKind::Developer;
        let logins = [
            Login::public("a", "b"),
            developer,
            Login::public("ab", ""),
            Login::public("", "ab"),
            Login::public("a", "B"),
            Login::public("a", "b "),
            Login::public("a", "e\u{301}"),
            Login::public("a", "\u{e9}"),
        ];
        let keys: std::collections::HashSet<_> = logins.iter().map(Login::key).collect();
        assert_eq!(keys.len(), logins.len());
    }
}
