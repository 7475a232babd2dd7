//! Watching the checks of a login while they are made. The checks themselves tell what they find, so that what is
//! explained is what is done; where nobody watches, nothing is written down.

use std::error::Error;

use jiff::Timestamp;

/// Who is told of each check.
pub trait Watch: Send {
    /// Whether the login is only looked at: what it would use up stays unused.
    const LOOKS_ONLY: bool;

    /// The checks that follow are of what stands under this `Logins` key.
    fn login(&mut self, key: &str);

    /// A check was made. `what` is asked only by those who write it down.
    fn told(&mut self, check: &'static str, passed: bool, what: impl FnOnce() -> What);

    /// A check was made with this outcome, which is handed on.
    fn made<T, E>(
        &mut self,
        check: &'static str,
        outcome: Result<T, E>,
        what: impl FnOnce(&Result<T, E>) -> What,
    ) -> Result<T, E> {
        self.told(check, outcome.is_ok(), || what(&outcome));
        outcome
    }
}

/// What a check found, and what it wanted. Neither holds a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct What {
    /// What was found; at most a few hundred characters of it are a stranger's.
    pub found: String,
    /// What would have been good.
    pub wanted: String,
}

impl What {
    /// Puts both into words.
    pub fn new(found: impl Into<String>, wanted: impl Into<String>) -> Self {
        Self {
            found: found.into(),
            wanted: wanted.into(),
        }
    }
}

/// Nobody watches.
#[derive(Debug, Clone, Copy)]
pub struct Unwatched;

impl Watch for Unwatched {
    const LOOKS_ONLY: bool = false;

    fn login(&mut self, _: &str) {}

    fn told(&mut self, _: &'static str, _: bool, _: impl FnOnce() -> What) {}
}

/// A check that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// The `Logins` key that it was about; `None` where it was about all of them.
    pub login: Option<String>,
    /// Which check.
    pub check: &'static str,
    /// Whether it passed.
    pub passed: bool,
    /// What it found and wanted.
    pub what: What,
}

/// All checks, in the order in which they were made.
#[derive(Debug, Default)]
pub struct Trail {
    checks: Vec<Checked>,
    login: Option<String>,
}

impl Trail {
    /// The checks that follow are of all logins.
    pub fn of_all(&mut self) {
        self.login = None;
    }

    /// The checks.
    pub fn into_checks(self) -> Vec<Checked> {
        self.checks
    }
}

impl Watch for Trail {
    const LOOKS_ONLY: bool = true;

    fn login(&mut self, key: &str) {
        self.login = Some(key.to_owned());
    }

    fn told(&mut self, check: &'static str, passed: bool, what: impl FnOnce() -> What) {
        self.checks.push(Checked {
            login: self.login.clone(),
            check,
            passed,
            what: what(),
        });
    }
}

/// An error and all that led to it, in one sentence.
pub fn reasons(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        words = format!("{words}: {cause}");
        source = cause.source();
    }
    words
}

/// A moment in seconds since 1970, in a sentence; `None` where there is none.
pub(super) fn moment(seconds: Option<i64>) -> String {
    match seconds {
        None => "absent".to_owned(),
        Some(seconds) => Timestamp::from_second(seconds)
            .map_or_else(|_| seconds.to_string(), |moment| moment.to_string()),
    }
}

/// Strangers' texts in a sentence: eight at most.
pub(super) fn all_shown<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    let texts: Vec<String> = texts.into_iter().take(8).map(shown).collect();
    texts.join(", ")
}

/// A stranger's text in a sentence: 255 characters at most, none of them invisible.
pub(super) fn shown(text: &str) -> String {
    let short: String = text.chars().take(255).collect();
    let more = if short.len() < text.len() { "…" } else { "" };
    format!("`{}{more}`", short.escape_debug())
}
