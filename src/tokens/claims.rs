//! The claims of this server's tokens.

use jiff::{SignedDuration, Timestamp};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::ids::{IdentityId, PoolId};
use crate::model::origin::TokenOrigin;
use crate::model::tags::Tags;

const POOL_ARN: &str = "https://cognito-identity.amazonaws.com/identity-pool-arn";

// The real service's tokens lack three claims, which are last: the epoch of an identity (if it isn't the first), the mark
// of a developer token, and the origin.
const EPOCH: &str = "cognate:epoch";
const ORIGIN: &str = "cognate:origin";
const DEVELOPER: &str = "cognate:developer";

/// The claims of a token to sign. <https://docs.aws.amazon.com/cognito/latest/developerguide/role-trust-and-permissions.html>
pub struct TokenClaims<'c> {
    /// The identity: `sub`.
    pub identity: &'c IdentityId,
    /// The pool: `aud`, unless `audience` is set.
    pub pool: &'c PoolId,
    /// The audience of another STS, if it needs its own. No client ever gets such a token.
    pub audience: Option<&'c str>,
    /// The pool's ARN.
    pub pool_arn: &'c str,
    /// The authentication methods: `unauthenticated`, or `authenticated` and the logins.
    pub amr: &'c [String],
    /// The tags of a session that the token begins.
    pub tags: &'c Tags,
    /// The identity's epoch.
    pub epoch: u64,
    /// Whether it is a developer token: issued to a developer for a user, and valid as a login.
    pub developer: bool,
    /// Where the token comes from.
    pub origin: &'c TokenOrigin,
    /// The time of issue; `iat` is its second.
    pub issued: Timestamp,
    /// The token's lifetime.
    pub lifetime: SignedDuration,
}

impl TokenClaims<'_> {
    /// Encodes the claims as JSON, in the real service's order.
    pub(super) fn text(&self, issuer: &str) -> Vec<u8> {
        let written = Written {
            claims: self,
            issuer,
        };
        serde_json::to_vec(&written).expect("claims can be written")
    }
}

struct Written<'c> {
    claims: &'c TokenClaims<'c>,
    issuer: &'c str,
}

impl Serialize for Written<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let claims = self.claims;
        let issued = claims.issued.as_second();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("sub", claims.identity)?;
        match claims.audience {
            Some(audience) => map.serialize_entry("aud", audience)?,
            None => map.serialize_entry("aud", claims.pool)?,
        }
        map.serialize_entry("amr", claims.amr)?;
        if !claims.tags.is_empty() {
            map.serialize_entry(Tags::CLAIM, &claims.tags.as_claim())?;
        }
        map.serialize_entry("iss", self.issuer)?;
        map.serialize_entry(POOL_ARN, claims.pool_arn)?;
        map.serialize_entry("exp", &(issued + claims.lifetime.as_secs()))?;
        map.serialize_entry("iat", &issued)?;
        if claims.epoch > 0 {
            map.serialize_entry(EPOCH, &claims.epoch)?;
        }
        if claims.developer {
            map.serialize_entry(DEVELOPER, &true)?;
        }
        map.serialize_entry(ORIGIN, claims.origin)?;
        map.end()
    }
}

/// The claims of a verified token of this server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnToken {
    /// The claim `sub`.
    pub identity: IdentityId,
    /// The claim `aud`.
    pub pool: PoolId,
    /// The claim `amr`.
    pub amr: Vec<String>,
    /// The tags of a session that the token begins.
    pub tags: Tags,
    /// The identity's epoch at the time of issue.
    pub epoch: u64,
    /// Whether it is a developer token.
    pub developer: bool,
    /// Where the token comes from. Tokens of earlier versions don't say it, and nothing accepts them.
    pub origin: Option<TokenOrigin>,
    /// The claim `exp`.
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
            tags: Tags::of_claims(payload.as_object()?).ok()?,
            epoch: payload.get(EPOCH).map_or(Some(0), Value::as_u64)?,
            developer: payload.get(DEVELOPER) == Some(&Value::Bool(true)),
            origin: match payload.get(ORIGIN) {
                Some(origin) => Some(TokenOrigin::deserialize(origin).ok()?),
                None => None,
            },
            expires: Timestamp::from_second(payload.get("exp")?.as_i64()?).ok()?,
        })
    }

    /// The user of a developer token: the developer provider's name and the user's id.
    pub fn developers_user(&self) -> Option<(&str, &str)> {
        let (provider, user) = (self.amr.get(1)?, self.amr.get(2)?);
        let user = user.strip_prefix(&format!("{provider}:{}:", self.pool))?;
        self.developer.then_some((provider, user))
    }

    /// Whether the identity was signed in, not a guest.
    pub fn is_authenticated(&self) -> bool {
        self.amr
            .first()
            .is_some_and(|method| method == "authenticated")
    }
}
