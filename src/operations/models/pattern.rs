//! The models' regular expressions, in Java's syntax: `\w`, `\s` and `\d` are ASCII, `\p{…}` is Unicode, and a match is of
//! the whole string.

use regex::{Regex, RegexBuilder};

/// Compiles a pattern of an embedded model.
pub(super) fn compile(pattern: &str) -> Regex {
    RegexBuilder::new(&format!(r"\A(?:{})\z", translate(pattern)))
        .build()
        .unwrap_or_else(|error| panic!("the model's pattern {pattern}: {error}"))
}

fn translate(pattern: &str) -> String {
    let mut written = String::new();
    let mut in_class = false;
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '[' => {
                // In Java, a bracket inside a class is a union. The models have none, so it is a literal here.
                written.push_str(if in_class { r"\[" } else { "[" });
                in_class = true;
            }
            ']' => {
                in_class = false;
                written.push(']');
            }
            '\\' => {
                let escaped = letters.next().unwrap_or('\\');
                let class = match escaped {
                    'w' => "[:word:]",
                    's' => "[:space:]",
                    'd' => "[:digit:]",
                    'S' => "[:^space:]",
                    other => {
                        written.push('\\');
                        written.push(other);
                        continue;
                    }
                };
                if in_class {
                    written.push_str(class);
                } else {
                    written.extend(["[", class, "]"]);
                }
            }
            other => written.push(other),
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_spaces_and_digits_are_ascii_and_properties_are_unicode() {
        let matches = |pattern: &str, text: &str| compile(pattern).is_match(text);
        assert!(matches(r"[\w\s+=,.@-]+", "My pool, no. 1"));
        assert!(!matches(r"[\w\s+=,.@-]+", "Été"));
        assert!(
            !matches(r"[\w\s]+", "a\u{a0}b"),
            "a no-break space is no Java white space"
        );
        assert!(matches(r"\d+", "0123"));
        assert!(!matches(r"\d+", "٣"));
        assert!(matches(r"[\p{L}\p{M}\p{S}\p{N}\p{P}]+", "cognito:groups-é"));
        assert!(matches(r"[\S]+", "é\u{a0}"));
        assert!(!matches(r"[\S]+", "a b"));
    }

    #[test]
    fn the_whole_text_matches_or_nothing_does() {
        assert!(!compile("(un)?authenticated").is_match("authenticated\n"));
        assert!(!compile("a|b").is_match("ab"));
        assert!(compile(r"[\w-]+:[0-9a-f-]+").is_match("us-east-1:ab-12"));
    }
}
