//! A step of a client: what it asks for, and the answer.

use std::collections::BTreeSet;

use super::model::Login;

/// What a client asks for.
#[derive(Debug, Clone)]
pub enum Request {
    /// GetId without logins.
    Guest { pool: usize },
    /// GetId with logins.
    SignIn { pool: usize, logins: Vec<Login> },
    /// GetCredentialsForIdentity.
    Credentials {
        identity: String,
        logins: Vec<Login>,
    },
    /// GetOpenIdToken.
    Token {
        identity: String,
        logins: Vec<Login>,
    },
    /// GetOpenIdTokenForDeveloperIdentity.
    Developer {
        pool: usize,
        user: String,
        identity: Option<String>,
        logins: Vec<Login>,
    },
    /// GetCredentialsForIdentity with a developer's token.
    Exchange(Issued),
    /// AssumeRoleWithWebIdentity with a token of the server.
    Assume(Issued),
    /// GetCallerIdentity with the credentials of an identity.
    UseSession(Issued),
    /// MergeDeveloperIdentities.
    Merge {
        pool: usize,
        source: String,
        destination: String,
    },
    /// UnlinkDeveloperIdentity.
    UnlinkDeveloper {
        pool: usize,
        identity: String,
        user: String,
    },
    /// UnlinkIdentity.
    Unlink { identity: String, login: Login },
    /// DeleteIdentities.
    Delete { identity: String },
    /// RevokeIdentity.
    Revoke {
        identity: String,
        only_this_pool: bool,
    },
    /// RestoreIdentity.
    Restore { identity: String },
    /// DescribeIdentity.
    Describe { identity: String },
    /// LookupDeveloperIdentity.
    Lookup { pool: usize, user: String },
    /// CreateIdentityPool.
    CreatePool { pool: usize },
    /// UpdateIdentityPool.
    UpdatePool {
        pool: usize,
        guests: bool,
        second_issuer: bool,
    },
    /// SetIdentityPoolRoles.
    SetRoles { pool: usize, has_roles: bool },
    /// DescribeIdentityPool.
    DescribePool { pool: usize },
    /// DeleteIdentityPool.
    DeletePool { pool: usize },
    /// CreateAccessKey.
    CreateKey { name: String },
    /// UpdateAccessKey.
    EnableKey {
        name: String,
        id: String,
        enabled: bool,
    },
    /// DeleteAccessKey.
    DeleteKey { name: String, id: String },
    /// DescribeIdentityPool, signed by an access key.
    UseKey {
        name: String,
        id: String,
        pool: usize,
    },
    /// RotateKeys.
    Rotate,
}

impl Request {
    /// The logins that it presents.
    pub fn logins(&self) -> &[Login] {
        match self {
            Self::SignIn { logins, .. }
            | Self::Credentials { logins, .. }
            | Self::Token { logins, .. }
            | Self::Developer { logins, .. } => logins,
            Self::Unlink { login, .. } => std::slice::from_ref(login),
            _ => &[],
        }
    }
}

/// A token or a session that an identity got.
#[derive(Debug, Clone)]
pub struct Issued {
    pub identity: String,
    pub epoch: u64,
    /// The logins that it came from; none for a guest.
    pub logins: Vec<Login>,
    pub expires: i64,
    /// Its number among what the clients got.
    pub number: usize,
}

/// Whether the server must trust the proofs of logins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// They are valid, and the server has or gets the keys.
    Yes,
    /// They are forged, or of a key that was withdrawn long ago.
    No,
    /// They are valid, but the issuer misbehaves or has just changed its keys.
    Perhaps,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    Done(Found),
    /// Refused with this code.
    Refused(String),
    /// The server doesn't know, or can't: the step happened or not.
    Failed(String),
}

/// What an answer shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The id of the identity, the pool or the access key.
    pub id: Option<String>,
    /// The epoch of the identity that got something.
    pub epoch: Option<u64>,
    /// The providers or the users of an identity.
    pub names: BTreeSet<String>,
    /// Whether a pool has guests and its second issuer, or whether an identity stays undeleted.
    pub flags: Vec<bool>,
}

/// A step that ended.
#[derive(Debug, Clone)]
pub struct Step {
    pub request: Request,
    pub reply: Reply,
    /// When it began and ended: any order of steps that doesn't contradict these numbers is possible.
    pub began: usize,
    pub ended: usize,
    /// The time on the server's clock when it began, in milliseconds.
    pub now: i64,
    pub trust: Trust,
    /// Whether the disk failed meanwhile, so that the server may fail, too.
    pub may_fail: bool,
    /// Whether other steps ran at the same time.
    pub is_alone: bool,
}
