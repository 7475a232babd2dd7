//! Tags at every entry point: keys that differ in case only, and what a session passes on to the next.

use serde_json::{Value, json};

use crate::tag_resource::{pool_arn, tags};
use crate::world::idp::{IdentityProvider, metadata};
use crate::world::{
    ACCOUNT, Answer, Credentials, DEVELOPER, Given, Issuer, USER_ROLE, World, assumed, claims,
    login,
};

/// Keys that differ in case only. Some letters have two lower cases.
const SAME: [(&str, &str); 3] = [("team", "TEAM"), ("Équipe", "éQUIPE"), ("oς", "OΣ")];

const CONFLICT: &str = "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag \
                        key from the calling session.";

fn arn(role: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{role}")
}

/// Makes a role that trusts this account and the issuer, with tags, and that may do everything.
async fn role(world: &World, name: &str, issuer: &str) {
    let trust = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Principal": { "AWS": ACCOUNT }, "Action": ["sts:AssumeRole", "sts:TagSession"] },
        { "Effect": "Allow", "Principal": { "Federated": issuer },
          "Action": ["sts:AssumeRoleWithWebIdentity", "sts:TagSession"] },
    ] });
    let parameters = [
        ("RoleName", name),
        ("AssumeRolePolicyDocument", &trust.to_string()),
    ];
    let made = world.iam("CreateRole", &parameters).await;
    assert_eq!(made.status, 200, "{}", made.text);
    let all = json!({ "Effect": "Allow", "Action": "*", "Resource": "*" });
    let policy = json!({ "Version": "2012-10-17", "Statement": all }).to_string();
    let parameters = [
        ("RoleName", name),
        ("PolicyName", "p"),
        ("PolicyDocument", &*policy),
    ];
    assert_eq!(world.iam("PutRolePolicy", &parameters).await.status, 200);
}

/// The parameters of these tags, of which the last have transitive keys.
fn parameters(tags: &[(&str, &str)], transitive: &[&str]) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for (at, (key, value)) in (1..).zip(tags) {
        all.push((format!("Tags.member.{at}.Key"), (*key).to_owned()));
        all.push((format!("Tags.member.{at}.Value"), (*value).to_owned()));
    }
    for (at, key) in (1..).zip(transitive) {
        all.push((format!("TransitiveTagKeys.member.{at}"), (*key).to_owned()));
    }
    all
}

fn borrowed(all: &[(String, String)]) -> Vec<(&str, &str)> {
    let all = all.iter();
    all.map(|(name, value)| (name.as_str(), value.as_str()))
        .collect()
}

/// A server with an issuer, a pool and two roles.
struct Scene {
    world: World,
    issuer: Issuer,
    /// The ARN of the issuer's registration.
    provider: String,
    pool: String,
}

impl Scene {
    async fn new() -> Self {
        let (world, issuer) = (World::new().await, Issuer::new().await);
        let provider = world.register(&issuer, &["app"]).await;
        let more = json!({ "OpenIdConnectProviderARNs": [provider] });
        let pool = world.developer_pool(more).await;
        for name in ["Reader", "Second"] {
            role(&world, name, &provider).await;
        }
        Self {
            world,
            issuer,
            provider,
            pool,
        }
    }

    async fn assume(
        &self,
        who: &Credentials,
        role: &str,
        tags: &[(&str, &str)],
        transitive: &[&str],
    ) -> Answer {
        let (arn, more) = (arn(role), parameters(tags, transitive));
        let mut all = vec![
            ("Action", "AssumeRole"),
            ("Version", "2011-06-15"),
            ("RoleArn", &*arn),
            ("RoleSessionName", "me"),
        ];
        all.extend(borrowed(&more));
        self.world.signed_query(who, "sts", &all).await
    }

    /// Presents a token with more claims to the STS.
    async fn present(&self, more: &Value) -> Answer {
        let mut claims = claims(self.issuer.url(), "ada");
        for (name, value) in more.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let token = self.issuer.key.token(&claims);
        self.world.assume(&arn("Reader"), &token).await
    }

    /// The tags of the session in an answer, and the keys of those that it passes on.
    fn tags(&self, answer: &Answer) -> (Value, Vec<String>) {
        assert_eq!(answer.status, 200, "{}", answer.text);
        let tags = self.world.open_session(&assumed(answer)).tags;
        let transitive = tags.transitive_keys().map(str::to_owned).collect();
        (json!(tags), transitive)
    }

    /// Makes an IAM entity, or changes its tags.
    async fn iam(&self, action: &str, more: &[(&str, &str)], tags: &[(&str, &str)]) -> Answer {
        let tags = parameters(tags, &[]);
        let all = [more, &borrowed(&tags)].concat();
        self.world.iam(action, &all).await
    }
}

