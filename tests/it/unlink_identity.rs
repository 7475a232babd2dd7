use serde_json::{Value, json};

use crate::world::{Answer, Credentials, DEVELOPER, Given, Two, USER_ROLE, claims};

const CODE: &str = "NotAuthorizedException";
const DONT_MATCH: &str = "Logins don't match. Please include at least one valid login for this identity or identity pool.";
const NOT_LINKED: &str = "The login is not linked to this identity.";

impl Two {
    /// An identity with a login at both.
    async fn ada(&self) -> String {
        self.owner(self.pair("ada", "ada")).await
    }

    async fn unlink(&self, identity: &str, logins: &Value, remove: &[&str]) -> Answer {
        let input = json!({ "IdentityId": identity, "Logins": logins, "LoginsToRemove": remove });
        self.world.public("UnlinkIdentity", input).await
    }
}

#[tokio::test]
async fn a_login_that_is_unlinked_is_a_new_identity_when_next_seen() {
    let place = Two::new().await;
    let ada = place.ada().await;
    let answer = place
        .unlink(&ada, &place.second("ada"), &[place.two.name()])
        .await;
    assert_eq!((answer.status, answer.text.as_str()), (200, ""));
    assert_eq!(
        place.world.providers_of(&ada).await,
        json!([place.one.name()])
    );
    assert_eq!(place.owner(place.first("ada")).await, ada);
    assert_ne!(place.owner(place.second("ada")).await, ada);
}

#[tokio::test]
async fn several_logins_go_at_once_with_a_token_of_each() {
    let place = Two::new().await;
    let ada = place.ada().await;
    let names = [place.two.name(), place.one.name(), place.two.name()];
    place
        .unlink(&ada, &place.pair("ada", "ada"), &names)
        .await
        .ok();
    assert_eq!(place.world.providers_of(&ada).await, Value::Null);
}

#[tokio::test]
async fn an_identity_without_its_last_login_is_nobodys_for_good() {
    let place = Two::new().await;
    let ada = place.owner(place.first("ada")).await;
    place
        .unlink(&ada, &place.first("ada"), &[place.one.name()])
        .await
        .ok();
    let forbidden = format!("Access to Identity '{ada}' is forbidden.");
    for operation in ["GetCredentialsForIdentity", "GetOpenIdToken"] {
        let input = json!({ "IdentityId": ada });
        let answer = place.world.public(operation, input).await;
        answer.refused(CODE, &forbidden);
        let input = json!({ "IdentityId": ada, "Logins": place.second("ada") });
        let answer = place.world.public(operation, input).await;
        answer.refused(CODE, DONT_MATCH);
    }
    let answer = place
        .unlink(&ada, &place.first("ada"), &[place.one.name()])
        .await;
    answer.refused(CODE, DONT_MATCH);
    assert_ne!(place.owner(place.first("ada")).await, ada);
}

#[tokio::test]
async fn every_login_that_goes_wants_its_own_token() {
    let place = Two::new().await;
    let ada = place.ada().await;
    let (one, two) = (place.one.name(), place.two.name());
    for (logins, remove) in [
        (place.first("ada"), vec![two]),
        (place.second("ada"), vec![one]),
        (place.first("ada"), vec![one, two]),
        (place.first("eve"), vec![one]),
        (json!({}), vec![one]),
        (json!({}), vec![]),
        (place.first("eve"), vec![]),
    ] {
        let answer = place.unlink(&ada, &logins, &remove).await;
        answer.refused(CODE, DONT_MATCH);
    }
    assert_eq!(
        place.owner(place.pair("ada", "ada")).await,
        ada,
        "all are there"
    );
}

#[tokio::test]
async fn a_login_that_is_not_linked_is_a_conflict_and_takes_nothing_with_it() {
    let place = Two::new().await;
    let ada = place.owner(place.first("ada")).await;
    let (one, two) = (place.one.name(), place.two.name());
    for remove in [vec![two], vec![one, two]] {
        let answer = place.unlink(&ada, &place.pair("ada", "ada"), &remove).await;
        answer.refused("ResourceConflictException", NOT_LINKED);
    }
    assert_eq!(place.world.providers_of(&ada).await, json!([one]));
    let other = place.owner(place.second("ada")).await;
    assert_ne!(other, ada, "nor was it linked");
    let answer = place.unlink(&ada, &place.pair("ada", "ada"), &[two]).await;
    answer.refused("ResourceConflictException", NOT_LINKED);
    assert_eq!(place.owner(place.second("ada")).await, other);
}

