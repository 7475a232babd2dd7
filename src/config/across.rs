//! Checks across settings: what is good on a loopback address only, and who may say otherwise.

use std::net::SocketAddr;

use super::exception::Exception;
use super::mistakes::{Complaint, Mistakes};
use super::public_url;
use super::reading::Reading;
use super::said::{Origin, Said};
use super::settings::{CREDENTIALS_ROUTE, LISTEN};
use super::{Command, DEFAULT_LISTEN};

/// Notes what doesn't go together, and tells which exceptions the configuration makes use of. A setting that is wrong
/// in itself is left out of account.
pub(super) fn check(
    reading: &Reading,
    command: Command,
    mistakes: &mut Mistakes,
) -> Vec<Exception> {
    check_routes(reading, command, mistakes);
    let (listen, origin) = match &reading.listen {
        Said::This(listen, origin) => (*listen, Some(origin)),
        Said::Nothing => (DEFAULT_LISTEN, None),
        Said::Rubbish => return Vec::new(),
    };
    let name = origin.map_or(LISTEN.key, |origin| origin.name(LISTEN));
    let loopback = listen.ip().to_canonical().is_loopback();
    if command == Command::Dev && !loopback {
        let what =
            format!("{name}: cognate dev listens on loopback addresses only, not on {listen}");
        let complaint = Complaint::new(what, "listen on 127.0.0.1 or [::1], or use cognate serve");
        mistakes.note_together(&[origin], complaint);
        return Vec::new();
    }
    let url = public_url::of_address(listen, false);
    if reading.public_url.is_nothing() && url.is_none() {
        let what =
            format!("{name}: no public URL follows from {listen}, which is no single address");
        let help = "set public_url to the URL under which clients reach this server";
        mistakes.note_together(&[origin], Complaint::new(what, help));
    }
    if loopback {
        return Vec::new();
    }
    let mut used = Vec::new();
    for (exception, named) in &reading.exceptions {
        let Some(reason) = reason(*exception, reading, listen) else {
            continue;
        };
        match named {
            Said::This(true, _) => used.push(*exception),
            Said::Rubbish => {}
            Said::Nothing | Said::This(false, _) => {
                let what = format!(
                    "{name}: {listen} is not a loopback address, and {}",
                    reason.what
                );
                let help = format!(
                    "{}; or name the exception in the configuration file (no variable or flag will do): {} = true",
                    reason.help,
                    exception.key()
                );
                mistakes.note_together(&[origin, reason.origin], Complaint::new(what, help));
            }
        }
    }
    used
}

/// Notes routes without TLS where http isn't allowed.
fn check_routes(reading: &Reading, command: Command, mistakes: &mut Mistakes) {
    let allowed = match &reading.allow_http_issuers {
        Said::This(allowed, _) => *allowed,
        Said::Nothing => command == Command::Dev,
        Said::Rubbish => return,
    };
    for route in reading.routes.value().into_iter().flatten() {
        if route.is_plain() && !allowed {
            let what = format!(
                "{}: {} is asked without TLS, and http is not allowed",
                CREDENTIALS_ROUTE.key, route.endpoint
            );
            let help =
                "write an https URL, or set allow_http_issuers = true, which is for loopback";
            let complaint = Complaint::new(what, help);
            mistakes.note_together(&[reading.routes.origin()], complaint);
        }
    }
}

/// Why an exception is needed.
struct Reason<'r> {
    what: String,
    help: &'static str,
    origin: Option<&'r Origin>,
}

fn reason(exception: Exception, reading: &Reading, listen: SocketAddr) -> Option<Reason<'_>> {
    let (what, help, origin) = match exception {
        Exception::HttpListener if reading.tls.is_nothing() => (
            "the listener speaks plain HTTP".to_owned(),
            "set tls.certificate_file and tls.key_file",
            None,
        ),
        Exception::HttpPublicUrl => (
            format!(
                "the public URL is {}, without TLS",
                http_public_url(reading, listen)?
            ),
            "set public_url to an https:// URL",
            reading.public_url.origin(),
        ),
        Exception::Upstreams if reading.upstreams.value().is_some_and(|all| !all.is_empty()) => (
            "there are upstreams".to_owned(),
            "leave the upstreams out",
            reading.upstreams.origin(),
        ),
        Exception::HttpIssuers if reading.allow_http_issuers.value() == Some(&true) => (
            "http issuers are allowed".to_owned(),
            "leave allow_http_issuers out",
            reading.allow_http_issuers.origin(),
        ),
        _ => return None,
    };
    Some(Reason { what, help, origin })
}

/// The public URL, if it is known and begins with `http://`.
fn http_public_url(reading: &Reading, listen: SocketAddr) -> Option<String> {
    match &reading.public_url {
        Said::This(url, _) => url.http.then(|| url.text.clone()),
        Said::Nothing if reading.tls.is_nothing() => public_url::of_address(listen, false),
        Said::Nothing | Said::Rubbish => None,
    }
}
