//! Reading an encrypted assertion: one EncryptedData with one EncryptedKey, in the one form that is accepted here. Everything
//! else is refused for one reason, so that a refusal reveals nothing about what was decrypted.
//! <https://www.w3.org/TR/xmlenc-core1/>

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::element::XmlElement;
use super::xml::{ASSERTION, DSIG};

/// The namespace of XML encryption.
pub(super) const XENC: &str = "http://www.w3.org/2001/04/xmlenc#";
/// The namespace of XML encryption 1.1.
const XENC11: &str = "http://www.w3.org/2009/xmlenc11#";

const ELEMENT: &str = "http://www.w3.org/2001/04/xmlenc#Element";
const ENCRYPTED_KEY: &str = "http://www.w3.org/2001/04/xmlenc#EncryptedKey";

const AES128_GCM: &str = "http://www.w3.org/2009/xmlenc11#aes128-gcm";
const AES256_GCM: &str = "http://www.w3.org/2009/xmlenc11#aes256-gcm";

/// RSA-OAEP with MGF1 of SHA-1.
const OAEP_MGF1P: &str = "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p";
/// RSA-OAEP with the mask generation function that its `MGF` names.
const OAEP: &str = "http://www.w3.org/2009/xmlenc11#rsa-oaep";

const MGF1_SHA1: &str = "http://www.w3.org/2009/xmlenc11#mgf1sha1";
const MGF1_SHA256: &str = "http://www.w3.org/2009/xmlenc11#mgf1sha256";
const SHA1: &str = "http://www.w3.org/2000/09/xmldsig#sha1";
const SHA256: &str = "http://www.w3.org/2001/04/xmlenc#sha256";

/// The bytes of the nonce before the ciphertext.
pub(super) const NONCE: usize = 12;

/// The bytes of the tag behind the ciphertext.
const TAG: usize = 16;

/// The longest wrapped key in base64, with white space: twice the one of a key of 4,096 bits.
const LONGEST_KEY: usize = 1400;

/// The elements that are only part of an encrypted assertion, in any namespace.
const ENCRYPTED: [&str; 10] = [
    "EncryptedAssertion",
    "EncryptedID",
    "NewEncryptedID",
    "EncryptedAttribute",
    "EncryptedData",
    "EncryptedKey",
    "CipherData",
    "CipherValue",
    "CipherReference",
    "EncryptionMethod",
];

/// The elements of a KeyInfo that describe a key. They are read over: only the provider's own keys are used.
const DESCRIPTIONS: [&str; 12] = [
    "KeyName",
    "KeyValue",
    "RSAKeyValue",
    "Modulus",
    "Exponent",
    "X509Data",
    "X509Certificate",
    "X509IssuerSerial",
    "X509IssuerName",
    "X509SerialNumber",
    "X509SKI",
    "X509SubjectName",
];

/// The encryption of the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ContentEncryption {
    Aes128Gcm,
    Aes256Gcm,
}

/// The encryption of the content's key: RSA-OAEP, with this hash function for its digest and its mask generation function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyTransport {
    OaepSha1,
    OaepSha256,
}

/// An encrypted assertion, ready to be decrypted.
pub(super) struct EncryptedAssertion<'d> {
    /// The EncryptedAssertion.
    pub(super) element: XmlElement<'d>,
    pub(super) content: ContentEncryption,
    pub(super) transport: KeyTransport,
    /// The encrypted key of the content.
    pub(super) wrapped_key: Vec<u8>,
    /// The nonce, the encrypted content and its tag: a nonce and a tag at least.
    pub(super) sealed: Vec<u8>,
}

/// Whether the element is part of something encrypted.
pub(super) fn is_encrypted(element: XmlElement<'_>) -> bool {
    let name = element.local_name();
    matches!(element.namespace(), Some(XENC | XENC11))
        || ENCRYPTED
            .iter()
            .any(|wanted| name.eq_ignore_ascii_case(wanted))
}

