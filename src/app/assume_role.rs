//! Giving a role: sessions of the built-in STS. Who may have which role is decided before.

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::Call;
use crate::credentials::{Issued, Session};
use crate::model::ids::RoleArn;
use crate::model::pool::Pool;
use crate::model::principal_tags::Tags;

/// A role that somebody may have.
pub struct Assumption<'p> {
    /// The role.
    pub role: RoleArn,
    /// 2 to 64 of `[\w+=,.@-]`.
    pub session_name: String,
    /// The identity's pool.
    pub pool: &'p Pool,
    /// The identity.
    pub identity: Uuid,
    /// The epoch that it is in.
    pub epoch: u64,
    /// The tags of the session.
    pub tags: Tags,
    /// How long, in whole seconds.
    pub lifetime: SignedDuration,
}

impl Call<'_> {
    /// Credentials for a role, and what their session token says.
    pub fn assume(&self, assumption: Assumption<'_>) -> (Issued, Session) {
        let issued = Timestamp::from_second(self.now.as_second()).unwrap_or(self.now);
        let session = Session {
            role: assumption.role,
            name: assumption.session_name,
            pool: assumption.pool.id.clone(),
            identity: assumption.identity,
            epoch: assumption.epoch,
            tags: assumption.tags,
            issued,
            expires: issued + assumption.lifetime,
        };
        let credentials = self
            .app
            .credentials
            .issue(&session, self.app.ambient.as_ref());
        (credentials, session)
    }
}
