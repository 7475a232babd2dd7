//! The AWS account of the deployment and the regions that it serves.

use super::Config;
use super::sections::{SummaryLine, joined};
use super::source::Sources;
use super::source::diagnostics::{Parsed, ValueError, quoted};
use super::source::flags::Flags;
use super::source::lists::items_in;
use super::source::setting::settings;
use super::source::value::SettingValue;
use crate::model::ids::{AccountId, Region};

settings! {
    ACCOUNT_ID = "account_id" flag("--account-id");
    REGIONS = "regions" flag("--region");
}

pub(super) fn default_account() -> AccountId {
    AccountId::parse("123456789012").expect("12 digits")
}

pub(super) fn read_account_id(sources: &mut Sources<'_>, flags: &Flags) -> SettingValue<AccountId> {
    sources.string(ACCOUNT_ID, flags.account_id.as_deref(), |text| {
        AccountId::parse(text).ok_or_else(|| {
            let what = format!("{} is not an AWS account id", quoted(text));
            ValueError::new(what, "write 12 digits in quotes: \"123456789012\"")
        })
    })
}

pub(super) fn read_regions(sources: &mut Sources<'_>, flags: &Flags) -> SettingValue<Vec<Region>> {
    sources.list(
        REGIONS,
        &flags.regions,
        Region::as_str,
        parse_region,
        |value| items_in(value, parse_region),
    )
}

/// Parses the name of a region.
pub(super) fn parse_region(text: &str) -> Parsed<Region> {
    Region::parse(text).ok_or_else(|| {
        let what = format!("{} is not the name of a region", quoted(text));
        let help = "write 1 to 18 of a-z, 0-9 and hyphens, beginning with a letter: eu-west-1";
        ValueError::new(what, help)
    })
}

pub(super) fn summary(config: &Config) -> Vec<SummaryLine> {
    vec![
        ("account", config.account_id.to_string()),
        ("regions", joined(&config.regions, "any")),
    ]
}
