//! Signatures: which are taken, and by whose keys.

use super::*;
use crate::logins::fake::identity_provider::{
    ENVELOPED, EXCLUSIVE, How, RSA_SHA256, SHA256, metadata,
};

#[test]
fn a_signed_assertion_is_a_login() {
    let says = ada()
        .attribute("mail", &["a@b.example"])
        .attribute("groups", &["x", "y &amp; z"]);
    let assertion = verify_xml(&says.signed_by(&GOOD)).unwrap();
    let attribute = |name: &str, values: &[&str]| {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        (name.to_owned(), values)
    };
    let wanted = Assertion {
        id: "_assertion".to_owned(),
        subject: "ada".to_owned(),
        format: Some("urn:oasis:names:tc:SAML:2.0:nameid-format:persistent".to_owned()),
        audience: AUDIENCE.to_owned(),
        recipient: RECIPIENT.to_owned(),
        issued: Some(now().as_second()),
        end: now().as_second() + 300,
        latest_use: now().as_second() + 300,
        session_end: None,
        attributes: vec![
            attribute("mail", &["a@b.example"]),
            attribute("groups", &["x", "y & z"]),
        ],
    };
    assert_eq!(assertion, wanted);
}

#[test]
fn a_signed_response_is_a_login_with_its_assertion_signed_or_not() {
    let says = ada();
    let plain = GOOD.sign(&says.around(&says.assertion()), "_response");
    let both = GOOD.sign(&says.signed_by(&GOOD), "_response");
    for xml in [plain, both] {
        assert_eq!(verify_xml(&xml).unwrap().subject, "ada");
    }
}

#[test]
fn both_signatures_must_be_good() {
    let says = ada();
    let inner_evil = says.around(&EVIL.sign(&says.assertion(), "_assertion"));
    assert!(is_invalid(&not_signed(
        &GOOD.sign(&inner_evil, "_response")
    )));
    let outer_evil = EVIL.sign(&says.signed_by(&GOOD), "_response");
    assert!(is_invalid(&not_signed(&outer_evil)));
}

#[test]
fn each_allowed_algorithm_is_taken() {
    let more = "http://www.w3.org/2001/04/xmldsig-more#";
    let signed = |provider: &IdentityProvider, method: &str, digest: &str| {
        let how = How {
            method,
            digest,
            ..How::default()
        };
        let says = Says::of(provider, "ada", now());
        let assertion = provider.sign_as(&says.assertion(), "_assertion", &how);
        verify_of(provider, &says.around(&assertion)).map(|assertion| assertion.subject)
    };
    let digests = [
        SHA256.to_owned(),
        format!("{more}sha384"),
        "http://www.w3.org/2001/04/xmlenc#sha512".to_owned(),
    ];
    for (bits, digest) in ["256", "384", "512"].iter().zip(digests) {
        assert_eq!(
            signed(&GOOD, &format!("{more}rsa-sha{bits}"), &digest).as_deref(),
            Ok("ada")
        );
    }
    for (kind, bits) in [
        (&rcgen::PKCS_ECDSA_P256_SHA256, "256"),
        (&rcgen::PKCS_ECDSA_P384_SHA384, "384"),
        (&rcgen::PKCS_ECDSA_P521_SHA512, "512"),
    ] {
        let provider = IdentityProvider::elliptic(ENTITY, kind);
        let taken = signed(&provider, &format!("{more}ecdsa-sha{bits}"), SHA256);
        assert_eq!(taken.as_deref(), Ok("ada"), "{bits}");
    }
}

#[test]
fn other_algorithms_are_refused_before_a_key_is_asked() {
    let plain = ada().signed_by(&GOOD);
    let transform = |uri: &str| format!("<ds:Transform Algorithm=\"{uri}\"/>");
    for (from, to) in [
        (RSA_SHA256, "http://www.w3.org/2000/09/xmldsig#rsa-sha1"),
        (RSA_SHA256, "http://www.w3.org/2000/09/xmldsig#hmac-sha1"),
        (
            RSA_SHA256,
            "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256",
        ),
        (RSA_SHA256, "http://www.w3.org/2001/04/xmldsig-more#rsa-md5"),
        (RSA_SHA256, ""),
        (SHA256, "http://www.w3.org/2000/09/xmldsig#sha1"),
        (SHA256, "http://www.w3.org/2001/04/xmldsig-more#md5"),
        (ENVELOPED, "http://www.w3.org/TR/1999/REC-xslt-19991116"),
        (ENVELOPED, "http://www.w3.org/TR/1999/REC-xpath-19991116"),
        (EXCLUSIVE, "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"),
    ] {
        let xml = plain.replacen(&format!("\"{from}\""), &format!("\"{to}\""), 1);
        assert_eq!(
            not_signed(&xml),
            XmlSignatureError::Algorithm(to.to_owned())
        );
    }
    let (enveloped, exclusive) = (transform(ENVELOPED), transform(EXCLUSIVE));
    for transforms in [
        String::new(),
        enveloped.clone(),
        exclusive.clone(),
        format!("{exclusive}{enveloped}"),
        format!("{enveloped}{exclusive}{exclusive}"),
    ] {
        let xml = plain.replace(&format!("{enveloped}{exclusive}"), &transforms);
        let why = not_signed(&xml);
        let by_form = matches!(
            why,
            XmlSignatureError::Form(_) | XmlSignatureError::Algorithm(_)
        );
        assert!(by_form, "{transforms}: {why:?}");
    }
}

