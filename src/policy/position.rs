//! The position of a statement in the text of a policy, which was parsed before.

/// A position in a text, counted from 1; columns are characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

/// Finds the statement with this number (from 0) in the text of a policy: the positions of its first character and after
/// its last. `None` if it isn't found, for example because `Statement` is written with escapes.
pub fn position_of(text: &str, statement: usize) -> Option<(Position, Position)> {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    let (mut word, mut awaits_value, mut in_list) = (0, false, false);
    let (mut seen, mut start) = (0, None);
    let mut at = Position { line: 1, column: 1 };
    for (index, character) in text.char_indices() {
        if in_text {
            match character {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => {
                    in_text = false;
                    let name = text.get(word..=index)?;
                    let behind = text.get(index + 1..)?.trim_start();
                    awaits_value |=
                        depth == 1 && name == "\"Statement\"" && behind.starts_with(':');
                }
                _ => {}
            }
        } else {
            match character {
                '"' => (in_text, word) = (true, index),
                '[' if awaits_value && depth == 1 => {
                    (awaits_value, in_list) = (false, true);
                    depth += 1;
                }
                '{' | '[' => {
                    let begins = awaits_value && depth == 1 || in_list && depth == 2;
                    if begins && character == '{' {
                        awaits_value = false;
                        if seen == statement {
                            start = Some((at, depth));
                        }
                        seen += 1;
                    }
                    depth += 1;
                }
                '}' | ']' => {
                    depth = depth.checked_sub(1)?;
                    if let Some((start, level)) = start.filter(|(_, level)| *level == depth) {
                        let end = Position {
                            column: at.column + 1,
                            ..at
                        };
                        let _: usize = level;
                        return Some((start, end));
                    }
                    in_list &= depth > 1;
                }
                _ => {}
            }
        }
        at = if character == '\n' {
            Position {
                line: at.line + 1,
                column: 1,
            }
        } else {
            Position {
                column: at.column + 1,
                ..at
            }
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, statement: usize) -> Option<String> {
        let (start, end) = position_of(text, statement)?;
        let offset = |path: Position| {
            let line = text
                .split_inclusive('\n')
                .take(path.line - 1)
                .map(str::len)
                .sum::<usize>();
            let column = text[line..]
                .chars()
                .take(path.column - 1)
                .map(char::len_utf8);
            line + column.sum::<usize>()
        };
        Some(text[offset(start)..offset(end)].to_owned())
    }

    #[test]
    fn a_statement_is_found_in_its_text() {
        let one = r#"{"Effect":"Allow","Action":["s3:*"],"Resource":"]}\"","Condition":{"X":{"Statement":[{}]}}}"#;
        let two = "{\n  \"Effect\": \"Deny\", \"Sid\": \"é{\"\n}";
        let several = format!(
            "{{\"Id\":\"Statement\",\n \"Statement\" : [ {one},\n{two} ], \"Version\":\"x\"}}"
        );
        assert_eq!(found(&several, 0).as_deref(), Some(one));
        assert_eq!(found(&several, 1).as_deref(), Some(two));
        assert_eq!(found(&several, 2), None);
        let single = format!("{{\"Version\":\"Statement\",\"Statement\":\n{two}}}");
        assert_eq!(found(&single, 0).as_deref(), Some(two));
        assert_eq!(found(&single, 1), None);
        for other in ["", "{}", "[{}]", "}", "{\"St\\u0061tement\":{}}"] {
            assert_eq!(found(other, 0), None, "{other}");
        }
        assert_eq!(
            position_of(&single, 0).unwrap().0,
            Position { line: 2, column: 1 }
        );
    }
}
