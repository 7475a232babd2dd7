use std::num::NonZero;

use jiff::SignedDuration;
use uuid::Uuid;

use super::*;
use crate::blocking::WorkThread;
use crate::model::ids::{AccountId, IdentityId, PoolId};
use crate::model::origin::{LoginOrigin, TokenOrigin};
use crate::model::tags::Tags;

const ISSUER: &str = "https://id.example.com";

fn now() -> Timestamp {
    Timestamp::from_second(1_700_000_000).unwrap()
}

fn key() -> SigningKey {
    let new = NewSigningKey::make(now()).unwrap();
    SigningKey::read(&new.private, &new.certificate).unwrap()
}

fn keys(current: SigningKey, next: SigningKey) -> SigningKeys {
    let retired = Vec::new();
    SigningKeys {
        current,
        next,
        retired,
    }
}

fn tokens_of(issuer: &str, keys: SigningKeys) -> Tokens {
    let pool = BlockingPool::new("work", WorkThread::Callers, NonZero::<usize>::MIN, 10);
    Tokens::new(issuer.into(), keys, Arc::new(pool))
}

fn tokens() -> Tokens {
    tokens_of(ISSUER, keys(key(), key()))
}

fn origin() -> TokenOrigin {
    TokenOrigin {
        generation: Uuid::from_u128(1),
        incarnation: 2,
        logins: Vec::new(),
        not_after: None,
    }
}

async fn issue(tokens: &Tokens) -> String {
    let pool = PoolId::parse("us-east-1:0b1c2d3e-4f50-4678-9abc-def012345678").unwrap();
    let identity = IdentityId::parse("us-east-1:1b1c2d3e-4f50-4678-9abc-def012345678").unwrap();
    let account = AccountId::parse("123456789012").unwrap();
    let claims = TokenClaims {
        identity: &identity,
        pool: &pool,
        audience: None,
        pool_arn: &pool.arn(&account),
        amr: &["unauthenticated".to_owned()],
        tags: &Tags::new(),
        epoch: 3,
        developer: false,
        origin: &origin(),
        issued: now(),
        lifetime: SignedDuration::from_mins(10),
    };
    tokens.issue(&claims).await.unwrap()
}

