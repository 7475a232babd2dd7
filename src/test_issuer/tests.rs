//! The test issuer: what it signs, what it serves and what it refuses.

use proptest::prelude::*;

use super::*;

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// The challenge of the verifier in RFC 7636, appendix B.
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A change of a good redemption.
type Change = fn(&mut CodeRedemption<'_>);

fn issuer() -> TestIssuer {
    TestIssuer::new("http://127.0.0.1:2646", &["http://app:3000".to_owned()]).unwrap()
}

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn user() -> TestUser {
    TestUser::new("alice", Map::new()).unwrap()
}

fn grant() -> Grant {
    Grant {
        user: user(),
        client_id: "demo".to_owned(),
        redirect_uri: "http://localhost:3000/back".to_owned(),
        code_challenge: CHALLENGE.to_owned(),
        nonce: None,
    }
}

fn redemption(code: &str) -> CodeRedemption<'_> {
    CodeRedemption {
        code,
        client_id: "demo",
        redirect_uri: "http://localhost:3000/back",
        verifier: VERIFIER,
    }
}

#[test]
fn each_issuer_has_a_key_of_its_own() {
    let (one, other) = (issuer(), issuer());
    assert_ne!(one.key_set(), other.key_set());
    assert_eq!(one.url(), "http://127.0.0.1:2646/dev/issuer");
    assert_eq!(one.name(), "127.0.0.1:2646/dev/issuer");
}

#[test]
fn a_user_sets_no_claim_of_the_issuer() {
    for own in [
        "iss",
        "sub",
        "aud",
        "azp",
        "iat",
        "exp",
        "nonce",
        "auth_time",
    ] {
        let claims = Map::from_iter([(own.to_owned(), "x".into())]);
        assert_eq!(TestUser::new("a", claims), Err(TestUserError::Own(own)));
    }
    for subject in ["", &"x".repeat(256)] {
        let refused = TestUser::new(subject, Map::new());
        assert_eq!(refused, Err(TestUserError::Subject));
    }
    let long = Map::from_iter([("a".to_owned(), "x".repeat(20_000).into())]);
    assert_eq!(TestUser::new("a", long), Err(TestUserError::TooMany));
    assert!(TestUser::new(&"ü".repeat(255), Map::new()).is_ok());
}

#[test]
fn a_code_is_redeemed_once_by_the_client_that_asked() {
    let issuer = issuer();
    let code = issuer.issue_code([7; 32], grant(), now());
    assert_eq!(issuer.redeem(&redemption(&code), now()), Ok(grant()));
    let again = issuer.redeem(&redemption(&code), now());
    assert_eq!(again, Err(CodeError::Unknown));
}

#[test]
fn a_code_is_refused_and_used_up_by_a_wrong_client_verifier_or_time() {
    let issuer = issuer();
    let late = now().saturating_add(SignedDuration::from_mins(1)).unwrap();
    let wrong = "x".repeat(43);
    let long = "x".repeat(129);
    let none: Change = |_| {};
    let cases: [(Change, Option<&str>, Timestamp, CodeError); 6] = [
        (
            |it| it.client_id = "other",
            None,
            now(),
            CodeError::OtherClient,
        ),
        (
            |it| it.redirect_uri = "http://localhost:3000/",
            None,
            now(),
            CodeError::OtherClient,
        ),
        (none, Some(&wrong), now(), CodeError::Verifier),
        (none, Some(""), now(), CodeError::Verifier),
        (none, Some(&long), now(), CodeError::Verifier),
        (none, None, late, CodeError::Unknown),
    ];
    for (index, (change, verifier, at, why)) in cases.into_iter().enumerate() {
        let code = issuer.issue_code([u8::try_from(index).unwrap(); 32], grant(), now());
        let mut asked = redemption(&code);
        asked.verifier = verifier.unwrap_or(VERIFIER);
        change(&mut asked);
        assert_eq!(issuer.redeem(&asked, at), Err(why), "{index}");
        let good = issuer.redeem(&redemption(&code), now());
        assert_eq!(good, Err(CodeError::Unknown), "{index}");
    }
}

#[test]
fn codes_are_bounded() {
    let issuer = issuer();
    let first = issuer.issue_code([0; 32], grant(), now());
    for number in 1..=1000_u32 {
        let mut random = [1; 32];
        random[..4].copy_from_slice(&number.to_be_bytes());
        issuer.issue_code(random, grant(), now());
    }
    let dropped = issuer.redeem(&redemption(&first), now());
    assert_eq!(dropped, Err(CodeError::Unknown));
}

#[test]
fn redirects_and_origins_are_loopback_or_named() {
    let issuer = issuer();
    for good in [
        "http://localhost:3000/callback?a=b",
        "https://localhost/",
        "http://127.0.0.1:8000/",
        "http://[::1]:8000/",
        "http://a.localhost:1/",
        "http://app:3000/x",
    ] {
        assert!(issuer.may_redirect_to(good), "{good}");
    }
    for bad in [
        "",
        "/callback",
        "https://evil.example/",
        "http://app:3001/",
        "https://app:3000/",
        "http://localhost.evil.example/",
        "http://127.0.0.1.nip.io/",
        "http://localhost@evil.example/",
        "http://user@localhost:3000/",
        "http://localhost:3000/#token",
        "http://evil.example\\@localhost:3000/",
        "http://10.0.0.1/",
        "http://0.0.0.0:3000/",
        "javascript:alert(1)//localhost",
        "data:text/html,localhost",
        "app://localhost/",
    ] {
        assert!(!issuer.may_redirect_to(bad), "{bad}");
    }
    for good in [
        "http://localhost:3000",
        "http://127.0.0.1:2646",
        "http://app:3000",
    ] {
        assert!(issuer.serves_origin(good), "{good}");
    }
    for bad in [
        "null",
        "",
        "http://localhost:3000/",
        "http://evil.example",
        "http://localhost:80",
        "https://app:3000",
        "http://APP:3000",
    ] {
        assert!(!issuer.serves_origin(bad), "{bad}");
    }
}

proptest! {
    #[test]
    fn a_redirect_that_is_allowed_leads_to_this_machine_or_to_a_named_origin(
        scheme in "(https?|HTTP|ftp|javascript)",
        user in "(|a@|localhost@|a:b@)",
        host in "(localhost|127\\.0\\.0\\.1|app|evil\\.example|[a-z\\\\@:./]{0,12})",
        port in "(|:3000|:80|:1)",
        rest in "[/?#\\\\@a-z:]{0,8}",
    ) {
        let url = format!("{scheme}://{user}{host}{port}{rest}");
        if issuer_for_redirects().may_redirect_to(&url) {
            let parsed = url::Url::parse(&url).unwrap();
            let host = parsed.host_str().unwrap();
            let here = host == "localhost" || host.ends_with(".localhost") || host.starts_with("127.");
            prop_assert!(here || (host == "app" && parsed.port() == Some(3000)), "{url}");
            prop_assert!(parsed.username().is_empty());
        }
    }
}

fn issuer_for_redirects() -> &'static TestIssuer {
    static ISSUER: std::sync::OnceLock<TestIssuer> = std::sync::OnceLock::new();
    ISSUER.get_or_init(issuer)
}
