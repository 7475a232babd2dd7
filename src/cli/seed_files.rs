//! The files of seeds, and the files and variables with their secrets.

use std::path::{Path, PathBuf};

use miette::{IntoDiagnostic, Result, WrapErr, miette};

use crate::app::App;
use crate::config::Environment;
use crate::model::seed::{self, SeedDocument, SeedSource, secrets};
use crate::operations::seeds::{StartReport, apply_at_start};

/// Reads several files as one seed. A file that a seed names is relative to the seed's folder.
pub(super) fn read(files: &[PathBuf], environment: &Environment) -> Result<SeedDocument> {
    let documents: Result<Vec<_>> = files
        .iter()
        .map(|file| Ok((file.display().to_string(), read_one(file, environment)?)))
        .collect();
    seed::merge(documents?).map_err(|error| miette!("{error}"))
}

fn read_one(file: &Path, environment: &Environment) -> Result<SeedDocument> {
    let text = std::fs::read_to_string(file)
        .into_diagnostic()
        .wrap_err_with(|| format!("{} can't be read", file.display()))?;
    let folder = file.parent().unwrap_or(Path::new(""));
    let contents = |name: &str| {
        let path = folder.join(name);
        std::fs::read_to_string(&path)
            .map_err(|error| format!("{} can't be read: {error}", path.display()))
    };
    let variable = |name: &str| {
        let value = environment.text(name);
        value.ok_or_else(|| format!("the environment variable {name} is not set"))
    };
    let read = seed::read(&text, SeedSource::File).and_then(|mut document| {
        secrets::resolve(&mut document, &contents, &variable)?;
        Ok(document)
    });
    read.map_err(|error| miette!("{}: {error}", file.display()))
}

/// Applies the seeds of the configuration, and prints what was made and what was left alone.
pub(super) async fn apply_all(app: &App) -> Result<()> {
    for file in &app.config.seeds {
        let document = read(std::slice::from_ref(file), &Environment::of_the_process())?;
        let report = apply_at_start(app, &document).await;
        let report = report.map_err(|error| {
            let text = error.text.unwrap_or_default();
            miette!("the seed {} can't be applied: {text}", file.display())
        })?;
        print(file, &report);
    }
    Ok(())
}

fn print(file: &Path, report: &StartReport) {
    let file = file.display();
    for object in &report.made {
        println!("Created from {file}: {object}");
    }
    for (objects, reason) in [
        (&report.changed, "it differs from the seed"),
        (&report.deleted, "it was deleted"),
        (&report.without_secret, "the seed names no secret for it"),
        (
            &report.failed,
            "it can't be made beside what differs or was deleted",
        ),
    ] {
        for object in objects {
            eprintln!("warning: {file}: {object} is left alone, because {reason}");
        }
    }
}
