//! Encrypted assertions: what is decrypted is checked like anything else, and every other form is refused for one reason.

use super::*;
use crate::logins::fake::service_key::{
    AES128_GCM, AES256_GCM, Encryption, MGF1_SHA1, MGF1_SHA256, OAEP, OAEP_MGF1P, SHA1, SHA256,
    ServiceKey, forgeries,
};

static SERVICE: LazyLock<ServiceKey> = LazyLock::new(ServiceKey::new);
static OTHER: LazyLock<ServiceKey> = LazyLock::new(ServiceKey::new);

fn private(key: &ServiceKey) -> DecryptionKey {
    DecryptionKey::from_pem(&key.pem).unwrap()
}

fn decrypted(xml: &str) -> Result<Assertion, SamlError> {
    verify_with(&GOOD, &encode(xml), false, &[private(&SERVICE)], false)
}

fn not_decrypted(xml: &str) -> SamlError {
    match decrypted(xml) {
        Err(why) => why,
        Ok(assertion) => panic!("taken as {assertion:?}: {xml}"),
    }
}

/// Ada's assertion, signed.
fn signed() -> String {
    GOOD.sign(&ada().assertion(), "_assertion")
}

/// A response around the encrypted `assertion`.
fn around(assertion: &str) -> String {
    ada().around(&SERVICE.encrypt(assertion))
}

#[test]
fn each_supported_algorithm_decrypts() {
    let transports = [
        (OAEP_MGF1P, None, None),
        (OAEP_MGF1P, Some(SHA1), None),
        (OAEP, None, None),
        (OAEP, Some(SHA1), Some(MGF1_SHA1)),
        (OAEP, None, Some(MGF1_SHA1)),
        (OAEP, Some(SHA256), Some(MGF1_SHA256)),
    ];
    for content in [AES128_GCM, AES256_GCM] {
        for (transport, digest, mask) in transports {
            for beside in [false, true] {
                let how = Encryption {
                    content,
                    transport,
                    digest,
                    mask,
                    beside,
                };
                let xml = ada().around(&SERVICE.encrypt_as(&signed(), &how));
                let assertion = decrypted(&xml).unwrap_or_else(|why| panic!("{why}: {how:?}"));
                assert_eq!(assertion.subject, "ada");
            }
        }
    }
    // The library has no digest that differs from the mask generation function's.
    for (transport, digest, mask) in [
        (OAEP, Some(SHA256), None),
        (OAEP, Some(SHA1), Some(MGF1_SHA256)),
        (OAEP, None, Some(MGF1_SHA256)),
        (OAEP_MGF1P, Some(SHA256), None),
    ] {
        let how = Encryption {
            transport,
            digest,
            mask,
            ..Encryption::default()
        };
        let xml = ada().around(&SERVICE.encrypt_as(&signed(), &how));
        assert_eq!(not_decrypted(&xml), ResponseError::Undecryptable.into());
    }
}

#[test]
fn a_key_beside_needs_no_reference() {
    let how = Encryption {
        beside: true,
        ..Encryption::default()
    };
    let xml = ada().around(&SERVICE.encrypt_as(&signed(), &how));
    let from = xml.find("<ds:KeyInfo><ds:Retr").unwrap();
    let to = from + xml[from..].find("</ds:KeyInfo>").unwrap() + "</ds:KeyInfo>".len();
    let bare = format!("{}{}", &xml[..from], &xml[to..]);
    assert!(decrypted(&bare).is_ok());
    let list = "<xenc:ReferenceList><xenc:DataReference URI=\"#_data\"/></xenc:ReferenceList>";
    assert!(decrypted(&bare.replace(list, "")).is_ok());
    let other = bare.replace("URI=\"#_data\"", "URI=\"#_assertion\"");
    assert_eq!(not_decrypted(&other), ResponseError::Undecryptable.into());
}

#[test]
fn the_assertion_or_the_response_or_both_are_signed() {
    let plain = around(&ada().assertion());
    let both = around(&signed());
    for xml in [
        both.clone(),
        GOOD.sign(&plain, "_response"),
        GOOD.sign(&both, "_response"),
    ] {
        assert_eq!(decrypted(&xml).unwrap().subject, "ada", "{xml}");
    }
}

