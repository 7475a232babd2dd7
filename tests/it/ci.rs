//! What docs/ci.md says about CI jobs, with its own role mappings and tokens of the documented shapes:
//! <https://docs.github.com/en/actions/reference/security/oidc> and
//! <https://docs.gitlab.com/ci/secrets/id_token_authentication/>.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::world::{Credentials, Issuer, World};

const DEPLOY: &str = "arn:aws:iam::123456789012:role/Deploy";
const BUILD: &str = "arn:aws:iam::123456789012:role/Build";

/// The text of the page between two marks, as JSON.
fn mapping(begin: &str, end: &str) -> Value {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/ci.md");
    let page = fs::read_to_string(page).unwrap();
    let (_, rest) = page.split_once(begin).unwrap();
    let (text, _) = rest.split_once(end).unwrap();
    #[expect(clippy::disallowed_methods, reason = "the page is ours")]
    serde_json::from_str(text).unwrap()
}

/// A CI system, and the pool that the page makes for it.
struct Scene {
    world: World,
    issuer: Issuer,
    host: &'static str,
    pool: String,
}

impl Scene {
    async fn new(host: &'static str, mapping: Value) -> Self {
        let url = format!("https://{host}");
        let issuer = Issuer::named(&url).await;
        let world =
            World::with(|flags| flags.upstreams = vec![format!("{host}={}", issuer.base())]).await;
        let provider = [
            ("Url", url.as_str()),
            ("ClientIDList.member.1", "cognate.example.com"),
        ];
        let answer = world.iam("CreateOpenIDConnectProvider", &provider).await;
        let arn = answer.xml("OpenIDConnectProviderArn").unwrap();
        let settings = json!({
            "IdentityPoolName": "CI", "AllowUnauthenticatedIdentities": false, "OpenIdConnectProviderARNs": [arn],
        });
        let made = world.admin("CreateIdentityPool", settings).await.ok();
        let pool = made["IdentityPoolId"].as_str().unwrap().to_owned();
        let roles = json!({ "IdentityPoolId": pool, "Roles": {}, "RoleMappings": mapping });
        world.admin("SetIdentityPoolRoles", roles).await.ok();
        Self {
            world,
            issuer,
            host,
            pool,
        }
    }

    async fn github() -> Self {
        let mapping = mapping("> github.json <<'END'\n", "\nEND\n");
        Self::new("token.actions.githubusercontent.com", mapping).await
    }

    async fn gitlab() -> Self {
        let mapping = mapping("```json gitlab\n", "```");
        Self::new("gitlab.com", mapping).await
    }

    /// A job's token, good for as long as a job's is.
    fn logins(&self, mut claims: Value, lifetime: i64) -> Value {
        let now = self.world.now();
        let times = [("iat", now), ("nbf", now - 5), ("exp", now + lifetime)];
        for (name, time) in times {
            claims[name] = json!(time);
        }
        claims["iss"] = json!(self.issuer.url());
        json!({ self.host: self.issuer.key.token(&claims) })
    }

    fn of_github(&self, repository: &str, reference: &str) -> Value {
        let (owner, _) = repository.split_once('/').unwrap();
        let claims = json!({
            "jti": "3b3d1a8e-0000-4000-8000-000000000000", "sub": format!("repo:{repository}:ref:{reference}"),
            "aud": "cognate.example.com", "ref": reference, "sha": "0a1b2c", "repository": repository,
            "repository_owner": owner, "repository_owner_id": "12345", "run_id": "77", "run_number": "3",
            "run_attempt": "1", "repository_visibility": "private", "repository_id": "6789", "actor_id": "42",
            "actor": "ada", "workflow": "deploy", "head_ref": "", "base_ref": "", "event_name": "push",
            "ref_protected": "true", "ref_type": "branch",
            "workflow_ref": format!("{repository}/.github/workflows/deploy.yml@{reference}"),
            "job_workflow_ref": format!("{repository}/.github/workflows/deploy.yml@{reference}"),
            "runner_environment": "github-hosted",
        });
        self.logins(claims, 300)
    }

