//! Whether a provider's keys vouch for an element: the one place that asks the signature library. What it would do that
//! SAML has no need of is refused before it is asked, and what it says is believed only of the very element that is
//! read afterwards. <https://docs.oasis-open.org/security/saml/v2.0/saml-core-2.0-os.pdf>, section 5.4.

use std::collections::HashSet;

use bergshamra_dsig::verify::verify_all_document_with_source;
use bergshamra_dsig::{DsigContext, VerifyResult};
use bergshamra_keys::KeysManager;
use uppsala::{Document, NodeId};

use super::key::{self, NoKey};
use super::xml::{DSIG, attribute, children, elements, is, named, shortened};

/// The algorithms of a signature, by the URIs that XML signatures know them by.
#[derive(Debug, Clone, Copy)]
pub struct Algorithms {
    /// Of the signature itself.
    pub methods: &'static [&'static str],
    /// Of the digest of what is signed.
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
    // The same where there are no comments.
    "http://www.w3.org/2001/10/xml-exc-c14n#WithComments",
];
const INCLUSIVE_NAMESPACES: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";

/// Elements of signatures that point elsewhere or bring something along.
const STRANGERS: [&str; 5] = [
    "Object",
    "Manifest",
    "RetrievalMethod",
    "KeyInfoReference",
    "SignatureProperties",
];

/// Why nobody vouches for an element.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotSigned {
    /// Nothing is signed.
    #[error("nothing is signed")]
    Unsigned,
    /// A signature that is no child of the response or its assertion, or the second of one of them.
    #[error("a signature stands where none belongs")]
    Misplaced,
    /// An ID that two elements have, or an element with two.
    #[error("an ID isn't the only one")]
    Ids,
    /// A signature that isn't made as SAML wants it.
    #[error("a signature isn't in SAML's form: {0}")]
    Form(&'static str),
    /// An algorithm that isn't allowed; its URI.
    #[error("a signature uses {0}")]
    Algorithm(String),
    /// The provider has no key that could be asked.
    #[error("a certificate of the provider can't be used")]
    Key(#[from] NoKey),
    /// No key of the provider verifies it, or what is signed was changed; the library's words.
    #[error("a signature doesn't verify: {0}")]
    Invalid(String),
}

/// Checks all signatures of a document, of which there must be one: each is a child of one of `signable`, signs exactly
/// that, is made with one of `algorithms`, and is verified by the key of one of `certificates`. Gives those of `signable`
/// that are signed. Certificates and keys in the document itself count for nothing.
pub(super) fn signed(
    document: &Document<'_>,
    signable: &[NodeId],
    certificates: &[String],
    algorithms: &Algorithms,
) -> Result<Vec<NodeId>, NotSigned> {
    check_ids(document)?;
    let mut signatures: Vec<(NodeId, NodeId)> = Vec::new();
    for node in elements(document) {
        if STRANGERS.iter().any(|name| is(document, node, DSIG, name)) {
            return Err(NotSigned::Form("it brings something along"));
        }
        if !is(document, node, DSIG, "Signature") {
            continue;
        }
        let parent = document.parent(node).ok_or(NotSigned::Misplaced)?;
        if !signable.contains(&parent) || signatures.iter().any(|(_, of)| *of == parent) {
            return Err(NotSigned::Misplaced);
        }
        check_form(document, node, parent, algorithms)?;
        signatures.push((node, parent));
    }
    if signatures.is_empty() {
        return Err(NotSigned::Unsigned);
    }
    verify(document, &signatures, certificates)?;
    Ok(signatures.into_iter().map(|(_, of)| of).collect())
}

fn verify(
    document: &Document<'_>,
    signatures: &[(NodeId, NodeId)],
    certificates: &[String],
) -> Result<(), NotSigned> {
    let mut keys = KeysManager::new();
    for certificate in certificates {
        keys.add_key(key::of_certificate(certificate)?);
    }
    let context = DsigContext::new(keys);
    let text = document.input_text();
    let results = verify_all_document_with_source(&context, document, Some(text))
        .map_err(|error| NotSigned::Invalid(shortened(&error.to_string())))?;
    if results.len() != signatures.len() {
        return Err(NotSigned::Misplaced);
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
                    return Err(NotSigned::Misplaced);
                }
            }
            VerifyResult::Invalid { reason } => return Err(NotSigned::Invalid(shortened(&reason))),
        }
    }
    Ok(())
}

