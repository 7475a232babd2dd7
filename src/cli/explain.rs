//! `cognate explain`: why the server accepts or refuses a login or a token at the STS, and the resulting identity and role.

use std::io::Read;
use std::str::FromStr;

use clap::Args;
use miette::{IntoDiagnostic, Result, WrapErr, miette};
use serde_json::{Map, Value, json};

use super::client::ServerArguments;
use crate::config::Secret;

/// The most bytes read from a file or standard input: more than any token has.
const LONGEST: u64 = 64 * 1024;

#[derive(Debug, Args)]
pub struct ExplainArguments {
    /// The identity pool's id
    #[arg(long, value_name = "ID", required_unless_present = "role")]
    pool: Option<String>,
    /// A role: explain AssumeRoleWithWebIdentity of the STS instead of a sign-in at a pool
    #[arg(long, value_name = "ARN", conflicts_with = "pool")]
    role: Option<String>,
    /// The token for the role, @FILE to read it from a file, or - to read it from standard input
    #[arg(
        long,
        value_name = "TOKEN|@FILE|-",
        requires = "role",
        conflicts_with = "logins"
    )]
    token: Option<String>,
    /// A login: its `Logins` key and its token; repeat the flag for more
    ///
    /// Other users of this machine can see the command line. It is safer to write PROVIDER=@FILE, or PROVIDER=- to read
    /// the token from standard input.
    #[arg(
        long = "login",
        value_name = "PROVIDER=TOKEN|@FILE|-",
        required_unless_present = "token"
    )]
    logins: Vec<LoginArgument>,
    #[command(flatten)]
    server: ServerArguments,
}

/// A `Logins` key, with its token or the source of its token.
#[derive(Debug, Clone)]
struct LoginArgument {
    key: String,
    token: Secret,
}

impl FromStr for LoginArgument {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((key, token)) if !key.is_empty() && !token.is_empty() => Ok(Self {
                key: key.to_owned(),
                token: Secret::new(token),
            }),
            _ => Err("write PROVIDER=TOKEN, PROVIDER=@FILE or PROVIDER=-"),
        }
    }
}

/// Runs the command, and prints the checks.
pub(super) async fn run(explain: ExplainArguments) -> Result<()> {
    let standard_input = explain.logins.iter().filter(|it| it.token.reveal() == "-");
    if standard_input.count() > 1 {
        return Err(miette!(
            "standard input can have only one token: use a file for the others"
        ));
    }
    let mut logins = Map::new();
    for login in &explain.logins {
        let token = token_from(login.token.reveal())
            .wrap_err_with(|| format!("the token for {} can't be read", login.key))?;
        if logins.insert(login.key.clone(), json!(token)).is_some() {
            return Err(miette!(
                "{} is repeated: pass one token for each provider",
                login.key
            ));
        }
    }
    let output = explain.server.output;
    let answer = match (explain.role, explain.pool) {
        (Some(role), _) => {
            let token = match explain.token {
                Some(from) => token_from(&from).wrap_err("the token can't be read")?,
                None => only_token(&logins)?,
            };
            let input = json!({ "RoleArn": role, "WebIdentityToken": token });
            explain.server.call("ExplainWebIdentity", &input).await?
        }
        (None, pool) => {
            let pool = pool.unwrap_or_default();
            let input = json!({ "IdentityPoolId": pool, "Logins": logins });
            let server = explain.server.in_region_of(&pool);
            server.call("ExplainLogin", &input).await?
        }
    };
    output.print(&answer, printed);
    match &answer["Refusal"] {
        Value::Null => Ok(()),
        refusal => Err(miette!(
            "the login would be refused: {}: {}",
            refusal["Code"].as_str().unwrap_or_default(),
            refusal["Message"].as_str().unwrap_or_default()
        )),
    }
}

/// The token of the one login: the STS takes one.
fn only_token(logins: &Map<String, Value>) -> Result<String> {
    match logins.values().collect::<Vec<_>>().as_slice() {
        [Value::String(token)] => Ok(token.clone()),
        _ => Err(miette!("the STS takes one token: pass one login")),
    }
}

fn token_from(from: &str) -> Result<String> {
    let mut token = String::new();
    let file = match from.strip_prefix('@') {
        Some(path) => Some(std::fs::File::open(path).into_diagnostic()?),
        None if from == "-" => None,
        None => return Ok(from.to_owned()),
    };
    let read = match file {
        Some(file) => file.take(LONGEST).read_to_string(&mut token),
        None => std::io::stdin().take(LONGEST).read_to_string(&mut token),
    };
    read.into_diagnostic()?;
    Ok(token.trim().to_owned())
}

/// The checks, two lines each, grouped by login; then the resulting identity and role.
fn printed(answer: &Value) -> String {
    let text = |value: &Value, name: &str| value[name].as_str().unwrap_or_default().to_owned();
    let mut lines = Vec::new();
    let mut about = None;
    for check in answer["Checks"].as_array().into_iter().flatten() {
        let login = text(check, "Login");
        if about.as_ref() != Some(&login) {
            let title = if login.is_empty() {
                "all logins"
            } else {
                &login
            };
            lines.push(title.to_owned());
            about = Some(login);
        }
        let result = if check["Passed"] == json!(true) {
            "ok"
        } else {
            "REFUSED"
        };
        let (name, found) = (text(check, "Check"), text(check, "Found"));
        lines.push(format!("  {result:<8} {name:<16} found   {found}"));
        lines.push(format!("{:28}wanted  {}", "", text(check, "Wanted")));
    }
    let identity = match (answer["NewIdentity"].as_bool(), &answer["IdentityId"]) {
        (Some(true), _) => "a new one".to_owned(),
        (_, Value::String(id)) => id.clone(),
        _ => "none".to_owned(),
    };
    lines.push(format!("\nIdentity  {identity}"));
    lines.push(format!(
        "Role      {}\n",
        answer["RoleArn"].as_str().unwrap_or("none")
    ));
    lines.join("\n")
}
