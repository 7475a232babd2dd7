//! A key for which identity providers encrypt assertions, and encryption for it. The tests over HTTP include this file as
//! well, so it names nothing of this crate.

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::digest::{self, digest};
use aws_lc_rs::rsa::{
    OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PrivateDecryptingKey,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

pub const AES128_GCM: &str = "http://www.w3.org/2009/xmlenc11#aes128-gcm";
pub const AES256_GCM: &str = "http://www.w3.org/2009/xmlenc11#aes256-gcm";
pub const OAEP_MGF1P: &str = "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p";
pub const OAEP: &str = "http://www.w3.org/2009/xmlenc11#rsa-oaep";
pub const SHA1: &str = "http://www.w3.org/2000/09/xmldsig#sha1";
pub const SHA256: &str = "http://www.w3.org/2001/04/xmlenc#sha256";
pub const MGF1_SHA1: &str = "http://www.w3.org/2009/xmlenc11#mgf1sha1";
pub const MGF1_SHA256: &str = "http://www.w3.org/2009/xmlenc11#mgf1sha256";

/// A private key, which the server has, and its public key, which providers have.
pub struct ServiceKey {
    /// The private key, PKCS #8 in PEM.
    pub pem: String,
    /// The same, PKCS #8 in DER.
    pub der: Vec<u8>,
}

/// How an assertion is encrypted: what the document names, and where its key is.
#[derive(Debug, Clone, Copy)]
pub struct Encryption<'a> {
    pub content: &'a str,
    pub transport: &'a str,
    pub digest: Option<&'a str>,
    pub mask: Option<&'a str>,
    /// Whether the EncryptedKey is beside the EncryptedData, and not in its KeyInfo.
    pub beside: bool,
}

impl Default for Encryption<'_> {
    fn default() -> Self {
        Self {
            content: AES256_GCM,
            transport: OAEP_MGF1P,
            digest: None,
            mask: None,
            beside: false,
        }
    }
}

impl ServiceKey {
    /// One of 2,048 bits.
    pub fn new() -> Self {
        let size = rcgen::RsaKeySize::_2048;
        let pair = rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, size).unwrap();
        Self {
            pem: pair.serialize_pem(),
            der: pair.serialize_der(),
        }
    }

    /// The private key, PKCS #1 in PEM.
    pub fn pkcs1_pem(&self) -> String {
        // What PKCS #8 puts around a key of 2,048 bits is 26 bytes long.
        let text = STANDARD.encode(&self.der[26..]);
        let lines: Vec<&str> = text
            .as_bytes()
            .chunks(64)
            .map(|line| std::str::from_utf8(line).unwrap())
            .collect();
        let (begin, end) = (
            "-----BEGIN RSA PRIVATE KEY-----",
            "-----END RSA PRIVATE KEY-----",
        );
        format!("{begin}\n{}\n{end}\n", lines.join("\n"))
    }

    /// An EncryptedAssertion with this text.
    pub fn encrypt(&self, assertion: &str) -> String {
        self.encrypt_as(assertion, &Encryption::default())
    }

    pub fn encrypt_as(&self, assertion: &str, how: &Encryption<'_>) -> String {
        let wide = how.content == AES256_GCM;
        // A key is used once, for this content.
        let digest = digest(&digest::SHA256, assertion.as_bytes());
        let key = &digest.as_ref()[..if wide { 32 } else { 16 }];
        let nonce = [7; 12];
        let algorithm = if wide { &AES_256_GCM } else { &AES_128_GCM };
        let cipher = LessSafeKey::new(UnboundKey::new(algorithm, key).unwrap());
        let mut sealed = assertion.as_bytes().to_vec();
        let once = Nonce::assume_unique_for_key(nonce);
        cipher
            .seal_in_place_append_tag(once, Aad::empty(), &mut sealed)
            .unwrap();
        let sealed = STANDARD.encode([&nonce[..], &sealed].concat());
        let wrapped = STANDARD.encode(self.wrap(key, how));
        element(&sealed, &wrapped, how)
    }

    /// The key of the content, encrypted for this key.
    pub fn wrap(&self, key: &[u8], how: &Encryption<'_>) -> Vec<u8> {
        let private = PrivateDecryptingKey::from_pkcs8(&self.der).unwrap();
        let public = OaepPublicEncryptingKey::new(private.public_key()).unwrap();
        let algorithm = match how.digest {
            Some(SHA256) => &OAEP_SHA256_MGF1SHA256,
            _ => &OAEP_SHA1_MGF1SHA1,
        };
        let mut wrapped = vec![0; public.ciphertext_size()];
        let written = public.encrypt(algorithm, key, &mut wrapped, None).unwrap();
        written.to_vec()
    }
}

