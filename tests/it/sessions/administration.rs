//! A session of a pool's identity signs STS actions and nothing else, whatever its role allows.

use cognate::app::access::authorise::IdentitySessions;
use cognate::operations::{ALL, Access, Entry, Service};
use serde_json::json;

use super::{chained, key, role, role_arn, trusting_account, trusting_pool, trusting_provider};
use crate::constraints::requests::request;
use crate::constraints::sending::{is_query, written};
use crate::world::{Answer, Credentials, Given, Two, World, assumed};

/// Sends the operation's request, signed by `who`.
async fn call(world: &World, who: &Credentials, entry: &Entry) -> Answer {
    let (headers, body) = written(entry, &request(entry));
    let headers = world.sign(who, entry.service.signing_name(), headers, &body);
    world.send("POST", "/", headers, body).await
}

fn is_denied(entry: &Entry, answer: &Answer) -> bool {
    if is_query(entry) {
        answer.xml("Code").as_deref() == Some("AccessDenied")
    } else {
        answer.status != 200 && answer.error().1 == "AccessDeniedException"
    }
}

/// The signed operations of other services than the STS that `who` is not denied.
async fn allowed(world: &World, who: &Credentials) -> Vec<&'static str> {
    let mut allowed = Vec::new();
    for entry in ALL {
        let is_open = entry.access != Access::Signed || entry.service == Service::Sts;
        if !is_open && !is_denied(entry, &call(world, who, entry).await) {
            allowed.push(entry.name);
        }
    }
    allowed
}

/// Sessions of a guest, of a signed-in user and of a developer's user, each from every flow and chained once more, in
/// roles that may do everything.
async fn sessions(place: &Two) -> Vec<(&'static str, Credentials)> {
    let world = &place.world;
    let (admin, other) = (role_arn("Admin"), role_arn("Other"));
    let trust = json!([trusting_pool(&place.pool), trusting_account()]);
    role(world, "Admin", trust).await;
    role(world, "Other", json!([trusting_account()])).await;
    let roles = json!({ "authenticated": admin, "unauthenticated": admin });
    let input = json!({ "IdentityPoolId": place.pool, "Roles": roles });
    world.admin("SetIdentityPoolRoles", input).await.ok();
    let guest = place.owner(json!({})).await;
    let ada = place.owner(place.first("ada")).await;
    let user = world.user(&place.pool, "user-1").await;
    let mut sessions = Vec::new();
    for (who, identity, logins) in [
        ("a guest", &guest, json!({})),
        ("a user", &ada, place.first("ada")),
        ("a developer's user", &user.identity, user.login()),
    ] {
        let answer = world.credentials(identity, logins.clone()).await.ok();
        let enhanced = Credentials::of(&answer["Credentials"]);
        let token = match who {
            "a developer's user" => user.token.clone(),
            _ => Given::of(world.get_token(identity, logins).await).token,
        };
        let classic = assumed(&world.assume(&admin, &token).await);
        let chained = chained(world, &classic, &other).await;
        sessions.extend([(who, enhanced), (who, classic), (who, chained)]);
    }
    sessions
}

#[tokio::test]
async fn a_session_of_a_pools_identity_signs_sts_actions_only() {
    let place = Two::new().await;
    for (who, session) in sessions(&place).await {
        assert!(place.world.is_live(&session).await, "{who}");
        let allowed = allowed(&place.world, &session).await;
        assert_eq!(allowed, [""; 0], "{who} may call these");
    }
}

#[tokio::test]
async fn sessions_of_other_origins_do_what_their_role_allows() {
    let place = Two::new().await;
    let world = &place.world;
    let arn = format!(
        "arn:aws:iam::123456789012:oidc-provider/{}",
        place.one.name()
    );
    let trust = json!([trusting_provider(&arn), trusting_account()]);
    role(world, "Admin", trust).await;
    let admin = role_arn("Admin");
    let ada = world.assume(&admin, &place.one.token("ada")).await;
    let ci = key(world, "ci", super::everything()).await;
    for session in [assumed(&ada), chained(world, &ci, &admin).await] {
        for who in [&session, &chained(world, &session, &admin).await] {
            for entry in ALL {
                // The last two would end what signs this test.
                if entry.access == Access::Signed && !entry.name.starts_with("Rotate") {
                    let answer = call(world, who, entry).await;
                    assert!(
                        !is_denied(entry, &answer) || entry.name == "AssumeRole",
                        "{}: {}",
                        entry.name,
                        answer.text
                    );
                }
            }
        }
    }
}

/// The operations that amount to impersonation, or that say who may be let in.
const NEVER: [&str; 10] = [
    "CreateIdentityPool",
    "GetOpenIdTokenForDeveloperIdentity",
    "ListIdentities",
    "MergeDeveloperIdentities",
    "SetIdentityPoolRoles",
    "SetPrincipalTagAttributeMap",
    "UpdateIdentityPool",
    "CreateRole",
    "CreateAccessKey",
    "RevokeIdentity",
];

#[tokio::test]
async fn the_setting_opens_what_impersonates_nobody_and_to_no_guest() {
    let world = World::with_administering_users(|_| {}).await;
    let place = Two::of(world).await;
    for (who, session) in sessions(&place).await {
        let allowed = allowed(&place.world, &session).await;
        if who == "a guest" {
            assert_eq!(allowed, [""; 0], "{who}");
            continue;
        }
        let wanted: Vec<&str> = ALL
            .iter()
            .filter(|entry| entry.identity_sessions == IdentitySessions::IfConfigured)
            .map(|entry| entry.name)
            .collect();
        assert_eq!(allowed, wanted, "{who}");
        assert!(NEVER.iter().all(|name| !allowed.contains(name)), "{who}");
        assert!(allowed.contains(&"DescribeIdentityPool"), "{who}");
    }
}

#[test]
fn only_sts_actions_are_open_without_the_setting() {
    for entry in ALL {
        let is_sts = entry.service == Service::Sts;
        let is_open = entry.identity_sessions == IdentitySessions::Accepted;
        assert_eq!(is_open, is_sts, "{}", entry.name);
        let may_be_opened = entry.identity_sessions == IdentitySessions::IfConfigured;
        let of_pools = entry.service == Service::CognitoIdentity;
        assert!(!may_be_opened || of_pools, "{}", entry.name);
    }
}

#[tokio::test]
async fn the_refusal_names_the_setting_where_it_helps() {
    let place = Two::new().await;
    let all = sessions(&place).await;
    let refusal = async |who: &str, operation: &str, input: serde_json::Value| {
        let (_, session) = all.iter().find(|(found, _)| *found == who).unwrap();
        place
            .world
            .signed(session, operation, input)
            .await
            .error()
            .2
    };
    let pool = json!({ "IdentityPoolId": place.pool });
    let text = refusal("a user", "DescribeIdentityPool", pool.clone()).await;
    assert!(
        text.ends_with("unless this server's configuration sets sessions.administer_pools"),
        "{text}"
    );
    for (who, operation, input) in [
        ("a guest", "DescribeIdentityPool", pool),
        ("a user", "Cognate.ListAccessKeys", json!({})),
    ] {
        let text = refusal(who, operation, input).await;
        assert!(text.ends_with(" action"), "{text}");
    }
}
