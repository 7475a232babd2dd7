//! Upstreams: other URLs from which the documents of a host are fetched. What tokens must contain is unchanged.

use std::collections::BTreeMap;

use toml::de::DeValue;
use url::Url;

use super::Config;
use super::sections::{SummaryLine, joined};
use super::source::diagnostics::{Parsed, ValueError, quoted};
use super::source::document::TomlValue;
use super::source::flags::Flags;
use super::source::lists::ParsedItems;
use super::source::setting::settings;
use super::source::value::{SettingValue, ValueOrigin};
use super::source::{Sources, string_in, wrong_kind};
use crate::model::issuer;

settings! {
    // Weakens security too, but keeps its documented variable and flag: on any address but loopback it requires
    // unsafe.upstreams, which only the file sets.
    UPSTREAMS = "upstreams" flag("--upstream") map();
}

/// By host (with its port, unless that is 443): the URL that replaces `https://HOST`, without a final slash.
pub type Upstreams = BTreeMap<String, String>;

/// One upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Upstream {
    pub(super) host: String,
    pub(super) base: String,
}

impl Upstream {
    fn host(&self) -> &str {
        &self.host
    }
}

pub(super) fn read(sources: &mut Sources<'_>, flags: &Flags) -> SettingValue<Vec<Upstream>> {
    sources.list(UPSTREAMS, &flags.upstreams, Upstream::host, parse, table)
}

/// Parses `HOST=URL`.
fn parse(text: &str) -> Parsed<Upstream> {
    let (host, url) = text.split_once('=').ok_or_else(|| {
        let what = format!("{} has no =", quoted(text));
        ValueError::new(what, "write HOST=URL: id.example.com=http://127.0.0.1:9000")
    })?;
    pair(host, url)
}

/// Parses the table of the file.
fn table(value: TomlValue<'_>) -> Parsed<ParsedItems<Upstream>> {
    let table = match value.into_inner() {
        DeValue::Table(table) => table,
        other => {
            return Err(wrong_kind(
                "a table",
                &other,
                "write { \"id.example.com\" = \"http://127.0.0.1:9000\" }",
            ));
        }
    };
    let mut items: Vec<_> = table
        .iter()
        .map(|(host, url)| {
            let item = match url.get_ref() {
                DeValue::Table(_) => Err(ValueError::new(
                    format!("{} is only the first part of a host: TOML splits a bare key at its dots", quoted(host.get_ref())),
                    "write the host in double quotes: \"id.example.com\" = \"http://127.0.0.1:9000\"",
                )),
                url => string_in(url).and_then(|url| pair(host.get_ref(), url)),
            };
            (host.span(), item)
        })
        .collect();
    items.sort_by_key(|(span, _)| span.start);
    let items = items.into_iter();
    Ok(items
        .map(|(span, item)| (ValueOrigin::File(span), item))
        .collect())
}

fn pair(host: &str, url: &str) -> Parsed<Upstream> {
    let whole = issuer::spelling(&format!("https://{host}"));
    if host.contains('/') || whole.is_err() {
        let what = format!("{} is not a host", quoted(host));
        let help = "write the host in lower case, and its port unless it is 443: id.example.com";
        return Err(ValueError::new(what, help));
    }
    Ok(Upstream {
        host: host.to_owned(),
        base: base(url)?,
    })
}

fn base(text: &str) -> Parsed<String> {
    let good = Url::parse(text).ok().filter(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none()
    });
    good.map(|url| url.as_str().trim_end_matches('/').to_owned())
        .ok_or_else(|| {
            let what = format!("{} is not the URL of an upstream", quoted(text));
            let help = "write an http:// or https:// URL without a user name, a query and a fragment: http://127.0.0.1:9000";
            ValueError::new(what, help)
        })
}

pub(super) fn summary(config: &Config) -> Vec<SummaryLine> {
    let upstreams = config.upstreams.iter();
    let upstreams = upstreams.map(|(host, url)| format!("{host} from {url}"));
    vec![("upstreams", joined(upstreams, "not set"))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upstream_is_a_host_and_a_base() {
        for (text, host, base) in [
            (
                "id.example.com=http://127.0.0.1:9000",
                "id.example.com",
                "http://127.0.0.1:9000",
            ),
            (
                "id.example.com=http://127.0.0.1:9000/",
                "id.example.com",
                "http://127.0.0.1:9000",
            ),
            (
                "id.example.com:8443=https://m.example.net/a/",
                "id.example.com:8443",
                "https://m.example.net/a",
            ),
            ("127.0.0.1:1=http://x", "127.0.0.1:1", "http://x"),
        ] {
            let upstream = parse(text).unwrap();
            assert_eq!((upstream.host(), upstream.base.as_str()), (host, base));
        }
        for text in [
            "",
            "id.example.com",
            "=http://x",
            "ID.example.com=http://x",
            "https://id.example.com=http://x",
            "id.example.com/a=http://x",
            "id.example.com:443=http://x",
            "me@id.example.com=http://x",
            "id.example.com=",
            "id.example.com=x",
            "id.example.com=ftp://x",
            "id.example.com=http://",
            "id.example.com=http://x?a",
            "id.example.com=http://x#a",
            "id.example.com=http://me:pass@x",
        ] {
            let error = parse(text).unwrap_err();
            assert!(!error.what.contains("pass"), "{text}");
        }
    }
}