/// An EncryptedAssertion with these values, in base64.
pub fn element(sealed: &str, wrapped: &str, how: &Encryption<'_>) -> String {
    let named = |name: &str, uri: Option<&str>| {
        uri.map_or(String::new(), |uri| {
            format!("<{name} Algorithm=\"{uri}\"/>")
        })
    };
    let key = format!(
        "<xenc:EncryptedKey Id=\"_key\" Recipient=\"urn:amazon:webservices\"><xenc:EncryptionMethod Algorithm=\"{}\">\
         {}{}</xenc:EncryptionMethod><ds:KeyInfo><ds:KeyName>a</ds:KeyName></ds:KeyInfo><xenc:CipherData>\
         <xenc:CipherValue>{wrapped}</xenc:CipherValue></xenc:CipherData>{}</xenc:EncryptedKey>",
        how.transport,
        named("ds:DigestMethod", how.digest),
        named("xenc11:MGF", how.mask),
        if how.beside {
            "<xenc:ReferenceList><xenc:DataReference URI=\"#_data\"/></xenc:ReferenceList>"
        } else {
            ""
        }
    );
    let retrieval = "<ds:RetrievalMethod Type=\"http://www.w3.org/2001/04/xmlenc#EncryptedKey\" URI=\"#_key\"/>";
    let (inside, beside) = if how.beside {
        (retrieval, key.as_str())
    } else {
        (key.as_str(), "")
    };
    format!(
        "<saml:EncryptedAssertion xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\" \
         xmlns:xenc=\"http://www.w3.org/2001/04/xmlenc#\" xmlns:xenc11=\"http://www.w3.org/2009/xmlenc11#\" \
         xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><xenc:EncryptedData Id=\"_data\" \
         Type=\"http://www.w3.org/2001/04/xmlenc#Element\"><xenc:EncryptionMethod Algorithm=\"{}\"/><ds:KeyInfo>{inside}\
         </ds:KeyInfo><xenc:CipherData><xenc:CipherValue>{sealed}</xenc:CipherValue></xenc:CipherData>\
         </xenc:EncryptedData>{beside}</saml:EncryptedAssertion>",
        how.content
    )
}

/// The text of the `at`th CipherValue, 0 for the one of the key where the key is inside the data.
pub fn cipher_value(xml: &str, at: usize) -> &str {
    let (_, behind) = xml
        .match_indices("<xenc:CipherValue>")
        .nth(at)
        .map(|(from, tag)| xml.split_at(from + tag.len()))
        .unwrap();
    behind.split_once('<').unwrap().0
}

/// `xml` with another `at`th CipherValue, made of its bytes.
pub fn with_cipher_value(xml: &str, at: usize, change: impl FnOnce(&mut Vec<u8>)) -> String {
    let old = cipher_value(xml, at).to_owned();
    let mut bytes = STANDARD.decode(&old).unwrap();
    change(&mut bytes);
    xml.replace(&old, &STANDARD.encode(bytes))
}

