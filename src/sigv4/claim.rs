//! What a request says of its own signature, in either form, before anything of it was checked.

use jiff::{SignedDuration, Timestamp};

use super::canonical::Query;
use super::error::{Incomplete, Invalid, SignatureError, WrongScope, cut};
use super::verify::Rules;
use super::{ALGORITHM, Request, TERMINATOR, header, moment, presigned};
use crate::model::ids::Region;

/// The headers that decide what a request is or who sent it. Readers disagree on which of two counts, so two of any
/// are refused.
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

/// How many headers a request may sign.
const MOST_SIGNED_HEADERS: usize = 100;

/// A signature's parts, as the client states them.
pub(super) struct Claim<'c> {
    pub form: Form,
    pub algorithm: &'c str,
    pub credential: &'c str,
    pub signed_headers: &'c str,
    pub signature: &'c str,
    /// The request's date as it is written.
    pub written: &'c str,
    pub date: Timestamp,
    /// How long ago the date may be.
    pub lifetime: SignedDuration,
    pub session_token: Option<&'c str>,
}

/// Where a signature stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// In the `Authorization` header.
    Header,
    /// In the query.
    Presigned,
}

/// Where a credential is good, after it was compared with the rules.
pub(super) struct Scope<'c, 'r> {
    pub access_key_id: &'c str,
    pub day: &'c str,
    pub region: Region,
    pub service: &'r str,
    /// `DAY/REGION/SERVICE/aws4_request`.
    pub text: &'c str,
}

impl<'c> Claim<'c> {
    /// Reads the claim of whichever form the request has.
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

    /// Refuses a list of signed headers that leaves a choice: one that isn't in its only order, that names what isn't
    /// there, or that leaves out `host` or a header `x-amz-…`. The real service asks for `host` alone; an unsigned
    /// `x-amz-target` would let anyone who sees a request make another of it.
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
            // A token may be added after signing: it is bound to its access key, and another is no key at all.
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

    /// Takes the credential apart and compares its scope with the rules and with the request's date.
    pub(super) fn scope<'r>(&self, rules: &Rules<'r>) -> Result<Scope<'c, 'r>, SignatureError> {
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
        let right_day = day == moment::day(self.written);
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
