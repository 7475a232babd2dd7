//! Reading a SAML identity provider's metadata, when an administrator registers it. The administrator decides whether the
//! document is trusted: its own signature isn't verified.
//! <https://docs.oasis-open.org/security/saml/v2.0/saml-metadata-2.0-os.pdf>

use jiff::Timestamp;
use uppsala::{Document, NodeId};

use super::key;
use super::xml::{self, Comments, DSIG, METADATA, PROTOCOL, XmlReadError, attribute, is, named};
use crate::model::provider::SamlMetadata;

/// The longest document, in bytes.
pub const LONGEST_METADATA: usize = 256 << 10;

/// The number of signing certificates that a provider may have.
const CERTIFICATES: usize = 10;

/// The longest entity id, in characters.
const LONGEST_ENTITY_ID: usize = 1024;

/// Why a document isn't the metadata of an identity provider.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// The document is longer than [`LONGEST_METADATA`].
    #[error("the document is longer than {LONGEST_METADATA} bytes")]
    TooLong,
    /// The XML isn't accepted.
    #[error(transparent)]
    Xml(#[from] XmlReadError),
    /// The root isn't an EntityDescriptor.
    #[error("the document's root isn't an EntityDescriptor of SAML 2.0")]
    Root,
    /// The entityID is missing or too long.
    #[error("the entityID is missing or longer than {LONGEST_ENTITY_ID} characters")]
    EntityId,
    /// The document describes no identity provider, or several.
    #[error("there must be one IDPSSODescriptor for SAML 2.0")]
    Role,
    /// The provider has no signing certificate.
    #[error("there is no signing certificate")]
    NoCertificate,
    /// The provider has too many signing certificates.
    #[error("there are more than {CERTIFICATES} signing certificates")]
    TooManyCertificates,
    /// A signing certificate has no usable key.
    #[error("a signing certificate can't be used: {0}")]
    Certificate(#[from] key::CertificateError),
    /// `validUntil` isn't a time in UTC.
    #[error("validUntil isn't a time in UTC")]
    ValidUntil,
}

/// Reads the metadata of one identity provider: an EntityDescriptor of SAML 2.0 with one IDPSSODescriptor, which has a
/// signing certificate with an RSA key of 2,048 to 8,192 bits or one on P-256, P-384 or P-521. The certificates'
/// own dates and issuers are ignored: only their keys count.
pub fn read_metadata(document: &str) -> Result<SamlMetadata, MetadataError> {
    if document.len() > LONGEST_METADATA {
        return Err(MetadataError::TooLong);
    }
    let document = &xml::read(document, Comments::Allowed)?;
    let root = document.document_element().ok_or(MetadataError::Root)?;
    if !is(document, root, METADATA, "EntityDescriptor") {
        return Err(MetadataError::Root);
    }
    let entity_id = attribute(document, root, "entityID")
        .filter(|id| (1..=LONGEST_ENTITY_ID).contains(&id.chars().count()))
        .ok_or(MetadataError::EntityId)?;
    let mut roles = named(document, root, METADATA, "IDPSSODescriptor").filter(|role| {
        let protocols = attribute(document, *role, "protocolSupportEnumeration");
        protocols.is_some_and(|all| all.split_whitespace().any(|one| one == PROTOCOL))
    });
    let (Some(role), None) = (roles.next(), roles.next()) else {
        return Err(MetadataError::Role);
    };
    let ends = [root, role].map(|node| valid_until(document, node));
    let [of_entity, of_role] = ends;
    let valid_until = of_entity?.into_iter().chain(of_role?).min();
    Ok(SamlMetadata {
        entity_id: entity_id.to_owned(),
        certificates: certificates(document, role)?,
        valid_until,
    })
}

fn valid_until(document: &Document<'_>, node: NodeId) -> Result<Option<Timestamp>, MetadataError> {
    let Some(text) = attribute(document, node, "validUntil") else {
        return Ok(None);
    };
    let moment = text.parse().map_err(|_| MetadataError::ValidUntil)?;
    Ok(Some(moment))
}

/// The signing certificates, each once, in document order, without white space.
fn certificates(document: &Document<'_>, role: NodeId) -> Result<Vec<String>, MetadataError> {
    let mut found: Vec<String> = Vec::new();
    for descriptor in named(document, role, METADATA, "KeyDescriptor") {
        if !matches!(
            attribute(document, descriptor, "use"),
            None | Some("signing")
        ) {
            continue;
        }
        let infos = named(document, descriptor, DSIG, "KeyInfo");
        let data = infos.flat_map(|info| named(document, info, DSIG, "X509Data"));
        for node in data.flat_map(|data| named(document, data, DSIG, "X509Certificate")) {
            let mut certificate = document.text_content_deep(node);
            certificate.retain(|letter| !letter.is_ascii_whitespace());
            if found.contains(&certificate) {
                continue;
            }
            if found.len() == CERTIFICATES {
                return Err(MetadataError::TooManyCertificates);
            }
            key::registered_key(&certificate)?;
            found.push(certificate);
        }
    }
    if found.is_empty() {
        return Err(MetadataError::NoCertificate);
    }
    Ok(found)
}