/// The forgeries of an encrypted response, each of which changes one thing of `xml`: a response with an assertion that
/// `key` was used for. All of them are refused for one reason.
#[expect(clippy::too_many_lines, reason = "a table")]
pub fn forgeries(xml: &str, assertion: &str, key: &ServiceKey) -> Vec<(&'static str, String)> {
    let swap = |from: &str, to: &str| {
        assert!(xml.contains(from), "{from}: {xml}");
        xml.replacen(from, to, 1)
    };
    let encrypted = {
        let from = xml.find("<saml:EncryptedAssertion").unwrap();
        let end = "</saml:EncryptedAssertion>";
        let to = xml.find(end).unwrap() + end.len();
        xml[from..to].to_owned()
    };
    let whole_key = {
        let from = xml.find("<xenc:EncryptedKey").unwrap();
        let end = "</xenc:EncryptedKey>";
        let to = xml.find(end).unwrap() + end.len();
        xml[from..to].to_owned()
    };
    let other_id = |text: &str| text.replace("_key", "_key2").replace("_data", "_data2");
    let again = |content: &str| xml.replace(&encrypted, &key.encrypt(content));
    let inside = |from: &str, to: &str| {
        assert!(assertion.contains(from), "{from}: {assertion}");
        again(&assertion.replacen(from, to, 1))
    };
    let short = |length: usize| {
        let how = Encryption::default();
        let wrapped = STANDARD.encode(key.wrap(&vec![7; length], &how));
        xml.replace(cipher_value(xml, 0), &wrapped)
    };
    let content = |uri: &str| swap(AES256_GCM, uri);
    let transport = |uri: &str| swap(OAEP_MGF1P, uri);
    let value = |at: usize| {
        format!(
            "<xenc:CipherValue>{}</xenc:CipherValue>",
            cipher_value(xml, at)
        )
    };
    let reference = "<xenc:CipherReference URI=\"https://evil.example/key\"/>";
    let method = "Algorithm=\"http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p\">";
    let data_method = format!("<xenc:EncryptionMethod Algorithm=\"{AES256_GCM}\"/>");
    vec![
        (
            "AES-CBC",
            content("http://www.w3.org/2001/04/xmlenc#aes256-cbc"),
        ),
        (
            "3DES",
            content("http://www.w3.org/2001/04/xmlenc#tripledes-cbc"),
        ),
        (
            "AES-192-GCM",
            content("http://www.w3.org/2009/xmlenc11#aes192-gcm"),
        ),
        (
            "no algorithm",
            swap(&data_method, "<xenc:EncryptionMethod/>"),
        ),
        ("no method", swap(&data_method, "")),
        (
            "RSA1_5",
            transport("http://www.w3.org/2001/04/xmlenc#rsa-1_5"),
        ),
        (
            "a wrapping key",
            transport("http://www.w3.org/2001/04/xmlenc#kw-aes256"),
        ),
        (
            "another digest",
            swap(
                method,
                &format!("{method}<ds:DigestMethod Algorithm=\"{SHA256}\"/>"),
            ),
        ),
        (
            "a mask of MGF1P",
            swap(
                method,
                &format!("{method}<xenc11:MGF Algorithm=\"{MGF1_SHA1}\"/>"),
            ),
        ),
        (
            "a label",
            swap(
                method,
                &format!("{method}<xenc:OAEPparams>AAAA</xenc:OAEPparams>"),
            ),
        ),
        (
            "two digests",
            swap(
                method,
                &format!(
                    "{method}{}",
                    format!("<ds:DigestMethod Algorithm=\"{SHA1}\"/>").repeat(2)
                ),
            ),
        ),
        ("a reference to the key", swap(&value(0), reference)),
        ("a reference to the content", swap(&value(1), reference)),
        (
            "two keys",
            swap(&whole_key, &format!("{whole_key}{}", other_id(&whole_key))),
        ),
        (
            "a second key beside",
            swap("</saml:Enc", &format!("{}</saml:Enc", other_id(&whole_key))),
        ),
        ("no key", swap(&whole_key, "")),
        (
            "a key that isn't there",
            swap(&whole_key, "<ds:RetrievalMethod URI=\"#_key\"/>"),
        ),
        (
            "a key outside",
            swap(
                &whole_key,
                "<ds:RetrievalMethod URI=\"https://evil.example/key\"/>",
            ),
        ),
        ("another element's key", {
            let beside = key.encrypt_as(
                assertion,
                &Encryption {
                    beside: true,
                    ..Encryption::default()
                },
            );
            xml.replace(
                &encrypted,
                &beside.replace("URI=\"#_key\"", "URI=\"#_data\""),
            )
        }),
        (
            "an agreed key",
            swap(&whole_key, "<xenc:AgreementMethod Algorithm=\"x\"/>"),
        ),
        (
            "two assertions",
            swap(&encrypted, &format!("{encrypted}{}", other_id(&encrypted))),
        ),
        (
            "a plain one, too",
            swap(&encrypted, &format!("{encrypted}{assertion}")),
        ),
        (
            "a plain one before",
            swap(&encrypted, &format!("{assertion}{encrypted}")),
        ),
        (
            "below another element",
            swap(
                &encrypted,
                &format!("<samlp:Extensions>{encrypted}</samlp:Extensions>"),
            ),
        ),
        (
            "another one in Extensions",
            swap(
                &encrypted,
                &format!(
                    "<samlp:Extensions>{}</samlp:Extensions>{encrypted}",
                    other_id(&encrypted)
                ),
            ),
        ),
        (
            "an attribute",
            swap(
                "<xenc:EncryptedData ",
                "<xenc:EncryptedData Encoding=\"x\" ",
            ),
        ),
        (
            "content, not an element",
            swap("xmlenc#Element\"", "xmlenc#Content\""),
        ),
        (
            "properties",
            swap(
                "</xenc:EncryptedData>",
                "<xenc:EncryptionProperties/></xenc:EncryptedData>",
            ),
        ),
        (
            "a signature inside",
            swap("<ds:KeyName>a</ds:KeyName>", "<ds:Signature/>"),
        ),
        (
            "something else inside",
            swap("<ds:KeyName>a</ds:KeyName>", "<x/>"),
        ),
        (
            "a name that only looks alike",
            swap("saml:EncryptedAssertion x", "saml:encryptedAssertion x")
                .replace("</saml:EncryptedAssertion>", "</saml:encryptedAssertion>"),
        ),
        (
            "a changed tag",
            with_cipher_value(xml, 1, |bytes| *bytes.last_mut().unwrap() ^= 1),
        ),
        (
            "a changed byte",
            with_cipher_value(xml, 1, |bytes| bytes[40] ^= 1),
        ),
        (
            "a changed nonce",
            with_cipher_value(xml, 1, |bytes| bytes[0] ^= 1),
        ),
        (
            "a short tag",
            with_cipher_value(xml, 1, |bytes| bytes.truncate(bytes.len() - 4)),
        ),
        (
            "a nonce alone",
            with_cipher_value(xml, 1, |bytes| bytes.truncate(12)),
        ),
        ("nothing", with_cipher_value(xml, 1, Vec::clear)),
        (
            "no content",
            with_cipher_value(xml, 1, |bytes| bytes.truncate(28)),
        ),
        (
            "a changed key",
            with_cipher_value(xml, 0, |bytes| bytes[100] ^= 1),
        ),
        (
            "a shorter key",
            with_cipher_value(xml, 0, |bytes| bytes.truncate(255)),
        ),
        (
            "a longer key",
            with_cipher_value(xml, 0, |bytes| bytes.push(0)),
        ),
        (
            "a very long key",
            with_cipher_value(xml, 0, |bytes| bytes.resize(2_000, 1)),
        ),
        ("no key bytes", with_cipher_value(xml, 0, Vec::clear)),
        ("a key of 16 bytes for AES-256", short(16)),
        ("a key of 24 bytes", short(24)),
        ("a key of 33 bytes", short(33)),
        ("no base64", xml.replace(cipher_value(xml, 1), "!!!!")),
        (
            "a document type inside",
            again(&format!("<!DOCTYPE x>{assertion}")),
        ),
        (
            "an entity inside",
            again(&format!("<!DOCTYPE x [<!ENTITY a \"b\">]>{assertion}")),
        ),
        (
            "a comment inside",
            inside("</saml:NameID>", "<!-- --></saml:NameID>"),
        ),
        ("no XML inside", again("AAAA")),
        ("no assertion inside", again("<x/>")),
        (
            "two elements inside",
            again(&format!("{assertion}{assertion}")),
        ),
        ("a whole response inside", again(xml)),
        ("something encrypted inside", again(&encrypted)),
        (
            "an encrypted name",
            inside("saml:NameID Format", "saml:EncryptedID Format"),
        ),
        (
            "encrypted data in the assertion",
            inside("</saml:Subject>", &format!("{encrypted}</saml:Subject>")),
        ),
        (
            "an encrypted attribute",
            inside(
                "</saml:Assertion>",
                "<saml:EncryptedAttribute/></saml:Assertion>",
            ),
        ),
        (
            "a prefix of the response",
            inside(" xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\"", ""),
        ),
    ]
}
