//! A session ends with its origin: the identity, the provider, the client, the access key that it came from.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cognate::ambient::Real;
use cognate::config::Flags;
use cognate::credentials::SealingKeys;
use cognate::seal::SealKey;
use serde_json::json;

use super::{
    chained, everything, key, role, role_arn, trusting_account, trusting_pool, trusting_provider,
};
use crate::world::idp::{IdentityProvider, RECIPIENT, Says};
use crate::world::{Credentials, Given, Two, World, assumed};

const SAML: &str = "arn:aws:iam::123456789012:saml-provider/corp";
const SAML_ATTRIBUTES: &str = "https://aws.amazon.com/SAML/Attributes/";

/// A server with every kind of origin.
struct Scene {
    place: Two,
    idp: IdentityProvider,
}

/// A session, and a session that came from it.
struct Pair {
    origin: &'static str,
    sessions: Vec<Credentials>,
}

impl Scene {
    async fn new() -> Self {
        Self::of(World::new().await).await
    }

    async fn of(world: World) -> Self {
        let place = Two::of(world).await;
        let idp = IdentityProvider::new("https://idp.example/metadata");
        let scene = Self { place, idp };
        scene.register_saml().await;
        let saml = json!({
            "Effect": "Allow", "Principal": { "Federated": SAML }, "Action": "sts:AssumeRoleWithSAML",
            "Condition": { "StringEquals": { "SAML:aud": RECIPIENT } },
        });
        let one = scene.provider_arn();
        let pool = &scene.place.pool;
        let trust = json!([
            trusting_pool(pool),
            trusting_provider(&one),
            trusting_account(),
            saml
        ]);
        role(scene.world(), "Any", trust).await;
        let any = role_arn("Any");
        let roles = json!({ "authenticated": any, "unauthenticated": any });
        let input = json!({ "IdentityPoolId": pool, "Roles": roles });
        scene
            .world()
            .admin("SetIdentityPoolRoles", input)
            .await
            .ok();
        scene
    }

    fn world(&self) -> &World {
        &self.place.world
    }

    fn provider_arn(&self) -> String {
        format!(
            "arn:aws:iam::123456789012:oidc-provider/{}",
            self.place.one.name()
        )
    }

    async fn register_saml(&self) {
        let document = self.idp.metadata();
        let parameters = [
            ("Name", "corp"),
            ("SAMLMetadataDocument", document.as_str()),
        ];
        let answer = self.world().iam("CreateSAMLProvider", &parameters).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }

    /// One session of each origin, each with a chained session.
    async fn sessions(&self) -> Vec<Pair> {
        let (world, place, any) = (self.world(), &self.place, role_arn("Any"));
        let mut found = Vec::new();
        let guest = place.owner(json!({})).await;
        let ada = place.owner(place.first("ada")).await;
        let user = world.user(&place.pool, "user-1").await;
        for (origin, identity, logins) in [
            ("guest", &guest, json!({})),
            ("user", &ada, place.first("ada")),
            ("developer's user", &user.identity, user.login()),
        ] {
            let answer = world.credentials(identity, logins.clone()).await.ok();
            let enhanced = Credentials::of(&answer["Credentials"]);
            let token = match origin {
                "developer's user" => user.token.clone(),
                _ => Given::of(world.get_token(identity, logins).await).token,
            };
            let classic = assumed(&world.assume(&any, &token).await);
            found.push((origin, vec![enhanced, classic]));
        }
        let job = assumed(&world.assume(&any, &place.one.token("job")).await);
        found.push(("web identity", vec![job]));
        let says = Says::of(&self.idp, "ada", world.app.now())
            .attribute(
                &format!("{SAML_ATTRIBUTES}Role"),
                &[&format!("{any},{SAML}")],
            )
            .attribute(&format!("{SAML_ATTRIBUTES}RoleSessionName"), &["ada"]);
        let response = says.login(&self.idp);
        let parameters = [
            ("SAMLAssertion", response.as_str()),
            ("RoleArn", &any),
            ("PrincipalArn", SAML),
        ];
        let answer = world.sts("AssumeRoleWithSAML", &parameters).await;
        found.push(("SAML", vec![assumed(&answer)]));
        let ci = key(world, "ci", everything()).await;
        found.push(("access key", vec![chained(world, &ci, &any).await]));
        let mut pairs = Vec::new();
        for (origin, mut sessions) in found {
            let first = sessions.last().unwrap().clone();
            let second = chained(world, &first, &any).await;
            sessions.push(chained(world, &second, &any).await);
            sessions.push(second);
            pairs.push(Pair { origin, sessions });
        }
        pairs
    }

