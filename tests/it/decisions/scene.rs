//! The server of the tables, and everybody who asks it for a role.

use indexmap::IndexMap;
use serde_json::{Value, json};

use super::{Case, Route};
use crate::access_tokens::facebook;
use crate::world::{
    ACCOUNT, Answer, Credentials, DEVELOPER, Issuer, Key, StandIn, USER_POOL, World, assumed,
    claims, login,
};

const OWN: &str = "cognito-identity.amazonaws.com";
const FACEBOOK: &str = "graph.facebook.com";
const WITH_WEB_IDENTITY: &str = "sts:AssumeRoleWithWebIdentity";

/// An identity, its pool, and how it logs in.
struct Somebody {
    identity: String,
    pool: String,
    logins: Value,
}

pub struct Scene {
    world: World,
    people: IndexMap<&'static str, Somebody>,
    /// Tokens of the registered issuer that no pool knows.
    jobs: IndexMap<&'static str, String>,
    signers: IndexMap<&'static str, Credentials>,
    /// What texts of the tables may name.
    names: Vec<(&'static str, String)>,
    /// They serve for as long as the scene lasts.
    _serving: (Issuer, Issuer, StandIn),
}

impl Scene {
    pub async fn new() -> Self {
        let (issuer, runner) = (Issuer::with(Key::rsa("one")).await, Issuer::new().await);
        let graph = StandIn::new(facebook::graph).await;
        let upstreams = vec![
            format!("{FACEBOOK}={}", graph.base),
            format!("cognito-idp.eu-west-1.amazonaws.com={}", issuer.base()),
        ];
        let world = World::with_administering_users(|flags| flags.upstreams = upstreams).await;
        let provider = world.register(&issuer, &["app"]).await;
        let runners = world.register(&runner, &["app"]).await;
        let pool = world
            .developer_pool(json!({
                "OpenIdConnectProviderARNs": [provider],
                "SupportedLoginProviders": { FACEBOOK: facebook::APP },
                "CognitoIdentityProviders": [{ "ProviderName": USER_POOL, "ClientId": "web" }],
            }))
            .await;
        let tagged = json!({ "OpenIdConnectProviderARNs": [provider], "IdentityPoolTags": { "team": "blue" } });
        let tagged = world.pool(tagged).await;
        let map = json!({
            "IdentityPoolId": tagged, "IdentityProviderName": provider, "PrincipalTags": { "team": "team" },
        });
        world.admin("SetPrincipalTagAttributeMap", map).await.ok();
        let other = world.pool(json!({})).await;
        let tess = issuer.token_saying("tess", &json!({ "team": "blue" }));
        let cora = issuer.user_pool_token("web", "cora", &json!({}));
        let mut people = IndexMap::new();
        for (name, pool, logins) in [
            ("guest", &pool, json!({})),
            ("a guest of another pool", &other, json!({})),
            ("ada", &pool, login(&issuer, &issuer.token("ada"))),
            ("bob", &pool, login(&issuer, &issuer.token("bob"))),
            ("tess", &tagged, login(&issuer, &tess)),
            ("fay", &pool, json!({ FACEBOOK: facebook::login(7) })),
            ("cora", &pool, json!({ USER_POOL: cora })),
        ] {
            let identity = world.identity(pool, logins.clone()).await;
            let pool = pool.clone();
            people.insert(
                name,
                Somebody {
                    identity,
                    pool,
                    logins,
                },
            );
        }
        let dave = world.user(&pool, "dave").await;
        let (logins, identity) = (dave.login(), dave.identity);
        people.insert(
            "dave",
            Somebody {
                identity,
                pool: pool.clone(),
                logins,
            },
        );
        let mut said = claims(runner.url(), "repo:octo/app");
        said["https://aws.amazon.com/tags"] = json!({ "principal_tags": { "team": ["blue"] } });
        let jobs = IndexMap::from([
            ("job", runner.token("repo:octo/app")),
            ("a job of others", runner.token("repo:evil/app")),
            ("a job with a tag", runner.key.token(&said)),
        ]);
        let names = vec![
            ("own", OWN.to_owned()),
            ("pool", pool),
            ("tagged", tagged),
            ("other", other),
            ("provider", provider),
            ("issuer", issuer.name().to_owned()),
            ("runners", runners),
            ("runner", runner.name().to_owned()),
            ("developer", DEVELOPER.to_owned()),
            ("user pool", USER_POOL.to_owned()),
            ("account", ACCOUNT.to_owned()),
            ("ada", people["ada"].identity.clone()),
            ("bob", people["bob"].identity.clone()),
            (
                "pools",
                format!("arn:aws:cognito-identity:eu-west-1:{ACCOUNT}:identitypool"),
            ),
        ];
        let signers = signers(&world).await;
        Self {
            world,
            people,
            jobs,
            signers,
            names,
            _serving: (issuer, runner, graph),
        }
    }

    /// A text of a table with what it names.
    fn filled(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, value) in &self.names {
            text = text.replace(&format!("<{name}>"), value);
        }
        assert!(!text.contains('<'), "a name that nothing has: {text}");
        text
    }

