//! What only `cognate dev` has: `--expose`, and the web origins that its test issuer serves besides those on this machine.

use url::{Origin, Url};

use super::listen::ListenAddress;
use super::load::ParsedSettings;
use super::root_key::RootKeySetting;
use super::sections::{SummaryLine, joined};
use super::source::Sources;
use super::source::diagnostics::{Diagnostics, Parsed, ValueError, quoted};
use super::source::flags::Flags;
use super::source::lists::items_in;
use super::source::setting::settings;
use super::source::value::SettingValue;
use super::{Config, RunMode};

settings! {
    ORIGINS = "dev.origins";
}

/// The flag that lets other machines reach the server of `cognate dev`.
const EXPOSE: &str = "--expose";

/// What the flags of `cognate dev` set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DevSettings {
    /// Whether nothing is kept after the stop; the data directory is then ignored.
    pub ephemeral: bool,
    /// Whether other machines are served, too.
    pub exposed: bool,
}

pub(super) fn read(sources: &mut Sources<'_>) -> SettingValue<Vec<String>> {
    sources.list(
        ORIGINS,
        &[],
        |origin: &String| origin,
        origin,
        |value| items_in(value, origin),
    )
}

/// Parses a web origin: scheme, host and port as browsers write them.
fn origin(text: &str) -> Parsed<String> {
    let parsed = Url::parse(text).ok().filter(|url| {
        matches!(url.scheme(), "http" | "https") && url.origin().ascii_serialization() == text
    });
    if parsed.is_some_and(|url| matches!(url.origin(), Origin::Tuple(..))) {
        return Ok(text.to_owned());
    }
    let what = format!("{} is not a web origin", quoted(text));
    let help = "write the scheme, the host and the port that isn't the default: http://app:3000";
    Err(ValueError::new(what, help))
}

/// Refuses to listen beyond this machine without `--expose`, and `--expose` together with what hands out real credentials:
/// anyone who reaches the server can sign in at its test issuer. Returns whether the address may be listened on.
pub(super) fn cross_check(
    parsed: &ParsedSettings,
    listen: &ListenAddress<'_>,
    mode: RunMode,
    flags: &Flags,
    diagnostics: &mut Diagnostics,
) -> bool {
    if mode == RunMode::Serve {
        return true;
    }
    if !flags.expose {
        return listen.check_loopback(diagnostics);
    }
    if parsed
        .routes
        .value()
        .is_some_and(|routes| !routes.is_empty())
    {
        refuse(
            diagnostics,
            "credentials.route is set: the STS of a route would give real credentials to anyone who reaches this server",
            &format!("remove {EXPOSE} or the routes, or run cognate serve"),
        );
    }
    if matches!(parsed.root, RootKeySetting::Configured(_)) {
        refuse(
            diagnostics,
            "the secret of the root key is set: an exposed development server generates its own",
            &format!("remove {EXPOSE} or the root key, or run cognate serve"),
        );
    }
    true
}

fn refuse(diagnostics: &mut Diagnostics, why: &str, help: &str) {
    let what = format!("{EXPOSE}: cognate dev can't be exposed while {why}");
    diagnostics.add_cross_check(&[], ValueError::new(what, help));
}

pub(super) fn summary(config: &Config) -> Vec<SummaryLine> {
    vec![(
        "dev origins",
        joined(&config.dev_origins, "those on this machine"),
    )]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_written_as_browsers_write_it() {
        for good in [
            "http://app:3000",
            "https://app.example.com",
            "http://10.0.0.1",
        ] {
            assert!(origin(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "*",
            "null",
            "app:3000",
            "http://app:3000/",
            "http://app:80",
            "HTTP://app:3000",
            "http://user@app:3000",
            "http://app:3000/a",
            "ftp://app",
            "file:///a",
        ] {
            assert!(origin(bad).is_err(), "{bad}");
        }
    }
}
