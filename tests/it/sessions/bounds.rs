//! Nothing outlives what bounds it: a session's end is kept by every chain, and answers show it.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{chain, role, role_arn, trusting_account, trusting_pool};
use crate::world::{Answer, Credentials, Given, Issuer, World, assumed, login};

/// A generator of numbers that is the same at every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        let at = self.below(list.len() as u64);
        &list[usize::try_from(at).unwrap()]
    }
}

fn expiration(answer: &Answer) -> i64 {
    let text = answer.xml("Expiration").unwrap();
    text.parse::<Timestamp>().unwrap().as_second()
}

async fn bounded_pool(world: &World) -> String {
    let pool = world.developer_pool(json!({})).await;
    let trust = json!([trusting_pool(&pool), trusting_account()]);
    role(world, "Any", trust).await;
    let any = role_arn("Any");
    let roles = json!({ "authenticated": any, "unauthenticated": any });
    let input = json!({ "IdentityPoolId": pool, "Roles": roles });
    world.admin("SetIdentityPoolRoles", input).await.ok();
    let longest = json!({ "DurationSeconds": 43_200 });
    world.set_duration(&pool, longest).await.ok();
    pool
}

#[tokio::test]
async fn no_chain_from_a_developers_token_outlives_it() {
    let world = World::new().await;
    let pool = bounded_pool(&world).await;
    let any = role_arn("Any");
    let mut numbers = Numbers(11);
    let mut wrong = Vec::new();
    for round in 0..60 {
        let seconds = *numbers.pick(&[60, 61, 300, 899, 900, 3600, 7200, 86_400]);
        let more = json!({ "TokenDuration": seconds });
        let given = Given::of(world.developer(&pool, "user-1", more).await);
        let end = world.now() + seconds;
        let wanted = *numbers.pick(&[900_i64, 3600, 43_200]);
        let requested = wanted.to_string();
        let mut path = vec![format!("a token of {seconds} seconds")];
        let (mut session, shown, longest) = match numbers.below(3) {
            0 => {
                path.push("enhanced".to_owned());
                let answer = world.credentials(&given.identity, given.login()).await;
                let answer = answer.ok();
                let shown = answer["Credentials"]["Expiration"].as_f64().unwrap();
                #[expect(clippy::cast_possible_truncation, reason = "whole seconds")]
                let shown = shown as i64;
                (Credentials::of(&answer["Credentials"]), shown, 43_200)
            }
            way => {
                let token = if way == 1 {
                    path.push(format!("classic, {wanted} seconds"));
                    given.token.clone()
                } else {
                    path.push(format!("GetOpenIdToken, classic, {wanted} seconds"));
                    let answer = world.get_token(&given.identity, given.login()).await;
                    Given::of(answer).token
                };
                let parameters = [
                    ("RoleArn", any.as_str()),
                    ("RoleSessionName", "me"),
                    ("WebIdentityToken", &token),
                    ("DurationSeconds", &requested),
                ];
                let answer = world.sts("AssumeRoleWithWebIdentity", &parameters).await;
                assert_eq!(answer.status, 200, "{}", answer.text);
                (assumed(&answer), expiration(&answer), wanted)
            }
        };
        if shown != end.min(world.now() + longest) {
            wrong.push(format!("{round} {path:?}: {}", shown - end));
        }
        let mut ends = shown;
        for _ in 0..numbers.below(4) {
            let left = u64::try_from(ends - world.now()).unwrap();
            let step = numbers.below(left.min(1200)).min(left - 1);
            world.clock.advance(i64::try_from(step).unwrap());
            let wanted = *numbers.pick(&[900_i64, 3600]);
            path.push(format!("{step} later chained, {wanted} seconds"));
            let requested = wanted.to_string();
            let more = [("DurationSeconds", requested.as_str())];
            let answer = chain(&world, &session, &any, &more).await;
            assert_eq!(answer.status, 200, "{path:?} {}", answer.text);
            let shown = expiration(&answer);
            if shown != end.min(world.now() + wanted) {
                wrong.push(format!("{round} {path:?}: {}", shown - end));
            }
            session = assumed(&answer);
            ends = shown;
        }
        assert!(world.is_live(&session).await, "{path:?}");
        world.clock.advance((end - world.now()).max(0));
        if world.is_live(&session).await {
            wrong.push(format!("{round} {path:?}: is live after the token"));
        }
    }
    assert!(wrong.is_empty(), "{} of 60 rounds: {wrong:#?}", wrong.len());
}

#[tokio::test]
async fn a_chain_of_credentials_that_end_with_the_login_ends_with_it() {
    let (world, issuer) = (World::new().await, Issuer::new().await);
    let pool = world.pool_of(&issuer).await;
    let trust = json!([trusting_pool(&pool), trusting_account()]);
    role(&world, "Any", trust).await;
    let any = role_arn("Any");
    let input = json!({ "IdentityPoolId": pool, "Roles": { "authenticated": any } });
    world.admin("SetIdentityPoolRoles", input).await.ok();
    let set = json!({ "DurationSeconds": 43_200, "WithinLogin": true });
    world.set_duration(&pool, set).await.ok();
    let end = world.now() + 300;
    let token = issuer.token_saying("ada", &json!({ "exp": end }));
    let logins = login(&issuer, &token);
    let ada = world.identity(&pool, logins.clone()).await;
    let answer = world.credentials(&ada, logins).await.ok();
    let session = Credentials::of(&answer["Credentials"]);
    let answer = chain(&world, &session, &any, &[]).await;
    assert_eq!(expiration(&answer), end);
    let again = chain(&world, &assumed(&answer), &any, &[]).await;
    assert_eq!(expiration(&again), end);
    let unbounded: Value = json!({ "WithinLogin": false });
    world.set_duration(&pool, unbounded).await.ok();
    let answer = chain(&world, &session, &any, &[]).await;
    assert_eq!(expiration(&answer), end, "a session keeps its bound");
}
