//! The log: its filter and its format.

use super::Config;
use super::sections::SummaryLine;
use super::source::Sources;
use super::source::diagnostics::{Parsed, ValueError, quoted};
use super::source::setting::settings;

settings! {
    FILTER = "log.filter" alias("COGNATE_LOG") reloaded();
    FORMAT = "log.format" reloaded();
}

const DEFAULT_FILTER: &str = "info";

/// The log's filter and format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// A valid filter in the syntax of `tracing_subscriber::EnvFilter`.
    pub filter: String,
    /// How lines are written.
    pub format: LogFormat,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object for each line.
    Json,
}

pub(super) fn read(sources: &mut Sources<'_>) -> LogSettings {
    let filter = sources.string(FILTER, None, parse_filter);
    let format = sources.string(FORMAT, None, parse_format);
    LogSettings {
        filter: filter.or(DEFAULT_FILTER.to_owned()),
        format: format.or(LogFormat::Text),
    }
}

fn parse_filter(text: &str) -> Parsed<String> {
    let readable = tracing_subscriber::EnvFilter::builder().parse(text).is_ok();
    if readable && !text.trim().is_empty() {
        return Ok(text.to_owned());
    }
    let what = format!("{} is not a log filter", quoted(text));
    let help =
        "write error, warn, info, debug or trace, or levels by module: info,cognate::wire=debug";
    Err(ValueError::new(what, help))
}

fn parse_format(text: &str) -> Parsed<LogFormat> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => {
            let what = format!("{} is not a log format", quoted(text));
            Err(ValueError::new(what, "write \"text\" or \"json\""))
        }
    }
}

pub(super) fn summary(config: &Config) -> Vec<SummaryLine> {
    let format = match config.log.format {
        LogFormat::Text => "text",
        LogFormat::Json => "json",
    };
    vec![("log", format!("{} ({format})", config.log.filter))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_filter_is_checked_at_the_start() {
        for good in ["info", "info,cognate::wire=debug", "cognate[call]=trace"] {
            assert_eq!(parse_filter(good).as_deref(), Ok(good));
        }
        for bad in ["", " ", "cognate=loud", "[", "a=b=c"] {
            assert!(parse_filter(bad).is_err(), "{bad}");
        }
    }
}
