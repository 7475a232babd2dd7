//! The OpenID tokens that this server issues to its identities, which present them to the STS.

use jiff::{SignedDuration, Timestamp};

use crate::app::sign_in::VerifiedIdentity;
use crate::app::{Call, records};
use crate::error::Error;
use crate::model::origin::TokenOrigin;
use crate::model::pool::Pool;
use crate::tokens::TokenClaims;

/// An OpenID token to issue.
#[derive(Debug, Clone, Copy)]
pub struct OpenIdToken {
    /// The token's lifetime.
    pub lifetime: SignedDuration,
    /// The time at which everything that the token leads to must have ended, if anything bounds it.
    pub not_after: Option<Timestamp>,
    /// Whether it is for one of the developer's users, who may present it as a login.
    pub developer: bool,
}

impl OpenIdToken {
    /// Issues the token for an identity of `pool`.
    pub async fn issue(
        self,
        call: &Call<'_>,
        pool: &Pool,
        identity: &VerifiedIdentity,
    ) -> Result<String, Error> {
        let tokens = &call.app.tokens;
        let claims = TokenClaims {
            identity: &identity.id,
            pool: &pool.id,
            audience: None,
            pool_arn: &pool.id.arn(&call.app.config.account_id),
            amr: &identity.amr,
            tags: &identity.tags,
            epoch: identity.epoch,
            developer: self.developer,
            origin: &TokenOrigin {
                generation: records::generation(call.app)?,
                incarnation: pool.incarnation,
                logins: identity.logins.clone(),
                not_after: self.not_after,
            },
            issued: call.now,
            lifetime: self.lifetime,
        };
        let issued = if pool.reuse_open_id_tokens && !self.developer {
            tokens.issue_or_reuse(&claims).await
        } else {
            tokens.issue(&claims).await
        };
        Ok(issued?)
    }
}
