//! Whose identity it is when somebody shows logins with an identity id: what GetOpenIdToken and
//! GetCredentialsForIdentity do alike.

use serde_json::{Value, json};

use crate::world::{Answer, Credentials, Two};

const BOTH: [&str; 2] = ["GetOpenIdToken", "GetCredentialsForIdentity"];
const CODE: &str = "NotAuthorizedException";
const CONFLICT: &str = "Logins are already linked to another account";
const DONT_MATCH: &str = "Logins don't match. Please include at least one valid login for this identity or identity pool.";

fn forbidden(identity: &str) -> String {
    format!("Access to Identity '{identity}' is forbidden.")
}

impl Two {
    async fn show(&self, operation: &str, identity: &str, logins: &Value) -> Answer {
        let input = json!({ "IdentityId": identity, "Logins": logins });
        self.world.public(operation, input).await
    }

    /// The identity that answers.
    async fn becomes(&self, operation: &str, identity: &str, logins: &Value) -> String {
        let answer = self.show(operation, identity, logins).await.ok();
        answer["IdentityId"].as_str().unwrap().to_owned()
    }

    async fn session(&self, identity: &str, logins: Value) -> Credentials {
        let answer = self.world.credentials(identity, logins).await.ok();
        Credentials::of(&answer["Credentials"])
    }

    /// That an identity is nobody's to use without logins.
    async fn is_forbidden(&self, identity: &str) {
        for operation in BOTH {
            let answer = self.show(operation, identity, &json!({})).await;
            answer.refused(CODE, &forbidden(identity));
        }
    }
}

#[tokio::test]
async fn a_guest_keeps_its_id_with_logins_that_nobody_has() {
    for operation in BOTH {
        let place = Two::new().await;
        let guest = place.owner(json!({})).await;
        let logins = place.pair("ada", "bob");
        assert_eq!(place.becomes(operation, &guest, &logins).await, guest);
        place.is_forbidden(&guest).await;
        assert_eq!(place.owner(place.first("ada")).await, guest);
        assert_eq!(place.owner(place.second("bob")).await, guest);
        assert_ne!(place.owner(json!({})).await, guest, "the next is new");
    }
}

#[tokio::test]
async fn a_guest_with_a_known_login_is_disabled_and_the_owners_id_comes_back() {
    for operation in BOTH {
        let place = Two::new().await;
        let ada = place.owner(place.first("ada")).await;
        let before = place.session(&ada, place.first("ada")).await;
        let guest = place.owner(json!({})).await;
        let of_guest = place.session(&guest, json!({})).await;
        // A login that nobody has comes along.
        let logins = place.pair("ada", "ada");
        assert_eq!(place.becomes(operation, &guest, &logins).await, ada);
        place.is_forbidden(&guest).await;
        assert_eq!(place.owner(place.second("ada")).await, ada);
        assert!(!place.world.is_live(&of_guest).await);
        assert!(place.world.is_live(&before).await, "the owner's stays good");
        let answer = place.show(operation, &guest, &place.first("eve")).await;
        answer.refused(CODE, &forbidden(&guest));
        let old = place.becomes(operation, &guest, &place.second("ada")).await;
        assert_eq!(old, ada, "the old id answers to its survivor's logins");
    }
}

#[tokio::test]
async fn a_guest_with_logins_of_two_others_makes_the_older_the_owner_of_all() {
    for operation in BOTH {
        let place = Two::new().await;
        let older = place.owner(place.second("ada")).await;
        place.world.clock.advance(1);
        let younger = place.owner(place.first("ada")).await;
        let guest = place.owner(json!({})).await;
        let logins = place.pair("ada", "ada");
        assert_eq!(place.becomes(operation, &guest, &logins).await, older);
        assert_eq!(place.owner(logins).await, older);
        for disabled in [&guest, &younger] {
            place.is_forbidden(disabled).await;
            assert_eq!(place.world.providers_of(disabled).await, Value::Null);
        }
    }
}

#[tokio::test]
async fn of_two_identities_the_one_that_was_named_stays_with_a_login_of_each() {
    for operation in BOTH {
        for named_is_older in [true, false] {
            let place = Two::new().await;
            let first = place.owner(place.first("ada")).await;
            place.world.clock.advance(1);
            let second = place.owner(place.second("ada")).await;
            let (named, other) = if named_is_older {
                (first, second)
            } else {
                (second, first)
            };
            let logins = place.pair("ada", "ada");
            let of_other = place.session(&other, place.owner_login(&other).await).await;
            assert_eq!(place.becomes(operation, &named, &logins).await, named);
            for login in [place.first("ada"), place.second("ada")] {
                assert_eq!(place.owner(login.clone()).await, named);
                assert_eq!(place.becomes(operation, &other, &login).await, named);
            }
            place.is_forbidden(&other).await;
            assert!(!place.world.is_live(&of_other).await);
        }
    }
}

impl Two {
    /// The one login of an identity of ada's.
    async fn owner_login(&self, identity: &str) -> Value {
        let providers = self.world.providers_of(identity).await;
        if providers == json!([self.one.name()]) {
            self.first("ada")
        } else {
            self.second("ada")
        }
    }
}

