//! XML signatures: whether a provider's keys signed an element. Only this module calls the signature library. Features of
//! XML signatures that SAML doesn't need are refused before, and the library's result counts only for the very element
//! that is read afterwards. <https://docs.oasis-open.org/security/saml/v2.0/saml-core-2.0-os.pdf>, section 5.4.

use std::collections::HashSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bergshamra_c14n::{C14nMode, canonicalize_doc};
use bergshamra_crypto::sign;
use bergshamra_dsig::verify::verify_all_document_with_source;
use bergshamra_dsig::{DsigContext, VerifyResult};
use bergshamra_keys::{Key, KeysManager};
use bergshamra_xml::NodeSet;
use uppsala::{Document, NodeId};

use super::ResponseRequirements;
use super::key::{self, CertificateError};
use super::xml::{DSIG, attribute, children, elements, is, named, shortened, text};

/// The algorithms of a signature, by their URIs in XML signatures.
#[derive(Debug, Clone, Copy)]
pub struct Algorithms {
    /// The signature methods.
    pub methods: &'static [&'static str],
    /// The digest methods.
    pub digests: &'static [&'static str],
}

/// RSA (PKCS #1 v1.5) and ECDSA with SHA-2 of 256 bits or more. No SHA-1, no HMAC.
pub const ALGORITHMS: Algorithms = Algorithms {
    methods: &[
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384",
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512",
        "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
        "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384",
        "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512",
    ],
    digests: &[
        "http://www.w3.org/2001/04/xmlenc#sha256",
        "http://www.w3.org/2001/04/xmldsig-more#sha384",
        "http://www.w3.org/2001/04/xmlenc#sha512",
    ],
};

const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
const EXCLUSIVE: &[&str] = &[
    "http://www.w3.org/2001/10/xml-exc-c14n#",
    // The same method, since comments are refused.
    "http://www.w3.org/2001/10/xml-exc-c14n#WithComments",
];
const INCLUSIVE_NAMESPACES: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";

/// The number of prefixes that an InclusiveNamespaces may name. Canonicalisation searches each of them at each element.
const MOST_PREFIXES: usize = 16;

const NO_KEY: &str = "no registered key verifies its SignedInfo";

/// The elements of signatures that refer to or contain other data.
const UNSUPPORTED: [&str; 5] = [
    "Object",
    "Manifest",
    "RetrievalMethod",
    "KeyInfoReference",
    "SignatureProperties",
];

