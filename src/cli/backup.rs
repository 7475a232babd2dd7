//! `cognate backup` and `cognate restore`: copies of an embedded store.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use miette::{IntoDiagnostic, Result, bail};

use super::arguments::StoreFlags;
use super::new_generation::report;
use crate::ambient::Real;
use crate::app::backup;
use crate::app::missing_changes::RepeatedChanges;
use crate::config::Config;

#[derive(Debug, Args)]
pub struct BackupArguments {
    /// The new file, or a directory: there, the backup is named after the time
    #[arg(value_name = "FILE")]
    pub(super) target: PathBuf,
    /// Keep this many backups in the directory, and remove older ones
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) keep: Option<u32>,
    #[command(flatten)]
    pub(super) location: StoreFlags,
}

#[derive(Debug, Args)]
pub struct RestoreArguments {
    /// The backup
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,
    /// The audit log, with what was revoked, deleted and disabled after the backup; its rotated files are read, too
    #[arg(long, value_name = "FILE")]
    pub(super) audit_log: Option<PathBuf>,
    #[command(flatten)]
    pub(super) location: StoreFlags,
}

/// Makes a backup of the store of this configuration, and prints what it needs in addition.
pub(super) fn back_up(config: &Config, target: &Path, keep: Option<u32>) -> Result<()> {
    if config.database.is_some() {
        bail!(
            "the store is a PostgreSQL database: back it up with pg_dump, or with base backups and the write-ahead log"
        );
    }
    if keep.is_some() && !target.is_dir() {
        bail!(
            "--keep needs a directory, and {} is none: make it first",
            target.display()
        );
    }
    let keep = keep.and_then(|keep| usize::try_from(keep).ok());
    let made = backup::make(&config.data_dir, target, keep, &Real).into_diagnostic()?;
    for file in &made.removed {
        println!("Removed {}.", file.display());
    }
    println!(
        "Backed up {} to {}: {} KiB, verified. It contains the ids of guests, who need no other proof, and sealed secrets: \
         keep it where only operators can read it.",
        config.data_dir.display(),
        made.file.display(),
        made.size.div_ceil(1024)
    );
    println!("{}", master_key(config));
    Ok(())
}

/// Restores a backup to the data directory of this configuration, and prints what may be missing.
pub(super) async fn restore(config: Config, file: &Path, audit_log: Option<&Path>) -> Result<()> {
    if config.database.is_some() {
        bail!(
            "the store is a PostgreSQL database: restore it with PostgreSQL's tools, and then run `cognate new-generation`"
        );
    }
    let restored = backup::restore(file, audit_log, &config, Arc::new(Real)).await;
    let restored = restored.into_diagnostic()?;
    println!(
        "Restored {} to {}.",
        file.display(),
        config.data_dir.display()
    );
    print!("{}", report(restored.began, restored.newest));
    if let Some(repeated) = &restored.repeated {
        println!("{}", repeated_changes(repeated));
    }
    println!("{}", master_key(&config));
    Ok(())
}

/// What was repeated of an audit log, and what was not.
fn repeated_changes(repeated: &RepeatedChanges) -> String {
    let end = match repeated.newest {
        None => "is empty".to_owned(),
        Some(newest) => format!("ends at {newest}"),
    };
    let mut text = format!(
        "Repeated from the audit log, which {end}: {} identities revoked, {} identities deleted, {} access keys disabled or deleted. \
         {} of these objects aren't in the backup.",
        repeated.revoked, repeated.deleted, repeated.keys, repeated.absent
    );
    if !repeated.others.is_empty() {
        let others = repeated.others.iter();
        let others: Vec<_> = others
            .map(|(name, count)| format!("{name} ({count})"))
            .collect();
        text.push_str(
            "\nOther changes of the audit log were not repeated, check whether they are needed: ",
        );
        text.push_str(&others.join(", "));
        text.push('.');
    }
    text
}

/// Where the master key is, which no backup contains.
fn master_key(config: &Config) -> String {
    let file = config.master_key_file.display();
    if config.master_key.is_some() {
        "To start, the store also needs the master key of the configuration.".to_owned()
    } else if config.master_key_file.exists() {
        format!(
            "The store also needs its master key, {file}, which no backup contains: keep a copy of it elsewhere."
        )
    } else {
        format!(
            "The store also needs its master key, which no backup contains: put it at {file} before the server starts."
        )
    }
}
