//! What a token of this server says.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde::ser::SerializeMap;
use serde_json::Value;

use crate::model::ids::{IdentityId, PoolId};

/// The claims of a token that is to be signed. <https://docs.aws.amazon.com/cognito/latest/developerguide/role-trust-and-permissions.html>
pub struct Claims<'c> {
    /// Whose it is: `sub`.
    pub identity: &'c IdentityId,
    /// Of which pool: `aud`.
    pub pool: &'c PoolId,
    /// The pool's ARN.
    pub pool_arn: &'c str,
    /// How the user was authenticated: `unauthenticated`, or `authenticated` and the logins that were used.
    pub amr: &'c [String],
    /// When it is issued; `iat` is its second.
    pub issued: Timestamp,
    /// How long it is good.
    pub lifetime: SignedDuration,
}

impl Claims<'_> {
    /// The claims as JSON text, in the order in which the real service writes them.
    pub(super) fn text(&self, issuer: &str) -> Vec<u8> {
        let written = Written {
            claims: self,
            issuer,
        };
        serde_json::to_vec(&written).expect("claims can be written")
    }
}

struct Written<'c> {
    claims: &'c Claims<'c>,
    issuer: &'c str,
}

impl Serialize for Written<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let claims = self.claims;
        let issued = claims.issued.as_second();
        let mut map = serializer.serialize_map(Some(7))?;
        map.serialize_entry("sub", claims.identity)?;
        map.serialize_entry("aud", claims.pool)?;
        map.serialize_entry("amr", claims.amr)?;
        map.serialize_entry("iss", self.issuer)?;
        map.serialize_entry(
            "https://cognito-identity.amazonaws.com/identity-pool-arn",
            claims.pool_arn,
        )?;
        map.serialize_entry("exp", &(issued + claims.lifetime.as_secs()))?;
        map.serialize_entry("iat", &issued)?;
        map.end()
    }
}

/// What a token of this server says, read back and verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnToken {
    /// `sub`
    pub identity: IdentityId,
    /// `aud`
    pub pool: PoolId,
    /// `amr`
    pub amr: Vec<String>,
    /// `exp`
    pub expires: Timestamp,
}

impl OwnToken {
    pub(super) fn read(payload: &Value) -> Option<Self> {
        let text = |name: &str| payload.get(name).and_then(Value::as_str);
        let amr = payload.get("amr")?.as_array()?;
        let amr = amr.iter().map(|method| method.as_str().map(str::to_owned));
        Some(Self {
            identity: IdentityId::parse(text("sub")?)?,
            pool: PoolId::parse(text("aud")?)?,
            amr: amr.collect::<Option<_>>()?,
            expires: Timestamp::from_second(payload.get("exp")?.as_i64()?).ok()?,
        })
    }

    /// Whether it was given to somebody who was signed in, and not to a guest.
    pub fn is_authenticated(&self) -> bool {
        self.amr
            .first()
            .is_some_and(|method| method == "authenticated")
    }
}
