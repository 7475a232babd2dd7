//! What the value of a setting must look like, one function a kind. Nothing here knows where the value stands.

use std::net::SocketAddr;

use crate::model::ids::{AccountId, Region};

use super::mistakes::{Checked, Complaint, quoted};
use super::{LogFormat, Secret};

/// The address to listen on.
pub(super) fn listen(text: &str) -> Checked<SocketAddr> {
    text.parse().map_err(|_| {
        let what = format!("{} is not an address and a port", quoted(text));
        Complaint::new(
            what,
            "write an IP address and a port: 127.0.0.1:2646 or [::1]:2646",
        )
    })
}

/// The account's number.
pub(super) fn account_id(text: &str) -> Checked<AccountId> {
    AccountId::parse(text).ok_or_else(|| {
        let what = format!("{} is not an account's number", quoted(text));
        Complaint::new(what, "write 12 digits: \"123456789012\"")
    })
}

/// The account where none is set.
pub(super) fn default_account() -> AccountId {
    AccountId::parse("123456789012").expect("12 digits")
}

/// A region's name.
pub(super) fn region(text: &str) -> Checked<Region> {
    Region::parse(text).ok_or_else(|| {
        let what = format!("{} is not a region's name", quoted(text));
        let help =
            "a region is 1 to 18 of a-z, 0-9 and hyphens, beginning with a letter: eu-west-1";
        Complaint::new(what, help)
    })
}

/// What is logged.
pub(super) fn log_filter(text: &str) -> Checked<String> {
    let readable = tracing_subscriber::EnvFilter::builder().parse(text).is_ok();
    if readable && !text.trim().is_empty() {
        return Ok(text.to_owned());
    }
    let what = format!("{} is not a log filter", quoted(text));
    let help =
        "write error, warn, info, debug or trace, or levels by module: info,cognate::wire=debug";
    Err(Complaint::new(what, help))
}

/// How log lines are written.
pub(super) fn log_format(text: &str) -> Checked<LogFormat> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => {
            let what = format!("{} is not a format", quoted(text));
            Err(Complaint::new(what, "write \"text\" or \"json\""))
        }
    }
}

/// The root key's public half. Not quoted when it is wrong: the two halves are easily swapped.
pub(super) fn access_key_id(text: &str) -> Checked<String> {
    let good = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
    if (16..=128).contains(&text.len()) && text.bytes().all(good) {
        return Ok(text.to_owned());
    }
    let help = "an access key id is 16 to 128 of A-Z and 0-9";
    Err(Complaint::new("this is not an access key id", help))
}

/// The root key's secret half.
pub(super) fn secret_access_key(text: &str) -> Checked<Secret> {
    if text.len() >= 16 && text.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(Secret::new(text));
    }
    let help = "a secret access key is at least 16 visible ASCII characters, without spaces";
    Err(Complaint::new("this is not a secret access key", help))
}

/// The URL of a PostgreSQL database: good or not, it is refused, in different words.
pub(super) fn database_url(text: &str) -> Checked<std::convert::Infallible> {
    let url = url::Url::parse(text).ok();
    let known =
        url.is_some_and(|url| matches!(url.scheme(), "postgres" | "postgresql") && url.has_host());
    Err(if known {
        let help = "leave it out: pools and identities are then kept in the data directory";
        Complaint::new("this version has the embedded store only", help)
    } else {
        let help = "it would be postgres://user@host/name; but leave it out, for this version has the embedded store only";
        Complaint::new("this is not the URL of a PostgreSQL database", help)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_number_and_has_a_port() {
        for good in ["127.0.0.1:2646", "[::1]:0", "0.0.0.0:80"] {
            assert!(listen(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "localhost:2646",
            "127.0.0.1",
            ":2646",
            "2646",
            "::1:2646",
            "1.2.3.4:99999",
        ] {
            assert!(listen(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_root_key_has_the_form_of_an_access_key() {
        for good in ["AKIAIOSFODNN7EXAMPLE", "A234567890123456", &"A".repeat(128)] {
            assert!(access_key_id(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "A23456789012345",
            "akiaiosfodnn7example",
            "AKIA-OSFODNN7EXAMPLE",
            &"A".repeat(129),
        ] {
            let complaint = access_key_id(bad).unwrap_err();
            assert!(bad.is_empty() || !format!("{complaint:?}").contains(bad));
        }
        assert!(secret_access_key("0123456789abcdef").is_ok());
        for bad in [
            "",
            "0123456789abcde",
            "0123456789 abcdef",
            "0123456789abcdef\n",
            "0123456789abcdé",
        ] {
            let complaint = secret_access_key(bad).unwrap_err();
            assert!(bad.is_empty() || !format!("{complaint:?}").contains(bad));
        }
    }

    #[test]
    fn a_log_filter_is_read_before_it_is_needed() {
        for good in ["info", "info,cognate::wire=debug", "cognate[call]=trace"] {
            assert_eq!(log_filter(good).as_deref(), Ok(good));
        }
        for bad in ["", " ", "cognate=loud", "[", "a=b=c"] {
            assert!(log_filter(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_database_is_refused_whatever_it_is() {
        for (url, what) in [
            (
                "postgres://u:p@h/d",
                "this version has the embedded store only",
            ),
            ("postgresql://h", "this version has the embedded store only"),
            (
                "mysql://h/d",
                "this is not the URL of a PostgreSQL database",
            ),
            ("postgres:d", "this is not the URL of a PostgreSQL database"),
            ("", "this is not the URL of a PostgreSQL database"),
        ] {
            assert_eq!(database_url(url).unwrap_err().what, what, "{url}");
        }
    }
}
