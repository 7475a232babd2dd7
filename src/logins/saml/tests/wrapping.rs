//! Signature wrapping: a good signature kept in the document while another assertion is offered. The eight shapes are
//! those of "On Breaking SAML: Be Whoever You Want to Be" (Somorovsky and others, 2012).

use super::*;

/// A good assertion of ada, signed; the same without its signature; and eve's, unsigned, with another ID.
struct Parts {
    signed: String,
    signature: String,
    bare: String,
    evil: String,
}

fn parts() -> Parts {
    let says = ada();
    let signed = GOOD.sign(&says.assertion(), "_assertion");
    let from = signed.find("<ds:Signature ").unwrap();
    let to = signed.find("</ds:Signature>").unwrap() + "</ds:Signature>".len();
    let mut eve = says.clone();
    eve.subject = "eve".to_owned();
    eve.assertion_id = "_evil".to_owned();
    Parts {
        signature: signed[from..to].to_owned(),
        bare: format!("{}{}", &signed[..from], &signed[to..]),
        evil: eve.assertion(),
        signed,
    }
}

/// `outer` with `inner` as the last thing in it.
fn into(outer: &str, inner: &str) -> String {
    let at = outer.rfind("</").unwrap();
    format!("{}{inner}{}", &outer[..at], &outer[at..])
}

/// `assertion` with `signature` behind its issuer.
fn sign_with(assertion: &str, signature: &str) -> String {
    assertion.replacen("</saml:Issuer>", &format!("</saml:Issuer>{signature}"), 1)
}

/// `signature` with `inside` in an Object.
fn object(signature: &str, inside: &str) -> String {
    into(signature, &format!("<ds:Object>{inside}</ds:Object>"))
}

#[test]
fn all_eight_shapes_are_refused() {
    let Parts {
        signed,
        signature,
        bare,
        evil,
    } = parts();
    let says = ada();
    // The first two wrap a signed response, the others a signed assertion.
    let whole = GOOD.sign(&says.around(&bare), "_response");
    let from = whole.find("<ds:Signature ").unwrap();
    let to = whole.find("</ds:Signature>").unwrap() + "</ds:Signature>".len();
    let (of_response, without) = (
        &whole[from..to],
        format!("{}{}", &whole[..from], &whole[to..]),
    );
    let mut eve = says.clone();
    eve.response_id = "_evil_response".to_owned();
    let of_eve = eve.around(&evil);

    let shapes = [
        ("XSW1", sign_with(&of_eve, &object(of_response, &without))),
        (
            "XSW2",
            sign_with(&of_eve, &format!("{without}{of_response}")),
        ),
        ("XSW3", says.around(&format!("{evil}{signed}"))),
        ("XSW4", says.around(&into(&evil, &signed))),
        (
            "XSW5",
            says.around(&format!("{}{bare}", sign_with(&evil, &signature))),
        ),
        (
            "XSW6",
            says.around(&sign_with(&evil, &object(&signature, &bare))),
        ),
        (
            "XSW7",
            says.around(&format!(
                "<samlp:Extensions>{evil}</samlp:Extensions>{signed}"
            )),
        ),
        (
            "XSW8",
            says.around(&sign_with(&evil, &object(&signature, &bare))),
        ),
    ];
    for (name, xml) in shapes {
        let more = shape("it has more than one assertion");
        let nested = shape("it contains another response");
        let why = refused(&xml);
        assert!(why == more || why == nested, "{name}: {why:?}");
    }
}

#[test]
fn an_assertion_that_the_first_check_would_miss_is_not_signed() {
    let Parts {
        signature,
        bare,
        evil,
        ..
    } = parts();
    let says = ada();
    // The good one under another name, in other places: then nothing has the ID, or the signature stands elsewhere.
    let hidden = bare.replace("saml:Assertion", "saml:Advice");
    for xml in [
        says.around(&format!("{}{hidden}", sign_with(&evil, &signature))),
        says.around(&sign_with(&evil, &signature)),
        says.around(&into(&sign_with(&evil, &signature), &hidden)),
    ] {
        assert_eq!(
            not_signed(&xml),
            XmlSignatureError::Form("it doesn't sign its parent")
        );
    }
    for xml in [
        says.around(&format!("{evil}{signature}{hidden}")),
        says.around(&format!("{evil}{}", into(&hidden, &signature))),
        says.around(&format!("{evil}<x>{hidden}{signature}</x>")),
    ] {
        let why = not_signed(&xml);
        let misplaced = matches!(
            why,
            XmlSignatureError::Misplaced | XmlSignatureError::Form(_)
        );
        assert!(misplaced, "{why:?}");
    }
}

#[test]
fn an_id_belongs_to_one_element() {
    let Parts {
        signed,
        signature,
        bare,
        evil,
    } = parts();
    let says = ada();
    let twin = sign_with(&evil.replace("_evil", "_assertion"), &signature);
    let hidden = bare.replace("saml:Assertion", "saml:Advice");
    for xml in [
        says.around(&format!("{twin}{hidden}")),
        says.around(&format!("{hidden}{twin}")),
        says.around(&format!("<x Id=\"_assertion\"/>{signed}")),
        says.around(&format!("<x id=\"_assertion\"/>{signed}")),
        says.around(&format!("<x xml:id=\"_assertion\"/>{signed}")),
        says.around(&format!("<x AssertionID=\"_assertion\"/>{signed}")),
        says.around(&format!("<x Id=\"a\" ID=\"b\"/>{signed}")),
        says.around(&format!("<x Id=\"\"/>{signed}")),
    ] {
        assert_eq!(not_signed(&xml), XmlSignatureError::Ids, "{xml}");
    }
}

#[test]
fn a_signature_for_something_else_in_the_response_is_refused() {
    let Parts {
        signature, evil, ..
    } = parts();
    let says = ada();
    // Signed by the right key, and no assertion.
    let other = "<saml:Evidence xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\" ID=\"_x\">\
                 <saml:Issuer/><saml:Issuer></saml:Issuer></saml:Evidence>";
    let other = GOOD.sign(other, "_x");
    for xml in [
        says.around(&format!("{evil}{other}")),
        says.around(&into(&evil, &other)),
        says.around(&format!("{evil}{signature}")),
    ] {
        let why = not_signed(&xml);
        assert!(
            matches!(
                why,
                XmlSignatureError::Misplaced | XmlSignatureError::Form(_)
            ),
            "{why:?}"
        );
    }
    assert_eq!(not_signed(&says.around(&evil)), XmlSignatureError::Unsigned);
}

#[test]
fn two_signatures_of_one_element_are_refused() {
    let Parts {
        signature, signed, ..
    } = parts();
    let xml = ada().around(&sign_with(&signed, &signature));
    assert_eq!(not_signed(&xml), XmlSignatureError::Misplaced);
}
