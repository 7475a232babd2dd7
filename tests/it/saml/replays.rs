//! Replays: a response is used at one relying party, at every server of a store and after a restart.

use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{ARN, NOT_SAML, Scene};
use crate::world::World;
use crate::world::idp::encode;
use crate::world::in_memory::memory::MemoryStore;

const USED: &str = "Invalid login token. The SAML response was used before.";

async fn refused(world: &World, pool: &str, logins: &Value) {
    let answer = world.get_id(pool, logins.clone()).await;
    answer.refused("NotAuthorizedException", USED);
}

async fn refused_by_sts(world: &World, logins: &Value) {
    let parameters = [
        ("RoleArn", "arn:aws:iam::123456789012:role/Reader"),
        ("PrincipalArn", ARN),
        ("SAMLAssertion", logins[ARN].as_str().expect("a response")),
    ];
    let answer = world.sts("AssumeRoleWithSAML", &parameters).await;
    let text = "The SAML response was used before";
    answer.query_refused(400, "InvalidIdentityToken", text);
}

/// A response of `user` with the attributes that the STS needs.
fn response(scene: &Scene, user: &str) -> Value {
    let name = "https://aws.amazon.com/SAML/Attributes/RoleSessionName";
    let says = scene.says(user).attribute(name, &[user]);
    json!({ ARN: says.login(&scene.idp) })
}

#[tokio::test]
async fn a_response_stays_used_after_a_restart() {
    let mut scene = Scene::new().await;
    let other = scene.world.pool(json!({ "SamlProviderARNs": [ARN] })).await;
    let logins = response(&scene, "ada");
    let identity = scene.world.identity(&scene.pool, logins.clone()).await;
    for _ in 0..2 {
        scene.world = scene.world.restart().await;
        refused(&scene.world, &other, &logins).await;
        refused_by_sts(&scene.world, &logins).await;
        let again = scene.world.identity(&scene.pool, logins.clone()).await;
        assert_eq!(again, identity);
        let answer = scene.world.credentials(&identity, logins.clone()).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
}

#[tokio::test]
async fn a_response_that_is_used_at_one_server_is_used_at_all() {
    let store = Arc::new(MemoryStore::default());
    let scene = Scene::on(World::of_store(store.clone()).await).await;
    let other = scene.world.pool(json!({ "SamlProviderARNs": [ARN] })).await;
    let servers = [
        World::of_store(store.clone()).await,
        World::of_store(store).await,
    ];
    let logins = response(&scene, "ada");
    let identity = scene.world.identity(&scene.pool, logins.clone()).await;
    for server in &servers {
        refused(server, &other, &logins).await;
        refused_by_sts(server, &logins).await;
        assert_eq!(server.identity(&scene.pool, logins.clone()).await, identity);
    }
    // Of servers that see a response at once, at different pools, one pool gets it.
    let logins = response(&scene, "eve");
    let (one, two) = tokio::join!(
        servers[0].get_id(&scene.pool, logins.clone()),
        servers[1].get_id(&other, logins.clone()),
    );
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 400]);
}

#[tokio::test]
async fn no_response_from_before_a_restore_is_accepted_after_it() {
    let store = Arc::new(MemoryStore::default());
    let scene = Scene::on(World::of_store(store.clone()).await).await;
    let other = scene.world.pool(json!({ "SamlProviderARNs": [ARN] })).await;
    let (used, unused) = (response(&scene, "ada"), response(&scene, "eve"));
    let mut says = scene.says("mallory");
    let signed = scene.idp.sign(&says.assertion(), &says.assertion_id);
    scene.world.identity(&scene.pool, used.clone()).await;

    scene.world.clock.advance(60);
    {
        // The store as it was before the first response was used, in a new generation.
        let mut tables = store.tables();
        tables.claims.clear();
        tables.view.generation = uuid::Uuid::from_u128(8);
        tables.began = Some(scene.world.app.now());
    }
    let at_the_beginning = response(&scene, "bob");
    // The time of the response isn't signed here, that of the assertion is.
    says.now = scene.world.app.now() + SignedDuration::from_secs(30);
    let with_another_time = json!({ ARN: encode(&says.around(&signed)) });
    let says = scene.says("trent");
    let assertion = says.assertion();
    let begin = assertion.find(" IssueInstant").expect("a time");
    let end = begin + assertion[begin..].find("Z\"").expect("its end") + 2;
    let without = [&assertion[..begin], &assertion[end..]].concat();
    let without = scene.idp.sign(&without, &says.assertion_id);
    let without_time = json!({ ARN: encode(&says.around(&without)) });
    for (name, logins) in [
        ("used", &used),
        ("unused", &unused),
        ("at the beginning", &at_the_beginning),
        ("with another time", &with_another_time),
        ("without a time", &without_time),
    ] {
        for pool in [&other, &scene.pool] {
            let answer = scene.world.get_id(pool, logins.clone()).await;
            assert_eq!(answer.status, 400, "{name}: {}", answer.text);
            answer.refused("NotAuthorizedException", USED);
        }
        refused_by_sts(&scene.world, logins).await;
    }

    scene.world.clock.advance(1);
    let fresh = response(&scene, "joe");
    let identity = scene.world.identity(&other, fresh.clone()).await;
    let again = scene.world.identity(&other, fresh.clone()).await;
    assert_eq!(again, identity);
    refused(&scene.world, &scene.pool, &fresh).await;
    refused_by_sts(&scene.world, &fresh).await;
}

