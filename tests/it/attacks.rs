//! Attacks on what docs/security.md promises of identities, guests and administrators. Other promises are attacked where
//! they are tested; that page names each.

use cognate::operations::{ALL, Access, Service};
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::{Value, json};

use crate::constraints::requests::request;
use crate::constraints::sending::{is_query, written};
use crate::world::{
    Answer, Credentials, DEVELOPER, GUEST_ROLE, Given, Log, Two, USER_ROLE, World, assumed, claims,
};

const DENIED: &str = "Not authorized to perform sts:AssumeRoleWithWebIdentity";

/// Logins that pass for ada's at the second issuer and aren't.
fn forged(place: &Two) -> Vec<String> {
    let mut late = claims(place.two.url(), "ada");
    late["exp"] = json!(place.world.now());
    let mut elsewhere = claims(place.two.url(), "ada");
    elsewhere["aud"] = json!("another-app");
    vec![
        place.two.key.token(&late),
        place.two.key.token(&elsewhere),
        place.one.key.token(&claims(place.two.url(), "ada")),
        place.one.token("ada"),
        String::from("ada"),
    ]
}

#[tokio::test]
async fn get_id_never_makes_one_of_two_people() {
    let place = Two::new().await;
    let eve = place.owner(place.first("eve")).await;
    let ada = place.owner(place.second("ada")).await;
    let mut tries: Vec<Value> = forged(&place)
        .into_iter()
        .map(|token| json!({ place.one.name(): place.one.token("eve"), place.two.name(): token }))
        .collect();
    tries.push(place.pair("eve", "ada"));
    for logins in tries {
        let answer = place.world.get_id(&place.pool, logins).await;
        assert_eq!(answer.status, 400, "{}", answer.text);
    }
    assert_eq!(place.owner(place.first("eve")).await, eve);
    assert_eq!(place.owner(place.second("ada")).await, ada);
}

#[tokio::test]
async fn two_people_become_one_only_with_a_good_token_of_each() {
    let place = Two::new().await;
    let eve = place.owner(place.first("eve")).await;
    let ada = place.owner(place.second("ada")).await;
    let guest = place.owner(json!({})).await;
    for operation in ["GetOpenIdToken", "GetCredentialsForIdentity"] {
        for token in forged(&place) {
            let with_own =
                json!({ place.one.name(): place.one.token("eve"), place.two.name(): token });
            let alone = json!({ place.two.name(): token });
            for (identity, logins) in [
                (&eve, &with_own),
                (&ada, &with_own),
                (&guest, &with_own),
                (&ada, &alone),
                (&guest, &alone),
                (&ada, &place.first("eve")),
            ] {
                let input = json!({ "IdentityId": identity, "Logins": logins });
                let answer = place.world.public(operation, input).await;
                assert_eq!(answer.error().1, "NotAuthorizedException");
            }
        }
    }
    assert_eq!(place.owner(place.first("eve")).await, eve);
    assert_eq!(place.owner(place.second("ada")).await, ada);
    place.world.credentials(&guest, json!({})).await.ok();
}

#[tokio::test]
async fn a_stolen_token_of_one_login_takes_no_other_away() {
    let place = Two::new().await;
    let more = json!({ "Logins": place.pair("ada", "ada") });
    let developer = place.world.developer(&place.pool, "ada", more).await;
    let given = Given::of(developer);
    let (one, two) = (place.one.name(), place.two.name());
    let mut tries = vec![
        (place.first("ada"), vec![two]),
        (place.first("ada"), vec![one, two]),
        (place.pair("ada", "eve"), vec![two]),
        (place.first("ada"), vec![DEVELOPER]),
        (given.login(), vec![one]),
        (given.login(), vec![DEVELOPER]),
    ];
    for token in forged(&place) {
        tries.push((
            json!({ one: place.one.token("ada"), two: token }),
            vec![two],
        ));
    }
    for (logins, remove) in tries {
        let input = json!({
            "IdentityId": given.identity, "Logins": logins, "LoginsToRemove": remove,
        });
        let answer = place.world.public("UnlinkIdentity", input).await;
        assert_eq!(answer.status, 400, "{}", answer.text);
    }
    let mut providers = place.world.providers_of(&given.identity).await;
    let list = providers.as_array_mut().unwrap();
    assert_eq!(list.len(), 3, "{list:?}");
    assert_eq!(place.owner(place.pair("ada", "ada")).await, given.identity);
}