impl<'d> EncryptedAssertion<'d> {
    /// The one encrypted assertion, a child of `response`; `None` if the document has another form.
    pub(super) fn read(response: XmlElement<'d>) -> Option<Self> {
        let element = only(response.children().filter(|child| {
            let name = child.local_name();
            name.eq_ignore_ascii_case("EncryptedAssertion")
        }))?;
        if !element.is(ASSERTION, "EncryptedAssertion") || element.has_attributes_except(&[]) {
            return None;
        }
        let mut known = vec![element];
        let (data, beside) = match element.children().collect::<Vec<_>>()[..] {
            [data] => (data, None),
            [data, key] => (data, Some(key)),
            _ => return None,
        };
        let data = EncryptedType::read(data, "EncryptedData", &["Id", "Type"], &mut known)?;
        if data.rest.is_some() || data.is_of_other_type() {
            return None;
        }
        let content = match data.method.attribute("Algorithm") {
            Some(AES128_GCM) => ContentEncryption::Aes128Gcm,
            Some(AES256_GCM) => ContentEncryption::Aes256Gcm,
            _ => return None,
        };
        if data.method.children().next().is_some() {
            return None;
        }
        let key = encrypted_key(&data, beside)?;
        let key = EncryptedType::read(key, "EncryptedKey", &["Id", "Recipient"], &mut known)?;
        key.names(&data, &mut known)?;
        let transport = transport(key.method, &mut known)?;
        let below = XmlElement::all(response.document).filter(|one| is_encrypted(*one));
        let mut strangers = below.filter(|one| !known.contains(one));
        if strangers.next().is_some() || !descriptions_only(element, &known) {
            return None;
        }
        let wrapped_key = decoded(key.value, LONGEST_KEY)?;
        let sealed = decoded(data.value, usize::MAX)?;
        (sealed.len() > NONCE + TAG).then_some(Self {
            element,
            content,
            transport,
            wrapped_key,
            sealed,
        })
    }
}

/// An EncryptedData or an EncryptedKey.
struct EncryptedType<'d> {
    element: XmlElement<'d>,
    method: XmlElement<'d>,
    key_info: Option<XmlElement<'d>>,
    value: XmlElement<'d>,
    /// The element behind the CipherData.
    rest: Option<XmlElement<'d>>,
}

impl<'d> EncryptedType<'d> {
    /// Reads the element with this name, which has an EncryptionMethod, a KeyInfo or none, and a CipherValue.
    fn read(
        element: XmlElement<'d>,
        name: &str,
        attributes: &[&str],
        known: &mut Vec<XmlElement<'d>>,
    ) -> Option<Self> {
        if !element.is(XENC, name) || element.has_attributes_except(attributes) {
            return None;
        }
        let mut parts = element.children().peekable();
        let method = parts.next().filter(|part| {
            part.is(XENC, "EncryptionMethod") && !part.has_attributes_except(&["Algorithm"])
        })?;
        let key_info = parts.next_if(|part| part.is(DSIG, "KeyInfo"));
        let data = parts
            .next()
            .filter(|part| part.is(XENC, "CipherData") && !part.has_attributes_except(&[]))?;
        let value = only(data.children())
            .filter(|part| part.is(XENC, "CipherValue") && !part.has_attributes_except(&[]))?;
        let rest = parts.next();
        known.extend([element, method, data, value]);
        parts.next().is_none().then_some(Self {
            element,
            method,
            key_info,
            value,
            rest,
        })
    }

    fn is_of_other_type(&self) -> bool {
        let kind = self.element.attribute("Type");
        kind.is_some_and(|kind| kind != ELEMENT)
    }

    /// Checks that an EncryptedKey refers to nothing but `data`.
    fn names(&self, data: &Self, known: &mut Vec<XmlElement<'d>>) -> Option<()> {
        let Some(list) = self.rest else {
            return Some(());
        };
        let reference = only(list.children())?;
        let is_form = list.is(XENC, "ReferenceList")
            && !list.has_attributes_except(&[])
            && reference.is(XENC, "DataReference")
            && !reference.has_attributes_except(&["URI"])
            && reference.children().next().is_none();
        known.extend([list, reference]);
        (is_form && refers(reference, data.element)).then_some(())
    }
}

