//! Claims that count once, such as SAML responses: what is claimed belongs to its first holder until its end, on every
//! server of one store. A proof from before the generation of the store is refused, because its claim may be lost.

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
    /// When the proof was issued, by the clock of its issuer; `None` where it doesn't say.
    pub issued: Option<Timestamp>,
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
    /// The proof was issued before the generation of the store began, or doesn't say when.
    FromBefore,
}

/// The outcome of `claim` where `before` is stored, and the row to store: none where nothing changes. The generation of the
/// store began at `began`; the first one has no beginning.
pub fn decide(
    claim: &Claim,
    before: Option<&Claimed>,
    began: Option<Timestamp>,
) -> (ClaimOutcome, Option<Claimed>) {
    let is_from_before = |began| claim.issued.is_none_or(|issued| issued <= began);
    if began.is_some_and(is_from_before) {
        return (ClaimOutcome::FromBefore, None);
    }
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
