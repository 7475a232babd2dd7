//! Names the commit of a release build in its version. Development builds have none, so that a commit doesn't compile
//! everything again.

use std::fs;
use std::path::{Path, PathBuf};

/// How many digits of the commit the version has.
const DIGITS: usize = 12;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=COGNATE_COMMIT");
    let version = variable("CARGO_PKG_VERSION").unwrap_or_default();
    let commit = variable("COGNATE_COMMIT").or_else(|| {
        let is_release = variable("PROFILE").is_some_and(|profile| profile == "release");
        let folder = variable("CARGO_MANIFEST_DIR").filter(|_| is_release)?;
        commit(Path::new(&folder))
    });
    let is_digit = |letter: char| letter.is_ascii_hexdigit();
    let commit = commit.filter(|text| text.len() >= DIGITS && text.chars().all(is_digit));
    let commit = commit.map_or_else(String::new, |text| text[..DIGITS].to_owned());
    let text = match commit.as_str() {
        "" => version,
        commit => format!("{version} ({commit})"),
    };
    println!("cargo::rustc-env=COGNATE_VERSION={text}");
    println!("cargo::rustc-env=COGNATE_BUILD_COMMIT={commit}");
}

#[expect(
    clippy::disallowed_methods,
    reason = "Cargo passes the settings of a build in variables"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The commit that is checked out in a folder; `None` without a repository, as in a published crate.
fn commit(folder: &Path) -> Option<String> {
    let repository = repository(&folder.join(".git"))?;
    let head = read(&repository.join("HEAD"))?;
    let Some(name) = head.strip_prefix("ref: ") else {
        return Some(head);
    };
    // A further worktree has its branches in the first one.
    let shared = match read(&repository.join("commondir")) {
        Some(shared) => repository.join(shared),
        None => repository,
    };
    read(&shared.join(name)).or_else(|| {
        let packed = read(&shared.join("packed-refs"))?;
        let line = packed
            .lines()
            .find(|line| line.ends_with(&format!(" {name}")));
        Some(line?.split(' ').next()?.to_owned())
    })
}

/// The folder of the repository: `.git`, or the one that a file `.git` names.
fn repository(entry: &Path) -> Option<PathBuf> {
    if entry.is_dir() {
        return Some(entry.to_owned());
    }
    let link = read(entry)?;
    Some(entry.with_file_name(link.strip_prefix("gitdir: ")?))
}

/// The text of a file, without spaces around it. The build runs again when the file changes.
fn read(file: &Path) -> Option<String> {
    if !file.exists() {
        return None;
    }
    println!("cargo::rerun-if-changed={}", file.display());
    Some(fs::read_to_string(file).ok()?.trim().to_owned())
}
