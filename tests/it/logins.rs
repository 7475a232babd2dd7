//! Logins that must be taken, and everything that must be refused, each with its message.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use num_bigint::BigUint;
use serde_json::{Value, json};

use crate::world::{Issuer, Key, World, claims, login};

const UNSUPPORTED: &str = "Token is not from a supported provider of this identity pool.";
const UNVERIFIED: &str = "Invalid login token. Couldn't verify signed token.";
const NOT_A_TOKEN: &str = "Invalid login token. Not a valid OpenId Connect identity token.";

/// A world with one issuer and a pool that takes its tokens for the client `app`.
async fn one() -> (World, Issuer, String) {
    let (world, issuer) = (World::new().await, Issuer::new().await);
    let pool = world.pool_of(&issuer).await;
    (world, issuer, pool)
}

fn with(mut claims: Value, name: &str, value: Value) -> Value {
    claims[name] = value;
    claims
}

fn without(mut claims: Value, name: &str) -> Value {
    claims.as_object_mut().unwrap().remove(name);
    claims
}

fn encode(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
async fn each_bad_token_is_refused_with_its_message() {
    let (world, issuer, pool) = one().await;
    let good = claims(issuer.url(), "ada");
    let now = world.now();
    let key = &issuer.key;
    let token = key.token(&good);
    let (message, signature) = token.rsplit_once('.').unwrap();
    let (header, payload) = message.split_once('.').unwrap();
    let expired = format!("Invalid login token. Token expired: {now} >= {now}");
    let early = "Invalid login token. Token used before valid.";
    let mismatch = "Invalid login token. Issuer doesn't match providerName";

    let cases: Vec<(&str, String, &str)> = vec![
        ("garbage", "garbage".into(), NOT_A_TOKEN),
        ("four parts", format!("{token}.x"), NOT_A_TOKEN),
        (
            "an opaque access token",
            "ya29.a0AfH6SMB-x".into(),
            NOT_A_TOKEN,
        ),
        (
            "padding",
            format!("{header}=.{payload}.{signature}"),
            NOT_A_TOKEN,
        ),
        (
            "a payload that is no object",
            key.token_with(&json!({ "alg": "RS256", "kid": "one" }), "[]"),
            NOT_A_TOKEN,
        ),
        (
            "members twice",
            key.token_with(
                &json!({ "alg": "RS256", "kid": "one" }),
                &good
                    .to_string()
                    .replace(r#""sub":"ada""#, r#""sub":"ada","sub":"eve""#),
            ),
            NOT_A_TOKEN,
        ),
        (
            "members twice, one of them escaped",
            key.token_with(
                &json!({ "alg": "RS256", "kid": "one" }),
                &good
                    .to_string()
                    .replace(r#""sub":"ada""#, r#""sub":"ada","\u0073ub":"eve""#),
            ),
            NOT_A_TOKEN,
        ),
        (
            "a header with members twice",
            {
                let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","alg":"RS256","kid":"one"}"#);
                format!("{header}.{payload}.{signature}")
            },
            NOT_A_TOKEN,
        ),
        (
            "no issuer",
            key.token(&without(good.clone(), "iss")),
            "Invalid login token. Missing a required claim: iss",
        ),
        (
            "no audience",
            key.token(&without(good.clone(), "aud")),
            "Invalid login token. Missing a required claim: aud",
        ),
        (
            "no subject",
            key.token(&without(good.clone(), "sub")),
            "Invalid login token. Missing a required claim: sub",
        ),
        (
            "no expiry",
            key.token(&without(good.clone(), "exp")),
            "Invalid login token. Missing a required claim: exp",
        ),
        (
            "a subject of 256 characters",
            key.token(&with(good.clone(), "sub", json!("é".repeat(256)))),
            "Invalid login token. Missing a required claim: sub",
        ),
        (
            "another issuer",
            key.token(&with(good.clone(), "iss", json!("https://example.com"))),
            mismatch,
        ),
        (
            "the issuer with a slash",
            key.token(&with(
                good.clone(),
                "iss",
                json!(format!("{}/", issuer.url())),
            )),
            mismatch,
        ),
        (
            "the issuer's host in capitals",
            key.token(&with(
                good.clone(),
                "iss",
                json!(issuer.url().replace("http", "HTTP")),
            )),
            mismatch,
        ),
        (
            "expired this second",
            key.token(&with(good.clone(), "exp", json!(now))),
            &expired,
        ),
        (
            "not yet valid",
            key.token(&with(good.clone(), "nbf", json!(now + 301))),
            early,
        ),
        (
            "issued in the future",
            key.token(&with(good.clone(), "iat", json!(now + 301))),
            early,
        ),
        (
            "good for longer than a day",
            key.token(&with(good.clone(), "exp", json!(now + 86_701))),
            "Invalid login token. Not a valid OpenId Connect identity token: its lifetime is longer than 24 hours.",
        ),
        (
            "another audience",
            key.token(&with(good.clone(), "aud", json!("other"))),
            UNSUPPORTED,
        ),
        (
            "the audience with a blank",
            key.token(&with(good.clone(), "aud", json!("app "))),
            UNSUPPORTED,
        ),
        (
            "another authorised party",
            key.token(&with(good.clone(), "azp", json!("other"))),
            UNSUPPORTED,
        ),
        (
            "an authorised party without the audience",
            key.token(&with(
                with(good.clone(), "azp", json!("app")),
                "aud",
                json!("other"),
            )),
            UNSUPPORTED,
        ),
        (
            "alg none",
            format!("{}.{payload}.", encode(&json!({ "alg": "none" }))),
            UNVERIFIED,
        ),
        (
            "alg None with the signature",
            format!(
                "{}.{payload}.{signature}",
                encode(&json!({ "alg": "None", "kid": "one" }))
            ),
            UNVERIFIED,
        ),
        (
            "HMAC with the public key",
            hmac_with_public_key(key, payload),
            UNVERIFIED,
        ),
        (
            "another key under the same name",
            Key::rsa("one").token(&good),
            UNVERIFIED,
        ),
        (
            "a tampered payload",
            format!(
                "{header}.{}.{signature}",
                encode(&with(good.clone(), "sub", json!("eve")))
            ),
            UNVERIFIED,
        ),
        (
            "a tampered signature",
            {
                let other = if signature.starts_with('A') { "B" } else { "A" };
                format!("{message}.{other}{}", &signature[1..])
            },
            UNVERIFIED,
        ),
        ("no signature", format!("{message}."), UNVERIFIED),
        (
            "an unknown critical header",
            key.token_with(
                &json!({ "alg": "RS256", "kid": "one", "crit": ["exp"], "exp": 1 }),
                &good.to_string(),
            ),
            UNVERIFIED,
        ),
        (
            "an unencoded payload",
            key.token_with(
                &json!({ "alg": "RS256", "kid": "one", "crit": ["b64"], "b64": false }),
                &good.to_string(),
            ),
            UNVERIFIED,
        ),
        (
            "a key that the token brings",
            {
                let mine = Key::rsa("mine");
                mine.token_with(
                    &json!({ "alg": "RS256", "kid": "mine", "jwk": mine.jwk() }),
                    &good.to_string(),
                )
            },
            UNVERIFIED,
        ),
        (
            "an access token",
            key.token(&with(good.clone(), "token_use", json!("access"))),
            NOT_A_TOKEN,
        ),
        (
            "an access token by its type",
            key.token_with(
                &json!({ "alg": "RS256", "kid": "one", "typ": "at+jwt" }),
                &good.to_string(),
            ),
            NOT_A_TOKEN,
        ),
        (
            "a logout token",
            key.token_with(
                &json!({ "alg": "RS256", "kid": "one", "typ": "logout+jwt" }),
                &good.to_string(),
            ),
            NOT_A_TOKEN,
        ),
        (
            "a logout token by its claims",
            key.token(&with(
                good.clone(),
                "events",
                json!({ "http://schemas.openid.net/event/backchannel-logout": {} }),
            )),
            NOT_A_TOKEN,
        ),
        (
            "a proof of possession",
            key.token_with(
                &json!({ "alg": "RS256", "kid": "one", "typ": "dpop+jwt" }),
                &good.to_string(),
            ),
            NOT_A_TOKEN,
        ),
    ];
    for (what, token, text) in cases {
        let answer = world.get_id(&pool, login(&issuer, &token)).await;
        assert_eq!(
            answer.error(),
            (400, "NotAuthorizedException".into(), text.into()),
            "{what}"
        );
    }
    // And the good token still is.
    world.identity(&pool, login(&issuer, &token)).await;
}

/// The confusion of algorithms: the verifier's public key, taken for the secret of an HMAC.
fn hmac_with_public_key(key: &Key, payload: &str) -> String {
    let message = format!(
        "{}.{payload}",
        encode(&json!({ "alg": "HS256", "kid": "one" }))
    );
    let secret = hmac::Key::new(hmac::HMAC_SHA256, &key.public_der());
    let signature = hmac::sign(&secret, message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[tokio::test]
async fn a_1024_bit_key_vouches_for_nothing() {
    const N: &str = "d786b6fef0b68dfc5d880c80d0e585549092d1c3d654c64c676f1dcf3c9bac2aab88a802f839ccd0054d570282e389ec\
                     bb1b0d87901a21709a23f0899f9a3054c071bd91b9d084276ff5906d825e0177b7d50b8fbb2f439b34c176e9dbd81f9a\
                     f5a536d1336b35b55041bdd22e442bd1514572aa6eafdd883816973011dbf491";
    const D: &str = "d310465d5bf62b0e1dba8224146ef127637da497186a64d7a5e39759bf8ce409d57a3aaecdd02cd6fa9a46bf5ad6e1d7\
                     4754b2e73323a3e3d5cfa45be244e95609b6b1f3e3ef1b6cc759408440cab93b101f42f6bab38b75310320b69487ee10\
                     b89a7846e683f4cac3f4c4c81641edb808861b5874cc77a18178a8610f6bd551";
    let (world, issuer, pool) = one().await;
    let (n, d) = (hex(N), hex(D));
    let jwk = json!({ "kty": "RSA", "use": "sig", "kid": "weak", "e": "AQAB", "n": URL_SAFE_NO_PAD.encode(n.to_bytes_be()) });
    issuer.serve_keys(json!({ "keys": [jwk, issuer.key.jwk()] }));
    let payload = encode(&claims(issuer.url(), "ada"));
    let message = format!(
        "{}.{payload}",
        encode(&json!({ "alg": "RS256", "kid": "weak" }))
    );
    // PKCS #1 v1.5: 0x00 0x01 0xff… 0x00, the name of SHA-256, the hash. No library signs with such a key any more.
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, message.as_bytes());
    let name = [
        0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01,
        0x05, 0x00, 0x04, 0x20,
    ];
    let mut block = vec![0x00, 0x01];
    block.resize(128 - 1 - name.len() - 32, 0xff);
    block.push(0x00);
    block.extend(name);
    block.extend(hash.as_ref());
    let signature = BigUint::from_bytes_be(&block).modpow(&d, &n).to_bytes_be();
    let mut padded = vec![0; 128 - signature.len()];
    padded.extend(signature);
    let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(padded));
    world
        .get_id(&pool, login(&issuer, &token))
        .await
        .refused("NotAuthorizedException", UNVERIFIED);
}

fn hex(text: &str) -> BigUint {
    BigUint::parse_bytes(text.as_bytes(), 16).unwrap()
}

#[tokio::test]
async fn a_token_of_60_000_characters_is_refused_without_being_repeated() {
    let (world, issuer, pool) = one().await;
    let token = "x".repeat(60_000);
    let answer = world.get_id(&pool, login(&issuer, &token)).await;
    answer.refused(
        "ValidationException",
        "1 validation error detected: Value at 'logins' failed to satisfy constraint: Map value must satisfy \
         constraint: [Member must have length less than or equal to 50000, Member must have length greater than or \
         equal to 1]",
    );
}

#[tokio::test]
async fn times_have_the_grace_that_they_have_and_no_more() {
    let (world, issuer, pool) = one().await;
    let now = world.now();
    let good = claims(issuer.url(), "ada");
    for claims in [
        with(good.clone(), "exp", json!(now + 1)),
        with(good.clone(), "nbf", json!(now + 300)),
        with(good.clone(), "iat", json!(now + 300)),
        with(good.clone(), "exp", json!(now + 86_400)),
        without(good.clone(), "iat"),
    ] {
        world
            .identity(&pool, login(&issuer, &issuer.key.token(&claims)))
            .await;
    }
}

#[tokio::test]
async fn with_an_authorised_party_both_clients_must_be_registered() {
    let (world, issuer) = (World::new().await, Issuer::new().await);
    let arn = world.register(&issuer, &["app", "phone"]).await;
    let pool = world
        .pool(json!({ "OpenIdConnectProviderARNs": [arn] }))
        .await;
    let good = with(claims(issuer.url(), "ada"), "azp", json!("phone"));
    for aud in [json!("app"), json!(["other", "app"]), json!(["phone"])] {
        let token = issuer.key.token(&with(good.clone(), "aud", aud));
        world.identity(&pool, login(&issuer, &token)).await;
    }
    let token = issuer.key.token(&with(good, "aud", json!(["other"])));
    world
        .get_id(&pool, login(&issuer, &token))
        .await
        .refused("NotAuthorizedException", UNSUPPORTED);
}

#[tokio::test]
async fn keys_of_other_kinds_are_good_too() {
    let (world, issuer) = (World::new().await, Issuer::with(Key::p256("ec")).await);
    let pool = world.pool_of(&issuer).await;
    let ada = world
        .identity(&pool, login(&issuer, &issuer.token("ada")))
        .await;
    // The same user under another key of another kind.
    let rsa = Key::rsa("rsa");
    issuer.serve_keys(json!({ "keys": [issuer.key.jwk(), rsa.jwk()] }));
    world.clock.advance(10);
    let token = rsa.token(&claims(issuer.url(), "ada"));
    assert_eq!(world.identity(&pool, login(&issuer, &token)).await, ada);
    // A key serves its own algorithm only.
    let confused = issuer.key.token_with(
        &json!({ "alg": "RS256", "kid": "ec" }),
        &claims(issuer.url(), "ada").to_string(),
    );
    world
        .get_id(&pool, login(&issuer, &confused))
        .await
        .refused("NotAuthorizedException", UNVERIFIED);
}

#[tokio::test]
async fn a_provider_that_is_known_by_name_and_not_configured_is_refused() {
    let (world, issuer, pool) = one().await;
    for key in [
        "graph.facebook.com",
        "accounts.google.com",
        "www.amazon.com",
        "api.twitter.com",
        "www.digits.com",
        "appleid.apple.com",
        "cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC",
        "arn:aws:iam::123456789012:saml-provider/corp",
    ] {
        let answer = world.get_id(&pool, json!({ key: "opaque" })).await;
        answer.refused("NotAuthorizedException", UNSUPPORTED);
        // A key of ID tokens isn't this token's issuer. The others have none that could be compared.
        let names_issuer = ["accounts", "appleid", "cognito-idp"]
            .iter()
            .any(|start| key.starts_with(start));
        let text = if names_issuer {
            "Invalid login token. Issuer doesn't match providerName"
        } else {
            UNSUPPORTED
        };
        let token = issuer.token("ada");
        let answer = world.get_id(&pool, json!({ key: token })).await;
        answer.refused("NotAuthorizedException", text);
    }
}

#[tokio::test]
async fn nothing_is_fetched_for_a_provider_that_the_pool_does_not_have() {
    let (world, issuer) = (World::new().await, Issuer::new().await);
    let other = Issuer::new().await;
    world.register(&issuer, &["app"]).await;
    let pool = world.pool_of(&other).await;
    // Registered, but not in this pool; and a good token all the same.
    let answer = world
        .get_id(&pool, login(&issuer, &issuer.token("ada")))
        .await;
    assert_eq!(answer.error().1, "NotAuthorizedException");
    // In the pool, but for another client.
    let token = other
        .key
        .token(&with(claims(other.url(), "ada"), "aud", json!("other")));
    world
        .get_id(&pool, login(&other, &token))
        .await
        .refused("NotAuthorizedException", UNSUPPORTED);
    assert_eq!((issuer.fetches(), other.fetches()), (0, 0));
}

#[tokio::test]
async fn an_https_issuer_that_is_not_registered_is_unsupported_after_its_claims_were_checked() {
    let (world, issuer, pool) = one().await;
    let claims = claims("https://login.example.com", "ada");
    let logins = |token: &str| json!({ "login.example.com": token });
    let answer = world
        .get_id(&pool, logins(&issuer.key.token(&claims)))
        .await;
    answer.refused("NotAuthorizedException", UNSUPPORTED);
    world
        .get_id(&pool, logins("opaque"))
        .await
        .refused("NotAuthorizedException", NOT_A_TOKEN);
    let expired = with(claims, "exp", json!(world.now() - 5));
    let answer = world
        .get_id(&pool, logins(&issuer.key.token(&expired)))
        .await;
    let now = world.now();
    let text = format!("Invalid login token. Token expired: {now} >= {}", now - 5);
    answer.refused("NotAuthorizedException", &text);
}

#[tokio::test]
async fn an_issuer_that_is_away_is_an_external_failure_and_never_a_wrong_answer() {
    let (world, issuer, pool) = one().await;
    issuer.away(true);
    let logins = login(&issuer, &issuer.token("ada"));
    let text = format!("The identity provider {} can't be reached.", issuer.name());
    world
        .get_id(&pool, logins.clone())
        .await
        .refused("ExternalServiceException", &text);
    issuer.away(false);
    world.clock.advance(60);
    world.identity(&pool, logins).await;
}

#[tokio::test]
async fn known_keys_serve_on_while_the_issuer_is_away_for_a_day() {
    let (world, issuer, pool) = one().await;
    let token = |world: &World| {
        let now = world.now();
        issuer.key.token(&json!({ "iss": issuer.url(), "aud": "app", "sub": "ada", "iat": now, "exp": now + 60 }))
    };
    let ada = world.identity(&pool, login(&issuer, &token(&world))).await;
    issuer.away(true);
    world.clock.advance(23 * 3600);
    assert_eq!(
        world.identity(&pool, login(&issuer, &token(&world))).await,
        ada
    );
    // A forged token isn't good because nobody can say no.
    let forged = Key::rsa("one").token(&claims(issuer.url(), "ada"));
    assert_eq!(
        world.get_id(&pool, login(&issuer, &forged)).await.status,
        400
    );
    world.clock.advance(2 * 3600);
    let text = format!("The identity provider {} can't be reached.", issuer.name());
    world
        .get_id(&pool, login(&issuer, &token(&world)))
        .await
        .refused("ExternalServiceException", &text);
}

#[tokio::test]
async fn a_key_that_the_issuer_withdrew_is_gone_within_the_hour() {
    let (world, issuer, pool) = one().await;
    world
        .identity(&pool, login(&issuer, &issuer.token("ada")))
        .await;
    let next = Key::rsa("two");
    issuer.serve_keys(json!({ "keys": [next.jwk()] }));
    world.clock.advance(3601);
    let now = world.now();
    let fresh =
        json!({ "iss": issuer.url(), "aud": "app", "sub": "ada", "iat": now, "exp": now + 60 });
    world
        .get_id(&pool, login(&issuer, &issuer.key.token(&fresh)))
        .await
        .refused("NotAuthorizedException", UNVERIFIED);
    world
        .identity(&pool, login(&issuer, &next.token(&fresh)))
        .await;
}

#[tokio::test]
async fn a_new_key_of_the_issuer_is_good_at_once() {
    let (world, issuer, pool) = one().await;
    let ada = world
        .identity(&pool, login(&issuer, &issuer.token("ada")))
        .await;
    let next = Key::rsa("two");
    issuer.serve_keys(json!({ "keys": [next.jwk(), issuer.key.jwk()] }));
    world.clock.advance(10);
    let token = next.token(&claims(issuer.url(), "ada"));
    assert_eq!(world.identity(&pool, login(&issuer, &token)).await, ada);
}

#[tokio::test]
async fn user_pool_logins_are_one_user_whatever_the_client() {
    let issuer = Issuer::new().await;
    let world = World::with(|flags| {
        flags.upstreams = vec![format!(
            "cognito-idp.eu-west-1.amazonaws.com={}",
            issuer.url()
        )];
    })
    .await;
    let name = "cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC";
    let client = |id: &str| json!({ "ProviderName": name, "ClientId": id });
    let pool = world
        .pool(json!({ "CognitoIdentityProviders": [client("web"), client("phone")] }))
        .await;
    let token = |client: &str| {
        let claims = claims(&format!("https://{name}"), "0a1b2c");
        issuer.key.token(&with(
            with(claims, "aud", json!(client)),
            "token_use",
            json!("id"),
        ))
    };
    let ada = world.identity(&pool, json!({ name: token("web") })).await;
    assert_eq!(
        world.identity(&pool, json!({ name: token("phone") })).await,
        ada
    );
    world
        .get_id(&pool, json!({ name: token("other") }))
        .await
        .refused("NotAuthorizedException", UNSUPPORTED);

    let mut access = without(claims(&format!("https://{name}"), "0a1b2c"), "aud");
    access["token_use"] = json!("access");
    access["client_id"] = json!("web");
    let answer = world
        .get_id(&pool, json!({ name: issuer.key.token(&access) }))
        .await;
    answer.refused(
        "NotAuthorizedException",
        "Invalid login token. Missing a required claim: aud",
    );

    let other = format!("https://{}", name.replace("eu-west-1_AbC", "eu-west-1_Xyz"));
    let answer = world
        .get_id(
            &pool,
            json!({ name: issuer.key.token(&claims(&other, "0a1b2c")) }),
        )
        .await;
    answer.refused(
        "NotAuthorizedException",
        "Invalid login token. Issuer doesn't match providerName",
    );

    let input = json!({ "IdentityId": ada, "Logins": { name: token("web") } });
    let answer = world.public("GetOpenIdToken", input).await.ok();
    let payload = answer["Token"]
        .as_str()
        .unwrap()
        .split('.')
        .nth(1)
        .unwrap()
        .to_owned();
    let payload = String::from_utf8(URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    let amr = format!(r#""amr":["authenticated","{name}","{name}:CognitoSignIn:0a1b2c"]"#);
    assert!(payload.contains(&amr), "{payload}");
}

#[tokio::test]
async fn google_takes_the_pools_client_and_the_registered_ones() {
    for (host, url) in [
        ("accounts.google.com", "https://accounts.google.com"),
        ("appleid.apple.com", "https://appleid.apple.com"),
    ] {
        let issuer = Issuer::named(url).await;
        let world =
            World::with(|flags| flags.upstreams = vec![format!("{host}={}", issuer.base())]).await;
        let answer = world
            .iam(
                "CreateOpenIDConnectProvider",
                &[("Url", url), ("ClientIDList.member.1", "registered")],
            )
            .await;
        let arn = answer.xml("OpenIDConnectProviderArn").unwrap();
        let pool = world
            .pool(json!({ "SupportedLoginProviders": { host: "direct" }, "OpenIdConnectProviderARNs": [arn] }))
            .await;
        let token = |client: &str| {
            issuer
                .key
                .token(&with(claims(url, "ada"), "aud", json!(client)))
        };
        let ada = world
            .identity(&pool, json!({ host: token("direct") }))
            .await;
        assert_eq!(
            world
                .identity(&pool, json!({ host: token("registered") }))
                .await,
            ada
        );
        world
            .get_id(&pool, json!({ host: token("other") }))
            .await
            .refused("NotAuthorizedException", UNSUPPORTED);

        let direct_only = world
            .pool(json!({ "SupportedLoginProviders": { host: "direct" } }))
            .await;
        let answer = world
            .get_id(&direct_only, json!({ host: token("registered") }))
            .await;
        answer.refused("NotAuthorizedException", UNSUPPORTED);
    }
}

#[tokio::test]
async fn a_provider_that_is_deleted_locks_its_logins_out_until_it_is_back() {
    let (world, issuer, pool) = one().await;
    let logins = login(&issuer, &issuer.token("ada"));
    let ada = world.identity(&pool, logins.clone()).await;
    let arn = format!("arn:aws:iam::123456789012:oidc-provider/{}", issuer.name());
    world
        .iam(
            "DeleteOpenIDConnectProvider",
            &[("OpenIDConnectProviderArn", &arn)],
        )
        .await;
    assert_eq!(
        world.get_id(&pool, logins.clone()).await.error().1,
        "NotAuthorizedException"
    );
    world.register(&issuer, &["app"]).await;
    assert_eq!(world.identity(&pool, logins).await, ada);
}
