//! What sessions may do by inline policies, attached policies, boundaries and session policies: the table beside this file,
//! each row asked of the server over HTTP, by a session of the role and by a chained one.

use std::collections::BTreeSet;

use cognate::app::records;
use cognate::store::record::{RecordKind, RecordWrite};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{ACCOUNT_TRUST, done, policy_arn};
use crate::sessions::{chain, key};
use crate::world::{Credentials, World, assumed};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    case: Vec<Case>,
}

/// Statements, or the ARN of a policy of AWS.
#[derive(Deserialize, Clone)]
#[serde(untagged)]
enum Statements {
    One(String),
    Several(Vec<String>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    /// The page of the IAM User Guide that says so.
    documented: Option<String>,
    /// Whether the row is about data that the guide says nothing about.
    #[serde(default)]
    closed: bool,
    #[serde(default)]
    inline: Vec<String>,
    /// A policy each.
    #[serde(default)]
    attached: Vec<String>,
    boundary: Option<Statements>,
    session: Option<Statements>,
    session_managed: Option<String>,
    /// A change after the sessions began.
    then: Option<Change>,
    #[serde(default)]
    may: Vec<String>,
    #[serde(default)]
    may_not: Vec<String>,
}

#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Change {
    Damage {
        damage: String,
        by: String,
    },
    Replace {
        replace: String,
        with: String,
    },
    Version {
        version: String,
        with: String,
        #[serde(default = "yes")]
        in_force: bool,
        #[serde(default)]
        back: bool,
    },
    Detach {
        detach: String,
    },
    Attach {
        attach: String,
    },
    Bound {
        bound: String,
    },
    Unbound {
        unbound: bool,
    },
}

fn yes() -> bool {
    true
}

fn cases() -> Vec<Case> {
    let table: Table = toml::from_str(include_str!("decisions.toml")).unwrap();
    table.case
}

/// `EFFECT ACTION,… [RESOURCE]`, or JSON.
fn statement(text: &str) -> Value {
    if text.starts_with('{') {
        #[expect(clippy::disallowed_methods, reason = "a table of the test")]
        return serde_json::from_str(text).unwrap();
    }
    let words: Vec<&str> = text.split(' ').collect();
    let actions: Vec<&str> = words[1].split(',').collect();
    let resource = words.get(2).unwrap_or(&"*");
    json!({ "Effect": words[0], "Action": actions, "Resource": resource })
}

fn document(statements: &[String]) -> String {
    let statements: Vec<Value> = statements.iter().map(|text| statement(text)).collect();
    json!({ "Version": "2012-10-17", "Statement": statements }).to_string()
}

impl Statements {
    fn all(&self) -> Vec<String> {
        match self {
            Self::One(text) => vec![text.clone()],
            Self::Several(texts) => texts.clone(),
        }
    }
}

#[test]
fn there_are_fifty_rows_and_each_has_its_own_name_and_reason() {
    let cases = cases();
    let names: BTreeSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names.len(), cases.len(), "two rows have one name");
    assert!(cases.len() >= 50, "{}", cases.len());
    for case in &cases {
        assert!(
            case.closed != case.documented.is_some(),
            "{}: either documented or closed",
            case.name
        );
        assert!(
            !(case.may.is_empty() && case.may_not.is_empty()),
            "{}",
            case.name
        );
    }
}

struct Scene {
    world: World,
    pool: String,
    runner: Credentials,
}

impl Scene {
    async fn new() -> Self {
        let world = World::new().await;
        let pool = world.pool(json!({})).await;
        let everything = json!({ "Effect": "Allow", "Action": "*", "Resource": "*" });
        let runner = key(&world, "runner", everything).await;
        crate::sessions::role(&world, "Hop", json!([crate::sessions::trusting_account()])).await;
        Self {
            world,
            pool,
            runner,
        }
    }

    /// The ARN of a policy of AWS, or of a new policy with these statements.
    async fn policy(&self, name: &str, statements: &[String]) -> String {
        if let [arn] = statements
            && arn.starts_with("arn:")
        {
            return arn.clone();
        }
        let document = document(statements);
        let parameters = [("PolicyName", name), ("PolicyDocument", &*document)];
        done(&self.world.iam("CreatePolicy", &parameters).await);
        policy_arn(name)
    }

