//! `cognate credentials`: the keys of a profile, for `credential_process` of the AWS SDKs and the AWS CLI.
//!
//! Standard output has the JSON alone. Standard error has one sentence, which the SDKs show to people.

use std::process::ExitCode;

use clap::Args;
use http::{HeaderMap, HeaderValue, header};
use jiff::{SignedDuration, Timestamp};
use miette::{IntoDiagnostic, Result, miette};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::profile::{Profile, ProfileFlag};
use super::tokens::{self, Unreachable, printable};
use super::user_files::{UserFile, UserFolder};
use crate::ambient::{Ambient, Real};
use crate::config::Environment;
use crate::model::json as strict;

/// The rest of kept credentials that are still printed. With less than 15 minutes left, boto3 would ask again for each request.
const LEAST_LEFT: SignedDuration = SignedDuration::from_mins(20);

/// The flags of `cognate credentials`.
#[derive(Debug, Args)]
pub struct ProfileKeysArguments {
    #[command(flatten)]
    profile: ProfileFlag,
}

/// The keys of a profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ProfileKeys {
    pub(super) access_key_id: String,
    pub(super) secret_access_key: String,
    pub(super) token: String,
    pub(super) expiration: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) account_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) role_arn: Option<String>,
}

/// The keys in a file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptKeys {
    /// When they were fetched.
    fetched: Timestamp,
    /// The URL that they were fetched from.
    url: String,
    keys: ProfileKeys,
}

/// Why there are no keys.
#[derive(Debug)]
pub(super) struct NoKeys {
    pub(super) report: miette::Report,
    /// Whether older keys may be used meanwhile.
    is_temporary: bool,
}

impl From<miette::Report> for NoKeys {
    fn from(report: miette::Report) -> Self {
        Self {
            is_temporary: report.downcast_ref::<Unreachable>().is_some(),
            report,
        }
    }
}

impl ProfileKeys {
    /// The form of `credential_process`.
    fn printed(&self) -> Value {
        let mut printed = json!({
            "Version": 1,
            "AccessKeyId": self.access_key_id,
            "SecretAccessKey": self.secret_access_key,
            "SessionToken": self.token,
            "Expiration": self.expiration.to_string(),
        });
        if let Some(account) = &self.account_id {
            printed["AccountId"] = account.as_str().into();
        }
        printed
    }
}

impl KeptKeys {
    /// Whether most of their life is left.
    fn is_fresh(&self, now: Timestamp) -> bool {
        let had = self.keys.expiration.duration_since(self.fetched);
        let left = self.keys.expiration.duration_since(now);
        now >= self.fetched && left > LEAST_LEFT.min(had / 2)
    }
}

/// Runs the command.
pub(super) async fn run(arguments: ProfileKeysArguments) -> Result<ExitCode> {
    let environment = Environment::of_the_process();
    let keys = async {
        let folder = UserFolder::open(&environment)?;
        find(&folder, &environment, &arguments.profile).await
    };
    match keys.await {
        Ok(keys) => {
            println!("{}", keys.printed());
            Ok(ExitCode::SUCCESS)
        }
        Err(refusal) => {
            eprintln!("cognate: {}", sentence(&refusal.report));
            Ok(ExitCode::FAILURE)
        }
    }
}

/// A report and its causes on one line.
pub(super) fn sentence(report: &miette::Report) -> String {
    let causes: Vec<_> = report.chain().map(ToString::to_string).collect();
    printable(&causes.join(": ").replace(['\n', '\r'], " "))
}

