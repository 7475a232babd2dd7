//! Logins by access token: what holds at every provider that is asked about them. What is its own is in the module of
//! each.

mod explained;
pub mod facebook;
mod login_with_amazon;
mod secrets;
mod twitter;

use std::time::Instant;

use serde_json::{Value, json};

use crate::world::{Mood, StandIn, World};

pub const UNSUPPORTED: &str = "Token is not from a supported provider of this identity pool.";
pub const INVALID: &str = "Invalid login token.";

/// A provider, a world in which it stands in for the public one, and how its logins look.
pub struct Scene {
    pub world: World,
    pub provider: StandIn,
    /// Its `Logins` key.
    pub key: &'static str,
    /// The app, as pools name it.
    pub app: &'static str,
    /// Another app.
    pub other_app: &'static str,
    /// The good login of a user, who has a number, for `app`.
    pub login: fn(user: u32) -> String,
    /// A login that the provider refuses.
    pub expired: &'static str,
    /// Values that are no logins at all.
    pub malformed: Vec<String>,
    /// How often a provider is asked about a new token.
    pub calls: usize,
}

impl Scene {
    /// A world where `host` is `provider`.
    pub async fn world(host: &str, provider: &StandIn) -> World {
        let upstream = format!("{host}={}", provider.base);
        World::with(|flags| flags.upstreams = vec![upstream]).await
    }

    pub async fn pool(&self) -> String {
        self.pool_of(self.app).await
    }

    pub async fn pool_of(&self, app: &str) -> String {
        let providers = json!({ self.key: app });
        self.world
            .pool(json!({ "SupportedLoginProviders": providers }))
            .await
    }

    pub fn logins(&self, user: u32) -> Value {
        json!({ self.key: (self.login)(user) })
    }

    #[track_caller]
    fn check_calls(&self, tokens: usize) {
        assert_eq!(self.provider.asked().len(), tokens * self.calls);
    }

    /// All that is the same at every provider.
    pub async fn check(self) {
        self.users_have_identities().await;
        self.bad_logins_are_refused().await;
        self.apps_are_kept_apart().await;
        self.failures_decide_nothing().await;
        self.logins_are_explained().await;
    }

    async fn users_have_identities(&self) {
        let pool = self.pool().await;
        let ada = self.world.identity(&pool, self.logins(1)).await;
        assert_eq!(self.world.identity(&pool, self.logins(1)).await, ada);
        self.check_calls(1);
        let bob = self.world.identity(&pool, self.logins(2)).await;
        assert_ne!(bob, ada);
        self.check_calls(2);
        // A minute later it is asked again, and the user is the same.
        self.world.clock.advance(60);
        assert_eq!(self.world.identity(&pool, self.logins(1)).await, ada);
        self.check_calls(3);
        // Of several who come at once one asks.
        let (one, two, three) = tokio::join!(
            self.world.identity(&pool, self.logins(3)),
            self.world.identity(&pool, self.logins(3)),
            self.world.identity(&pool, self.logins(3)),
        );
        assert!(one == two && two == three);
        self.check_calls(4);
        // Its login opens the identity, and nobody else's does.
        self.world.credentials(&ada, self.logins(1)).await.ok();
        let answer = self.world.credentials(&ada, self.logins(2)).await;
        assert_eq!(answer.error().1, "NotAuthorizedException");
    }

    async fn bad_logins_are_refused(&self) {
        let pool = self.pool().await;
        let before = self.provider.asked().len();
        for value in &self.malformed {
            let answer = self.world.get_id(&pool, json!({ self.key: value })).await;
            answer.refused("NotAuthorizedException", INVALID);
        }
        assert_eq!(self.provider.asked().len(), before, "nobody was asked");
        for _ in 0..3 {
            let logins = json!({ self.key: self.expired });
            let answer = self.world.get_id(&pool, logins).await;
            answer.refused("NotAuthorizedException", INVALID);
        }
        let asked = self.provider.asked().len() - before;
        assert_eq!(asked, self.calls, "a no is remembered, too");
    }

    async fn apps_are_kept_apart(&self) {
        let (pool, other) = (self.pool().await, self.pool_of(self.other_app).await);
        // What is remembered for one pool isn't good in another.
        self.world.identity(&pool, self.logins(4)).await;
        let answer = self.world.get_id(&other, self.logins(4)).await;
        let (status, code, text) = answer.error();
        assert_eq!((status, &*code), (400, "NotAuthorizedException"));
        assert!(text == UNSUPPORTED || text == INVALID, "{text}");
        self.world.identity(&pool, self.logins(4)).await;
        // Nor is anything asked for a pool without the provider.
        let before = self.provider.asked().len();
        let google = json!({ "accounts.google.com": "123" });
        let none = self
            .world
            .pool(json!({ "SupportedLoginProviders": google }))
            .await;
        let answer = self.world.get_id(&none, self.logins(5)).await;
        answer.refused("NotAuthorizedException", UNSUPPORTED);
        assert_eq!(self.provider.asked().len(), before);
    }

    async fn failures_decide_nothing(&self) {
        let pool = self.pool().await;
        let text = format!("The identity provider {} can't be reached.", self.key);
        self.world.identity(&pool, self.logins(6)).await;
        for mood in [
            Mood::Away,
            Mood::Garbage,
            Mood::Huge,
            Mood::Redirecting,
            Mood::Slow,
        ] {
            self.provider.is(mood);
            let began = now();
            let answer = self.world.get_id(&pool, self.logins(7)).await;
            answer.refused("ExternalServiceException", &text);
            assert!(began.elapsed().as_secs() < 8, "{mood:?}");
            // Who was vouched for a moment ago still is.
            self.world.identity(&pool, self.logins(6)).await;
        }
        self.provider.is(Mood::Well);
        self.world.identity(&pool, self.logins(7)).await;
        let asked = self.provider.asked();
        assert!(asked.iter().all(|asked| asked.path != "/elsewhere"));
    }
}

#[expect(clippy::disallowed_methods, reason = "a test looks at its watch")]
fn now() -> Instant {
    Instant::now()
}

/// The claims of the OpenID token that logins lead to.
pub async fn own_claims(world: &World, identity: &str, logins: Value) -> Value {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let input = json!({ "IdentityId": identity, "Logins": logins });
    let answer = world.public("GetOpenIdToken", input).await.ok();
    let token = answer["Token"].as_str().expect("a token");
    let payload = token.split('.').nth(1).expect("a payload");
    let payload = URL_SAFE_NO_PAD.decode(payload).expect("base64");
    cognate::model::json::read(&payload).expect("claims")
}
