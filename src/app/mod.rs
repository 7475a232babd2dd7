//! The wired parts, a call on its way through them, and the steps that operations share. Wire names and texts are not
//! known here.

use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};
use jiff::Timestamp;
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::ambient::Ambient;
use crate::config::Config;
use crate::credentials::Credentials;
use crate::credentials::routes::Routes;
use crate::logins::Logins;
use crate::model::ids::Region;
use crate::seal::SealKey;
use crate::store::Store;
use crate::tokens::Tokens;

pub mod access_keys;
pub mod assume_role;
pub mod authorise;
pub mod caller;
pub mod change;
pub mod find;
pub mod iam_roles;
pub mod keys;
pub mod lifetime;
pub mod merge;
pub mod providers;
pub mod role_choice;
pub mod root_key;
pub mod routed;
pub mod saml_providers;
pub mod session_policies;
pub mod sign_in;
pub mod simulate;
mod start;
pub mod trust;
pub mod web_identity;

pub use caller::Caller;
pub use start::{Opened, StartError, open};

/// The parts of the house.
pub struct App {
    /// What is remembered.
    pub store: Arc<dyn Store>,
    /// Who verifies logins.
    pub logins: Logins,
    /// Who issues OpenID tokens.
    pub tokens: Arc<Tokens>,
    /// Who issues temporary credentials.
    pub credentials: Arc<Credentials>,
    /// Which roles' credentials other STSs give.
    pub routes: Routes,
    /// Time and randomness.
    pub ambient: Arc<dyn Ambient>,
    /// What the operator set.
    pub config: Config,
    /// The root access key, where it is enabled.
    pub root_key: Arc<ArcSwapOption<root_key::RootKey>>,
    /// The other access keys that may sign.
    pub access_keys: Arc<ArcSwap<access_keys::AccessKeys>>,
    master_key: SealKey,
    /// Held by whoever changes a ring or the root key.
    key_changes: Arc<Mutex<()>>,
}

/// One request at one moment.
pub struct Call<'a> {
    /// The parts that answer it.
    pub app: &'a App,
    /// Its moment.
    pub now: Timestamp,
    /// Its id, in the answer and in the log.
    pub request_id: Uuid,
    /// The region that its signature names.
    pub region: Option<Region>,
    /// Who signed it.
    pub caller: Option<Caller>,
}

impl App {
    /// A call that begins now. It asks for the time once.
    pub fn call(&self) -> Call<'_> {
        Call {
            app: self,
            now: self.now(),
            request_id: self.ambient.uuid(),
            region: None,
            caller: None,
        }
    }

    /// The present moment, in whole milliseconds, as records keep it.
    pub fn now(&self) -> Timestamp {
        let now = self.ambient.now();
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }

    /// Whether this server serves a region.
    pub fn serves(&self, region: &Region) -> bool {
        self.config.serves(region)
    }
}

impl Call<'_> {
    /// Who signed the request; every operation that wants a signature has one.
    pub fn signer(&self) -> &Caller {
        self.caller
            .as_ref()
            .expect("the pipeline lets no unsigned request come here")
    }

    /// The region that the request was signed for; every operation that wants a signature has one.
    pub fn signed_region(&self) -> &Region {
        self.region
            .as_ref()
            .expect("the pipeline lets no unsigned request come here")
    }
}