#[expect(clippy::too_many_lines, reason = "a line for each entry point")]
#[tokio::test]
async fn keys_that_differ_in_case_are_never_two_tags() {
    let scene = Scene::new().await;
    let world = &scene.world;
    let idp = IdentityProvider::new("https://idp.example.com/metadata");
    let document = metadata("https://idp.example.com/metadata", &[&idp.certificate], "");
    let saml = [("Name", "corp"), ("SAMLMetadataDocument", &*document)];
    assert_eq!(world.iam("CreateSAMLProvider", &saml).await.status, 200);
    let saml_arn = format!("arn:aws:iam::{ACCOUNT}:saml-provider/corp");
    let trust = json!({ "Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Principal": { "AWS": ACCOUNT }, "Action": "sts:AssumeRole",
    } });
    let trust = trust.to_string();
    let new_role = [("RoleName", "New"), ("AssumeRolePolicyDocument", &*trust)];
    let new_saml = [("Name", "new"), ("SAMLMetadataDocument", &*document)];
    let mut accepted = Vec::new();
    for (one, other) in SAME {
        let (both, object) = ([(one, "a"), (other, "b")], json!({ one: "a", other: "b" }));
        let flat = |key: &str| format!("https://aws.amazon.com/tags/principal_tags/{key}");
        let nested = |tags: &Value| json!({ "principal_tags": tags });
        let claim = "https://aws.amazon.com/tags";
        let pool = |more: Value| {
            let mut all = json!({
                "IdentityPoolId": scene.pool, "IdentityPoolName": "p", "AllowUnauthenticatedIdentities": true,
                "DeveloperProviderName": DEVELOPER, "IdentityPoolTags": object,
            });
            for (name, value) in more.as_object().unwrap() {
                all[name] = value.clone();
            }
            all
        };
        let mut new_pool = pool(json!({}));
        new_pool.as_object_mut().unwrap().remove("IdentityPoolId");
        let map = json!({
            "IdentityPoolId": scene.pool, "IdentityProviderName": scene.provider,
            "PrincipalTags": { one: "sub", other: "email" },
        });
        let tag = json!({ "ResourceArn": pool_arn(&scene.pool), "Tags": object });
        let root = Credentials::root();
        let url = [("Url", "https://new.example.com")];
        let (oidc, saml) = (
            [("OpenIDConnectProviderArn", &*scene.provider)],
            [("SAMLProviderArn", &*saml_arn)],
        );
        for (name, answer) in [
            (
                "AssumeRole",
                scene.assume(&root, "Reader", &both, &[]).await,
            ),
            (
                "nested claim",
                scene.present(&json!({ claim: nested(&object) })).await,
            ),
            (
                "flat claims",
                scene
                    .present(&json!({ flat(one): "a", flat(other): "b" }))
                    .await,
            ),
            (
                "both forms",
                scene
                    .present(&json!({ claim: nested(&json!({ one: "a" })), flat(other): "b" }))
                    .await,
            ),
            (
                "developer's tags",
                world
                    .developer(&scene.pool, "user-1", json!({ "PrincipalTags": object }))
                    .await,
            ),
            (
                "tag map",
                world.admin("SetPrincipalTagAttributeMap", map).await,
            ),
            (
                "CreateIdentityPool",
                world.admin("CreateIdentityPool", new_pool).await,
            ),
            (
                "UpdateIdentityPool",
                world.admin("UpdateIdentityPool", pool(json!({}))).await,
            ),
            ("TagResource", world.admin("TagResource", tag).await),
            (
                "CreateRole",
                scene.iam("CreateRole", &new_role, &both).await,
            ),
            (
                "TagRole",
                scene.iam("TagRole", &[("RoleName", "Reader")], &both).await,
            ),
            (
                "CreateOpenIDConnectProvider",
                scene.iam("CreateOpenIDConnectProvider", &url, &both).await,
            ),
            (
                "TagOpenIDConnectProvider",
                scene.iam("TagOpenIDConnectProvider", &oidc, &both).await,
            ),
            (
                "CreateSAMLProvider",
                scene.iam("CreateSAMLProvider", &new_saml, &both).await,
            ),
            (
                "TagSAMLProvider",
                scene.iam("TagSAMLProvider", &saml, &both).await,
            ),
        ] {
            if answer.status == 200 {
                accepted.push(format!("{name}: {one} and {other}"));
            } else if !name.contains("claim") && name != "both forms" {
                let text =
                    "Duplicate tag keys found. Please note that Tag keys are case insensitive.";
                assert!(answer.text.contains(text), "{name}: {}", answer.text);
            }
        }
    }
    assert!(accepted.is_empty(), "{accepted:#?}");
    let (reserved, root) = ([("AWS:team", "a")], Credentials::root());
    for answer in [
        scene.assume(&root, "Reader", &reserved, &[]).await,
        scene
            .iam("TagRole", &[("RoleName", "Reader")], &reserved)
            .await,
    ] {
        let text = answer.xml("Message");
        assert_eq!(text.as_deref(), Some("Tag keys must not begin with aws:"));
    }

    // Each tag alone is accepted, and keys that differ by more than case are two tags.
    let (two, root) = ([("team", "a"), ("teams", "b")], Credentials::root());
    let object = json!({ "team": "a", "teams": "b" });
    let (both, none) = (object.clone(), Vec::<String>::new());
    let answer = scene.assume(&root, "Reader", &two, &[]).await;
    assert_eq!(scene.tags(&answer), (both.clone(), none.clone()));
    let claim = json!({ "https://aws.amazon.com/tags": { "principal_tags": object } });
    assert_eq!(scene.tags(&scene.present(&claim).await), (both, none));
    let answer = scene.iam("CreateRole", &new_role, &two).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let saml = [("SAMLProviderArn", &*saml_arn)];
    assert_eq!(scene.iam("TagSAMLProvider", &saml, &two).await.status, 200);
}

