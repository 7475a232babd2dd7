//! The access key that a command signs with: where it comes from, and which source takes precedence.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use miette::{Result, miette};

use crate::app::keys::root_key;
use crate::config::Environment;
use crate::sigv4::SecretKey;

/// The usual data directory.
const DATA_DIR: &str = "./cognate-data";

/// The members of a profile with which AWS's tools get keys from elsewhere. The commands don't.
const OTHER_SOURCES: [&str; 5] = [
    "credential_process",
    "sso_session",
    "sso_start_url",
    "role_arn",
    "web_identity_token_file",
];

/// The access key that signs.
pub(super) struct SigningCredentials {
    pub(super) id: String,
    pub(super) secret: SecretKey,
    pub(super) session_token: Option<String>,
}

impl SigningCredentials {
    /// Finds the access key to sign with. What is named takes precedence over what is there: the root key of the data directory
    /// that was named; a key or profile that the environment names; the root key of the usual data directory; or the
    /// default profile of the AWS files.
    pub(super) fn find(data_dir: Option<&Path>, environment: &Environment) -> Result<Self> {
        let root = data_dir.unwrap_or(Path::new(DATA_DIR)).join(root_key::FILE);
        let root_key = || {
            let text = std::fs::read_to_string(&root).ok()?;
            let section = section(&text, "default");
            Some(section.and_then(Self::of_section).ok_or_else(|| {
                miette!(
                    "{} has no access key: restore the file, or rotate the root key",
                    root.display()
                )
            }))
        };
        if data_dir.is_some()
            && let Some(key) = root_key()
        {
            return key;
        }
        if let (Some(id), Some(secret)) = (
            environment.text("AWS_ACCESS_KEY_ID"),
            environment.text("AWS_SECRET_ACCESS_KEY"),
        ) {
            return Ok(Self {
                id,
                secret: SecretKey::new(secret),
                session_token: environment.text("AWS_SESSION_TOKEN"),
            });
        }
        if let Some(profile) = environment.text("AWS_PROFILE") {
            let key = of_profile(&profile, environment)?;
            return key.ok_or_else(|| {
                miette!(
                    "the profile {profile} of AWS_PROFILE has no access key in the AWS credentials file or configuration file"
                )
            });
        }
        if let Some(key) = root_key() {
            return key;
        }
        of_profile("default", environment)?.ok_or_else(|| {
            miette!(
                "there is no access key to sign with: {} doesn't exist, and neither the environment nor the AWS credentials \
                 file has a key; set --data-dir to the server's data directory",
                root.display()
            )
        })
    }

    fn of_section(mut section: HashMap<String, String>) -> Option<Self> {
        Some(Self {
            id: section.remove("aws_access_key_id")?,
            secret: SecretKey::new(section.remove("aws_secret_access_key")?),
            session_token: section.remove("aws_session_token"),
        })
    }
}

/// The access key of a profile in the AWS credentials file or configuration file. A profile that gets its keys elsewhere is an
/// error: another key must not be used instead.
fn of_profile(profile: &str, environment: &Environment) -> Result<Option<SigningCredentials>> {
    let in_configuration = match profile {
        "default" => "default".to_owned(),
        other => format!("profile {other}"),
    };
    let files = [
        ("AWS_SHARED_CREDENTIALS_FILE", "credentials", profile),
        ("AWS_CONFIG_FILE", "config", in_configuration.as_str()),
    ];
    for (variable, name, header) in files {
        let named = environment.text(variable).map(PathBuf::from);
        let usual = || {
            Some(
                PathBuf::from(environment.text("HOME")?)
                    .join(".aws")
                    .join(name),
            )
        };
        let text = named.or_else(usual);
        let text = text.and_then(|path| std::fs::read_to_string(path).ok());
        let Some(section) = text.and_then(|text| section(&text, header)) else {
            continue;
        };
        let other = OTHER_SOURCES
            .iter()
            .find(|name| section.contains_key(**name));
        if let Some(key) = SigningCredentials::of_section(section) {
            return Ok(Some(key));
        }
        if let Some(other) = other {
            return Err(miette!(
                "the profile {profile} has {other}, which these commands don't follow: set AWS_ACCESS_KEY_ID, \
                 AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, for example with \
                 `eval \"$(aws configure export-credentials --profile {profile} --format env)\"`"
            ));
        }
    }
    Ok(None)
}

/// The members of a section of an AWS file; `None` if it has no such section.
fn section(text: &str, header: &str) -> Option<HashMap<String, String>> {
    let mut found: Option<HashMap<String, String>> = None;
    let mut is_inside = false;
    for line in text.lines().map(str::trim) {
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|line| line.strip_suffix(']'))
        {
            is_inside = name.split_whitespace().eq(header.split_whitespace());
            if is_inside {
                found.get_or_insert_default();
            }
        } else if let Some((name, value)) = line.split_once('=')
            && is_inside
            && !line.starts_with(['#', ';'])
        {
            let section = found.get_or_insert_default();
            section.insert(name.trim().to_owned(), value.trim().to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_has_its_own_key() {
        let text = "[default]\naws_access_key_id = A\naws_secret_access_key=s\n\n[ci]\n\
                    aws_access_key_id=B\naws_secret_access_key = t\naws_session_token = u\n\
                    [profile  x]\n# aws_access_key_id = C\ncredential_process = get keys\n";
        let key = |header| section(text, header).and_then(SigningCredentials::of_section);
        assert_eq!(key("default").unwrap().id, "A");
        let ci = key("ci").unwrap();
        assert_eq!(
            (ci.id.as_str(), ci.session_token.as_deref()),
            ("B", Some("u"))
        );
        assert!(section(text, "other").is_none());
        assert!(key("profile x").is_none());
        assert_eq!(
            section(text, "profile x").unwrap()["credential_process"],
            "get keys"
        );
    }
}
