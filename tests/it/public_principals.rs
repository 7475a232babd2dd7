//! Google, Login with Amazon and Facebook as principals of trust policies: no registration, and the client and the user
//! named by the policy. Principals that can never match.

use serde_json::{Value, json};

use crate::access_tokens::facebook::graph;
use crate::world::{ACCOUNT, Answer, Asked, Credentials, Issuer, StandIn, World, assumed, claims};

const GOOGLE: &str = "accounts.google.com";
const AMAZON: &str = "www.amazon.com";
const FACEBOOK: &str = "graph.facebook.com";
const ROLE: &str = "arn:aws:iam::123456789012:role/Users";
const DENIED: &str = "Not authorized to perform sts:AssumeRoleWithWebIdentity";
const AUDIENCE: &str = "Incorrect token audience";

/// Amazon's tokeninfo. A token is `Atza|APP|USER`.
fn token_info(asked: &Asked) -> (u16, Value) {
    let token = asked.parameter("access_token");
    let parts: Vec<&str> = token.split('|').collect();
    let ["Atza", app, user] = parts[..] else {
        return (
            400,
            json!({ "error": "invalid_token", "error_description": "x" }),
        );
    };
    let info = json!({ "iss": "https://www.amazon.com", "user_id": user, "aud": "a-client", "app_id": app, "exp": 3597,
        "iat": 1_311_280_970 });
    (200, info)
}

fn document(principal: &str, condition: &Value) -> String {
    let statement = json!({
        "Effect": "Allow", "Principal": { "Federated": principal }, "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": condition,
    });
    json!({ "Version": "2012-10-17", "Statement": statement }).to_string()
}

/// A server, for which stand-ins answer as the providers.
struct Scene {
    world: World,
    google: Issuer,
    amazon: StandIn,
    facebook: StandIn,
}

impl Scene {
    async fn new() -> Self {
        let google = Issuer::named("https://accounts.google.com").await;
        let (amazon, facebook) = (StandIn::new(token_info).await, StandIn::new(graph).await);
        let upstreams = vec![
            format!("{GOOGLE}={}", google.base()),
            format!("api.amazon.com={}", amazon.base),
            format!("{FACEBOOK}={}", facebook.base),
        ];
        let world = World::with(|flags| flags.upstreams = upstreams).await;
        Self {
            world,
            google,
            amazon,
            facebook,
        }
    }

    /// Makes or replaces the role's trust policy.
    async fn trust(&self, policy: &str) -> Answer {
        let parameters = [("RoleName", "Users"), ("AssumeRolePolicyDocument", policy)];
        let made = self.world.iam("CreateRole", &parameters).await;
        if made.xml("Code").as_deref() != Some("EntityAlreadyExists") {
            return made;
        }
        let parameters = [("RoleName", "Users"), ("PolicyDocument", policy)];
        self.world.iam("UpdateAssumeRolePolicy", &parameters).await
    }

    async fn trusting(&self, principal: &str, condition: &Value) {
        let answer = self.trust(&document(principal, condition)).await;
        assert_eq!(answer.status, 200, "{condition}: {}", answer.text);
    }

    /// An ID token of Google for the user `108`, with more claims.
    fn token(&self, more: &Value) -> String {
        let mut claims = claims(self.google.url(), "108");
        for (name, value) in more.as_object().unwrap() {
            claims[name] = value.clone();
        }
        self.google.key.token(&claims)
    }

    async fn assume(&self, provider: Option<&str>, token: &str) -> Answer {
        let mut all = vec![
            ("RoleArn", ROLE),
            ("RoleSessionName", "me"),
            ("WebIdentityToken", token),
        ];
        all.extend(provider.map(|provider| ("ProviderId", provider)));
        self.world.sts("AssumeRoleWithWebIdentity", &all).await
    }

    /// Gives the role a policy under this condition, and lists pools with it.
    async fn may_list(&self, who: &Credentials, condition: &Value) -> bool {
        let statement = json!({
            "Effect": "Allow", "Action": "cognito-identity:List*", "Resource": "*", "Condition": condition,
        });
        let policy = json!({ "Version": "2012-10-17", "Statement": statement }).to_string();
        let put = [
            ("RoleName", "Users"),
            ("PolicyName", "p"),
            ("PolicyDocument", &*policy),
        ];
        let put = self.world.iam("PutRolePolicy", &put).await;
        assert_eq!(put.status, 200, "{}", put.text);
        let input = json!({ "MaxResults": 1 });
        self.world
            .signed(who, "ListIdentityPools", input)
            .await
            .status
            == 200
    }
}

