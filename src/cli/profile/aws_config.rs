//! A profile in the AWS configuration file: the process that gives its keys, and the endpoints of its services.

use std::fs;
use std::io;
use std::path::PathBuf;

use miette::{IntoDiagnostic, Result, WrapErr, miette};

use super::{Profile, check_endpoint};
use crate::cli::user_files::write_with_mode;
use crate::config::Environment;

/// Writes the sections of a profile, and keeps all others. A section that this program didn't write is not replaced.
pub(super) fn write(
    environment: &Environment,
    name: &str,
    profile: &Profile,
    region: &str,
    s3_endpoint: Option<&str>,
) -> Result<PathBuf> {
    let path = environment.text("AWS_CONFIG_FILE").map(PathBuf::from);
    let of_home = || Some(PathBuf::from(environment.text("HOME")?).join(".aws/config"));
    let path = path.or_else(of_home).ok_or_else(|| {
        miette!(
            "there is no place for the AWS configuration file: set HOME, or use --no-aws-config"
        )
    })?;
    if let Some(store) = s3_endpoint {
        let is_url =
            url::Url::parse(store).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        if !is_url || !store.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(miette!("--s3-endpoint must be a URL"));
        }
    }
    if !region
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    {
        return Err(miette!("--region must be the name of a region"));
    }
    check_endpoint(&profile.endpoint)?;
    let before = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error).into_diagnostic(),
    };
    let program = std::env::current_exe().into_diagnostic()?;
    let program = quoted(&program.to_string_lossy());
    let sections = sections(name, &profile.endpoint, region, s3_endpoint, &program);
    let text = replaced(&before, name, &sections)?;
    let written = || {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        write_with_mode(&path, text.as_bytes(), 0o600)
    };
    written()
        .into_diagnostic()
        .wrap_err_with(|| format!("{} can't be written", path.display()))?;
    Ok(path)
}

fn quoted(program: &str) -> String {
    if program.contains(' ') {
        format!("\"{program}\"")
    } else {
        program.to_owned()
    }
}

/// The names of the sections, as the file has them.
fn headers(name: &str) -> [String; 2] {
    let profile = match name {
        "default" => "[default]".to_owned(),
        _ => format!("[profile {name}]"),
    };
    [profile, format!("[services cognate-{name}]")]
}

fn sections(
    name: &str,
    endpoint: &str,
    region: &str,
    s3_endpoint: Option<&str>,
    program: &str,
) -> String {
    let [profile, services] = headers(name);
    let mut text = format!(
        "{profile}\nregion = {region}\ncredential_process = {program} credentials --profile {name}\nservices = cognate-{name}\n"
    );
    if s3_endpoint.is_some() {
        // botocore reads this in the profile only.
        text.push_str("s3 =\n  addressing_style = path\n");
    }
    text = format!("{text}\n{services}\n");
    if let Some(store) = s3_endpoint {
        text = format!("{text}s3 =\n  endpoint_url = {store}\n");
    }
    format!(
        "{text}sts =\n  endpoint_url = {endpoint}\ncognito_identity =\n  endpoint_url = {endpoint}\n"
    )
}

/// The file with new sections of the profile instead of the present ones.
fn replaced(before: &str, name: &str, sections: &str) -> Result<String> {
    let headers = headers(name);
    let (mut kept, mut own) = (String::new(), String::new());
    let mut is_own = false;
    for line in before.lines() {
        let trimmed = line.trim();
        if trimmed.starts_with('[') {
            is_own = headers.iter().any(|header| header == trimmed);
        }
        let text = if is_own { &mut own } else { &mut kept };
        text.push_str(line);
        text.push('\n');
    }
    let is_of_this_program = own.contains(&format!("credentials --profile {name}\n"));
    if !own.trim().is_empty() && !is_of_this_program {
        return Err(miette!(
            "the AWS configuration file has a profile {name} of another program: choose another name, or use --no-aws-config"
        ));
    }
    let kept = kept.trim_end();
    Ok(match kept {
        "" => sections.to_owned(),
        _ => format!("{kept}\n\n{sections}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_sections_are_kept_and_own_ones_are_replaced() {
        let own = |store| {
            sections(
                "ci",
                "https://id.example.com",
                "us-east-1",
                store,
                "cognate",
            )
        };
        let first = own(Some("https://s3.example.com"));
        assert_eq!(
            first,
            "[profile ci]\nregion = us-east-1\ncredential_process = cognate credentials --profile ci\nservices = \
             cognate-ci\ns3 =\n  addressing_style = path\n\n[services cognate-ci]\ns3 =\n  endpoint_url = \
             https://s3.example.com\nsts =\n  endpoint_url = https://id.example.com\ncognito_identity =\n  endpoint_url \
             = https://id.example.com\n"
        );
        let other = "# mine\n[default]\nregion = x\n\n[profile cinema]\na = b\n";
        let text = replaced(other, "ci", &first).unwrap();
        assert_eq!(text, format!("{other}\n{first}"));
        let second = own(None);
        assert_eq!(
            replaced(&text, "ci", &second).unwrap(),
            format!("{other}\n{second}")
        );
        assert_eq!(replaced("", "ci", &first).unwrap(), first);
        // What somebody else wrote under this name stays.
        assert!(replaced("[profile ci]\nregion = x\n", "ci", &first).is_err());
        assert!(replaced("[default]\nregion = x\n", "default", &first).is_err());
    }
}
