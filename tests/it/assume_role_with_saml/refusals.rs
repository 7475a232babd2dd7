//! What is refused, each with its whole text.

use jiff::SignedDuration;
use serde_json::json;

use super::{ARN, DENIED, ENTITY, ROLE, Scene, name, trust};
use crate::world::Credentials;
use crate::world::idp::{IdentityProvider, Says, encode};

const INVALID: &str = "Your request included an invalid SAML response";
const SIGNATURE: &str = "Response signature invalid";
const AUDIENCE: &str = "Response does not contain the required audience";

impl Scene {
    async fn invalid(&self, response: &str, text: &str) {
        let answer = self.assume(response, &[]).await;
        answer.query_refused(400, "InvalidIdentityToken", text);
    }

    /// A good response but for this.
    fn but(&self, change: impl FnOnce(&mut Says)) -> String {
        let mut says = self.says();
        change(&mut says);
        says.login(&self.idp)
    }

    /// The same, where it takes other words than the provider of the tests has.
    fn raw(&self, from: &str, to: &str) -> String {
        let says = self.says();
        let assertion = says.assertion();
        assert!(assertion.contains(from), "{from}");
        let changed = assertion.replacen(from, to, 1);
        encode(&says.around(&self.idp.sign(&changed, &says.assertion_id)))
    }

    /// A response whose one attribute has other values.
    fn attribute(&self, short: &str, values: &[&str]) -> String {
        let name = name(short);
        let mut says = self.says();
        says.attributes.retain(|(known, _)| *known != name);
        says.attribute(&name, values).login(&self.idp)
    }
}

#[tokio::test]
async fn a_bad_response_is_refused_in_the_words_of_sts() {
    let scene = Scene::new().await;
    let elsewhere = || "https://other.example".to_owned();
    for (response, text) in [
        ("%%%%".to_owned(), "Invalid base64 SAMLResponse"),
        (encode("<a"), INVALID),
        (encode("<!DOCTYPE a><a/>"), INVALID),
        (encode("<EncryptedAssertion/>"), INVALID),
        (
            scene.but(|says| says.issuer = elsewhere()),
            "Issuer not present in specified provider",
        ),
        (scene.but(|says| says.audience = elsewhere()), AUDIENCE),
        (scene.but(|says| says.recipient = elsewhere()), AUDIENCE),
        (
            scene.but(|says| {
                says.recipient = "https://eu-west-1.signin.aws.amazon.com/saml".to_owned();
            }),
            AUDIENCE,
        ),
        (
            scene.but(|says| says.now += SignedDuration::from_mins(6)),
            "Response is not yet valid",
        ),
        (
            scene.but(|says| says.lifetime = SignedDuration::from_hours(25)),
            INVALID,
        ),
        (scene.raw(":cm:bearer", ":cm:holder-of-key"), INVALID),
    ] {
        scene.invalid(&response, text).await;
    }
    let failed = scene.but(|says| says.status = "urn:other".to_owned());
    let text = "The identity provider reported that authentication failed";
    scene
        .assume(&failed, &[])
        .await
        .query_refused(403, "IDPRejectedClaim", text);
    let over = scene.but(|says| says.now -= SignedDuration::from_mins(5));
    scene.assume(&over, &[]).await.query_refused(
        400,
        "ExpiredTokenException",
        "Response has expired",
    );
    // None of them used anything up.
    scene.given(&scene.says(), &[]).await;
}

#[tokio::test]
async fn nobody_else_signs_for_the_provider_and_nothing_of_a_response_is_changed() {
    let scene = Scene::new().await;
    let says = scene.says();
    let stranger = IdentityProvider::new(ENTITY);
    let signed = says.signed_by(&scene.idp);
    let admin = "arn:aws:iam::123456789012:role/Administrator";
    for response in [
        says.login(&stranger),
        encode(&says.around(&says.assertion())),
        encode(&signed.replace(">ada<", ">eve<")),
        encode(&signed.replace(ROLE, admin)),
        encode(&signed.replace("ada@example.com", "eve@example.com")),
    ] {
        scene.invalid(&response, SIGNATURE).await;
    }
    // A second assertion beside the signed one.
    let mut other = scene.says();
    other.subject = "eve".to_owned();
    other.assertion_id = "_other".to_owned();
    let two = signed.replacen(
        "</samlp:Response>",
        &format!("{}</samlp:Response>", other.assertion()),
        1,
    );
    scene.invalid(&encode(&two), INVALID).await;
}

