use serde_json::{Value, json};

use super::{INVALID, Scene, UNSUPPORTED, own_claims};
use crate::world::{Asked, StandIn, USER_ROLE};

const KEY: &str = "graph.facebook.com";
pub const APP: &str = "1634271429961880";
const OTHER: &str = "2750000000000001";
/// A role beside the usual ones.
const ADA_ROLE: &str = "arn:aws:iam::123456789012:role/Ada";

/// The Graph API. A token is `EAA.APP.USER` with dashes, a word that says what is wrong with it, or garbage.
pub fn graph(asked: &Asked) -> (u16, Value) {
    let error = |code: i64, subcode: Option<i64>, message: &str| {
        let mut error = json!({ "message": message, "type": "OAuthException", "code": code, "fbtrace_id": "AbC" });
        if let Some(subcode) = subcode {
            error["error_subcode"] = json!(subcode);
        }
        (400, json!({ "error": error }))
    };
    assert_eq!(asked.parameter("fields"), "id");
    let token = asked.parameter("access_token");
    let parts: Vec<&str> = token.split('-').collect();
    match (asked.path.as_str(), parts.as_slice()) {
        (_, ["EAAexpired"]) => error(
            190,
            Some(463),
            "Error validating access token: Session has expired",
        ),
        (_, ["EAArevoked"]) => error(190, Some(458), "The user has not authorized application"),
        (_, ["EAAlimited"]) => error(4, None, "(#4) Application request limit reached"),
        ("/app", ["EAA", app, _] | ["EAAapp", app]) => (200, json!({ "id": app })),
        ("/me", ["EAA", _, user]) => (200, json!({ "id": user })),
        ("/me", ["EAAapp", _]) => error(2500, None, "An active access token must be used"),
        ("/app" | "/me", _) => error(190, None, &format!("Malformed access token {token}")),
        (path, _) => panic!("{path}"),
    }
}

pub fn login(user: u32) -> String {
    format!("EAA-{APP}-1810025299029{user:03}")
}

async fn scene() -> Scene {
    let provider = StandIn::new(graph).await;
    Scene {
        world: Scene::world("graph.facebook.com", &provider).await,
        provider,
        key: KEY,
        app: APP,
        other_app: OTHER,
        login,
        expired: "EAAexpired",
        malformed: [
            "EAA C",
            "EAA\tC",
            "EAAé",
            "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiI3In0.c2ln",
        ]
        .map(str::to_owned)
        .into_iter()
        .chain(["x".repeat(4097)])
        .collect(),
        calls: 2,
    }
}

#[tokio::test]
async fn users_of_facebook_log_in_with_access_tokens() {
    scene().await.check().await;
}

#[tokio::test]
async fn what_graph_refuses_is_refused() {
    let scene = scene().await;
    let pool = scene.pool().await;
    for (token, code, text) in [
        ("EAArevoked".to_owned(), "NotAuthorizedException", INVALID),
        ("EAAgarbage".to_owned(), "NotAuthorizedException", INVALID),
        // An app's own token is no user's.
        (format!("EAAapp-{APP}"), "NotAuthorizedException", INVALID),
        // Another app's token.
        (
            format!("EAA-{OTHER}-7"),
            "NotAuthorizedException",
            UNSUPPORTED,
        ),
        (
            "EAAlimited".to_owned(),
            "ExternalServiceException",
            "The identity provider graph.facebook.com can't be reached.",
        ),
    ] {
        let answer = scene.world.get_id(&pool, json!({ KEY: token })).await;
        answer.refused(code, text);
    }
}

#[tokio::test]
async fn half_an_answer_of_graph_is_no_answer() {
    for silent in ["/app", "/me"] {
        let provider = StandIn::new(move |asked| {
            if asked.path == silent {
                (503, json!({ "error": { "code": 2, "message": "down" } }))
            } else {
                graph(asked)
            }
        });
        let provider = provider.await;
        let world = Scene::world(KEY, &provider).await;
        let pool = world
            .pool(json!({ "SupportedLoginProviders": { KEY: APP } }))
            .await;
        for (token, code) in [
            (login(1), "ExternalServiceException"),
            // The other half says no, which is enough only where it is asked about the app.
            (
                "EAAexpired".to_owned(),
                match silent {
                    "/me" => "NotAuthorizedException",
                    _ => "ExternalServiceException",
                },
            ),
        ] {
            let answer = world.get_id(&pool, json!({ KEY: token })).await;
            assert_eq!(answer.error().1, code, "{silent} {token}");
        }
    }
}