/// Why an element has no valid signature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum XmlSignatureError {
    /// The document has no signature.
    #[error("nothing is signed")]
    Unsigned,
    /// A signature isn't the one signature child of the response or of its assertion.
    #[error("a signature is in the wrong position")]
    Misplaced,
    /// Two elements share an ID, or an element has two IDs.
    #[error("an ID isn't unique")]
    Ids,
    /// A signature doesn't have the form that SAML requires; the text names the problem.
    #[error("a signature doesn't have SAML's form: {0}")]
    Form(&'static str),
    /// The algorithm with this URI isn't allowed.
    #[error("a signature uses {0}")]
    Algorithm(String),
    /// A certificate of the provider has no usable key.
    #[error("a certificate of the provider can't be used")]
    Key(#[from] CertificateError),
    /// No key of the provider verifies the signature, or the signed data was changed; the library's text.
    #[error("a signature doesn't verify: {0}")]
    Invalid(String),
}

/// The IDs of the documents of one response.
#[derive(Default)]
pub(super) struct IdSet(HashSet<String>);

/// Verifies all signatures of a document, at least one: each is a child of one of `signable`, signs exactly this element
/// with one of the required algorithms, and is verified by the key of one of the required certificates. Returns the
/// elements of `signable` that are signed. Certificates and keys in the document itself are ignored. `ids` are those of
/// the documents around this one. Below `opaque` is only what [`super::encrypted`] accepts, without a signature.
pub(super) fn signed_elements(
    document: &Document<'_>,
    signable: &[NodeId],
    opaque: Option<NodeId>,
    ids: &mut IdSet,
    required: &ResponseRequirements<'_>,
) -> Result<Vec<NodeId>, XmlSignatureError> {
    check_ids(document, ids)?;
    let below: HashSet<NodeId> = opaque
        .map(|node| document.descendants(node).into_iter().collect())
        .unwrap_or_default();
    let mut signatures: Vec<(NodeId, NodeId)> = Vec::new();
    for node in elements(document).filter(|node| !below.contains(node)) {
        if UNSUPPORTED
            .iter()
            .any(|name| is(document, node, DSIG, name))
        {
            return Err(XmlSignatureError::Form(
                "it contains or refers to other data",
            ));
        }
        if !is(document, node, DSIG, "Signature") {
            continue;
        }
        let parent = document.parent(node).ok_or(XmlSignatureError::Misplaced)?;
        if !signable.contains(&parent) || signatures.iter().any(|(_, of)| *of == parent) {
            return Err(XmlSignatureError::Misplaced);
        }
        check_form(document, node, parent, required.algorithms)?;
        signatures.push((node, parent));
    }
    if signatures.is_empty() {
        return Err(XmlSignatureError::Unsigned);
    }
    verify(document, &signatures, required.certificates)?;
    Ok(signatures.into_iter().map(|(_, of)| of).collect())
}

fn verify(
    document: &Document<'_>,
    signatures: &[(NodeId, NodeId)],
    certificates: &[String],
) -> Result<(), XmlSignatureError> {
    let certified = certificates
        .iter()
        .map(|certificate| key::certificate_key(certificate))
        .collect::<Result<Vec<Key>, CertificateError>>()?;
    // The library computes digests, with the transforms of the document, before it verifies the SignedInfo that names them.
    let mut keys = KeysManager::new();
    for (signature, _) in signatures {
        let key = signer(document, *signature, &certified);
        keys.add_key(key.ok_or_else(|| XmlSignatureError::Invalid(NO_KEY.to_owned()))?);
    }
    let context = DsigContext::new(keys);
    let text = document.input_text();
    let results = verify_all_document_with_source(&context, document, Some(text))
        .map_err(|error| XmlSignatureError::Invalid(shortened(&error.to_string())))?;
    if results.len() != signatures.len() {
        return Err(XmlSignatureError::Misplaced);
    }
    for (result, (signature, of)) in results.into_iter().zip(signatures) {
        match result {
            VerifyResult::Valid {
                signature_node,
                references,
                ..
            } => {
                let covers = matches!(&references[..], [one] if one.digest_verified && one.resolved_node == Some(*of));
                if signature_node != *signature || !covers {
                    return Err(XmlSignatureError::Misplaced);
                }
            }
            VerifyResult::Invalid { reason } => {
                return Err(XmlSignatureError::Invalid(shortened(&reason)));
            }
        }
    }
    Ok(())
}

/// The first of `keys` that verifies the SignedInfo of a signature, which has SAML's form.
fn signer(document: &Document<'_>, signature: NodeId, keys: &[Key]) -> Option<Key> {
    let mut parts = children(document, signature);
    let (info, value) = (parts.next()?, parts.next()?);
    let mut methods = children(document, info);
    let (canonicalization, method) = (methods.next()?, methods.next()?);
    let mode = C14nMode::from_uri(attribute(document, canonicalization, "Algorithm")?)?;
    let prefixes: Vec<&str> = prefix_lists(document, canonicalization)
        .next()
        .map(|list| list.split_whitespace().collect())
        .unwrap_or_default();
    let nodes = NodeSet::tree_without_comments(info, document);
    let signed = canonicalize_doc(document, mode, Some(&nodes), &prefixes).ok()?;
    let mut value = text(document, value)?;
    value.retain(|letter| !letter.is_whitespace());
    let value = STANDARD.decode(value).ok()?;
    let uri = attribute(document, method, "Algorithm")?;
    let algorithm = sign::from_uri(uri).ok()?;
    let verifies = |key: &&Key| {
        let public = key.to_signing_key().ok().flatten();
        sign::key_algorithm_matches_signature_uri(uri, key.data.algorithm())
            && public.is_some_and(|public| {
                algorithm
                    .verify(&public, &signed, &value)
                    .unwrap_or_default()
            })
    };
    keys.iter().find(verifies).cloned()
}

/// Checks that every attribute that a reader could use as an ID has a unique value, and that no element has two.
fn check_ids(document: &Document<'_>, seen: &mut IdSet) -> Result<(), XmlSignatureError> {
    for node in elements(document) {
        let attributes = document
            .element(node)
            .map(|element| &element.attributes[..]);
        let mut ids = attributes.unwrap_or_default().iter().filter(|attribute| {
            let name = &*attribute.name.local_name;
            name.eq_ignore_ascii_case("id") || name.eq_ignore_ascii_case("assertionid")
        });
        if let Some(id) = ids.next()
            && (id.value.is_empty() || ids.next().is_some() || !seen.0.insert(id.value.to_string()))
        {
            return Err(XmlSignatureError::Ids);
        }
    }
    Ok(())
}

/// Checks that a signature has SAML's form and signs its parent.
fn check_form(
    document: &Document<'_>,
    signature: NodeId,
    parent: NodeId,
    algorithms: &Algorithms,
) -> Result<(), XmlSignatureError> {
    let parts: Vec<NodeId> = children(document, signature).collect();
    let names: &[&str] = match parts.len() {
        2 => &["SignedInfo", "SignatureValue"],
        _ => &["SignedInfo", "SignatureValue", "KeyInfo"],
    };
    are(document, &parts, names, "its parts")?;
    let info: Vec<NodeId> = children(document, parts[0]).collect();
    let names = &["CanonicalizationMethod", "SignatureMethod", "Reference"];
    are(document, &info, names, "its SignedInfo")?;
    no_attribute_namespaces(document, parts[0])?;
    canonical(document, info[0])?;
    let method = algorithm(document, info[1], algorithms.methods)?;
    let reference: Vec<NodeId> = children(document, info[2]).collect();
    let names = &["Transforms", "DigestMethod", "DigestValue"];
    are(document, &reference, names, "its Reference")?;
    let uri = attribute(document, info[2], "URI").and_then(|uri| uri.strip_prefix('#'));
    if uri.is_none() || uri != attribute(document, parent, "ID") {
        return Err(XmlSignatureError::Form("it doesn't sign its parent"));
    }
    let transforms: Vec<NodeId> = children(document, reference[0]).collect();
    are(
        document,
        &transforms,
        &["Transform", "Transform"],
        "its transforms",
    )?;
    let enveloped = algorithm(document, transforms[0], &[ENVELOPED])?;
    canonical(document, transforms[1])?;
    let digest = algorithm(document, reference[1], algorithms.digests)?;
    let empty = [method, enveloped, digest, parts[1], reference[2]];
    if empty
        .iter()
        .any(|node| children(document, *node).next().is_some())
    {
        return Err(XmlSignatureError::Form(
            "an element has child elements that aren't allowed",
        ));
    }
    Ok(())
}

/// Checks that `nodes` are the signature's elements with these names, in this order.
fn are(
    document: &Document<'_>,
    nodes: &[NodeId],
    names: &[&str],
    part: &'static str,
) -> Result<(), XmlSignatureError> {
    let all = nodes.len() == names.len()
        && nodes
            .iter()
            .zip(names)
            .all(|(node, name)| is(document, *node, DSIG, name));
    if all {
        Ok(())
    } else {
        Err(XmlSignatureError::Form(part))
    }
}

/// Checks that no attribute below has a namespace: the library would confuse it with the attribute without one.
fn no_attribute_namespaces(document: &Document<'_>, node: NodeId) -> Result<(), XmlSignatureError> {
    let below = document.descendants(node);
    let mut attributes = below
        .into_iter()
        .filter_map(|node| document.element(node))
        .flat_map(|element| &element.attributes);
    if attributes.any(|attribute| attribute.name.namespace_uri.is_some()) {
        return Err(XmlSignatureError::Form("an attribute has a namespace"));
    }
    Ok(())
}

/// Checks that the element's algorithm is one of `allowed`.
fn algorithm(
    document: &Document<'_>,
    node: NodeId,
    allowed: &[&str],
) -> Result<NodeId, XmlSignatureError> {
    match attribute(document, node, "Algorithm") {
        Some(uri) if allowed.contains(&uri) => Ok(node),
        Some(uri) => Err(XmlSignatureError::Algorithm(shortened(uri))),
        None => Err(XmlSignatureError::Form("an algorithm isn't named")),
    }
}

/// Checks that the canonicalisation is exclusive, with InclusiveNamespaces as its one optional parameter.
fn canonical(document: &Document<'_>, node: NodeId) -> Result<(), XmlSignatureError> {
    algorithm(document, node, EXCLUSIVE)?;
    let inclusive: Vec<NodeId> =
        named(document, node, INCLUSIVE_NAMESPACES, "InclusiveNamespaces").collect();
    if inclusive.len() > 1 || children(document, node).count() != inclusive.len() {
        return Err(XmlSignatureError::Form(
            "its canonicalisation has other parameters",
        ));
    }
    if inclusive
        .iter()
        .any(|node| children(document, *node).next().is_some())
    {
        return Err(XmlSignatureError::Form(
            "an element has child elements that aren't allowed",
        ));
    }
    for list in prefix_lists(document, node) {
        if list.split_whitespace().nth(MOST_PREFIXES).is_some() {
            return Err(XmlSignatureError::Form(
                "its canonicalisation names too many prefixes",
            ));
        }
    }
    Ok(())
}

/// The lists of prefixes of a canonicalisation. The library reads the first attribute with this local name, in any
/// namespace.
fn prefix_lists<'d>(document: &'d Document<'_>, node: NodeId) -> impl Iterator<Item = &'d str> {
    children(document, node)
        .filter_map(|node| document.element(node))
        .flat_map(|element| &element.attributes)
        .filter(|attribute| attribute.name.local_name == "PrefixList")
        .map(|attribute| &*attribute.value)
}
