//! Masking of the configuration file in a report. A report prints the lines around a mistake, and any line may hold a
//! secret: under a misspelt key, in a comment, in a string without its closing quote.
//!
//! The mask is an allow list: it shows only what is known to be harmless. The masked text has the same length and lines.

use std::ops::Range;

use crate::config::sections;

/// A line with one of these words is shown up to its first `=` only, even if its value seems harmless.
const SENSITIVE_WORDS: [&str; 4] = ["secret", "database", "password", "access_key"];

/// `text` with everything masked except white space, punctuation, the names of settings, and `shown`: the spans of keys
/// and of harmless values. Comments are blanked out.
pub(in crate::config) fn masked(text: &str, shown: &[Range<usize>]) -> String {
    let mut mask = Mask::new(text);
    for span in shown {
        mask.show(span.clone());
    }
    mask.show_names();
    mask.hide_sensitive_lines();
    mask.hide_user_info();
    mask.apply()
}

struct Mask<'t> {
    text: &'t str,
    /// Whether each byte is shown.
    shown: Vec<bool>,
}

impl<'t> Mask<'t> {
    fn new(text: &'t str) -> Self {
        let shown = text.bytes().map(is_punctuation).collect();
        Self { text, shown }
    }

    fn show(&mut self, span: Range<usize>) {
        if let Some(bytes) = self.shown.get_mut(span) {
            bytes.fill(true);
        }
    }

    fn hide(&mut self, span: Range<usize>) {
        if let Some(bytes) = self.shown.get_mut(span) {
            bytes.fill(false);
        }
    }

    /// Shows the names of settings and tables everywhere, for lines that are not valid TOML.
    fn show_names(&mut self) {
        let is_name =
            |word: &str| sections::settings().any(|s| s.key.split('.').any(|n| n == word));
        let text = self.text;
        for word in text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
            if is_name(word) {
                let start = word.as_ptr() as usize - text.as_ptr() as usize;
                self.show(start..start + word.len());
            }
        }
    }

    fn hide_sensitive_lines(&mut self) {
        let mut start = 0;
        for line in self.text.split_inclusive('\n') {
            let small = line.to_ascii_lowercase();
            if SENSITIVE_WORDS.iter().any(|word| small.contains(word)) {
                let from = line.find('=').map_or(0, |equals| equals + 1);
                self.hide(start + from..start + line.len());
            }
            start += line.len();
        }
    }

    /// Hides the user name and the password of URLs.
    fn hide_user_info(&mut self) {
        for (offset, scheme) in self.text.match_indices("://") {
            let start = offset + scheme.len();
            let rest = &self.text[start..];
            let authority = rest.find(|c: char| c.is_whitespace() || "/\"'".contains(c));
            if let Some(end) = rest[..authority.unwrap_or(rest.len())].rfind('@') {
                self.hide(start..start + end);
            }
        }
    }

    fn apply(self) -> String {
        let mut masked = String::with_capacity(self.text.len());
        let mut comment = false;
        for (offset, letter) in self.text.char_indices() {
            comment = letter != '\n' && (comment || (letter == '#' && !self.shown[offset]));
            if letter.is_ascii_whitespace() || (self.shown[offset] && !comment) {
                masked.push(letter);
            } else {
                let instead = if comment { " " } else { "*" };
                masked.push_str(&instead.repeat(letter.len_utf8()));
            }
        }
        masked
    }
}

fn is_punctuation(byte: u8) -> bool {
    b"=[]{},.\"'".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask_of(text: &str, shown: &[&str]) -> String {
        let spans = shown.iter().map(|piece| {
            let start = text.find(piece).unwrap();
            start..start + piece.len()
        });
        let masked = masked(text, &spans.collect::<Vec<_>>());
        assert_eq!(masked.len(), text.len());
        masked
    }

    #[test]
    fn only_what_is_known_is_shown() {
        for (text, shown, expected) in [
            ("listen = \"x:1\"", &["\"x:1\""][..], "listen = \"x:1\""),
            ("listen = \"x:1\"", &[], "listen = \"***\""),
            ("listen x # y", &[], "listen *    "),
            ("sercet = \"abc\"", &["sercet"], "sercet = \"***\""),
            (
                "secret_access_key = \"a=b\"",
                &["\"a=b\""],
                "secret_access_key = *****",
            ),
            ("# secret = ab", &[], "             "),
            ("x = \"é\"\r\ny", &[], "* = \"**\"\r\n*"),
        ] {
            assert_eq!(mask_of(text, shown), expected, "{text}");
        }
    }

    #[test]
    fn a_secret_inside_a_harmless_value_stays_hidden() {
        let text = "listen = '''\nroot.secret_access_key = \"abc\"\n";
        let masked = mask_of(text, &[&text[9..]]);
        assert_eq!(masked, "listen = '''\nroot.secret_access_key = *****\n");
    }

    #[test]
    fn the_user_of_a_url_is_hidden() {
        let text = "public_url = \"https://me:pass@example.com/a@b\"";
        assert_eq!(
            mask_of(text, &[&text[13..]]),
            "public_url = \"https://*******@example.com/a@b\""
        );
    }
}
