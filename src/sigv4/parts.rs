//! The parts of a signature as the request states them, in either form, and the checks of each.

use jiff::{SignedDuration, Timestamp};

use super::canonical::Query;
use super::error::{Incomplete, Invalid, SignatureError, WrongScope, cut};
use super::verify::SignatureRules;
use super::{ALGORITHM, Request, TERMINATOR, amz_date, header, presigned};
use crate::model::ids::Region;

/// The headers that decide the operation or the sender. Implementations differ in which of two headers they use, so a
/// repeated one is refused.
const DECIDING: [&str; 8] = [
    "authorization",
    "content-type",
    "date",
    "host",
    "x-amz-content-sha256",
    "x-amz-date",
    "x-amz-security-token",
    "x-amz-target",
];

/// The most headers that a request may sign.
const MOST_SIGNED_HEADERS: usize = 100;

/// A signature's parts, unverified.
pub(super) struct SignatureParts<'c> {
    pub form: Form,
    pub algorithm: &'c str,
    pub credential: &'c str,
    pub signed_headers: &'c str,
    pub signature: &'c str,
    /// The request's date as received.
    pub written: &'c str,
    pub date: Timestamp,
    /// How old the date may be.
    pub lifetime: SignedDuration,
    pub session_token: Option<&'c str>,
}

/// The form of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// The signature is in the `Authorization` header.
    Header,
    /// The signature is in the query.
    Presigned,
}

/// The scope of a credential, after its comparison with the rules.
pub(super) struct Scope<'c, 'r> {
    pub access_key_id: &'c str,
    pub day: &'c str,
    pub region: Region,
    pub service: &'r str,
    /// `DAY/REGION/SERVICE/aws4_request`.
    pub text: &'c str,
}

impl<'c> SignatureParts<'c> {
    /// Reads the parts in the request's form.
    pub(super) fn read(
        request: &Request<'c>,
        query: &'c Query<'_>,
        presigned: bool,
    ) -> Result<Self, SignatureError> {
        refuse_doubled_headers(request)?;
        match request.headers.get("authorization") {
            Some(value) => header::read(request, query, value),
            None if query.get("X-Amz-Algorithm").is_none() => Err(SignatureError::Missing),
            None if presigned => presigned::read(request, query),
            None => Err(Invalid::Presigned.into()),
        }
    }

    /// Refuses a list of signed headers that isn't sorted, names an absent header, or lacks `host` or a header `x-amz-…`.
    /// The real service requires only `host`; with an unsigned `x-amz-target`, an eavesdropper could change the operation.
    pub(super) fn check_signed_headers(&self, request: &Request<'_>) -> Result<(), Invalid> {
        let names: Vec<&str> = self
            .signed_headers
            .split(';')
            .take(MOST_SIGNED_HEADERS + 1)
            .collect();
        let signed = |name: &str| names.binary_search(&name).is_ok();
        let lower = |name: &&str| !name.bytes().any(|byte| byte.is_ascii_uppercase());
        if names.len() > MOST_SIGNED_HEADERS
            || !names.iter().all(lower)
            || !names.windows(2).all(|pair| pair[0] < pair[1])
        {
            return Err(Invalid::SignedHeaders);
        }
        if !signed("host") {
            return Err(Invalid::HostNotSigned);
        }
        for header in request.headers.keys().map(http::HeaderName::as_str) {
            // A token may be added after signing, because it is bound to its access key.
            let free = header == "x-amz-security-token";
            if header.starts_with("x-amz-") && !free && !signed(header) {
                let name = cut(header.as_bytes());
                return Err(Invalid::NotSigned { name });
            }
        }
        match names.iter().find(|name| !request.has(name)) {
            Some(name) => Err(Invalid::NotThere {
                name: cut(name.as_bytes()),
            }),
            None => Ok(()),
        }
    }

    pub(super) fn check_algorithm(&self) -> Result<(), Incomplete> {
        if self.algorithm == ALGORITHM {
            return Ok(());
        }
        Err(Incomplete::Algorithm {
            got: cut(self.algorithm.as_bytes()),
        })
    }

    /// Splits the credential and compares its scope with the rules and with the request's date.
    pub(super) fn scope<'r>(
        &self,
        rules: &SignatureRules<'r>,
    ) -> Result<Scope<'c, 'r>, SignatureError> {
        let malformed = || Incomplete::Credential {
            got: cut(self.credential.as_bytes()),
        };
        let (access_key_id, text) = self.credential.split_once('/').ok_or_else(malformed)?;
        let parts: Vec<&str> = text.splitn(5, '/').collect();
        let [day, region, service, terminator] = parts[..] else {
            return Err(malformed().into());
        };
        let region = Region::parse(region).filter(|region| (rules.region)(region));
        let service = rules.services.iter().copied().find(|one| *one == service);
        let right_day = day == amz_date::day(self.written);
        match (region, service) {
            (Some(region), Some(service)) if right_day && terminator == TERMINATOR => Ok(Scope {
                access_key_id,
                day,
                region,
                service,
                text,
            }),
            (region, service) => Err(Invalid::from(WrongScope {
                region: region.is_none(),
                service: service.is_none().then(|| {
                    rules
                        .services
                        .first()
                        .copied()
                        .unwrap_or_default()
                        .to_owned()
                }),
                terminator: (terminator != TERMINATOR).then(|| cut(terminator.as_bytes())),
                date: (!right_day).then(|| (cut(day.as_bytes()), self.date)),
            })
            .into()),
        }
    }
}

fn refuse_doubled_headers(request: &Request<'_>) -> Result<(), Incomplete> {
    for name in DECIDING {
        if request.headers.get_all(name).iter().nth(1).is_some() {
            return Err(Incomplete::DoubledHeader { name });
        }
    }
    match (request.authority, request.headers.get("host")) {
        (Some(authority), Some(host)) if host != authority => {
            Err(Incomplete::DoubledHeader { name: "host" })
        }
        _ => Ok(()),
    }
}
