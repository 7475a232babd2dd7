//! Upstreams: where to fetch from instead. What tokens must say stays as it is.

use std::collections::BTreeMap;

use toml::de::DeValue;
use url::Url;

use crate::model::issuer;

use super::document::Value;
use super::lists::Items;
use super::mistakes::{Checked, Complaint, quoted};
use super::said::Origin;
use super::sources::{text_in, wrong_kind};

/// By host (with its port, unless that is 443): what stands in the place of `https://HOST`, without a final slash.
pub type Upstreams = BTreeMap<String, String>;

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Upstream {
    pub(super) host: String,
    pub(super) base: String,
}

impl Upstream {
    /// The host, by which an upstream is known.
    pub(super) fn host(&self) -> &str {
        &self.host
    }
}

/// Reads `HOST=URL`.
pub(super) fn parse(text: &str) -> Checked<Upstream> {
    let (host, url) = text.split_once('=').ok_or_else(|| {
        let what = format!("{} has no =", quoted(text));
        Complaint::new(what, "write HOST=URL: id.example.com=http://127.0.0.1:9000")
    })?;
    pair(host, url)
}

/// Reads the table of the file.
pub(super) fn table(value: Value<'_>) -> Checked<Items<Upstream>> {
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
                DeValue::Table(_) => Err(Complaint::new(
                    format!("{} is taken apart at its dots", quoted(host.get_ref())),
                    "write the host in double quotes: \"id.example.com\" = \"http://127.0.0.1:9000\"",
                )),
                url => text_in(url).and_then(|url| pair(host.get_ref(), url)),
            };
            (host.span(), item)
        })
        .collect();
    items.sort_by_key(|(span, _)| span.start);
    let items = items.into_iter();
    Ok(items
        .map(|(span, item)| (Origin::File(span), item))
        .collect())
}

fn pair(host: &str, url: &str) -> Checked<Upstream> {
    let whole = issuer::spelling(&format!("https://{host}"));
    if host.contains('/') || whole.is_err() {
        let what = format!("{} is not a host", quoted(host));
        let help = "write the host in lower case, with its port unless that is 443: id.example.com";
        return Err(Complaint::new(what, help));
    }
    Ok(Upstream {
        host: host.to_owned(),
        base: base(url)?,
    })
}

fn base(text: &str) -> Checked<String> {
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
            let what = format!("{} can't be fetched from", quoted(text));
            let help = "write an http:// or https:// URL without user name, query and fragment: http://127.0.0.1:9000";
            Complaint::new(what, help)
        })
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
            let complaint = parse(text).unwrap_err();
            assert!(!complaint.what.contains("pass"), "{text}");
        }
    }
}
