//! What a signed assertion must say: each is signed after it was spoilt, so that only what it says refuses it.

use super::*;
use crate::logins::saml::attributes::ROLES;

/// Why the assertion of ada is refused with `from` in it replaced before it was signed.
fn why(from: &str, to: &str) -> AssertionError {
    let says = ada();
    let assertion = says.assertion();
    assert!(assertion.contains(from), "{from}");
    let xml = says.around(&GOOD.sign(&assertion.replace(from, to), "_assertion"));
    match refused(&xml) {
        SamlError::Assertion(why) => why,
        other @ SamlError::Response(_) => panic!("{from}: {other:?}"),
    }
}

#[test]
fn the_issuer_is_the_entity_to_the_byte() {
    let entity = format!(">{ENTITY}<");
    for other in [
        "https://idp.example",
        "HTTPS://idp.example/metadata",
        " https://idp.example/metadata",
        "",
    ] {
        assert_eq!(
            why(&entity, &format!(">{other}<")),
            AssertionError::Issuer,
            "{other}"
        );
    }
}

#[test]
fn the_responses_issuer_may_be_missing_and_not_another() {
    let says = ada();
    let xml = says.signed_by(&GOOD);
    let issuer = format!(
        "<saml:Issuer xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\">{ENTITY}</saml:Issuer>"
    );
    assert!(xml.contains(&issuer));
    assert!(verify_xml(&xml.replace(&issuer, "")).is_ok());
    let other = issuer.replace(ENTITY, "https://other.example");
    assert_eq!(
        refused(&xml.replace(&issuer, &other)),
        AssertionError::Issuer.into()
    );
}

#[test]
fn each_restriction_must_have_us_in_it() {
    let ours = "<saml:Audience>urn:amazon:webservices</saml:Audience>";
    let other = "<saml:Audience>urn:other</saml:Audience>";
    let says = ada();
    let taken = |to: &str| {
        let assertion = says.assertion().replace(ours, to);
        verify_xml(&says.around(&GOOD.sign(&assertion, "_assertion")))
    };
    assert!(taken(&format!("{other}{ours}")).is_ok());
    let split = format!("{ours}</saml:AudienceRestriction><saml:AudienceRestriction>{other}");
    for audiences in [
        "",
        other,
        &split,
        "<saml:Audience/>",
        "<saml:Audience>urn:amazon:webservices </saml:Audience>",
        "<saml:Audience>URN:amazon:webservices</saml:Audience>",
    ] {
        assert_eq!(
            taken(audiences).unwrap_err(),
            AssertionError::Audience.into(),
            "{audiences}"
        );
    }
    let whole = format!("<saml:AudienceRestriction>{ours}</saml:AudienceRestriction>");
    assert_eq!(why(&whole, ""), AssertionError::Audience);
    assert_eq!(
        why(&whole, &format!("{whole}<saml:Condition/>")),
        AssertionError::Condition
    );
    assert_eq!(
        why("saml:Conditions", "saml:Other"),
        AssertionError::Missing("Conditions")
    );
}

#[test]
fn the_recipient_is_ours() {
    for other in [
        "https://signin.aws.amazon.com/saml/",
        "https://signin.aws.amazon.com/SAML",
        "",
    ] {
        let to = format!("Recipient=\"{other}\"");
        assert_eq!(
            why(&format!("Recipient=\"{RECIPIENT}\""), &to),
            AssertionError::Recipient
        );
    }
    assert_eq!(
        why(&format!("Recipient=\"{RECIPIENT}\""), ""),
        AssertionError::Recipient
    );
    let xml = ada().signed_by(&GOOD);
    for other in ["https://other.example", ""] {
        let xml = xml.replace(
            &format!("Destination=\"{RECIPIENT}\""),
            &format!("Destination=\"{other}\""),
        );
        assert_eq!(refused(&xml), AssertionError::Recipient.into());
    }
    let xml = xml.replace(&format!("Destination=\"{RECIPIENT}\""), "");
    assert!(verify_xml(&xml).is_ok(), "it need not be there");
}

#[test]
fn whoever_brings_it_must_be_its_bearer() {
    let missing = AssertionError::Missing("SubjectConfirmation");
    for method in ["holder-of-key", "sender-vouches", "Bearer"] {
        assert_eq!(why("cm:bearer", &format!("cm:{method}")), missing);
    }
    let nobody = why("Method=\"urn", "Other=\"urn");
    assert_eq!(nobody, missing);
}

#[test]
fn times_have_the_grace_that_they_have_and_no_more() {
    let says = ada();
    let (begin, end) = ("2026-03-01T12:00:00Z", "2026-03-01T12:05:00Z");
    let taken = |from: &str, to: &str| {
        let assertion = says.assertion().replace(from, to);
        verify_xml(&says.around(&GOOD.sign(&assertion, "_assertion")))
    };
    assert!(
        taken(begin, "2026-03-01T12:05:00Z").is_ok(),
        "five minutes ahead"
    );
    assert_eq!(
        taken(begin, "2026-03-01T12:05:01Z").unwrap_err(),
        AssertionError::NotYetValid.into()
    );
    assert!(taken(end, "2026-03-01T12:00:01Z").is_ok());
    for over in [
        "2026-03-01T12:00:00Z",
        "2026-03-01T12:00:00.999Z",
        "2026-03-01T11:59:59Z",
    ] {
        let why = taken(end, over).unwrap_err();
        assert!(
            matches!(why, SamlError::Assertion(AssertionError::Expired { .. })),
            "{over}: {why:?}"
        );
    }
    for bad in ["", "soon", "2026-03-01T12:05:00", "2026-03-01"] {
        let why = taken(end, bad).unwrap_err();
        assert_eq!(why, AssertionError::Missing("NotOnOrAfter").into(), "{bad}");
    }
    let conditions = format!("NotBefore=\"{begin}\" NotOnOrAfter=\"{end}\"");
    assert!(
        taken(&conditions, "").is_ok(),
        "the confirmation has an end"
    );
    let confirmation = format!("NotOnOrAfter=\"{end}\" Recipient");
    assert_eq!(
        taken(&confirmation, "Recipient").unwrap_err(),
        AssertionError::Missing("SubjectConfirmationData").into()
    );
    let assertion = taken(
        &confirmation,
        "NotOnOrAfter=\"2026-03-01T12:01:00Z\" Recipient",
    )
    .unwrap();
    assert_eq!(
        assertion.end,
        now().as_second() + 60,
        "the earliest end counts"
    );
    let session = format!("AuthnInstant=\"{begin}\" SessionNotOnOrAfter=\"{begin}\"");
    let why = taken(&format!("AuthnInstant=\"{begin}\""), &session).unwrap_err();
    assert!(matches!(
        why,
        SamlError::Assertion(AssertionError::Expired { .. })
    ));
}