#[tokio::test]
async fn an_assertion_without_an_authentication_is_no_login() {
    let scene = Scene::new().await;
    let says = scene.says("ada");
    let assertion = says.assertion();
    let begin = assertion.find("<saml:AuthnStatement").expect("a statement");
    let end = "</saml:AuthnStatement>";
    let end = assertion.find(end).expect("its end") + end.len();
    let without = [&assertion[..begin], &assertion[end..]].concat();
    let response = encode(&says.around(&scene.idp.sign(&without, &says.assertion_id)));
    scene.refused(json!(response), NOT_SAML).await;
    let parameters = [
        ("RoleArn", "arn:aws:iam::123456789012:role/Reader"),
        ("PrincipalArn", ARN),
        ("SAMLAssertion", response.as_str()),
    ];
    let answer = scene.world.sts("AssumeRoleWithSAML", &parameters).await;
    let text = "Your request included an invalid SAML response";
    answer.query_refused(400, "InvalidIdentityToken", text);
    // The same user with a statement signs in.
    scene.world.identity(&scene.pool, scene.login("ada")).await;
}

#[tokio::test]
async fn a_refused_login_beside_a_response_leaves_it_unused() {
    let scene = Scene::new().await;
    let other = scene.world.pool(json!({ "SamlProviderARNs": [ARN] })).await;
    let mut logins = response(&scene, "ada");
    logins["accounts.google.com"] = json!("no token");
    let answer = scene.world.get_id(&other, logins.clone()).await;
    assert_eq!(answer.status, 400, "{}", answer.text);
    scene
        .world
        .identity(&scene.pool, response(&scene, "ada"))
        .await;
}

#[tokio::test]
async fn a_response_is_remembered_until_its_end() {
    let scene = Scene::new().await;
    let other = scene.world.pool(json!({ "SamlProviderARNs": [ARN] })).await;
    let mut says = scene.says("ada");
    says.lifetime = SignedDuration::from_hours(24);
    let logins = json!({ ARN: says.login(&scene.idp) });
    scene.world.identity(&scene.pool, logins.clone()).await;
    scene.world.clock.advance(24 * 3600 - 1);
    refused(&scene.world, &other, &logins).await;
    scene.world.identity(&scene.pool, logins).await;
}

#[tokio::test]
async fn a_response_is_remembered_as_long_as_any_of_its_confirmations_lasts() {
    let scene = Scene::new().await;
    let other = scene.world.pool(json!({ "SamlProviderARNs": [ARN] })).await;
    let bearer = "<saml:SubjectConfirmation Method=\"urn:oasis:names:tc:SAML:2.0:cm:bearer\">";
    let recipient = "https://signin.aws.amazon.com/saml";
    // Each confirmation by its begin and end, in seconds from now.
    for confirmations in [
        &[(0, 60), (0, 7200)][..],
        &[(0, 7200), (0, 60)],
        &[(0, 60), (1800, 7200)],
        &[(0, 60), (0, 90), (0, 7200), (0, 120)],
    ] {
        let mut says = scene.says("ada");
        says.lifetime = SignedDuration::from_hours(2);
        let assertion = says.assertion();
        let begin = assertion.find(bearer).expect("a confirmation");
        let end = assertion.find("</saml:Subject>").expect("its end");
        let at = |seconds: i64| scene.world.app.now() + SignedDuration::from_secs(seconds);
        let all = confirmations.iter().map(|(begin, end)| {
            format!(
                "{bearer}<saml:SubjectConfirmationData NotBefore=\"{}\" NotOnOrAfter=\"{}\" Recipient=\"{recipient}\"/>\
                 </saml:SubjectConfirmation>",
                at(*begin),
                at(*end)
            )
        });
        let all: String = all.collect();
        let assertion = [&assertion[..begin], &all, &assertion[end..]].concat();
        let signed = scene.idp.sign(&assertion, &says.assertion_id);
        let logins = json!({ ARN: encode(&says.around(&signed)) });
        let identity = scene.world.identity(&scene.pool, logins.clone()).await;
        scene.world.clock.advance(60);
        let answer = scene.world.get_id(&other, logins.clone()).await;
        assert_eq!(answer.status, 400, "{confirmations:?}: {}", answer.text);
        scene.world.clock.advance(7200 - 60 - 1);
        refused(&scene.world, &other, &logins).await;
        let again = scene.world.identity(&scene.pool, logins).await;
        assert_eq!(again, identity, "{confirmations:?}");
    }
}
