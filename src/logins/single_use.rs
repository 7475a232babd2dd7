//! Proofs that are used at one relying party until they end, such as SAML responses. The store remembers who used them.

use aws_lc_rs::digest;
use jiff::Timestamp;

/// A verified proof that one relying party may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SingleUse {
    /// What kind of proof it is, such as `saml-response`.
    pub purpose: &'static str,
    /// The digest of what identifies the proof.
    pub key: [u8; 32],
    /// When the proof was issued, by a part of it that is signed; `None` where it doesn't say.
    pub issued: Option<Timestamp>,
    /// When the proof ends by itself.
    pub end: Timestamp,
}

/// Why a proof can't be used here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SingleUseError {
    /// The proof was presented to another relying party.
    #[error("it was presented to another pool or to the STS before")]
    UsedElsewhere,
    /// The proof was issued before the store was restored or copied, so its use may be forgotten.
    #[error(
        "it was issued before the store was restored or copied, so it may have been presented elsewhere"
    )]
    FromBefore,
}

impl SingleUse {
    /// The proof of this kind with these identifiers: its issuer's name, and its id there. `issued` and `end` are its times.
    pub(super) fn new(
        purpose: &'static str,
        [name, id]: [&str; 2],
        issued: Option<Timestamp>,
        end: Timestamp,
    ) -> Self {
        // The name's length keeps the two apart.
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(&name.len().to_be_bytes());
        context.update(name.as_bytes());
        context.update(id.as_bytes());
        let digest = context.finish();
        let key = digest.as_ref().try_into().expect("SHA-256 has 32 bytes");
        Self {
            purpose,
            key,
            issued,
            end,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issuers_and_ids_do_not_run_into_each_other() {
        let end = Timestamp::UNIX_EPOCH;
        let key = |issuer, id| SingleUse::new("test", [issuer, id], None, end).key;
        assert_ne!(key("ab", "c"), key("a", "bc"));
        assert_eq!(key("ab", "c"), key("ab", "c"));
    }
}