#[test]
fn a_digest_by_sha1_that_is_right_is_refused_all_the_same() {
    let says = ada();
    let sha1 = "http://www.w3.org/2000/09/xmldsig#sha1";
    let how = How {
        digest: sha1,
        ..How::default()
    };
    let xml = says.around(&GOOD.sign_as(&says.assertion(), "_assertion", &how));
    assert_eq!(
        not_signed(&xml),
        XmlSignatureError::Algorithm(sha1.to_owned())
    );
}

#[test]
fn inclusive_canonicalisation_that_verifies_is_refused_all_the_same() {
    let says = ada();
    let inclusive = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315";
    let how = How {
        canonical: inclusive,
        transforms: vec![ENVELOPED, inclusive],
        ..How::default()
    };
    let xml = GOOD.sign_as(&says.around(&says.assertion()), "_response", &how);
    assert_eq!(
        not_signed(&xml),
        XmlSignatureError::Algorithm(inclusive.to_owned())
    );
}

#[test]
fn nobody_elses_key_counts_whatever_the_document_says() {
    let says = ada();
    let certificate = |of: &IdentityProvider| {
        format!(
            "<ds:KeyInfo><ds:X509Data><ds:X509Certificate>{}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>",
            of.certificate
        )
    };
    for key_info in [String::new(), certificate(&EVIL), certificate(&GOOD)] {
        let how = How {
            key_info: &key_info,
            ..How::default()
        };
        let xml = says.around(&EVIL.sign_as(&says.assertion(), "_assertion", &how));
        assert!(is_invalid(&not_signed(&xml)));
        // And what it says of a good signature does no harm.
        let xml = says.around(&GOOD.sign_as(&says.assertion(), "_assertion", &how));
        assert_eq!(verify_xml(&xml).unwrap().subject, "ada");
    }
}

#[test]
fn each_certificate_of_the_metadata_vouches() {
    let both = metadata(
        ENTITY,
        &[&EVIL.certificate, &GOOD.certificate, &EVIL.certificate],
        "",
    );
    let metadata = read_metadata(&both).unwrap();
    assert_eq!(
        metadata.certificates,
        [EVIL.certificate.clone(), GOOD.certificate.clone()]
    );
    let required = ResponseRequirements {
        entity_id: ENTITY,
        certificates: &metadata.certificates,
        algorithms: &ALGORITHMS,
        audiences: &[AUDIENCE],
        recipients: &[RECIPIENT],
        decryption_keys: &[],
        require_encryption: false,
        allow_transient: false,
    };
    for provider in [&*GOOD, &*EVIL] {
        assert!(
            verify(
                &ada().login(provider),
                &required,
                now(),
                &mut Report::disabled()
            )
            .is_ok()
        );
    }
}

#[test]
fn what_was_signed_may_not_be_changed() {
    let plain = ada().attribute("role", &["user"]).signed_by(&GOOD);
    for (from, to) in [
        (">ada<", ">eve<"),
        (">user<", ">admin<"),
        ("nameid-format:persistent", "nameid-format:unspecified"),
        (AUDIENCE, "urn:other"),
        ("12:05:00Z", "13:05:00Z"),
        ("<saml:Subject>", "<saml:Subject> "),
    ] {
        assert!(plain.contains(from));
        let why = not_signed(&plain.replace(from, to));
        assert!(is_invalid(&why), "{from}: {why:?}");
    }
}

#[test]
fn a_signature_has_one_form() {
    let plain = ada().signed_by(&GOOD);
    let reference = {
        let from = plain.find("<ds:Reference").unwrap();
        let to = plain.find("</ds:Reference>").unwrap() + "</ds:Reference>".len();
        plain[from..to].to_owned()
    };
    for (from, to, what) in [
        (
            "</ds:SignedInfo>",
            "</ds:SignedInfo><ds:Object/>",
            "an object",
        ),
        (
            "</ds:SignatureValue>",
            "</ds:SignatureValue><ds:KeyInfo><ds:RetrievalMethod URI='#x'/></ds:KeyInfo>",
            "a key elsewhere",
        ),
        (
            "</ds:SignatureValue>",
            "</ds:SignatureValue><ds:SignatureValue>AA==</ds:SignatureValue>",
            "two values",
        ),
        (reference.as_str(), "", "no reference"),
        (reference.as_str(), &reference.repeat(2), "two references"),
        ("URI=\"#_assertion\"", "URI=\"\"", "the whole document"),
        ("URI=\"#_assertion\"", "", "no URI"),
        (
            "URI=\"#_assertion\"",
            "URI=\"#_response\"",
            "another element",
        ),
        ("URI=\"#_assertion\"", "URI=\"cid:x\"", "an attachment"),
        (
            "URI=\"#_assertion\"",
            "URI=\"file:///etc/passwd\"",
            "a file",
        ),
        (
            "URI=\"#_assertion\"",
            "URI=\"#xpointer(id('_assertion'))\"",
            "an XPointer",
        ),
        (
            "<ds:SignatureMethod ",
            "<ds:SignatureMethod ds:Algorithm='x' ",
            "a second algorithm",
        ),
        (
            "</ds:Transforms>",
            "<ds:Transform Algorithm='x'/></ds:Transforms>",
            "another transform",
        ),
    ] {
        assert!(plain.contains(from), "{what}");
        let why = not_signed(&plain.replacen(from, to, 1));
        assert!(matches!(why, XmlSignatureError::Form(_)), "{what}: {why:?}");
    }
}
