//! The one strict JSON parser, for everything untrusted or stored.
//!
//! Attacks on signatures and policies use documents that two parsers read differently. So everything that parsers could
//! read differently is refused: repeated members, U+0000, lone surrogates, anything after the value, deep nesting.

use std::cell::Cell;

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error as _, IntoDeserializer, MapAccess,
    SeqAccess, Unexpected, Visitor,
};
use serde_json::{Map, Number, Value};

/// The deepest nesting of arrays and objects.
pub const DEPTH: usize = 32;

/// The number of values in a text, elements and members of all levels counted. A value takes a hundred times as long to
/// read as a character of a string.
pub const MOST_VALUES: usize = 16_000;

/// Why a text isn't strict JSON. It contains nothing of the text, which may be a token or a guest's id. It is for logs;
/// only the author of the text, such as a policy's, may see it.
#[derive(Debug, thiserror::Error)]
#[error("not strict JSON: {0}")]
pub struct JsonError(String);

impl From<serde_json::Error> for JsonError {
    fn from(error: serde_json::Error) -> Self {
        let text = error.to_string();
        let names_a_field = ["missing field", "duplicate field"].iter();
        if names_a_field.clone().any(|words| text.starts_with(words)) {
            return Self(text);
        }
        // serde quotes the unexpected value, and appends the expected one.
        let Some(quote) = text.find(['"', '`']) else {
            return Self(text);
        };
        let expected = text.rfind(", expected ").filter(|at| *at > quote);
        let expected = expected.map_or("", |at| &text[at..]);
        Self(format!("{}…{expected}", &text[..quote]))
    }
}

/// Reads one JSON value from `text`, which holds nothing else but white space.
pub fn read(text: &[u8]) -> Result<Value, JsonError> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let left = Cell::new(MOST_VALUES);
    let strict = Strict {
        depth: DEPTH,
        left: &left,
    };
    let value = strict.deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

/// Reads one JSON value as [`read`] does and takes it for a `T`. A struct is an object: serde would take an array of its
/// fields' values as well.
pub fn read_as<T: DeserializeOwned>(text: &[u8]) -> Result<T, JsonError> {
    Ok(T::deserialize(Typed(read(text)?))?)
}

/// Reads a `T` that this server wrote and no client can change, without a tree of values between: several times as fast
/// as [`read_as`]. Text after the value and a repeated field of a struct are refused; unknown members are ignored.
#[expect(
    clippy::disallowed_methods,
    reason = "a checksum or the database vouches for what this server wrote"
)]
pub fn read_own<T: DeserializeOwned>(text: &[u8]) -> Result<T, JsonError> {
    Ok(serde_json::from_slice(text)?)
}

/// A value that becomes a `T`.
struct Typed(Value);

impl<'de> Deserializer<'de> for Typed {
    type Error = serde_json::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match self.0 {
            Value::Array(items) => {
                let mut items = SeqDeserializer::new(items.into_iter().map(Self));
                let read = visitor.visit_seq(&mut items)?;
                items.end()?;
                Ok(read)
            }
            Value::Object(members) => {
                let members = members.into_iter().map(|(name, value)| (name, Self(value)));
                let mut members = MapDeserializer::new(members);
                let read = visitor.visit_map(&mut members)?;
                members.end()?;
                Ok(read)
            }
            simple => simple.deserialize_any(visitor),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        if self.0.is_array() {
            return Err(Self::Error::invalid_type(Unexpected::Seq, &visitor));
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        self.0.deserialize_enum(name, variants, visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier ignored_any
    }
}

impl IntoDeserializer<'_, serde_json::Error> for Typed {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

struct Strict<'c> {
    depth: usize,
    /// The number of values that may still follow.
    left: &'c Cell<usize>,
}

impl Strict<'_> {
    fn deeper<E: serde::de::Error>(&self) -> Result<Self, E> {
        let depth = self
            .depth
            .checked_sub(1)
            .ok_or_else(|| E::custom("nested too deep"))?;
        Ok(Self {
            depth,
            left: self.left,
        })
    }
}

