//! Logins at SAML providers, from the response to the credentials.

mod encrypted;
mod explained;
mod replays;
mod roles;

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::world::idp::{IdentityProvider, Says, encode};
use crate::world::{Credentials, World};

const ARN: &str = "arn:aws:iam::123456789012:saml-provider/corp";
const ENTITY: &str = "https://idp.example/metadata";
const NOT_SAML: &str = "Invalid login token. Not a valid SAML response.";
const UNVERIFIED: &str = "Invalid login token. Couldn't verify signed token.";
const UNSUPPORTED: &str = "Token is not from a supported provider of this identity pool.";

/// A server, a registered provider, and a pool that takes its logins.
struct Scene {
    world: World,
    idp: IdentityProvider,
    pool: String,
}

impl Scene {
    async fn new() -> Self {
        Self::on(World::new().await).await
    }

    async fn on(world: World) -> Self {
        let idp = IdentityProvider::new(ENTITY);
        let document = idp.metadata();
        let parameters = [
            ("Name", "corp"),
            ("SAMLMetadataDocument", document.as_str()),
        ];
        let answer = world.iam("CreateSAMLProvider", &parameters).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let pool = world.pool(json!({ "SamlProviderARNs": [ARN] })).await;
        Self { world, idp, pool }
    }

    fn says(&self, user: &str) -> Says {
        let now = self.world.app.now();
        let mut says = Says::of(&self.idp, user, now);
        // Every response of a provider has an ID of its own.
        says.assertion_id = format!("_{}", uuid::Uuid::from_u128(rand(user)).simple());
        says
    }

    fn login(&self, user: &str) -> Value {
        json!({ ARN: self.says(user).login(&self.idp) })
    }

    async fn refused(&self, login: Value, text: &str) {
        let answer = self.world.get_id(&self.pool, json!({ ARN: login })).await;
        answer.refused("NotAuthorizedException", text);
    }
}

fn rand(text: &str) -> u128 {
    text.bytes()
        .fold(7, |sum, byte| sum * 31 + u128::from(byte))
}

#[tokio::test]
async fn a_user_gets_an_identity_and_credentials_with_one_response() {
    let scene = Scene::new().await;
    let logins = scene.login("ada");
    let identity = scene.world.identity(&scene.pool, logins.clone()).await;
    let answer = scene.world.credentials(&identity, logins).await.ok();
    assert_eq!(answer["IdentityId"], json!(identity));
    let who = Credentials::of(&answer["Credentials"]);
    let parameters = [("Action", "GetCallerIdentity"), ("Version", "2011-06-15")];
    let answer = scene.world.signed_query(&who, "sts", &parameters).await;
    let arn = "arn:aws:sts::123456789012:assumed-role/User/CognitoIdentityCredentials";
    assert_eq!(answer.xml("Arn").as_deref(), Some(arn));
    let described = scene
        .world
        .admin("DescribeIdentity", json!({ "IdentityId": identity }))
        .await;
    assert_eq!(described.ok()["Logins"], json!([ARN]));
}

#[tokio::test]
async fn the_same_user_gets_the_same_identity_and_another_another() {
    let scene = Scene::new().await;
    let ada = scene.world.identity(&scene.pool, scene.login("ada")).await;
    let mut again = scene.says("ada");
    again.assertion_id = "_later".to_owned();
    let again = json!({ ARN: again.login(&scene.idp) });
    assert_eq!(scene.world.identity(&scene.pool, again).await, ada);
    for other in ["eve", "Ada", "ada "] {
        assert_ne!(
            scene.world.identity(&scene.pool, scene.login(other)).await,
            ada
        );
    }
}

#[tokio::test]
async fn a_guest_who_signs_in_keeps_the_identity() {
    let scene = Scene::new().await;
    let guest = scene.world.identity(&scene.pool, json!({})).await;
    let answer = scene
        .world
        .credentials(&guest, scene.login("ada"))
        .await
        .ok();
    assert_eq!(answer["IdentityId"], json!(guest));
}

