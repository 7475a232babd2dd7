//! Broken seeds: each is refused with the path of the mistake, and changes nothing.

use serde_json::{Value, json};

use super::{POOL, apply, everything, export, pool, role};
use crate::world::World;

/// A change of the seed of everything, the code of the refusal, its beginning, and words in it.
type Case = (fn(&mut Value), &'static str, &'static str, &'static str);

const INVALID: &str = "InvalidParameterException";

const CASES: [Case; 20] = [
    (
        |s| s["colour"] = json!(1),
        INVALID,
        "colour: ",
        "the members here are seed, ",
    ),
    (
        |s| s["pool"] = json!([]),
        INVALID,
        "pool: ",
        "did you mean `pools`?",
    ),
    (|s| s["seed"] = json!("a b"), INVALID, "seed: ", "letters"),
    (|s| s["roles"] = json!({}), INVALID, "roles: ", "[[roles]]"),
    (
        |s| s["roles"][0] = json!("x"),
        INVALID,
        "roles[0]: ",
        "object",
    ),
    (
        |s| s["roles"][1] = role("GUEST"),
        INVALID,
        "roles[1]: ",
        "roles[0]",
    ),
    (
        |s| s["pools"][0]["IdentityPoolNam"] = json!(1),
        INVALID,
        "pools[0].IdentityPoolNam: ",
        "`IdentityPoolName`",
    ),
    (
        |s| s["pools"][0]["IdentityPoolId"] = json!("x"),
        INVALID,
        "pools[0] (x): ",
        "REGION:UUID",
    ),
    (
        |s| s["pools"][0]["IdentityPoolId"] = json!(1),
        INVALID,
        "pools[0]: ",
        "IdentityPoolId",
    ),
    (
        |s| s["pools"][0]["CognitoIdentityProviders"][0]["ClientID"] = json!("x"),
        INVALID,
        "pools[0] (",
        "CognitoIdentityProviders[0].ClientID: there is no such member; did you mean `ClientId`?",
    ),
    (
        |s| s["pools"][0]["SupportedLoginProviders"] = json!({ "login.example": "x" }),
        INVALID,
        "pools[0] (",
        "login.example is not a supported login provider.",
    ),
    (
        |s| s["pools"][0]["IdentityPoolName"] = json!("a/b"),
        "ValidationException",
        "pools[0] (",
        "'identityPoolName' failed to satisfy constraint",
    ),
    (
        |s| {
            s["pools"][0]["RoleMappings"] =
                json!({ "other": { "Type": "Token", "AmbiguousRoleResolution": "Deny" } });
        },
        INVALID,
        "pools[0] (",
        "(other) is not a valid RoleMapping",
    ),
    (
        |s| s["pools"][0]["Settings"]["ReuseOpenIdToken"] = json!(true),
        INVALID,
        "pools[0] (",
        "Settings.ReuseOpenIdToken: there is no such member; did you mean `ReuseOpenIdTokens`?",
    ),
    (
        |s| s["pools"][0]["Settings"]["CredentialsDurationSeconds"] = json!(1),
        INVALID,
        "pools[0] (",
        "CredentialsDurationSeconds is 1",
    ),
    (
        |s| s["roles"][0]["AssumeRolePolicyDocument"]["Statement"][0]["Condition"] = json!({}),
        INVALID,
        "roles[0] (Guest): ",
        "must say for which identity pools",
    ),
    (
        |s| s["roles"][1]["Policies"]["write"]["Statement"][0]["Efect"] = json!("Allow"),
        INVALID,
        "roles[1] (User): Policies.write: ",
        "",
    ),
    (
        |s| s["oidc_providers"][0]["Url"] = json!("https://login.example.com/app/?x"),
        INVALID,
        "oidc_providers[0] (",
        "",
    ),
    (
        |s| s["access_keys"][0]["SecretAccessKey"] = json!("short"),
        INVALID,
        "access_keys[0] (ci): ",
        "16 to 256",
    ),
    (
        |s| s["access_keys"][0]["SecretFile"] = json!("/etc/passwd"),
        INVALID,
        "access_keys[0].SecretFile: ",
        "reads no files",
    ),
];

#[tokio::test]
async fn a_broken_seed_changes_nothing_and_the_error_names_the_path() {
    let world = World::new().await;
    for (change, code, path, words) in CASES {
        let mut seed = everything();
        change(&mut seed);
        let (_, found, text) = apply(&world, &seed).await.error();
        assert_eq!(found, code, "{text}");
        assert!(
            text.starts_with(path) && text.contains(words),
            "{path} {words}: {text}"
        );
    }
    assert_eq!(export(&world).await, json!({}));
}

#[tokio::test]
async fn a_document_that_is_no_seed_is_refused() {
    let world = World::new().await;
    for (document, words) in [
        ("{", "not strict JSON"),
        ("[[pools]]\nx = \n", "line 2"),
        (r#"{"pools": [], "pools": []}"#, "stands twice"),
        ("[[pools]]\nIdentityPoolId = 2026-01-01", "in quotes"),
    ] {
        let input = json!({ "Document": document });
        let (_, code, text) = world
            .admin("Cognate.ApplyConfiguration", input)
            .await
            .error();
        assert_eq!(code, INVALID, "{text}");
        assert!(text.contains(words), "{document}: {text}");
    }
    let toml = format!(
        "seed = \"app\"\n[[pools]]\nIdentityPoolId = \"{POOL}\"\nIdentityPoolName = \"App\"\n\
         AllowUnauthenticatedIdentities = true\n"
    );
    let input = json!({ "Document": toml });
    world.admin("Cognate.ApplyConfiguration", input).await.ok();
    assert_eq!(
        apply(&world, &json!({ "pools": [pool(POOL)] })).await.ok()["Changes"],
        json!([])
    );
}

#[tokio::test]
async fn a_consumer_key_needs_its_secret_once() {
    let world = World::new().await;
    let mut document = json!({ "pools": [pool(POOL)] });
    document["pools"][0]["SupportedLoginProviders"] = json!({ "api.twitter.com": "consumer" });
    let text = apply(&world, &document).await.error().2;
    assert!(text.contains("ConsumerSecretFiles"), "{text}");
    let mut with_secret = document.clone();
    with_secret["pools"][0]["SupportedLoginProviders"]["api.twitter.com"] =
        json!("consumer;hidden-secret");
    let answer = apply(&world, &with_secret).await.ok();
    assert!(!answer.to_string().contains("hidden-secret"), "{answer}");
    for document in [&document, &with_secret] {
        assert_eq!(apply(&world, document).await.ok()["Changes"], json!([]));
    }
    assert!(!export(&world).await.to_string().contains("hidden-secret"));
    let of_pool = json!({ "IdentityPoolId": POOL });
    let shown = world.admin("DescribeIdentityPool", of_pool).await.ok();
    assert_eq!(
        shown["SupportedLoginProviders"]["api.twitter.com"],
        "consumer;hidden-secret"
    );
}
