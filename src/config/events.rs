//! The events that each change leaves.

use jiff::SignedDuration;

use super::Config;
use super::sections::SummaryLine;
use super::source::Sources;
use super::source::setting::settings;

settings! {
    KEEP_DAYS = "events.keep_days";
}

const DEFAULT_KEEP_DAYS: u32 = 7;

/// The events that each change leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventSettings {
    /// How long events are kept: 1 to 3650 days.
    pub keep: SignedDuration,
}

pub(super) fn read(sources: &mut Sources<'_>) -> EventSettings {
    let days = sources.number(KEEP_DAYS, &(1..=3650));
    EventSettings {
        keep: SignedDuration::from_hours(24 * i64::from(days.or(DEFAULT_KEEP_DAYS))),
    }
}

pub(super) fn summary(config: &Config) -> Vec<SummaryLine> {
    let days = config.events.keep.as_hours() / 24;
    vec![("events", format!("kept for {days} days"))]
}