#[tokio::test]
async fn bad_responses_are_refused_in_the_services_words() {
    let scene = Scene::new().await;
    let says = scene.says("ada");
    let with = |change: &dyn Fn(&mut Says)| {
        let mut says = scene.says("ada");
        change(&mut says);
        json!(says.login(&scene.idp))
    };
    let now = scene.world.now();
    let over = with(&|says| says.now -= SignedDuration::from_mins(10));
    let text = format!("Invalid login token. Token expired: {now} >= {}", now - 300);
    scene.refused(over, &text).await;
    let early = with(&|says| says.now += SignedDuration::from_mins(6));
    scene
        .refused(early, "Invalid login token. Token used before valid.")
        .await;
    let other = with(&|says| says.issuer = "https://other.example".to_owned());
    scene
        .refused(
            other,
            "Invalid login token. Issuer doesn't match providerName",
        )
        .await;
    scene
        .refused(
            with(&|says| says.audience = "urn:other".to_owned()),
            UNSUPPORTED,
        )
        .await;
    scene
        .refused(
            with(&|says| says.recipient = "https://other.example".to_owned()),
            UNSUPPORTED,
        )
        .await;
    scene
        .refused(with(&|says| says.status = "urn:other".to_owned()), NOT_SAML)
        .await;
    let transient = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient".to_owned();
    scene
        .refused(with(&|says| says.format.clone_from(&transient)), NOT_SAML)
        .await;
    let long = with(&|says| says.lifetime = SignedDuration::from_hours(25));
    scene.refused(long, NOT_SAML).await;

    let evil = IdentityProvider::new(ENTITY);
    scene.refused(json!(says.login(&evil)), UNVERIFIED).await;
    scene
        .refused(json!(encode(&says.around(&says.assertion()))), UNVERIFIED)
        .await;
    let changed = says.signed_by(&scene.idp).replace(">ada<", ">eve<");
    scene.refused(json!(encode(&changed)), UNVERIFIED).await;
    for garbage in [
        "x",
        "%%%%",
        "AAAA",
        &encode("<a>"),
        &encode("<!DOCTYPE a><a/>"),
        "eyJhbGciOiJub25lIn0.e30.",
    ] {
        scene.refused(json!(garbage), NOT_SAML).await;
    }
    let answer = scene
        .world
        .get_id(&scene.pool, json!({ ARN: "A".repeat(50_001) }))
        .await;
    assert_eq!(answer.error().1, "ValidationException");
    scene.refused(json!("A".repeat(50_000)), NOT_SAML).await;
    assert!(
        scene
            .world
            .get_id(&scene.pool, scene.login("ada"))
            .await
            .status
            == 200
    );
}

#[tokio::test]
async fn a_response_that_only_costs_is_refused_within_a_second() {
    let scene = Scene::new().await;
    let signed = scene.says("ada").signed_by(&scene.idp);
    let room = 37_000 - signed.len();
    let spaces: Vec<String> = (0..room / 16)
        .map(|at| format!(" xmlns:n{at:x}='u'"))
        .collect();
    let attributes: Vec<String> = (0..room / 12).map(|at| format!(" a{at:x}=''")).collect();
    let nested = "<a xmlns:b='u'>".repeat(25) + &"<c/>".repeat(room / 4 - 150) + &"</a>".repeat(25);
    for (more, text) in [
        (format!("<a{}/>", spaces.concat()), NOT_SAML),
        (
            format!(
                "<a{}>{}</a>",
                spaces[..room / 32].concat(),
                "<c/>".repeat(room / 8)
            ),
            NOT_SAML,
        ),
        (format!("<a{}/>", attributes.concat()), NOT_SAML),
        ("<c/>".repeat(room / 4), NOT_SAML),
        (nested, NOT_SAML),
        ("&lt;".repeat(room / 4), UNVERIFIED),
    ] {
        let xml = signed.replacen("</saml:Subject>", &format!("{more}</saml:Subject>"), 1);
        let response = encode(&xml);
        assert!(
            (33_000..50_001).contains(&response.len()),
            "{}",
            response.len()
        );
        let began = now();
        scene.refused(json!(response), text).await;
        let took = began.elapsed();

        assert!(took.as_millis() < 1000, "{took:?}: {}", &more[..60]);
    }
}

