//! Whether everything in the table of operations is what its model says, and is tested: what a new operation has to
//! keep without anybody thinking of it.

mod errors;
mod outputs;
mod query_errors;
mod signatures;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use cognate::operations::{ALL, Access, Entry, Service};
use serde_json::json;

use crate::service_model::ServiceModel;

#[test]
fn every_operation_is_in_its_model_and_once_in_the_table() {
    let mut seen = BTreeSet::new();
    for entry in ALL {
        let operation = ServiceModel::of(entry.service).operation(entry.name);
        assert_eq!(operation["name"], json!(entry.name));
        let once = seen.insert((entry.service.action_prefix(), entry.name));
        assert!(once, "{} is there twice", entry.name);
    }
}

#[test]
fn every_operation_of_our_own_model_is_in_the_table() {
    for name in ServiceModel::of(Service::Cognate).operations() {
        let there = ALL
            .iter()
            .any(|entry| entry.service == Service::Cognate && entry.name == name);
        assert!(there, "{name} is in the model and not in the table");
    }
}

#[test]
fn an_operation_wants_a_signature_unless_its_model_says_it_needs_none() {
    for entry in ALL {
        let operation = ServiceModel::of(entry.service).operation(entry.name);
        let wanted = match (operation["authtype"].as_str(), entry.name) {
            (Some("none"), _) => Access::Public,
            (None, "GetCallerIdentity") => Access::AnySigner,
            (None, _) => Access::Signed,
            (Some(other), name) => panic!("{name} has the unknown authtype {other}"),
        };
        assert_eq!(entry.access, wanted, "{}", entry.name);
    }
}

#[test]
fn every_operation_has_a_module_of_tests() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let main = fs::read_to_string(here.join("main.rs")).unwrap();
    for entry in ALL {
        let (module, shared) = module(entry);
        let sources = sources(&here, &module);
        assert!(
            sources.contains("::test]") || sources.contains("#[test]"),
            "{} has no tests in tests/it/{module}.rs or tests/it/{module}/",
            entry.name
        );
        assert!(
            main.lines().any(|line| line == format!("mod {module};")),
            "tests/it/main.rs leaves {module} out"
        );
        assert!(
            !shared || sources.contains(entry.name),
            "tests/it/{module}.rs never names {}",
            entry.name
        );
    }
}

/// The module that tests an operation, and whether it tests others, too: IAM has one a resource, and Cognate's own have
/// one for all that is done with keys.
fn module(entry: &Entry) -> (String, bool) {
    let shared = match entry.service {
        Service::Iam | Service::Cognate if entry.name.starts_with("Simulate") => {
            Some("simulate_policy")
        }
        Service::Iam if entry.name.contains("ProviderTag") || entry.name.contains("agSAML") => {
            Some("provider_tags")
        }
        Service::Iam if entry.name.contains("agOpenID") => Some("provider_tags"),
        Service::Cognate if entry.name == "CheckPolicies" => Some("condition_keys"),
        Service::Cognate if entry.name.starts_with("Explain") => Some("explain_login"),
        Service::Iam if entry.name.contains("OpenIDConnectProvider") => Some("oidc_providers"),
        Service::Iam if entry.name.contains("SAMLProvider") => Some("saml_providers"),
        Service::Iam if is_about_managed_policies(entry.name) => Some("managed_policies"),
        Service::Iam if entry.name.contains("Role") => Some("roles"),
        Service::Cognate if entry.name.ends_with("Identity") => Some("revocation"),
        Service::Cognate if entry.name.contains("CredentialsDuration") => {
            Some("credentials_duration")
        }
        Service::Cognate if entry.name.contains("AccessKey") => Some("access_keys"),
        Service::Cognate if entry.name.contains("Key") => Some("keys"),
        _ => None,
    };
    match shared {
        Some(module) => (module.to_owned(), true),
        None => (snake_case(entry.name), false),
    }
}

fn is_about_managed_policies(name: &str) -> bool {
    let of_roles = [
        "AttachRolePolicy",
        "DetachRolePolicy",
        "ListAttachedRolePolicies",
        "UpdateRoleDescription",
    ];
    of_roles.contains(&name)
        || name.ends_with("PermissionsBoundary")
        || (name.contains("Polic") && !name.contains("Role"))
}

/// `GetOpenIdToken` as `get_open_id_token`, `AssumeRoleWithSAML` as `assume_role_with_saml`.
fn snake_case(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut snake = String::new();
    for (at, letter) in letters.iter().enumerate() {
        let small = |at: usize| letters.get(at).is_some_and(char::is_ascii_lowercase);
        if at > 0 && letter.is_ascii_uppercase() && (small(at - 1) || small(at + 1)) {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

#[test]
fn names_become_modules_as_they_are_written() {
    for (name, module) in [
        ("GetId", "get_id"),
        ("GetOpenIdToken", "get_open_id_token"),
        ("AssumeRoleWithSAML", "assume_role_with_saml"),
        ("ListTagsForResource", "list_tags_for_resource"),
    ] {
        assert_eq!(snake_case(name), module);
    }
}

/// All that a module's files say; nothing where there are none.
fn sources(here: &Path, module: &str) -> String {
    let mut files: Vec<PathBuf> = vec![here.join(format!("{module}.rs"))];
    if let Ok(folder) = fs::read_dir(here.join(module)) {
        files.extend(folder.map(|file| file.unwrap().path()));
    }
    let texts = files
        .iter()
        .filter_map(|file| fs::read_to_string(file).ok());
    texts.collect()
}
