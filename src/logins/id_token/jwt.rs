//! An ID token before its signature is checked. It can be refused, and read for the claims that lead to its key; it is
//! never believed.

use serde_json::{Map, Value};

use super::claims::IdTokenClaims;
use super::jws::{Jws, JwsFormatError};
use crate::logins::error::LoginError;
use crate::model::json;

/// The longest token, in bytes.
const LONGEST: usize = 50_000;

/// An ID token with a signature that isn't checked yet.
#[derive(Debug)]
pub(in crate::logins) struct UnverifiedIdToken<'t> {
    jws: Jws<'t>,
    claims: Map<String, Value>,
}

/// Why a string isn't an ID token, whatever its signature is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdTokenFormatError {
    /// The string is longer than 50,000 bytes.
    #[error("it is too long")]
    TooLong,
    /// The string isn't a compact JWS.
    #[error("it isn't a signed token")]
    Malformed(#[source] JwsFormatError),
    /// The claims aren't one strict JSON object.
    #[error("its claims aren't a strict JSON object")]
    Claims,
    /// The token has another purpose: an access token, a logout token, a proof of possession, a security event.
    #[error("it is a token for another purpose")]
    Purpose,
    /// `iat`, `nbf` or `azp` has a type that can't be checked.
    #[error("its claim {0} has the wrong type")]
    Type(&'static str),
}

impl<'t> UnverifiedIdToken<'t> {
    /// Splits a token into its parts.
    pub(in crate::logins) fn parse(text: &'t str) -> Result<Self, IdTokenFormatError> {
        if text.len() > LONGEST {
            return Err(IdTokenFormatError::TooLong);
        }
        let jws = Jws::parse(text).map_err(IdTokenFormatError::Malformed)?;
        let Ok(Value::Object(claims)) = json::read(jws.payload()) else {
            return Err(IdTokenFormatError::Claims);
        };
        if !is_id_token(&jws, &claims) {
            return Err(IdTokenFormatError::Purpose);
        }
        for name in ["iat", "nbf"] {
            if claims.get(name).is_some_and(|value| !value.is_number()) {
                return Err(IdTokenFormatError::Type(name));
            }
        }
        if claims.get("azp").is_some_and(|value| !value.is_string()) {
            return Err(IdTokenFormatError::Type("azp"));
        }
        Ok(Self { jws, claims })
    }

    /// A copy without the text that it was read from.
    pub(super) fn to_static(&self) -> UnverifiedIdToken<'static> {
        UnverifiedIdToken {
            jws: self.jws.to_static(),
            claims: self.claims.clone(),
        }
    }

    /// The claims that the checks read; an `Err` names the first required claim that is missing or unusable.
    pub(super) fn claims(&self) -> Result<IdTokenClaims<'_>, LoginError> {
        IdTokenClaims::read(&self.claims)
    }

    /// The token as a JWS.
    pub(super) fn jws(&self) -> &Jws<'t> {
        &self.jws
    }

    /// All claims, once the token is verified.
    pub(super) fn into_claims(self) -> Map<String, Value> {
        self.claims
    }
}

/// Whether neither the header nor the claims name another purpose. A user pool's access token without `aud` passes here,
/// because the service answers with the missing claim.
fn is_id_token(jws: &Jws<'_>, claims: &Map<String, Value>) -> bool {
    let typ = match jws.header("typ") {
        None => true,
        Some(Value::String(typ)) => {
            let typ = typ.to_ascii_lowercase();
            let typ = typ.strip_prefix("application/").unwrap_or(&typ);
            matches!(typ, "jwt" | "jws")
        }
        Some(_) => false,
    };
    let token_use = match claims.get("token_use") {
        Some(token_use) => token_use == "id" || !claims.contains_key("aud"),
        None => true,
    };
    typ && token_use && !claims.contains_key("events")
}