#[expect(clippy::disallowed_methods, reason = "a test looks at its watch")]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}

#[tokio::test]
async fn a_response_serves_one_pool() {
    let scene = Scene::new().await;
    let logins = scene.login("ada");
    let identity = scene.world.identity(&scene.pool, logins.clone()).await;
    let other = scene.world.pool(json!({ "SamlProviderARNs": [ARN] })).await;
    for _ in 0..2 {
        let text = "Invalid login token. The SAML response was used before.";
        scene
            .world
            .get_id(&other, logins.clone())
            .await
            .refused("NotAuthorizedException", text);
        assert_eq!(
            scene.world.identity(&scene.pool, logins.clone()).await,
            identity
        );
    }
    // Another name of the same provider makes no difference.
    let document = scene.idp.metadata();
    let parameters = [
        ("Name", "alias"),
        ("SAMLMetadataDocument", document.as_str()),
    ];
    scene.world.iam("CreateSAMLProvider", &parameters).await;
    let alias = "arn:aws:iam::123456789012:saml-provider/alias";
    let third = scene
        .world
        .pool(json!({ "SamlProviderARNs": [alias] }))
        .await;
    let answer = scene
        .world
        .get_id(&third, json!({ alias: logins[ARN] }))
        .await;
    let text = "Invalid login token. The SAML response was used before.";
    answer.refused("NotAuthorizedException", text);
}

#[tokio::test]
async fn a_refused_response_uses_nothing_up() {
    let scene = Scene::new().await;
    let other = scene.world.pool(json!({ "SamlProviderARNs": [ARN] })).await;
    let spoilt = scene
        .says("ada")
        .signed_by(&scene.idp)
        .replace(">ada<", ">eve<");
    let answer = scene
        .world
        .get_id(&other, json!({ ARN: encode(&spoilt) }))
        .await;
    answer.refused("NotAuthorizedException", UNVERIFIED);
    scene.world.identity(&scene.pool, scene.login("ada")).await;
}

#[tokio::test]
async fn this_servers_own_audience_and_recipient_are_taken() {
    let scene = Scene::new().await;
    let own = scene.world.app.tokens.issuer().to_owned();
    let mut says = scene.says("ada");
    says.recipient = format!("{own}/saml");
    says.audience.clone_from(&own);
    let taken = scene
        .world
        .get_id(&scene.pool, json!({ ARN: says.login(&scene.idp) }))
        .await;
    assert_eq!(taken.status, 200, "{}", taken.text);
    says.recipient = own;
    scene
        .refused(json!(says.login(&scene.idp)), UNSUPPORTED)
        .await;
}

#[tokio::test]
async fn a_provider_that_the_pool_does_not_name_is_refused() {
    let scene = Scene::new().await;
    let pool = scene
        .world
        .pool(json!({ "DeveloperProviderName": "login.x" }))
        .await;
    let answer = scene.world.get_id(&pool, scene.login("ada")).await;
    answer.refused("NotAuthorizedException", UNSUPPORTED);
    let text = "SAML provider not found for arn arn:aws:iam::123456789012:saml-provider/other";
    let pool = json!({
        "IdentityPoolName": "p", "AllowUnauthenticatedIdentities": true,
        "SamlProviderARNs": [ARN, "arn:aws:iam::123456789012:saml-provider/other"],
    });
    scene
        .world
        .admin("CreateIdentityPool", pool)
        .await
        .refused("InvalidParameterException", text);
}

