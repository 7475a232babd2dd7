//! What a token of this server says.

use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde::ser::SerializeMap;
use serde_json::Value;

use crate::model::ids::{IdentityId, PoolId};
use crate::model::principal_tags::Tags;

const TAGS: &str = "https://aws.amazon.com/tags";
const POOL_ARN: &str = "https://cognito-identity.amazonaws.com/identity-pool-arn";

// Two claims that the real service's tokens don't have, behind all that they have: the epoch of an identity that isn't
// in its first, and the mark of a developer's token.
const EPOCH: &str = "cognate:epoch";
const DEVELOPER: &str = "cognate:developer";

/// The claims of a token that is to be signed. <https://docs.aws.amazon.com/cognito/latest/developerguide/role-trust-and-permissions.html>
pub struct Claims<'c> {
    /// Whose it is: `sub`.
    pub identity: &'c IdentityId,
    /// Of which pool: `aud`, unless there is another audience.
    pub pool: &'c PoolId,
    /// For whom it is, where that is another STS that wants an audience of its own: no client ever gets such a token.
    pub audience: Option<&'c str>,
    /// The pool's ARN.
    pub pool_arn: &'c str,
    /// How the user was authenticated: `unauthenticated`, or `authenticated` and the logins that were used.
    pub amr: &'c [String],
    /// The tags that a session of it gets.
    pub tags: &'c Tags,
    /// The epoch that the identity is in.
    pub epoch: u64,
    /// Whether it is the developer's: given out for one of their users, and good as a login.
    pub developer: bool,
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
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("sub", claims.identity)?;
        match claims.audience {
            Some(audience) => map.serialize_entry("aud", audience)?,
            None => map.serialize_entry("aud", claims.pool)?,
        }
        map.serialize_entry("amr", claims.amr)?;
        if !claims.tags.is_empty() {
            let tags: IndexMap<&str, [&str; 1]> = claims
                .tags
                .iter()
                .map(|(tag, value)| (tag.as_str(), [value.as_str()]))
                .collect();
            map.serialize_entry(TAGS, &IndexMap::from([("principal_tags", tags)]))?;
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
    /// The tags that a session of it gets.
    pub tags: Tags,
    /// The epoch that its identity was in.
    pub epoch: u64,
    /// Whether it was given to a developer for one of their users.
    pub developer: bool,
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
            tags: tags(payload)?,
            epoch: payload.get(EPOCH).map_or(Some(0), Value::as_u64)?,
            developer: payload.get(DEVELOPER) == Some(&Value::Bool(true)),
            expires: Timestamp::from_second(payload.get("exp")?.as_i64()?).ok()?,
        })
    }

    /// The developer's user for whom it was given out: the developer provider's name and the user's id.
    pub fn developers_user(&self) -> Option<(&str, &str)> {
        let (provider, user) = (self.amr.get(1)?, self.amr.get(2)?);
        let user = user.strip_prefix(&format!("{provider}:{}:", self.pool))?;
        self.developer.then_some((provider, user))
    }

    /// Whether it was given to somebody who was signed in, and not to a guest.
    pub fn is_authenticated(&self) -> bool {
        self.amr
            .first()
            .is_some_and(|method| method == "authenticated")
    }
}

/// The tags of a token; none where it has no such claim.
fn tags(payload: &Value) -> Option<Tags> {
    let Some(claim) = payload.get(TAGS) else {
        return Some(Tags::new());
    };
    let tags = claim.get("principal_tags")?.as_object()?;
    let one = |value: &Value| Some(value.as_array()?.first()?.as_str()?.to_owned());
    tags.iter()
        .map(|(tag, value)| Some((tag.clone(), one(value)?)))
        .collect()
}