    fn of_gitlab(&self, project: &str, branch: &str) -> Value {
        let (namespace, _) = project.split_once('/').unwrap();
        let claims = json!({
            "namespace_id": "72", "namespace_path": namespace, "project_id": "20", "project_path": project,
            "user_id": "1", "user_login": "ada", "user_email": "ada@example.com", "user_access_level": "developer",
            "pipeline_id": "574", "pipeline_source": "push", "job_id": "302", "ref": branch, "ref_type": "branch",
            "ref_path": format!("refs/heads/{branch}"), "ref_protected": "true", "runner_id": 1,
            "runner_environment": "gitlab-hosted", "sha": "0a1b2c", "project_visibility": "public",
            "jti": "235b3a54-0000-4000-8000-000000000000", "aud": "cognate.example.com",
            "sub": format!("project_path:{project}:ref_type:branch:ref:{branch}"),
        });
        self.logins(claims, 3600)
    }

    /// The role of a job's credentials, or why it has none.
    async fn role(&self, logins: Value) -> Result<String, String> {
        let identity = self.world.identity(&self.pool, logins.clone()).await;
        let answer = self.world.credentials(&identity, logins).await;
        if answer.status != 200 {
            return Err(answer.error().2);
        }
        let keys = Credentials::of(&answer.ok()["Credentials"]);
        let question = [("Action", "GetCallerIdentity"), ("Version", "2011-06-15")];
        let answer = self.world.signed_query(&keys, "sts", &question).await;
        let arn = answer.xml("Arn").unwrap();
        let role = arn
            .replace(":sts:", ":iam:")
            .replace("assumed-role", "role");
        Ok(role.rsplit_once('/').unwrap().0.to_owned())
    }
}

#[tokio::test]
async fn a_github_job_gets_the_role_of_its_repository_and_branch() {
    let scene = Scene::github().await;
    let role =
        async |repository, reference| scene.role(scene.of_github(repository, reference)).await;
    assert_eq!(
        role("example/app", "refs/heads/main").await.unwrap(),
        DEPLOY
    );
    assert_eq!(role("example/app", "refs/heads/fix").await.unwrap(), BUILD);
    assert_eq!(role("example/app", "refs/tags/main").await.unwrap(), BUILD);
    let arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com";
    let refused = format!("The ambiguous role mapping rules for: {arn} denied this request.");
    for stranger in [
        "eve/app",
        "example/app-of-eve",
        "eve/example/app",
        "Example/app",
    ] {
        let answer = role(stranger, "refs/heads/main").await;
        assert_eq!(answer, Err(refused.clone()), "{stranger}");
    }
}

#[tokio::test]
async fn a_gitlab_job_gets_the_role_of_its_project_and_branch() {
    let scene = Scene::gitlab().await;
    let role = async |project, branch| scene.role(scene.of_gitlab(project, branch)).await;
    assert_eq!(role("example/app", "main").await.unwrap(), DEPLOY);
    assert_eq!(role("example/app", "fix").await.unwrap(), BUILD);
    assert!(role("eve/app", "main").await.is_err());
}

#[tokio::test]
async fn a_job_that_asked_for_another_audience_is_refused() {
    let scene = Scene::github().await;
    let claims = json!({ "sub": "repo:example/app:ref:refs/heads/main", "aud": "https://github.com/example" });
    let answer = scene
        .world
        .get_id(&scene.pool, scene.logins(claims, 300))
        .await;
    let text = "Token is not from a supported provider of this identity pool.";
    answer.refused("NotAuthorizedException", text);
}

#[tokio::test]
async fn a_pool_with_rules_gives_no_token_that_goes_around_them() {
    let scene = Scene::github().await;
    let logins = scene.of_github("eve/app", "refs/heads/main");
    let identity = scene.world.identity(&scene.pool, logins.clone()).await;
    let input = json!({ "IdentityId": identity, "Logins": logins });
    let answer = scene.world.public("GetOpenIdToken", input).await;
    let text = "Basic (classic) flow is not supported with RoleMappings, please use enhanced flow.";
    answer.refused("InvalidParameterException", text);
}
