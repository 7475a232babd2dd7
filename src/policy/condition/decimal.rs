//! Decimal numbers, compared exactly. They have no exponents.

use std::cmp::Ordering;

/// A decimal number: `-12.5`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Decimal {
    /// Whether the number is below zero.
    negative: bool,
    /// The digits before the point, without leading zeros.
    whole: String,
    /// The digits after the point, without trailing zeros.
    fraction: String,
}

impl Decimal {
    /// Parses a number: an optional sign, digits, and optionally a point and digits.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
        let (whole, fraction) = match unsigned.split_once('.') {
            Some((_, "")) => return None,
            Some((whole, fraction)) => (whole, fraction),
            None => (unsigned, ""),
        };
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(fraction) {
            return None;
        }
        let whole = whole.trim_start_matches('0').to_owned();
        let fraction = fraction.trim_end_matches('0').to_owned();
        let zero = whole.is_empty() && fraction.is_empty();
        Some(Self {
            negative: text.starts_with('-') && !zero,
            whole,
            fraction,
        })
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_size = (self.whole.len().cmp(&other.whole.len()))
            .then_with(|| self.whole.cmp(&other.whole))
            .then_with(|| self.fraction.cmp(&other.fraction));
        match (self.negative, other.negative) {
            (false, false) => by_size,
            (true, true) => by_size.reverse(),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_in_their_order() {
        let order = [
            "-100",
            "-10.5",
            "-10",
            "-9",
            "-0.45",
            "-0.4",
            "0",
            "0.05",
            "0.4",
            "0.45",
            "0.5",
            "9",
            "10",
            "10.25",
            "10.5",
            "9007199254740992",
            "9007199254740993",
        ];
        let numbers = order.map(|text| Decimal::parse(text).unwrap());
        assert!(numbers.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn a_number_has_several_spellings() {
        for (one, other) in [
            ("010.50", "10.5"),
            ("-0", "0.0"),
            ("+7", "7"),
            ("007", "7.000"),
        ] {
            assert_eq!(Decimal::parse(one), Decimal::parse(other), "{one} {other}");
        }
    }

    #[test]
    fn what_is_no_decimal_number_is_none() {
        for text in [
            "", "-", ".", ".5", "5.", "1e3", "0x10", "1,5", " 1", "1 ", "--1", "NaN", "inf",
            "1.-5", "٣",
        ] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
    }
}
