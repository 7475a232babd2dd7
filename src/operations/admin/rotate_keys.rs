//! RotateKeys.

use serde::{Deserialize, Serialize};

use super::{KeyOutput, RingPurpose, shown};
use crate::app::Call;
use crate::app::access::authorise::FurtherPermission;
use crate::app::access::resource::Resource;
use crate::app::keys::rings::{self, Ring, RingChange};
use crate::error::{Code, Error};
use crate::operations::{Access, Operation, Service};

/// Rotates to the next key. A compromised key is dropped at once; the answer names the consequences.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct RotateKeys {
    purpose: RingPurpose,
    #[serde(default)]
    compromised: bool,
    key_id: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct RotateKeysOutput {
    keys: Vec<KeyOutput>,
    consequence: &'static str,
}

impl Operation for RotateKeys {
    const SERVICE: Service = Service::Cognate;
    const NAME: &'static str = "RotateKeys";
    const ACCESS: Access = Access::Signed;
    type Output = RotateKeysOutput;

    fn further_permissions(&self, call: &Call<'_>) -> Result<Vec<FurtherPermission>, Error> {
        Ok(vec![FurtherPermission::new(
            "iam:CreateAccessKey",
            Resource::account(&call.app.config.account_id),
        )])
    }

    async fn run(self, call: &Call<'_>) -> Result<RotateKeysOutput, Error> {
        if self.key_id.is_some() && !self.compromised {
            return Err(Code::InvalidParameter
                .because("KeyId goes with Compromised: it names the key to forget."));
        }
        let ring = Ring::from(self.purpose);
        let change = if self.compromised {
            RingChange::Drop(self.key_id)
        } else {
            RingChange::Rotate
        };
        let consequence = consequence(ring, &change);
        let changed = rings::change(call, ring, change).await?;
        Ok(RotateKeysOutput {
            keys: shown(&changed),
            consequence,
        })
    }
}

fn consequence(ring: Ring, change: &RingChange) -> &'static str {
    match (ring, change) {
        (Ring::Signing, RingChange::Rotate) => {
            "New OpenID tokens are signed by the next key. Tokens of the last key stay good until they expire, but \
             with verifiers that read the first key of the key set only (Ceph's STS)."
        }
        (Ring::Sealing, RingChange::Rotate) => {
            "New sessions are sealed by the next key. Sessions of the last key stay good until they expire."
        }
        (Ring::Signing, RingChange::Drop(_)) => {
            "Every OpenID token that the forgotten key signed is refused here at once, and elsewhere as soon as the \
             key set is fetched again (copies may be kept for five minutes). Credentials already given out are not \
             recalled."
        }
        (Ring::Sealing, RingChange::Drop(_)) => {
            "Every session that the forgotten key sealed is over at once: its holder gets \
             UnrecognizedClientException and has to ask for new credentials."
        }
    }
}