#[tokio::test]
async fn users_of_public_providers_assume_a_role_that_names_their_client() {
    let scene = Scene::new().await;
    let google = scene.token(&json!({ "aud": "CLIENT", "azp": "CLIENT" }));
    for (principal, provider, token, app, user, names) in [
        (GOOGLE, None, &*google, "CLIENT", "108", ["aud", "sub"]),
        (
            AMAZON,
            Some(AMAZON),
            "Atza|app-1|amzn1.account.A",
            "app-1",
            "amzn1.account.A",
            ["app_id", "user_id"],
        ),
        (
            AMAZON,
            Some(AMAZON),
            "Atza|app-2|amzn1.account.A",
            "a-client",
            "amzn1.account.A",
            ["app_id", "user_id"],
        ),
        (
            FACEBOOK,
            Some(FACEBOOK),
            "EAA-16-18",
            "16",
            "18",
            ["app_id", "id"],
        ),
    ] {
        let key = |name: &str| format!("{principal}:{name}");
        let equals =
            json!({ "StringEquals": { key(names[0]): ["other", app], key(names[1]): user } });
        scene.trusting(principal, &equals).await;
        let answer = scene.assume(provider, token).await;
        assert_eq!(answer.status, 200, "{principal}: {}", answer.text);
        assert_eq!(answer.xml("Provider").as_deref(), Some(principal));
        assert_eq!(answer.xml("Audience").as_deref(), Some(app));
        assert_eq!(
            answer.xml("SubjectFromWebIdentityToken").as_deref(),
            Some(user)
        );
        // The session keeps the keys.
        let who = assumed(&answer);
        let mut kept = json!({ "StringEquals": { key(names[0]): app, key(names[1]): user } });
        kept["StringEquals"]["aws:FederatedProvider"] = json!(principal);
        assert!(scene.may_list(&who, &kept).await, "{principal}");
        kept["StringEquals"][key(names[1])] = json!("another");
        assert!(!scene.may_list(&who, &kept).await, "{principal}");
        // Another user and another client are kept out.
        let other = json!({ "StringEquals": { key(names[0]): app, key(names[1]): "another" } });
        scene.trusting(principal, &other).await;
        scene
            .assume(provider, token)
            .await
            .query_refused(403, "AccessDenied", DENIED);
        let other = json!({ "StringEquals": { key(names[0]): "another", key(names[1]): user } });
        scene.trusting(principal, &other).await;
        scene
            .assume(provider, token)
            .await
            .query_refused(400, "InvalidIdentityToken", AUDIENCE);
    }
}

#[tokio::test]
async fn nothing_is_asked_for_a_role_that_trusts_no_client_of_the_provider() {
    let scene = Scene::new().await;
    let trusted = json!({ "StringEquals": { "www.amazon.com:app_id": "app-1", "www.amazon.com:user_id": "A" } });
    scene.trusting(AMAZON, &trusted).await;
    let google = scene.token(&json!({ "aud": "CLIENT" }));
    for (provider, token) in [(None, &*google), (Some(FACEBOOK), "EAA-16-18")] {
        scene
            .assume(provider, token)
            .await
            .query_refused(403, "AccessDenied", DENIED);
    }
    for provider in [
        GOOGLE,
        "api.twitter.com",
        "login.example.com",
        "cognito-identity.amazonaws.com",
        "WWW.amazon.com",
    ] {
        let text =
            format!("No OpenIDConnect provider found in your account for https://{provider}");
        let answer = scene.assume(Some(provider), "Atza|app-1|A").await;
        answer.query_refused(400, "InvalidIdentityToken", &text);
    }
    let asked = scene.amazon.asked().len() + scene.facebook.asked().len();
    assert_eq!((asked, scene.google.fetches()), (0, 0));
    let text = "The access token provided is not valid";
    for token in ["Atza|x", "not a token"] {
        let answer = scene.assume(Some(AMAZON), token).await;
        answer.query_refused(400, "InvalidIdentityToken", text);
    }
    assert_eq!(scene.assume(Some(AMAZON), "Atza|app-1|A").await.status, 200);
}

