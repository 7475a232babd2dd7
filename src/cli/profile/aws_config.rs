//! The AWS configuration file: where it is, and what may be written there.

use std::fs;
use std::io;
use std::path::PathBuf;

use miette::{IntoDiagnostic, Result, WrapErr, miette};

use super::{Profile, check_endpoint};
use crate::cli::user_files::write_with_mode;
use crate::config::Environment;
use crate::model::aws_profile::AwsProfile;

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
    let sections = AwsProfile {
        name,
        endpoint: &profile.endpoint,
        region,
        s3_endpoint,
        program: &program,
    };
    let text = sections.write_to(&before).ok_or_else(|| {
        miette!(
            "the AWS configuration file has a profile {name} of another program: choose another name, or use --no-aws-config"
        )
    })?;
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