#[tokio::test]
async fn a_token_of_another_app_is_not_good_here_and_good_there() {
    let scene = scene().await;
    let (here, there) = (scene.pool().await, scene.pool_of(OTHER).await);
    let logins = json!({ KEY: format!("EAA-{OTHER}-7") });
    for _ in 0..2 {
        let answer = scene.world.get_id(&here, logins.clone()).await;
        answer.refused("NotAuthorizedException", UNSUPPORTED);
        scene.world.identity(&there, logins.clone()).await;
    }
    assert_eq!(scene.provider.asked().len(), 2);
}

#[tokio::test]
async fn a_token_says_the_app_and_the_user() {
    let scene = scene().await;
    let pool = scene.pool().await;
    let ada = scene.world.identity(&pool, scene.logins(1)).await;
    let claims = own_claims(&scene.world, &ada, scene.logins(1)).await;
    let amr = json!([
        "authenticated",
        "graph.facebook.com",
        "graph.facebook.com:1634271429961880:1810025299029001",
    ]);
    assert_eq!(claims["amr"], amr);
}

#[tokio::test]
async fn mappings_and_tags_see_the_issuer_the_app_and_the_user() {
    let scene = scene().await;
    let pool = scene.pool().await;
    let rule = |claim: &str, value: &str| json!({ "Claim": claim, "MatchType": "Equals", "Value": value, "RoleARN": ADA_ROLE });
    let tags = json!({ "who": "sub", "app": "aud", "from": "iss", "none": "email" });
    let set = json!({ "IdentityPoolId": pool, "IdentityProviderName": KEY, "PrincipalTags": tags });
    scene
        .world
        .admin("SetPrincipalTagAttributeMap", set)
        .await
        .ok();
    let ada = scene.world.identity(&pool, scene.logins(1)).await;
    let claims = own_claims(&scene.world, &ada, scene.logins(1)).await;
    let wanted = json!({ "principal_tags": {
        "who": ["1810025299029001"], "app": [APP], "from": ["graph.facebook.com"],
    } });
    assert_eq!(claims["https://aws.amazon.com/tags"], wanted);

    for (claim, value) in [
        ("sub", "1810025299029001"),
        ("aud", APP),
        ("iss", "graph.facebook.com"),
    ] {
        let mapping = json!({ "Type": "Rules", "AmbiguousRoleResolution": "Deny",
            "RulesConfiguration": { "Rules": [rule(claim, value)] } });
        let set = json!({ "IdentityPoolId": pool, "Roles": { "authenticated": USER_ROLE },
            "RoleMappings": { KEY: mapping } });
        scene.world.admin("SetIdentityPoolRoles", set).await.ok();
        scene.world.credentials(&ada, scene.logins(1)).await.ok();
        let bob = scene.world.identity(&pool, scene.logins(2)).await;
        let answer = scene.world.credentials(&bob, scene.logins(2)).await;
        assert_eq!(answer.status == 400, claim == "sub", "{}", answer.text);
    }
}

#[tokio::test]
async fn credentials_that_end_with_the_login_last_a_quarter_of_an_hour() {
    let scene = scene().await;
    let pool = scene.pool().await;
    let ada = scene.world.identity(&pool, scene.logins(1)).await;
    for (within, lasts) in [(false, 3600), (true, 900)] {
        let set = json!({ "WithinLogin": within });
        scene.world.set_duration(&pool, set).await.ok();
        // Also where the answer is remembered.
        scene.world.clock.advance(30);
        assert_eq!(scene.world.lasting(&ada, scene.logins(1)).await, lasts);
    }
}
