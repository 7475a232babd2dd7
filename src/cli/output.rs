//! How a command prints what it lists or shows: as a table for people, or as JSON for programs.

use clap::{Args, ValueEnum};
use serde_json::Value;

/// The longest cell of a table, in characters.
const LONGEST_CELL: usize = 1000;

/// The form of the output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum OutputFormat {
    /// Columns or lines for people
    #[default]
    Table,
    /// One JSON document for programs
    Json,
}

/// The flag that chooses the form of the output.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct OutputArguments {
    /// The form of the output
    #[arg(long = "output", value_enum, value_name = "FORMAT", default_value_t)]
    format: OutputFormat,
}

impl OutputArguments {
    /// Prints `value` as JSON, or the text that `table` makes of it.
    pub(super) fn print(self, value: &Value, table: impl FnOnce(&Value) -> String) {
        match self.format {
            OutputFormat::Table => print!("{}", table(value)),
            OutputFormat::Json => println!("{value:#}"),
        }
    }

    /// Whether programs read the output: nothing else may be printed to standard output.
    pub(super) fn is_json(self) -> bool {
        self.format == OutputFormat::Json
    }
}

/// A line for each row, with columns as wide as their widest cell, after a line with the headings.
pub(super) fn table<const N: usize>(
    headings: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let rows = rows.into_iter().map(|row| row.map(|cell| printable(&cell)));
    let rows: Vec<_> = std::iter::once(headings.map(str::to_owned))
        .chain(rows)
        .collect();
    let widths: [usize; N] = std::array::from_fn(|column| {
        let lengths = rows.iter().map(|row| row[column].chars().count());
        lengths.max().unwrap_or_default()
    });
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(widths);
        let cells: Vec<_> = cells
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// A line for each member of an object: its name, and its value as a string or as JSON.
pub(super) fn members(value: &Value) -> String {
    let members = value.as_object().into_iter().flatten();
    let members: Vec<_> = members.filter(|(_, value)| !value.is_null()).collect();
    let width = members.iter().map(|(name, _)| name.chars().count()).max();
    let width = width.unwrap_or_default();
    let lines = members.iter().map(|(name, value)| {
        let name = printable(name);
        format!("{name:<width$}  {}\n", printable(&text(value)))
    });
    lines.collect()
}

/// A value for a cell: a string as it is, nothing for null, and JSON otherwise.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Text of a server or a client without control characters, because it is printed on a terminal.
fn printable(text: &str) -> String {
    let mut letters = text.chars();
    let mut shown: String = letters
        .by_ref()
        .take(LONGEST_CELL)
        .map(|letter| if letter.is_control() { '?' } else { letter })
        .collect();
    if letters.next().is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["a", "long cell"], ["longer", ""]].map(|row| row.map(str::to_owned));
        assert_eq!(
            table(["ID", "NAME"], rows),
            "ID      NAME\na       long cell\nlonger\n"
        );
    }

    #[test]
    fn members_are_lines_without_control_characters() {
        let value = json!({ "Name": "a\u{1b}[2Jb", "Empty": null, "Many": [1, "x"] });
        assert_eq!(members(&value), "Name  a?[2Jb\nMany  [1,\"x\"]\n");
        let long = printable(&"x".repeat(2000));
        assert_eq!(long.chars().count(), LONGEST_CELL + 1);
    }
}