    fn document(&self, statements: &[String]) -> String {
        let statements: Vec<String> = statements.iter().map(|one| self.filled(one)).collect();
        format!(
            r#"{{"Version": "2012-10-17", "Statement": [{}]}}"#,
            statements.join(", ")
        )
    }

    /// What a case expects and what was found, one pair for the role and one for each thing that is then done.
    pub async fn decide(&self, at: usize, case: &Case) -> Vec<(String, String)> {
        let name = format!("Case{at}");
        let role = format!("arn:aws:iam::{ACCOUNT}:role/{name}");
        let session = match self.keep(&name, case).await {
            Ok(()) => self.ask(&role, case).await,
            Err(code) => Err(code),
        };
        let (found, session) = match session {
            Ok(session) => ("given".to_owned(), Some(session)),
            Err(code) => (code, None),
        };
        let mut told = vec![(case.gets.clone(), found)];
        let Some(session) = session else { return told };
        if let Some(lasts) = case.lasts {
            let found = self.world.open_session(&session).expires.as_second() - self.world.now();
            told.push((format!("lasts {lasts}"), format!("lasts {found}")));
        }
        for (all, outcome) in [(&case.may, "done"), (&case.may_not, "AccessDenied")] {
            for deed in all {
                let found = self.act(&session, &self.filled(deed)).await;
                told.push((format!("{deed}: {outcome}"), format!("{deed}: {found}")));
            }
        }
        told
    }

    /// Creates the role of a case; the code where that is refused.
    async fn keep(&self, name: &str, case: &Case) -> Result<(), String> {
        let statements = match (&case.when, case.trust.is_empty()) {
            (None, false) => case.trust.clone(),
            (when, true) => {
                let all = r#"{"StringEquals": {"<own>:aud": ["<pool>", "<tagged>"]}}"#;
                let when = when.as_deref().unwrap_or(all);
                vec![format!(
                    r#"{{"Effect": "Allow", "Principal": {{"Federated": "{OWN}"}},
                        "Action": ["{WITH_WEB_IDENTITY}", "sts:TagSession"], "Condition": {when}}}"#
                )]
            }
            (Some(_), false) => panic!("{}: one of `when` and `trust`", case.name),
        };
        let trust = self.document(&statements);
        let longest = case.longest.unwrap_or(3600).to_string();
        let parameters = [
            ("RoleName", name),
            ("AssumeRolePolicyDocument", &*trust),
            ("MaxSessionDuration", &*longest),
        ];
        code(&self.world.iam("CreateRole", &parameters).await)?;
        for (at, statement) in case.role.iter().enumerate() {
            let policy = self.document(std::slice::from_ref(statement));
            let at = format!("p{at}");
            let parameters = [
                ("RoleName", name),
                ("PolicyName", &*at),
                ("PolicyDocument", &*policy),
            ];
            code(&self.world.iam("PutRolePolicy", &parameters).await)?;
        }
        Ok(())
    }

    async fn ask(&self, role: &str, case: &Case) -> Result<Credentials, String> {
        let mut parameters = vec![
            ("RoleArn".to_owned(), role.to_owned()),
            ("RoleSessionName".to_owned(), "me".to_owned()),
        ];
        let mut add = |name: &str, value: Option<String>| {
            parameters.extend(value.map(|value| (name.to_owned(), value)));
        };
        let session = case.session.as_ref();
        add(
            "Policy",
            session.map(|one| self.document(std::slice::from_ref(one))),
        );
        add("PolicyArns.member.1.arn", case.policy_arn.clone());
        add("ExternalId", case.external_id.clone());
        add("DurationSeconds", case.seconds.map(|one| one.to_string()));
        for (at, (key, value)) in case.tags.iter().enumerate() {
            add(&format!("Tags.member.{}.Key", at + 1), Some(key.clone()));
            add(
                &format!("Tags.member.{}.Value", at + 1),
                Some(value.clone()),
            );
        }
        let who = case.who.as_str();
        match case.by {
            Route::Enhanced => return self.enhanced(&self.people[who], role).await,
            Route::Classic => {
                let who = &self.people[who];
                let answer = self.world.get_token(&who.identity, who.logins.clone());
                let token = answer.await.ok()["Token"].as_str().unwrap().to_owned();
                add("WebIdentityToken", Some(token));
            }
            Route::Foreign => add("WebIdentityToken", Some(self.jobs[who].clone())),
            Route::Signed => {
                add("Action", Some("AssumeRole".to_owned()));
                add("Version", Some("2011-06-15".to_owned()));
            }
        }
        let borrowed: Vec<(&str, &str)> = parameters
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let answer = match case.by {
            Route::Signed => {
                let who = &self.signers[who];
                self.world.signed_query(who, "sts", &borrowed).await
            }
            _ => self.world.sts("AssumeRoleWithWebIdentity", &borrowed).await,
        };
        code(&answer)?;
        Ok(assumed(&answer))
    }

    /// The role as the only one of somebody's pool.
    async fn enhanced(&self, who: &Somebody, role: &str) -> Result<Credentials, String> {
        let roles = json!({ "authenticated": role, "unauthenticated": role });
        let roles = json!({ "IdentityPoolId": who.pool, "Roles": roles });
        self.world.admin("SetIdentityPoolRoles", roles).await.ok();
        let answer = self.world.credentials(&who.identity, who.logins.clone());
        let answer = answer.await;
        if answer.status == 200 {
            Ok(Credentials::of(&answer.json()["Credentials"]))
        } else {
            Err(answer.error().1)
        }
    }

    /// What comes of `deed`: an operation, and on what.
    async fn act(&self, who: &Credentials, deed: &str) -> String {
        let (operation, on) = deed.split_once(' ').unwrap_or((deed, ""));
        let input = match operation {
            "ListIdentityPools" => json!({ "MaxResults": 1 }),
            "DescribeIdentityPool" | "GetIdentityPoolRoles" => json!({ "IdentityPoolId": on }),
            "ListIdentities" => json!({ "IdentityPoolId": on, "MaxResults": 1 }),
            "DescribeIdentity" => json!({ "IdentityId": on }),
            "AssumeRole" | "ListRoles" | "GetCallerIdentity" => {
                return self.query(who, operation, on).await;
            }
            other => panic!("{other} is no deed"),
        };
        let answer = self.world.signed(who, operation, input).await;
        if answer.status == 200 {
            return "done".to_owned();
        }
        let (_, code, text) = answer.error();
        match code.as_str() {
            "AccessDeniedException" => "AccessDenied".to_owned(),
            _ => format!("{code}: {text}"),
        }
    }

    async fn query(&self, who: &Credentials, action: &str, on: &str) -> String {
        let (service, version) = match action {
            "ListRoles" => ("iam", "2010-05-08"),
            _ => ("sts", "2011-06-15"),
        };
        let mut parameters = vec![("Action", action), ("Version", version)];
        if action == "AssumeRole" {
            parameters.extend([("RoleArn", on), ("RoleSessionName", "me")]);
        }
        let answer = self.world.signed_query(who, service, &parameters).await;
        code(&answer).err().unwrap_or_else(|| "done".to_owned())
    }
}

