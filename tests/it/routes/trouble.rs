//! An STS that is away, slow, wrong, or says no.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::*;
use crate::world::{Log, Mood};

const AWAY: &str = "The STS of the role can't be reached.";

fn refusal(code: &str, message: &str) -> String {
    format!(
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
         <Code>{code}</Code><Message>{message}</Message></Error><RequestId>1</RequestId></ErrorResponse>"
    )
}

#[tokio::test]
async fn an_sts_that_does_not_answer_is_told_from_one_that_refuses() {
    let scene = Scene::new("").await;
    let guest = scene.guest().await;
    let other = scene.guest().await;
    for mood in [Mood::Away, Mood::Garbage, Mood::Huge] {
        scene.sts.is(mood);
        let answer = scene.world.credentials(&guest, json!({})).await;
        answer.refused("ExternalServiceException", AWAY);
    }
    // No redirect is followed, since whoever is behind it would get the token.
    scene.sts.is(Mood::Redirecting);
    let answer = scene.world.credentials(&guest, json!({})).await;
    answer.refused("InvalidIdentityPoolConfigurationException", NO_ROLE);
    assert!(scene.sts.asked().iter().all(|asked| asked.path == "/sts"));
    scene.sts.is(Mood::Well);
    scene.world.credentials(&guest, json!({})).await.ok();
    // What is remembered is given, whoever is away.
    scene.sts.is(Mood::Away);
    scene.world.credentials(&guest, json!({})).await.ok();
    scene
        .world
        .credentials(&other, json!({}))
        .await
        .refused("ExternalServiceException", AWAY);
}

#[tokio::test]
async fn a_slow_sts_is_given_up_within_fifteen_seconds() {
    let scene = Scene::new("").await;
    let guest = scene.guest().await;
    scene.sts.is(Mood::Slow);
    let answer = scene.world.credentials(&guest, json!({}));
    let answer = tokio::time::timeout(std::time::Duration::from_secs(15), answer).await;
    answer
        .expect("an answer in time")
        .refused("ExternalServiceException", AWAY);
    assert_eq!(scene.sts.asked().len(), 1, "it is asked once");
}

#[tokio::test]
async fn each_refusal_of_an_sts_has_one_answer_and_a_line_in_the_log() {
    let (log, _listening) = Log::listen();
    for (status, code, wanted, advice) in [
        (
            403,
            "AccessDenied",
            "InvalidIdentityPoolConfigurationException",
            "trust policy",
        ),
        (
            400,
            "InvalidIdentityToken",
            "InvalidIdentityPoolConfigurationException",
            "registered there",
        ),
        (
            400,
            "ExpiredTokenException",
            "InvalidIdentityPoolConfigurationException",
            "both clocks",
        ),
        (
            400,
            "MalformedPolicyDocument",
            "InvalidIdentityPoolConfigurationException",
            "session_policy",
        ),
        (
            400,
            "PackedPolicyTooLarge",
            "InvalidIdentityPoolConfigurationException",
            "session_policy",
        ),
        (
            400,
            "ValidationError",
            "InvalidIdentityPoolConfigurationException",
            "as long as",
        ),
        (
            403,
            "RegionDisabledException",
            "InvalidIdentityPoolConfigurationException",
            "the log of that STS",
        ),
        (
            400,
            "IDPCommunicationError",
            "ExternalServiceException",
            "can reach this server's public URL",
        ),
        (
            500,
            "InternalFailure",
            "ExternalServiceException",
            "the log of that STS",
        ),
        (400, "Throttling", "TooManyRequestsException", ""),
    ] {
        let body = refusal(code, "what it says");
        let scene = Scene::answering("region = 'us-east-1'", move |_| (status, json!(body))).await;
        let guest = scene.guest().await;
        let answer = scene.world.credentials(&guest, json!({})).await;
        assert_eq!(answer.error().1, wanted, "{code}");
        assert!(!answer.text.contains("what it says"), "{}", answer.text);
        let text = log.text();
        let line = text
            .lines()
            .rev()
            .find(|line| line.contains(code) && line.contains("route 1 to"));
        let line = line.unwrap_or_else(|| panic!("no line for {code}"));
        let place = format!("{}/sts (us-east-1)", scene.sts.base);
        for part in [&place, GUEST, "what it says", advice] {
            assert!(line.contains(part), "{part} in {line}");
        }
    }
}

#[tokio::test]
async fn what_an_sts_repeats_of_a_guest_or_its_token_reaches_no_log() {
    let (log, _listening) = Log::listen();
    let scene = Scene::answering("", |asked| {
        let token = asked.parameter("WebIdentityToken");
        let subject = crate::world::part(token, 1)["sub"]
            .as_str()
            .unwrap()
            .to_owned();
        (
            403,
            json!(refusal("AccessDenied", &format!("{subject} shows {token}"))),
        )
    })
    .await;
    let guest = scene.guest().await;
    scene.world.credentials(&guest, json!({})).await;
    let token = scene.last().parameter("WebIdentityToken").to_owned();
    let (text, uuid) = (log.text(), guest.split_once(':').unwrap().1);
    assert!(
        text.contains("AccessDenied: eu-west-1:… shows …"),
        "the rest is logged"
    );
    assert!(!text.contains(uuid) && !text.contains(&token));
}

#[tokio::test]
async fn a_session_is_no_secret_of_a_log() {
    let (log, _listening) = Log::listen();
    let scene = Scene::new("").await;
    let guest = scene.guest().await;
    let answer = scene.world.credentials(&guest, json!({})).await.ok();
    let sent = scene.last().parameter("WebIdentityToken").to_owned();
    let text = log.text();
    for secret in [
        answer["Credentials"]["SecretKey"].as_str().unwrap(),
        answer["Credentials"]["SessionToken"].as_str().unwrap(),
        &sent,
    ] {
        assert!(!text.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn requests_that_pile_up_at_a_slow_sts_are_refused_at_once() {
    let scene = Arc::new(Scene::new("").await);
    let mut guests = Vec::new();
    for _ in 0..300 {
        guests.push(scene.guest().await);
    }
    scene.sts.is(Mood::Slow);
    let mut asking = JoinSet::new();
    for guest in guests {
        let scene = Arc::clone(&scene);
        asking.spawn(async move { scene.world.credentials(&guest, json!({})).await.error().1 });
    }
    let mut crowded = 0;
    for code in asking.join_all().await {
        match code.as_str() {
            "TooManyRequestsException" => crowded += 1,
            other => assert_eq!(other, "ExternalServiceException"),
        }
    }
    assert_eq!(crowded, 300 - 256);
}
