//! Suggestions for an unknown name: the known name with the smallest edit distance.

use super::diagnostics::ValueError;
use super::document::names_in;
use super::environment::Environment;
use super::setting::{CONFIG_VARIABLE, Setting};
use crate::config::sections;

/// The error about an unknown key `name` in `table` (empty for the top of the file).
pub(in crate::config) fn unknown_key(table: &str, name: &str) -> ValueError {
    let elsewhere = sections::settings().find(|setting| setting.table_and_name().1 == name);
    let help = if let Some(near) = nearest(name, names_in(table)) {
        format!("did you mean `{near}`?")
    } else if let Some(setting) = elsewhere {
        match setting.table_and_name().0 {
            "" => format!("move `{name}` above the first [table] of the file"),
            table => format!("move `{name}` below [{table}]"),
        }
    } else {
        let names: Vec<_> = names_in(table).collect();
        let mut names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
        names.dedup();
        format!("remove it; the settings here are {}", names.join(", "))
    };
    ValueError::new("there is no such setting", help)
}

/// All known names are much shorter, and comparing long names is slow.
const LONG: usize = 64;

/// The known name that is nearest to `name`, if one is near enough to be a misspelling.
pub(in crate::config) fn nearest<'n>(
    name: &str,
    known: impl Iterator<Item = &'n str>,
) -> Option<&'n str> {
    let near_enough = (name.len() / 3).max(1);
    let known = known.filter(|_| name.len() <= LONG);
    known
        .map(|other| (strsim::osa_distance(name, other), other))
        .filter(|(distance, _)| *distance <= near_enough)
        .min()
        .map(|(_, other)| other)
}

/// Warnings about variables that look like misspelt ones. Other unknown variables are ignored, because orchestrators set
/// some with the prefix of every service.
pub(in crate::config) fn misspelt_variables(environment: &Environment) -> Vec<String> {
    let settings = sections::settings();
    let names = settings.flat_map(|s| [Some(s.derived_name()), s.alias.map(str::to_owned)]);
    let known: Vec<_> = names
        .flatten()
        .chain([CONFIG_VARIABLE.to_owned()])
        .collect();
    let variables = sections::settings().filter_map(Setting::variable);
    let suggested: Vec<_> = variables.chain([CONFIG_VARIABLE.to_owned()]).collect();
    let unknown = environment
        .names()
        .filter(|name| known.iter().all(|other| other != name));
    unknown
        .filter_map(|name| {
            let other = nearest(
                name.strip_prefix("COGNATE_")?,
                suggested.iter().filter_map(|n| n.strip_prefix("COGNATE_")),
            )?;
            Some(format!(
                "{name} is not a variable of Cognate; did you mean COGNATE_{other}?"
            ))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_names_the_nearest_setting() {
        for (table, name, help) in [
            ("", "lisen", "did you mean `listen`?"),
            ("", "Listen", "did you mean `listen`?"),
            ("", "loggin", "did you mean `logins`?"),
            ("tls", "key_fiel", "did you mean `key_file`?"),
            ("", "key_file", "move `key_file` below [tls]"),
            (
                "tls",
                "listen",
                "move `listen` above the first [table] of the file",
            ),
            (
                "log",
                "colour",
                "remove it; the settings here are `filter`, `format`",
            ),
        ] {
            assert_eq!(unknown_key(table, name).help, help, "{table}.{name}");
        }
    }
}