/// The keys of a profile: those that are kept while most of their life is left, otherwise new ones. Of processes that ask at the
/// same time, one fetches new keys.
pub(super) async fn find(
    folder: &UserFolder,
    environment: &Environment,
    flag: &ProfileFlag,
) -> Result<ProfileKeys, NoKeys> {
    let profile = Profile::read(folder, flag)?;
    let name = flag.profile.as_str();
    let url = profile.url()?.to_string();
    let kept = |now| -> Result<Option<KeptKeys>> {
        let kept = folder.read(name, UserFile::Credentials)?;
        let kept = kept.and_then(|kept| serde_json::from_value::<KeptKeys>(kept).ok());
        Ok(kept.filter(|kept| kept.url == url && kept.keys.expiration > now))
    };
    if let Some(kept) = kept(Real.now())?.filter(|kept| kept.is_fresh(Real.now())) {
        return Ok(kept.keys);
    }
    let _lock = folder.lock(name)?;
    let now = Real.now();
    let older = kept(now)?;
    if let Some(kept) = older.as_ref().filter(|kept| kept.is_fresh(now)) {
        return Ok(kept.keys.clone());
    }
    let fetched = async {
        let token = tokens::find(folder, environment, name, &profile, now).await?;
        fetch(&profile, &token).await
    };
    match (fetched.await, older) {
        (Ok(keys), _) => {
            let kept = KeptKeys {
                fetched: now,
                url,
                keys: keys.clone(),
            };
            let kept = serde_json::to_value(kept).into_diagnostic()?;
            folder.write(name, UserFile::Credentials, &kept)?;
            Ok(keys)
        }
        (Err(refusal), Some(older)) if refusal.is_temporary => Ok(older.keys),
        (Err(refusal), _) => Err(refusal),
    }
}

/// Fetches keys with a token.
async fn fetch(profile: &Profile, token: &str) -> Result<ProfileKeys, NoKeys> {
    let endpoint = &profile.endpoint;
    let value = HeaderValue::from_str(token);
    let mut value = value.map_err(|_| miette!("the token isn't an ID token"))?;
    value.set_sensitive(true);
    let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value)]);
    let answer = profile.client()?.get_with(profile.url()?, headers).await;
    let answer = answer.map_err(|error| NoKeys {
        report: miette!("the server at {endpoint} can't be reached ({error})"),
        is_temporary: true,
    })?;
    let body = strict::read(&answer.body).unwrap_or_default();
    if answer.status.is_success() {
        let keys = serde_json::from_value(body);
        return Ok(keys.map_err(|_| miette!("the server at {endpoint} is no Cognate server"))?);
    }
    let words = body["message"].as_str().unwrap_or("it states no reason");
    let status = answer.status;
    Err(NoKeys {
        report: miette!("the server at {endpoint} refuses ({status}): {words}"),
        is_temporary: status.is_server_error() || status.as_u16() == 429,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(fetched: i64, end: i64) -> KeptKeys {
        let at = |minutes: i64| Timestamp::from_second(1_800_000_000 + 60 * minutes).unwrap();
        KeptKeys {
            fetched: at(fetched),
            url: String::new(),
            keys: ProfileKeys {
                access_key_id: "A".into(),
                secret_access_key: "s".into(),
                token: "t".into(),
                expiration: at(end),
                account_id: Some("123456789012".into()),
                role_arn: None,
            },
        }
    }

    #[test]
    fn kept_keys_are_fresh_while_twenty_minutes_or_half_of_their_life_are_left() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        for (fetched, end, fresh) in [
            (0, 60, true),
            (-39, 21, true),
            (-40, 20, false),
            (0, 15, true),
            (-7, 8, true),
            (-8, 7, false),
            (1, 61, false),
        ] {
            assert_eq!(kept(fetched, end).is_fresh(now), fresh, "{fetched} {end}");
        }
    }

    #[test]
    fn the_printed_form_is_that_of_credential_process() {
        let expected = json!({
            "Version": 1, "AccessKeyId": "A", "SecretAccessKey": "s", "SessionToken": "t",
            "Expiration": "2027-01-15T09:00:00Z", "AccountId": "123456789012",
        });
        assert_eq!(kept(0, 60).keys.printed(), expected);
    }
}