fn part(token: &str, nth: usize) -> String {
    let part = token.split('.').nth(nth).unwrap();
    String::from_utf8(URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[tokio::test]
async fn a_token_has_the_services_header_and_claims_in_order() {
    let tokens = tokens();
    let token = issue(&tokens).await;
    let kid = tokens.key_set(now())["keys"][0]["kid"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        part(&token, 0),
        format!(r#"{{"kid":"{kid}","typ":"JWS","alg":"RS512"}}"#)
    );
    assert_eq!(
        part(&token, 1),
        concat!(
            r#"{"sub":"us-east-1:1b1c2d3e-4f50-4678-9abc-def012345678","#,
            r#""aud":"us-east-1:0b1c2d3e-4f50-4678-9abc-def012345678","#,
            r#""amr":["unauthenticated"],"iss":"https://id.example.com","#,
            r#""https://cognito-identity.amazonaws.com/identity-pool-arn":"#,
            r#""arn:aws:cognito-identity:us-east-1:123456789012:identitypool/"#,
            r#"us-east-1:0b1c2d3e-4f50-4678-9abc-def012345678","#,
            r#""exp":1700000600,"iat":1700000000,"cognate:epoch":3,"#,
            r#""cognate:origin":{"generation":"00000000-0000-0000-0000-000000000001","incarnation":2}}"#
        )
    );
}

#[tokio::test]
async fn a_token_is_known_again_until_it_expires() {
    let tokens = tokens();
    let token = issue(&tokens).await;
    let own = tokens.verify(&token, now()).await.unwrap();
    assert!(!own.is_authenticated());
    let last = now() + SignedDuration::from_secs(599);
    assert!(tokens.verify(&token, last).await.is_ok());
    let expired = tokens
        .verify(&token, now() + SignedDuration::from_secs(600))
        .await;
    assert_eq!(
        expired,
        Err(OwnTokenError::Expired {
            now: 1_700_000_600,
            expires: 1_700_000_600
        })
    );
}

#[tokio::test]
async fn a_token_that_was_changed_or_signed_elsewhere_is_refused() {
    let ours = tokens();
    let token = issue(&ours).await;
    let (message, signature) = token.rsplit_once('.').unwrap();
    let (header, payload) = message.split_once('.').unwrap();
    let other = issue(&tokens()).await;
    let claims = part(&token, 1).replace("unauthenticated", "authenticated");
    let forged = format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(claims));
    let none = format!("{}.{payload}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#));
    for token in [other, forged, none, format!("{header}.{payload}.AAAA")] {
        assert_eq!(
            ours.verify(&token, now()).await,
            Err(OwnTokenError::Signature),
            "{token}"
        );
    }
    for token in [
        "",
        "a.b.c",
        "a.b",
        &format!("{token}.x"),
        &"A".repeat(50_000),
    ] {
        assert_eq!(
            ours.verify(token, now()).await,
            Err(OwnTokenError::Malformed),
            "{token}"
        );
    }
    let elsewhere = tokens_of("https://other.example.com", keys(key(), key()));
    assert_eq!(
        ours.verify(&issue(&elsewhere).await, now()).await,
        Err(OwnTokenError::Issuer)
    );
}

#[tokio::test]
async fn tokens_of_the_last_key_are_good_until_it_is_forgotten() {
    let first = NewSigningKey::make(now()).unwrap();
    let second = NewSigningKey::make(now()).unwrap();
    let read = |new: &NewSigningKey| SigningKey::read(&new.private, &new.certificate).unwrap();
    let tokens = tokens_of(ISSUER, keys(read(&first), read(&second)));
    let old = issue(&tokens).await;
    let until = now() + SignedDuration::from_secs(300);
    tokens.use_keys(SigningKeys {
        retired: vec![(read(&first), until)],
        ..keys(read(&second), key())
    });
    assert!(tokens.verify(&old, now()).await.is_ok());
    assert!(
        part(&issue(&tokens).await, 0).contains(&second.id),
        "the current key signs"
    );
    let published = |at| tokens.key_set(at)["keys"].as_array().unwrap().len();
    assert_eq!((published(now()), published(until)), (3, 2));
    assert_eq!(
        tokens.verify(&old, until).await,
        Err(OwnTokenError::Signature)
    );
    tokens.use_keys(keys(read(&second), key()));
    assert_eq!(
        tokens.verify(&old, now()).await,
        Err(OwnTokenError::Signature)
    );
}

#[test]
fn the_key_set_carries_the_key_and_a_certificate_of_it() {
    let new = NewSigningKey::make(now()).unwrap();
    let key = SigningKey::read(&new.private, &new.certificate).unwrap();
    let jwk = key.jwk();
    assert_eq!(
        (&jwk["kty"], &jwk["alg"], &jwk["use"]),
        (&"RSA".into(), &"RS512".into(), &"sig".into())
    );
    assert_eq!(jwk["kid"], Value::from(new.id));
    let modulus = URL_SAFE_NO_PAD.decode(jwk["n"].as_str().unwrap()).unwrap();
    assert_eq!(
        (modulus.len(), modulus[0] & 0x80),
        (256, 0x80),
        "no leading zero octet"
    );
    let certificate = base64::engine::general_purpose::STANDARD
        .decode(jwk["x5c"][0].as_str().unwrap())
        .unwrap();
    let holds_key = certificate
        .windows(modulus.len())
        .any(|window| window == modulus);
    assert!(holds_key, "the certificate is of this key");
}

#[tokio::test]
async fn a_token_is_recognised_by_its_issuer_before_it_is_verified() {
    let tokens = tokens();
    assert!(tokens.claims_to_be_own(&issue(&tokens).await));
    let real = URL_SAFE_NO_PAD.encode(r#"{"iss":"https://cognito-identity.amazonaws.com"}"#);
    assert!(tokens.claims_to_be_own(&format!("e30.{real}.")));
    for escaped in [
        r#"{"iss":"https:\/\/cognito-identity.amazonaws.com"}"#,
        r#"{"\u0069ss":"https://cognito-identity\u002eamazonaws.com"}"#,
    ] {
        let escaped = URL_SAFE_NO_PAD.encode(escaped);
        assert!(tokens.claims_to_be_own(&format!("e30.{escaped}.")));
    }
    let other = URL_SAFE_NO_PAD.encode(
        r#"{"iss":"https://id.example.com/","sub":"https://cognito-identity.amazonaws.com"}"#,
    );
    assert!(!tokens.claims_to_be_own(&format!("e30.{other}.")));
    let other = URL_SAFE_NO_PAD.encode(r#"{"iss":"https://id.example.com/"}"#);
    assert!(!tokens.claims_to_be_own(&format!("e30.{other}.")));
    assert!(!tokens.claims_to_be_own("opaque"));
}

#[tokio::test]
async fn a_developers_token_names_the_user_and_carries_tags() {
    let tokens = tokens();
    let pool = PoolId::parse("us-east-1:0b1c2d3e-4f50-4678-9abc-def012345678").unwrap();
    let identity = IdentityId::parse("us-east-1:1b1c2d3e-4f50-4678-9abc-def012345678").unwrap();
    let third = format!("login.x:{pool}:a:b");
    let amr = ["authenticated".to_owned(), "login.x".to_owned(), third];
    let tags = Tags::of([("team", "blue")]).unwrap();
    let origin = TokenOrigin {
        logins: vec![LoginOrigin {
            provider: "login.x".to_owned(),
            client: String::new(),
            registration: None,
        }],
        not_after: Some(now()),
        ..origin()
    };
    let claims = |developer| TokenClaims {
        identity: &identity,
        pool: &pool,
        audience: None,
        pool_arn: "arn",
        amr: &amr,
        tags: &tags,
        epoch: 0,
        developer,
        origin: &origin,
        issued: now(),
        lifetime: SignedDuration::from_mins(15),
    };
    let token = tokens.issue(&claims(true)).await.unwrap();
    assert!(
        part(&token, 1).contains(
            r#""https://aws.amazon.com/tags":{"principal_tags":{"team":["blue"]}},"iss":"#
        ),
        "{}",
        part(&token, 1)
    );
    let own = tokens.verify(&token, now()).await.unwrap();
    assert_eq!(own.developers_user(), Some(("login.x", "a:b")));
    assert_eq!(own.tags, tags);
    assert_eq!(own.origin, Some(origin.clone()));
    let own = tokens
        .verify(&tokens.issue(&claims(false)).await.unwrap(), now())
        .await
        .unwrap();
    assert_eq!(
        own.developers_user(),
        None,
        "the same user, but not the developer's token"
    );
}
