//! Authorization codes: each is redeemed once, within a minute, by the client that asked for it (PKCE with S256).
//! <https://www.rfc-editor.org/rfc/rfc7636>

use std::collections::BTreeMap;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};

use super::user::TestUser;

/// The lifetime of a code.
const LIFETIME: SignedDuration = SignedDuration::from_mins(1);

/// How many codes are kept. Beyond that, the oldest is dropped.
const MOST: usize = 1000;

/// What a user agreed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The user.
    pub user: TestUser,
    /// The client that asked.
    pub client_id: String,
    /// The URL that the code was sent to, byte for byte.
    pub redirect_uri: String,
    /// The SHA-256 of the client's verifier, in base64url.
    pub code_challenge: String,
    /// The client's nonce for the ID token.
    pub nonce: Option<String>,
}

/// A request to redeem a code.
#[derive(Debug, Clone, Copy)]
pub struct CodeRedemption<'a> {
    /// The code.
    pub code: &'a str,
    /// The client.
    pub client_id: &'a str,
    /// The URL that the code was sent to.
    pub redirect_uri: &'a str,
    /// The secret of the client, the hash of which came with the request for the code.
    pub verifier: &'a str,
}

/// Why a code isn't redeemed; `Display` is a sentence for developers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// The code is unknown, expired or was presented before.
    #[error("the code is unknown, was used before, or is older than a minute")]
    Unknown,
    /// The code was issued to another client, or sent to another URL.
    #[error("the code was issued to another client or for another redirect_uri")]
    OtherClient,
    /// The verifier isn't the client's.
    #[error("the code_verifier doesn't belong to the code_challenge")]
    Verifier,
}

/// The codes that were issued and not presented yet, by their order of issue.
#[derive(Debug, Default)]
pub(super) struct Codes {
    next: u64,
    issued: BTreeMap<u64, IssuedCode>,
}

#[derive(Debug)]
struct IssuedCode {
    code: String,
    expires: Timestamp,
    grant: Grant,
}

impl Codes {
    pub(super) fn issue(&mut self, random: [u8; 32], grant: Grant, now: Timestamp) -> String {
        self.issued.retain(|_, issued| now < issued.expires);
        while self.issued.len() >= MOST {
            self.issued.pop_first();
        }
        let code = URL_SAFE_NO_PAD.encode(random);
        let issued = IssuedCode {
            code: code.clone(),
            expires: now.saturating_add(LIFETIME).unwrap_or(Timestamp::MAX),
            grant,
        };
        self.issued.insert(self.next, issued);
        self.next += 1;
        code
    }

    /// Redeems a code. A code that is presented is used up, also where it is refused.
    pub(super) fn redeem(
        &mut self,
        redemption: &CodeRedemption<'_>,
        now: Timestamp,
    ) -> Result<Grant, CodeError> {
        let code = redemption.code.as_bytes();
        let mut all = self.issued.iter();
        let found = all.find(|(_, one)| verify_slices_are_equal(one.code.as_bytes(), code).is_ok());
        let number = found.map(|(number, _)| *number).ok_or(CodeError::Unknown)?;
        let issued = self.issued.remove(&number).ok_or(CodeError::Unknown)?;
        if now >= issued.expires {
            return Err(CodeError::Unknown);
        }
        let grant = issued.grant;
        if grant.client_id != redemption.client_id || grant.redirect_uri != redemption.redirect_uri
        {
            return Err(CodeError::OtherClient);
        }
        let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, redemption.verifier.as_bytes()));
        if !is_verifier(redemption.verifier)
            || verify_slices_are_equal(challenge.as_bytes(), grant.code_challenge.as_bytes())
                .is_err()
        {
            return Err(CodeError::Verifier);
        }
        Ok(grant)
    }
}

/// Whether a string has the form of a verifier: 43 to 128 unreserved characters.
fn is_verifier(text: &str) -> bool {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    (43..=128).contains(&text.len()) && text.bytes().all(unreserved)
}
