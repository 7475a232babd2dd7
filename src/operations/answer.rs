//! Types that several answers share.

use jiff::Timestamp;
use serde::{Serialize, Serializer};

/// The answer of an operation without an output in its model.
#[derive(Serialize)]
pub(crate) struct NoOutput;

/// A moment in an answer: a JSON number of seconds, with milliseconds where there are any.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EpochSeconds(pub Timestamp);

impl Serialize for EpochSeconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let milliseconds = self.0.as_millisecond();
        if milliseconds % 1000 == 0 {
            return serializer.serialize_i64(milliseconds / 1000);
        }
        #[expect(
            clippy::cast_precision_loss,
            reason = "milliseconds stay below 2^53 for 285,000 years"
        )]
        serializer.serialize_f64(milliseconds as f64 / 1000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_plain_number_of_seconds() {
        let text = |milliseconds| {
            let moment = Timestamp::from_millisecond(milliseconds).unwrap();
            serde_json::to_string(&EpochSeconds(moment)).unwrap()
        };
        assert_eq!(text(1_515_115_602_000), "1515115602");
        assert_eq!(text(1_421_516_513_393), "1421516513.393");
        assert_eq!(text(4_102_444_800_001), "4102444800.001");
    }
}
