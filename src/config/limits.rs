//! Limits on the number of resources.

use super::Config;
use super::sections::SummaryLine;
use super::source::Sources;
use super::source::setting::settings;

settings! {
    POOLS_PER_REGION = "limits.pools_per_region";
}

const DEFAULT_POOLS_PER_REGION: u32 = 1000;

/// Limits on the number of resources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitSettings {
    /// The most identity pools in a region; at least 1.
    pub pools_per_region: usize,
}

pub(super) fn read(sources: &mut Sources<'_>) -> LimitSettings {
    let pools = sources.number(POOLS_PER_REGION, &(1..=1_000_000));
    LimitSettings {
        pools_per_region: pools.or(DEFAULT_POOLS_PER_REGION) as usize,
    }
}

pub(super) fn summary(config: &Config) -> Vec<SummaryLine> {
    let pools = config.limits.pools_per_region;
    vec![("pools", format!("at most {pools} in each region"))]
}