    async fn update_pool(&self, change: &str) {
        let world = self.world();
        let of_pool = json!({ "IdentityPoolId": self.place.pool });
        let mut pool = world.admin("DescribeIdentityPool", of_pool).await.ok();
        match change {
            "provider" => {
                let list = pool["OpenIdConnectProviderARNs"].as_array_mut().unwrap();
                list.retain(|arn| *arn != json!(self.provider_arn()));
            }
            _ => pool["AllowUnauthenticatedIdentities"] = json!(false),
        }
        world.admin("UpdateIdentityPool", pool).await.ok();
    }

    async fn iam(&self, action: &str, parameters: &[(&str, &str)]) {
        let answer = self.world().iam(action, parameters).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }

    async fn key_id(&self) -> String {
        let keys = self.world().admin("Cognate.ListAccessKeys", json!({}));
        let keys = keys.await.ok();
        keys["AccessKeys"][0]["AccessKeyId"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Does what ends some of the origins.
    async fn end(&self, way: &str) {
        let world = self.world();
        let provider = self.provider_arn();
        let of_provider = [("OpenIDConnectProviderArn", provider.as_str())];
        match way {
            "the pool drops the provider" => self.update_pool("provider").await,
            "the pool drops guests" => self.update_pool("guests").await,
            "the pool is deleted" => {
                let input = json!({ "IdentityPoolId": self.place.pool });
                world.admin("DeleteIdentityPool", input).await.ok();
            }
            "the provider is deleted" => {
                self.iam("DeleteOpenIDConnectProvider", &of_provider).await;
            }
            "the provider is registered again" => {
                self.iam("DeleteOpenIDConnectProvider", &of_provider).await;
                world.register(&self.place.one, &["app"]).await;
            }
            "the client is removed" => {
                let parameters = [of_provider[0], ("ClientID", "app")];
                self.iam("RemoveClientIDFromOpenIDConnectProvider", &parameters)
                    .await;
            }
            "the SAML provider is deleted" | "the SAML provider is registered again" => {
                self.iam("DeleteSAMLProvider", &[("SAMLProviderArn", SAML)])
                    .await;
                if way.ends_with("again") {
                    self.register_saml().await;
                }
            }
            "the key is disabled" => {
                let input = json!({ "AccessKeyId": self.key_id().await, "Status": "Inactive" });
                world.admin("Cognate.UpdateAccessKey", input).await.ok();
            }
            "the key is deleted" | "the key's name is used again" => {
                let input = json!({ "AccessKeyId": self.key_id().await });
                world.admin("Cognate.DeleteAccessKey", input).await.ok();
                if way.ends_with("again") {
                    key(world, "ci", everything()).await;
                }
            }
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_session_and_every_chain_of_it_end_with_their_origin() {
    let mut wrong = Vec::new();
    for (way, ended) in [
        ("nothing", &[][..]),
        ("the pool drops the provider", &["user"]),
        ("the pool drops guests", &["guest"]),
        (
            "the pool is deleted",
            &["guest", "user", "developer's user"],
        ),
        ("the provider is deleted", &["user", "web identity"]),
        (
            "the provider is registered again",
            &["user", "web identity"],
        ),
        ("the client is removed", &["user", "web identity"]),
        ("the SAML provider is deleted", &["SAML"]),
        ("the SAML provider is registered again", &["SAML"]),
        ("the key is disabled", &["access key"]),
        ("the key is deleted", &["access key"]),
        ("the key's name is used again", &["access key"]),
    ] {
        let scene = Scene::new().await;
        let sessions = scene.sessions().await;
        scene.end(way).await;
        for pair in &sessions {
            for (number, session) in pair.sessions.iter().enumerate() {
                let is_live = scene.world().is_live(session).await;
                if is_live == ended.contains(&pair.origin) {
                    let now = if is_live { "is live" } else { "has ended" };
                    wrong.push(format!("{way}: {} {number} {now}", pair.origin));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn changes_beside_the_origin_end_no_session() {
    let scene = Scene::new().await;
    let sessions = scene.sessions().await;
    let world = scene.world();
    let provider = scene.provider_arn();
    let more = [
        ("OpenIDConnectProviderArn", provider.as_str()),
        ("ClientID", "another-app"),
    ];
    scene.iam("AddClientIDToOpenIDConnectProvider", &more).await;
    let document = scene.idp.metadata();
    let same = [
        ("SAMLProviderArn", SAML),
        ("SAMLMetadataDocument", document.as_str()),
    ];
    scene.iam("UpdateSAMLProvider", &same).await;
    key(world, "other", everything()).await;
    world.pool(json!({})).await;
    let id = scene.key_id().await;
    for status in ["Inactive", "Active"] {
        let input = json!({ "AccessKeyId": id, "Status": status });
        world.admin("Cognate.UpdateAccessKey", input).await.ok();
    }
    for pair in &sessions {
        for session in &pair.sessions {
            assert!(world.is_live(session).await, "{}", pair.origin);
        }
    }
}

#[tokio::test]
async fn a_token_of_this_server_ends_with_the_logins_that_it_came_from() {
    for way in [
        "the pool drops the provider",
        "the provider is registered again",
        "the client is removed",
    ] {
        let scene = Scene::new().await;
        let (world, place) = (scene.world(), &scene.place);
        let ada = place.owner(place.first("ada")).await;
        let bob = place.owner(place.second("bob")).await;
        let token = Given::of(world.get_token(&ada, place.first("ada")).await).token;
        let other = Given::of(world.get_token(&bob, place.second("bob")).await).token;
        scene.end(way).await;
        let any = role_arn("Any");
        let denied = "Not authorized to perform sts:AssumeRoleWithWebIdentity";
        let answer = world.assume(&any, &token).await;
        answer.query_refused(403, "AccessDenied", denied);
        assert_eq!(world.assume(&any, &other).await.status, 200, "{way}");
    }
}

#[tokio::test]
async fn nothing_of_another_generation_of_the_store_is_accepted() {
    // The issuer is the same after the restart, whatever the port.
    let named = |flags: &mut Flags| flags.public_url = Some("http://127.0.0.1:9".to_owned());
    let scene = Scene::of(World::with(named).await).await;
    let (world, place) = (scene.world(), &scene.place);
    let sessions = scene.sessions().await;
    let user = world.user(&place.pool, "user-2").await;
    let user_token = Given::of(world.get_token(&user.identity, user.login()).await).token;
    let Scene { place, .. } = scene;
    let pool = place.pool.clone();
    let file = place.world.folder.path().join("data/cognate.sqlite");
    let (folder, clock) = (place.world.folder.clone(), place.world.clock.clone());
    cognate::app::maintenance::close(&place.world.app).await;
    drop(place.world);
    let copied = rusqlite::Connection::open(&file).unwrap();
    let changed = "UPDATE revision SET generation = randomblob(16), checksum = NULL";
    copied.execute(changed, []).unwrap();
    drop(copied);
    let world = World::open(folder, clock, named).await;
    for pair in &sessions {
        for session in &pair.sessions {
            assert!(!world.is_live(session).await, "{}", pair.origin);
        }
    }
    let answer = world.credentials(&user.identity, user.login()).await;
    let text = "Invalid login token. Not a Cognito token.";
    answer.refused("NotAuthorizedException", text);
    let denied = "Not authorized to perform sts:AssumeRoleWithWebIdentity";
    let answer = world.assume(&role_arn("Any"), &user_token).await;
    answer.query_refused(403, "AccessDenied", denied);
    let again = world.user(&pool, "user-2").await;
    assert_eq!(again.identity, user.identity, "what is stored stays");
    world.credentials(&again.identity, again.login()).await.ok();
}

#[tokio::test]
async fn a_pool_that_comes_back_under_its_id_accepts_nothing_of_the_first() {
    let scene = Scene::new().await;
    let place = &scene.place;
    let user = place.world.user(&place.pool, "user-2").await;
    let claims = user.claims();
    let origin = &claims["cognate:origin"];
    let stored = place.pool.split_once(':').unwrap().1.parse().unwrap();
    let stored = place.world.pool_version(stored).await.pool.incarnation;
    assert_eq!(origin["incarnation"], json!(stored));
    let logins = json!([{ "provider": crate::world::DEVELOPER }]);
    assert_eq!(origin["logins"], logins);
    assert_eq!(origin["not_after"], claims["exp"]);
}

#[tokio::test]
async fn a_role_that_trusts_a_key_by_name_trusts_no_later_key_with_the_name() {
    let world = World::new().await;
    let ci = key(&world, "ci", everything()).await;
    let arn = "arn:aws:iam::123456789012:user/ci";
    let trust = |effect: &str, principal: &str| json!({ "Effect": effect, "Principal": { "AWS": principal }, "Action": "sts:AssumeRole" });
    let account = "123456789012";
    for (name, statements) in [
        ("ByName", json!([trust("Allow", arn)])),
        ("ByAccount", json!([trust("Allow", account)])),
        (
            "NotByName",
            json!([trust("Allow", account), trust("Deny", arn)]),
        ),
    ] {
        role(&world, name, statements).await;
    }
    let may = async |who: &Credentials, name: &str| {
        let answer = super::chain(&world, who, &role_arn(name), &[]).await;
        answer.status == 200
    };
    assert!(may(&ci, "ByName").await && may(&ci, "ByAccount").await);
    assert!(!may(&ci, "NotByName").await);
    let input = json!({ "AccessKeyId": ci.id });
    world.admin("Cognate.DeleteAccessKey", input).await.ok();
    let later = key(&world, "ci", everything()).await;
    assert!(!may(&later, "ByName").await, "another key");
    assert!(may(&later, "ByAccount").await);
    assert!(!may(&later, "NotByName").await, "a name stays denied");
    // Written again, the policy means the present key.
    let document = json!({ "Version": "2012-10-17", "Statement": [trust("Allow", arn)] });
    let document = document.to_string();
    let parameters = [("RoleName", "ByName"), ("PolicyDocument", &*document)];
    let answer = world.iam("UpdateAssumeRolePolicy", &parameters).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(may(&later, "ByName").await);
    // Other changes of the role keep the key that is meant.
    let more = [("RoleName", "ByName"), ("Description", "changed")];
    world.iam("UpdateRole", &more).await;
    assert!(may(&later, "ByName").await);
}

#[tokio::test]
async fn a_session_of_an_earlier_version_has_expired() {
    let world = World::new().await;
    let sealing = || SealKey::new([7; 32]);
    let keys = SealingKeys::new(vec![([1; 8], sealing())]).unwrap();
    world.app.credentials.use_keys(keys);
    let session = |version: u8, id: &str| {
        let sealed = sealing().seal("session token", id, b"{}", &Real);
        let token = [&[version], [1; 8].as_slice(), &sealed].concat();
        Credentials {
            id: "ASIAIOSFODNN7EXAMPLE".to_owned(),
            secret: "any".to_owned(),
            session_token: Some(URL_SAFE_NO_PAD.encode(token)),
        }
    };
    let caller = [("Action", "GetCallerIdentity"), ("Version", "2011-06-15")];
    let earlier = session(1, "ASIAIOSFODNN7EXAMPLE");
    let answer = world.signed_query(&earlier, "sts", &caller).await;
    let text = "The security token included in the request is expired";
    answer.query_refused(403, "ExpiredToken", text);
    let forged = [
        session(1, "ASIAIOSFODNN8EXAMPLE"),
        session(2, "ASIAIOSFODNN7EXAMPLE"),
    ];
    for unknown in &forged {
        let answer = world.signed_query(unknown, "sts", &caller).await;
        assert_eq!(answer.xml("Code").as_deref(), Some("InvalidClientTokenId"));
    }
}