fn without_nul<E: serde::de::Error>(text: String) -> Result<String, E> {
    if text.contains('\0') {
        Err(E::custom("U+0000 in a string"))
    } else {
        Ok(text)
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        let left = self.left.get().checked_sub(1);
        self.left
            .set(left.ok_or_else(|| D::Error::custom("too many values"))?);
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Value, E> {
        without_nul(value.to_owned()).map(Value::String)
    }

    fn visit_string<E: serde::de::Error>(self, value: String) -> Result<Value, E> {
        without_nul(value).map(Value::String)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(element) = elements.next_element_seed(self.deeper()?)? {
            array.push(element);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let name = without_nul(name)?;
            let value = members.next_value_seed(self.deeper()?)?;
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("a member stands twice"));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_meaning_is_read() {
        let value = read(br#" {"a":[1,-2,2.5,"\u00e9",true,null],"b":{}} "#).unwrap();
        assert_eq!(
            value.to_string(),
            r#"{"a":[1,-2,2.5,"é",true,null],"b":{}}"#
        );
    }

    #[test]
    fn an_array_is_no_struct() {
        #[derive(Debug, PartialEq, serde::Deserialize)]
        struct Outer {
            inner: Inner,
            more: Option<Vec<Inner>>,
        }
        #[derive(Debug, PartialEq, serde::Deserialize)]
        struct Inner {
            number: u8,
        }
        let inner = Inner { number: 1 };
        assert_eq!(
            read_as::<Outer>(br#"{"inner":{"number":1},"more":[{"number":2}],"x":[]}"#).unwrap(),
            Outer {
                inner,
                more: Some(vec![Inner { number: 2 }])
            }
        );
        for text in [
            r#"[{"number":1},null]"#,
            r#"{"inner":[1]}"#,
            r#"{"inner":{"number":1},"more":[[2]]}"#,
        ] {
            let error = read_as::<Outer>(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains("sequence, expected struct"), "{error}");
        }
    }

    #[test]
    fn a_text_with_two_meanings_is_refused() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"x":[{"b":1,"b":2}]}"#,
            r#"{"a":"\u0000"}"#,
            r#"{"\u0000":1}"#,
            r#"{"a":"\ud800"}"#,
            r#"{"a":"\udc00\ud800"}"#,
            r#"{"a":1} {}"#,
            r#"{"a":1},"#,
            r#"{"a":1e999}"#,
            r#"{"a":01}"#,
            r#"{"a":NaN}"#,
            r#"{"a":1,}"#,
            "{\"a\":\"\u{1}\"}",
            "",
            "\u{feff}{}",
        ] {
            assert!(read(text.as_bytes()).is_err(), "{text}");
        }
        assert!(
            read(b"{\"a\":\"\xff\"}").is_err(),
            "bytes that are not UTF-8"
        );
        assert!(
            read(b"{\"a\":\"\xed\xa0\x80\"}").is_err(),
            "a surrogate in UTF-8"
        );
    }

    #[test]
    fn a_refusal_says_nothing_of_what_was_read() {
        #[derive(Debug, serde::Deserialize)]
        enum Kind {
            Public,
        }
        #[derive(Debug, serde::Deserialize)]
        #[expect(dead_code, reason = "it is never read")]
        struct Record {
            kind: Kind,
            at: jiff::Timestamp,
        }
        for (text, words) in [
            (
                r#""se, expected \"cret""#,
                "invalid type: string …, expected struct Record",
            ),
            (
                r#"{"kind":"secret","at":0}"#,
                "unknown variant …, expected `Public`",
            ),
            (r#"{"kind":"Public","at":"secret"}"#, ""),
            (r#"{"kind":"Public"}"#, "missing field `at`"),
            (r#"{"secret":1,"secret":2}"#, "a member stands twice"),
            (r#"{"secret":"secret""#, "EOF while parsing"),
        ] {
            let error = read_as::<Record>(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
            assert!(!error.contains("cret"), "{error}");
        }
    }

    #[test]
    fn the_number_of_values_is_bounded() {
        let zeros = |count: usize| format!("[{}]", vec!["0"; count].join(","));
        assert!(read(zeros(MOST_VALUES - 1).as_bytes()).is_ok());
        for text in [
            zeros(MOST_VALUES),
            format!("[{}]", vec!["[{}]"; MOST_VALUES / 2].join(",")),
        ] {
            let error = read(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains("too many values"), "{error}");
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(read(nested(DEPTH).as_bytes()).is_ok());
        assert!(read(nested(DEPTH + 1).as_bytes()).is_err());
        assert!(read(nested(1_000_000).as_bytes()).is_err());
    }
}