    /// Makes the role of a case; answers the parameters of its sessions.
    async fn prepare(&self, role: &str, case: &Case) -> Vec<(String, String)> {
        let mut parameters = vec![
            ("RoleName".to_owned(), role.to_owned()),
            (
                "AssumeRolePolicyDocument".to_owned(),
                ACCOUNT_TRUST.to_owned(),
            ),
        ];
        if let Some(boundary) = &case.boundary {
            let arn = self.policy(&of("boundary", role), &boundary.all()).await;
            parameters.push(("PermissionsBoundary".to_owned(), arn));
        }
        let borrowed: Vec<(&str, &str)> = pairs(&parameters);
        done(&self.world.iam("CreateRole", &borrowed).await);
        if !case.inline.is_empty() {
            let document = document(&case.inline);
            let parameters = [
                ("RoleName", role),
                ("PolicyName", "inline"),
                ("PolicyDocument", &*document),
            ];
            done(&self.world.iam("PutRolePolicy", &parameters).await);
        }
        for (at, text) in case.attached.iter().enumerate() {
            let name = if at == 0 {
                of("attached", role)
            } else {
                format!("{}{at}", of("attached", role))
            };
            let arn = self.policy(&name, std::slice::from_ref(text)).await;
            self.attach(role, &arn).await;
        }
        let mut of_session = Vec::new();
        if let Some(session) = &case.session {
            of_session.push(("Policy".to_owned(), document(&session.all())));
        }
        if let Some(managed) = &case.session_managed {
            let name = of("session_managed", role);
            let arn = self.policy(&name, std::slice::from_ref(managed)).await;
            of_session.push(("PolicyArns.member.1.arn".to_owned(), arn));
        }
        of_session
    }

    async fn attach(&self, role: &str, arn: &str) {
        let parameters = [("RoleName", role), ("PolicyArn", arn)];
        done(&self.world.iam("AttachRolePolicy", &parameters).await);
    }

    async fn change(&self, role: &str, change: &Change) {
        let iam = async |action: &str, parameters: &[(&str, &str)]| {
            done(&self.world.iam(action, parameters).await);
        };
        match change {
            Change::Damage { damage, by } => self.damage(&of(damage, role), by).await,
            Change::Replace { replace, with } => {
                let name = of(replace, role);
                iam("DeletePolicy", &[("PolicyArn", &policy_arn(&name))]).await;
                self.policy(&name, std::slice::from_ref(with)).await;
            }
            Change::Version {
                version,
                with,
                in_force,
                back,
            } => {
                let arn = policy_arn(&of(version, role));
                let (document, in_force) =
                    (document(std::slice::from_ref(with)), in_force.to_string());
                let parameters = [
                    ("PolicyArn", &*arn),
                    ("PolicyDocument", &*document),
                    ("SetAsDefault", &*in_force),
                ];
                iam("CreatePolicyVersion", &parameters).await;
                if *back {
                    let first = [("PolicyArn", &*arn), ("VersionId", "v1")];
                    iam("SetDefaultPolicyVersion", &first).await;
                }
            }
            Change::Detach { detach } => {
                let arn = policy_arn(&of(detach, role));
                iam(
                    "DetachRolePolicy",
                    &[("RoleName", role), ("PolicyArn", &arn)],
                )
                .await;
            }
            Change::Attach { attach } => {
                let name = of("later", role);
                let arn = self.policy(&name, std::slice::from_ref(attach)).await;
                self.attach(role, &arn).await;
            }
            Change::Bound { bound } => {
                let name = of("boundary", role);
                let arn = self.policy(&name, std::slice::from_ref(bound)).await;
                let parameters = [("RoleName", role), ("PermissionsBoundary", &*arn)];
                iam("PutRolePermissionsBoundary", &parameters).await;
            }
            Change::Unbound { unbound } => {
                assert!(unbound);
                iam("DeleteRolePermissionsBoundary", &[("RoleName", role)]).await;
            }
        }
    }

    /// Damages the record of a policy past the server.
    async fn damage(&self, name: &str, by: &str) {
        let (kind, key) = (RecordKind::ManagedPolicy, name.to_ascii_lowercase());
        let record = self.world.store.record(kind, &key).await.unwrap().unwrap();
        #[expect(clippy::disallowed_methods, reason = "what the server wrote")]
        let mut json: Value = serde_json::from_str(&record.json.unwrap()).unwrap();
        match by {
            "missing" => json = Value::Null,
            "document" => json["versions"][0]["document"] = json!("{"),
            "version" => json["default_version"] = json!(9),
            "record" => json["from_the_future"] = json!(1),
            other => panic!("{other}"),
        }
        let write = RecordWrite {
            kind,
            key,
            scope: String::new(),
            expected: record.version,
            json: (!json.is_null()).then(|| json.to_string()),
            limit: None,
        };
        let origin = self.world.origin();
        self.world.store.put(&[write], &origin).await.unwrap();
        records::refresh(&self.world.app).await.unwrap();
    }

