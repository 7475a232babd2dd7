//! The secrets of a seed, which files and variables hold: a file names them, and a request has them.

use serde_json::{Map, Value};

use super::{ObjectKind, SeedDocument, SeedError, SeedObject};
use crate::model::provider::PublicProvider;

/// Reads a file or a variable; an error says why that can't be done.
pub type ReadText<'a> = &'a dyn Fn(&str) -> Result<String, String>;

/// Replaces the members that name files and variables by their contents.
pub fn resolve(
    document: &mut SeedDocument,
    file: ReadText<'_>,
    variable: ReadText<'_>,
) -> Result<(), SeedError> {
    for object in &mut document.objects {
        match object.kind {
            ObjectKind::SamlProvider => {
                if let Some(text) = contents(object, "SAMLMetadataFile", file)? {
                    set(object, "SAMLMetadataDocument", text)?;
                }
                if let Some(key) = contents(object, "PrivateKeyFile", file)? {
                    set(object, "AddPrivateKey", key)?;
                }
            }
            ObjectKind::AccessKey => {
                let of_file = contents(object, "SecretFile", file)?;
                let of_variable = contents(object, "SecretVariable", variable)?;
                if of_file.is_some() && of_variable.is_some() {
                    let problem = "SecretFile and SecretVariable are both set; keep one of them";
                    return Err(SeedError::new(&object.path, problem));
                }
                if let Some(secret) = of_file.or(of_variable) {
                    set(object, "SecretAccessKey", secret.trim().to_owned())?;
                }
            }
            ObjectKind::Pool => {
                refuse_inline(object)?;
                for (member, read) in [
                    ("ConsumerSecretFiles", file),
                    ("ConsumerSecretVariables", variable),
                ] {
                    consumer_secrets(object, member, read)?;
                }
            }
            ObjectKind::OidcProvider | ObjectKind::ManagedPolicy | ObjectKind::Role => {}
        }
    }
    Ok(())
}

fn contents(
    object: &mut SeedObject,
    member: &str,
    read: ReadText<'_>,
) -> Result<Option<String>, SeedError> {
    let path = format!("{}.{member}", object.path);
    match object.members.shift_remove(member) {
        None => Ok(None),
        Some(Value::String(name)) => match read(&name) {
            Ok(text) => Ok(Some(text)),
            Err(problem) => Err(SeedError::new(path, problem)),
        },
        Some(_) => Err(SeedError::new(path, "write a name, as a string")),
    }
}

fn set(object: &mut SeedObject, member: &str, text: String) -> Result<(), SeedError> {
    if object.members.contains_key(member) {
        let problem = format!("{member} is set, and a file for it too; keep one of them");
        return Err(SeedError::new(&object.path, problem));
    }
    object.members.insert(member.to_owned(), Value::from(text));
    Ok(())
}

/// The apps of a pool at public providers.
fn apps(object: &mut SeedObject) -> Option<&mut Map<String, Value>> {
    match object.members.get_mut("SupportedLoginProviders") {
        Some(Value::Object(apps)) => Some(apps),
        _ => None,
    }
}

fn refuse_inline(object: &mut SeedObject) -> Result<(), SeedError> {
    let path = format!("{}.SupportedLoginProviders", object.path);
    let Some(apps) = apps(object) else {
        return Ok(());
    };
    let has_secret =
        |key: &str| PublicProvider::named(key).is_some_and(PublicProvider::has_consumer_secret);
    let inline = apps
        .iter()
        .find(|(key, app)| has_secret(key) && app.as_str().is_some_and(|app| app.contains(';')));
    match inline {
        None => Ok(()),
        Some((key, _)) => Err(SeedError::new(
            format!("{path}.{key}"),
            "a seed names secrets by file or variable: write the consumer key only, and name the secret in \
             ConsumerSecretFiles or ConsumerSecretVariables",
        )),
    }
}

fn consumer_secrets(
    object: &mut SeedObject,
    member: &str,
    read: ReadText<'_>,
) -> Result<(), SeedError> {
    let path = format!("{}.{member}", object.path);
    let names = match object.members.shift_remove(member) {
        None => return Ok(()),
        Some(Value::Object(names)) => names,
        Some(_) => return Err(SeedError::new(path, "write an object (a table in TOML)")),
    };
    for (key, name) in names {
        let path = format!("{path}.{key}");
        let name = name.as_str().unwrap_or_default();
        let secret = read(name).map_err(|problem| SeedError::new(path.as_str(), problem))?;
        let app = apps(object).and_then(|apps| apps.get_mut(&key));
        let Some(Value::String(app)) = app else {
            let problem = format!("SupportedLoginProviders has no consumer key for {key}");
            return Err(SeedError::new(path, problem));
        };
        *app = format!("{app};{}", secret.trim());
    }
    Ok(())
}
