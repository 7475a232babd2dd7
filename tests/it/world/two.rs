//! Two issuers and a pool that takes the tokens of both, and a developer's users: where people have several logins.

use serde_json::{Value, json};

use super::{Issuer, Key, World, login};

pub struct Two {
    pub world: World,
    pub one: Issuer,
    pub two: Issuer,
    pub pool: String,
}

impl Two {
    pub async fn new() -> Self {
        Self::of(World::new().await).await
    }

    /// The same in this world.
    pub async fn of(world: World) -> Self {
        let one = Issuer::with(Key::p256("one")).await;
        let two = Issuer::with(Key::p256("one")).await;
        let arns = [
            world.register(&one, &["app"]).await,
            world.register(&two, &["app"]).await,
        ];
        let pool = world
            .developer_pool(json!({ "OpenIdConnectProviderARNs": arns }))
            .await;
        Self {
            world,
            one,
            two,
            pool,
        }
    }

    /// A login at the first issuer.
    pub fn first(&self, subject: &str) -> Value {
        login(&self.one, &self.one.token(subject))
    }

    /// A login at the second issuer.
    pub fn second(&self, subject: &str) -> Value {
        login(&self.two, &self.two.token(subject))
    }

    /// A login at each.
    pub fn pair(&self, first: &str, second: &str) -> Value {
        json!({ self.one.name(): self.one.token(first), self.two.name(): self.two.token(second) })
    }

    /// The identity of these logins, or a new guest.
    pub async fn owner(&self, logins: Value) -> String {
        self.world.identity(&self.pool, logins).await
    }
}
