use super::*;

#[tokio::test]
async fn a_good_token_names_its_user() {
    let scene = Scene::new().await;
    let verified = scene
        .verify(&scene.token(&json!({ "x": [1] })))
        .await
        .unwrap();
    let name = scene.name();
    assert_eq!(verified.login, Login::public(name, "user"));
    assert_eq!(verified.audience, "app");
    assert_eq!(verified.expires.unwrap().as_second(), NOW + 3600);
    assert_eq!(
        Value::Object(verified.claims),
        scene.claims(&json!({ "x": [1] }))
    );
    let user = format!("arn:aws:iam::123456789012:oidc-provider/{name}:OIDC:user");
    assert_eq!(verified.amr, [name.to_owned(), user]);
}

#[tokio::test]
async fn the_subject_is_taken_to_the_byte() {
    let scene = Scene::new().await;
    let long = "é".repeat(255);
    for subject in [" user ", "USER", "e\u{301}", "a|b:c/d", &long] {
        let token = scene.token(&json!({ "sub": subject }));
        assert_eq!(scene.verify(&token).await.unwrap().login.subject, subject);
    }
}

#[tokio::test]
async fn every_kind_of_token_header_is_taken() {
    let scene = Scene::new().await;
    for kind in [
        json!(null),
        json!("JWT"),
        json!("jwt"),
        json!("JWS"),
        json!("application/jwt"),
    ] {
        let token = scene
            .key
            .token_with(&json!({ "typ": kind }), &scene.claims(&json!({})));
        assert_eq!(outcome(scene.verify(&token).await), "", "{kind}");
    }
}

#[tokio::test]
async fn every_algorithm_of_the_list_is_taken() {
    let scene = Scene::new().await;
    let keys = [
        TestKey::p256("b"),
        TestKey::p384("c"),
        TestKey::edwards("d"),
    ];
    scene.issuer.publish([&scene.key].into_iter().chain(&keys));
    for key in &keys {
        let token = key.token(&scene.claims(&json!({})));
        assert_eq!(
            outcome(scene.verify(&token).await),
            "",
            "{}",
            key.algorithm()
        );
    }
    for name in ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"] {
        let header = json!({ "alg": name });
        let token = scene.key.token_with(&header, &scene.claims(&json!({})));
        assert_eq!(outcome(scene.verify(&token).await), "", "{name}");
    }
}

#[tokio::test]
async fn times_at_their_bounds_are_taken() {
    let scene = Scene::new().await;
    for more in [
        json!({ "exp": NOW + 1 }),
        json!({ "exp": 1_800_000_001.5 }),
        json!({ "iat": NOW + 300, "nbf": NOW + 300 }),
        json!({ "iat": null }),
        json!({ "iat": null, "exp": NOW + 86_400 }),
        json!({ "iat": NOW - 10, "exp": NOW + 86_390 }),
        json!({ "nbf": 1_800_000_300.9 }),
    ] {
        assert_eq!(scene.text(&more).await, "", "{more}");
    }
}

#[tokio::test]
async fn one_audience_of_several_is_enough() {
    let scene = Scene::new().await;
    for (audience, client) in [
        (json!(["app"]), "app"),
        // The order of the clients decides, never that of the token.
        (json!(["other", "app2", "app"]), "app"),
        (json!(["app", "app2"]), "app"),
        (json!(["app2", "other"]), "app2"),
    ] {
        let token = scene.token(&json!({ "aud": audience }));
        assert_eq!(scene.verify(&token).await.unwrap().audience, client);
    }
}

#[tokio::test]
async fn a_token_for_two_of_the_pools_clients_is_taken() {
    let scene = Scene::new().await;
    for aud in [json!("app"), json!(["app", "app2"]), json!(["app2", "app"])] {
        let token = scene.token(&json!({ "aud": aud, "azp": "app2" }));
        assert_eq!(scene.verify(&token).await.unwrap().audience, "app2");
    }
}

#[tokio::test]
async fn the_authorised_party_alone_decides_where_the_operator_says_so() {
    let rules = LoginRules {
        authorized_party_alone: true,
        ..LoginRules::default()
    };
    let scene = Scene::under(rules).await;
    let token = scene.token(&json!({ "aud": "other", "azp": "app2" }));
    assert_eq!(scene.verify(&token).await.unwrap().audience, "app2");
    let token = scene.token(&json!({ "aud": "app", "azp": "other" }));
    assert!(matches!(
        scene.verify(&token).await,
        Err(LoginError::Unsupported)
    ));
    assert_eq!(scene.text(&json!({})).await, "");
}

