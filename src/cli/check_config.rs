//! `cognate check-config`: every mistake in the configuration, or what would be served. Opens, makes and changes nothing.

use std::fmt::Display;
use std::process::ExitCode;

use crate::config::{Config, Environment, Flags, LogFormat, Root, read_file};

use super::report;

/// Loads the configuration of `cognate serve` and tells what came of it.
pub(super) fn run(flags: &Flags) -> ExitCode {
    match Config::load(flags, &Environment::of_the_process(), &read_file) {
        Ok(config) => {
            report::cautions(&config);
            print!("{}", summary(&config));
            ExitCode::SUCCESS
        }
        Err(errors) => {
            report::mistakes(&errors);
            ExitCode::FAILURE
        }
    }
}

/// What would be served, without secrets, a line each.
fn summary(config: &Config) -> String {
    let public_url = match &config.public_url {
        None if config.listen.port() == 0 => {
            "made from the address that the system gives".to_owned()
        }
        _ => config.public_url_for(config.listen),
    };
    let logins = &config.logins;
    let audience = if logins.authorized_party_alone {
        "azp alone, where present"
    } else {
        "aud, and azp where present"
    };
    let lines = [
        (
            "listen",
            format!(
                "{} ({})",
                config.listen,
                if config.tls.is_some() {
                    "https"
                } else {
                    "http"
                }
            ),
        ),
        ("public URL", public_url),
        ("data directory", config.data_dir.display().to_string()),
        ("master key", config.master_key_file.display().to_string()),
        ("account", config.account_id.to_string()),
        ("regions", list(&config.regions, "any")),
        (
            "upstreams",
            list(
                config
                    .upstreams
                    .iter()
                    .map(|(host, url)| format!("{host} from {url}")),
                "none",
            ),
        ),
        (
            "http issuers",
            if config.allow_http_issuers {
                "on this machine"
            } else {
                "none"
            }
            .to_owned(),
        ),
        ("audience", audience.to_owned()),
        (
            "login tokens",
            format!(
                "live {} hours at most",
                logins.max_token_lifetime.as_hours()
            ),
        ),
        (
            "key files",
            list(config.issuers.iter().map(|file| &file.url), "none"),
        ),
        (
            "user pools",
            if config.user_pools.is_some() {
                "asked about their users where a pool says so"
            } else {
                "never asked about their users"
            }
            .to_owned(),
        ),
        ("root key", root(&config.root).to_owned()),
        (
            "pools",
            format!("{} a region at most", config.limits.pools_per_region),
        ),
        (
            "log",
            format!("{} ({})", config.log.filter, format_name(config.log.format)),
        ),
    ];
    let lines = lines.map(|(name, value)| format!("  {name:<16}{value}\n"));
    format!(
        "The configuration is good. What would be served:\n{}",
        lines.concat()
    )
}

fn root(root: &Root) -> &'static str {
    match root {
        Root::Disabled => "disabled",
        Root::Given(_) => "as configured",
        Root::Kept => "in the data directory, made at the first start",
    }
}

fn format_name(format: LogFormat) -> &'static str {
    match format {
        LogFormat::Text => "text",
        LogFormat::Json => "json",
    }
}

fn list<T: Display>(items: impl IntoIterator<Item = T>, none: &str) -> String {
    let items: Vec<_> = items.into_iter().map(|item| item.to_string()).collect();
    if items.is_empty() {
        none.to_owned()
    } else {
        items.join(", ")
    }
}