#[tokio::test]
async fn a_pool_shows_its_saml_providers_and_an_update_clears_them() {
    let scene = Scene::new().await;
    let describe = json!({ "IdentityPoolId": scene.pool });
    let shown = scene
        .world
        .admin("DescribeIdentityPool", describe.clone())
        .await
        .ok();
    assert_eq!(shown["SamlProviderARNs"], json!([ARN]));
    let update = json!({
        "IdentityPoolId": scene.pool, "IdentityPoolName": "p", "AllowUnauthenticatedIdentities": true,
    });
    let mut with = update.clone();
    with["SamlProviderARNs"] = json!([ARN, ARN]);
    let shown = scene.world.admin("UpdateIdentityPool", with).await.ok();
    assert_eq!(shown["SamlProviderARNs"], json!([ARN]), "each once");
    let shown = scene.world.admin("UpdateIdentityPool", update).await.ok();
    assert_eq!(shown.get("SamlProviderARNs"), None);
}

#[tokio::test]
async fn a_removed_provider_and_new_metadata_close_the_door_to_old_responses() {
    let scene = Scene::new().await;
    let logins = scene.login("ada");
    let identity = scene.world.identity(&scene.pool, logins.clone()).await;
    let other = IdentityProvider::new(ENTITY);
    let document = other.metadata();
    let parameters = [
        ("SAMLProviderArn", ARN),
        ("SAMLMetadataDocument", document.as_str()),
    ];
    scene.world.iam("UpdateSAMLProvider", &parameters).await;
    scene.refused(logins[ARN].clone(), UNVERIFIED).await;
    let again = json!({ ARN: scene.says("ada").login(&other) });
    assert_eq!(scene.world.identity(&scene.pool, again).await, identity);
    scene
        .world
        .iam("DeleteSAMLProvider", &[("SAMLProviderArn", ARN)])
        .await;
    scene.refused(logins[ARN].clone(), UNSUPPORTED).await;
}

#[tokio::test]
async fn metadata_whose_time_is_over_vouch_for_nobody() {
    let world = World::new().await;
    let idp = IdentityProvider::new(ENTITY);
    let more = " validUntil=\"2026-03-01T12:00:10Z\"";
    let document = crate::world::idp::metadata(ENTITY, &[&idp.certificate], more);
    let parameters = [
        ("Name", "corp"),
        ("SAMLMetadataDocument", document.as_str()),
    ];
    world.iam("CreateSAMLProvider", &parameters).await;
    let pool = world.pool(json!({ "SamlProviderARNs": [ARN] })).await;
    let logins = json!({ ARN: Says::of(&idp, "ada", world.app.now()).login(&idp) });
    world.identity(&pool, logins.clone()).await;
    world.clock.advance(10);
    world
        .get_id(&pool, logins)
        .await
        .refused("NotAuthorizedException", UNVERIFIED);
}

#[tokio::test]
async fn the_classic_flow_takes_no_saml() {
    let scene = Scene::new().await;
    let logins = scene.login("ada");
    let identity = scene.world.identity(&scene.pool, logins.clone()).await;
    let input = json!({ "IdentityId": identity, "Logins": logins });
    let text = "Basic (classic) flow is not supported with SAML, please use enhanced flow.";
    scene
        .world
        .public("GetOpenIdToken", input)
        .await
        .refused("InvalidParameterException", text);
}

#[tokio::test]
async fn credentials_may_end_with_the_response() {
    let scene = Scene::new().await;
    let world = &scene.world;
    let identity = world.identity(&scene.pool, scene.login("ada")).await;
    for (within, lasts) in [(false, 3600), (true, 240)] {
        let set = json!({ "WithinLogin": within });
        world.set_duration(&scene.pool, set).await.ok();
        let mut says = scene.says("ada");
        says.assertion_id = format!("_within_{within}");
        says.lifetime = SignedDuration::from_mins(4);
        let logins = json!({ ARN: says.login(&scene.idp) });
        assert_eq!(world.lasting(&identity, logins).await, lasts);
    }
}