#[tokio::test]
async fn nobody_gets_two_users_of_one_provider() {
    for operation in BOTH {
        let place = Two::new().await;
        let ada = place.owner(place.pair("ada", "ada")).await;
        let bob = place.owner(place.pair("bob", "bob")).await;
        let guest = place.owner(json!({})).await;
        let clash = place.pair("ada", "bob");
        let unknown = place.pair("ada", "eve");
        for (identity, logins) in [
            (&ada, &clash),
            (&bob, &clash),
            (&guest, &clash),
            (&ada, &unknown),
            (&guest, &unknown),
        ] {
            let answer = place.show(operation, identity, logins).await;
            answer.refused("ResourceConflictException", CONFLICT);
        }
        let answer = place.world.get_id(&place.pool, clash).await;
        answer.refused("ResourceConflictException", CONFLICT);
        assert_eq!(place.owner(place.pair("ada", "ada")).await, ada);
        assert_eq!(place.owner(place.pair("bob", "bob")).await, bob);
        place.show(operation, &guest, &json!({})).await.ok();
        assert_ne!(place.owner(place.second("eve")).await, ada);
    }
}

#[tokio::test]
async fn somebody_elses_logins_open_nothing() {
    for operation in BOTH {
        let place = Two::new().await;
        let ada = place.owner(place.first("ada")).await;
        let bob = place.owner(place.second("bob")).await;
        for logins in [
            place.second("bob"),
            place.second("nobody"),
            place.first("bob"),
            place.pair("eve", "bob"),
        ] {
            let answer = place.show(operation, &ada, &logins).await;
            answer.refused(CODE, DONT_MATCH);
        }
        place.is_forbidden(&ada).await;
        assert_eq!(place.owner(place.second("bob")).await, bob);
        assert_eq!(
            place.world.providers_of(&ada).await,
            json!([place.one.name()])
        );
    }
}

#[tokio::test]
async fn a_chain_of_merges_answers_at_its_end() {
    for operation in BOTH {
        let place = Two::new().await;
        let guest = place.owner(json!({})).await;
        let first = place.owner(place.first("ada")).await;
        let second = place.owner(place.second("ada")).await;
        let became = place.becomes(operation, &guest, &place.first("ada")).await;
        assert_eq!(became, first);
        let both = place.pair("ada", "ada");
        assert_eq!(place.becomes(operation, &second, &both).await, second);
        for old in [&guest, &first] {
            let found = place.becomes(operation, old, &place.first("ada")).await;
            assert_eq!(found, second);
            let answer = place.show(operation, old, &place.first("eve")).await;
            answer.refused(CODE, &forbidden(old));
        }
        let delete = json!({ "IdentityIdsToDelete": [second] });
        place.world.admin("DeleteIdentities", delete).await.ok();
        for old in [&guest, &first] {
            let answer = place.show(operation, old, &place.first("ada")).await;
            let text = format!("Identity '{old}' not found.");
            answer.refused("ResourceNotFoundException", &text);
        }
    }
}

#[tokio::test]
async fn an_identity_without_its_last_login_takes_no_other() {
    for operation in BOTH {
        let place = Two::new().await;
        let ada = place.owner(place.first("ada")).await;
        let unlink = json!({
            "IdentityId": ada, "Logins": place.first("ada"), "LoginsToRemove": [place.one.name()],
        });
        place.world.public("UnlinkIdentity", unlink).await.ok();
        place.is_forbidden(&ada).await;
        for logins in [place.first("ada"), place.pair("ada", "ada")] {
            let answer = place.show(operation, &ada, &logins).await;
            answer.refused(CODE, DONT_MATCH);
        }
        assert_ne!(place.owner(place.first("ada")).await, ada);
    }
}

#[tokio::test]
async fn guests_who_sign_in_at_once_with_one_new_login_end_as_one_identity() {
    for operation in BOTH {
        let place = Two::new().await;
        let mut guests = Vec::new();
        for _ in 0..3 {
            guests.push(place.owner(json!({})).await);
        }
        let logins = place.first("ada");
        let (one, two, three) = tokio::join!(
            place.becomes(operation, &guests[0], &logins),
            place.becomes(operation, &guests[1], &logins),
            place.becomes(operation, &guests[2], &logins),
        );
        let owner = place.owner(logins).await;
        assert_eq!([&one, &two, &three], [&owner; 3]);
        assert!(guests.contains(&owner));
        for guest in &guests {
            place.is_forbidden(guest).await;
        }
    }
}

#[tokio::test]
async fn logins_of_a_user_pools_clients_are_one_user() {
    let issuer = crate::world::Issuer::new().await;
    let world = crate::world::World::with_user_pools(&issuer).await;
    let pool = world.pool_of_users().await;
    let by = |client: &str, user: &str| json!({ crate::world::USER_POOL: issuer.user_pool_token(client, user, &json!({})) });
    let ada = world.identity(&pool, by("web", "ada")).await;
    for operation in BOTH {
        let guest = world.identity(&pool, json!({})).await;
        let input = json!({ "IdentityId": guest, "Logins": by("phone", "ada") });
        let answer = world.public(operation, input).await.ok();
        assert_eq!(answer["IdentityId"], json!(ada));
        let input = json!({ "IdentityId": ada, "Logins": by("phone", "bob") });
        let answer = world.public(operation, input).await;
        answer.refused(CODE, DONT_MATCH);
    }
}
