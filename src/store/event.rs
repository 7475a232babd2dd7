//! Events: what happened, to what, by whom, in which request. A plan makes them next to its writes, and the same
//! transaction stores them in the outbox that later consumers read. An event holds no secret, and a guest's id only as
//! its keyed hash.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::hmac;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ambient::Ambient;

/// Who changes something, in which request and at which moment.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The ARN of the signer; `anonymous` for public operations, `cognate` for the server's own duties.
    pub signer: String,
    /// The operation, such as `GetId`.
    pub operation: &'static str,
    /// The id of the request.
    pub request_id: Uuid,
    /// The moment of the request, in whole milliseconds: the time of everything that the change writes.
    pub at: Timestamp,
    /// The hash that replaces the ids of guests.
    pub guests: GuestHash,
}

impl Origin {
    /// The origin of a change that the server makes by itself, now.
    pub fn of_server(operation: &'static str, ambient: &dyn Ambient, guests: &GuestHash) -> Self {
        Self {
            signer: "cognate".to_owned(),
            operation,
            request_id: ambient.uuid(),
            at: ambient.now_in_milliseconds(),
            guests: guests.clone(),
        }
    }
}

/// An event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    #[serde(rename = "type")]
    pub kind: EventKind,
    /// The object that it happened to.
    pub subject: Subject,
    /// Further objects: the identities that were merged away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub related: Vec<Subject>,
    /// The providers of the logins that were linked or removed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub providers: Vec<String>,
    /// The ARN of the signer; `anonymous` for public operations, `cognate` for the server's own duties.
    pub signer: String,
    /// The operation.
    pub operation: String,
    /// The id of the request.
    pub request_id: Uuid,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum EventKind {
    /// An identity was created, for a guest or for logins.
    #[serde(rename = "identity.created")]
    IdentityCreated,
    /// Logins were linked to an identity.
    #[serde(rename = "identity.linked")]
    IdentityLinked,
    /// Other identities were merged into an identity.
    #[serde(rename = "identity.merged")]
    IdentityMerged,
    /// Logins were removed from an identity.
    #[serde(rename = "identity.unlinked")]
    IdentityUnlinked,
    /// An identity was revoked.
    #[serde(rename = "identity.revoked")]
    IdentityRevoked,
    /// A revoked identity was restored.
    #[serde(rename = "identity.restored")]
    IdentityRestored,
    /// An identity was deleted.
    #[serde(rename = "identity.deleted")]
    IdentityDeleted,
    /// A record was created.
    #[serde(rename = "record.created")]
    RecordCreated,
    /// A record was changed.
    #[serde(rename = "record.changed")]
    RecordChanged,
    /// A record was deleted.
    #[serde(rename = "record.deleted")]
    RecordDeleted,
}

/// The object of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum Subject {
    /// An identity that had logins before the event.
    Identity {
        /// Its pool.
        pool: Uuid,
        /// Its id.
        id: Uuid,
    },
    /// An identity that was a guest when the request arrived.
    Guest {
        /// Its pool.
        pool: Uuid,
        /// The keyed hash of its id.
        hash: String,
    },
    /// The record that was written.
    Record {
        /// Its kind.
        kind: String,
        /// Its key.
        key: String,
        /// Its version after the event.
        version: u64,
    },
}

impl Event {
    /// The event of `kind` about `subject` with this origin.
    pub fn new(kind: EventKind, subject: Subject, origin: &Origin) -> Self {
        Self {
            at: origin.at,
            kind,
            subject,
            related: Vec::new(),
            providers: Vec::new(),
            signer: origin.signer.clone(),
            operation: origin.operation.to_owned(),
            request_id: origin.request_id,
        }
    }
}

/// Events behind a position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventPage {
    /// The events of each transaction, with its position.
    pub transactions: Vec<(u64, Vec<Event>)>,
    /// Whether events between the position that was asked for and the first one here were deleted.
    pub lost: bool,
}

/// The keyed hash that replaces the ids of guests, which are bearer secrets. One key gives one id the same hash always.
#[derive(Clone)]
pub struct GuestHash(Arc<hmac::Key>);

impl GuestHash {
    /// The hash under this key.
    pub fn new(key: &[u8; 32]) -> Self {
        Self(Arc::new(hmac::Key::new(hmac::HMAC_SHA256, key)))
    }

    /// 32 hexadecimal digits that stand for the identity `id`.
    pub fn of(&self, id: Uuid) -> String {
        Uuid::from_bytes(self.bytes(id)).simple().to_string()
    }

    /// The handle of the identity `id`, which the audit log has instead of a guest's id: `guest-` and 26 characters of
    /// base32. It is another form of [`GuestHash::of`].
    pub fn handle(&self, id: Uuid) -> String {
        handle(self.bytes(id))
    }

    fn bytes(&self, id: Uuid) -> [u8; 16] {
        let tag = hmac::sign(&self.0, id.as_bytes());
        let mut half = [0; 16];
        half.copy_from_slice(&tag.as_ref()[..16]);
        half
    }
}

/// The handle that belongs to a hash of [`GuestHash::of`]; `None` for another text.
pub fn handle_of_hash(hash: &str) -> Option<String> {
    Some(handle(Uuid::try_parse(hash).ok()?.into_bytes()))
}

/// `guest-` and 16 bytes in base32.
fn handle(bytes: [u8; 16]) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let number = u128::from_be_bytes(bytes);
    let letters = (0..26_u32).map(|at| {
        let shifted = if at == 25 {
            number << 2
        } else {
            number >> (123 - 5 * at)
        };
        char::from(ALPHABET[(shifted & 31) as usize])
    });
    "guest-".chars().chain(letters).collect()
}

impl fmt::Debug for GuestHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("GuestHash(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_is_the_base32_of_the_hash() {
        // The bytes 0 to 15, by RFC 4648.
        let hash = "000102030405060708090a0b0c0d0e0f";
        let handle = handle_of_hash(hash).unwrap();
        assert_eq!(handle, "guest-aaaqeayeaudaocajbifqydiob4");
        let guests = GuestHash::new(&[7; 32]);
        let id = Uuid::from_u128(1);
        assert_eq!(handle_of_hash(&guests.of(id)), Some(guests.handle(id)));
        assert_ne!(guests.handle(id), guests.handle(Uuid::from_u128(2)));
        assert_eq!(handle_of_hash("no hash"), None);
    }
}
