//! Matching with `*` and `?`. A pattern is a sequence of glyphs rather than a string, so that a `*` in the value of a
//! variable stays a character.

/// One element of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Glyph {
    /// The literal character.
    Char(char),
    /// Any single character: `?`.
    One(WildcardSpan),
    /// Any characters, also none: `*`.
    Many(WildcardSpan),
}

/// The characters that a wildcard matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WildcardSpan {
    /// The wildcard matches any character.
    Anything,
    /// The wildcard matches no colon, so it stays in one segment of an ARN.
    Segment,
}

/// Whether upper and lower case differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    /// Upper and lower case differ.
    Kept,
    /// Upper and lower case of ASCII letters are equal. Other letters always differ, because case folding would let
    /// look-alikes match (the Kelvin sign folds to a `k`).
    Ignored,
}

/// Whether the whole of `text` matches `pattern`. The number of steps is at most about the product of their lengths.
///
/// Only ARNs have wildcards that match no colon, in front: before the last of them, no other wildcard matches a colon
/// either, except a star followed by a colon (`arn::keep_within_parts`).
pub(super) fn matches(pattern: &[Glyph], text: &str, case: Case) -> bool {
    walk(pattern, text, case, usize::MAX).0
}

/// Answers the result and the number of steps: more than `most` if they don't suffice, and then the result is `false`.
///
/// On a mismatch, the last star takes one more character (backtracking). Earlier stars need no retry, because the last one
/// can take whatever they could. A star that matches no colon fails at the end of its part of the ARN; then the last star
/// that matches colons is retried.
pub(super) fn walk(pattern: &[Glyph], text: &str, case: Case, most: usize) -> (bool, usize) {
    let (mut at, mut rest) = (0, text.chars());
    let (mut any_star, mut segment_star) = (None, None);
    let mut steps = 0;
    loop {
        steps += 1;
        if steps > most {
            return (false, steps);
        }
        match pattern.get(at) {
            Some(Glyph::Many(reach)) => {
                at += 1;
                let star = Some((at, rest.clone()));
                (any_star, segment_star) = match reach {
                    WildcardSpan::Anything => (star, None),
                    WildcardSpan::Segment => (any_star, star),
                };
                continue;
            }
            Some(glyph) => {
                let mut after = rest.clone();
                match after.next() {
                    Some(char) if glyph.takes(char, case) => {
                        (at, rest) = (at + 1, after);
                        continue;
                    }
                    Some(_) => {}
                    // A longer match of a star would lack these characters too.
                    None => return (false, steps),
                }
            }
            None if rest.as_str().is_empty() => return (true, steps),
            None => {}
        }
        if let Some((after, taken)) = &mut segment_star {
            if taken.next().is_some_and(|char| char != ':') {
                (at, rest) = (*after, taken.clone());
                continue;
            }
            segment_star = None;
        }
        let Some((after, taken)) = &mut any_star else {
            return (false, steps);
        };
        if taken.next().is_none() {
            return (false, steps);
        }
        (at, rest) = (*after, taken.clone());
    }
}

impl Glyph {
    /// The glyph of a character, if `*` and `?` are wildcards.
    pub(super) fn of(char: char) -> Self {
        match char {
            '*' => Self::Many(WildcardSpan::Anything),
            '?' => Self::One(WildcardSpan::Anything),
            other => Self::Char(other),
        }
    }

    /// Whether this glyph, which isn't a star, matches `char`.
    fn takes(self, char: char, case: Case) -> bool {
        match self {
            Self::Char(own) => match case {
                Case::Kept => own == char,
                Case::Ignored => own.eq_ignore_ascii_case(&char),
            },
            Self::One(WildcardSpan::Segment) => char != ':',
            Self::One(WildcardSpan::Anything) | Self::Many(_) => true,
        }
    }
}
