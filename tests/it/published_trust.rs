//! The trust policies that vendors publish, tried with tokens: what each lets in and what it keeps out. And the audiences of
//! a token, in any order.

use serde_json::{Value, json};

use crate::world::{ACCOUNT, Answer, Key, World, beginning};

const STS: &str = "sts.amazonaws.com";
const DENIED: &str = "Not authorized to perform sts:AssumeRoleWithWebIdentity";

/// A server that knows the keys of issuers from a file, all the same.
struct Scene {
    world: World,
    key: Key,
    _folder: tempfile::TempDir,
}

impl Scene {
    async fn new(issuers: &[&str]) -> Self {
        let (folder, key) = (tempfile::tempdir().unwrap(), Key::p256("one"));
        let file = folder.path().join("keys.json");
        std::fs::write(&file, json!({ "keys": [key.jwk()] }).to_string()).unwrap();
        let config = folder.path().join("cognate.toml");
        let issuers = issuers.iter().map(|issuer| {
            let file = file.display();
            format!("[[issuers]]\nurl = \"https://{issuer}\"\njwks_file = '{file}'\n")
        });
        std::fs::write(&config, issuers.collect::<String>()).unwrap();
        let world = World::with(|flags| flags.config = Some(config)).await;
        Self {
            world,
            key,
            _folder: folder,
        }
    }

    /// Registers an issuer with these clients.
    async fn register(&self, issuer: &str, clients: &[&str]) {
        let url = format!("https://{issuer}");
        let names: Vec<String> = (1..=clients.len())
            .map(|at| format!("ClientIDList.member.{at}"))
            .collect();
        let mut all = vec![("Url", url.as_str())];
        all.extend(
            names
                .iter()
                .map(String::as_str)
                .zip(clients.iter().copied()),
        );
        let made = self.world.iam("CreateOpenIDConnectProvider", &all).await;
        assert_eq!(made.status, 200, "{}", made.text);
    }

    /// Makes a role with this trust policy.
    async fn role(&self, name: &str, statement: &Value) {
        let policy = json!({ "Version": "2012-10-17", "Statement": statement }).to_string();
        let all = [("RoleName", name), ("AssumeRolePolicyDocument", &*policy)];
        let made = self.world.iam("CreateRole", &all).await;
        assert_eq!(made.status, 200, "{name}: {}", made.text);
    }

    /// Presents a token of the issuer with these claims.
    async fn assume(&self, role: &str, issuer: &str, claims: &Value) -> Answer {
        let now = beginning().as_second();
        let mut all = json!({ "iss": format!("https://{issuer}"), "sub": "nobody", "iat": now, "exp": now + 300 });
        for (name, value) in claims.as_object().unwrap() {
            all[name] = value.clone();
        }
        let role = format!("arn:aws:iam::{ACCOUNT}:role/{role}");
        self.world.assume(&role, &self.key.token(&all)).await
    }
}

/// A statement that allows tokens of the issuer under these conditions, whose keys are claims unless they have a colon.
fn statement(issuer: &str, actions: &Value, conditions: &Value) -> Value {
    let mut all = json!({});
    for (operator, keys) in conditions.as_object().unwrap() {
        for (claim, value) in keys.as_object().unwrap() {
            let key = if claim.contains(':') {
                claim.clone()
            } else {
                format!("{issuer}:{claim}")
            };
            all[operator][key] = value.clone();
        }
    }
    let provider = format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{issuer}");
    json!({ "Effect": "Allow", "Principal": { "Federated": provider }, "Action": actions, "Condition": all })
}