#[test]
fn encryption_is_no_signature() {
    // Anybody has the public key.
    let xml = around(&ada().assertion());
    let unsigned = ResponseError::Signature(XmlSignatureError::Unsigned);
    assert_eq!(not_decrypted(&xml), unsigned.clone().into());
    let mut eve = ada();
    eve.subject = "eve".to_owned();
    assert_eq!(not_decrypted(&around(&eve.assertion())), unsigned.into());
    for xml in [
        around(&EVIL.sign(&eve.assertion(), "_assertion")),
        around(&signed().replace(">ada<", ">eve<")),
        EVIL.sign(&around(&signed()), "_response"),
        EVIL.sign(&around(&eve.assertion()), "_response"),
    ] {
        let why = not_decrypted(&xml);
        let SamlError::Response(ResponseError::Signature(why)) = &why else {
            panic!("{why:?}: {xml}");
        };
        assert!(is_invalid(why), "{why:?}");
    }
}

#[test]
fn a_signed_response_is_verified_before_it_is_decrypted() {
    let metadata = read_metadata(&GOOD.metadata()).unwrap();
    let keys = [private(&SERVICE)];
    let required = ResponseRequirements {
        entity_id: &metadata.entity_id,
        certificates: &metadata.certificates,
        algorithms: &ALGORITHMS,
        audiences: &[AUDIENCE],
        recipients: &[RECIPIENT],
        decryption_keys: &keys,
        require_encryption: false,
        allow_transient: false,
    };
    let steps = |xml: &str| {
        let mut report = Report::enabled();
        let outcome = verify(&encode(xml), &required, now(), &mut report);
        let checks = report.into_checks().into_iter();
        let checks: Vec<_> = checks.map(|check| (check.name, check.passed)).collect();
        (outcome.is_ok(), checks)
    };
    let good = GOOD.sign(&around(&signed()), "_response");
    let (taken, checks) = steps(&good);
    let names: Vec<&str> = checks.iter().map(|(name, _)| *name).collect();
    assert!(taken);
    assert_eq!(
        names[..5],
        ["form", "status", "decryption", "signature", "issuer"]
    );
    // Another ciphertext under the response's signature: it would decrypt, and isn't decrypted.
    let other = SERVICE.encrypt(&signed());
    let from = good.find("<saml:EncryptedAssertion").unwrap();
    let to = good.find("</samlp:Response>").unwrap();
    let swapped = format!("{}{other}{}", &good[..from], &good[to..]);
    assert_eq!(
        steps(&swapped).1,
        [("form", true), ("status", true), ("signature", false)]
    );
}

#[test]
fn each_forgery_is_refused_for_one_reason() {
    let (assertion, xml) = (signed(), around(&signed()));
    assert!(decrypted(&xml).is_ok());
    for (kind, forged) in forgeries(&xml, &assertion, &SERVICE) {
        assert_ne!(forged, xml, "{kind}");
        let why = decrypted(&forged).err();
        let wanted = SamlError::from(ResponseError::Undecryptable);
        assert_eq!(why, Some(wanted), "{kind}: {forged}");
    }
}

#[test]
fn only_the_providers_own_keys_decrypt_and_two_of_them_at_most() {
    let response = encode(&around(&signed()));
    let undecryptable = SamlError::from(ResponseError::Undecryptable);
    let with = |keys: &[&ServiceKey]| {
        let keys: Vec<DecryptionKey> = keys.iter().map(|key| private(key)).collect();
        verify_with(&GOOD, &response, false, &keys, false)
    };
    assert_eq!(with(&[]).unwrap_err(), undecryptable);
    assert_eq!(with(&[&OTHER]).unwrap_err(), undecryptable);
    assert!(with(&[&OTHER, &SERVICE]).is_ok());
    assert!(with(&[&SERVICE, &OTHER]).is_ok());
    assert_eq!(
        with(&[&OTHER, &OTHER, &SERVICE]).unwrap_err(),
        undecryptable
    );
}