#[tokio::test]
async fn what_a_guest_was_given_ends_with_the_guest() {
    for way in ["signed in", "merged", "deleted", "taken by a developer"] {
        let place = Two::new().await;
        let world = &place.world;
        place.owner(place.first("ada")).await;
        let guest = place.owner(json!({})).await;
        let answer = world.credentials(&guest, json!({})).await.ok();
        let token = Given::of(world.get_token(&guest, json!({})).await).token;
        let answer_of_sts = world.assume(GUEST_ROLE, &token).await;
        let sessions = [
            Credentials::of(&answer["Credentials"]),
            assumed(&answer_of_sts),
        ];
        for session in &sessions {
            assert!(world.is_live(session).await, "before it was {way}");
        }
        match way {
            "signed in" => drop(world.credentials(&guest, place.first("new")).await.ok()),
            "merged" => drop(world.credentials(&guest, place.first("ada")).await.ok()),
            "deleted" => {
                let input = json!({ "IdentityIdsToDelete": [guest] });
                world.admin("DeleteIdentities", input).await.ok();
            }
            _ => drop(world.attach(&place.pool, "user-1", &guest).await),
        }
        for session in &sessions {
            assert!(!world.is_live(session).await, "once it was {way}");
        }
        let answer = world.assume(GUEST_ROLE, &token).await;
        answer.query_refused(403, "AccessDenied", DENIED);
        let answer = world.assume(USER_ROLE, &token).await;
        answer.query_refused(403, "AccessDenied", DENIED);
        for answer in [
            world.credentials(&guest, json!({})).await,
            world.get_token(&guest, json!({})).await,
        ] {
            assert_eq!(answer.status, 400, "{way}: {}", answer.text);
        }
    }
}

#[tokio::test]
async fn no_guests_id_and_no_secret_is_in_a_log_or_a_metric() {
    let (log, _listening) = Log::listen();
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let _counting = metrics::set_default_local_recorder(&recorder);

    let place = Two::new().await;
    let world = &place.world;
    let mut secrets = Vec::new();
    for way in 0..4 {
        let guest = place.owner(json!({})).await;
        let answer = world.credentials(&guest, json!({})).await.ok();
        let session = Credentials::of(&answer["Credentials"]);
        let token = Given::of(world.get_token(&guest, json!({})).await).token;
        world.assume(GUEST_ROLE, &token).await;
        world.assume(USER_ROLE, &token).await;
        world.is_live(&session).await;
        world
            .signed(&session, "DescribeIdentity", json!({ "IdentityId": guest }))
            .await;
        let login = place.one.token("ada");
        match way {
            0 | 1 => drop(world.credentials(&guest, place.first("ada")).await.ok()),
            2 => drop(world.attach(&place.pool, "user-1", &guest).await),
            _ => drop(
                world
                    .admin(
                        "DeleteIdentities",
                        json!({ "IdentityIdsToDelete": [guest] }),
                    )
                    .await
                    .ok(),
            ),
        }
        world.credentials(&guest, json!({})).await;
        world
            .credentials(&guest, json!({ place.one.name(): "opaque" }))
            .await;
        world.is_live(&session).await;
        world.assume(GUEST_ROLE, &token).await;
        let uuid = guest.split_once(':').unwrap().1.to_owned();
        let session_token = session.session_token.unwrap();
        secrets.extend([uuid, token, session.secret, session_token, login]);
    }
    secrets.push(Credentials::root().secret);
    place.one.away(true);
    world.clock.advance(100_000);
    cognate::app::maintenance::close(&world.app).await;
    place.world.get_id(&place.pool, json!({})).await;
    let guest = format!("eu-west-1:{}", secrets[0]);
    world.credentials(&guest, json!({})).await;
    world
        .admin(
            "DeleteIdentities",
            json!({ "IdentityIdsToDelete": [guest] }),
        )
        .await;

    let log = log.text();
    let metrics = metrics.render();
    assert!(log.contains("GetCredentialsForIdentity"), "it listened");
    assert!(metrics.contains("GetCredentialsForIdentity"), "it counted");
    for secret in secrets {
        for (place, text) in [("log", &log), ("metrics", &metrics)] {
            let line = text.lines().find(|line| line.contains(&secret));
            assert_eq!(line, None, "{secret} is in the {place}");
        }
    }
}

