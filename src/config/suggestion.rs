//! What to say about a name that nobody knows: which known one was meant.

use super::document::names_in;
use super::mistakes::Complaint;
use super::settings::SETTINGS;

/// A complaint about the key `name` in `table` (empty for the top of the file).
pub(super) fn unknown_key(table: &str, name: &str) -> Complaint {
    let elsewhere = SETTINGS.iter().find(|setting| setting.place().1 == name);
    let help = if let Some(near) = nearest(name, names_in(table)) {
        format!("did you mean `{near}`?")
    } else if let Some(setting) = elsewhere {
        match setting.place().0 {
            "" => format!("`{name}` belongs above the first [table] of the file"),
            place => format!("`{name}` belongs below [{place}]"),
        }
    } else {
        let names: Vec<_> = names_in(table).collect();
        let mut names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
        names.dedup();
        format!("remove it; known here are {}", names.join(", "))
    };
    Complaint::new("there is no such setting", help)
}

/// No name is nearly as long as this, and comparing long texts is slow.
const LONG: usize = 64;

/// The name nearest to `name`, if one is near enough to have been meant.
pub(super) fn nearest<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let near_enough = (name.len() / 3).max(1);
    let known = known.filter(|_| name.len() <= LONG);
    known
        .map(|other| (strsim::osa_distance(name, other), other))
        .filter(|(distance, _)| *distance <= near_enough)
        .min()
        .map(|(_, other)| other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_names_what_was_meant() {
        for (table, name, help) in [
            ("", "lisen", "did you mean `listen`?"),
            ("", "Listen", "did you mean `listen`?"),
            ("", "loggin", "did you mean `logins`?"),
            ("tls", "key_fiel", "did you mean `key_file`?"),
            ("", "key_file", "`key_file` belongs below [tls]"),
            (
                "tls",
                "listen",
                "`listen` belongs above the first [table] of the file",
            ),
            (
                "log",
                "colour",
                "remove it; known here are `filter`, `format`",
            ),
        ] {
            assert_eq!(unknown_key(table, name).help, help, "{table}.{name}");
        }
    }
}