#[test]
fn a_required_encryption_refuses_plain_assertions() {
    let keys = [private(&SERVICE)];
    let of = |xml: &str| verify_with(&GOOD, &encode(xml), false, &keys, true);
    assert!(of(&around(&signed())).is_ok());
    for plain in [
        ada().around(&signed()),
        GOOD.sign(&ada().around(&ada().assertion()), "_response"),
    ] {
        assert!(decrypted(&plain).is_ok());
        assert_eq!(of(&plain).unwrap_err(), ResponseError::NotEncrypted.into());
    }
}

#[test]
fn an_id_is_unique_over_both_documents() {
    let ids = SamlError::from(ResponseError::Signature(XmlSignatureError::Ids));
    for id in ["_data", "_key", "_response"] {
        let mut says = ada();
        says.assertion_id = id.to_owned();
        let assertion = GOOD.sign(&says.assertion(), id);
        assert_eq!(not_decrypted(&around(&assertion)), ids, "{id}");
        let whole = GOOD.sign(
            &around(&says.assertion().replace(id, "_response")),
            "_response",
        );
        assert_eq!(not_decrypted(&whole), ids);
    }
    let twin = around(&signed()).replace("Id=\"_key\"", "Id=\"_assertion\"");
    assert_eq!(not_decrypted(&twin), ids);
}

#[test]
fn no_signature_reaches_across_the_decrypted_node() {
    let says = ada();
    let signature = {
        let signed = signed();
        let from = signed.find("<ds:Signature ").unwrap();
        let to = signed.find("</ds:Signature>").unwrap() + "</ds:Signature>".len();
        signed[from..to].to_owned()
    };
    let mut eve = says.clone();
    eve.subject = "eve".to_owned();
    let evil = |id: &str| {
        let mut eve = eve.clone();
        eve.assertion_id = id.to_owned();
        eve.assertion()
    };
    let behind_issuer = |assertion: &str, more: &str| {
        assertion.replacen("</saml:Issuer>", &format!("</saml:Issuer>{more}"), 1)
    };
    let hidden = |text: &str| text.replace("saml:Assertion", "saml:Advice");
    let bare = says.assertion();
    let in_extensions = |inside: &str, assertion: &str| {
        around(assertion).replacen(
            "<saml:EncryptedAssertion",
            &format!("<samlp:Extensions>{inside}</samlp:Extensions><saml:EncryptedAssertion"),
            1,
        )
    };
    for (kind, xml) in [
        // The signature refers to the other document.
        (
            "the signed one outside",
            in_extensions(&hidden(&bare), &behind_issuer(&evil("_evil"), &signature)),
        ),
        (
            "its signature outside, too",
            in_extensions(&hidden(&signed()), &evil("_evil")),
        ),
        (
            "the signature alone outside",
            in_extensions(&signature, &evil("_assertion")),
        ),
        (
            "the signature of the response's",
            around(&evil("_assertion")).replacen(
                "</saml:Issuer>",
                &format!("</saml:Issuer>{signature}"),
                1,
            ),
        ),
        ("the signature of a response inside", {
            let whole = GOOD.sign(&says.around(&bare), "_response");
            let from = whole.find("<ds:Signature ").unwrap();
            let to = whole.find("</ds:Signature>").unwrap() + "</ds:Signature>".len();
            around(&behind_issuer(&evil("_evil"), &whole[from..to]))
        }),
        (
            "the signed one inside, hidden",
            around(&evil("_evil").replace(
                "</saml:Assertion>",
                &format!("{}</saml:Assertion>", hidden(&signed())),
            )),
        ),
    ] {
        let why = not_decrypted(&xml);
        assert!(
            matches!(why, SamlError::Response(ResponseError::Signature(_))),
            "{kind}: {why:?}"
        );
    }
    let two = around(&evil("_evil").replace(
        "</saml:Assertion>",
        &format!("{}</saml:Assertion>", signed()),
    ));
    assert_eq!(not_decrypted(&two), shape("it has more than one assertion"));
    let beside = says.around(&format!("{}{}", SERVICE.encrypt(&evil("_evil")), signed()));
    assert_eq!(not_decrypted(&beside), ResponseError::Undecryptable.into());
}

