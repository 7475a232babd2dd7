//! The presigned form: what is accepted, and what a stranger may try.

use super::*;

#[test]
fn a_presigned_request_is_its_signers() {
    for (who, expected) in [
        (root as fn(&SecretKey) -> Signer<'_>, "root"),
        (session, "session"),
    ] {
        let sent = Sent::caller_identity().presigned(who, 900);
        assert_eq!(sent.verify().unwrap().owner, expected);
    }
}

#[test]
fn a_token_may_be_added_after_signing() {
    let mut sent = Sent::caller_identity().presigned(
        |secret| Signer {
            session_token: None,
            ..session(secret)
        },
        60,
    );
    assert_eq!(sent.verify(), Err(SignatureError::UnknownKey));
    sent.query += "&X-Amz-Security-Token=a%20token%2F%2B%3D";
    assert_eq!(sent.verify().unwrap().owner, "session");
}

#[test]
fn another_headers_signature_holds() {
    let mut sent = Sent::caller_identity();
    sent.set("x-k8s-aws-id", "cluster");
    let mut sent = sent.presigned(root, 60);
    sent.verify().unwrap();
    sent.set("x-k8s-aws-id", "another");
    assert_eq!(sent.verify(), Err(Invalid::Mismatch.into()));
    sent.headers.remove("x-k8s-aws-id");
    let name = "x-k8s-aws-id".to_owned();
    assert_eq!(sent.verify(), Err(Invalid::NotThere { name }.into()));
}

#[test]
fn where_it_is_not_accepted_it_is_refused() {
    let sent = Sent::caller_identity().presigned(root, 60);
    let rules = SignatureRules {
        services: &["cognito-identity"],
        region: &|_| true,
        presigned: false,
    };
    let refused = verify(&sent.request(), &rules, &Few, &KeyCache::new(), now());
    assert_eq!(refused, Err(Invalid::Presigned.into()));
}

#[test]
fn it_lives_from_one_second_to_fifteen_minutes() {
    for expires in [
        "0",
        "901",
        "604800",
        "-1",
        "%2B60",
        "",
        "x",
        "1.5",
        "99999999999999999999",
    ] {
        let mut sent = Sent::caller_identity().presigned(root, 60);
        sent.query = sent
            .query
            .replace("X-Amz-Expires=60", &format!("X-Amz-Expires={expires}"));
        assert!(
            matches!(
                sent.verify(),
                Err(SignatureError::Incomplete(Incomplete::Expires { .. }))
            ),
            "{expires}"
        );
    }
    Sent::caller_identity().presigned(root, 1).verify().unwrap();
    Sent::caller_identity()
        .presigned(root, 900)
        .verify()
        .unwrap();
}

#[test]
fn the_lifetime_is_signed() {
    let mut sent = Sent::caller_identity().presigned(root, 60);
    sent.query = sent.query.replace("X-Amz-Expires=60", "X-Amz-Expires=900");
    assert_eq!(sent.verify(), Err(Invalid::Mismatch.into()));
    sent.query = sent.query.replace("&X-Amz-Expires=900", "");
    assert_eq!(sent.verify(), Err(Invalid::Mismatch.into()));
}

#[test]
fn every_parameter_counts() {
    for (from, to) in [
        ("Action=GetCallerIdentity", "Action=GetSessionToken"),
        ("Version=2011-06-15", "Version=2011-06-16"),
        ("Action=", "X=y&Action="),
        ("&Version=2011-06-15", ""),
        ("X-Amz-Date=20240101T001500Z", "X-Amz-Date=20240101T001501Z"),
        ("AKIDROOT", "ASIDSESSION"),
    ] {
        let mut sent = Sent::caller_identity().presigned(root, 60);
        assert!(sent.query.contains(from));
        sent.query = sent.query.replace(from, to);
        assert!(
            matches!(
                sent.verify(),
                Err(SignatureError::Invalid(Invalid::Mismatch) | SignatureError::UnknownKey)
            ),
            "{to}"
        );
    }
}

#[test]
fn a_doubled_parameter_is_refused() {
    for parameter in presigned::PARAMETERS {
        for second in [
            parameter.to_owned(),
            parameter.to_ascii_lowercase(),
            parameter.replace('-', "%2D"),
        ] {
            let mut sent = Sent::caller_identity().presigned(session, 60);
            sent.query = format!("{second}=x&{}", sent.query);
            let name = parameter.to_ascii_lowercase();
            assert_eq!(
                sent.verify(),
                Err(Incomplete::DoubledParameter { name }.into())
            );
        }
    }
}

#[test]
fn a_parameter_that_is_missing_is_named() {
    for parameter in &presigned::PARAMETERS[1..5] {
        let mut sent = Sent::caller_identity().presigned(root, 60);
        sent.query = sent.query.replace(parameter, "x");
        let missing = vec![*parameter];
        assert_eq!(sent.verify(), Err(Incomplete::Query { missing }.into()));
    }
    let mut sent = Sent::caller_identity().presigned(root, 60);
    sent.query = sent.query.replace("X-Amz-Algorithm", "x");
    assert_eq!(sent.verify(), Err(SignatureError::Missing));
}

#[test]
fn a_header_added_on_the_way_is_refused() {
    for header in ["x-amz-target", "x-amz-date", "x-amz-content-sha256"] {
        let mut sent = Sent::caller_identity().presigned(root, 60);
        sent.set(header, "x");
        let name = header.to_owned();
        assert_eq!(sent.verify(), Err(Invalid::NotSigned { name }.into()));
    }
}

#[test]
fn a_token_stands_in_one_place() {
    for who in [root as fn(&SecretKey) -> Signer<'_>, session] {
        let mut sent = Sent::caller_identity().presigned(who, 60);
        sent.set("x-amz-security-token", "a token/+=");
        let (parameter, header) = ("X-Amz-Algorithm", "X-Amz-Security-Token");
        assert_eq!(
            sent.verify(),
            Err(Invalid::TwoForms { parameter, header }.into())
        );
    }
}

#[test]
fn a_body_can_t_be_added() {
    let mut sent = Sent::caller_identity().presigned(root, 60);
    sent.body = b"Action=DeleteRole".to_vec();
    assert_eq!(sent.verify(), Err(Invalid::Mismatch.into()));
    let mut sent = Sent::caller_identity();
    sent.set("x-amz-content-sha256", "UNSIGNED-PAYLOAD");
    assert_eq!(
        sent.clone().presigned(root, 60).verify(),
        Err(Invalid::Payload.into())
    );
    sent.body = b"Action=DeleteRole".to_vec();
    assert_eq!(
        sent.presigned(root, 60).verify(),
        Err(Invalid::Payload.into())
    );
}

#[test]
fn a_signature_of_one_form_is_none_of_the_other() {
    let header = Sent::new().signed(root).header("authorization");
    let (_, signature) = header.split_once("Signature=").unwrap();
    let presigned = Sent::caller_identity().presigned(root, 60);
    let (before, _) = presigned.query.split_once("X-Amz-Signature=").unwrap();
    let mut sent = presigned.clone();
    sent.query = format!("{before}X-Amz-Signature={signature}");
    assert_eq!(sent.verify(), Err(Invalid::Mismatch.into()));
}

#[test]
fn parameters_that_are_no_text_are_refused() {
    for (from, to, refused) in [
        ("AKIDROOT", "%ff", Incomplete::MalformedQuery.into()),
        (
            "X-Amz-Expires=60",
            "X-Amz-Expires=%ff",
            Incomplete::Expires {
                got: "?".to_owned(),
            }
            .into(),
        ),
        (
            "&X-Amz-Signature",
            "&X-Amz-Security-Token=%ff&X-Amz-Signature",
            SignatureError::UnknownKey,
        ),
    ] {
        let mut sent = Sent::caller_identity().presigned(root, 60);
        sent.query = sent.query.replace(from, to);
        assert_eq!(sent.verify(), Err(refused), "{to}");
    }
}
