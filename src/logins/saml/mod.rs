//! SAML providers. Users log in with a response that their provider signed, in base64.

mod key;
mod metadata;
mod xml;

pub use self::key::NoKey;
pub use self::metadata::{LONGEST_METADATA, MetadataError, read_metadata};
pub use self::xml::NotXml;