/// Every attribute that anybody could take for an ID has a value of its own, and no element has two of them.
fn check_ids(document: &Document<'_>) -> Result<(), NotSigned> {
    let mut seen = HashSet::new();
    for node in elements(document) {
        let attributes = document
            .element(node)
            .map(|element| &element.attributes[..]);
        let mut ids = attributes.unwrap_or_default().iter().filter(|attribute| {
            let name = &*attribute.name.local_name;
            name.eq_ignore_ascii_case("id") || name.eq_ignore_ascii_case("assertionid")
        });
        if let Some(id) = ids.next()
            && (id.value.is_empty() || ids.next().is_some() || !seen.insert(id.value.to_string()))
        {
            return Err(NotSigned::Ids);
        }
    }
    Ok(())
}

/// Checks that a signature is SAML's, and signs its parent.
fn check_form(
    document: &Document<'_>,
    signature: NodeId,
    parent: NodeId,
    algorithms: &Algorithms,
) -> Result<(), NotSigned> {
    let parts: Vec<NodeId> = children(document, signature).collect();
    let names: &[&str] = match parts.len() {
        2 => &["SignedInfo", "SignatureValue"],
        _ => &["SignedInfo", "SignatureValue", "KeyInfo"],
    };
    are(document, &parts, names, "its parts")?;
    let info: Vec<NodeId> = children(document, parts[0]).collect();
    let names = &["CanonicalizationMethod", "SignatureMethod", "Reference"];
    are(document, &info, names, "its SignedInfo")?;
    plain(document, parts[0])?;
    canonical(document, info[0])?;
    let method = algorithm(document, info[1], algorithms.methods)?;
    let reference: Vec<NodeId> = children(document, info[2]).collect();
    let names = &["Transforms", "DigestMethod", "DigestValue"];
    are(document, &reference, names, "its Reference")?;
    let uri = attribute(document, info[2], "URI").and_then(|uri| uri.strip_prefix('#'));
    if uri.is_none() || uri != attribute(document, parent, "ID") {
        return Err(NotSigned::Form("it doesn't sign its parent"));
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
        return Err(NotSigned::Form(
            "an element has parts that isn't to have any",
        ));
    }
    Ok(())
}

/// Whether these are the signature's elements of these names, in this order.
fn are(
    document: &Document<'_>,
    nodes: &[NodeId],
    names: &[&str],
    what: &'static str,
) -> Result<(), NotSigned> {
    let all = nodes.len() == names.len()
        && nodes
            .iter()
            .zip(names)
            .all(|(node, name)| is(document, *node, DSIG, name));
    if all {
        Ok(())
    } else {
        Err(NotSigned::Form(what))
    }
}

/// That no attribute below has a namespace: the library would take one for the plain one of that name.
fn plain(document: &Document<'_>, node: NodeId) -> Result<(), NotSigned> {
    let below = document.descendants(node);
    let mut attributes = below
        .into_iter()
        .filter_map(|node| document.element(node))
        .flat_map(|element| &element.attributes);
    if attributes.any(|attribute| attribute.name.namespace_uri.is_some()) {
        return Err(NotSigned::Form("an attribute has a namespace"));
    }
    Ok(())
}

/// The element, if its algorithm is one of these.
fn algorithm(document: &Document<'_>, node: NodeId, allowed: &[&str]) -> Result<NodeId, NotSigned> {
    match attribute(document, node, "Algorithm") {
        Some(uri) if allowed.contains(&uri) => Ok(node),
        Some(uri) => Err(NotSigned::Algorithm(shortened(uri))),
        None => Err(NotSigned::Form("an algorithm isn't named")),
    }
}

/// Exclusive canonicalisation, which may be told of some namespaces and of nothing else.
fn canonical(document: &Document<'_>, node: NodeId) -> Result<(), NotSigned> {
    algorithm(document, node, EXCLUSIVE)?;
    let told = named(document, node, INCLUSIVE_NAMESPACES, "InclusiveNamespaces").count();
    if told > 1 || children(document, node).count() != told {
        return Err(NotSigned::Form(
            "its canonicalisation is told something else",
        ));
    }
    Ok(())
}
