//! `cognate store`: moves everything that is stored to another store.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use miette::{IntoDiagnostic, Result};

use crate::ambient::Real;
use crate::app::offline_store::StoreLocation;
use crate::app::store_copy::{self, MoveProgress};
use crate::config::{DatabaseSettings, Secret, SecretFile, read_file};

/// The subcommands of `cognate store`.
#[derive(Debug, Subcommand)]
pub enum StoreCommand {
    /// Copy an embedded store to PostgreSQL, or back, compare both, and mark the source as moved
    ///
    /// Stop every server of both stores first. The target must be empty. An interrupted copy is continued by the same
    /// command. After a copy, the source is never served again; sessions and tokens from before end.
    Copy(CopyStoreArguments),
}

#[derive(Debug, Args)]
pub struct CopyStoreArguments {
    /// The store to copy: sqlite:DIR or postgres://user@host/name
    #[arg(long, value_name = "STORE", value_parser = store)]
    from: StoreArgument,
    /// The store to copy to: sqlite:DIR or postgres://user@host/name
    #[arg(long, value_name = "STORE", value_parser = store)]
    to: StoreArgument,
    /// A file with the password of the database
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// A file with certificates (PEM) of the authorities of the database [default: the public ones]
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// The file with the client's certificate chain (PEM) for the database
    #[arg(long, value_name = "FILE", requires = "key_file")]
    certificate_file: Option<PathBuf>,
    /// The file with the private key (PEM) of the client's certificate
    #[arg(long, value_name = "FILE", requires = "certificate_file")]
    key_file: Option<PathBuf>,
}

/// A store as it is named on the command line.
#[derive(Debug, Clone)]
enum StoreArgument {
    Directory(PathBuf),
    Database(Secret),
}

fn store(text: &str) -> Result<StoreArgument, &'static str> {
    match text.strip_prefix("sqlite:") {
        Some("") => Err("write sqlite:DIR, with the data directory"),
        Some(folder) => Ok(StoreArgument::Directory(folder.into())),
        None if ["postgres://", "postgresql://"]
            .iter()
            .any(|scheme| text.starts_with(scheme)) =>
        {
            Ok(StoreArgument::Database(Secret::new(text)))
        }
        None => Err("write sqlite:DIR or postgres://user@host/name"),
    }
}

/// Runs the subcommand, and prints what was copied.
pub(super) async fn run(command: StoreCommand) -> Result<()> {
    let StoreCommand::Copy(arguments) = command;
    if let Some(path) = &arguments.password_file {
        check_password_file(path)?;
    }
    let from = location(&arguments, &arguments.from);
    let to = location(&arguments, &arguments.to);
    let bar = ProgressBar::no_length();
    let style = "{msg:28} {wide_bar} {human_pos}/{human_len} {per_sec} {eta}";
    bar.set_style(ProgressStyle::with_template(style).into_diagnostic()?);
    let step = Mutex::new(String::new());
    let progress = |at: MoveProgress| {
        let verb = if at.compares { "comparing" } else { "copying" };
        let message = format!("{verb} {}", at.table);
        let mut step = step.lock().expect("no holder panics");
        if *step != message {
            bar.reset();
            bar.set_message(message.clone());
            *step = message;
        }
        bar.set_length(at.total.max(at.done));
        bar.set_position(at.done);
    };
    let moved = store_copy::move_store(&from, &to, Arc::new(Real), &progress).await;
    bar.finish_and_clear();
    let sums = moved.into_diagnostic()?;
    for (table, rows, sha256) in sums {
        println!("{table:<9} {rows:>10} rows, SHA-256 {sha256}");
    }
    println!(
        "The copy is complete and equals the source, which is never served again. Start the servers with the new store, \
         the same master key and the same root key: copy the file of the master key, and root-credentials."
    );
    Ok(())
}

fn location(arguments: &CopyStoreArguments, store: &StoreArgument) -> StoreLocation {
    match store {
        StoreArgument::Directory(folder) => StoreLocation::Directory(folder.clone()),
        StoreArgument::Database(url) => StoreLocation::Database(Box::new(DatabaseSettings {
            url: url.clone(),
            url_file: None,
            password_file: arguments.password_file.clone(),
            ca_file: arguments.ca_file.clone(),
            client_files: arguments
                .certificate_file
                .clone()
                .zip(arguments.key_file.clone()),
            connections: 4,
            unverified: false,
        })),
    }
}

fn check_password_file(path: &Path) -> Result<()> {
    let file = SecretFile::read("--password-file", path, &read_file).into_diagnostic()?;
    if let Some(warning) = file.warning {
        eprintln!("warning: {warning}");
    }
    Ok(())
}
