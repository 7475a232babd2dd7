//! `cognate agent`: container credentials of a profile on this machine, for programs that know no other way. Only a program that
//! has the token in its environment is answered.

use std::io::Write;
use std::net::Ipv4Addr;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Args;
use http::{HeaderValue, Method, StatusCode, header};
use miette::{IntoDiagnostic, Result, WrapErr, miette};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::credentials::{self, ProfileKeys, sentence};
use super::profile::ProfileFlag;
use super::user_files::UserFolder;
use crate::ambient::{Ambient, Real};
use crate::config::Environment;

/// How often the agent looks whether its keys need to be fetched again.
const CHECK: Duration = Duration::from_secs(20);

/// The flags of `cognate agent`.
#[derive(Debug, Args)]
pub struct AgentArguments {
    #[command(flatten)]
    profile: ProfileFlag,
    /// The port on 127.0.0.1 [default: a free one]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    port: u16,
    /// Stop when the program that started the agent has ended
    #[arg(long)]
    with_parent: bool,
    /// Run as root, as in a container
    #[arg(long)]
    as_root: bool,
}

/// What the requests share.
struct Agent {
    profile: String,
    authority: String,
    token: String,
    keys: RwLock<Result<ProfileKeys, String>>,
}

/// Runs the agent until it is stopped.
pub(super) async fn run(arguments: AgentArguments) -> Result<()> {
    if rustix::process::geteuid().is_root() && !arguments.as_root {
        return Err(miette!(
            "the agent isn't started as root, because it needs no rights: start it as the user of the programs, or use --as-root"
        ));
    }
    let environment = Environment::of_the_process();
    let folder = UserFolder::open(&environment)?;
    let flag = arguments.profile;
    // A profile that gets nothing is reported before the exports are printed.
    let keys = credentials::find(&folder, &environment, &flag).await;
    let keys = keys.map_err(|refusal| refusal.report)?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, arguments.port)).await;
    let listener = listener
        .into_diagnostic()
        .wrap_err("the port can't be used")?;
    let address = listener.local_addr().into_diagnostic()?;
    let mut random = [0; 32];
    Real.fill(&mut random);
    let agent = Arc::new(Agent {
        authority: address.to_string(),
        token: URL_SAFE_NO_PAD.encode(random),
        keys: RwLock::new(Ok(keys)),
        profile: flag.profile.clone(),
    });
    let name = &agent.profile;
    println!("export AWS_CONTAINER_CREDENTIALS_FULL_URI=http://{address}/credentials/{name}");
    println!("export AWS_CONTAINER_AUTHORIZATION_TOKEN={}", agent.token);
    // A shell that reads the lines goes on at once.
    std::io::stdout().flush().into_diagnostic()?;
    let refresher = Arc::clone(&agent);
    let refreshing = async move {
        loop {
            tokio::time::sleep(CHECK).await;
            refresher.refresh(&folder, &environment, &flag).await;
        }
    };
    let router = Router::new().fallback(answer).with_state(agent);
    tokio::select! {
        served = axum::serve(listener, router) => served.into_diagnostic(),
        () = refreshing => Ok(()),
        () = stopped(arguments.with_parent) => Ok(()),
    }
}

