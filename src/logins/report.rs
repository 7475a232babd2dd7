//! The report of a login: every check, with what it found and wanted. The checks themselves fill it in, so that a report
//! shows what was done. It decides nothing: whether a login changes anything depends on `dry_run`, a parameter.

use std::error::Error;

use jiff::Timestamp;

/// The checks of the logins of one request, in the order in which they were made. A disabled report keeps nothing.
#[derive(Debug, Default)]
pub struct Report {
    /// `None` where the report is disabled.
    checks: Option<Vec<ReportedCheck>>,
    login: Option<String>,
}

/// A check that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportedCheck {
    /// The `Logins` key that the check was about; `None` where it was about all logins.
    pub login: Option<String>,
    /// The check's name.
    pub name: &'static str,
    /// Whether it passed.
    pub passed: bool,
    /// What it found and wanted.
    pub finding: Finding,
}

/// What a check found, and what it wanted. Neither holds a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was found; at most a few hundred characters of it come from the login.
    pub found: String,
    /// What would have passed.
    pub wanted: String,
}

impl Finding {
    /// A finding in words.
    pub fn new(found: impl Into<String>, wanted: impl Into<String>) -> Self {
        Self {
            found: found.into(),
            wanted: wanted.into(),
        }
    }
}

impl Report {
    /// A report that is filled in.
    pub fn enabled() -> Self {
        Self {
            checks: Some(Vec::new()),
            login: None,
        }
    }

    /// A report that nothing is written into: findings are never put into words.
    pub fn disabled() -> Self {
        Self::default()
    }

    /// The checks that follow are about the login under this `Logins` key.
    pub fn about_login(&mut self, key: &str) {
        if self.checks.is_some() {
            self.login = Some(key.to_owned());
        }
    }

    /// The checks that follow are about all logins.
    pub fn about_all_logins(&mut self) {
        self.login = None;
    }

    /// Adds a check. An enabled report calls `finding`, a disabled one doesn't.
    pub fn add(&mut self, name: &'static str, passed: bool, finding: impl FnOnce() -> Finding) {
        if let Some(checks) = &mut self.checks {
            checks.push(ReportedCheck {
                login: self.login.clone(),
                name,
                passed,
                finding: finding(),
            });
        }
    }

    /// Adds a check that had this outcome, and returns the outcome.
    pub fn add_outcome<T, E>(
        &mut self,
        name: &'static str,
        outcome: Result<T, E>,
        finding: impl FnOnce(&Result<T, E>) -> Finding,
    ) -> Result<T, E> {
        self.add(name, outcome.is_ok(), || finding(&outcome));
        outcome
    }

    /// An empty report about the same login, to be filled in elsewhere.
    pub(super) fn new_part(&self) -> Self {
        Self {
            checks: self.checks.as_ref().map(|_| Vec::new()),
            login: self.login.clone(),
        }
    }

    /// Adds the checks of a part.
    pub(super) fn append(&mut self, part: Self) {
        if let Some(checks) = &mut self.checks {
            checks.extend(part.into_checks());
        }
    }

    /// The checks; empty where the report is disabled.
    pub fn into_checks(self) -> Vec<ReportedCheck> {
        self.checks.unwrap_or_default()
    }
}

/// An error and its sources, in one sentence.
pub fn error_chain(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        words = format!("{words}: {cause}");
        source = cause.source();
    }
    words
}

/// A moment in seconds since 1970, in a sentence.
pub(super) fn moment(seconds: Option<i64>) -> String {
    match seconds {
        None => "not set".to_owned(),
        Some(seconds) => Timestamp::from_second(seconds)
            .map_or_else(|_| seconds.to_string(), |moment| moment.to_string()),
    }
}

/// Untrusted strings in a sentence: eight at most.
pub(super) fn all_quoted<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    let texts: Vec<String> = texts.into_iter().take(8).map(quoted).collect();
    texts.join(", ")
}

/// An untrusted string in a sentence: 255 characters at most, the invisible ones escaped.
pub fn quoted(text: &str) -> String {
    let short: String = text.chars().take(255).collect();
    let more = if short.len() < text.len() { "…" } else { "" };
    format!("`{}{more}`", short.escape_debug())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disabled_report_puts_nothing_into_words() {
        let mut report = Report::disabled();
        report.about_login("a.example");
        report.add("form", true, || {
            unreachable!("a finding of a disabled report")
        });
        assert_eq!(report.into_checks(), []);
    }

    #[test]
    fn a_report_names_the_login_that_a_check_is_about() {
        let mut report = Report::enabled();
        report.about_login("a.example");
        let outcome = report.add_outcome("form", Err::<(), _>("bad"), |outcome| {
            Finding::new(outcome.unwrap_err(), "good")
        });
        assert_eq!(outcome, Err("bad"));
        report.about_all_logins();
        report.add("role", true, || Finding::new("one", "one"));
        let checks = report.into_checks();
        assert_eq!(checks[0].login.as_deref(), Some("a.example"));
        assert_eq!((checks[0].name, checks[0].passed), ("form", false));
        assert_eq!(checks[0].finding, Finding::new("bad", "good"));
        assert_eq!((checks[1].login.as_deref(), checks[1].passed), (None, true));
    }
}
