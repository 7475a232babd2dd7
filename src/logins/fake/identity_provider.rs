//! A SAML identity provider of our own: its metadata, and responses that it signs, good ones and spoilt ones. The tests
//! over HTTP include this file as well, so it names nothing of this crate.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bergshamra_dsig::{DsigContext, sign};
use bergshamra_keys::{Key, KeysManager, loader};
use jiff::{SignedDuration, Timestamp};

/// The one audience that the real service takes.
pub const AUDIENCE: &str = "urn:amazon:webservices";
/// The one recipient that the real service takes.
pub const RECIPIENT: &str = "https://signin.aws.amazon.com/saml";

pub const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
pub const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
pub const RSA_SHA256: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
pub const SHA256: &str = "http://www.w3.org/2001/04/xmlenc#sha256";

/// An identity provider with one key.
pub struct IdentityProvider {
    pub entity_id: String,
    /// Its certificate, base64 of DER.
    pub certificate: String,
    key: Key,
}

/// How a signature is made.
#[derive(Clone)]
pub struct How<'a> {
    pub method: &'a str,
    pub digest: &'a str,
    pub canonical: &'a str,
    pub transforms: Vec<&'a str>,
    /// The PrefixList of each exclusive canonicalisation, if it isn't empty.
    pub prefixes: &'a str,
    /// What stands behind the SignatureValue.
    pub key_info: &'a str,
}

impl Default for How<'_> {
    fn default() -> Self {
        Self {
            method: RSA_SHA256,
            digest: SHA256,
            canonical: EXCLUSIVE,
            transforms: vec![ENVELOPED, EXCLUSIVE],
            prefixes: "",
            key_info: "",
        }
    }
}

impl IdentityProvider {
    /// One with an RSA key of 2,048 bits.
    pub fn new(entity_id: &str) -> Self {
        Self::rsa(entity_id, rcgen::RsaKeySize::_2048)
    }

    pub fn rsa(entity_id: &str, size: rcgen::RsaKeySize) -> Self {
        let pair = rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, size).unwrap();
        Self::with(entity_id, &pair)
    }

    /// One with an elliptic key: `rcgen::PKCS_ECDSA_P256_SHA256` and its like.
    pub fn elliptic(entity_id: &str, kind: &'static rcgen::SignatureAlgorithm) -> Self {
        Self::with(entity_id, &rcgen::KeyPair::generate_for(kind).unwrap())
    }

    fn with(entity_id: &str, pair: &rcgen::KeyPair) -> Self {
        let parameters = rcgen::CertificateParams::new(vec!["idp.example".to_owned()]).unwrap();
        let certificate = parameters.self_signed(pair).unwrap();
        Self {
            entity_id: entity_id.to_owned(),
            certificate: STANDARD.encode(certificate.der()),
            key: loader::load_pem_auto(pair.serialize_pem().as_bytes(), None).unwrap(),
        }
    }

    /// Its metadata, which the service model wants to be 1,000 characters long or more.
    pub fn metadata(&self) -> String {
        metadata(&self.entity_id, &[&self.certificate], "")
    }

    /// Signs the element with the ID `id` in `xml`: the signature stands behind its Issuer.
    pub fn sign(&self, xml: &str, id: &str) -> String {
        self.sign_as(xml, id, &How::default())
    }

    pub fn sign_as(&self, xml: &str, id: &str, how: &How<'_>) -> String {
        self.try_sign(xml, id, how)
            .expect("an element with this ID and an Issuer, signed from the inside out")
    }

    /// The same of any text; `None` where it has no such element, or an earlier signature, or can't be signed.
    pub fn try_sign(&self, xml: &str, id: &str, how: &How<'_>) -> Option<String> {
        let transforms = how.transforms.iter();
        let transforms: Vec<String> = transforms
            .map(|one| format!("<ds:Transform Algorithm=\"{one}\"/>"))
            .collect();
        let transforms = transforms.concat();
        let template = format!(
            "<ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:SignedInfo>\
             <ds:CanonicalizationMethod Algorithm=\"{}\"/><ds:SignatureMethod Algorithm=\"{}\"/>\
             <ds:Reference URI=\"#{id}\"><ds:Transforms>{transforms}</ds:Transforms>\
             <ds:DigestMethod Algorithm=\"{}\"/><ds:DigestValue></ds:DigestValue></ds:Reference></ds:SignedInfo>\
             <ds:SignatureValue></ds:SignatureValue>{}</ds:Signature>",
            how.canonical, how.method, how.digest, how.key_info
        );
        let template = match how.prefixes {
            "" => template,
            prefixes => with_prefixes(&template, prefixes),
        };
        let element = xml.find(&format!("ID=\"{id}\""))?;
        let issuer = element + xml[element..].find("</saml:Issuer>")? + "</saml:Issuer>".len();
        // The library signs the first signature that it finds, so that others are hidden from it meanwhile.
        let (before, behind) = xml.split_at(issuer);
        if before.contains("<ds:Signature") {
            return None;
        }
        let mut keys = KeysManager::new();
        keys.add_key(self.key.clone());
        let context = DsigContext::new_permissive(keys);
        sign::sign(&context, &format!("{before}{template}{behind}")).ok()
    }
}

/// A signature with this PrefixList in each exclusive canonicalisation that has none.
pub fn with_prefixes(xml: &str, prefixes: &str) -> String {
    ["CanonicalizationMethod", "Transform"]
        .iter()
        .fold(xml.to_owned(), |xml, name| {
            let start = format!("<ds:{name} Algorithm=\"{EXCLUSIVE}\"");
            let list = format!(
                "{start}><ec:InclusiveNamespaces xmlns:ec=\"{EXCLUSIVE}\" PrefixList=\"{prefixes}\"/></ds:{name}>"
            );
            xml.replace(&format!("{start}/>"), &list)
        })
}

