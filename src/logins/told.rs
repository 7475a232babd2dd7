//! The checks of ID tokens and access tokens in words, for those who watch. No word of it decides anything, and none repeats a token.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::claims::{AHEAD, Claims};
use super::error::LoginError;
use super::id_token::Issuer;
use super::jwt::Unverified;
use super::vouching::{NotAnAccessToken, Vouched, Vouching};
use super::watch::{What, all_shown, moment, reasons, shown};

pub(super) fn form(token: Result<&Unverified<'_>, &LoginError>, length: usize) -> What {
    let found = match token {
        Ok(token) => {
            let header = |name| {
                let value = token.jws().header(name);
                value.map_or("absent".to_owned(), |value| match value.as_str() {
                    Some(text) => shown(text),
                    None => shown(&value.to_string()),
                })
            };
            format!(
                "a token of {length} bytes: alg {}, kid {}, typ {}",
                header("alg"),
                header("kid"),
                header("typ")
            )
        }
        Err(error) => format!("a text of {length} bytes: {}", reasons(error)),
    };
    What::new(
        found,
        "a signed token whose claims are one JSON object, made for logging in",
    )
}

pub(super) fn claims(claims: Result<&Claims<'_>, &LoginError>) -> What {
    let found = match claims {
        Ok(claims) => format!("all of them; sub {}", shown(claims.subject)),
        Err(error) => reasons(error),
    };
    What::new(found, "iss, aud, sub of 1 to 255 characters, and exp")
}

pub(super) fn issuer(claims: &Claims<'_>, issuer: Option<&dyn Issuer>, key: &str) -> What {
    let place = issuer.map(Issuer::place);
    let wanted = place.as_ref().and_then(|place| place.issuer());
    let wanted = wanted.map_or_else(|| format!("https://{key}"), str::to_owned);
    What::new(
        format!("iss {}", shown(claims.issuer)),
        format!("{}, to the byte", shown(&wanted)),
    )
}

pub(super) fn times(claims: &Claims<'_>, now: Timestamp, longest: Duration) -> What {
    What::new(
        format!(
            "exp {}, iat {}, nbf {}",
            moment(Some(claims.expires)),
            moment(claims.issued),
            moment(claims.not_before)
        ),
        format!(
            "exp behind {}, iat and nbf at most {AHEAD} seconds behind it, exp at most {} hours behind iat",
            moment(Some(now.as_second())),
            longest.as_secs() / 3600
        ),
    )
}

pub(super) fn provider(is_there: bool, key: &str) -> What {
    let found = if is_there {
        "a provider of the pool"
    } else {
        "an issuer that the pool doesn't have, or that is no longer registered"
    };
    What::new(
        found,
        format!("{} among the providers of the pool", shown(key)),
    )
}

pub(super) fn client(claims: &Claims<'_>, issuer: &dyn Issuer, party_alone: bool) -> What {
    let audiences = all_shown(claims.audiences.iter().copied());
    let party = claims.party.map_or("absent".to_owned(), shown);
    let clients: Vec<String> = issuer.clients().into_iter().map(shown).collect();
    let which = if party_alone {
        "azp, or aud where there is none,"
    } else {
        "one aud, and azp where there is one,"
    };
    What::new(
        format!("aud {audiences}; azp {party}"),
        format!("{which} among {}", clients.join(", ")),
    )
}

pub(super) fn signature(error: Option<&LoginError>, issuer: &dyn Issuer) -> What {
    let found = error.map_or("a key of the issuer signed it".to_owned(), |it| reasons(it));
    let algorithms: Vec<String> = issuer
        .algorithms()
        .iter()
        .map(|algorithm| format!("{algorithm:?}"))
        .collect();
    What::new(
        found,
        format!(
            "a signature by a key that the issuer publishes now, with one of {}",
            algorithms.join(", ")
        ),
    )
}

pub(super) fn user(error: Option<&LoginError>) -> What {
    let found = error.map_or("a user who is let in".to_owned(), |it| reasons(it));
    What::new(
        found,
        "a user whom the user pool knows by this name and sub, and who is enabled",
    )
}

pub(super) fn access_token<P: Vouching>(
    provider: &P,
    error: Option<&NotAnAccessToken>,
    length: usize,
) -> What {
    let found = match error {
        None => format!("a text of {length} bytes"),
        Some(error) => format!("a text of {length} bytes: {error}"),
    };
    What::new(found, provider.form())
}

pub(super) fn vouched<P: Vouching>(
    provider: &P,
    vouched: Result<&(Timestamp, Arc<Vouched>), &LoginError>,
) -> What {
    let found = match vouched {
        Ok((since, vouched)) => {
            let time = vouched.good_for;
            let time = time.map_or("absent".to_owned(), |time| {
                format!("{} seconds", time.as_secs())
            });
            format!(
                "user {}, remaining time {time}, as told at {}",
                shown(&vouched.user),
                moment(Some(since.as_second()))
            )
        }
        Err(error) => reasons(error),
    };
    What::new(
        found,
        format!(
            "an answer of {} that names the token's user",
            provider.name()
        ),
    )
}

pub(super) fn app<P: Vouching>(provider: &P, vouched: &Vouched) -> What {
    What::new(
        format!(
            "a token for {}",
            all_shown(vouched.apps.iter().map(String::as_str))
        ),
        format!("{}, the pool's app, to the byte", shown(provider.app())),
    )
}
