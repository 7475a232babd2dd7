//! What the models' regular expressions mean, said without regular expressions, and letters that keep or break them.

/// A pattern of a model.
pub struct Pattern {
    /// As the model writes it.
    pub written: &'static str,
    /// Whether a text matches.
    pub matches: fn(&str) -> bool,
    /// What may be appended to a text that matches; nothing where every text that matches is named.
    pub filler: Option<char>,
    /// What must not stand at the end of a text that matches.
    pub spoiler: char,
}

/// The pattern that a model writes so.
pub fn pattern(written: &str) -> &'static Pattern {
    PATTERNS
        .iter()
        .find(|pattern| pattern.written == written)
        .unwrap_or_else(|| panic!("constraints/patterns.rs doesn't know the pattern {written}"))
}

const PATTERNS: &[Pattern] = &[
    Pattern {
        written: r"[\w-]+:[0-9a-f-]+",
        matches: |text| {
            text.split_once(':').is_some_and(|(region, uuid)| {
                some_of(region, |letter| word(letter) || letter == '-')
                    && some_of(uuid, |letter| matches!(letter, '0'..='9' | 'a'..='f' | '-'))
            })
        },
        filler: Some('a'),
        spoiler: 'G',
    },
    Pattern {
        written: r"[\w\s+=,.@-]+",
        matches: |text| {
            some_of(text, |letter| {
                word(letter) || " \t\r\n\u{b}\u{c}+=,.@-".contains(letter)
            })
        },
        filler: Some(' '),
        spoiler: 'é',
    },
    Pattern {
        written: r"\d+",
        matches: |text| some_of(text, |letter| letter.is_ascii_digit()),
        filler: Some('7'),
        spoiler: '٣',
    },
    Pattern {
        written: r"[\w._-]+",
        matches: |text| some_of(text, |letter| word(letter) || ".-".contains(letter)),
        filler: Some('_'),
        spoiler: ':',
    },
    Pattern {
        written: r"[\w.;_/-]+",
        matches: |text| some_of(text, |letter| word(letter) || ".;/-".contains(letter)),
        filler: Some(';'),
        spoiler: ':',
    },
    Pattern {
        written: r"[\w._:/-]+",
        matches: |text| some_of(text, |letter| word(letter) || ".:/-".contains(letter)),
        filler: Some('/'),
        spoiler: ';',
    },
    Pattern {
        written: r"[\w]+",
        matches: |text| some_of(text, word),
        filler: Some('Z'),
        spoiler: '-',
    },
    Pattern {
        written: r"[\w+=,.@-]+",
        matches: |text| some_of(text, |letter| word(letter) || "+=,.@-".contains(letter)),
        filler: Some('@'),
        spoiler: '/',
    },
    Pattern {
        written: r"[\w_]+",
        matches: |text| some_of(text, word),
        filler: Some('Z'),
        spoiler: '-',
    },
    Pattern {
        written: "[A-Z0-9]+",
        matches: |text| {
            some_of(text, |letter| {
                letter.is_ascii_uppercase() || letter.is_ascii_digit()
            })
        },
        filler: Some('Z'),
        spoiler: 'z',
    },
    Pattern {
        written: "(un)?authenticated",
        matches: |text| ["authenticated", "unauthenticated"].contains(&text),
        filler: None,
        spoiler: 'D',
    },
    Pattern {
        written: r"[\p{L}\p{M}\p{S}\p{N}\p{P}]+",
        matches: |text| {
            some_of(text, |letter| {
                !letter.is_whitespace() && !letter.is_control()
            })
        },
        filler: Some('é'),
        spoiler: ' ',
    },
    Pattern {
        written: r"[\S]+",
        matches: |text| some_of(text, |letter| !" \t\r\n\u{b}\u{c}".contains(letter)),
        filler: Some('é'),
        spoiler: '\t',
    },
    // Java reads four digits behind \u: the last range is from 0 to U+10FF, and what is beyond U+FFFF isn't in.
    Pattern {
        written: r"[\u0009\u000A\u000D\u0020-\u007E\u0085\u00A0-\uD7FF\uE000-\uFFFD\u10000-\u10FFFF]+",
        matches: |text| {
            some_of(text, |letter| {
                matches!(letter, '\t' | '\n' | '\r' | ' '..='\u{fffd}')
            })
        },
        filler: Some('é'),
        spoiler: '😀',
    },
    Pattern {
        written: r"[\w+=,.@-]*",
        matches: |text| {
            text.chars()
                .all(|letter| word(letter) || "+=,.@-".contains(letter))
        },
        filler: Some('@'),
        spoiler: '/',
    },
    Pattern {
        written: r"[\u0009\u000A\u000D\u0020-\u00FF]+",
        matches: |text| {
            some_of(text, |letter| {
                matches!(letter, '\t' | '\n' | '\r' | ' '..='\u{ff}')
            })
        },
        filler: Some('ÿ'),
        spoiler: 'Ā',
    },
    Pattern {
        written: r"[\p{L}\p{Z}\p{N}_.:/=+\-@]+",
        matches: |text| some_of(text, tag),
        filler: Some('é'),
        spoiler: '&',
    },
    Pattern {
        written: r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*",
        matches: |text| text.chars().all(tag),
        filler: Some('é'),
        spoiler: '<',
    },
    Pattern {
        written: r"[\w+=,.@:\/-]*",
        matches: |text| {
            text.chars()
                .all(|letter| word(letter) || "+=,.@:/-".contains(letter))
        },
        filler: Some('/'),
        spoiler: ' ',
    },
    Pattern {
        written: r"[\w+=/:,.@-]*",
        matches: |text| {
            text.chars()
                .all(|letter| word(letter) || "+=/:,.@-".contains(letter))
        },
        filler: Some(':'),
        spoiler: ' ',
    },
    Pattern {
        written: r"[\d]*",
        matches: |text| text.chars().all(|letter| letter.is_ascii_digit()),
        filler: Some('7'),
        spoiler: 'x',
    },
    Pattern {
        written: r"(\u002F)|(\u002F[\u0021-\u007E]+\u002F)",
        matches: |text| {
            let inner = text
                .strip_prefix('/')
                .and_then(|rest| rest.strip_suffix('/'));
            text == "/"
                || inner.is_some_and(|inner| some_of(inner, |letter| letter.is_ascii_graphic()))
        },
        filler: Some('/'),
        spoiler: 'x',
    },
    Pattern {
        written: r"\u002F[\u0021-\u007F]*",
        matches: |text| {
            text.starts_with('/')
                && text
                    .chars()
                    .all(|letter| ('!'..='\u{7f}').contains(&letter))
        },
        filler: Some('x'),
        spoiler: ' ',
    },
    Pattern {
        written: r"((/[A-Za-z0-9\.,\+@=_-]+)*)/",
        matches: |text| {
            let parts = text
                .strip_prefix('/')
                .map(|rest| rest.strip_suffix('/').unwrap_or(rest));
            let fits =
                |part: &str| some_of(part, |letter| word(letter) || ".,+@=-".contains(letter));
            text == "/"
                || text.ends_with('/') && parts.is_some_and(|parts| parts.split('/').all(fits))
        },
        filler: None,
        spoiler: 'x',
    },
    Pattern {
        written: r"[\u0009\u000A\u000D\u0020-\u007E\u00A1-\u00FF]*",
        matches: |text| {
            text.chars().all(
                |letter| matches!(letter, '\t' | '\n' | '\r' | ' '..='~' | '\u{a1}'..='\u{ff}'),
            )
        },
        filler: Some('é'),
        spoiler: 'ł',
    },
    Pattern {
        written: r"[\u0020-\u00FF]+",
        matches: |text| some_of(text, |letter| (' '..='\u{ff}').contains(&letter)),
        filler: Some('é'),
        spoiler: 'ł',
    },
    Pattern {
        written: r"v[1-9][0-9]*(\.[A-Za-z0-9-]*)?",
        matches: |text| {
            let (number, rest) = text.split_once('.').unwrap_or((text, ""));
            number.strip_prefix('v').is_some_and(|digits| {
                !digits.starts_with('0') && some_of(digits, |letter| letter.is_ascii_digit())
            }) && rest
                .chars()
                .all(|letter| letter.is_ascii_alphanumeric() || letter == '-')
        },
        filler: Some('7'),
        spoiler: '_',
    },
];

fn some_of(text: &str, fits: impl Fn(char) -> bool) -> bool {
    !text.is_empty() && text.chars().all(fits)
}

fn word(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

fn tag(letter: char) -> bool {
    letter.is_alphanumeric() || " \u{a0}_.:/=+-@".contains(letter)
}
