//! Dates of signatures (`X-Amz-Date`), `YYYYMMDDTHHMMSSZ`, and their largest difference from the present.

use jiff::civil::DateTime;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

use super::error::{Incomplete, Invalid, SignatureError, cut};

/// The largest clock skew between the request's date and the present.
pub(super) const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// Formats a time, to the second.
pub(super) fn format(moment: Timestamp) -> String {
    moment.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// The day of a date in the form of [`format`].
pub(super) fn day(written: &str) -> &str {
    written.get(..8).unwrap_or(written)
}

/// Parses a date; accepts only the form of [`format`].
pub(super) fn parse(text: &str) -> Result<Timestamp, Incomplete> {
    read(text.as_bytes()).ok_or_else(|| Incomplete::Date {
        got: cut(text.as_bytes()),
    })
}

fn read(text: &[u8]) -> Option<Timestamp> {
    if text.len() != 16 || text[8] != b'T' || text[15] != b'Z' {
        return None;
    }
    let number = |from: usize, to: usize| {
        text[from..to].iter().try_fold(0_i16, |number, byte| {
            byte.is_ascii_digit()
                .then(|| number * 10 + i16::from(byte - b'0'))
        })
    };
    let small = |from: usize| number(from, from + 2).and_then(|number| i8::try_from(number).ok());
    let date = DateTime::new(
        number(0, 4)?,
        small(4)?,
        small(6)?,
        small(9)?,
        small(11)?,
        small(13)?,
        0,
    );
    Offset::UTC.to_timestamp(date.ok()?).ok()
}

/// Refuses a date more than `past` before the present or more than [`SKEW`] after it. Both are compared in whole
/// seconds, as the error shows them.
pub(super) fn check(
    date: Timestamp,
    past: SignedDuration,
    now: Timestamp,
) -> Result<(), SignatureError> {
    let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
    let age = now.duration_since(date);
    if age > past {
        let window = past;
        return Err(Invalid::Expired { date, now, window }.into());
    }
    if age < -SKEW {
        let window = SKEW;
        return Err(Invalid::NotYetCurrent { date, now, window }.into());
    }
    Ok(())
}
