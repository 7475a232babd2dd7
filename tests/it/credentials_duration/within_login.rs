//! Credentials that end with the login. How the ends of SAML responses and access tokens are known is tested with them.

use serde_json::{Value, json};

use crate::world::{Credentials, Given, Issuer, Two, World, login};

/// A login whose token ends in so many seconds.
fn ending(world: &World, issuer: &Issuer, seconds: i64) -> Value {
    let end = json!({ "exp": world.now() + seconds });
    login(issuer, &issuer.token_saying("ada", &end))
}

#[tokio::test]
async fn credentials_end_with_the_login_and_not_before() {
    let (world, issuer) = (World::new().await, Issuer::new().await);
    let pool = world.pool_of(&issuer).await;
    let ada = ending(&world, &issuer, 3600);
    let ada = world.identity(&pool, ada).await;
    let set = json!({ "DurationSeconds": 7200, "WithinLogin": true });
    world.set_duration(&pool, set).await.ok();
    for (token, lasts) in [
        (600, 600),
        (1, 1),
        (7199, 7199),
        (7200, 7200),
        (43_200, 7200),
    ] {
        let logins = ending(&world, &issuer, token);
        assert_eq!(world.lasting(&ada, logins).await, lasts);
    }
    let logins = ending(&world, &issuer, 600);
    let answer = world.credentials(&ada, logins.clone()).await.ok();
    let session = Credentials::of(&answer["Credentials"]);
    world.clock.advance(599);
    assert!(world.is_live(&session).await);
    assert_eq!(world.lasting(&ada, logins).await, 1);
    world.clock.advance(1);
    assert!(!world.is_live(&session).await);

    let set = json!({ "WithinLogin": false });
    world.set_duration(&pool, set).await.ok();
    let logins = ending(&world, &issuer, 600);
    assert_eq!(world.lasting(&ada, logins).await, 7200);
}

#[tokio::test]
async fn of_two_logins_the_one_that_ends_first_counts_in_either_order() {
    let place = Two::new().await;
    let world = &place.world;
    let ada = place.owner(place.pair("ada", "ada")).await;
    let set = json!({ "DurationSeconds": 43_200, "WithinLogin": true });
    world.set_duration(&place.pool, set).await.ok();
    for (first, second, lasts) in [(600, 3600, 600), (3600, 700, 700), (3600, 3600, 3600)] {
        let mut logins = ending(world, &place.one, first);
        logins[place.two.name()] = ending(world, &place.two, second)[place.two.name()].clone();
        assert_eq!(world.lasting(&ada, logins).await, lasts);
    }
}

#[tokio::test]
async fn a_guest_has_no_login_to_end() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    let guest = world.identity(&pool, json!({})).await;
    let set = json!({ "DurationSeconds": 43_200, "WithinLogin": true });
    world.set_duration(&pool, set).await.ok();
    assert_eq!(world.lasting(&guest, json!({})).await, 43_200);
}

#[tokio::test]
async fn a_developers_token_ends_its_credentials_in_any_pool() {
    let place = Two::new().await;
    let world = &place.world;
    for within in [false, true] {
        let set = json!({ "DurationSeconds": 43_200, "WithinLogin": within });
        world.set_duration(&place.pool, set).await.ok();
        for (token, lasts) in [(60, 60), (7200, 7200), (86_400, 43_200)] {
            let more = json!({ "TokenDuration": token });
            let given = Given::of(world.developer(&place.pool, "user-1", more).await);
            assert_eq!(world.lasting(&given.identity, given.login()).await, lasts);
        }
        // Another login beside it counts only where the pool says so.
        let more = json!({ "TokenDuration": 7200, "Logins": ending(world, &place.one, 600) });
        let given = Given::of(world.developer(&place.pool, "user-1", more).await);
        let mut both = given.login();
        both[place.one.name()] = ending(world, &place.one, 600)[place.one.name()].clone();
        let lasts = if within { 600 } else { 7200 };
        assert_eq!(world.lasting(&given.identity, both).await, lasts);
    }
}

#[tokio::test]
async fn tokens_of_this_server_and_what_they_open_are_as_before() {
    let (world, issuer) = (World::new().await, Issuer::new().await);
    let pool = world.pool_of(&issuer).await;
    let set = json!({ "DurationSeconds": 900, "WithinLogin": true });
    world.set_duration(&pool, set).await.ok();
    let logins = ending(&world, &issuer, 60);
    let ada = world.identity(&pool, logins.clone()).await;
    let given = Given::of(world.get_token(&ada, logins).await);
    assert_eq!(given.claims()["exp"], json!(world.now() + 600));
    let answer = world.assume(crate::world::USER_ROLE, &given.token).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let session = world.open_session(&crate::world::assumed(&answer));
    assert_eq!(session.expires.as_second(), world.now() + 3600);
}
