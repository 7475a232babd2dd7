//! The table of sections. Each section is a file that holds its names, defaults, parsing, cross-checks and its lines of
//! `cognate check-config`.

use std::fmt::Display;

use super::{
    Config, Setting, account, audit, database, dev, events, issuers, limits, listen, log, logins,
    proxies, public_url, root_key, routes, seeds, sessions, storage, tls, traces,
    unsafe_exceptions, upstreams, user_pools,
};

/// One line of `cognate check-config`: a name and what the server would do.
pub type SummaryLine = (&'static str, String);

struct Section {
    settings: &'static [Setting],
    summary: fn(&Config) -> Vec<SummaryLine>,
}

macro_rules! sections {
    ($($name:ident),* $(,)?) => {
        /// The sections, in the order of the lines of `cognate check-config`.
        const SECTIONS: &[Section] = &[$(Section {
            settings: $name::SETTINGS,
            summary: $name::summary,
        }),*];
    };
}

sections![
    listen,
    tls,
    public_url,
    proxies,
    storage,
    database,
    account,
    upstreams,
    logins,
    issuers,
    user_pools,
    root_key,
    routes,
    sessions,
    limits,
    events,
    audit,
    seeds,
    log,
    traces,
    dev,
    unsafe_exceptions,
];

/// Every setting.
pub fn settings() -> impl Iterator<Item = &'static Setting> {
    SECTIONS.iter().flat_map(|section| section.settings)
}

/// The setting with this key.
pub(super) fn with_key(key: &str) -> Option<Setting> {
    settings().copied().find(|setting| setting.key == key)
}

/// The names of the tables of the file.
pub(super) fn tables() -> impl Iterator<Item = &'static str> {
    settings()
        .map(|setting| setting.table_and_name().0)
        .filter(|table| !table.is_empty())
}

/// The lines of all sections.
pub(super) fn summary(config: &Config) -> Vec<SummaryLine> {
    let sections = SECTIONS.iter();
    sections
        .flat_map(|section| (section.summary)(config))
        .collect()
}

/// Items separated by commas, or `empty` if there are none.
pub(super) fn joined<T: Display>(items: impl IntoIterator<Item = T>, empty: &str) -> String {
    let items: Vec<_> = items.into_iter().map(|item| item.to_string()).collect();
    if items.is_empty() {
        empty.to_owned()
    } else {
        items.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_name_is_unique() {
        let unique = |names: Vec<String>| {
            let count = names.len();
            assert_eq!(names.into_iter().collect::<BTreeSet<_>>().len(), count);
        };
        unique(settings().map(|s| s.key.to_owned()).collect());
        let flags = settings().filter_map(|s| s.flag).map(str::to_owned);
        unique(flags.collect());
        let aliases = settings().filter_map(|s| s.alias).map(str::to_owned);
        unique(
            settings()
                .map(Setting::derived_name)
                .chain(aliases)
                .collect(),
        );
    }
}
