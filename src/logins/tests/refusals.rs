use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;

use super::*;
use crate::logins::id_token::{IdTokenClaims, UnverifiedIdToken};

const NO_TOKEN: &str = "Invalid login token. Not a valid OpenId Connect identity token.";
const ISSUER: &str = "Invalid login token. Issuer doesn't match providerName";
const NOT_YET: &str = "Invalid login token. Token used before valid.";
const UNSUPPORTED: &str = "Token is not from a supported provider of this identity pool.";
const LIVES_TOO_LONG: &str = "Invalid login token. Not a valid OpenId Connect identity token: its lifetime is longer than 24 hours.";
const UNVERIFIED: &str = "Invalid login token. Couldn't verify signed token.";

fn missing(claim: &str) -> String {
    format!("Invalid login token. Missing a required claim: {claim}")
}

fn expired(exp: i64) -> String {
    format!("Invalid login token. Token expired: {NOW} >= {exp}")
}

#[tokio::test]
async fn what_is_no_token_is_refused_as_none() {
    let scene = Scene::new().await;
    let good = scene.token(&json!({}));
    let (head, signature) = good.rsplit_once('.').unwrap();
    for text in [
        "",
        "ya29.opaque",
        "a.b.c",
        "user@example.com",
        &format!("{good}."),
        &format!("{good}="),
        &format!(" {good}"),
        &format!("{good}\n"),
        &format!("{head}.{signature}.{signature}.{signature}"),
        &format!("{head}.{}", &signature[..signature.len() - 1]),
        &format!("{head}.{}", signature.replace(['-', '_'], "+")),
        &"a".repeat(50_001),
    ] {
        assert_eq!(outcome(scene.verify(text).await), NO_TOKEN, "{text}");
    }
    for (header, payload) in [
        (&br#"{"alg":"RS256","kid":"a"}"#[..], &b""[..]),
        (br#"{"alg":"RS256","kid":"a"}"#, b"[]"),
        (br#"{"alg":"RS256","kid":"a"}"#, b"null"),
        (br#"{"alg":"RS256","kid":"a"}"#, b"{} {}"),
        (br#"{"alg":"RS256","kid":"a"}"#, br#"{"sub":"a","sub":"b"}"#),
        (
            br#"{"alg":"RS256","kid":"a"}"#,
            br#"{"x":{"a":1,"\u0061":2}}"#,
        ),
        (br#"{"alg":"RS256","kid":"a"}"#, b"{\"sub\":\"\xff\"}"),
        (br#"{"alg":"RS256","kid":"a"}"#, br#"{"sub":"a\u0000"}"#),
        (br#"{"alg":"RS256","alg":"RS256"}"#, b"{}"),
        (br#"{"alg":"RS256","x":{"a":1,"a":2}}"#, b"{}"),
        (b"[]", b"{}"),
        (b"", b"{}"),
    ] {
        let token = scene.key.sign(header, payload);
        assert_eq!(outcome(scene.verify(&token).await), NO_TOKEN, "{payload:?}");
    }
    assert!(scene.issuer.asked().is_empty());
}

#[tokio::test]
async fn a_token_for_another_purpose_is_no_token() {
    let scene = Scene::new().await;
    for kind in [
        json!("at+jwt"),
        json!("application/at+jwt"),
        json!("logout+jwt"),
        json!("dpop+jwt"),
        json!("secevent+jwt"),
        json!("JWE"),
        json!(""),
        json!(["JWT"]),
        json!(1),
    ] {
        let token = scene
            .key
            .token_with(&json!({ "typ": kind }), &scene.claims(&json!({})));
        assert_eq!(outcome(scene.verify(&token).await), NO_TOKEN, "{kind}");
    }
    for more in [
        json!({ "events": {} }),
        json!({ "events": { "http://schemas.openid.net/event/backchannel-logout": {} } }),
        json!({ "token_use": "access" }),
        json!({ "token_use": "refresh" }),
        json!({ "token_use": "ID" }),
        json!({ "token_use": ["id"] }),
        json!({ "iat": "1800000000" }),
        json!({ "nbf": "0" }),
        json!({ "nbf": [] }),
        json!({ "azp": ["app"] }),
        json!({ "azp": 1 }),
    ] {
        assert_eq!(scene.text(&more).await, NO_TOKEN, "{more}");
    }
}

#[tokio::test]
async fn the_first_missing_claim_is_named() {
    let scene = Scene::new().await;
    for (more, claim) in [
        (
            json!({ "iss": null, "aud": null, "sub": null, "exp": null }),
            "iss",
        ),
        (json!({ "aud": null, "sub": null, "exp": null }), "aud"),
        (json!({ "sub": null, "exp": null }), "sub"),
        (json!({ "exp": null }), "exp"),
        (json!({ "iss": 1 }), "iss"),
        (json!({ "iss": ["a"] }), "iss"),
        (json!({ "aud": 1 }), "aud"),
        (json!({ "aud": [] }), "aud"),
        (json!({ "aud": ["app", 1] }), "aud"),
        (json!({ "aud": { "app": true } }), "aud"),
        (json!({ "sub": 1 }), "sub"),
        (json!({ "sub": "" }), "sub"),
        (json!({ "sub": "x".repeat(256) }), "sub"),
        (json!({ "sub": "é".repeat(256) }), "sub"),
        (json!({ "exp": "1900000000" }), "exp"),
        (json!({ "exp": true }), "exp"),
    ] {
        assert_eq!(scene.text(&more).await, missing(claim), "{more}");
    }
}

#[tokio::test]
async fn an_access_token_of_a_user_pool_lacks_its_audience() {
    let scene = Scene::new().await;
    let access = json!({ "aud": null, "client_id": "app", "token_use": "access" });
    assert_eq!(scene.text(&access).await, missing("aud"));
}

#[tokio::test]
async fn another_issuer_is_refused_to_the_byte() {
    let scene = Scene::new().await;
    let own = &scene.issuer.base;
    for issuer in [
        format!("{own}/"),
        own.to_uppercase(),
        own.replace("http://", "https://"),
        own.replace("http://", ""),
        format!("{own} "),
        "https://accounts.google.com".to_owned(),
        String::new(),
    ] {
        assert_eq!(
            scene.text(&json!({ "iss": issuer })).await,
            ISSUER,
            "{issuer}"
        );
    }
}

#[tokio::test]
async fn a_token_is_over_in_the_second_of_its_expiry() {
    let scene = Scene::new().await;
    for (exp, seconds) in [
        (json!(NOW), NOW),
        (json!(NOW - 1), NOW - 1),
        (json!(1_800_000_000.9), NOW),
        (json!(0), 0),
        (json!(-1), -1),
        (json!(-1e300), i64::MIN),
    ] {
        assert_eq!(scene.text(&json!({ "exp": exp })).await, expired(seconds));
    }
}

#[tokio::test]
async fn a_token_from_the_future_is_refused_behind_five_minutes() {
    let scene = Scene::new().await;
    for more in [
        json!({ "iat": NOW + 301 }),
        json!({ "nbf": NOW + 301 }),
        json!({ "nbf": 1e300 }),
    ] {
        assert_eq!(scene.text(&more).await, NOT_YET, "{more}");
    }
}

#[tokio::test]
async fn a_token_that_lives_for_more_than_a_day_is_refused() {
    let scene = Scene::new().await;
    for more in [
        json!({ "iat": NOW - 10, "exp": NOW + 86_691 }),
        json!({ "iat": NOW - 86_700, "exp": NOW + 1 }),
        json!({ "iat": null, "exp": NOW + 86_701 }),
        json!({ "exp": 1e300 }),
        json!({ "exp": u64::MAX }),
        json!({ "iat": -1e300 }),
    ] {
        let refused = scene.verify(&scene.token(&more)).await.unwrap_err();
        assert!(
            matches!(refused, LoginError::LivesTooLong { longest: 86_400 }),
            "{more}"
        );
        assert_eq!(refused.client_text(), LIVES_TOO_LONG);
    }
}

#[tokio::test]
async fn another_client_is_refused() {
    let scene = Scene::new().await;
    for more in [
        json!({ "aud": "other" }),
        json!({ "aud": "APP" }),
        json!({ "aud": "app " }),
        json!({ "aud": "" }),
        json!({ "aud": ["other", "another"] }),
        json!({ "aud": "app", "azp": "other" }),
        json!({ "aud": "app", "azp": "" }),
        json!({ "aud": "other", "azp": "app" }),
        json!({ "aud": ["other"], "azp": "app" }),
    ] {
        assert_eq!(scene.text(&more).await, UNSUPPORTED, "{more}");
    }
    assert!(scene.issuer.asked().is_empty());
}

#[tokio::test]
async fn a_wrong_signature_is_refused() {
    let scene = Scene::new().await;
    let claims = scene.claims(&json!({}));
    let stranger = TestKey::p256("a");
    scene
        .issuer
        .publish([&TestKey::p256("a"), &TestKey::rsa("b")]);
    for token in [
        stranger.token(&claims),
        TestKey::rsa("a").token(&claims),
        scene.key.token_with(&json!({ "alg": "none" }), &claims),
        scene.key.token_with(&json!({ "alg": "HS256" }), &claims),
        scene.key.token_with(&json!({ "alg": "ES256" }), &claims),
        scene.key.token_with(&json!({ "alg": null }), &claims),
        scene
            .key
            .token_with(&json!({ "kid": "b", "crit": ["exp"] }), &claims),
        scene
            .key
            .token_with(&json!({ "kid": "b", "b64": true }), &claims),
        scene.key.token_with(&json!({ "kid": 1 }), &claims),
    ] {
        assert_eq!(outcome(scene.verify(&token).await), UNVERIFIED, "{token}");
    }
    let good = scene.key.token_with(&json!({ "kid": "b" }), &claims);
    assert_eq!(outcome(scene.verify(&good).await), "");
}

#[tokio::test]
async fn a_weak_key_verifies_nothing() {
    let scene = Scene::new().await;
    let mut jwk = scene.key.jwk();
    jwk["use"] = json!("enc");
    let document = json!({ "keys": [jwk] }).to_string();
    scene.issuer.answers(false, 200, &[], document);
    assert_eq!(scene.text(&json!({})).await, UNVERIFIED);
}

/// Each token breaks one rule more than the one before, and the answer is the first in the service's order.
#[tokio::test]
async fn the_first_broken_rule_is_the_answer() {
    let scene = Scene::new().await;
    let stranger = TestKey::p256("a");
    let mut broken = json!({});
    let mut steps = vec![(broken.clone(), UNVERIFIED.to_owned())];
    for (name, value, text) in [
        ("aud", json!("other"), UNSUPPORTED.to_owned()),
        ("exp", json!(NOW + 90_000), LIVES_TOO_LONG.to_owned()),
        ("nbf", json!(NOW + 1000), NOT_YET.to_owned()),
        ("exp", json!(NOW - 1), expired(NOW - 1)),
        ("iss", json!("https://other.example"), ISSUER.to_owned()),
        ("exp", json!(null), missing("exp")),
        ("sub", json!(null), missing("sub")),
        ("aud", json!(null), missing("aud")),
        ("iss", json!(null), missing("iss")),
        ("events", json!({}), NO_TOKEN.to_owned()),
    ] {
        broken[name] = value;
        steps.push((broken.clone(), text));
    }
    for (broken, text) in steps {
        let token = stranger.token(&scene.claims(&broken));
        assert_eq!(outcome(scene.verify(&token).await), text, "{broken}");
    }
}

#[tokio::test]
async fn a_key_that_the_pool_has_nothing_under_is_refused_as_the_service_would() {
    let scene = Scene::new().await;
    let name = "issuer.example";
    let own = json!({ "iss": "https://issuer.example" });
    let with = |name: &str, value: Value| {
        let mut claims = own.clone();
        claims[name] = value;
        claims
    };
    for (more, text) in [
        (own.clone(), UNSUPPORTED.to_owned()),
        (with("exp", json!(NOW)), expired(NOW)),
        (with("nbf", json!(NOW + 301)), NOT_YET.to_owned()),
        (with("exp", json!(NOW + 90_000)), LIVES_TOO_LONG.to_owned()),
        (with("aud", json!(null)), missing("aud")),
        (
            json!({ "iss": "http://issuer.example" }),
            UNSUPPORTED.to_owned(),
        ),
        (json!({ "iss": "ftp://issuer.example" }), ISSUER.to_owned()),
        (json!({ "iss": "issuer.example" }), ISSUER.to_owned()),
    ] {
        let token = scene.token(&more);
        let refused = verify(&scene.logins, name, None, &token, now()).await;
        assert_eq!(outcome(refused), text, "{more}");
    }
    let opaque = verify(&scene.logins, "Facebook", None, "EAAC…", now()).await;
    assert_eq!(outcome(opaque), NO_TOKEN);
}

#[tokio::test]
async fn the_issuer_is_compared_before_the_pool_is_consulted() {
    const POOL: &str = "cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC123";
    let scene = Scene::new().await;
    for (key, issuer, text) in [
        (POOL, format!("https://{POOL}"), UNSUPPORTED),
        (
            POOL,
            "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC124".to_owned(),
            ISSUER,
        ),
        (
            POOL,
            "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_AbC123".to_owned(),
            ISSUER,
        ),
        (
            "cognito-idp.eu-west-1.amazonaws.com/eu-west-1_abc123",
            format!("https://{POOL}"),
            ISSUER,
        ),
        (
            "cognito-idp.eu-west-2.amazonaws.com/eu-west-1_AbC123",
            format!("https://{POOL}"),
            ISSUER,
        ),
        (
            "cognito-idp.eu-west-1.amazonaws.com",
            format!("https://{POOL}"),
            ISSUER,
        ),
        ("eu-west-1_AbC123", format!("https://{POOL}"), ISSUER),
        ("accounts.google.com", format!("https://{POOL}"), ISSUER),
        (
            "accounts.google.com",
            "https://accounts.google.com".to_owned(),
            UNSUPPORTED,
        ),
        (
            "accounts.google.com",
            "accounts.google.com".to_owned(),
            UNSUPPORTED,
        ),
        (
            "appleid.apple.com",
            "https://appleid.apple.com".to_owned(),
            UNSUPPORTED,
        ),
        ("appleid.apple.com", "appleid.apple.com".to_owned(), ISSUER),
        (
            "localhost:3000/realms/a",
            "http://localhost:3000/realms/a".to_owned(),
            UNSUPPORTED,
        ),
        (
            "localhost:3000/realms/b",
            "http://localhost:3000/realms/a".to_owned(),
            ISSUER,
        ),
        (
            "https://issuer.example",
            "https://issuer.example".to_owned(),
            ISSUER,
        ),
    ] {
        let token = scene.token(&json!({ "iss": issuer }));
        let refused = verify(&scene.logins, key, None, &token, now()).await;
        assert_eq!(outcome(refused), text, "{key} {issuer}");
    }
}

#[tokio::test]
async fn a_key_of_a_kind_without_id_tokens_is_refused_whatever_the_value() {
    let scene = Scene::new().await;
    for name in [
        "graph.facebook.com",
        "www.amazon.com",
        "api.twitter.com",
        "arn:aws:iam::123456789012:saml-provider/a",
    ] {
        let refused = verify(&scene.logins, name, None, "opaque", now()).await;
        assert_eq!(outcome(refused), UNSUPPORTED, "{name}");
    }
}

#[tokio::test]
async fn nothing_is_fetched_for_a_provider_that_the_pool_does_not_have() {
    let scene = Scene::new().await;
    let upstreams = [("issuer.example", scene.issuer.base.as_str())];
    let logins = Logins::new(LoginRules::default(), outgoing(&upstreams), pools());
    let token = scene.token(&json!({ "iss": "https://issuer.example" }));
    let refused = verify(&logins, "issuer.example", None, &token, now()).await;
    assert_eq!(outcome(refused), UNSUPPORTED);
    assert!(scene.issuer.asked().is_empty());
}

#[test]
fn an_error_does_not_repeat_its_source() {
    use std::error::Error;
    let text = "x".to_owned();
    let error = UnverifiedIdToken::parse(&text)
        .map_err(LoginError::NotAToken)
        .unwrap_err();
    let source = error.source().unwrap();
    assert_eq!(error.to_string(), "the login isn't an ID token");
    assert_eq!(source.to_string(), "it isn't a signed token");
    assert_eq!(source.source().unwrap().to_string(), "it isn't three parts");
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_of_tokens_panic(text: String, claims: Vec<u8>) {
        let _ = UnverifiedIdToken::parse(&text);
        let claims = URL_SAFE_NO_PAD.encode(claims);
        let _ = UnverifiedIdToken::parse(&format!("e30.{claims}."));
    }

    #[test]
    fn no_claims_make_the_checks_panic(
        name in prop::sample::select(vec!["iss", "aud", "sub", "exp", "iat", "nbf", "azp", "typ"]),
        number: f64,
        integer: i64,
        text: String,
    ) {
        let number = if number.is_finite() { number } else { 0.0 };
        for value in [json!(number), json!(integer), json!(text), json!([text]), json!({})] {
            let claims = claims("https://a.example", &json!({ (name): value }));
            let claims = claims.as_object().unwrap();
            if let Ok(claims) = IdTokenClaims::read(claims) {
                let _ = claims.check_times(now(), Duration::MAX);
                let _ = claims.check_times(now(), Duration::ZERO);
                let _ = claims.client(&["app"], true);
            }
        }
    }
}
