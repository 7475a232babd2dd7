//! Who gets a role, and what its sessions may do: the tables beside this file, each row asked of the server over HTTP.
//! What single operators make of single values is in the tables of the policy engine.

mod scene;

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use scene::Scene;

const TABLES: [(&str, &str); 4] = [
    ("documented.toml", include_str!("documented.toml")),
    ("trust.toml", include_str!("trust.toml")),
    ("narrowed.toml", include_str!("narrowed.toml")),
    ("permissions.toml", include_str!("permissions.toml")),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    case: Vec<Case>,
}

/// Somebody asks for a role, and then does something with it. Texts may name what the scene has, as in `<pool>`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    /// The page of the Amazon Cognito developer guide that says so.
    documented: Option<String>,
    #[serde(default = "ada")]
    who: String,
    #[serde(default)]
    by: Route,
    /// The condition under which identities are trusted.
    when: Option<String>,
    /// The statements of the trust policy, where more than a condition matters. Without either, all identities of two
    /// pools are trusted.
    #[serde(default)]
    trust: Vec<String>,
    /// The statements of the role's policies, a policy each.
    #[serde(default)]
    role: Vec<String>,
    /// The statement of the session policy.
    session: Option<String>,
    policy_arn: Option<String>,
    external_id: Option<String>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    /// `DurationSeconds`.
    seconds: Option<u32>,
    /// The role's `MaxSessionDuration`.
    longest: Option<u32>,
    /// `given`, or the code of the error.
    #[serde(default = "given")]
    gets: String,
    /// How many seconds the session lasts.
    lasts: Option<i64>,
    /// What the session may do: an operation, and on what.
    #[serde(default)]
    may: Vec<String>,
    #[serde(default)]
    may_not: Vec<String>,
}

/// How somebody asks for a role.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
enum Route {
    /// GetCredentialsForIdentity.
    #[default]
    Enhanced,
    /// AssumeRoleWithWebIdentity, with a token of GetOpenIdToken.
    Classic,
    /// AssumeRoleWithWebIdentity, with a token of a registered issuer.
    Foreign,
    /// AssumeRole.
    Signed,
}

fn ada() -> String {
    "ada".to_owned()
}

fn given() -> String {
    "given".to_owned()
}

fn cases() -> Vec<Case> {
    let read = |(name, text): (&str, &str)| {
        let table: Table = toml::from_str(text).unwrap_or_else(|error| panic!("{name}: {error}"));
        table.case
    };
    TABLES.into_iter().flat_map(read).collect()
}

#[test]
fn there_are_sixty_cases_and_each_has_its_own_name() {
    let cases = cases();
    let names: BTreeSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names.len(), cases.len(), "two cases have one name");
    assert!(cases.len() >= 60, "{}", cases.len());
    let documented = cases.iter().filter(|case| case.documented.is_some());
    assert!(documented.count() >= 20);
}

#[test]
fn the_cases_go_every_way_to_a_role() {
    let cases = cases();
    for route in [
        Route::Enhanced,
        Route::Classic,
        Route::Foreign,
        Route::Signed,
    ] {
        let gets = |given: bool| {
            let mut all = cases.iter().filter(|case| case.by == route);
            all.any(|case| (case.gets == "given") == given)
        };
        assert!(gets(true) && gets(false), "{route:?}");
    }
    // A row that is refused can't say what its session does.
    let idle =
        |case: &&Case| case.gets != "given" && !(case.may.is_empty() && case.may_not.is_empty());
    assert!(cases.iter().all(|case| !idle(&case)));
}

#[tokio::test]
async fn every_case_is_decided_as_its_row_says() {
    let scene = Scene::new().await;
    let mut wrong = Vec::new();
    for (at, case) in cases().iter().enumerate() {
        for (expected, found) in scene.decide(at, case).await {
            if expected != found {
                wrong.push(format!(
                    "{}\n  expected: {expected}\n  found:    {found}",
                    case.name
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} are decided otherwise:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// The table must be able to fail: a row whose outcome is turned around is found.
#[tokio::test]
async fn a_row_that_says_the_opposite_is_noticed() {
    let scene = Scene::new().await;
    let mut cases = cases();
    let case = cases.iter_mut().find(|case| !case.may.is_empty()).unwrap();
    std::mem::swap(&mut case.may, &mut case.may_not);
    let told = scene.decide(0, case).await;
    assert!(told.iter().any(|(expected, found)| expected != found));
}
