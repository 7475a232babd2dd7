//! SAML logins explained: each check in its order, with what was found and wanted, and never the response.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{ARN, ENTITY, Scene};
use crate::world::idp::{IdentityProvider, Says, encode};

const CHECKS: [&str; 18] = [
    "pool",
    "own token",
    "public provider",
    "key",
    "metadata",
    "form",
    "status",
    "signature",
    "issuer",
    "conditions",
    "audience",
    "destination",
    "confirmation",
    "session",
    "subject",
    "lifetime",
    "replay",
    "identity",
];

async fn explain(scene: &Scene, pool: &str, response: &str) -> Value {
    let input = json!({ "IdentityPoolId": pool, "Logins": { ARN: response } });
    let answer = scene.world.admin("Cognate.ExplainLogin", input).await;
    let part = &response[..response.len().min(200)];
    assert!(part.len() < 20 || !answer.text.contains(part));
    answer.ok()
}

fn names(explanation: &Value) -> Vec<&str> {
    let all = explanation["Checks"].as_array().unwrap().iter();
    all.map(|check| check["Check"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_good_response_passes_every_check_and_is_not_used_up() {
    let scene = Scene::new().await;
    let response = scene.says("ada").login(&scene.idp);
    let explanation = explain(&scene, &scene.pool, &response).await;
    assert_eq!(names(&explanation)[..18], CHECKS);
    let all = explanation["Checks"].as_array().unwrap();
    assert!(all.iter().all(|check| check["Passed"] == true), "{all:?}");
    assert_eq!(explanation["NewIdentity"], true);
    let subject = all[14]["Found"].as_str().unwrap();
    assert!(
        subject.starts_with("NameID `ada` of the Format `"),
        "{subject}"
    );

    // Who only explained it didn't show it: another pool may be the first.
    let other = scene.world.pool(json!({ "SamlProviderARNs": [ARN] })).await;
    scene.world.identity(&other, json!({ ARN: response })).await;
    let explanation = explain(&scene, &scene.pool, &response).await;
    let last = explanation["Checks"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&last["Check"], &last["Passed"]),
        (&json!("replay"), &json!(false))
    );
    let text = "Invalid login token. The SAML response was used before.";
    let refusal = json!({ "Code": "NotAuthorizedException", "Message": text });
    assert_eq!(explanation["Refusal"], refusal);
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table")]
async fn a_bad_response_is_refused_at_the_check_that_says_why() {
    let scene = Scene::new().await;
    let with = |change: &dyn Fn(&mut Says)| {
        let mut says = scene.says("ada");
        change(&mut says);
        says.login(&scene.idp)
    };
    let raw = |from: &str, to: &str| {
        let assertion = scene.says("ada").assertion();
        assert!(assertion.contains(from));
        let id = scene.says("ada").assertion_id;
        let signed = scene.idp.sign(&assertion.replacen(from, to, 1), &id);
        encode(&scene.says("ada").around(&signed))
    };
    let elsewhere = "https://other.example";
    let destination = scene.says("ada").signed_by(&scene.idp);
    let destination = destination.replacen(
        "Destination=\"https://signin",
        "Destination=\"https://other",
        1,
    );
    let changed = scene
        .says("ada")
        .signed_by(&scene.idp)
        .replace(">ada<", ">eve<");
    let unsigned = scene.says("ada").around(&scene.says("ada").assertion());
    let evil = scene.says("ada").login(&IdentityProvider::new(ENTITY));
    let transient = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient";
    for (response, check, found, wanted) in [
        (
            "%%%%".to_owned(),
            "form",
            "a string of 4 bytes: it isn't base64",
            "base64",
        ),
        (encode("<a"), "form", "isn't well formed", "SAML 2.0"),
        (
            encode("<!DOCTYPE a><a/>"),
            "form",
            "document type",
            "SAML 2.0",
        ),
        (
            with(&|says| says.status = "urn:no".to_owned()),
            "status",
            "`urn:no`",
            "status:Success",
        ),
        (
            encode(&changed),
            "signature",
            "doesn't verify",
            "certificates (1)",
        ),
        (encode(&unsigned), "signature", "nothing is signed", "SHA-2"),
        (evil, "signature", "doesn't verify", "SHA-2"),
        (
            with(&|says| says.issuer = elsewhere.to_owned()),
            "issuer",
            elsewhere,
            ENTITY,
        ),
        (
            with(&|says| says.now -= SignedDuration::from_mins(10)),
            "conditions",
            "it has expired",
            "NotOnOrAfter > now (2026-03-01T12:00:00Z)",
        ),
        (
            with(&|says| says.now += SignedDuration::from_mins(6)),
            "conditions",
            "it isn't valid yet",
            "NotBefore <= now + 300 seconds",
        ),
        (
            with(&|says| says.audience = "urn:other".to_owned()),
            "audience",
            "`urn:other`",
            "urn:amazon:webservices",
        ),
        (
            encode(&destination),
            "destination",
            "https://other.aws",
            "signin.aws.amazon.com",
        ),
        (
            raw(":cm:bearer", ":cm:holder-of-key"),
            "confirmation",
            "no usable SubjectConfirmation",
            "a bearer confirmation",
        ),
        (
            raw("Recipient=\"https://signin", "Recipient=\"https://other"),
            "confirmation",
            "another recipient",
            "signin",
        ),
        (
            raw(
                "<saml:AuthnStatement ",
                "<saml:AuthnStatement SessionNotOnOrAfter=\"2026-03-01T12:00:00Z\" ",
            ),
            "session",
            "SessionNotOnOrAfter `2026-03-01T12:00:00Z`: it has expired",
            "SessionNotOnOrAfter not set, or > now (2026-03-01T12:00:00Z)",
        ),
        (
            with(&|says| says.format = transient.to_owned()),
            "subject",
            transient,
            "one persistent NameID",
        ),
        (
            with(&|says| says.lifetime = SignedDuration::from_hours(25)),
            "lifetime",
            "2026-03-02T13:00:00Z",
            "end <= now + 24 hours",
        ),
    ] {
        let explanation = explain(&scene, &scene.pool, &response).await;
        let all = explanation["Checks"].as_array().unwrap();
        let (last, before) = all.split_last().unwrap();
        assert_eq!(last["Check"], check, "{last}");
        assert_eq!(names(&explanation), CHECKS[..all.len()], "in their order");
        assert!(before.iter().all(|check| check["Passed"] == true));
        assert_eq!(last["Passed"], false, "{last}");
        assert!(last["Found"].as_str().unwrap().contains(found), "{last}");
        assert!(last["Wanted"].as_str().unwrap().contains(wanted), "{last}");
        // In the words of GetId.
        let answer = scene
            .world
            .get_id(&scene.pool, json!({ ARN: response }))
            .await;
        let (_, code, text) = answer.error();
        assert_eq!(
            explanation["Refusal"],
            json!({ "Code": code, "Message": text })
        );
    }
}

#[tokio::test]
async fn metadata_whose_time_is_over_are_told_first() {
    let scene = Scene::new().await;
    let more = " validUntil=\"2026-03-01T12:00:10Z\"";
    let document = crate::world::idp::metadata(ENTITY, &[&scene.idp.certificate], more);
    let parameters = [
        ("SAMLProviderArn", ARN),
        ("SAMLMetadataDocument", document.as_str()),
    ];
    scene.world.iam("UpdateSAMLProvider", &parameters).await;
    scene.world.clock.advance(10);
    let response = scene.says("ada").login(&scene.idp);
    let explanation = explain(&scene, &scene.pool, &response).await;
    let last = explanation["Checks"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&last["Check"], &last["Passed"]),
        (&json!("metadata"), &json!(false))
    );
    let (found, wanted) = (&last["Found"], &last["Wanted"]);
    assert_eq!(*found, "validUntil 2026-03-01T12:00:10Z");
    assert_eq!(
        *wanted,
        "validUntil not set, or > now (2026-03-01T12:00:10Z)"
    );
}
