//! AssumeRoleWithSAML, from the response to what the session may do.

mod places;
mod refusals;
mod sessions;

use serde_json::{Value, json};

use crate::world::idp::{IdentityProvider, RECIPIENT, Says};
use crate::world::{ACCOUNT, Answer, Credentials, World, assumed};

const ARN: &str = "arn:aws:iam::123456789012:saml-provider/corp";
const ENTITY: &str = "https://idp.example/metadata";
const ROLE: &str = "arn:aws:iam::123456789012:role/Reader";
const DENIED: &str = "Not authorized to perform sts:AssumeRoleWithSAML";
const ATTRIBUTES: &str = "https://aws.amazon.com/SAML/Attributes/";

/// A server, a registered provider, and a role that trusts its users and may list pools.
struct Scene {
    world: World,
    idp: IdentityProvider,
}

impl Scene {
    async fn new() -> Self {
        Self::with(&json!({})).await
    }

    /// The same, where the role trusts under this condition, too.
    async fn with(condition: &Value) -> Self {
        let world = World::new().await;
        let idp = IdentityProvider::new(ENTITY);
        let scene = Self { world, idp };
        scene.register("corp").await;
        let trust = trust(&json!("sts:AssumeRoleWithSAML"), condition);
        scene.role("Reader", &trust).await;
        scene
    }

    async fn register(&self, name: &str) {
        let document = self.idp.metadata();
        let parameters = [("Name", name), ("SAMLMetadataDocument", document.as_str())];
        let answer = self.world.iam("CreateSAMLProvider", &parameters).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }

    async fn role(&self, name: &str, trust: &str) {
        let parameters = [
            ("RoleName", name),
            ("AssumeRolePolicyDocument", trust),
            ("MaxSessionDuration", "7200"),
        ];
        let answer = self.world.iam("CreateRole", &parameters).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let policy = allowing("cognito-identity:List*");
        self.put(name, &policy).await;
    }

    async fn put(&self, role: &str, policy: &str) {
        let parameters = [
            ("RoleName", role),
            ("PolicyName", "p"),
            ("PolicyDocument", policy),
        ];
        let answer = self.world.iam("PutRolePolicy", &parameters).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }

    /// Ada's response, which gives her the role.
    fn says(&self) -> Says {
        Says::of(&self.idp, "ada", self.world.app.now())
            .attribute(&name("Role"), &[&format!("{ROLE},{ARN}")])
            .attribute(&name("RoleSessionName"), &["ada@example.com"])
    }

    /// Takes a response to the STS.
    async fn assume(&self, response: &str, more: &[(&str, &str)]) -> Answer {
        let of_role = [("RoleArn", ROLE), ("PrincipalArn", ARN)];
        let mut all = vec![("SAMLAssertion", response)];
        let missing = |name: &str| more.iter().all(|(known, _)| *known != name);
        all.extend(of_role.into_iter().filter(|(name, _)| missing(name)));
        all.extend(more);
        self.world.sts("AssumeRoleWithSAML", &all).await
    }

    async fn given(&self, says: &Says, more: &[(&str, &str)]) -> Answer {
        let answer = self.assume(&says.login(&self.idp), more).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer
    }

    async fn denied(&self, says: &Says) {
        let answer = self.assume(&says.login(&self.idp), &[]).await;
        answer.query_refused(403, "AccessDenied", DENIED);
    }

    async fn list_pools(&self, who: &Credentials) -> Answer {
        let input = json!({ "MaxResults": 1 });
        self.world.signed(who, "ListIdentityPools", input).await
    }
}

/// The whole name of an attribute.
fn name(short: &str) -> String {
    format!("{ATTRIBUTES}{short}")
}

/// A trust policy for the provider's users.
fn trust(action: &Value, condition: &Value) -> String {
    let mut all = json!({ "StringEquals": { "SAML:aud": RECIPIENT } });
    for (operator, keys) in condition.as_object().unwrap() {
        for (key, value) in keys.as_object().unwrap() {
            all[operator][key] = value.clone();
        }
    }
    let statement = json!({
        "Effect": "Allow", "Principal": { "Federated": ARN }, "Action": action, "Condition": all,
    });
    json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string()
}

fn allowing(action: &str) -> String {
    let statement = json!({ "Effect": "Allow", "Action": action, "Resource": "*" });
    json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string()
}

