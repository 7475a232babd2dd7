//! The checks of ID tokens in words, for reports. These functions decide nothing, and repeat no token.

use std::time::Duration;

use jiff::Timestamp;

use super::IdTokenIssuer;
use super::claims::{IdTokenClaims, LEEWAY};
use super::jwt::UnverifiedIdToken;
use crate::logins::error::LoginError;
use crate::logins::report::{Finding, all_quoted, error_chain, moment, quoted};

pub(super) fn form(token: Result<&UnverifiedIdToken<'_>, &LoginError>, length: usize) -> Finding {
    let found = match token {
        Ok(token) => {
            let header = |name| {
                let value = token.jws().header(name);
                value.map_or("not set".to_owned(), |value| match value.as_str() {
                    Some(text) => quoted(text),
                    None => quoted(&value.to_string()),
                })
            };
            format!(
                "a token of {length} bytes: alg {}, kid {}, typ {}",
                header("alg"),
                header("kid"),
                header("typ")
            )
        }
        Err(error) => format!("a string of {length} bytes: {}", error_chain(error)),
    };
    Finding::new(found, "a signed ID token whose claims are one JSON object")
}

pub(super) fn claims(claims: Result<&IdTokenClaims<'_>, &LoginError>) -> Finding {
    let found = match claims {
        Ok(claims) => format!("all of them; sub {}", quoted(claims.subject)),
        Err(error) => error_chain(error),
    };
    Finding::new(found, "iss, aud, sub of 1 to 255 characters, and exp")
}

pub(super) fn issuer(
    claims: &IdTokenClaims<'_>,
    issuer: Option<&dyn IdTokenIssuer>,
    key: &str,
) -> Finding {
    let source = issuer.map(IdTokenIssuer::jwks_source);
    let wanted = source.as_ref().and_then(|source| source.issuer());
    let wanted = wanted.map_or_else(|| format!("https://{key}"), str::to_owned);
    Finding::new(
        format!("iss {}", quoted(claims.issuer)),
        format!("iss = {}, byte for byte", quoted(&wanted)),
    )
}

pub(super) fn times(claims: &IdTokenClaims<'_>, now: Timestamp, longest: Duration) -> Finding {
    Finding::new(
        format!(
            "exp {}, iat {}, nbf {}",
            moment(Some(claims.expires)),
            moment(claims.issued),
            moment(claims.not_before)
        ),
        format!(
            "exp > now ({}), iat and nbf <= now + {LEEWAY} seconds, exp <= iat + {} hours and {LEEWAY} \
             seconds (max_token_lifetime_hours of the issuer)",
            moment(Some(now.as_second())),
            longest.as_secs() / 3600
        ),
    )
}

pub(super) fn provider(is_configured: bool, key: &str) -> Finding {
    let found = if is_configured {
        "a provider of the pool"
    } else {
        "an issuer that the pool doesn't have, or that is no longer registered"
    };
    Finding::new(
        found,
        format!("{} among the providers of the pool", quoted(key)),
    )
}

pub(super) fn client(
    claims: &IdTokenClaims<'_>,
    issuer: &dyn IdTokenIssuer,
    authorized_party_alone: bool,
) -> Finding {
    let audiences = all_quoted(claims.audiences.iter().copied());
    let party = claims.authorized_party.map_or("not set".to_owned(), quoted);
    let clients: Vec<String> = issuer.clients().into_iter().map(quoted).collect();
    let which = if authorized_party_alone {
        "azp, or one aud if azp is not set,"
    } else {
        "one aud, and azp if it is set,"
    };
    Finding::new(
        format!("aud {audiences}; azp {party}"),
        format!("{which} among {}", clients.join(", ")),
    )
}

pub(super) fn signature(error: Option<&LoginError>, issuer: &dyn IdTokenIssuer) -> Finding {
    let found = error.map_or("a signature by a key of the issuer".to_owned(), |it| {
        error_chain(it)
    });
    let algorithms: Vec<String> = issuer
        .algorithms()
        .iter()
        .map(|algorithm| format!("{algorithm:?}"))
        .collect();
    Finding::new(
        found,
        format!(
            "a signature by a key that the issuer publishes now, with one of {}",
            algorithms.join(", ")
        ),
    )
}

pub(super) fn user(error: Option<&LoginError>) -> Finding {
    let found = error.map_or("a user who may sign in".to_owned(), |it| error_chain(it));
    Finding::new(
        found,
        "an enabled user of the user pool with this user name and sub",
    )
}
