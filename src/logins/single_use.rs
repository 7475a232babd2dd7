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
    /// When the proof ends by itself.
    pub end: Timestamp,
}

/// The proof was presented to another relying party.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it was presented to another pool or to the STS before")]
pub struct UsedElsewhere;

impl SingleUse {
    /// The proof of this kind with these identifiers: its issuer's name, and its id there.
    pub(super) fn new(purpose: &'static str, [issuer, id]: [&str; 2], end: Timestamp) -> Self {
        // The issuer's length keeps the two apart.
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(&issuer.len().to_be_bytes());
        context.update(issuer.as_bytes());
        context.update(id.as_bytes());
        let digest = context.finish();
        let key = digest.as_ref().try_into().expect("SHA-256 has 32 bytes");
        Self { purpose, key, end }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issuers_and_ids_do_not_run_into_each_other() {
        let key = |issuer, id| SingleUse::new("test", [issuer, id], Timestamp::UNIX_EPOCH).key;
        assert_ne!(key("ab", "c"), key("a", "bc"));
        assert_eq!(key("ab", "c"), key("ab", "c"));
    }
}