#[test]
fn a_user_has_one_lasting_name() {
    let name = AssertionError::Missing("NameID");
    assert_eq!(why(">ada<", "><"), name);
    assert_eq!(why(">ada<", "> \n <"), name);
    assert_eq!(why(">ada<", &format!(">{}<", "x".repeat(256))), name);
    assert_eq!(why("saml:NameID", "saml:BaseID"), name);
    assert_eq!(
        why(
            "</saml:NameID>",
            "</saml:NameID><saml:NameID>eve</saml:NameID>"
        ),
        name
    );
    assert_eq!(
        why("nameid-format:persistent", "nameid-format:transient"),
        AssertionError::Transient
    );
    for qualifier in [
        "NameQualifier=\"https://other.example\"",
        "SPNameQualifier=\"https://other.example\"",
    ] {
        let to = format!("<saml:NameID {qualifier}");
        assert_eq!(
            why("<saml:NameID", &to),
            AssertionError::Qualifier,
            "{qualifier}"
        );
    }
    let says = ada();
    let qualified =
        format!("<saml:NameID NameQualifier=\"{ENTITY}\" SPNameQualifier=\"{AUDIENCE}\"");
    let assertion = says.assertion().replace("<saml:NameID", &qualified);
    assert!(verify_xml(&says.around(&GOOD.sign(&assertion, "_assertion"))).is_ok());
}

#[test]
fn a_users_name_is_kept_to_the_byte() {
    for name in [
        "ada",
        " ada ",
        "Ada",
        "ad\u{e1}",
        "ada\u{301}",
        &"é".repeat(255),
    ] {
        let mut says = ada();
        says.subject = name.to_owned();
        assert_eq!(verify_xml(&says.signed_by(&GOOD)).unwrap().subject, name);
    }
}

#[test]
fn a_transient_name_is_taken_where_it_is_nobodys_identity() {
    let format = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient";
    let mut says = ada();
    says.format = format.to_owned();
    let assertion = verify_where(&GOOD, &says.signed_by(&GOOD), true).unwrap();
    assert_eq!(assertion.format.as_deref(), Some(format));
}

#[test]
fn the_first_end_of_a_session_is_told() {
    let statement = "<saml:AuthnStatement ";
    let ends = |moment: &str| format!("{statement}SessionNotOnOrAfter=\"{moment}\" ");
    let (later, sooner) = ("2026-03-01T14:00:00Z", "2026-03-01T13:00:00Z");
    let whole = ada().assertion().replacen(statement, &ends(later), 1);
    let more = format!(
        "{}AuthnInstant=\"2026-03-01T12:00:00Z\"/></saml:Assertion>",
        ends(sooner)
    );
    let whole = whole.replacen("</saml:Assertion>", &more, 1);
    let xml = ada().around(&GOOD.sign(&whole, "_assertion"));
    let assertion = verify_xml(&xml).unwrap();
    assert_eq!(assertion.session_end, Some(now().as_second() + 3600));
    assert_eq!(assertion.end, now().as_second() + 300);
}

#[test]
fn roles_are_those_beside_the_providers_own_arn() {
    let arn = "arn:aws:iam::123456789012:saml-provider/corp";
    let role = |name: &str| format!("arn:aws:iam::123456789012:role/{name}");
    let pair = |one: &str, other: &str| format!("{one},{other}");
    let values = [
        pair(&role("One"), arn),
        pair(arn, &role("Two")),
        pair(
            &role("Other"),
            "arn:aws:iam::123456789012:saml-provider/other",
        ),
        pair("nonsense", arn),
        pair(arn, arn),
        role("Alone"),
    ];
    let assertion = Assertion {
        id: String::new(),
        subject: "ada".to_owned(),
        format: None,
        audience: String::new(),
        recipient: String::new(),
        issued: None,
        end: 0,
        latest_use: 0,
        session_end: None,
        attributes: vec![
            ("cognito:preferred_role".to_owned(), vec![role("Evil")]),
            ("cognito:roles".to_owned(), vec![role("Evil")]),
            ("sub".to_owned(), vec!["eve".to_owned()]),
            ("one".to_owned(), vec!["1".to_owned()]),
            ("none".to_owned(), vec![]),
            (ROLES.to_owned(), values.to_vec()),
        ],
    };
    let claims = assertion.claims(arn);
    let wanted = serde_json::json!({
        "sub": "ada", "one": "1", ROLES: values, "cognito:roles": [role("One"), role("Two")],
    });
    assert_eq!(serde_json::Value::Object(claims), wanted);
}
