//! Which document of the model is which kind of record, under which key.

use super::record::{RecordKind, Stored};
use crate::model::access_key::AccessKeyRecord;
use crate::model::access_key_uses::{self, AccessKeyUses};
use crate::model::deployment::{self, Deployment};
use crate::model::guest_key::{self, GuestKeyRecord};
use crate::model::iam_role::Role;
use crate::model::key_ring::KeyRing;
use crate::model::managed_policy::ManagedPolicy;
use crate::model::pool::{DeletedPool, Pool};
use crate::model::provider::{OidcProvider, SamlProvider, oidc_key};
use crate::model::root_key::{self, RootKeyRecord};
use crate::model::seed::SeedMark;

macro_rules! stored {
    ($document:ty, $kind:ident, $key:expr $(, $scope:expr)?) => {
        impl Stored for $document {
            const KIND: RecordKind = RecordKind::$kind;

            fn key(&self) -> String {
                $key(self)
            }
            $(
                fn scope(&self) -> String {
                    $scope(self)
                }
            )?

            fn set_version(&mut self, version: u64) {
                self.version = version;
            }
        }
    };
}

stored!(
    Pool,
    Pool,
    |pool: &Self| pool.id.uuid.to_string(),
    |pool: &Self| pool.id.region.to_string()
);
stored!(OidcProvider, OidcProvider, |provider: &Self| oidc_key(
    provider.arn.name()
)
.to_owned());
stored!(SamlProvider, SamlProvider, |provider: &Self| provider
    .arn
    .name()
    .to_owned());
stored!(ManagedPolicy, ManagedPolicy, |policy: &Self| policy.key());
stored!(Role, Role, |role: &Self| role.key());
stored!(KeyRing, KeyRing, |ring: &Self| ring.purpose.clone());
stored!(Deployment, Deployment, |_: &Self| deployment::KEY
    .to_owned());
stored!(GuestKeyRecord, GuestKey, |_: &Self| guest_key::KEY
    .to_owned());
stored!(AccessKeyUses, AccessKeyUses, |_: &Self| {
    access_key_uses::KEY.to_owned()
});
stored!(RootKeyRecord, RootKey, |_: &Self| root_key::KEY.to_owned());
stored!(AccessKeyRecord, AccessKey, |key: &Self| key.name.clone());
stored!(SeedMark, SeedMark, |mark: &Self| format!(
    "{}/{}",
    mark.kind, mark.key
));
stored!(DeletedPool, DeletedPool, |pool: &Self| format!(
    "{}.{}",
    pool.id, pool.incarnation
));
