use proptest::prelude::*;

use super::*;
use crate::model::tags::Tags;

const AWS: &str = r#"<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleWithWebIdentityResult>
    <Audience>pool</Audience>
    <AssumedRoleUser><AssumedRoleId>AROA:x</AssumedRoleId><Arn>arn:aws:sts::1:assumed-role/R/x</Arn></AssumedRoleUser>
    <Credentials>
      <AccessKeyId>ASIAIOSFODNN7EXAMPLE</AccessKeyId>
      <SecretAccessKey>wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKEY</SecretAccessKey>
      <SessionToken>AQoDYXdzEE0a8ANXXXXXXXXNO1ewxE5TijQyp+IEXAMPLE==</SessionToken>
      <Expiration>2026-03-01T13:00:00Z</Expiration>
    </Credentials>
  </AssumeRoleWithWebIdentityResult>
  <ResponseMetadata><RequestId>ad4156e9-bce1-11e2-82e6-6b6efEXAMPLE</RequestId></ResponseMetadata>
</AssumeRoleWithWebIdentityResponse>"#;

/// As radosgw writes it: no namespace, a short key id, nanoseconds.
const CEPH: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><AssumeRoleWithWebIdentityResponse>\
    <AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>kpRm2FqQOXRAGaeoHPP</AccessKeyId>\
    <SecretAccessKey>S1</SecretAccessKey><SessionToken>a&#43;b&amp;c</SessionToken>\
    <Expiration>2026-03-01T13:00:00.158226571Z</Expiration></Credentials></AssumeRoleWithWebIdentityResult>\
    </AssumeRoleWithWebIdentityResponse>";

#[test]
fn answers_of_different_systems_are_read() {
    let obtained = read(AWS.as_bytes()).unwrap();
    assert_eq!(obtained.access_key_id, "ASIAIOSFODNN7EXAMPLE");
    assert_eq!(
        *obtained.secret_key,
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKEY"
    );
    assert!(obtained.session_token.starts_with("AQoDYXdzEE0a8"));
    assert_eq!(obtained.expires.to_string(), "2026-03-01T13:00:00Z");
    let obtained = read(CEPH.as_bytes()).unwrap();
    assert_eq!(obtained.session_token, "a+b&c");
    assert_eq!(obtained.expires.to_string(), "2026-03-01T13:00:00Z");
}

#[test]
fn an_answer_that_is_none_gives_nothing() {
    let changed = |from: &str, to: &str| {
        let text = AWS.replacen(from, to, 1);
        assert_ne!(text, AWS, "{from}");
        read(text.as_bytes()).err()
    };
    let id = "<AccessKeyId>ASIAIOSFODNN7EXAMPLE</AccessKeyId>";
    let member = StsAnswerError::Member;
    for (from, to, wanted) in [
        (id, "", member("AccessKeyId")),
        (id, &id.repeat(2), member("AccessKeyId")),
        (id, "<AccessKeyId></AccessKeyId>", member("AccessKeyId")),
        (id, "<AccessKeyId>a b</AccessKeyId>", member("AccessKeyId")),
        (id, "<AccessKeyId>é</AccessKeyId>", member("AccessKeyId")),
        ("2026-03-01T13", "soon", member("Expiration")),
        (
            "<AssumeRoleWith",
            "<!DOCTYPE x [<!ENTITY a \"b\">]><AssumeRoleWith",
            StsAnswerError::Xml,
        ),
        ("AQoDYXdzEE0a8", "&lol;", StsAnswerError::Xml),
        ("</ResponseMetadata>", "</Response>", StsAnswerError::Xml),
        (
            "</AssumeRoleWithWebIdentityResponse>",
            "",
            StsAnswerError::Xml,
        ),
    ] {
        assert_eq!(changed(from, to), Some(wanted), "{from} -> {to}");
    }
    let long = "x".repeat(20_000);
    assert_eq!(
        changed("AQoDYXdzEE0a8", &long),
        Some(member("SessionToken"))
    );
    let deep = "<a>".repeat(17);
    for other in ["", "{}", "<html></html>", "\u{0}", &deep] {
        assert!(read(other.as_bytes()).is_err(), "{other}");
    }
    assert!(read(b"\xff").is_err());
}

