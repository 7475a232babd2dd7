//! Proofs that one relying party uses: each is claimed in the store, for every server and until the proof ends.

use tracing::Instrument;

use super::Call;
use crate::logins::LoginError;
use crate::logins::single_use::{SingleUse, SingleUseError};
use crate::spans;
use crate::store::StoreError;
use crate::store::identities::PoolRef;
use crate::store::once::{Claim, ClaimOutcome};

/// The relying party to which a proof is presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RelyingParty {
    /// An incarnation of an identity pool.
    Pool(PoolRef),
    /// The STS, for any role.
    Sts,
}

impl RelyingParty {
    /// The holder of a claim, as the store has it.
    fn holder(self) -> String {
        match self {
            Self::Pool(pool) => format!("{}/{}", pool.id, pool.incarnation),
            Self::Sts => "sts".to_owned(),
        }
    }
}

/// Claims a verified proof for a relying party, which may use it again until the proof ends. A proof of another relying
/// party is refused, and one from before the generation of the store. A dry run claims nothing.
pub(super) async fn claim<E>(
    call: &Call<'_>,
    proof: &SingleUse,
    relying_party: RelyingParty,
    dry_run: bool,
) -> Result<(), E>
where
    E: From<LoginError> + From<StoreError>,
{
    let claim = Claim {
        purpose: proof.purpose,
        key: proof.key,
        holder: relying_party.holder(),
        issued: proof.issued,
        until: proof.end,
        now: call.now,
        dry_run,
    };
    let claimed = call.app.records.store.claim_once(&claim);
    match claimed.instrument(spans::store("store claim")).await? {
        ClaimOutcome::Held => Ok(()),
        ClaimOutcome::HeldByOther => Err(LoginError::from(SingleUseError::UsedElsewhere).into()),
        ClaimOutcome::FromBefore => Err(LoginError::from(SingleUseError::FromBefore).into()),
    }
}
