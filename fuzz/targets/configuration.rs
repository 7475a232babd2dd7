//! The configuration file, and the report of what is wrong with it.
#![no_main]

use std::path::Path;

use cognate::config::{Config, Environment, Flags};
use cognate_fuzz::file;

cognate_fuzz::target!(|bytes: &[u8]| {
    let flags = Flags {
        config: Some("cognate.toml".into()),
        ..Flags::default()
    };
    // Whatever file it names has the same bytes.
    let read = |_: &Path| Ok(file(bytes));
    let named: Environment = [
        ("COGNATE_ISSUERS", "issuers.toml"),
        ("COGNATE_CREDENTIALS_ROUTE", "routes.toml"),
    ]
    .into_iter()
    .collect();
    let plain = Environment::default();
    for (load, environment) in [
        (Config::load as fn(&_, &_, _) -> _, &plain),
        (Config::for_dev, &plain),
        (Config::load, &named),
    ] {
        match load(&flags, environment, &read) {
            Ok(config) => {
                let url = config.public_url_for(config.listen);
                assert!(url.starts_with("http"), "{url}");
                let is_open = !config.listen.ip().to_canonical().is_loopback();
                let is_bare = config.tls.is_none() || config.allow_http_issuers;
                assert!(!(is_open && is_bare) || !config.exceptions().is_empty());
            }
            Err(errors) => {
                let report = format!("{:?}", miette::Report::new(errors));
                assert!(!report.is_empty());
            }
        }
    }
});