#[tokio::test]
async fn an_old_response_is_refused_though_it_is_good_for_longer() {
    let scene = Scene::new().await;
    let mut says = scene.says();
    says.lifetime = SignedDuration::from_hours(1);
    scene.given(&says, &[]).await;
    scene.world.clock.advance(300);
    scene.given(&says, &[]).await;
    scene.world.clock.advance(1);
    let late = "Token must be redeemed within 5 minutes of issuance";
    let answer = scene.assume(&says.login(&scene.idp), &[]).await;
    answer.query_refused(400, "ExpiredTokenException", late);
    let issued = format!(
        " IssueInstant=\"{}\"",
        scene.world.app.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    );
    let answer = scene.assume(&scene.raw(&issued, ""), &[]).await;
    answer.query_refused(400, "ExpiredTokenException", late);
}

#[tokio::test]
async fn only_registered_providers_count_and_only_for_the_roles_that_they_name_beside_themselves() {
    let scene = Scene::new().await;
    let good = scene.says().login(&scene.idp);
    let other = "arn:aws:iam::123456789012:saml-provider/other";
    for arn in [
        other,
        "arn:aws:iam::999999999999:saml-provider/corp",
        "arn:aws:iam::123456789012:oidc-provider/corp",
        "not an ARN, but long enough",
    ] {
        let answer = scene.assume(&good, &[("PrincipalArn", arn)]).await;
        let text = "Specified provider doesn't exist";
        answer.query_refused(400, "InvalidIdentityToken", text);
    }
    // The same entity under another name: the response names the first, and the role trusts the first.
    scene.register("other").await;
    let answer = scene.assume(&good, &[("PrincipalArn", other)]).await;
    answer.query_refused(403, "AccessDenied", DENIED);
    let both = [format!("{ROLE},{ARN}"), format!("{ROLE},{other}")];
    let both = scene.attribute("Role", &[&both[0], &both[1]]);
    let answer = scene.assume(&both, &[("PrincipalArn", other)]).await;
    answer.query_refused(403, "AccessDenied", DENIED);

    let unnamed = "arn:aws:iam::123456789012:role/Writer";
    scene
        .role("Writer", &trust(&json!("sts:*"), &json!({})))
        .await;
    for role in [
        unnamed,
        "arn:aws:iam::123456789012:role/reader",
        "arn:aws:iam::123456789012:role/team/Reader",
        "not an ARN, but long enough",
    ] {
        let answer = scene.assume(&good, &[("RoleArn", role)]).await;
        answer.query_refused(403, "AccessDenied", DENIED);
    }
    for values in [
        &[][..],
        &[ROLE],
        &[ARN],
        &[&format!("{ROLE},{other}")],
        &[&format!("{ARN},{ARN}")],
        &[&format!("{ROLE},{ARN},x")],
    ] {
        let answer = scene.assume(&scene.attribute("Role", values), &[]).await;
        answer.query_refused(403, "AccessDenied", DENIED);
    }
    // In the other order, among others, and with room around.
    let pair = format!(" {ARN} , {ROLE} ");
    let answer = scene
        .assume(&scene.attribute("Role", &["x", &pair]), &[])
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    // Named by the response, but not there.
    let gone = "arn:aws:iam::123456789012:role/Gone";
    let response = scene.attribute("Role", &[&format!("{gone},{ARN}")]);
    let answer = scene.assume(&response, &[("RoleArn", gone)]).await;
    answer.query_refused(403, "AccessDenied", DENIED);
}

