//! Which identity a developer's user is attached to, and what that wants.

use serde_json::json;

use super::{beside, is_unknown, with_issuer};
use crate::world::{Credentials, DEVELOPER, Given, World, login};

const DONT_MATCH: &str = "Logins don't match. Please include at least one valid login for this identity or identity pool.";
const REGISTERED: &str = "This developer user identifier is already registered with Cognito.";

#[tokio::test]
async fn a_guest_becomes_the_user_keeps_its_id_and_is_a_guest_no_more() {
    let world = World::new().await;
    let pool = world.developer_pool(json!({})).await;
    let guest = world.identity(&pool, json!({})).await;
    let answer = world.credentials(&guest, json!({})).await.ok();
    let session = Credentials::of(&answer["Credentials"]);
    let given = world.attach(&pool, "user-1", &guest).await;
    assert_eq!(given.identity, guest, "the id stays");
    assert_eq!(given.claims()["sub"], json!(guest));
    let forbidden = format!("Access to Identity '{guest}' is forbidden.");
    let code = "NotAuthorizedException";
    let answer = world.credentials(&guest, json!({})).await;
    answer.refused(code, &forbidden);
    let answer = world.get_token(&guest, json!({})).await;
    answer.refused(code, &forbidden);
    assert!(!world.is_live(&session).await, "what the guest had is over");
    assert_eq!(world.user(&pool, "user-1").await.identity, guest);
}

#[tokio::test]
async fn several_users_are_attached_to_one_identity() {
    let world = World::new().await;
    let pool = world.developer_pool(json!({})).await;
    let first = world.user(&pool, "user-1").await;
    for user in ["user-2", "user-3"] {
        let given = world.attach(&pool, user, &first.identity).await;
        assert_eq!(given.identity, first.identity);
        let third = format!("{DEVELOPER}:{pool}:{user}");
        assert_eq!(
            given.claims()["amr"],
            json!(["authenticated", DEVELOPER, third]),
            "the token names the user that was presented"
        );
    }
    assert_eq!(world.user(&pool, "user-3").await.identity, first.identity);
}

#[tokio::test]
async fn an_identity_with_a_public_login_takes_a_user_only_with_its_token() {
    let (world, issuer, pool) = with_issuer().await;
    let ada = world
        .identity(&pool, login(&issuer, &issuer.token("ada")))
        .await;
    let code = "NotAuthorizedException";
    let answer = world
        .developer(&pool, "user-1", json!({ "IdentityId": ada }))
        .await;
    answer.refused(code, DONT_MATCH);
    is_unknown(&world, &pool, "user-1").await;
    let answer = world
        .developer(&pool, "user-1", beside(&issuer, "eve", &ada))
        .await;
    answer.refused(code, DONT_MATCH);
    is_unknown(&world, &pool, "user-1").await;

    let given = Given::of(
        world
            .developer(&pool, "user-1", beside(&issuer, "ada", &ada))
            .await,
    );
    assert_eq!(given.identity, ada);
    let third = format!("{DEVELOPER}:{pool}:user-1");
    let of_issuer = format!(
        "arn:aws:iam::123456789012:oidc-provider/{}:OIDC:ada",
        issuer.name()
    );
    assert_eq!(
        given.claims()["amr"],
        json!(["authenticated", DEVELOPER, third, issuer.name(), of_issuer])
    );
    assert_eq!(
        world.attach(&pool, "user-1", &ada).await.identity,
        ada,
        "a user who is attached needs no other login"
    );
    let answer = world
        .developer(&pool, "user-2", json!({ "IdentityId": ada }))
        .await;
    answer.refused(code, DONT_MATCH);
}

#[tokio::test]
async fn a_user_who_is_registered_under_another_identity_is_refused() {
    let (world, issuer, pool) = with_issuer().await;
    let code = "DeveloperUserAlreadyRegisteredException";
    world.user(&pool, "user-1").await;
    let other = world.user(&pool, "user-2").await.identity;
    let guest = world.identity(&pool, json!({})).await;
    let ada = world
        .identity(&pool, login(&issuer, &issuer.token("ada")))
        .await;
    for identity in [&other, &guest, &ada] {
        let answer = world
            .developer(&pool, "user-1", json!({ "IdentityId": identity }))
            .await;
        answer.refused(code, REGISTERED);
    }
    let answer = world
        .developer(&pool, "user-1", beside(&issuer, "ada", &ada))
        .await;
    answer.refused(code, REGISTERED);
    // The refused guest is still one.
    world.credentials(&guest, json!({})).await.ok();
}

