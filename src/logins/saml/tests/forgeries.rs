//! Documents that two readers would read differently, or that only cost.

use super::*;

/// Signed, and then spoilt.
fn spoilt(from: &str, to: &str) -> SamlError {
    let xml = ada().signed_by(&GOOD);
    assert!(xml.contains(from), "{from}");
    refused(&xml.replacen(from, to, 1))
}

fn xml(why: XmlReadError) -> SamlError {
    ResponseError::Xml(why).into()
}

#[test]
fn comments_never_cut_a_name_short() {
    // Canonicalisation drops comments, so that the signature of the whole name stays good.
    let mut says = ada();
    says.subject = "admin@example.com.evil.example".to_owned();
    let signed = says.signed_by(&GOOD);
    assert!(verify_xml(&signed).is_ok());
    for comment in ["<!---->", "<!-- x -->"] {
        let name = format!("admin@example.com{comment}.evil.example");
        let cut = signed.replace(&says.subject, &name);
        assert_eq!(refused(&cut), xml(XmlReadError::Markup));
    }
    let name = "admin@example.com<?x?>.evil.example";
    assert_eq!(
        refused(&signed.replace(&says.subject, name)),
        xml(XmlReadError::Instruction)
    );
    let name = "admin@example.com<![CDATA[.evil.example]]>";
    assert_eq!(
        refused(&signed.replace(&says.subject, name)),
        xml(XmlReadError::Markup)
    );
    let name = "admin@example.com<x/>.evil.example";
    assert!(is_invalid(&not_signed(
        &signed.replace(&says.subject, name)
    )));
}

#[test]
fn a_name_with_elements_in_it_is_no_name_even_if_signed() {
    let mut says = ada();
    says.subject = "admin<x/>.evil".to_owned();
    assert_eq!(
        refused(&says.signed_by(&GOOD)),
        AssertionError::Missing("NameID").into()
    );
}

#[test]
fn document_types_and_entities_are_refused() {
    let signed = ada().signed_by(&GOOD);
    let bomb = "<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">]>";
    let file = "<!DOCTYPE x [<!ENTITY a SYSTEM \"file:///etc/passwd\">]>";
    for prologue in ["<!DOCTYPE x>", bomb, file] {
        for text in [
            format!("{prologue}{signed}"),
            format!("<?xml version=\"1.0\"?>{prologue}{signed}"),
            format!("{prologue}{}", signed.replace(">ada<", ">&a;<")),
        ] {
            assert_eq!(refused(&text), xml(XmlReadError::Markup));
        }
    }
    let unknown = refused(&signed.replace(">ada<", ">&a;<"));
    assert!(matches!(
        unknown,
        SamlError::Response(ResponseError::Xml(XmlReadError::Malformed(_)))
    ));
}

#[test]
fn a_response_has_one_assertion_and_one_status() {
    let more = "it has more than one assertion";
    let says = ada();
    let signed = GOOD.sign(&says.assertion(), "_assertion");
    assert_eq!(refused(&says.around("")), shape("it has no assertion"));
    let mut twin = says.clone();
    twin.assertion_id = "_other".to_owned();
    let other = GOOD.sign(&twin.assertion(), "_other");
    assert_eq!(
        refused(&says.around(&format!("{signed}{other}"))),
        shape(more)
    );
    let inner = format!("<samlp:Extensions>{signed}</samlp:Extensions>");
    let elsewhere = shape("its assertion is in the wrong position");
    assert_eq!(refused(&says.around(&inner)), elsewhere);
    assert_eq!(refused(&signed), shape("it isn't a response of SAML 2.0"));
    let foreign = "<x:Assertion xmlns:x=\"urn:other\"/>";
    assert_eq!(refused(&says.around(foreign)), elsewhere);
    assert_eq!(
        refused(&says.around(&format!("{foreign}{signed}"))),
        shape(more)
    );
    let status = shape("it doesn't have exactly one status");
    assert_eq!(
        spoilt("<samlp:Status>", "<samlp:Status/><samlp:Status>"),
        status
    );
    let xml = says
        .signed_by(&GOOD)
        .replace("samlp:Status>", "samlp:State>");
    assert_eq!(refused(&xml), status);
}

#[test]
fn only_success_is_a_login() {
    for status in ["Responder", "Requester", "success", ""] {
        let to = format!("urn:oasis:names:tc:SAML:2.0:status:{status}\"");
        let why = spoilt("urn:oasis:names:tc:SAML:2.0:status:Success\"", &to);
        assert_eq!(why, ResponseError::Status.into(), "{status}");
    }
    let nested = "Success\"><samlp:StatusCode Value=\"x\"/></samlp:StatusCode>";
    assert_eq!(spoilt("Success\"/>", nested), ResponseError::Status.into());
    let two = "Success\"/><samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Success\"/>";
    assert_eq!(
        spoilt("Success\"/>", two),
        shape("it doesn't have exactly one status")
    );
}

#[test]
fn encrypted_parts_of_an_assertion_are_refused() {
    let says = ada();
    let xml = says
        .around("<saml:EncryptedAssertion xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\"/>");
    assert_eq!(refused(&xml), ResponseError::Undecryptable.into());
    let encrypted = says.assertion().replace("saml:NameID", "saml:EncryptedID");
    let xml = says.around(&GOOD.sign(&encrypted, "_assertion"));
    assert_eq!(refused(&xml), ResponseError::Undecryptable.into());
    assert!(
        ResponseError::Undecryptable
            .to_string()
            .contains("encrypted")
    );
}

#[test]
fn other_versions_and_missing_ids_are_refused() {
    let version = shape("it isn't of version 2.0");
    assert_eq!(spoilt("Version=\"2.0\"", "Version=\"1.1\""), version);
    assert_eq!(spoilt("Version=\"2.0\"", ""), version);
    let id = shape("the response or its assertion has no ID");
    assert_eq!(spoilt("ID=\"_response\"", ""), id);
    assert_eq!(spoilt("ID=\"_assertion\"", "Id=\"_assertion\""), id);
}

#[test]
fn garbage_is_refused() {
    let required = ResponseRequirements {
        entity_id: ENTITY,
        certificates: &[],
        algorithms: &ALGORITHMS,
        audiences: &[],
        recipients: &[],
        decryption_keys: &[],
        require_encryption: false,
        allow_transient: false,
    };
    let why =
        |response: &str| verify(response, &required, now(), &mut Report::disabled()).unwrap_err();
    for text in ["%", "a", "AAA", "/w==", "eyJhbGciOiJub25lIn0.e30."] {
        assert_eq!(why(text), ResponseError::Encoding.into(), "{text}");
    }
    let long = "A".repeat(LONGEST_RESPONSE + 4);
    assert_eq!(why(&long), ResponseError::TooLong.into());
    for text in ["", "x", "<a", "<a></b>"] {
        let why = why(&encode(text));
        assert!(
            matches!(why, SamlError::Response(ResponseError::Xml(_))),
            "{text}"
        );
    }
    assert_eq!(
        why(&encode("<a/>")),
        shape("it isn't a response of SAML 2.0")
    );
}

#[test]
fn white_space_in_base64_is_left_out() {
    let login = ada().login(&GOOD);
    let wrapped: Vec<&str> = login
        .as_bytes()
        .chunks(76)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    let metadata = read_metadata(&GOOD.metadata()).unwrap();
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
    assert!(
        verify(
            &wrapped.join("\r\n"),
            &required,
            now(),
            &mut Report::disabled()
        )
        .is_ok()
    );
}