#[test]
fn a_refusal_is_read_wherever_its_error_stands() {
    for (body, code, message) in [
        (
            "<ErrorResponse xmlns=\"x\"><Error><Type>Sender</Type><Code>InvalidIdentityToken</Code><Message>No \n OpenID</Message></Error></ErrorResponse>",
            "InvalidIdentityToken",
            "No   OpenID",
        ),
        (
            "<Error><Code>AccessDenied</Code><RequestId>1</RequestId></Error>",
            "AccessDenied",
            "",
        ),
        ("<Error><Code>Unknown</Code>", "Unknown", ""),
        ("<html>", "", ""),
        ("", "", ""),
    ] {
        let refusal = StsErrorResponse::read(body.as_bytes(), "");
        assert_eq!(
            (refusal.code.as_str(), refusal.message.as_str()),
            (code, message)
        );
    }
    let long = format!("<Error><Message>{}</Message></Error>", "x ".repeat(5000));
    assert_eq!(
        StsErrorResponse::read(long.as_bytes(), "").message.len(),
        300
    );
}

#[test]
fn a_refusal_repeats_neither_the_token_nor_whom_it_is_about() {
    let subject = "us-east-1:0b1c2d3e-4f50-4678-9abc-def012345678";
    let token = format!(
        "eyJhbGciOiJSUzUxMiJ9.{}.{}",
        "A".repeat(900),
        "b".repeat(342)
    );
    for (message, wanted) in [
        (format!("{subject} shows '{token}'"), "us-east-1:… shows '…'".to_owned()),
        (format!("cut {}", &token[..200]), "cut …".to_owned()),
        (subject.replace(':', "?"), "us-east-1?…".to_owned()),
        (
            "User arn:aws:sts::123456789012:assumed-role/R/CognitoIdentityCredentials is not authorized".to_owned(),
            "User arn:aws:sts::123456789012:assumed-role/R/CognitoIdentityCredentials is not authorized".to_owned(),
        ),
    ] {
        let body = format!("<Error><Message>{message}</Message></Error>");
        assert_eq!(StsErrorResponse::read(body.as_bytes(), subject).message, wanted);
    }
}

fn answered(status: u16, body: &str) -> StsError {
    let answer = Fetched {
        is_listed: false,
        status: StatusCode::from_u16(status).unwrap(),
        body: body.to_owned().into(),
        max_age: None,
    };
    understand(&answer, "").err().unwrap()
}

#[test]
fn trouble_is_told_from_refusals() {
    let error =
        |code: &str| format!("<ErrorResponse><Error><Code>{code}</Code></Error></ErrorResponse>");
    for (status, code) in [
        (403, "AccessDenied"),
        (400, "InvalidIdentityToken"),
        (404, ""),
        (302, ""),
    ] {
        assert!(
            matches!(answered(status, &error(code)), StsError::Refused(..)),
            "{status} {code}"
        );
    }
    for (status, code) in [
        (500, "InternalFailure"),
        (503, ""),
        (502, ""),
        (400, "IDPCommunicationError"),
    ] {
        assert!(
            matches!(answered(status, &error(code)), StsError::ServerError(..)),
            "{status} {code}"
        );
    }
    for (status, code) in [(400, "Throttling"), (503, "SlowDown"), (429, "")] {
        assert!(
            matches!(answered(status, &error(code)), StsError::Throttled(_)),
            "{status} {code}"
        );
    }
    assert!(matches!(
        answered(200, "<html></html>"),
        StsError::Answer(_)
    ));
}

