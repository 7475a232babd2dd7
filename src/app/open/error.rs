//! Why the server can't be opened, each with what to do.

use std::io;
use std::path::PathBuf;

use crate::app::keys::access_keys::AccessKeyError;
use crate::app::keys::guest_key::GuestKeyError;
use crate::app::keys::rings::KeysError;
use crate::app::keys::root_key::RootKeyError;
use crate::audit::OpenAuditError;
use crate::model::ids::AccountId;
use crate::outgoing::OutgoingSettingsError;
use crate::seal::master_key::MasterKeyError;
use crate::store::StoreError;
use crate::store::postgres::OpenPostgresError;
use crate::store::sqlite::OpenError;
use crate::test_issuer::TestKeyError;

/// Why the server can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory can't be created.
    #[error(
        "the data directory {path} can't be made: set --data-dir to one that can be written, or start cognate dev with \
         --ephemeral"
    )]
    DataDirectory {
        /// The directory.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// Other users of the machine have access to the data.
    #[error("{path} {problem} (mode {mode:04o}): run `chmod {change} {path}`")]
    Exposed {
        /// The directory or file.
        path: PathBuf,
        /// What other users may do.
        problem: &'static str,
        /// The mode of the directory or file.
        mode: u32,
        /// The change of the mode that helps.
        change: &'static str,
    },
    /// A file that the configuration names can't be read.
    #[error("{path} can't be read")]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The audit log can't be opened.
    #[error(transparent)]
    Audit(#[from] OpenAuditError),
    /// The store can't be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The database can't be opened.
    #[error(transparent)]
    OpenPostgres(#[from] OpenPostgresError),
    /// The master key is missing, and a server that shares a database never makes one.
    #[error(
        "there is no master key at {0}: servers that share a database share one master key. Make it once with \
         `cognate master-key make FILE`, copy it to each server, and set master_key_file (or COGNATE_MASTER_KEY)"
    )]
    NoMasterKey(PathBuf),
    /// The master key can't be read or made.
    #[error(transparent)]
    MasterKey(#[from] MasterKeyError),
    /// The key rings can't be read or made.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The root key can't be read or made.
    #[error(transparent)]
    RootKey(#[from] RootKeyError),
    /// The access keys can't be read.
    #[error(transparent)]
    AccessKeys(#[from] AccessKeyError),
    /// The database is gone. A new one would forget every identity without a word.
    #[error(
        "{folder} has a master key and has had a store, but its database is gone: restore a backup with `cognate restore FILE`. \
         To begin with an empty store instead, move the directory away"
    )]
    DatabaseGone {
        /// The data directory.
        folder: PathBuf,
    },
    /// A stored secret doesn't open under the master keys of the file.
    #[error(
        "a stored secret doesn't open under the keys in {0}: keep the old key in the file, in a line after the new one, until \
         `cognate master-key rotate` has sealed everything again"
    )]
    SealedUnderAnother(PathBuf),
    /// The stored data belongs to another account.
    #[error(
        "the data was made for the account {stored}, and this configuration has {configured}: every ARN in policies, pools and \
         other systems would be another one. Set account_id to {stored}, or start once with --accept-changed-account-id"
    )]
    ChangedAccount {
        /// The account of the data.
        stored: AccountId,
        /// The configured account.
        configured: AccountId,
    },
    /// The stored data was served under another public URL.
    #[error(
        "the data was served under {stored}, and this configuration has {configured}: tokens from before would be refused, and \
         every verifier and trust policy that names {stored} would refuse new ones. Set public_url to {stored}, or start once \
         with --accept-changed-public-url"
    )]
    ChangedPublicUrl {
        /// The public URL of the data.
        stored: String,
        /// The configured public URL.
        configured: String,
    },
    /// The root key is stored nowhere, and its file has one: the store is another one than the file's.
    #[error(
        "{file} has a root key, and the store has none: the file belongs to another store. Move it away; the server then makes a \
         new root key"
    )]
    OtherRootKey {
        /// The file.
        file: PathBuf,
    },
    /// The client for outgoing requests can't be made.
    #[error(transparent)]
    Outgoing(#[from] OutgoingSettingsError),
    /// The store can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store has the test issuer of `cognate dev`.
    #[error(
        "the store has the test issuer of cognate dev, {0}, at which anyone can sign in: start once with --drop-test-issuer \
         to remove it, or use a store that cognate dev never used"
    )]
    TestIssuer(String),
    /// Guests can't be named.
    #[error(transparent)]
    GuestKey(#[from] GuestKeyError),
    /// The test issuer has no key.
    #[error(transparent)]
    TestKey(#[from] TestKeyError),
}