/// A published trust policy.
struct Published {
    /// The vendor, as a role's name.
    vendor: &'static str,
    /// The page with the policy.
    page: &'static str,
    issuer: &'static str,
    /// The client of the registration, as the page has it.
    client: &'static str,
    conditions: Value,
    /// What the policy lets in, and a token of that.
    lets_in: (&'static str, Value),
    /// What the policy keeps out, and tokens of that.
    keeps_out: Vec<(&'static str, Value)>,
}

const GITHUB: &str = "token.actions.githubusercontent.com";
const GITLAB: &str = "gitlab.com";
const CIRCLE_ORG: &str = "5a1b2c3d-0000-4000-8000-00000000000a";
const CIRCLE: &str = "oidc.circleci.com/org/5a1b2c3d-0000-4000-8000-00000000000a";
const BITBUCKET: &str = "api.bitbucket.org/2.0/workspaces/acme/pipelines-config/identity/oidc";
const BITBUCKET_ACME: &str = "ari:cloud:bitbucket::workspace/11111111-2222-4333-8444-555555555555";
const EKS: &str = "oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE";

/// A token of GitHub for a branch of a repository.
fn github(repository: &str, branch: &str) -> Value {
    let (owner, _) = repository.split_once('/').unwrap();
    json!({
        "aud": STS, "sub": format!("repo:{repository}:ref:refs/heads/{branch}"), "repository": repository,
        "repository_owner": owner, "ref": format!("refs/heads/{branch}"),
        "job_workflow_ref": format!("{repository}/.github/workflows/deploy.yml@refs/heads/{branch}"),
    })
}

/// A token of GitLab for a branch of a project.
fn gitlab(project: &str, branch: &str) -> Value {
    json!({ "aud": "https://gitlab.com", "project_path": project, "ref": branch, "ref_type": "branch",
        "sub": format!("project_path:{project}:ref_type:branch:ref:{branch}") })
}

fn terraform(organization: &str, workspace: &str) -> Value {
    json!({ "aud": "aws.workload.identity", "terraform_organization_name": organization,
        "sub": format!("organization:{organization}:project:infra:workspace:{workspace}:run_phase:apply") })
}

fn circle(project: &str, audience: &str) -> Value {
    json!({ "aud": audience, "sub": format!("org/{CIRCLE_ORG}/project/{project}/user/1234") })
}

fn buildkite(organization: &str, pipeline: &str) -> Value {
    json!({ "aud": STS, "organization_slug": organization, "pipeline_slug": pipeline,
        "sub": format!("organization:{organization}:pipeline:{pipeline}:ref:refs/heads/main:commit:1a2b:step:deploy") })
}

fn bitbucket(repository: &str, audience: &str) -> Value {
    json!({ "aud": audience, "sub": format!("{{{repository}}}:{{step-1}}"), "repositoryUuid": format!("{{{repository}}}") })
}

fn eks(namespace: &str, account: &str) -> Value {
    json!({ "aud": [STS], "sub": format!("system:serviceaccount:{namespace}:{account}") })
}

#[expect(clippy::too_many_lines, reason = "a table with a row for each vendor")]
fn published() -> Vec<Published> {
    vec![
        Published {
            vendor: "SAM-CLI-GitHub",
            page: "https://github.com/aws/aws-sam-cli: samcli/lib/pipeline/bootstrap/stage_resources.yaml",
            issuer: GITHUB,
            client: STS,
            conditions: json!({ "ForAllValues:StringLike": {
                "aud": STS, "sub": "repo:octo-org/octo-repo:ref:refs/heads/main",
            } }),
            lets_in: ("the main branch", github("octo-org/octo-repo", "main")),
            keeps_out: vec![
                ("another branch", github("octo-org/octo-repo", "feature")),
                ("another owner", github("evil/octo-repo", "main")),
                ("no repository", json!({ "aud": STS, "sub": "repo:" })),
            ],
        },
        Published {
            vendor: "SAM-CLI-GitLab",
            page: "https://github.com/aws/aws-sam-cli: samcli/lib/pipeline/bootstrap/stage_resources.yaml",
            issuer: GITLAB,
            client: "https://gitlab.com",
            conditions: json!({ "ForAllValues:StringLike": {
                "aud": "https://gitlab.com", "sub": "project_path:acme/app:ref_type:branch:ref:main",
            } }),
            lets_in: ("the main branch", gitlab("acme/app", "main")),
            keeps_out: vec![
                ("another group", gitlab("evil/app", "main")),
                ("another branch", gitlab("acme/app", "x")),
            ],
        },
        Published {
            vendor: "SAM-CLI-Bitbucket",
            page: "https://github.com/aws/aws-sam-cli: samcli/lib/pipeline/bootstrap/stage_resources.yaml",
            issuer: BITBUCKET,
            client: BITBUCKET_ACME,
            conditions: json!({ "ForAllValues:StringLike": { "aud": BITBUCKET_ACME, "sub": "{repo-1}:*" } }),
            lets_in: ("the repository", bitbucket("repo-1", BITBUCKET_ACME)),
            keeps_out: vec![("another repository", bitbucket("repo-2", BITBUCKET_ACME))],
        },
        Published {
            vendor: "GitHub",
            page: "https://docs.github.com/en/actions/how-tos/secure-your-work/security-harden-deployments/oidc-in-aws",
            issuer: GITHUB,
            client: STS,
            conditions: json!({
                "StringEquals": { "aud": STS }, "StringLike": { "sub": "repo:octo-org/octo-repo:*" },
            }),
            lets_in: (
                "any branch of the repository",
                github("octo-org/octo-repo", "feature"),
            ),
            keeps_out: vec![
                ("another repository", github("octo-org/octo-repo-2", "main")),
                ("another owner", github("evil/octo-repo", "main")),
                (
                    "another audience",
                    json!({ "aud": "https://github.com/octo-org", "sub": "repo:octo-org/octo-repo:ref:x" }),
                ),
            ],
        },
        Published {
            vendor: "GitHub-environment",
            page: "https://docs.github.com/en/actions/how-tos/secure-your-work/security-harden-deployments/oidc-in-aws",
            issuer: GITHUB,
            client: STS,
            conditions: json!({
                "StringEquals": { "aud": STS, "sub": "repo:octo-org/octo-repo:environment:prod" },
            }),
            lets_in: (
                "the environment",
                json!({ "aud": STS, "sub": "repo:octo-org/octo-repo:environment:prod" }),
            ),
            keeps_out: vec![("a branch", github("octo-org/octo-repo", "prod"))],
        },
        Published {
            vendor: "GitHub-immutable",
            page: "https://docs.github.com/en/actions/reference/security/oidc",
            issuer: GITHUB,
            client: STS,
            conditions: json!({
                "StringEquals": { "aud": STS },
                "StringLike": { "sub": "repo:octo-org@123456/octo-repo@456789:*" },
            }),
            lets_in: (
                "the repository with these ids",
                json!({ "aud": STS, "sub": "repo:octo-org@123456/octo-repo@456789:ref:refs/heads/main" }),
            ),
            keeps_out: vec![
                (
                    "an owner of the same name later",
                    json!({ "aud": STS, "sub": "repo:octo-org@99/octo-repo@456789:ref:refs/heads/main" }),
                ),
                (
                    "a subject without ids",
                    github("octo-org/octo-repo", "main"),
                ),
            ],
        },
        Published {
            vendor: "GitLab",
            page: "https://docs.gitlab.com/ci/cloud_services/aws/",
            issuer: GITLAB,
            client: "https://gitlab.com",
            conditions: json!({ "StringEquals": { "sub": "project_path:mygroup/myproject:ref_type:branch:ref:main" } }),
            lets_in: ("the main branch", gitlab("mygroup/myproject", "main")),
            keeps_out: vec![
                ("another branch", gitlab("mygroup/myproject", "main2")),
                ("another group", gitlab("mygroup2/myproject", "main")),
            ],
        },
        Published {
            vendor: "Terraform-Cloud",
            page: "https://developer.hashicorp.com/terraform/cloud-docs/workspaces/dynamic-provider-credentials/aws-configuration",
            issuer: "app.terraform.io",
            client: "aws.workload.identity",
            conditions: json!({
                "StringEquals": { "aud": "aws.workload.identity" },
                "StringLike": { "sub": "organization:acme:project:infra:workspace:prod:run_phase:*" },
            }),
            lets_in: ("each phase of the workspace", terraform("acme", "prod")),
            keeps_out: vec![
                ("another workspace", terraform("acme", "test")),
                ("another organization", terraform("evil", "prod")),
            ],
        },
        Published {
            vendor: "Pulumi",
            page: "https://www.pulumi.com/docs/administration/access-identity/oidc-client/aws/",
            issuer: "api.pulumi.com/oidc",
            client: "aws:acme",
            conditions: json!({ "StringEquals": { "aud": "aws:acme" } }),
            lets_in: (
                "the organization",
                json!({ "aud": "aws:acme", "sub": "pulumi:environments:org:acme:env:x/y" }),
            ),
            keeps_out: vec![
                (
                    "another organization",
                    json!({ "aud": "aws:evil", "sub": "pulumi:environments:org:acme:env:x/y" }),
                ),
                (
                    "several organizations",
                    json!({ "aud": ["aws:acme", "aws:evil"] }),
                ),
                (
                    "an authorized party",
                    json!({ "aud": "aws:evil", "azp": "aws:acme" }),
                ),
            ],
        },
        Published {
            vendor: "Pulumi-environment",
            page: "https://www.pulumi.com/docs/administration/access-identity/oidc-client/aws/",
            issuer: "api.pulumi.com/oidc",
            client: "aws:acme",
            conditions: json!({ "StringLike": { "aud": "aws:acme", "sub": "pulumi:environments:org:acme:env:core" } }),
            lets_in: (
                "the environment",
                json!({ "aud": "aws:acme", "sub": "pulumi:environments:org:acme:env:core" }),
            ),
            keeps_out: vec![(
                "another environment",
                json!({ "aud": "aws:acme", "sub": "pulumi:environments:org:acme:env:x" }),
            )],
        },
        Published {
            vendor: "CircleCI",
            page: "https://circleci.com/docs/guides/permissions-authentication/openid-connect-tokens/",
            issuer: CIRCLE,
            client: CIRCLE_ORG,
            conditions: json!({ "StringLike": { "sub": format!("org/{CIRCLE_ORG}/project/p-1/user/*") } }),
            lets_in: ("the project", circle("p-1", CIRCLE_ORG)),
            keeps_out: vec![
                ("another project", circle("p-2", CIRCLE_ORG)),
                (
                    "another audience",
                    circle("p-1", "5a1b2c3d-0000-4000-8000-00000000000b"),
                ),
            ],
        },
        Published {
            vendor: "CircleCI-organization",
            page: "https://circleci.com/docs/guides/permissions-authentication/openid-connect-tokens/",
            issuer: CIRCLE,
            client: CIRCLE_ORG,
            conditions: json!({ "StringEquals": { "aud": CIRCLE_ORG } }),
            lets_in: (
                "each project of the organization",
                circle("p-2", CIRCLE_ORG),
            ),
            keeps_out: vec![("another audience", circle("p-2", "other"))],
        },
        Published {
            vendor: "Buildkite",
            page: "https://buildkite.com/docs/pipelines/security/oidc/aws",
            issuer: "agent.buildkite.com",
            client: STS,
            conditions: json!({
                "StringEquals": { "aud": STS },
                "StringLike": { "sub": "organization:acme:pipeline:app:*" },
                "IpAddress": { "aws:SourceIp": ["127.0.0.1", "203.0.113.0/24"] },
            }),
            lets_in: ("each step of the pipeline", buildkite("acme", "app")),
            keeps_out: vec![
                ("another pipeline", buildkite("acme", "app2")),
                ("another organization", buildkite("evil", "app")),
            ],
        },
        Published {
            vendor: "Bitbucket",
            page: "https://support.atlassian.com/bitbucket-cloud/docs/deploy-on-aws-using-bitbucket-pipelines-openid-connect/",
            issuer: BITBUCKET,
            client: BITBUCKET_ACME,
            conditions: json!({ "StringEquals": { "aud": BITBUCKET_ACME }, "StringLike": { "sub": "{repo-1}*:*" } }),
            lets_in: ("the repository", bitbucket("repo-1", BITBUCKET_ACME)),
            keeps_out: vec![
                ("another repository", bitbucket("repo-2", BITBUCKET_ACME)),
                (
                    "another audience",
                    bitbucket("repo-1", "ari:cloud:bitbucket::workspace/other"),
                ),
            ],
        },
        Published {
            vendor: "EKS",
            page: "https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html",
            issuer: EKS,
            client: STS,
            conditions: json!({ "StringEquals": { "sub": "system:serviceaccount:default:my-service-account", "aud": STS } }),
            lets_in: ("the service account", eks("default", "my-service-account")),
            keeps_out: vec![
                (
                    "another service account",
                    eks("default", "my-service-account2"),
                ),
                (
                    "another namespace",
                    eks("kube-system", "my-service-account"),
                ),
            ],
        },
        Published {
            vendor: "EKS-namespace",
            page: "https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html",
            issuer: EKS,
            client: STS,
            conditions: json!({ "StringLike": { "sub": "system:serviceaccount:default:*" }, "StringEquals": { "aud": STS } }),
            lets_in: (
                "each service account of the namespace",
                eks("default", "other"),
            ),
            keeps_out: vec![("another namespace", eks("default2", "other"))],
        },
    ]
}

#[tokio::test]
async fn published_trust_policies_let_in_what_they_say_and_nothing_else() {
    let table = published();
    let mut issuers: Vec<&str> = table.iter().map(|row| row.issuer).collect();
    issuers.sort_unstable();
    issuers.dedup();
    let scene = Scene::new(&issuers).await;
    for issuer in issuers {
        let mut clients: Vec<&str> = table
            .iter()
            .filter(|row| row.issuer == issuer)
            .map(|row| row.client)
            .collect();
        clients.dedup();
        scene.register(issuer, &clients).await;
    }
    let mut failures = Vec::new();
    for row in &table {
        let action = json!("sts:AssumeRoleWithWebIdentity");
        scene
            .role(row.vendor, &statement(row.issuer, &action, &row.conditions))
            .await;
        let (what, token) = &row.lets_in;
        let answer = scene.assume(row.vendor, row.issuer, token).await;
        if answer.status != 200 {
            failures.push(format!(
                "{} ({}) keeps out {what}: {}",
                row.vendor, row.page, answer.text
            ));
        }
        for (what, token) in &row.keeps_out {
            let answer = scene.assume(row.vendor, row.issuer, token).await;
            if answer.status == 200 {
                failures.push(format!("{} ({}) lets in {what}", row.vendor, row.page));
            }
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

/// Buildkite's policy for session tags: <https://buildkite.com/docs/pipelines/security/oidc/aws>
#[tokio::test]
async fn a_published_policy_for_session_tags_compares_the_tags_of_the_token() {
    let issuer = "agent.buildkite.com";
    let scene = Scene::new(&[issuer]).await;
    scene.register(issuer, &[STS]).await;
    let conditions = json!({
        "StringLike": { "sub": "organization:acme:pipeline:app:*" },
        "StringEquals": {
            "aud": STS, "aws:RequestTag/organization_slug": "acme", "aws:RequestTag/pipeline_slug": "app",
        },
    });
    let actions = json!(["sts:TagSession", "sts:AssumeRoleWithWebIdentity"]);
    scene
        .role("Tagged", &statement(issuer, &actions, &conditions))
        .await;
    let with = |tags: Value| {
        let mut token = buildkite("acme", "app");
        token["https://aws.amazon.com/tags"] = json!({ "principal_tags": tags });
        token
    };
    let good = with(json!({ "organization_slug": ["acme"], "pipeline_slug": ["app"] }));
    let answer = scene.assume("Tagged", issuer, &good).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    for token in [
        buildkite("acme", "app"),
        with(json!({ "organization_slug": ["acme"] })),
        with(json!({ "organization_slug": ["acme"], "pipeline_slug": ["other"] })),
    ] {
        let answer = scene.assume("Tagged", issuer, &token).await;
        answer.query_refused(403, "AccessDenied", DENIED);
    }
}

#[tokio::test]
async fn the_order_of_the_audiences_of_a_token_never_matters() {
    let issuer = "login.example.com";
    let scene = Scene::new(&[issuer]).await;
    scene.register(issuer, &["app", "web"]).await;
    let roles = [
        ("App", json!({ "StringEquals": { "aud": "app" } })),
        ("Web", json!({ "StringEquals": { "aud": "web" } })),
        (
            "AnyApp",
            json!({ "ForAnyValue:StringEquals": { "aud": "app" } }),
        ),
        (
            "AnyWeb",
            json!({ "ForAnyValue:StringEquals": { "aud": "web" } }),
        ),
        (
            "AnyOther",
            json!({ "ForAnyValue:StringEquals": { "aud": "other" } }),
        ),
        (
            "AllApp",
            json!({ "ForAllValues:StringEquals": { "aud": "app" } }),
        ),
        (
            "AllBoth",
            json!({ "ForAllValues:StringEquals": { "aud": ["app", "web"] } }),
        ),
    ];
    for (name, conditions) in &roles {
        let action = json!("sts:AssumeRoleWithWebIdentity");
        scene
            .role(name, &statement(issuer, &action, conditions))
            .await;
    }
    // The single value is `azp` where the token has it, and otherwise the first registered client that the list names.
    let mut wrong = Vec::new();
    for (audiences, azp, opened) in [
        (json!("app"), None, "App AnyApp AllApp AllBoth"),
        (json!("web"), None, "Web AnyWeb AllBoth"),
        (json!(["app"]), None, "App AnyApp AllApp AllBoth"),
        (json!(["app", "web"]), None, "App AnyApp AnyWeb AllBoth"),
        (json!(["web", "other"]), None, "Web AnyWeb AnyOther"),
        (
            json!(["app", "web", "other"]),
            None,
            "App AnyApp AnyWeb AnyOther",
        ),
        (
            json!(["app", "web"]),
            Some("web"),
            "Web AnyApp AnyWeb AllBoth",
        ),
        (
            json!(["app", "web"]),
            Some("app"),
            "App AnyApp AnyWeb AllBoth",
        ),
        (json!("app"), Some("web"), "Web AnyApp AllApp AllBoth"),
        (json!(["app", "web"]), Some("other"), ""),
        (json!(["other", "another"]), None, ""),
    ] {
        let reversed = match &audiences {
            Value::Array(all) => Value::Array(all.iter().rev().cloned().collect()),
            one => one.clone(),
        };
        for audiences in [audiences, reversed] {
            let mut token = json!({ "aud": audiences });
            if let Some(party) = azp {
                token["azp"] = json!(party);
            }
            let mut found = Vec::new();
            for (role, _) in &roles {
                if scene.assume(role, issuer, &token).await.status == 200 {
                    found.push(*role);
                }
            }
            if found.join(" ") != opened {
                wrong.push(format!("{token}: {found:?}, not {opened}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn an_audience_that_is_no_tenant_is_explained() {
    let issuer = "api.pulumi.com/oidc";
    let scene = Scene::new(&[issuer]).await;
    scene.register(issuer, &["aws:acme"]).await;
    let now = beginning().as_second();
    let failed = async |aud: Value| {
        let claims = json!({ "iss": format!("https://{issuer}"), "aud": aud, "sub": "x", "iat": now, "exp": now + 300 });
        let input = json!({
            "RoleArn": format!("arn:aws:iam::{ACCOUNT}:role/Any"), "WebIdentityToken": scene.key.token(&claims),
        });
        let answer = scene
            .world
            .admin("Cognate.ExplainWebIdentity", input)
            .await
            .ok();
        let checks = answer["Checks"].as_array().unwrap().clone();
        checks.last().unwrap()["Check"].as_str().unwrap().to_owned()
    };
    assert_eq!(failed(json!(["aws:acme", "aws:evil"])).await, "tenant");
    assert_eq!(failed(json!("aws:acme")).await, "trust");
}