/// The code of a refusal in the Query protocol; with the rest where that is not as documented.
fn code(answer: &Answer) -> Result<(), String> {
    if answer.status == 200 {
        return Ok(());
    }
    let (code, text) = (answer.xml("Code").unwrap_or_default(), &answer.text);
    let expected = if code == "AccessDenied" { 403 } else { 400 };
    let is_documented = answer.status == expected
        && (code != "AccessDenied" || text.to_lowercase().contains("not authorized to perform"));
    Err(if is_documented {
        code
    } else {
        format!("{} {text}", answer.status)
    })
}

/// Those who sign requests.
async fn signers(world: &World) -> IndexMap<&'static str, Credentials> {
    let all = r#"{"Effect": "Allow", "Action": "*", "Resource": "*"}"#;
    let document =
        |statement: &str| format!(r#"{{"Version": "2012-10-17", "Statement": {statement}}}"#);
    let mut signers = IndexMap::from([("root", Credentials::root())]);
    for (who, name, statement) in [
        (
            "key",
            "ci",
            r#"{"Effect": "Allow", "Action": "sts:*", "Resource": "*"}"#,
        ),
        (
            "a key without permission",
            "poor",
            r#"{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}"#,
        ),
        (
            "a key that may not tag",
            "plain",
            r#"{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}"#,
        ),
    ] {
        let input = json!({ "Name": name, "Policy": document(statement) });
        let answer = world.admin("Cognate.CreateAccessKey", input).await.ok();
        signers.insert(who, Credentials::of(&answer));
    }
    let base = document(&format!(
        r#"{{"Effect": "Allow", "Principal": {{"AWS": "{ACCOUNT}"}}, "Action": ["sts:AssumeRole", "sts:TagSession"]}}"#
    ));
    let parameters = [("RoleName", "Base"), ("AssumeRolePolicyDocument", &*base)];
    code(&world.iam("CreateRole", &parameters).await).unwrap();
    let all = document(all);
    let parameters = [
        ("RoleName", "Base"),
        ("PolicyName", "p"),
        ("PolicyDocument", &*all),
    ];
    code(&world.iam("PutRolePolicy", &parameters).await).unwrap();
    let narrow = document(
        r#"{"Effect": "Allow", "Action": ["sts:*", "cognito-identity:ListIdentityPools"], "Resource": "*"}"#,
    );
    let base = format!("arn:aws:iam::{ACCOUNT}:role/Base");
    let parameters = [
        ("Action", "AssumeRole"),
        ("Version", "2011-06-15"),
        ("RoleArn", &*base),
        ("RoleSessionName", "first"),
        ("Policy", &*narrow),
        ("Tags.member.1.Key", "team"),
        ("Tags.member.1.Value", "blue"),
        ("Tags.member.2.Key", "stage"),
        ("Tags.member.2.Value", "test"),
        ("TransitiveTagKeys.member.1", "team"),
    ];
    let answer = world
        .signed_query(&Credentials::root(), "sts", &parameters)
        .await;
    signers.insert("a narrowed session", assumed(&answer));
    signers
}