#[tokio::test]
async fn a_token_that_is_no_good_refuses_all() {
    let place = Two::new().await;
    let ada = place.ada().await;
    let mut logins = place.first("ada");
    logins[place.two.name()] = json!("opaque");
    let answer = place.unlink(&ada, &logins, &[place.one.name()]).await;
    let text = "Invalid login token. Not a valid OpenId Connect identity token.";
    answer.refused(CODE, text);
    place.one.away(true);
    place.world.clock.advance(90_000);
    let mut late = claims(place.one.url(), "ada");
    late["iat"] = json!(place.world.now());
    late["exp"] = json!(place.world.now() + 60);
    let late = json!({ place.one.name(): place.one.key.token(&late) });
    let answer = place.unlink(&ada, &late, &[place.one.name()]).await;
    answer.refused(
        "ExternalServiceException",
        &format!(
            "The identity provider {} can't be reached.",
            place.one.name()
        ),
    );
}

#[tokio::test]
async fn the_developers_name_is_no_public_provider() {
    let place = Two::new().await;
    let more = json!({ "Logins": place.first("ada") });
    let given = Given::of(place.world.developer(&place.pool, "user-1", more).await);
    let text = "Please provide a valid public provider";
    for logins in [
        place.first("ada"),
        given.login(),
        json!({ DEVELOPER: "user-1" }),
    ] {
        let answer = place.unlink(&given.identity, &logins, &[DEVELOPER]).await;
        answer.refused(CODE, text);
    }
    let again = place.world.user(&place.pool, "user-1").await;
    assert_eq!(again.identity, given.identity);
}

#[tokio::test]
async fn a_developers_token_shows_whose_the_identity_is_but_not_whose_a_login_is() {
    let place = Two::new().await;
    let more = json!({ "Logins": place.first("ada") });
    let given = Given::of(place.world.developer(&place.pool, "user-1", more).await);
    let name = place.one.name();
    let answer = place.unlink(&given.identity, &given.login(), &[name]).await;
    answer.refused(CODE, DONT_MATCH);
    let mut both = given.login();
    both[name] = place.first("ada")[name].clone();
    place.unlink(&given.identity, &both, &[name]).await.ok();
    assert_eq!(
        place.world.providers_of(&given.identity).await,
        json!([DEVELOPER])
    );
}

#[tokio::test]
async fn a_guest_has_nothing_to_unlink() {
    let place = Two::new().await;
    let guest = place.owner(json!({})).await;
    let answer = place
        .unlink(&guest, &place.first("ada"), &[place.one.name()])
        .await;
    answer.refused(CODE, DONT_MATCH);
    place.world.credentials(&guest, json!({})).await.ok();
}

#[tokio::test]
async fn a_merged_identity_is_forbidden() {
    let place = Two::new().await;
    let guest = place.owner(json!({})).await;
    let ada = place.owner(place.first("ada")).await;
    place
        .world
        .credentials(&guest, place.first("ada"))
        .await
        .ok();
    let answer = place
        .unlink(&guest, &place.first("ada"), &[place.one.name()])
        .await;
    answer.refused(CODE, &format!("Access to Identity '{guest}' is forbidden."));
    assert_eq!(place.owner(place.first("ada")).await, ada);
}

#[tokio::test]
async fn an_unknown_identity_is_not_found() {
    let place = Two::new().await;
    let id = "eu-west-1:00000000-0000-4000-8000-000000000000";
    let answer = place.unlink(id, &place.first("ada"), &[]).await;
    answer.refused(
        "ResourceNotFoundException",
        &format!("Identity '{id}' not found."),
    );
}

#[tokio::test]
async fn what_was_given_out_before_is_over() {
    let place = Two::new().await;
    let ada = place.ada().await;
    let answer = place.world.credentials(&ada, place.first("ada")).await.ok();
    let session = Credentials::of(&answer["Credentials"]);
    let token = Given::of(place.world.get_token(&ada, place.first("ada")).await).token;
    assert!(place.world.is_live(&session).await);
    place
        .unlink(&ada, &place.second("ada"), &[place.two.name()])
        .await
        .ok();
    assert!(!place.world.is_live(&session).await);
    place.world.assume(USER_ROLE, &token).await.query_refused(
        403,
        "AccessDenied",
        "Not authorized to perform sts:AssumeRoleWithWebIdentity",
    );
    let answer = place.world.credentials(&ada, place.first("ada")).await.ok();
    let fresh = Credentials::of(&answer["Credentials"]);
    assert!(place.world.is_live(&fresh).await);
}

#[tokio::test]
async fn a_call_that_removes_nothing_changes_nothing() {
    let place = Two::new().await;
    let ada = place.ada().await;
    let answer = place.world.credentials(&ada, place.first("ada")).await.ok();
    let session = Credentials::of(&answer["Credentials"]);
    place.unlink(&ada, &place.first("ada"), &[]).await.ok();
    assert!(place.world.is_live(&session).await);
}

#[tokio::test]
async fn a_pool_without_providers_says_so() {
    let place = Two::new().await;
    let pool = place.world.pool(json!({})).await;
    let guest = place.world.identity(&pool, json!({})).await;
    let answer = place.unlink(&guest, &place.first("ada"), &[]).await;
    let text = format!("Identity pool - {pool} does not have identity providers configured.");
    answer.refused(CODE, &text);
}
