//! The loopback address to which the browser brings the authorization code.

use std::net::Ipv4Addr;
use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use miette::{IntoDiagnostic, Result, WrapErr, miette};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// How long a person may take to sign in.
const PATIENCE: Duration = Duration::from_mins(10);

/// How long a connection may take to send its request.
const REQUEST: Duration = Duration::from_secs(5);

/// The longest head of a request, in bytes.
const HEAD: usize = 16 << 10;

/// The path of the redirect.
const PATH: &str = "/callback";

/// A listener for one redirect.
pub(super) struct Redirect {
    listener: TcpListener,
    port: u16,
    uri: String,
}

/// What a request brings.
#[derive(Debug, PartialEq, Eq)]
enum Brought {
    /// The authorization code of this login.
    Code(String),
    /// The provider's refusal of this login, in its words.
    Refusal(String),
    /// Another request, which ends nothing.
    Nothing,
}

impl Redirect {
    /// Listens on 127.0.0.1, and not on `localhost`, which may be another address.
    pub(super) async fn listen(port: u16) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
        let listener = listener
            .into_diagnostic()
            .wrap_err("the port can't be used")?;
        let port = listener.local_addr().into_diagnostic()?.port();
        Ok(Self {
            listener,
            port,
            uri: format!("http://127.0.0.1:{port}{PATH}"),
        })
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn uri(&self) -> &str {
        &self.uri
    }

    /// Waits for the request with this `state`, answers it, and stops listening. Other requests end nothing.
    pub(super) async fn code(self, state: &str) -> Result<String> {
        let waiting = async {
            loop {
                let (connection, _) = self.listener.accept().await.into_diagnostic()?;
                match timeout(REQUEST, serve(connection, state)).await {
                    Ok(Some(Brought::Code(code))) => return Ok(code),
                    Ok(Some(Brought::Refusal(words))) => {
                        return Err(miette!("the provider refuses the login ({words})"));
                    }
                    _ => {}
                }
            }
        };
        timeout(PATIENCE, waiting).await.unwrap_or_else(|_| {
            Err(miette!(
                "the browser didn't come back within ten minutes: run cognate login again"
            ))
        })
    }
}

async fn serve(mut connection: TcpStream, state: &str) -> Option<Brought> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut part = [0; 2048];
        let length = connection.read(&mut part).await.ok()?;
        if length == 0 || head.len() > HEAD {
            return None;
        }
        head.extend_from_slice(&part[..length]);
    }
    let head = String::from_utf8(head).ok()?;
    let brought = read(head.lines().next().unwrap_or_default(), state);
    let (status, text) = match &brought {
        Brought::Code(_) => ("200 OK", "You are signed in. You can close this window."),
        Brought::Refusal(_) => (
            "200 OK",
            "You are not signed in: the provider refused. You can close this window.",
        ),
        Brought::Nothing => ("404 Not Found", "There is nothing here."),
    };
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\nCache-Control: no-store\r\n\
         Referrer-Policy: no-referrer\r\nConnection: close\r\n\r\n{text}",
        text.len()
    );
    connection.write_all(answer.as_bytes()).await.ok();
    connection.shutdown().await.ok();
    Some(brought)
}

/// Reads the first line of a request. Only the provider's answer to this login has its state.
fn read(line: &str, state: &str) -> Brought {
    let query = line.strip_prefix("GET ").and_then(|line| {
        let (target, _) = line.split_once(' ')?;
        target.strip_prefix(PATH)?.strip_prefix('?')
    });
    let parameters: Vec<_> = form_urlencoded::parse(query.unwrap_or_default().as_bytes()).collect();
    let parameter = |wanted: &str| {
        let mut found = parameters.iter().filter(|(name, _)| name == wanted);
        found
            .next()
            .filter(|_| found.next().is_none())
            .map(|(_, value)| value.as_ref())
    };
    let is_own = parameter("state")
        .is_some_and(|found| verify_slices_are_equal(found.as_bytes(), state.as_bytes()).is_ok());
    if !is_own {
        return Brought::Nothing;
    }
    match (parameter("code"), parameter("error")) {
        (Some(code), None) => Brought::Code(code.to_owned()),
        (None, Some(error)) => {
            let words = parameter("error_description").unwrap_or(error);
            Brought::Refusal(
                words
                    .chars()
                    .filter(|letter| !letter.is_control())
                    .take(300)
                    .collect(),
            )
        }
        _ => Brought::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_answer_to_this_login_ends_it() {
        let code = |code: &str| Brought::Code(code.to_owned());
        for (line, brought) in [
            ("GET /callback?code=a%2Bb&state=s HTTP/1.1", code("a+b")),
            ("GET /callback?state=s&code=c&iss=x HTTP/1.1", code("c")),
            (
                "GET /callback?error=access_denied&state=s HTTP/1.1",
                Brought::Refusal("access_denied".to_owned()),
            ),
            (
                "GET /callback?code=c&state=other HTTP/1.1",
                Brought::Nothing,
            ),
            ("GET /callback?code=c HTTP/1.1", Brought::Nothing),
            (
                "GET /callback?error=access_denied HTTP/1.1",
                Brought::Nothing,
            ),
            (
                "GET /callback?code=c&state=s&state=s HTTP/1.1",
                Brought::Nothing,
            ),
            (
                "GET /callback?code=c&code=d&state=s HTTP/1.1",
                Brought::Nothing,
            ),
            (
                "GET /callback?code=c&error=e&state=s HTTP/1.1",
                Brought::Nothing,
            ),
            ("GET /other?code=c&state=s HTTP/1.1", Brought::Nothing),
            ("GET /callback/?code=c&state=s HTTP/1.1", Brought::Nothing),
            ("POST /callback?code=c&state=s HTTP/1.1", Brought::Nothing),
            ("GET /favicon.ico HTTP/1.1", Brought::Nothing),
            ("", Brought::Nothing),
        ] {
            assert_eq!(read(line, "s"), brought, "{line}");
        }
    }
}
