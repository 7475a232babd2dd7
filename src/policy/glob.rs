//! Matching a text with `*` and `?`. Not a parser: what is a wildcard and what is text was decided before.
//!
//! A pattern is a row of glyphs rather than a text, so that a `*` that came from somewhere else stays a character.

/// One place of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Glyph {
    /// This character.
    Char(char),
    /// Any one character: `?`.
    One(Reach),
    /// Any characters, or none: `*`.
    Many(Reach),
}

/// What a wildcard may stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Everything.
    Across,
    /// Everything but colons: one segment of an ARN.
    Within,
}

/// Whether upper and lower case differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    /// They do.
    Kept,
    /// Those of ASCII don't. Other letters always do: folding them would let look-alikes in (the Kelvin sign folds
    /// to a `k`).
    Ignored,
}

/// Whether the whole of `text` has the form of `pattern`. Takes at most about as many steps as the pattern's length
/// times the text's.
///
/// Wildcards that may not cross a colon stand in ARNs only, and in front: no wildcard before the last of them may cross
/// one either, but for a star with a colon behind it (`arn::keep_within_parts`).
pub(super) fn matches(pattern: &[Glyph], text: &str, case: Case) -> bool {
    walk(pattern, text, case).0
}

/// The answer, and the number of steps that it took.
///
/// Where the text doesn't fit, the last star takes one more character. Stars before it need no second look: what they
/// could take, the last one can. A star that may not cross a colon gives up there, with the part of the ARN that it
/// stands in; then the last one that may cross takes over.
pub(super) fn walk(pattern: &[Glyph], text: &str, case: Case) -> (bool, usize) {
    let (mut at, mut rest) = (0, text.chars());
    let (mut across, mut within) = (None, None);
    let mut steps = 0;
    loop {
        steps += 1;
        match pattern.get(at) {
            Some(Glyph::Many(reach)) => {
                at += 1;
                let star = Some((at, rest.clone()));
                (across, within) = match reach {
                    Reach::Across => (star, None),
                    Reach::Within => (across, star),
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
                    // Whatever a star took more would be missing here too.
                    None => return (false, steps),
                }
            }
            None if rest.as_str().is_empty() => return (true, steps),
            None => {}
        }
        if let Some((after, taken)) = &mut within {
            if taken.next().is_some_and(|char| char != ':') {
                (at, rest) = (*after, taken.clone());
                continue;
            }
            within = None;
        }
        let Some((after, taken)) = &mut across else {
            return (false, steps);
        };
        if taken.next().is_none() {
            return (false, steps);
        }
        (at, rest) = (*after, taken.clone());
    }
}

impl Glyph {
    /// What a character stands for where `*` and `?` are wildcards.
    pub(super) fn of(char: char) -> Self {
        match char {
            '*' => Self::Many(Reach::Across),
            '?' => Self::One(Reach::Across),
            other => Self::Char(other),
        }
    }

    /// Whether this glyph, no star, can stand for `char`.
    fn takes(self, char: char, case: Case) -> bool {
        match self {
            Self::Char(own) => match case {
                Case::Kept => own == char,
                Case::Ignored => own.eq_ignore_ascii_case(&char),
            },
            Self::One(Reach::Within) => char != ':',
            Self::One(Reach::Across) | Self::Many(_) => true,
        }
    }
}