    /// Sessions of the role: one of an access key, and a chained one.
    async fn sessions(&self, role: &str, more: &[(String, String)]) -> [Credentials; 2] {
        let arn = crate::sessions::role_arn(role);
        let more = pairs(more);
        let direct = chain(&self.world, &self.runner, &arn, &more).await;
        done(&direct);
        let hop =
            crate::sessions::chained(&self.world, &self.runner, &crate::sessions::role_arn("Hop"))
                .await;
        let chained = chain(&self.world, &hop, &arn, &more).await;
        done(&chained);
        [assumed(&direct), assumed(&chained)]
    }

    /// Whether a session may do this.
    async fn may(&self, session: &Credentials, deed: &str) -> bool {
        let pool = json!({ "IdentityPoolId": self.pool });
        let query = async |service: &str, action: &str, more: &[(&str, &str)]| {
            let version = if service == "iam" {
                "2010-05-08"
            } else {
                "2011-06-15"
            };
            let mut all = vec![("Action", action), ("Version", version)];
            all.extend(more);
            self.world.signed_query(session, service, &all).await
        };
        let answer = match deed {
            "ListIdentityPools" => {
                let input = json!({ "MaxResults": 1 });
                self.world.signed(session, deed, input).await
            }
            "DescribeIdentityPool" => self.world.signed(session, deed, pool).await,
            "DeletePool" => {
                let input =
                    json!({ "IdentityPoolId": "eu-west-1:00000000-0000-4000-8000-000000000000" });
                self.world
                    .signed(session, "DeleteIdentityPool", input)
                    .await
            }
            "ListRoles" => query("iam", deed, &[]).await,
            "GetRole" => query("iam", deed, &[("RoleName", "Hop")]).await,
            "TagRole" => {
                let tag = [
                    ("RoleName", "Hop"),
                    ("Tags.member.1.Key", "a"),
                    ("Tags.member.1.Value", "b"),
                ];
                query("iam", deed, &tag).await
            }
            "AssumeRole" => {
                let hop = crate::sessions::role_arn("Hop");
                chain(&self.world, session, &hop, &[]).await
            }
            "GetCallerIdentity" => query("sts", deed, &[]).await,
            other => panic!("{other}"),
        };
        let is_denied = answer.text.contains("AccessDenied");
        assert!(is_denied || answer.status == 200, "{}", answer.text);
        !is_denied
    }
}

/// The name of a policy of a case.
fn of(what: &str, role: &str) -> String {
    format!("{role}-{what}")
}

fn pairs(parameters: &[(String, String)]) -> Vec<(&str, &str)> {
    let all = parameters.iter();
    all.map(|(name, value)| (name.as_str(), value.as_str()))
        .collect()
}

impl Scene {
    /// What is decided otherwise than the row says.
    async fn decide(&self, role: &str, case: &Case) -> Vec<String> {
        let more = self.prepare(role, case).await;
        let sessions = self.sessions(role, &more).await;
        if let Some(change) = &case.then {
            self.change(role, change).await;
        }
        let mut wrong = Vec::new();
        for (kind, session) in ["live", "chained"].iter().zip(&sessions) {
            for (deeds, expected) in [(&case.may, true), (&case.may_not, false)] {
                for deed in deeds {
                    if self.may(session, deed).await != expected {
                        wrong.push(format!("{} ({kind}): {deed}", case.name));
                    }
                }
            }
        }
        wrong
    }
}

#[tokio::test]
async fn every_row_is_decided_as_it_says() {
    let scene = Scene::new().await;
    let mut wrong = Vec::new();
    for (at, case) in cases().iter().enumerate() {
        wrong.extend(scene.decide(&format!("Case{at}"), case).await);
    }
    assert!(
        wrong.is_empty(),
        "{} are decided otherwise: {wrong:#?}",
        wrong.len()
    );
}

/// The table must be able to fail: each expectation of the opposite is found.
#[tokio::test]
async fn rows_that_say_the_opposite_are_noticed() {
    let scene = Scene::new().await;
    for (at, mut case) in cases().into_iter().enumerate().step_by(6) {
        std::mem::swap(&mut case.may, &mut case.may_not);
        let expected = 2 * (case.may.len() + case.may_not.len());
        let wrong = scene.decide(&format!("Case{at}"), &case).await;
        assert_eq!(wrong.len(), expected, "{}: {wrong:?}", case.name);
    }
}