#[tokio::test]
async fn a_trust_policy_for_other_people_lets_nobody_in() {
    let scene = Scene::new().await;
    let good = trust(&json!("sts:AssumeRoleWithSAML"), &json!({}));
    for policy in [
        good.replace("saml-provider/corp", "saml-provider/other"),
        good.replace("\"sts:AssumeRoleWithSAML\"", "\"sts:TagSession\""),
        good.replace(
            "https://signin.aws.amazon.com/saml",
            "https://other.example/saml",
        ),
        good.replace(
            &format!("\"Federated\":\"{ARN}\""),
            "\"AWS\":\"123456789012\"",
        ),
    ] {
        assert_ne!(policy, good);
        let parameters = [("RoleName", "Reader"), ("PolicyDocument", &*policy)];
        let answer = scene.world.iam("UpdateAssumeRolePolicy", &parameters).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        scene.denied(&scene.says()).await;
    }
}

#[tokio::test]
async fn a_trust_policy_that_pins_no_recipient_is_refused_when_it_is_written() {
    let scene = Scene::new().await;
    let policy = trust(&json!("sts:AssumeRoleWithSAML"), &json!({}));
    let policy = policy.replace("SAML:aud", "SAML:iss");
    let parameters = [("RoleName", "Reader"), ("PolicyDocument", &*policy)];
    let answer = scene.world.iam("UpdateAssumeRolePolicy", &parameters).await;
    let text = "The statement that allows sts:AssumeRoleWithSAML must say for which recipients: it needs a condition \
                such as StringEquals on saml:aud.";
    answer.query_refused(400, "MalformedPolicyDocument", text);
}

#[tokio::test]
async fn what_a_response_says_of_the_session_must_make_sense() {
    let scene = Scene::new().await;
    let required = "RoleSessionName is required in AuthnResponse";
    let mut says = scene.says();
    says.attributes.truncate(1);
    scene.invalid(&says.login(&scene.idp), required).await;
    let none = scene.attribute("RoleSessionName", &[]);
    scene.invalid(&none, required).await;
    let long = "a".repeat(65);
    let pattern = "RoleSessionName in AuthnResponse must match [a-zA-Z_0-9+=,.@-]{2,64}";
    for values in [
        &["a"][..],
        &[&long],
        &["a b"],
        &["ädä"],
        &[""],
        &["ada", "eve"],
    ] {
        let response = scene.attribute("RoleSessionName", values);
        scene.invalid(&response, pattern).await;
    }
    let text = "SessionDuration in AuthnResponse must be one of 900 to 43200 seconds";
    for values in [
        &[][..],
        &["899"],
        &["43201"],
        &["-900"],
        &["+900"],
        &["1h"],
        &[""],
        &["99999999999999999999"],
        &["900", "3600"],
    ] {
        let response = scene.attribute("SessionDuration", values);
        scene.invalid(&response, text).await;
    }
    let text = "SourceIdentity in AuthnResponse is not available on this server: nothing would come of it.";
    let response = scene.attribute("SourceIdentity", &["ada"]);
    scene.invalid(&response, text).await;
    let text = "The tags in AuthnResponse are not valid";
    for values in [
        &[][..],
        &["blue", "red"],
        &["a\u{1d100}"],
        &[&"a".repeat(257)],
    ] {
        let response = scene.attribute("PrincipalTag:team", values);
        scene.invalid(&response, text).await;
    }
    let twice = scene
        .says()
        .attribute(&name("PrincipalTag:team"), &["blue"]);
    let twice = twice.attribute(&name("PrincipalTag:Team"), &["red"]);
    scene.invalid(&twice.login(&scene.idp), text).await;
    for unknown in [
        "PrincipalTag",
        "PrincipalTags:team",
        "principaltag:team",
        "TransitiveTagKey",
    ] {
        let response = scene.attribute(unknown, &["team"]);
        scene.invalid(&response, text).await;
    }
    let response = scene.attribute("TransitiveTagKeys", &["team"]);
    scene.invalid(&response, text).await;
}

#[tokio::test]
async fn whoever_signs_the_request_the_response_counts() {
    let scene = Scene::new().await;
    let response = scene.says().login(&scene.idp);
    let parameters = [
        ("Action", "AssumeRoleWithSAML"),
        ("Version", "2011-06-15"),
        ("RoleArn", ROLE),
        ("PrincipalArn", ARN),
        ("SAMLAssertion", &*response),
    ];
    let root = Credentials::root();
    let answer = scene.world.signed_query(&root, "sts", &parameters).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}
