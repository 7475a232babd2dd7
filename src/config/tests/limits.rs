//! The limits on rates: their defaults, their values, and the warning about proxies.

use std::num::NonZeroU32;

use super::*;
use crate::config::LimitSettings;

fn rates(limits: &LimitSettings) -> [u32; 4] {
    [
        limits.requests_per_address_per_second,
        limits.guests_per_address_per_minute,
        limits.expensive_per_address_per_second,
        limits.per_pool_per_second,
    ]
    .map(|rate| rate.map_or(0, NonZeroU32::get))
}

#[test]
fn rates_are_limited_in_serve_and_not_in_dev() {
    let unset = Inputs::default();
    assert_eq!(rates(&unset.load().unwrap().limits), [500, 300, 100, 1000]);
    assert_eq!(rates(&unset.for_dev().unwrap().limits), [0; 4]);
    let set = Inputs::file(
        "[limits]\nrequests_per_address_per_second = 0\nguests_per_address_per_minute = 7\n\
         per_pool_per_second = 1_000_000",
    )
    .environment([("COGNATE_LIMITS_EXPENSIVE_PER_ADDRESS_PER_SECOND", "9")]);
    for config in [set.load().unwrap(), set.for_dev().unwrap()] {
        assert_eq!(rates(&config.limits), [0, 7, 9, 1_000_000]);
        let summary = config.summary();
        let line = summary.iter().find(|(name, _)| *name == "each address");
        assert_eq!(
            line.unwrap().1,
            "any number of calls a second, 9 expensive calls a second, 7 guests a minute"
        );
    }
}

#[test]
fn a_rate_that_makes_no_sense_is_refused() {
    for wrong in ["-1", "1_000_001", "1.5", "'5'", "true"] {
        let inputs = Inputs::file(format!("limits.guests_per_address_per_minute = {wrong}"));
        let text = printed(&inputs.load().unwrap_err());
        assert!(
            text.contains("write a whole number from 0 to 1000000"),
            "{text}"
        );
    }
}

#[test]
fn a_proxy_that_isn_t_trusted_is_warned_about() {
    let behind = "public_url = 'https://id.example.com'\n";
    for (text, is_warned) in [
        (behind.to_owned(), true),
        ("public_url = 'http://127.0.0.1:2646'".to_owned(), false),
        (format!("{behind}trusted_proxies = ['10.0.0.0/8']"), false),
        (
            format!(
                "{behind}[limits]\nrequests_per_address_per_second = 0\nguests_per_address_per_minute = 0\n\
                 expensive_per_address_per_second = 0"
            ),
            false,
        ),
    ] {
        let config = Inputs::file(text.clone()).load().unwrap();
        let warned = config
            .warnings()
            .iter()
            .any(|line| line.contains("share the limits of one address"));
        assert_eq!(warned, is_warned, "{text}");
    }
}
