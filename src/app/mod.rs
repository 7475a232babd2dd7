//! The wired parts, a call, and the steps that operations share: one module a noun, with functions.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, OnceLock};

use jiff::Timestamp;
use uuid::Uuid;

use self::audit::FoundIdentities;
use self::connection::Connection;
use self::jobs::Jobs;
use self::live_settings::LiveSettings;
use self::rates::Rates;
use self::records::Records;
use crate::ambient::Ambient;
use crate::audit::AuditLog;
use crate::blocking::WorkPools;
use crate::config::Config;
use crate::credentials::SessionTokens;
use crate::credentials::routes::StsRoutes;
use crate::logins::Logins;
use crate::model::ids::{PoolId, Region};
use crate::seal::master_keys::MasterKeys;
use crate::store::event::{GuestHash, Origin};
use crate::test_issuer::TestIssuer;
use crate::tokens::Tokens;

pub mod access;
pub mod audit;
pub mod backup;
pub mod connection;
pub mod credentials;
mod data_permissions;
pub mod demo;
mod deployment;
pub mod identities;
mod jobs;
pub mod keys;
pub mod live_settings;
pub mod maintenance;
pub mod managed_policies;
pub mod missing_changes;
pub mod new_generation;
pub mod offline_store;
pub mod open;
pub mod pool_ids;
pub mod pools;
pub mod providers;
pub mod rates;
pub mod records;
mod refusals;
pub mod roles;
pub mod seeds;
pub mod sign_in;
mod single_use;
pub mod staging;
pub mod store_check;
pub mod store_copy;
pub mod test_issuer;

pub use access::caller::Caller;
pub use open::{Opened, StartError, open};

/// The wired parts of the server.
#[derive(Clone)]
pub struct App {
    /// The store, the catalog of its records and the keys in use.
    records: Arc<Records>,
    /// The threads for work that would delay the threads of connections.
    pub pools: WorkPools,
    /// The verifier of logins.
    pub logins: Arc<Logins>,
    /// The issuer of OpenID tokens.
    pub tokens: Arc<Tokens>,
    /// The built-in STS.
    pub credentials: Arc<SessionTokens>,
    /// The test issuer; `None` unless the process was started by `cognate dev`.
    pub test_issuer: Option<Arc<TestIssuer>>,
    /// The settings that a reload replaces.
    live: Arc<LiveSettings>,
    /// Time and randomness.
    pub ambient: Arc<dyn Ambient>,
    /// The configuration.
    pub config: Arc<Config>,
    /// The audit log, if there is one.
    pub audit: Option<Arc<AuditLog>>,
    /// The limits on the rates of calls.
    rates: Arc<Rates>,
    master_key: MasterKeys,
    /// Held while a key ring or the root key changes.
    key_changes: Arc<tokio::sync::Mutex<()>>,
    /// The hash that replaces the ids of guests in events.
    guests: GuestHash,
    /// The tasks in the background. They end with the server.
    tasks: Arc<Mutex<tokio::task::JoinSet<()>>>,
    /// The duties that one server of a store has at a time.
    jobs: Arc<Jobs>,
}

/// One request at one moment.
pub struct Call<'a> {
    /// The parts that answer the request.
    pub app: &'a App,
    /// The time of the request.
    pub now: Timestamp,
    /// The routes to external STSs, by role: those at the beginning of the call.
    pub routes: Arc<StsRoutes>,
    /// The connection that the request came on.
    pub connection: Connection,
    /// The name of the operation.
    pub operation: &'static str,
    /// The id of the request, in the answer and in the log.
    pub request_id: Uuid,
    /// Whether the request was counted for its address.
    pub is_counted: bool,
    /// The region that the signature names.
    pub region: Option<Region>,
    /// The signer.
    pub caller: Option<Caller>,
    /// The access key id that the request names. Only with a signer, it is that of the signer.
    pub claimed_key: Option<String>,
    /// The pool that the request names, once it was found, for the log.
    pub pool: OnceLock<PoolId>,
    /// The identities that were found, for the audit log.
    pub found: FoundIdentities,
    /// Whether the audit log has the call, or needs no line of it.
    pub is_recorded: AtomicBool,
}

impl App {
    /// A call that begins now. The clock is read once.
    pub fn call(&self) -> Call<'_> {
        Call {
            app: self,
            now: self.now(),
            routes: self.live.routes.load_full(),
            connection: Connection::default(),
            operation: "",
            request_id: self.ambient.uuid(),
            is_counted: false,
            region: None,
            caller: None,
            claimed_key: None,
            pool: OnceLock::new(),
            found: FoundIdentities::default(),
            is_recorded: AtomicBool::new(false),
        }
    }

    /// The present moment, in whole milliseconds, as records keep it.
    pub fn now(&self) -> Timestamp {
        self.ambient.now_in_milliseconds()
    }

    /// The origin of a change that the server makes by itself.
    fn own_origin(&self, operation: &'static str) -> Origin {
        Origin::of_server(operation, self.ambient.as_ref(), &self.guests)
    }

    /// Whether this server serves a region.
    pub fn serves(&self, region: &Region) -> bool {
        self.config.serves(region)
    }
}

impl Call<'_> {
    /// The origin of what this request changes.
    fn origin(&self) -> Origin {
        let account = &self.app.config.account_id;
        Origin {
            signer: match &self.caller {
                None => "anonymous".to_owned(),
                Some(caller) => caller.arn(account),
            },
            operation: self.operation,
            request_id: self.request_id,
            at: self.now,
            guests: self.app.guests.clone(),
        }
    }

    /// The signer of the request. Every operation with a required signature has one.
    pub fn signer(&self) -> &Caller {
        self.caller
            .as_ref()
            .expect("the pipeline refuses unsigned requests")
    }

    /// The region that the request was signed for. Every operation with a required signature has one.
    pub fn signed_region(&self) -> &Region {
        self.region
            .as_ref()
            .expect("the pipeline refuses unsigned requests")
    }
}