#[tokio::test]
async fn a_response_gives_credentials_that_sign_and_do_what_the_role_may() {
    let scene = Scene::new().await;
    let answer = scene.given(&scene.says(), &[]).await;
    assert_eq!(answer.header("cache-control").as_deref(), Some("no-store"));
    let xml = |name: &str| {
        answer
            .xml(name)
            .unwrap_or_else(|| panic!("{name} in {}", answer.text))
    };
    assert_eq!(xml("Subject"), "ada");
    assert_eq!(xml("SubjectType"), "persistent");
    assert_eq!(xml("Issuer"), ENTITY);
    assert_eq!(xml("Audience"), RECIPIENT);
    // printf 'https://idp.example/metadata123456789012/corp' | openssl dgst -sha1 -binary | base64
    assert_eq!(xml("NameQualifier"), "LinabYqtglDDs4fgSiyieEGd1m8=");
    assert_eq!(xml("Expiration"), "2026-03-01T13:00:00Z");
    let arn = format!("arn:aws:sts::{ACCOUNT}:assumed-role/Reader/ada@example.com");
    assert_eq!(xml("Arn"), arn);
    assert!(xml("AssumedRoleId").ends_with(":ada@example.com"));
    let who = assumed(&answer);
    let caller = [("Action", "GetCallerIdentity"), ("Version", "2011-06-15")];
    let answer = scene.world.signed_query(&who, "sts", &caller).await;
    assert_eq!(answer.xml("Arn"), Some(arn));
    scene.list_pools(&who).await.ok();
    let input = json!({ "IdentityPoolName": "p", "AllowUnauthenticatedIdentities": true });
    let answer = scene.world.signed(&who, "CreateIdentityPool", input).await;
    assert_eq!(answer.error().1, "AccessDeniedException");
}

#[tokio::test]
async fn the_kind_of_name_is_said_as_the_service_says_it() {
    let scene = Scene::new().await;
    let of = |kind: &str| format!("urn:oasis:names:tc:SAML:{kind}");
    for (format, wanted) in [
        (of("2.0:nameid-format:transient"), "transient".to_owned()),
        (of("2.0:nameid-format:entity"), "entity".to_owned()),
        (
            of("1.1:nameid-format:emailAddress"),
            of("1.1:nameid-format:emailAddress"),
        ),
    ] {
        let mut says = scene.says();
        says.format = format;
        let answer = scene.given(&says, &[]).await;
        assert_eq!(answer.xml("SubjectType"), Some(wanted));
    }
    let says = scene.says();
    let kind = format!(" Format=\"{}\"", says.format);
    let assertion = says.assertion().replacen(&kind, "", 1);
    let signed = says.around(&scene.idp.sign(&assertion, &says.assertion_id));
    let answer = scene.assume(&crate::world::idp::encode(&signed), &[]).await;
    let wanted = of("1.1:nameid-format:unspecified");
    assert_eq!(answer.xml("SubjectType"), Some(wanted));
}

#[tokio::test]
async fn a_role_trusts_by_what_the_response_says() {
    let affiliation = "urn:oid:1.3.6.1.4.1.5923.1.1.1.1";
    let mail = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress";
    for (condition, is_trusted) in [
        (json!({ "StringEquals": { "SAML:iss": ENTITY } }), true),
        (json!({ "StringEquals": { "SAML:iss": "urn:x" } }), false),
        (json!({ "StringLike": { "saml:sub": "a?a" } }), true),
        (json!({ "StringEquals": { "saml:sub": "Ada" } }), false),
        (
            json!({ "StringEquals": { "SAML:sub_type": "persistent" } }),
            true,
        ),
        (
            json!({ "StringEquals": { "saml:namequalifier": "LinabYqtglDDs4fgSiyieEGd1m8=" } }),
            true,
        ),
        (
            json!({ "StringEquals": { "saml:doc": "123456789012/corp" } }),
            true,
        ),
        (
            json!({ "StringEquals": { "saml:doc": "123456789012/other" } }),
            false,
        ),
        (
            json!({ "ForAnyValue:StringEquals": { "saml:edupersonaffiliation": "staff" } }),
            true,
        ),
        (
            json!({ "ForAllValues:StringEquals": { "saml:edupersonaffiliation": "staff" } }),
            false,
        ),
        (
            json!({ "ForAnyValue:StringLike": { "saml:mail": "*@example.com" } }),
            true,
        ),
        (
            json!({ "ForAnyValue:StringLike": { "saml:surname": "*" } }),
            false,
        ),
        (
            json!({ "StringEquals": { "sts:RoleSessionName": "ada@example.com" } }),
            true,
        ),
        (
            json!({ "StringEquals": { "sts:RoleSessionName": "ada" } }),
            false,
        ),
        (
            json!({ "StringEquals": { "aws:FederatedProvider": ARN } }),
            true,
        ),
        (
            json!({ "DateLessThan": { "aws:CurrentTime": "2026-01-01T00:00:00Z" } }),
            false,
        ),
    ] {
        let scene = Scene::with(&condition).await;
        let says = scene.says().attribute(affiliation, &["member", "staff"]);
        let says = says.attribute(mail, &["ada@example.com"]);
        if is_trusted {
            scene.given(&says, &[]).await;
        } else {
            scene.denied(&says).await;
        }
    }
}