/// That none of these credentials opens anything that wants permission.
async fn administrates_nothing(world: &World, who: &Credentials) {
    for entry in ALL {
        if entry.access != Access::Signed {
            continue;
        }
        let (headers, body) = written(entry, &request(entry));
        let headers = world.sign(who, entry.service.signing_name(), headers, &body);
        let answer = world.send("POST", "/", headers, body).await;
        is_denied(&answer, is_query(entry), entry.name);
    }
}

fn is_denied(answer: &Answer, query: bool, name: &str) {
    let code = if query {
        answer.xml("Code").unwrap()
    } else {
        answer.error().1
    };
    let wanted = if query {
        "AccessDenied"
    } else {
        "AccessDeniedException"
    };
    assert_eq!(code, wanted, "{name}: {}", answer.text);
}

#[tokio::test]
async fn no_session_of_an_identity_administrates_whatever_its_role_is_called() {
    let place = Two::new().await;
    let admin = "arn:aws:iam::123456789012:role/Administrator";
    let roles = json!({ "authenticated": admin, "unauthenticated": admin });
    let input = json!({ "IdentityPoolId": place.pool, "Roles": roles });
    place.world.admin("SetIdentityPoolRoles", input).await.ok();
    let guest = place.owner(json!({})).await;
    let ada = place.owner(place.first("ada")).await;
    let user = place.world.user(&place.pool, "root").await;
    let mut sessions = Vec::new();
    for (identity, logins) in [
        (guest, json!({})),
        (ada, place.first("ada")),
        (user.identity.clone(), user.login()),
    ] {
        let answer = place.world.credentials(&identity, logins).await.ok();
        sessions.push(Credentials::of(&answer["Credentials"]));
    }
    sessions.push(assumed(&place.world.assume(admin, &user.token).await));
    for session in &sessions {
        assert!(place.world.is_live(session).await);
        administrates_nothing(&place.world, session).await;
    }
}

#[tokio::test]
async fn a_key_for_the_service_is_none_for_iam_or_for_cognates_own_operations() {
    let world = World::new().await;
    let statement = json!({
        "Effect": "Allow", "Action": ["cognito-identity:*", "sts:*"], "Resource": "*",
    });
    let policy = json!({ "Version": "2012-10-17", "Statement": statement }).to_string();
    let input = json!({ "Name": "ci", "Policy": policy });
    let made = world.admin("Cognate.CreateAccessKey", input).await.ok();
    let ci = Credentials::of(&made);
    for entry in ALL {
        if !matches!(entry.service, Service::Iam | Service::Cognate) {
            continue;
        }
        let (headers, body) = written(entry, &request(entry));
        let headers = world.sign(&ci, entry.service.signing_name(), headers, &body);
        let answer = world.send("POST", "/", headers, body).await;
        is_denied(&answer, is_query(entry), entry.name);
    }
    // Nor does it give itself a role through a pool.
    let pool = world.pool(json!({})).await;
    let roles = json!({ "unauthenticated": USER_ROLE });
    let input = json!({ "IdentityPoolId": pool, "Roles": roles });
    let answer = world.signed(&ci, "SetIdentityPoolRoles", input).await;
    let text = format!("Access to Role '{USER_ROLE}' is forbidden.");
    answer.refused("NotAuthorizedException", &text);
}