#[tokio::test]
async fn a_public_login_beside_the_user_finds_or_links_its_identity() {
    let (world, issuer, pool) = with_issuer().await;
    let logins = |subject: &str| json!({ "Logins": login(&issuer, &issuer.token(subject)) });
    let ada = world
        .identity(&pool, login(&issuer, &issuer.token("ada")))
        .await;
    let given = Given::of(world.developer(&pool, "user-1", logins("ada")).await);
    assert_eq!(
        given.identity, ada,
        "the user is attached to the login's identity"
    );
    let given = Given::of(world.developer(&pool, "user-2", logins("bob")).await);
    let bob = world
        .identity(&pool, login(&issuer, &issuer.token("bob")))
        .await;
    assert_eq!(given.identity, bob, "both are new, and of one identity");
    assert_eq!(
        world.providers_of(&bob).await,
        json!([DEVELOPER, issuer.name()])
    );
}

#[tokio::test]
async fn logins_of_two_identities_are_not_merged_for_a_developer() {
    let (world, issuer, pool) = with_issuer().await;
    let one = world.user(&pool, "user-1").await.identity;
    let ada = world
        .identity(&pool, login(&issuer, &issuer.token("ada")))
        .await;
    let text = "Logins are already linked to another account";
    let more = json!({ "Logins": login(&issuer, &issuer.token("ada")) });
    let answer = world.developer(&pool, "user-1", more).await;
    answer.refused("ResourceConflictException", text);
    let answer = world
        .developer(&pool, "user-1", beside(&issuer, "ada", &one))
        .await;
    answer.refused("ResourceConflictException", text);
    let answer = world
        .developer(&pool, "user-9", beside(&issuer, "ada", &one))
        .await;
    answer.refused("NotAuthorizedException", DONT_MATCH);
    assert_ne!(one, ada);
    is_unknown(&world, &pool, "user-9").await;
}

#[tokio::test]
async fn a_second_user_of_a_public_provider_is_not_linked() {
    let (world, issuer, pool) = with_issuer().await;
    let ada = world
        .identity(&pool, login(&issuer, &issuer.token("ada")))
        .await;
    Given::of(
        world
            .developer(&pool, "user-1", beside(&issuer, "ada", &ada))
            .await,
    );
    let answer = world
        .developer(&pool, "user-1", beside(&issuer, "unknown", &ada))
        .await;
    answer.refused(
        "ResourceConflictException",
        "Logins are already linked to another account",
    );
}

#[tokio::test]
async fn a_merged_identity_answers_with_its_survivor_to_a_user_of_it_alone() {
    let (world, issuer, pool) = with_issuer().await;
    let survivor = world.user(&pool, "user-1").await;
    let guest = world.identity(&pool, json!({})).await;
    world
        .credentials(&guest, login(&issuer, &issuer.token("ada")))
        .await
        .ok();
    // The guest is ada now; merged into the developer's user by a token of each.
    let mut both = login(&issuer, &issuer.token("ada"));
    both["cognito-identity.amazonaws.com"] = json!(survivor.token);
    let answer = world.credentials(&survivor.identity, both).await.ok();
    assert_eq!(answer["IdentityId"], json!(survivor.identity));
    assert_eq!(
        world.attach(&pool, "user-1", &guest).await.identity,
        survivor.identity
    );
    let answer = world
        .developer(&pool, "user-2", json!({ "IdentityId": guest }))
        .await;
    let text = format!("Access to Identity '{guest}' is forbidden.");
    answer.refused("NotAuthorizedException", &text);
}

#[tokio::test]
async fn another_identitys_login_is_no_proof_of_the_identity_that_is_named() {
    let (world, issuer, pool) = with_issuer().await;
    let sign_in = async |name: &str| {
        world
            .identity(&pool, login(&issuer, &issuer.token(name)))
            .await
    };
    let (ada, eve) = (sign_in("ada").await, sign_in("eve").await);
    let mine = world.user(&pool, "user-1").await.identity;
    for (identity, login_of, user) in [
        (&ada, "eve", "user-2"),
        (&eve, "ada", "user-3"),
        (&mine, "eve", "user-4"),
        (&mine, "ada", "user-5"),
    ] {
        let answer = world
            .developer(&pool, user, beside(&issuer, login_of, identity))
            .await;
        answer.refused("NotAuthorizedException", DONT_MATCH);
        is_unknown(&world, &pool, user).await;
    }
    let good = world
        .developer(&pool, "user-6", beside(&issuer, "ada", &ada))
        .await;
    assert_eq!(
        good.ok()["IdentityId"],
        json!(ada),
        "its own login is a proof"
    );
}