#[tokio::test]
async fn the_client_of_google_is_the_authorized_party() {
    let scene = Scene::new().await;
    let hybrid = |aud: &str, oaud: &str| {
        json!({ "StringEquals": {
            "accounts.google.com:aud": aud, "accounts.google.com:oaud": oaud, "accounts.google.com:sub": "108",
        } })
    };
    let plain = |aud: &str| json!({ "StringEquals": { "accounts.google.com:aud": aud, "accounts.google.com:sub": "108" } });
    let any = json!({
        "ForAnyValue:StringEquals": { "accounts.google.com:aud": "WEB" },
        "StringEquals": { "accounts.google.com:sub": "108" },
    });
    let mut wrong = Vec::new();
    for (condition, token, lets_in) in [
        (plain("WEB"), json!({ "aud": "WEB" }), true),
        (hybrid("WEB", "WEB"), json!({ "aud": "WEB" }), true),
        (plain("WEB"), json!({ "aud": "WEB", "azp": "WEB" }), true),
        (
            hybrid("ANDROID", "WEB"),
            json!({ "aud": "WEB", "azp": "ANDROID" }),
            true,
        ),
        (any.clone(), json!({ "aud": "WEB" }), true),
        // The token of another app for this one's audience, and the other way round.
        (plain("WEB"), json!({ "aud": "WEB", "azp": "EVIL" }), false),
        (plain("WEB"), json!({ "aud": "EVIL", "azp": "WEB" }), false),
        (
            hybrid("ANDROID", "WEB"),
            json!({ "aud": "WEB", "azp": "WEB" }),
            false,
        ),
        (hybrid("ANDROID", "WEB"), json!({ "aud": "WEB" }), false),
        (any, json!({ "aud": "WEB", "azp": "EVIL" }), false),
    ] {
        scene.trusting(GOOGLE, &condition).await;
        let answer = scene.assume(None, &scene.token(&token)).await;
        if (answer.status == 200) != lets_in {
            wrong.push(format!("{condition} {token}: {}", answer.text));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn an_email_of_google_counts_if_it_is_verified() {
    let scene = Scene::new().await;
    let condition = json!({ "StringEquals": {
        "accounts.google.com:aud": "WEB", "accounts.google.com:email": "ada@example.com",
    } });
    scene.trusting(GOOGLE, &condition).await;
    for (verified, lets_in) in [
        (json!(true), true),
        (json!("true"), true),
        (json!(false), false),
        (json!("false"), false),
        (json!(null), false),
    ] {
        let token = json!({ "aud": "WEB", "email": "ada@example.com", "email_verified": verified });
        let answer = scene.assume(None, &scene.token(&token)).await;
        assert_eq!(answer.status == 200, lets_in, "{verified}: {}", answer.text);
    }
    let unsaid = json!({ "aud": "WEB", "email": "ada@example.com", "EMAIL": "ada@example.com" });
    let answer = scene.assume(None, &scene.token(&unsaid)).await;
    answer.query_refused(403, "AccessDenied", DENIED);
}

#[tokio::test]
async fn a_registration_of_google_stays_a_principal_of_its_own() {
    let scene = Scene::new().await;
    let provider = [
        ("Url", "https://accounts.google.com"),
        ("ClientIDList.member.1", "REGISTERED"),
    ];
    let made = scene
        .world
        .iam("CreateOpenIDConnectProvider", &provider)
        .await;
    let arn = made.xml("OpenIDConnectProviderArn").unwrap();
    let condition = |aud: &str| json!({ "StringEquals": { "accounts.google.com:aud": aud, "accounts.google.com:sub": "108" } });
    let of = |principal: &str, aud: &str| {
        let text: Value = json!({
            "Effect": "Allow", "Principal": { "Federated": principal }, "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": condition(aud),
        });
        text
    };
    let both = json!({ "Version": "2012-10-17", "Statement": [of(&arn, "REGISTERED"), of(GOOGLE, "NAMED")] });
    assert_eq!(scene.trust(&both.to_string()).await.status, 200);
    for (aud, provider) in [("REGISTERED", &*arn), ("NAMED", GOOGLE)] {
        let answer = scene
            .assume(None, &scene.token(&json!({ "aud": aud })))
            .await;
        assert_eq!(
            answer.xml("Provider").as_deref(),
            Some(provider),
            "{}",
            answer.text
        );
    }
    let answer = scene
        .assume(None, &scene.token(&json!({ "aud": "OTHER" })))
        .await;
    answer.query_refused(400, "InvalidIdentityToken", AUDIENCE);
}

#[tokio::test]
async fn a_public_principal_without_its_client_or_user_is_not_written() {
    let scene = Scene::new().await;
    let mut written = Vec::new();
    for (principal, client, user) in [
        (GOOGLE, "aud", "sub"),
        (AMAZON, "app_id", "user_id"),
        (FACEBOOK, "app_id", "id"),
    ] {
        let (client, user) = (
            format!("{principal}:{client}"),
            format!("{principal}:{user}"),
        );
        for condition in [
            json!({}),
            json!({ "StringEquals": { &user: "u" } }),
            json!({ "StringEquals": { &client: "c" } }),
            json!({ "StringLike": { &client: "*", &user: "u" } }),
            json!({ "StringLike": { &client: "c*", &user: "u" } }),
            json!({ "StringLike": { &client: ["c", "d?"], &user: "u" } }),
            json!({ "StringLike": { &client: "c", &user: "*" } }),
            json!({ "StringEquals": { &client: "${aws:userid}", &user: "u" } }),
            json!({ "StringEquals": { &client: "", &user: "u" } }),
            json!({ "StringNotEquals": { &client: "c" }, "StringEquals": { &user: "u" } }),
            json!({ "Null": { &client: "false" }, "StringEquals": { &user: "u" } }),
            json!({ "StringEquals": { format!("{principal}:azp"): "c", &user: "u" } }),
        ] {
            let answer = scene.trust(&document(principal, &condition)).await;
            if answer.xml("Code").as_deref() != Some("MalformedPolicyDocument") {
                written.push(format!("{principal}: {condition}"));
            }
        }
        for condition in [
            json!({ "StringEquals": { &client: "c", &user: "u" } }),
            json!({ "StringLike": { &client: ["c", "d"], &user: "u" } }),
            json!({ "ForAllValues:StringEquals": { &client: "c", &user: "u" } }),
            json!({ "StringEqualsIfExists": { &client: "c", &user: "u" } }),
        ] {
            scene.trusting(principal, &condition).await;
        }
    }
    assert!(written.is_empty(), "{written:#?}");
}

#[tokio::test]
async fn a_federated_principal_that_can_never_match_is_not_written() {
    let scene = Scene::new().await;
    let own = |kind: &str| format!("arn:aws:iam::{ACCOUNT}:{kind}");
    let mut written = Vec::new();
    for principal in [
        "appleid.apple.com",
        "api.twitter.com",
        "www.facebook.com",
        "google.com",
        "Accounts.google.com",
        "token.actions.githubusercontent.com",
        "cognito-identity.amazonaws.com.evil.example",
        "cognito-idp.eu-west-1.amazonaws.com",
        "arn:aws:iam::999999999999:oidc-provider/login.example.com",
        "arn:aws:iam::999999999999:saml-provider/corp",
        &own("oidc-provider/cognito-identity.amazonaws.com"),
        &own("oidc-provider/graph.facebook.com"),
        &own("oidc-provider/Login.example.com"),
    ] {
        for effect in ["Allow", "Deny"] {
            let statement = json!({
                "Effect": effect, "Principal": { "Federated": principal },
                "Action": ["sts:AssumeRoleWithWebIdentity", "sts:AssumeRoleWithSAML"],
                "Condition": { "StringEquals": { "SAML:aud": "x", "login.example.com:sub": "x" } },
            });
            let policy = json!({ "Version": "2012-10-17", "Statement": statement });
            let answer = scene.trust(&policy.to_string()).await;
            let text = answer.xml("Message").unwrap_or_default();
            let is_refused = answer.xml("Code").as_deref() == Some("MalformedPolicyDocument");
            if !is_refused || !text.contains("can never match on this server") {
                written.push(format!("{effect} {principal}: {}", answer.text));
            }
        }
    }
    assert!(written.is_empty(), "{written:#?}");
    // A provider that is registered later.
    let condition = json!({ "StringEquals": { "login.example.com:sub": "x" } });
    scene
        .trusting(&own("oidc-provider/login.example.com"), &condition)
        .await;
    let condition = json!({ "StringEquals": { "SAML:aud": "x" } });
    scene
        .trusting(&own("saml-provider/later"), &condition)
        .await;
}