#[test]
fn a_decrypted_assertion_passes_the_checks_of_a_plain_one() {
    let mut says = ada();
    says.audience = "urn:other".to_owned();
    let xml = around(&GOOD.sign(&says.assertion(), "_assertion"));
    assert_eq!(not_decrypted(&xml), AssertionError::Audience.into());
    let mut says = ada();
    says.issuer = "https://other.example".to_owned();
    let xml = around(&GOOD.sign(&says.assertion(), "_assertion"));
    assert_eq!(not_decrypted(&xml), AssertionError::Issuer.into());
    let xml = around(&signed()).replace(
        "<saml:Issuer xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\">https://idp",
        "<saml:Issuer xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\">https://other",
    );
    assert_eq!(not_decrypted(&xml), AssertionError::Issuer.into());
    let xml = around(&signed()).replace("Destination=\"", "Destination=\"x");
    assert_eq!(not_decrypted(&xml), AssertionError::Recipient.into());
    let version = around(&signed().replacen("Version=\"2.0\"", "Version=\"1.1\"", 1));
    assert_eq!(not_decrypted(&version), shape("it isn't of version 2.0"));
    let failed = around(&signed()).replace("status:Success", "status:Responder");
    assert_eq!(not_decrypted(&failed), ResponseError::Status.into());
}

#[test]
fn the_bounds_count_both_documents() {
    let more = |count: usize| "<x/>".repeat(count);
    let inside = |count| {
        let mut says = ada();
        says.subject = "ada".to_owned();
        let assertion = says.assertion().replace(
            "</saml:Assertion>",
            &format!(
                "<saml:Advice>{}</saml:Advice></saml:Assertion>",
                more(count)
            ),
        );
        GOOD.sign(&assertion, "_assertion")
    };
    let outside = |xml: &str, count| {
        xml.replacen(
            "<saml:EncryptedAssertion",
            &format!(
                "<samlp:Extensions>{}</samlp:Extensions><saml:EncryptedAssertion",
                more(count)
            ),
            1,
        )
    };
    assert!(decrypted(&around(&inside(1_300))).is_ok());
    assert!(decrypted(&outside(&around(&signed()), 1_300)).is_ok());
    let both = outside(&around(&inside(750)), 760);
    assert!(encode(&both).len() < LONGEST_RESPONSE);
    assert_eq!(not_decrypted(&both), ResponseError::Undecryptable.into());
}

#[test]
fn private_keys_are_rsa_in_pem_and_alone() {
    let key = DecryptionKey::from_pem(&SERVICE.pkcs1_pem()).unwrap();
    assert!(key.is(&private(&SERVICE)));
    assert!(!key.is(&private(&OTHER)));
    let crlf = SERVICE.pem.replace('\n', "\r\n");
    assert!(DecryptionKey::from_pem(&crlf).unwrap().is(&key));
    assert_eq!(format!("{key:?}"), "DecryptionKey");
    let curve = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let public = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let public = public.public_key_pem();
    let pem = &SERVICE.pem;
    for (text, wanted) in [
        (String::new(), PrivateKeyError::Malformed),
        ("key".to_owned(), PrivateKeyError::Malformed),
        (public, PrivateKeyError::Malformed),
        (format!("{pem}{pem}"), PrivateKeyError::Malformed),
        (format!("x{pem}"), PrivateKeyError::Malformed),
        (format!("{pem}x"), PrivateKeyError::Malformed),
        (pem.replace("MII", "MIJ"), PrivateKeyError::Kind),
        (
            pem.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"),
            PrivateKeyError::Protected,
        ),
        (curve.serialize_pem(), PrivateKeyError::Kind),
    ] {
        assert_eq!(
            DecryptionKey::from_pem(&text).err(),
            Some(wanted),
            "{text:.40}"
        );
    }
}
