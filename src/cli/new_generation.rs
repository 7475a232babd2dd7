//! `cognate new-generation`: what was issued before a store was recovered to an earlier point in time no longer counts.

use std::sync::Arc;

use clap::Args;
use jiff::Timestamp;
use miette::{IntoDiagnostic, Result};

use super::arguments::StoreFlags;
use super::confirm::ConfirmArguments;
use crate::ambient::Real;
use crate::app::new_generation;
use crate::app::offline_store::StoreLocation;
use crate::config::Config;

/// The flags of `cognate new-generation`.
#[derive(Debug, Args)]
pub struct NewGenerationArguments {
    #[command(flatten)]
    pub(super) confirm: ConfirmArguments,
    #[command(flatten)]
    pub(super) location: StoreFlags,
}

/// Begins a new generation of the store of this configuration, and prints what that means.
pub(super) async fn run(config: Config, confirm: ConfirmArguments) -> Result<()> {
    confirm.ask(
        "Begin a new generation? Sessions, tokens and SAML responses from before are refused.",
    )?;
    let location = StoreLocation::of_server(&config);
    let (began, newest) = new_generation::begin(&location, Arc::new(Real))
        .await
        .into_diagnostic()?;
    print!("{}", report(began, newest));
    Ok(())
}

/// What a new generation means, for the operator.
pub(super) fn report(began: Timestamp, newest: Option<Timestamp>) -> String {
    let missing = match newest {
        None => {
            "The store holds no change. Every revocation, deletion and disabled key is missing."
                .to_owned()
        }
        Some(newest) => format!(
            "The newest change in the store is from {newest}. Revocations, deletions and disabled keys since then may be \
             missing."
        ),
    };
    format!(
        "The store has a new generation, which began at {began}.\n\
         Sessions and tokens that Cognate issued before are refused, and clients get new ones. SAML responses that were \
         issued before are refused, too: their users sign in again.\n\
         {missing} Start the servers where clients don't reach them yet, check these, and repeat what is missing.\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_names_the_time_from_which_changes_may_be_missing() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let text = report(at(1_800_000_000), Some(at(1_799_999_000)));
        assert!(text.contains("began at 2027-01-15T08:00:00Z"), "{text}");
        assert!(text.contains("from 2027-01-15T07:43:20Z"), "{text}");
        assert!(report(at(0), None).contains("holds no change"));
    }
}
