//! Where a response is good: at one pool, or at the STS, and for this server.

use serde_json::json;

use super::{ARN, ROLE, Scene, name, trust};
use crate::world::idp::encode;

const USED: &str = "Invalid login token. The SAML response was used before.";

#[tokio::test]
async fn a_response_that_was_shown_to_a_pool_is_refused_by_the_sts_and_the_other_way_round() {
    let scene = Scene::new().await;
    let pool = scene.world.pool(json!({ "SamlProviderARNs": [ARN] })).await;
    for at in 0..2 {
        let mut says = scene.says();
        says.assertion_id = format!("_{at}");
        let response = says.login(&scene.idp);
        let logins = json!({ ARN: response });
        for _ in 0..2 {
            if at == 0 {
                scene.world.identity(&pool, logins.clone()).await;
                let answer = scene.assume(&response, &[]).await;
                let text = "The SAML response was used before";
                answer.query_refused(400, "InvalidIdentityToken", text);
            } else {
                scene.given(&says, &[]).await;
                let answer = scene.world.get_id(&pool, logins.clone()).await;
                answer.refused("NotAuthorizedException", USED);
            }
        }
    }
}

#[tokio::test]
async fn a_response_that_the_sts_refuses_stays_unused() {
    let scene = Scene::new().await;
    let pool = scene.world.pool(json!({ "SamlProviderARNs": [ARN] })).await;
    let stranger = json!({ "StringEquals": { "SAML:sub": "eve" } });
    let stranger = trust(&json!("sts:AssumeRoleWithSAML"), &stranger);
    scene.role("Stranger", &stranger).await;
    let spoilt = encode(&scene.says().signed_by(&scene.idp).replace(">ada<", ">eve<"));
    assert_eq!(scene.assume(&spoilt, &[]).await.status, 400);
    let role = |name: &str| format!("arn:aws:iam::123456789012:role/{name}");
    let roles = [role("Stranger"), role("Missing"), role("Reader")];
    let tag = "s".repeat(300);
    for (at, (parameters, attribute)) in [
        ([("RoleArn", &*roles[0])], ("mail", "a@b.example")),
        ([("RoleArn", &*roles[1])], ("mail", "a@b.example")),
        ([("DurationSeconds", "7201")], ("mail", "a@b.example")),
        ([("Policy", "no policy")], ("mail", "a@b.example")),
        ([("RoleArn", &*roles[2])], ("SourceIdentity", "ada")),
        ([("RoleArn", &*roles[2])], ("PrincipalTag:team", &*tag)),
    ]
    .into_iter()
    .enumerate()
    {
        let mut says = scene.says().attribute(&name(attribute.0), &[attribute.1]);
        says.assertion_id = format!("_{at}");
        let own = roles[..2].iter().map(|role| format!("{ARN},{role}"));
        says.attributes[0].1.extend(own);
        let response = says.login(&scene.idp);
        let answer = scene.assume(&response, &parameters).await;
        assert!(answer.status >= 400, "{parameters:?}: {}", answer.text);
        scene.world.identity(&pool, json!({ ARN: response })).await;
    }
}

#[tokio::test]
async fn of_the_sts_and_a_pool_at_once_one_gets_a_response() {
    let scene = Scene::new().await;
    let pool = scene.world.pool(json!({ "SamlProviderARNs": [ARN] })).await;
    for at in 0..8 {
        let mut says = scene.says();
        says.assertion_id = format!("_{at}");
        let response = says.login(&scene.idp);
        let (sts, pool) = tokio::join!(
            scene.assume(&response, &[]),
            scene.world.get_id(&pool, json!({ ARN: response })),
        );
        let mut statuses = [sts.status, pool.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 400], "{} {}", sts.text, pool.text);
    }
}

#[tokio::test]
async fn the_sts_takes_a_response_again_for_each_role_that_it_names() {
    let scene = Scene::new().await;
    let writer = "arn:aws:iam::123456789012:role/Writer";
    let trust = trust(&json!("sts:AssumeRoleWithSAML"), &json!({}));
    scene.role("Writer", &trust).await;
    let mut says = scene.says();
    says.attributes[0].1.push(format!("{ARN},{writer}"));
    for role in [ROLE, writer, ROLE] {
        scene.given(&says, &[("RoleArn", role)]).await;
    }
}

#[tokio::test]
async fn this_servers_own_recipient_is_taken_where_a_role_says_so() {
    let scene = Scene::new().await;
    let own = scene.world.app.tokens.issuer().to_owned();
    let mut says = scene.says();
    says.audience.clone_from(&own);
    says.recipient = format!("{own}/saml");
    scene.denied(&says).await;
    let policy = trust(&json!("sts:AssumeRoleWithSAML"), &json!({}));
    let policy = policy.replace("https://signin.aws.amazon.com/saml", &says.recipient);
    let parameters = [("RoleName", "Reader"), ("PolicyDocument", &*policy)];
    scene.world.iam("UpdateAssumeRolePolicy", &parameters).await;
    let answer = scene.given(&says, &[]).await;
    assert_eq!(answer.xml("Audience"), Some(says.recipient.clone()));
    scene.denied(&scene.says()).await;
}

#[tokio::test]
async fn the_longest_response_that_the_model_takes_costs_no_more_than_a_second() {
    let scene = Scene::new().await;
    let signed = scene.says().signed_by(&scene.idp);
    let room = 74_000 - signed.len();
    let spaces: Vec<String> = (0..room / 17)
        .map(|at| format!(" xmlns:n{at:x}='u'"))
        .collect();
    let nested = "<a xmlns:b='u'>".repeat(25) + &"<c/>".repeat(room / 4 - 150) + &"</a>".repeat(25);
    for more in [
        format!("<a{}/>", spaces.concat()),
        format!(
            "<a{}>{}</a>",
            spaces[..room / 34].concat(),
            "<c/>".repeat(room / 8)
        ),
        "<c/>".repeat(room / 4),
        nested,
    ] {
        let xml = signed.replacen("</saml:Subject>", &format!("{more}</saml:Subject>"), 1);
        let response = encode(&xml);
        assert!(
            (80_000..100_001).contains(&response.len()),
            "{}",
            response.len()
        );
        let began = now();
        let answer = scene.assume(&response, &[]).await;
        let took = began.elapsed();
        let text = "Your request included an invalid SAML response";
        answer.query_refused(400, "InvalidIdentityToken", text);
        assert!(took.as_millis() < 1000, "{took:?}: {}", &more[..60]);
    }
    let answer = scene.assume(&"A".repeat(100_001), &[]).await;
    assert_eq!(answer.xml("Code").as_deref(), Some("ValidationError"));
}

#[expect(clippy::disallowed_methods, reason = "a test looks at its watch")]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}