/// The one EncryptedKey: in the KeyInfo of the data, or beside the data, where a RetrievalMethod may name it.
fn encrypted_key<'d>(
    data: &EncryptedType<'d>,
    beside: Option<XmlElement<'d>>,
) -> Option<XmlElement<'d>> {
    let inside = match data.key_info {
        Some(info) => Some(only(info.children())?),
        None => None,
    };
    match (inside, beside) {
        (Some(key), None) | (None, Some(key)) => Some(key),
        (Some(method), Some(key)) => {
            let kind = method.attribute("Type");
            let is_form = is_retrieval(method)
                && !method.has_attributes_except(&["URI", "Type"])
                && kind.is_none_or(|kind| kind == ENCRYPTED_KEY)
                && method.children().next().is_none();
            (is_form && refers(method, key)).then_some(key)
        }
        (None, None) => None,
    }
}

fn is_retrieval(element: XmlElement<'_>) -> bool {
    element.is(DSIG, "RetrievalMethod")
}

/// Whether the URI of `reference` is the ID of `element`, in this document.
fn refers(reference: XmlElement<'_>, element: XmlElement<'_>) -> bool {
    let id = reference
        .attribute("URI")
        .and_then(|uri| uri.strip_prefix('#'));
    id.is_some_and(|id| !id.is_empty()) && id == element.attribute("Id")
}

/// The key transport that a method names, with its digest and its mask generation function: both of SHA-1, which a method
/// that names nothing means, or both of SHA-256. The library has no others.
fn transport<'d>(method: XmlElement<'d>, known: &mut Vec<XmlElement<'d>>) -> Option<KeyTransport> {
    let (mut digest, mut mask) = (None, None);
    for part in method.children() {
        let named = if part.is(DSIG, "DigestMethod") {
            &mut digest
        } else if part.is(XENC11, "MGF") {
            known.push(part);
            &mut mask
        } else {
            return None;
        };
        let is_form =
            !part.has_attributes_except(&["Algorithm"]) && part.children().next().is_none();
        if named.is_some() || !is_form {
            return None;
        }
        *named = Some(part.attribute("Algorithm")?);
    }
    let mask = match (method.attribute("Algorithm")?, mask) {
        (OAEP_MGF1P, None) => MGF1_SHA1,
        (OAEP, mask) => mask.unwrap_or(MGF1_SHA1),
        _ => return None,
    };
    match (digest.unwrap_or(SHA1), mask) {
        (SHA1, MGF1_SHA1) => Some(KeyTransport::OaepSha1),
        (SHA256, MGF1_SHA256) => Some(KeyTransport::OaepSha256),
        _ => None,
    }
}

/// Whether everything below `element` that isn't `known` describes a key, or is the reference to it or its digest method.
fn descriptions_only(element: XmlElement<'_>, known: &[XmlElement<'_>]) -> bool {
    element.descendants().all(|one| {
        let is_of = |names: &[&str]| names.iter().any(|name| one.is(DSIG, name));
        let is_below = |name: &str| {
            one.parent()
                .is_some_and(|parent| parent.local_name() == name)
        };
        known.contains(&one)
            || is_of(&DESCRIPTIONS)
            || is_of(&["KeyInfo"]) && (is_below("EncryptedData") || is_below("EncryptedKey"))
            || is_of(&["DigestMethod"]) && is_below("EncryptionMethod")
            || is_retrieval(one)
                && one
                    .parent()
                    .and_then(XmlElement::parent)
                    .is_some_and(|data| data.is(XENC, "EncryptedData"))
    })
}

/// The bytes of a CipherValue of at most `longest` characters.
fn decoded(value: XmlElement<'_>, longest: usize) -> Option<Vec<u8>> {
    let mut text = value.text()?;
    if text.len() > longest {
        return None;
    }
    text.retain(|letter| !letter.is_ascii_whitespace());
    STANDARD.decode(text).ok()
}

/// The one item.
fn only<T>(mut all: impl Iterator<Item = T>) -> Option<T> {
    let one = all.next()?;
    all.next().is_none().then_some(one)
}
