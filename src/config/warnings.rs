//! What is not wrong with a configuration, but should be known to whoever starts it.

use super::exception::Exception;
use super::files::ConfigFile;
use super::reading::Reading;
use super::said::Said;
use super::settings::{CONFIG_VARIABLE, PUBLIC_URL, SETTINGS};
use super::sources::Sources;
use super::suggestion;

/// All warnings; `used` are the exceptions that the configuration makes use of.
pub(super) fn all(
    sources: &mut Sources<'_>,
    file: &Said<ConfigFile>,
    reading: &Reading,
    used: &[Exception],
) -> Vec<String> {
    let mut warnings = std::mem::take(&mut sources.warnings);
    let file_is_open = file.value().is_some_and(ConfigFile::is_open_to_others);
    if sources.document.holds_secret() && file_is_open {
        warnings.push(
            "the configuration file holds a secret, and every user of this machine can read it"
                .into(),
        );
    }
    for (exception, named) in &reading.exceptions {
        if named.value() == Some(&true) && !used.contains(exception) {
            warnings.push(format!("{} is set, and nothing needs it", exception.key()));
        }
    }
    if let Said::This(url, origin) = &reading.public_url
        && url.http
        && !url.loopback
        && !used.contains(&Exception::HttpPublicUrl)
    {
        warnings.push(format!(
            "{}: {} is not https, and not this machine: whoever checks this server's tokens can be given other keys on \
             the way",
            origin.name(PUBLIC_URL),
            url.text
        ));
    }
    warnings.extend(misspelt_variables(sources));
    warnings
}

/// Variables that nobody knows are let be, since orchestrators set some in the name of every service; but not one that
/// is nearly a known one.
fn misspelt_variables(sources: &Sources<'_>) -> Vec<String> {
    let known = || {
        let all = SETTINGS.iter().filter_map(|setting| setting.variable);
        all.chain([CONFIG_VARIABLE])
    };
    let unknown = sources
        .environment
        .names()
        .filter(|name| known().all(|other| other != *name));
    unknown
        .filter_map(|name| {
            let other = suggestion::nearest(
                name.strip_prefix("COGNATE_")?,
                known().filter_map(|n| n.strip_prefix("COGNATE_")),
            )?;
            Some(format!(
                "{name} is no variable of Cognate; did you mean COGNATE_{other}?"
            ))
        })
        .collect()
}