#[test]
fn a_request_is_a_form_without_a_plus() {
    let request = StsRequest {
        role: "arn:aws:iam:::role/User",
        session_name: "CognitoIdentityCredentials",
        subject: "us-east-1:0b1c2d3e-4f50-4678-9abc-def012345678",
        token: "a.b-c_d.e",
        seconds: 3600,
        policy: Some(r#"{"Sid":"a b+c"}"#),
        policy_arns: &["arn:aws:iam::aws:policy/X"],
    };
    assert_eq!(
        request.form(),
        "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A%3Arole%2FUser\
         &RoleSessionName=CognitoIdentityCredentials&WebIdentityToken=a.b-c_d.e&DurationSeconds=3600\
         &Policy=%7B%22Sid%22%3A%22a%20b%2Bc%22%7D&PolicyArns.member.1.arn=arn%3Aaws%3Aiam%3A%3Aaws%3Apolicy%2FX"
    );
}

fn key() -> StsCacheKey {
    StsCacheKey {
        route: 1,
        role: "arn:aws:iam:::role/User".into(),
        generation: uuid::Uuid::from_u128(7),
        pool: uuid::Uuid::from_u128(1),
        identity: uuid::Uuid::from_u128(2),
        epoch: 3,
        amr: vec!["authenticated".into()],
        policy: None,
        tags: Vec::new(),
        seconds: 3600,
        end: None,
    }
}

#[test]
fn what_was_obtained_is_found_by_everything_that_it_was_asked_for_with() {
    let memory = StsCache::default();
    let obtained = Arc::new(read(AWS.as_bytes()).unwrap());
    let now = obtained.expires - SignedDuration::from_hours(1);
    memory.keep(key(), Arc::clone(&obtained));
    assert!(
        memory
            .find(&key(), jiff::SignedDuration::ZERO, now)
            .is_some()
    );
    let changes: [fn(&mut StsCacheKey); 11] = [
        |key| key.route = 2,
        |key| key.role.push('s'),
        |key| key.generation = uuid::Uuid::from_u128(9),
        |key| key.pool = uuid::Uuid::from_u128(9),
        |key| key.identity = uuid::Uuid::from_u128(9),
        |key| key.epoch += 1,
        |key| key.amr = vec!["unauthenticated".into()],
        |key| key.policy = Some("{}".into()),
        |key| key.tags = vec![("team".into(), "red".into())],
        |key| key.seconds = 900,
        |key| key.end = Some(Timestamp::UNIX_EPOCH),
    ];
    for (at, change) in changes.into_iter().enumerate() {
        let mut other = key();
        change(&mut other);
        assert!(
            memory
                .find(&other, jiff::SignedDuration::ZERO, now)
                .is_none(),
            "change {at}"
        );
    }
}

#[test]
fn what_was_obtained_is_forgotten_five_minutes_before_it_ends() {
    let memory = StsCache::default();
    let obtained = Arc::new(read(AWS.as_bytes()).unwrap());
    memory.keep(key(), Arc::clone(&obtained));
    let left = |seconds| obtained.expires - SignedDuration::from_secs(seconds);
    assert!(
        memory
            .find(&key(), jiff::SignedDuration::ZERO, left(301))
            .is_some()
    );
    assert!(
        memory
            .find(&key(), jiff::SignedDuration::ZERO, left(300))
            .is_none()
    );
    assert!(
        memory
            .find(&key(), jiff::SignedDuration::ZERO, left(301))
            .is_none(),
        "it is gone"
    );
}

#[test]
fn the_order_of_tags_is_none() {
    let tags = |order: [&str; 2]| Tags::of(order.map(|tag| (tag, "x"))).unwrap();
    assert_eq!(
        StsCacheKey::sorted(&tags(["a", "b"])),
        StsCacheKey::sorted(&tags(["b", "a"]))
    );
}

#[test]
fn managed_policies_are_for_awss_own_sts() {
    for (endpoint, is_aws) in [
        ("https://sts.amazonaws.com", true),
        ("https://sts.eu-west-1.amazonaws.com", true),
        ("https://sts.cn-north-1.amazonaws.com.cn", true),
        ("https://amazonaws.com.example.net", false),
        ("https://xamazonaws.com", false),
        ("https://rgw.example.net", false),
        ("http://127.0.0.1:7480", false),
    ] {
        let settings = RouteSettings {
            role: RolePattern::parse("arn:aws:iam:::role/*").unwrap(),
            endpoint: endpoint.into(),
            region: None,
            assume: None,
            audience: None,
            session_policy: None,
        };
        let route = StsRoute {
            settings,
            number: 1,
            asked: Semaphore::new(1),
        };
        assert_eq!(route.is_aws(), is_aws, "{endpoint}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_the_readers_panic(bytes: Vec<u8>, text in "[<>/&;a-zE!\\[\\]# ]{0,80}") {
        let _ = read(&bytes);
        let _ = read(text.as_bytes());
        let refusal = StsErrorResponse::read(text.as_bytes(), "a:b");
        prop_assert!(refusal.code.chars().count() <= 300);
    }
}
