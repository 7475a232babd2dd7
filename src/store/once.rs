//! Claims that count once, such as SAML responses: what is claimed belongs to its first holder until its end, on every
//! server of one store.

use jiff::Timestamp;

/// A claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// What kind of proof it is, such as `saml-response`.
    pub purpose: &'static str,
    /// The digest of the proof.
    pub key: [u8; 32],
    /// Who claims it: a pool's id, or the STS.
    pub holder: String,
    /// When the proof ends by itself, in whole milliseconds.
    pub until: Timestamp,
    /// The moment of the claim, in whole milliseconds.
    pub now: Timestamp,
    /// Whether the outcome is only looked up, and nothing is claimed.
    pub dry_run: bool,
}

/// A claim as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// The first holder.
    pub holder: String,
    /// When the proof ends by itself.
    pub until: Timestamp,
}

/// What became of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimOutcome {
    /// The proof belongs to this holder.
    Held,
    /// The proof belongs to another holder.
    HeldByOther,
}

/// The outcome of `claim` where `before` is stored, and the row to store: none where nothing changes.
pub fn decide(claim: &Claim, before: Option<&Claimed>) -> (ClaimOutcome, Option<Claimed>) {
    let (outcome, row) = outcome(claim, before);
    (outcome, row.filter(|_| !claim.dry_run))
}

fn outcome(claim: &Claim, before: Option<&Claimed>) -> (ClaimOutcome, Option<Claimed>) {
    let new = Claimed {
        holder: claim.holder.clone(),
        until: claim.until,
    };
    match before.filter(|before| claim.now < before.until) {
        None => (ClaimOutcome::Held, Some(new)),
        Some(before) if before.holder != claim.holder => (ClaimOutcome::HeldByOther, None),
        Some(before) if before.until < claim.until => (ClaimOutcome::Held, Some(new)),
        Some(_) => (ClaimOutcome::Held, None),
    }
}