#[tokio::test]
async fn a_lifetime_may_be_five_minutes_longer_than_a_day() {
    let scene = Scene::new().await;
    for more in [
        json!({ "iat": NOW, "exp": NOW + 86_700 }),
        json!({ "iat": NOW - 300, "exp": NOW + 86_400 }),
        json!({ "iat": NOW + 300, "exp": NOW + 87_000 }),
        json!({ "iat": null, "exp": NOW + 86_700 }),
    ] {
        assert_eq!(scene.text(&more).await, "", "{more}");
    }
}

#[test]
fn a_longer_lifetime_is_for_one_issuer_alone() {
    let rules = LoginRules {
        issuer_lifetimes: [("https://a.example".to_owned(), Duration::from_hours(8760))].into(),
        ..LoginRules::default()
    };
    for (issuer, hours) in [
        ("https://a.example", 8760),
        ("https://a.example/", 24),
        ("http://a.example", 24),
        ("https://b.example", 24),
        ("https://a.example.b.example", 24),
    ] {
        assert_eq!(
            rules.longest_lifetime(issuer),
            Duration::from_hours(hours),
            "{issuer}"
        );
    }
}

#[tokio::test]
async fn a_user_pool_is_asked_for_its_keys_directly() {
    const POOL: &str = "cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC123";
    let key = TestKey::rsa("a");
    let issuer = FakeIssuer::with([&key]).await;
    let upstreams = [("cognito-idp.eu-west-1.amazonaws.com", issuer.base.as_str())];
    let logins = Logins::new(LoginRules::default(), outgoing(&upstreams), pools());
    let client = |id: &str| TrustedClient {
        id: id.to_owned(),
        server_side_token_check: false,
    };
    let provider = UserPool {
        name: POOL.to_owned(),
        clients: ["other", "app"].map(client).into(),
    };
    let claims = claims(&format!("https://{POOL}"), &json!({ "token_use": "id" }));
    let check = async |token: String| verify(&logins, POOL, Some(&provider), &token, now()).await;
    let verified = check(key.token(&claims)).await.unwrap();
    assert_eq!(verified.login, Login::public(POOL, "user"));
    assert_eq!(
        verified.amr,
        [POOL.to_owned(), format!("{POOL}:CognitoSignIn:user")]
    );
    assert_eq!(issuer.asked(), ["/eu-west-1_AbC123/.well-known/jwks.json"]);
    let other = check(key.token_with(&json!({ "alg": "RS512" }), &claims)).await;
    assert!(matches!(other, Err(LoginError::Unverifiable(_))));
}

#[tokio::test]
async fn google_and_apple_are_issuers_like_any_other() {
    let key = TestKey::rsa("a");
    for (name, ways) in [
        (
            "accounts.google.com",
            &["https://accounts.google.com", "accounts.google.com"][..],
        ),
        ("appleid.apple.com", &["https://appleid.apple.com"]),
    ] {
        let issuer = FakeIssuer::with([&key]).await;
        let url = format!("https://{name}");
        issuer.is_called_with_keys_at(&url, &format!("{url}/jwks"));
        let logins = Logins::new(
            LoginRules::default(),
            outgoing(&[(name, &issuer.base)]),
            pools(),
        );
        let audience = Audience {
            client_id: "app".to_owned(),
            source: AudienceSource::Pool,
        };
        let provider = OpenIdConnect {
            name: name.to_owned(),
            issuer: format!("https://{name}"),
            thumbprints: Vec::new(),
            audiences: vec![audience],
        };
        for way in ways {
            let token = key.token(&claims(way, &json!({})));
            let verified = verify(&logins, name, Some(&provider), &token, now()).await;
            let verified = verified.unwrap();
            assert_eq!(verified.amr, [name.to_owned(), format!("{name}:app:user")]);
        }
    }
}

#[tokio::test]
async fn only_google_leaves_out_the_scheme() {
    let scene = Scene::new().await;
    let refused = scene
        .verify(&scene.token(&json!({ "iss": scene.name() })))
        .await;
    assert!(matches!(refused, Err(LoginError::IssuerMismatch)));
}