#[tokio::test]
async fn a_tag_is_replaced_and_removed_in_any_case() {
    let scene = Scene::new().await;
    let world = &scene.world;
    let roles = [("RoleName", "Reader")];
    for (one, other) in SAME {
        let set = scene
            .iam("TagRole", &roles, &[(one, "a"), ("x", "y")])
            .await;
        assert_eq!(set.status, 200, "{}", set.text);
        let set = scene.iam("TagRole", &roles, &[(other, "b")]).await;
        assert_eq!(set.status, 200, "{}", set.text);
        let listed = world.iam("ListRoleTags", &roles).await.text;
        assert!(
            listed.contains(&format!("<Key>{other}</Key><Value>b</Value>")),
            "{listed}"
        );
        assert_eq!(listed.matches("<Key>").count(), 2, "{listed}");
        let untag = [roles[0], ("TagKeys.member.1", one)];
        assert_eq!(world.iam("UntagRole", &untag).await.status, 200);
        let listed = world.iam("ListRoleTags", &roles).await.text;
        assert_eq!(listed.matches("<Key>").count(), 1, "{listed}");

        let pool = pool_arn(&scene.pool);
        for (key, value) in [(one, "a"), (other, "b")] {
            let input = json!({ "ResourceArn": pool, "Tags": { key: value } });
            world.admin("TagResource", input).await.ok();
        }
        assert_eq!(tags(world, &scene.pool).await, json!({ other: "b" }));
        let input = json!({ "ResourceArn": pool, "TagKeys": [one] });
        world.admin("UntagResource", input).await.ok();
        assert_eq!(tags(world, &scene.pool).await, json!({}));
    }
}

#[tokio::test]
async fn only_transitive_tags_are_passed_on() {
    let scene = Scene::new().await;
    let requested = [("Project", "x"), ("stage", "test")];
    let root = Credentials::root();
    let first = scene
        .assume(&root, "Reader", &requested, &["PROJECT"])
        .await;
    let keys = vec!["Project".to_owned()];
    let all = json!({ "Project": "x", "stage": "test" });
    assert_eq!(scene.tags(&first), (all, keys.clone()));
    let first = assumed(&first);

    // A requested tag may have the key of a tag that isn't passed on, and the next session passes on the same tag again.
    let second = scene
        .assume(&first, "Second", &[("Stage", "prod")], &[])
        .await;
    let both = json!({ "Stage": "prod", "Project": "x" });
    assert_eq!(scene.tags(&second), (both, keys.clone()));
    let third = scene.assume(&assumed(&second), "Reader", &[], &[]).await;
    assert_eq!(scene.tags(&third), (json!({ "Project": "x" }), keys));

    for (key, value) in [("Project", "y"), ("project", "x"), ("PROJECT", "x")] {
        for transitive in [&[][..], &[key]] {
            let answer = scene
                .assume(&first, "Second", &[(key, value)], transitive)
                .await;
            answer.query_refused(400, "InvalidParameterValue", CONFLICT);
        }
    }
    let text = "The specified transitive tag key must be included in the requested tags.";
    for transitive in [&["Project"][..], &["stage"], &["other"]] {
        let answer = scene
            .assume(&first, "Second", &[("team", "a")], transitive)
            .await;
        answer.query_refused(400, "InvalidParameterValue", text);
    }
}