/// Waits for a signal, or for the end of the program that started this one.
async fn stopped(with_parent: bool) {
    let parent = rustix::process::getppid();
    let orphaned = async {
        while !with_parent || rustix::process::getppid() == parent {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = orphaned => {}
    }
}

impl Agent {
    /// Fetches new keys before the present ones end, so that every answer is instant.
    async fn refresh(&self, folder: &UserFolder, environment: &Environment, flag: &ProfileFlag) {
        let found = credentials::find(folder, environment, flag).await;
        let found = found.map_err(|refusal| sentence(&refusal.report));
        if let Err(words) = &found {
            eprintln!("cognate: {words}");
        }
        let mut keys = self
            .keys
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let is_usable = |keys: &ProfileKeys| keys.expiration > Real.now();
        if found.is_ok() || !keys.as_ref().is_ok_and(is_usable) {
            *keys = found;
        }
    }

    fn answer(&self, request: &Request) -> (StatusCode, Value) {
        let refused = |status: StatusCode, words: &str| {
            let code = status
                .canonical_reason()
                .unwrap_or_default()
                .replace(' ', "");
            let body = json!({ "code": code, "message": words, "Code": code, "Message": words });
            (status, body)
        };
        let headers = request.headers();
        let mut hosts = headers.get_all(header::HOST).iter();
        let is_own = hosts
            .next()
            .is_some_and(|host| host.as_bytes() == self.authority.as_bytes());
        if !is_own || hosts.next().is_some() {
            return refused(
                StatusCode::BAD_REQUEST,
                "The host isn't the agent's address.",
            );
        }
        let of_browser = [header::ORIGIN, header::REFERER, header::COOKIE];
        if headers
            .keys()
            .any(|name| of_browser.contains(name) || name.as_str().starts_with("sec-"))
        {
            return refused(StatusCode::BAD_REQUEST, "The agent isn't for browsers.");
        }
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let value = values.next().map(HeaderValue::as_bytes).unwrap_or_default();
        let is_token = verify_slices_are_equal(value, self.token.as_bytes()).is_ok();
        if !is_token || values.next().is_some() {
            return refused(
                StatusCode::FORBIDDEN,
                "The token isn't the agent's: set both variables that cognate agent printed.",
            );
        }
        let path = format!("/credentials/{}", self.profile);
        if request.uri().path() != path || request.uri().query().is_some() {
            return refused(
                StatusCode::NOT_FOUND,
                "The agent has one profile, which its first line names.",
            );
        }
        if request.method() != Method::GET {
            return refused(
                StatusCode::METHOD_NOT_ALLOWED,
                "Container credentials are fetched with GET.",
            );
        }
        let keys = self
            .keys
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        match &*keys {
            Ok(keys) => (
                StatusCode::OK,
                serde_json::to_value(keys).unwrap_or_default(),
            ),
            Err(words) => refused(StatusCode::SERVICE_UNAVAILABLE, words),
        }
    }
}

async fn answer(State(agent): State<Arc<Agent>>, request: Request) -> Response {
    let (status, body) = agent.answer(&request);
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent() -> Agent {
        Agent {
            profile: "ci".to_owned(),
            authority: "127.0.0.1:4711".to_owned(),
            token: "secret-token".to_owned(),
            keys: RwLock::new(Ok(ProfileKeys {
                access_key_id: "A".into(),
                secret_access_key: "s".into(),
                token: "t".into(),
                expiration: "2026-03-01T13:00:00Z".parse().unwrap(),
                account_id: None,
                role_arn: None,
            })),
        }
    }

    fn status(method: &str, path: &str, headers: &[(&str, &str)]) -> u16 {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        agent()
            .answer(&request.body(Body::empty()).unwrap())
            .0
            .as_u16()
    }

    const HOST: (&str, &str) = ("host", "127.0.0.1:4711");
    const TOKEN: (&str, &str) = ("authorization", "secret-token");

    #[test]
    fn a_program_with_the_token_gets_the_keys() {
        let request = Request::builder().uri("/credentials/ci");
        let request = request.header(HOST.0, HOST.1).header(TOKEN.0, TOKEN.1);
        let (status, body) = agent().answer(&request.body(Body::empty()).unwrap());
        assert_eq!(status, 200);
        let expected = json!({
            "AccessKeyId": "A", "SecretAccessKey": "s", "Token": "t", "Expiration": "2026-03-01T13:00:00Z",
        });
        assert_eq!(body, expected);
    }

    #[test]
    fn another_process_a_web_page_and_another_name_get_nothing() {
        let path = "/credentials/ci";
        for value in [
            "",
            "secret-toke",
            "secret-token2",
            "Bearer secret-token",
            "SECRET-TOKEN",
        ] {
            assert_eq!(
                status("GET", path, &[HOST, ("authorization", value)]),
                403,
                "{value}"
            );
        }
        assert_eq!(status("GET", path, &[HOST]), 403, "no token");
        assert_eq!(
            status("GET", path, &[HOST, TOKEN, TOKEN]),
            403,
            "two tokens"
        );
        for host in [
            "evil.example",
            "localhost:4711",
            "127.0.0.1",
            "127.0.0.1:4712",
            "",
        ] {
            assert_eq!(status("GET", path, &[("host", host), TOKEN]), 400, "{host}");
        }
        assert_eq!(status("GET", path, &[TOKEN]), 400, "no host");
        assert_eq!(status("GET", path, &[HOST, HOST, TOKEN]), 400, "two hosts");
        for header in [
            ("origin", "https://evil.example"),
            ("referer", "https://evil.example/"),
            ("sec-fetch-site", "cross-site"),
            ("cookie", "a=b"),
        ] {
            assert_eq!(
                status("GET", path, &[HOST, TOKEN, header]),
                400,
                "{header:?}"
            );
        }
        for path in [
            "/",
            "/credentials",
            "/credentials/",
            "/credentials/ci/",
            "/credentials/other",
            "/credentials/ci?a",
        ] {
            assert_eq!(status("GET", path, &[HOST, TOKEN]), 404, "{path}");
        }
        for method in ["POST", "HEAD", "OPTIONS"] {
            assert_eq!(status(method, path, &[HOST, TOKEN]), 405, "{method}");
        }
    }
}