/// Metadata with these certificates for signing, and more attributes for the EntityDescriptor.
pub fn metadata(entity_id: &str, certificates: &[&str], more: &str) -> String {
    let keys: Vec<String> = certificates
        .iter()
        .map(|certificate| {
            format!(
                "<md:KeyDescriptor use=\"signing\"><ds:KeyInfo xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\">\
                 <ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>\
                 </md:KeyDescriptor>"
            )
        })
        .collect();
    let keys = keys.concat();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- {} -->\n\
         <md:EntityDescriptor xmlns:md=\"urn:oasis:names:tc:SAML:2.0:metadata\" entityID=\"{entity_id}\"{more}>\
         <md:IDPSSODescriptor protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\">{keys}\
         <md:SingleSignOnService Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST\" \
         Location=\"https://idp.example/sso\"/></md:IDPSSODescriptor></md:EntityDescriptor>\n",
        "The metadata of a provider. ".repeat(36)
    )
}

/// What a response says. `Default` isn't there: every response is made for a provider and a moment.
#[derive(Clone)]
pub struct Says {
    pub issuer: String,
    pub subject: String,
    pub format: String,
    pub audience: String,
    pub recipient: String,
    pub status: String,
    pub now: Timestamp,
    pub lifetime: SignedDuration,
    /// Names and values.
    pub attributes: Vec<(String, Vec<String>)>,
    pub response_id: String,
    pub assertion_id: String,
}

impl Says {
    /// A good login of `subject`.
    pub fn of(provider: &IdentityProvider, subject: &str, now: Timestamp) -> Self {
        Self {
            issuer: provider.entity_id.clone(),
            subject: subject.to_owned(),
            format: "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent".to_owned(),
            audience: AUDIENCE.to_owned(),
            recipient: RECIPIENT.to_owned(),
            status: "urn:oasis:names:tc:SAML:2.0:status:Success".to_owned(),
            now,
            lifetime: SignedDuration::from_mins(5),
            attributes: Vec::new(),
            response_id: "_response".to_owned(),
            assertion_id: "_assertion".to_owned(),
        }
    }

    /// With a further attribute.
    pub fn attribute(mut self, name: &str, values: &[&str]) -> Self {
        let values = values.iter().map(|value| (*value).to_owned());
        self.attributes.push((name.to_owned(), values.collect()));
        self
    }

    /// The assertion, which nobody has signed, as an element that can stand anywhere.
    pub fn assertion(&self) -> String {
        let (now, end) = (moment(self.now), moment(self.now + self.lifetime));
        let attributes: Vec<String> = self
            .attributes
            .iter()
            .map(|(name, values)| {
                let values: Vec<String> = values
                    .iter()
                    .map(|value| format!("<saml:AttributeValue>{value}</saml:AttributeValue>"))
                    .collect();
                let values = values.concat();
                format!("<saml:Attribute Name=\"{name}\">{values}</saml:Attribute>")
            })
            .collect();
        let attributes = attributes.concat();
        let attributes = if attributes.is_empty() {
            attributes
        } else {
            format!("<saml:AttributeStatement>{attributes}</saml:AttributeStatement>")
        };
        format!(
            "<saml:Assertion xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\" ID=\"{}\" Version=\"2.0\" \
             IssueInstant=\"{now}\"><saml:Issuer>{}</saml:Issuer><saml:Subject>\
             <saml:NameID Format=\"{}\">{}</saml:NameID>\
             <saml:SubjectConfirmation Method=\"urn:oasis:names:tc:SAML:2.0:cm:bearer\">\
             <saml:SubjectConfirmationData NotOnOrAfter=\"{end}\" Recipient=\"{}\"/></saml:SubjectConfirmation>\
             </saml:Subject><saml:Conditions NotBefore=\"{now}\" NotOnOrAfter=\"{end}\"><saml:AudienceRestriction>\
             <saml:Audience>{}</saml:Audience></saml:AudienceRestriction></saml:Conditions>\
             <saml:AuthnStatement AuthnInstant=\"{now}\"><saml:AuthnContext><saml:AuthnContextClassRef>\
             urn:oasis:names:tc:SAML:2.0:ac:classes:Password</saml:AuthnContextClassRef></saml:AuthnContext>\
             </saml:AuthnStatement>{attributes}</saml:Assertion>",
            self.assertion_id,
            self.issuer,
            self.format,
            self.subject,
            self.recipient,
            self.audience,
        )
    }

    /// A response around `inside`, which nobody has signed.
    pub fn around(&self, inside: &str) -> String {
        format!(
            "<samlp:Response xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\" ID=\"{}\" Version=\"2.0\" \
             IssueInstant=\"{}\" Destination=\"{}\">\
             <saml:Issuer xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\">{}</saml:Issuer>\
             <samlp:Status><samlp:StatusCode Value=\"{}\"/></samlp:Status>{inside}</samlp:Response>",
            self.response_id,
            moment(self.now),
            self.recipient,
            self.issuer,
            self.status,
        )
    }

    /// The response with its assertion signed.
    pub fn signed_by(&self, provider: &IdentityProvider) -> String {
        self.around(&provider.sign(&self.assertion(), &self.assertion_id))
    }

    /// The same, as it stands in a `Logins` map.
    pub fn login(&self, provider: &IdentityProvider) -> String {
        encode(&self.signed_by(provider))
    }
}

/// As responses stand in a `Logins` map.
pub fn encode(xml: &str) -> String {
    STANDARD.encode(xml)
}

fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
