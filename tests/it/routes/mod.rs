//! Roles whose credentials come from other STSs. The STS here is a stand-in that answers in the documented shapes; real
//! ones are asked in tests/clients.

use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::world::{Answer, Asked, Issuer, StandIn, World, login};

mod lifetimes;
mod narrowing;
mod recipes;
mod requests;
mod trouble;

/// Roles that the STS gives.
const USER: &str = "arn:aws:iam:::role/User";
const GUEST: &str = "arn:aws:iam:::role/Guest";

const NO_ROLE: &str =
    "Invalid identity pool configuration. Check assigned IAM roles for this pool.";

/// A world with a route to an STS, and a pool with roles of that STS.
struct Scene {
    world: World,
    issuer: Issuer,
    sts: StandIn,
    pool: String,
    provider: String,
    _folder: tempfile::TempDir,
}

impl Scene {
    /// A route of all roles without an account; `more` are lines of it.
    async fn new(more: &str) -> Self {
        Self::answering(more, |asked| (200, json!(given(asked)))).await
    }

    /// The same to an STS that answers otherwise.
    async fn answering(
        more: &str,
        answer: impl Fn(&Asked) -> (u16, Value) + Send + Sync + 'static,
    ) -> Self {
        let sts = StandIn::new(answer).await;
        let route = format!(
            "[[credentials.route]]\nrole = 'arn:aws:iam:::role/*'\nendpoint = '{}/sts'\n{more}\n",
            sts.base
        );
        let scene = Self::with(sts, &route).await;
        scene.roles(USER, GUEST).await.ok();
        scene
    }

    /// With these routes in the configuration.
    async fn with(sts: StandIn, routes: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("cognate.toml");
        std::fs::write(&config, routes).unwrap();
        let base = sts.base.clone();
        let world = World::with(|flags| {
            flags.config = Some(config);
            let hosts = ["sts.eu-west-1.amazonaws.com", "minio.example.net"];
            flags.upstreams = hosts.map(|host| format!("{host}={base}")).into();
        })
        .await;
        let issuer = Issuer::new().await;
        let provider = world.register(&issuer, &["app"]).await;
        let pool = world
            .pool(json!({ "OpenIdConnectProviderARNs": [provider] }))
            .await;
        Self {
            world,
            issuer,
            sts,
            pool,
            provider,
            _folder: folder,
        }
    }

    /// Gives the pool these roles.
    async fn roles(&self, user: &str, guest: &str) -> Answer {
        let roles = json!({ "authenticated": user, "unauthenticated": guest });
        let input = json!({ "IdentityPoolId": self.pool, "Roles": roles });
        self.world.admin("SetIdentityPoolRoles", input).await
    }

    /// Makes these claims tags of sessions.
    async fn tags(&self, claims_by_tag: Value) {
        let map = json!({
            "IdentityPoolId": self.pool, "IdentityProviderName": self.provider, "PrincipalTags": claims_by_tag,
        });
        let answer = self.world.admin("SetPrincipalTagAttributeMap", map).await;
        answer.ok();
    }

    /// An identity, and a login for it.
    async fn user(&self, subject: &str) -> (String, Value) {
        let logins = login(&self.issuer, &self.issuer.token(subject));
        (
            self.world.identity(&self.pool, logins.clone()).await,
            logins,
        )
    }

    async fn guest(&self) -> String {
        self.world.identity(&self.pool, json!({})).await
    }

    /// What the STS was asked last.
    fn last(&self) -> Asked {
        self.sts.asked().pop().expect("a request")
    }
}

/// What an STS answers, as documented: another session each time, as long as was asked for.
fn given(asked: &Asked) -> String {
    static SESSIONS: AtomicUsize = AtomicUsize::new(0);
    let number = SESSIONS.fetch_add(1, Ordering::Relaxed);
    let token = crate::world::part(asked.parameter("WebIdentityToken"), 1);
    let seconds: i64 = asked.parameter("DurationSeconds").parse().expect("seconds");
    // The server dates its tokens a minute back.
    let now = token["iat"].as_i64().expect("a time") + 60;
    let expires = Timestamp::from_second(now + seconds).expect("a time");
    session(&format!("ASIA{number:016}"), &expires.to_string())
}

fn session(id: &str, expires: &str) -> String {
    format!(
        "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
         <AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>{id}</AccessKeyId>\
         <SecretAccessKey>secret/of+{id}</SecretAccessKey><SessionToken>token+of/{id}==</SessionToken>\
         <Expiration>{expires}</Expiration></Credentials></AssumeRoleWithWebIdentityResult>\
         </AssumeRoleWithWebIdentityResponse>"
    )
}

/// The access key id of an answer that must be one.
#[track_caller]
fn key_id(answer: Answer) -> String {
    let answer = answer.ok();
    answer["Credentials"]["AccessKeyId"]
        .as_str()
        .expect("an access key id")
        .to_owned()
}
