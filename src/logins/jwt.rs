//! A token that nobody has checked. It can be refused, and asked what it claims; it is never believed: that is for
//! `id_token`, once a key has vouched for it.

use serde_json::{Map, Value};

use super::claims::Claims;
use super::error::LoginError;
use super::jws::{Jws, Malformed};
use crate::model::json;

/// How long a token may be, in bytes.
const LONGEST: usize = 50_000;

/// An ID token that nobody has checked.
#[derive(Debug)]
pub(super) struct Unverified<'t> {
    jws: Jws<'t>,
    claims: Map<String, Value>,
}

/// Why a text is no ID token, whoever signed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAToken {
    /// Longer than 50,000 bytes.
    #[error("it is too long")]
    TooLong,
    /// No compact JWS.
    #[error("it isn't a signed token")]
    Malformed(#[source] Malformed),
    /// Claims that aren't one strict JSON object.
    #[error("its claims aren't a strict JSON object")]
    Claims,
    /// A token for another purpose: an access token, a logout token, a proof of possession, a security event.
    #[error("it is a token for another purpose")]
    Purpose,
    /// `iat`, `nbf` or `azp` that can't be read, and so can't be checked.
    #[error("its claim {0} has the wrong type")]
    Type(&'static str),
}

impl<'t> Unverified<'t> {
    /// Takes a token apart.
    pub(super) fn parse(text: &'t str) -> Result<Self, NotAToken> {
        if text.len() > LONGEST {
            return Err(NotAToken::TooLong);
        }
        let jws = Jws::parse(text).map_err(NotAToken::Malformed)?;
        let Ok(Value::Object(claims)) = json::read(jws.payload()) else {
            return Err(NotAToken::Claims);
        };
        if !is_of_a_login(&jws, &claims) {
            return Err(NotAToken::Purpose);
        }
        for name in ["iat", "nbf"] {
            if claims.get(name).is_some_and(|value| !value.is_number()) {
                return Err(NotAToken::Type(name));
            }
        }
        if claims.get("azp").is_some_and(|value| !value.is_string()) {
            return Err(NotAToken::Type("azp"));
        }
        Ok(Self { jws, claims })
    }

    /// What it claims, to be refused by; an `Err` names the first required claim that is missing or can't be one.
    pub(super) fn claims(&self) -> Result<Claims<'_>, LoginError> {
        Claims::of(&self.claims)
    }

    /// Its signature's layer.
    pub(super) fn jws(&self) -> &Jws<'t> {
        &self.jws
    }

    /// All its claims, for whoever has checked it.
    pub(super) fn into_claims(self) -> Map<String, Value> {
        self.claims
    }
}

/// Whether neither the header nor the claims say that the token is no login. A user pool's access token without `aud`
/// passes here, for the service names the missing claim.
fn is_of_a_login(jws: &Jws<'_>, claims: &Map<String, Value>) -> bool {
    let kind = match jws.header("typ") {
        None => true,
        Some(Value::String(kind)) => {
            let kind = kind.to_ascii_lowercase();
            let kind = kind.strip_prefix("application/").unwrap_or(&kind);
            matches!(kind, "jwt" | "jws")
        }
        Some(_) => false,
    };
    let used = match claims.get("token_use") {
        Some(used) => used == "id" || !claims.contains_key("aud"),
        None => true,
    };
    kind && used && !claims.contains_key("events")
}
