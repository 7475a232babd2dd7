//! Times in the answers of a server, in seconds since 1970, for people.

use jiff::Timestamp;
use serde_json::Value;

/// The time, in whole seconds and UTC; a question mark for what is none.
pub(super) fn moment(seconds: &Value) -> String {
    parse(seconds).map_or_else(|| "?".to_owned(), |it| it.to_string())
}

/// The time, and how long it is ago at `now`.
pub(super) fn age(seconds: &Value, now: Timestamp) -> String {
    let Some(time) = parse(seconds) else {
        return "?".to_owned();
    };
    let hours = now.duration_since(time).as_hours();
    match hours / 24 {
        days if days >= 2 => format!("{time}, {days} days ago"),
        _ => format!("{time}, {hours} hours ago"),
    }
}

fn parse(seconds: &Value) -> Option<Timestamp> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "whole seconds are what is shown"
    )]
    let whole = seconds.as_f64().map(|seconds| seconds as i64);
    whole.and_then(|whole| Timestamp::from_second(whole).ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_age_is_in_days_or_hours() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let ago = |seconds: i64| age(&json!(1_000_000 - seconds), now);
        assert!(ago(3 * 86_400 + 5).ends_with("Z, 3 days ago"));
        assert!(ago(47 * 3600).ends_with("Z, 47 hours ago"));
        assert_eq!(age(&json!("x"), now), "?");
        assert_eq!(moment(&json!(0.75)), "1970-01-01T00:00:00Z");
    }
}
