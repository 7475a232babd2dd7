use serde_json::json;

use super::*;

fn of_file(text: &str) -> Result<SeedDocument, SeedError> {
    read(text, SeedSource::File)
}

fn refusal(text: &str) -> String {
    of_file(text).unwrap_err().to_string()
}

#[test]
fn toml_and_json_are_the_same_seed() {
    let toml = "seed = \"app\"\n[[roles]]\nRoleName = \"A\"\nMaxSessionDuration = 3600\n[roles.Policies.read]\n\
                Statement = [{ Effect = \"Allow\" }]\n";
    let json = json!({ "seed": "app", "roles": [{
        "RoleName": "A", "MaxSessionDuration": 3600,
        "Policies": { "read": { "Statement": [{ "Effect": "Allow" }] } },
    }] });
    let read = of_file(toml).unwrap();
    assert_eq!(read, of_file(&json.to_string()).unwrap());
    assert_eq!(read.to_json(), json);
}

#[test]
fn a_misspelling_gets_a_hint_and_a_path() {
    for (text, refused) in [
        (
            r#"{"pools": [{"IdentityPoolId": "x", "SupportedLoginProvider": {}}]}"#,
            "pools[0].SupportedLoginProvider: there is no such member; did you mean `SupportedLoginProviders`?",
        ),
        (
            r#"{"role": []}"#,
            "role: there is no such member; did you mean `roles`?",
        ),
        (
            r#"{"roles": [{"RoleName": "a"}, {"rolename": "b"}]}"#,
            "roles[1].rolename: there is no such member; did you mean `RoleName`?",
        ),
        (
            r#"{"access_keys": [{"Name": "a", "SecretAccessKey": "x"}]}"#,
            "access_keys[0].SecretAccessKey: a seed names secrets by file or variable: write SecretFile or \
             SecretVariable",
        ),
    ] {
        assert_eq!(refusal(text), refused);
    }
    assert!(refusal("[[pools]]\na = \n").contains("line 2"));
}

#[test]
fn secrets_come_from_files_and_variables() {
    let mut seed = of_file(
        r#"{
            "access_keys": [
                {"Name": "a", "AccessKeyId": "A", "SecretFile": "key"},
                {"Name": "b", "AccessKeyId": "B", "SecretVariable": "KEY"}
            ],
            "saml_providers": [{"Name": "corp", "SAMLMetadataFile": "metadata.xml"}],
            "pools": [{
                "IdentityPoolId": "p", "SupportedLoginProviders": {"api.twitter.com": "consumer"},
                "ConsumerSecretVariables": {"api.twitter.com": "TWITTER"}
            }]
        }"#,
    )
    .unwrap();
    let file = |name: &str| Ok(format!("contents of {name}\n"));
    let variable = |name: &str| Ok(format!("value of {name}"));
    secrets::resolve(&mut seed, &file, &variable).unwrap();
    assert_eq!(
        seed.to_json(),
        json!({
            "saml_providers": [{"Name": "corp", "SAMLMetadataDocument": "contents of metadata.xml\n"}],
            "access_keys": [
                {"Name": "a", "AccessKeyId": "A", "SecretAccessKey": "contents of key"},
                {"Name": "b", "AccessKeyId": "B", "SecretAccessKey": "value of KEY"},
            ],
            "pools": [{
                "IdentityPoolId": "p", "SupportedLoginProviders": {"api.twitter.com": "consumer;value of TWITTER"},
            }],
        })
    );
}

#[test]
fn a_secret_that_is_missing_twice_or_inline_is_refused_with_its_path() {
    let missing = |_: &str| Err("it isn't there".to_owned());
    let there = |_: &str| Ok("x".to_owned());
    for (text, refused) in [
        (
            r#"{"access_keys": [{"Name": "a", "SecretFile": "key"}]}"#,
            "access_keys[0].SecretFile: it isn't there",
        ),
        (
            r#"{"pools": [{"IdentityPoolId": "p", "SupportedLoginProviders": {"api.twitter.com": "key;secret"}}]}"#,
            "pools[0].SupportedLoginProviders.api.twitter.com: a seed names secrets",
        ),
    ] {
        let error = secrets::resolve(&mut of_file(text).unwrap(), &missing, &missing);
        let error = error.unwrap_err().to_string();
        assert!(
            error.starts_with(refused) && !error.contains("key;secret"),
            "{error}"
        );
    }
    let both = r#"{"access_keys": [{"Name": "a", "SecretFile": "k", "SecretVariable": "K"}]}"#;
    let error = secrets::resolve(&mut of_file(both).unwrap(), &there, &there).unwrap_err();
    assert!(error.to_string().contains("both set"));
}

#[test]
fn files_are_merged_by_object() {
    let read = |text: &str| of_file(text).unwrap();
    let describe = read(r#"{"IdentityPoolId": "p", "IdentityPoolName": "App"}"#);
    let roles = read(r#"{"IdentityPoolId": "p", "Roles": {"authenticated": "r"}}"#);
    let map = read(r#"{"IdentityPoolId": "p", "IdentityProviderName": "i", "UseDefaults": true}"#);
    let policy = |name: &str| {
        let text = json!({ "RoleName": "A", "PolicyName": name, "PolicyDocument": {} });
        read(&text.to_string())
    };
    let files = [describe, roles, map, policy("x"), policy("y")];
    let files = files.into_iter().map(|one| ("file".to_owned(), one));
    assert_eq!(
        merge(files.collect()).unwrap().to_json(),
        json!({
            "roles": [{ "RoleName": "A", "Policies": { "x": {}, "y": {} } }],
            "pools": [{
                "IdentityPoolId": "p", "IdentityPoolName": "App", "Roles": { "authenticated": "r" },
                "PrincipalTagAttributeMaps": [{ "IdentityProviderName": "i", "UseDefaults": true }],
            }],
        })
    );
    let other = read(r#"{"IdentityPoolId": "p", "IdentityPoolName": "Other"}"#);
    let describe = read(r#"{"IdentityPoolId": "p", "IdentityPoolName": "App"}"#);
    let error = merge(vec![("a".to_owned(), describe), ("b".to_owned(), other)]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "b: pools[0].IdentityPoolName: a: pools[0] says something else"
    );
    let named = |name: &str| (name.to_owned(), read(&format!("seed = \"{name}\"")));
    assert!(merge(vec![named("a"), named("b")]).is_err());
}
