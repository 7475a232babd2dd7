//! How long credentials last.

use serde_json::{Value, json};

use super::{Answer, World};

impl World {
    /// Sets how long credentials of a pool last: `set` are the members beside the pool's id.
    pub async fn set_duration(&self, pool: &str, set: Value) -> Answer {
        let mut input = set;
        input["IdentityPoolId"] = json!(pool);
        self.admin("Cognate.SetCredentialsDuration", input).await
    }

    /// For how many seconds from now the credentials are good that come of these logins.
    pub async fn lasting(&self, identity: &str, logins: Value) -> i64 {
        let answer = self.credentials(identity, logins).await.ok();
        let expiration = &answer["Credentials"]["Expiration"];
        expiration.as_i64().expect("whole seconds") - self.now()
    }
}
