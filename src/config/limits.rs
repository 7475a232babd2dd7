//! Limits on the number of resources and on the rates of calls.

use std::num::NonZeroU32;

use super::load::ParsedSettings;
use super::sections::SummaryLine;
use super::source::Sources;
use super::source::setting::{Setting, settings};
use super::source::value::SettingValue;
use super::{Config, RunMode};

settings! {
    POOLS_PER_REGION = "limits.pools_per_region";
    REQUESTS = "limits.requests_per_address_per_second";
    GUESTS = "limits.guests_per_address_per_minute";
    EXPENSIVE = "limits.expensive_per_address_per_second";
    POOL = "limits.per_pool_per_second";
    WRITE_AHEAD_LOG_MIB = "limits.write_ahead_log_mib";
}

const DEFAULT_POOLS_PER_REGION: u32 = 1000;

const DEFAULT_WRITE_AHEAD_LOG_MIB: u32 = 1024;

/// The highest rate that can be set.
const HIGHEST_RATE: u32 = 1_000_000;

/// The rates of `cognate serve`. The reasons are in docs/operating.md.
const DEFAULT_REQUESTS: u32 = 500;
const DEFAULT_GUESTS: u32 = 300;
const DEFAULT_EXPENSIVE: u32 = 100;
const DEFAULT_POOL: u32 = 1000;

/// Limits on the number and size of resources, and on the rates of calls. A rate that is off is `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitSettings {
    /// The most identity pools in a region; at least 1.
    pub pools_per_region: usize,
    /// The size of the embedded store's write-ahead log, in bytes, at which changes are refused; at least 8 MiB.
    pub write_ahead_log: u64,
    /// The rate of all calls of an address.
    pub requests_per_address_per_second: Option<NonZeroU32>,
    /// The rate of new guests of an address.
    pub guests_per_address_per_minute: Option<NonZeroU32>,
    /// The rate of calls of an address that cause expensive work.
    pub expensive_per_address_per_second: Option<NonZeroU32>,
    /// The rate of calls without a signature for a pool.
    pub per_pool_per_second: Option<NonZeroU32>,
}

/// The limits as they were set. The defaults of the rates follow from the command.
pub(super) struct ParsedLimits {
    pools: SettingValue<u32>,
    write_ahead_log_mib: SettingValue<u32>,
    requests: SettingValue<u32>,
    guests: SettingValue<u32>,
    expensive: SettingValue<u32>,
    pool: SettingValue<u32>,
}

pub(super) fn read(sources: &mut Sources<'_>) -> ParsedLimits {
    let mut rate = |setting: Setting| sources.number(setting, &(0..=HIGHEST_RATE));
    ParsedLimits {
        requests: rate(REQUESTS),
        guests: rate(GUESTS),
        expensive: rate(EXPENSIVE),
        pool: rate(POOL),
        pools: sources.number(POOLS_PER_REGION, &(1..=1_000_000)),
        write_ahead_log_mib: sources.number(WRITE_AHEAD_LOG_MIB, &(8..=1_048_576)),
    }
}

impl ParsedLimits {
    pub(super) fn for_mode(self, mode: RunMode) -> LimitSettings {
        let rate = |set: SettingValue<u32>, default: u32| {
            // A program under test may call as fast as it can.
            let default = if mode == RunMode::Dev { 0 } else { default };
            NonZeroU32::new(set.or(default))
        };
        LimitSettings {
            pools_per_region: self.pools.or(DEFAULT_POOLS_PER_REGION) as usize,
            write_ahead_log: u64::from(self.write_ahead_log_mib.or(DEFAULT_WRITE_AHEAD_LOG_MIB))
                << 20,
            requests_per_address_per_second: rate(self.requests, DEFAULT_REQUESTS),
            guests_per_address_per_minute: rate(self.guests, DEFAULT_GUESTS),
            expensive_per_address_per_second: rate(self.expensive, DEFAULT_EXPENSIVE),
            per_pool_per_second: rate(self.pool, DEFAULT_POOL),
        }
    }
}

/// Warns if all clients of a proxy would share the limits of one address.
pub(super) fn warning(parsed: &ParsedSettings, mode: RunMode) -> Option<String> {
    let limits = &parsed.limits;
    let is_off = |set: &SettingValue<u32>| set.value() == Some(&0);
    let all_off = [&limits.requests, &limits.guests, &limits.expensive]
        .into_iter()
        .all(is_off);
    let public_url = parsed.public_url.value();
    let behind_proxy = parsed.tls.value().is_none() && public_url.is_some_and(|url| !url.http);
    let warned = mode == RunMode::Serve && behind_proxy && parsed.proxies.trusted.is_empty();
    (warned && !all_off).then(|| {
        "the public URL is https and the listener is not, but trusted_proxies is not set: all clients of the proxy share the \
         limits of one address; set trusted_proxies to the networks of the proxy"
            .to_owned()
    })
}

pub(super) fn summary(config: &Config) -> Vec<SummaryLine> {
    let limits = &config.limits;
    let rate = |rate: Option<NonZeroU32>, what: &str| match rate {
        Some(rate) => format!("{rate} {what}"),
        None => format!("any number of {what}"),
    };
    let of_address = [
        rate(limits.requests_per_address_per_second, "calls a second"),
        rate(
            limits.expensive_per_address_per_second,
            "expensive calls a second",
        ),
        rate(limits.guests_per_address_per_minute, "guests a minute"),
    ];
    let mut lines = vec![
        (
            "pools",
            format!("at most {} in each region", limits.pools_per_region),
        ),
        ("each address", of_address.join(", ")),
        (
            "each pool",
            rate(
                limits.per_pool_per_second,
                "calls a second without a signature",
            ),
        ),
    ];
    if config.database.is_none() {
        let log = limits.write_ahead_log >> 20;
        lines.push(("write-ahead log", format!("at most {log} MiB")));
    }
    lines
}
