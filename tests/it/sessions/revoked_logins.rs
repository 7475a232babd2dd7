//! A revoked login opens no role at the STS, in whichever pool it was revoked.

use serde_json::{Value, json};

use super::{chained, role, role_arn, trusting_account, trusting_provider};
use crate::world::{Credentials, Two, World, assumed};

const DENIED: &str = "Not authorized to perform sts:AssumeRoleWithWebIdentity";

struct Scene {
    place: Two,
    /// Another pool that accepts the same logins.
    second_pool: String,
}

impl Scene {
    async fn new() -> Self {
        let place = Two::new().await;
        let arn = format!(
            "arn:aws:iam::123456789012:oidc-provider/{}",
            place.one.name()
        );
        let trust = json!([trusting_provider(&arn), trusting_account()]);
        role(&place.world, "Job", trust).await;
        let second_pool = place
            .world
            .pool(json!({ "OpenIdConnectProviderARNs": [arn] }))
            .await;
        Self { place, second_pool }
    }

    fn world(&self) -> &World {
        &self.place.world
    }

    /// The session that the ID token of a user opens, and one that came from it.
    async fn sessions(&self, user: &str) -> [Credentials; 2] {
        let job = role_arn("Job");
        let answer = self.world().assume(&job, &self.place.one.token(user)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let session = assumed(&answer);
        let next = chained(self.world(), &session, &job).await;
        [session, next]
    }

    async fn are_live(&self, sessions: &[Credentials; 2]) -> [bool; 2] {
        let [one, two] = sessions;
        [
            self.world().is_live(one).await,
            self.world().is_live(two).await,
        ]
    }

    async fn change(&self, operation: &str, identity: &str, more: Value) {
        let mut input = json!({ "IdentityId": identity });
        for (name, value) in more.as_object().unwrap() {
            input[name] = value.clone();
        }
        self.world().admin(operation, input).await.ok();
    }

    async fn is_denied(&self, user: &str) -> bool {
        let token = self.place.one.token(user);
        let answer = self.world().assume(&role_arn("Job"), &token).await;
        if answer.status != 200 {
            answer.query_refused(403, "AccessDenied", DENIED);
        }
        answer.status != 200
    }
}

#[tokio::test]
async fn a_login_that_is_revoked_in_any_pool_opens_no_role_and_ends_its_sessions() {
    for pool in ["first", "second"] {
        let scene = Scene::new().await;
        let (ada, bob) = (scene.sessions("ada").await, scene.sessions("bob").await);
        let pool = match pool {
            "first" => &scene.place.pool,
            _ => &scene.second_pool,
        };
        let logins = scene.place.first("ada");
        let identity = scene.world().identity(pool, logins).await;
        assert!(!scene.is_denied("ada").await, "it isn't revoked");
        scene
            .change("Cognate.RevokeIdentity", &identity, json!({}))
            .await;
        assert!(scene.is_denied("ada").await);
        assert_eq!(scene.are_live(&ada).await, [false, false]);
        assert!(!scene.is_denied("bob").await, "another user");
        assert_eq!(scene.are_live(&bob).await, [true, true]);
        scene
            .change("Cognate.RestoreIdentity", &identity, json!({}))
            .await;
        assert!(!scene.is_denied("ada").await, "it is restored");
    }
}

#[tokio::test]
async fn a_revocation_for_one_pool_ends_there() {
    let scene = Scene::new().await;
    let ada = scene.sessions("ada").await;
    let logins = scene.place.first("ada");
    let identity = scene.place.owner(logins.clone()).await;
    let only = json!({ "OnlyThisPool": true });
    scene
        .change("Cognate.RevokeIdentity", &identity, only.clone())
        .await;
    let answer = scene.world().credentials(&identity, logins).await;
    assert_eq!(answer.error().1, "NotAuthorizedException");
    assert!(!scene.is_denied("ada").await);
    assert_eq!(scene.are_live(&ada).await, [true, true]);
    scene
        .change("Cognate.RevokeIdentity", &identity, json!({}))
        .await;
    assert!(scene.is_denied("ada").await, "it was widened");
    assert_eq!(scene.are_live(&ada).await, [false, false]);
    scene
        .change("Cognate.RevokeIdentity", &identity, only)
        .await;
    assert!(!scene.is_denied("ada").await, "it was narrowed");
}

#[tokio::test]
async fn a_pool_that_is_deleted_takes_its_revocations_with_it() {
    let scene = Scene::new().await;
    let logins = scene.place.first("ada");
    let identity = scene.world().identity(&scene.second_pool, logins).await;
    scene
        .change("Cognate.RevokeIdentity", &identity, json!({}))
        .await;
    assert!(scene.is_denied("ada").await);
    let input = json!({ "IdentityPoolId": scene.second_pool });
    scene.world().admin("DeleteIdentityPool", input).await.ok();
    assert!(!scene.is_denied("ada").await);
}
