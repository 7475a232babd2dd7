//! Dates of policies: the W3C's profile of ISO 8601 (<https://www.w3.org/TR/NOTE-datetime>), or seconds since 1970.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};

/// Parses a date. Without smaller units it is their first moment, in UTC. Four digits are a year.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    if let Some(seconds) = seconds(text) {
        return Timestamp::from_second(seconds).ok();
    }
    let Some((date, time)) = text.split_once('T') else {
        return moment(day(text)?, Time::midnight(), Offset::UTC);
    };
    if date.len() != "2026-11-23".len() {
        return None;
    }
    let (time, offset) = match time.strip_suffix('Z') {
        Some(time) => (time, Offset::UTC),
        None => zoned(time)?,
    };
    moment(day(date)?, clock(time)?, offset)
}

fn moment(day: Date, clock: Time, offset: Offset) -> Option<Timestamp> {
    let local = DateTime::from_parts(day, clock);
    let zoned = TimeZone::fixed(offset).to_ambiguous_timestamp(local);
    zoned.compatible().ok()
}

/// Seconds since 1970: digits, with a sign perhaps, but not four of them.
fn seconds(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    (plain && text.len() != 4).then(|| text.parse().ok())?
}

/// `YYYY`, `YYYY-MM` or `YYYY-MM-DD`.
fn day(text: &str) -> Option<Date> {
    let mut fields = text.split('-');
    let year = number(fields.next()?, 4)?;
    let month = fields.next().map_or(Some(1), |month| number(month, 2))?;
    let day = fields.next().map_or(Some(1), |day| number(day, 2))?;
    let complete = fields.next().is_none();
    let date = Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?);
    complete.then_some(date.ok()?)
}

/// `hh:mm`, `hh:mm:ss` or `hh:mm:ss.s`, with up to nine digits after the point.
fn clock(text: &str) -> Option<Time> {
    let (text, nanoseconds) = match text.split_once('.') {
        Some((text, fraction)) if text.len() == "10:00:00".len() => (text, nanoseconds(fraction)?),
        Some(_) => return None,
        None => (text, 0),
    };
    let mut fields = text.split(':').map(|field| {
        let field = number(field, 2)?;
        i8::try_from(field).ok()
    });
    let (hour, minute) = (fields.next()??, fields.next()??);
    let second = fields.next().unwrap_or(Some(0))?;
    let complete = fields.next().is_none();
    let time = Time::new(hour, minute, second, nanoseconds);
    complete.then_some(time.ok()?)
}

fn nanoseconds(fraction: &str) -> Option<i32> {
    let plain = fraction.bytes().all(|byte| byte.is_ascii_digit());
    let short = (1..=9).contains(&fraction.len());
    (plain && short).then(|| format!("{fraction:0<9}").parse().ok())?
}

/// Splits `+hh:mm` or `-hh:mm` off a time of day.
fn zoned(time: &str) -> Option<(&str, Offset)> {
    let at = time.rfind(['+', '-'])?;
    let (time, offset) = time.split_at(at);
    let (hours, minutes) = offset[1..].split_once(':')?;
    let (hours, minutes) = (number(hours, 2)?, number(minutes, 2)?);
    if hours > 23 || minutes > 59 {
        return None;
    }
    let seconds = (i32::from(hours) * 60 + i32::from(minutes)) * 60;
    let sign = if offset.starts_with('-') { -1 } else { 1 };
    Some((time, Offset::from_seconds(sign * seconds).ok()?))
}

/// A number of exactly so many digits.
fn number(text: &str, digits: usize) -> Option<i16> {
    let plain = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_a_moment() {
        for (text, moment) in [
            ("2026", "2026-01-01T00:00:00Z"),
            ("2026-11", "2026-11-01T00:00:00Z"),
            ("2026-11-23", "2026-11-23T00:00:00Z"),
            ("2026-11-23T10:00Z", "2026-11-23T10:00:00Z"),
            ("2026-11-23T10:00:07Z", "2026-11-23T10:00:07Z"),
            ("2026-11-23T10:00:07.25Z", "2026-11-23T10:00:07.25Z"),
            ("2026-11-23T10:00:00+01:30", "2026-11-23T08:30:00Z"),
            ("2026-11-23T23:00-05:00", "2026-11-24T04:00:00Z"),
            ("1577836801", "2020-01-01T00:00:01Z"),
            ("0", "1970-01-01T00:00:00Z"),
            ("-86400", "1969-12-31T00:00:00Z"),
        ] {
            assert_eq!(parse(text).unwrap(), moment.parse().unwrap(), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "-",
            "tomorrow",
            "2026-13",
            "2026-02-30",
            "2026-1-1",
            "2026-11-23T",
            "2026-11-23T10Z",
            "2026-11-23T10:00",
            "2026-11-23T10:00:00",
            "2026-11-23T25:00Z",
            "2026-11-23T10:60Z",
            "2026-11-23T10:00:60Z",
            "2026-11-23T10:00.5Z",
            "2026-11-23T10:00:00.Z",
            "2026-11-23T10:00:00.0000000001Z",
            "2026-11-23T10:00:00+1",
            "2026-11-23T10:00:00+24:00",
            "2026-11-23T10:00:00+01:60",
            "2026-11-23t10:00:00z",
            "2026-11-23 10:00:00Z",
            "2026-11T10:00Z",
            "2026-11-23-01",
            "9223372036854775808",
            "99999999999999",
            "1.5",
            "+5",
            "*",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