#[tokio::test]
async fn inherited_tags_are_requested_tags_of_the_next_role() {
    let scene = Scene::new().await;
    let tag = [("project", "x")];
    let first = scene
        .assume(&Credentials::root(), "Reader", &tag, &["project"])
        .await;
    let first = assumed(&first);
    let trusting = |condition: Value| {
        let statement = json!({
            "Effect": "Allow", "Principal": { "AWS": ACCOUNT }, "Action": ["sts:AssumeRole", "sts:TagSession"],
            "Condition": condition,
        });
        json!({ "Version": "2012-10-17", "Statement": statement }).to_string()
    };
    for (condition, is_trusted) in [
        (
            json!({ "StringEquals": { "aws:RequestTag/Project": "x" } }),
            true,
        ),
        (
            json!({ "StringEquals": { "aws:RequestTag/project": "y" } }),
            false,
        ),
        (
            json!({ "ForAllValues:StringEquals": { "sts:TransitiveTagKeys": ["project"] } }),
            true,
        ),
        (
            json!({ "ForAllValues:StringEquals": { "sts:TransitiveTagKeys": ["team"] } }),
            false,
        ),
        (
            json!({ "ForAllValues:StringEquals": { "aws:TagKeys": ["team"] } }),
            false,
        ),
    ] {
        let policy = trusting(condition.clone());
        let parameters = [("RoleName", "Second"), ("PolicyDocument", &*policy)];
        let changed = scene.world.iam("UpdateAssumeRolePolicy", &parameters).await;
        assert_eq!(changed.status, 200, "{}", changed.text);
        let answer = scene.assume(&first, "Second", &[], &[]).await;
        assert_eq!(
            answer.status == 200,
            is_trusted,
            "{condition}: {}",
            answer.text
        );
    }
}

#[tokio::test]
async fn a_token_names_the_tags_that_are_passed_on() {
    let scene = Scene::new().await;
    let tags = json!({ "team": ["blue"], "stage": ["test"] });
    let (nested, keys) = (
        "https://aws.amazon.com/tags",
        "https://aws.amazon.com/tags/transitive_tag_keys",
    );
    let flat = |key: &str| format!("https://aws.amazon.com/tags/principal_tags/{key}");
    for claims in [
        json!({ nested: { "principal_tags": tags, "transitive_tag_keys": ["TEAM"] } }),
        json!({ flat("team"): ["blue"], flat("stage"): "test", keys: ["Team"] }),
    ] {
        let answer = scene.present(&claims).await;
        let (found, transitive) = scene.tags(&answer);
        assert_eq!(
            found,
            json!({ "team": "blue", "stage": "test" }),
            "{claims}"
        );
        assert_eq!(transitive, ["team"], "{claims}");
        let next = scene.assume(&assumed(&answer), "Second", &[], &[]).await;
        assert_eq!(scene.tags(&next).0, json!({ "team": "blue" }), "{claims}");
        let answer = scene
            .assume(&assumed(&answer), "Second", &[("TEAM", "red")], &[])
            .await;
        answer.query_refused(400, "InvalidParameterValue", CONFLICT);
    }
    let text = "The tags in the identity token are not valid";
    for claims in [
        json!({ nested: { "principal_tags": tags, "transitive_tag_keys": ["floor"] } }),
        json!({ nested: { "principal_tags": tags, "transitive_tag_key": ["team"] } }),
        json!({ keys: ["team"] }),
    ] {
        let answer = scene.present(&claims).await;
        answer.query_refused(400, "InvalidIdentityToken", text);
    }
}

#[tokio::test]
async fn tags_of_pools_and_developers_are_not_passed_on() {
    let scene = Scene::new().await;
    let world = &scene.world;
    let map = json!({
        "IdentityPoolId": scene.pool, "IdentityProviderName": scene.provider, "PrincipalTags": { "who": "sub" },
    });
    world.admin("SetPrincipalTagAttributeMap", map).await.ok();
    let logins = login(&scene.issuer, &scene.issuer.token("ada"));
    let ada = world.identity(&scene.pool, logins.clone()).await;
    let token = Given::of(world.get_token(&ada, logins).await);
    let claim = "https://aws.amazon.com/tags";
    let wanted = json!({ "principal_tags": { "who": ["ada"] } });
    assert_eq!(token.claims()[claim], wanted);
    let more = json!({ "PrincipalTags": { "who": "ada" } });
    let developers = Given::of(world.developer(&scene.pool, "user-1", more).await);
    assert_eq!(developers.claims()[claim], wanted);
    for token in [token.token, developers.token] {
        let session = assumed(&world.assume(USER_ROLE, &token).await);
        let tags = world.open_session(&session).tags;
        assert_eq!(
            (tags.get("WHO"), tags.transitive_keys().count()),
            (Some("ada"), 0)
        );
    }
}
