//! What the tests ask of the AWS SDK for Rust: `rust-client WHAT name=value…`. An answer is lines of `name=value`. What
//! the service refuses is a line with the variant of the SDK's own error type, and one with the service's words; only
//! what isn't expected at all ends with another status than 0.
//!
//! The endpoint and the region come from COGNATE_ENDPOINT and COGNATE_REGION, an administrator's access key from the
//! usual AWS variables.

use std::collections::HashMap;
use std::env;
use std::error::Error;

use aws_sdk_cognitoidentity as identity;
use aws_sdk_sts as sts;
use aws_smithy_http_client as http;
use identity::config::{BehaviorVersion, Credentials, Region};
use identity::error::{ProvideErrorMetadata, SdkError};
use identity::operation::describe_identity_pool::DescribeIdentityPoolError;
use identity::operation::get_credentials_for_identity::GetCredentialsForIdentityError;
use identity::operation::get_id::GetIdError;
use identity::operation::get_open_id_token_for_developer_identity::GetOpenIdTokenForDeveloperIdentityError;

mod page;
mod store;

type Done = Result<(), Box<dyn Error>>;
type Given = HashMap<String, String>;
type Logins = HashMap<String, String>;

/// Under which a developer's token is a login.
const OWN: &str = "cognito-identity.amazonaws.com";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Done {
    let mut words = env::args().skip(1);
    let what = words.next().ok_or("nothing is asked")?;
    let given = words
        .map(|word| {
            let (name, value) = word.split_once('=').ok_or("an argument without a name")?;
            Ok((name.to_owned(), value.to_owned()))
        })
        .collect::<Result<Given, &str>>()?;
    match what.as_str() {
        "sign-in" => sign_in(&given).await,
        "developer" => developer(&given).await,
        "pools" => pools(&given).await,
        "page" => page::guest().await,
        "store" => store::lines().await,
        "describe" => describe(&given).await,
        _ => Err("an unknown question".into()),
    }
}

/// Identity and credentials of a guest, or of the user with `provider` and `token`, in the pool `pool`.
async fn sign_in(given: &Given) -> Done {
    let client = identity::Client::from_conf(settings()?.allow_no_auth().build());
    let logins: Option<Logins> = given
        .get("provider")
        .map(|provider| HashMap::from([(provider.clone(), given["token"].clone())]));
    let asked = client
        .get_id()
        .identity_pool_id(&given["pool"])
        .set_logins(logins.clone());
    let answer = match asked.send().await {
        Ok(answer) => answer,
        Err(error) => return refused(error, get_id_variant),
    };
    let id = answer.identity_id().ok_or("an answer without an id")?;
    show_credentials(&client, id, logins).await
}

/// Registers `user` with the developer provider `provider` of the pool `pool`, signs in with the token, and looks the
/// user up, page by page.
async fn developer(given: &Given) -> Done {
    let administrator = identity::Client::from_conf(signed()?);
    let (pool, user) = (&given["pool"], &given["user"]);
    let asked = administrator
        .get_open_id_token_for_developer_identity()
        .identity_pool_id(pool)
        .logins(&given["provider"], user)
        .set_identity_id(given.get("identity").cloned());
    let answer = match asked.send().await {
        Ok(answer) => answer,
        Err(error) => return refused(error, developer_variant),
    };
    let id = answer.identity_id().ok_or("an answer without an id")?;
    let token = answer.token().ok_or("an answer without a token")?;
    let public = identity::Client::from_conf(settings()?.allow_no_auth().build());
    let logins = HashMap::from([(OWN.to_owned(), token.to_owned())]);
    show_credentials(&public, id, Some(logins)).await?;
    let found = administrator
        .lookup_developer_identity()
        .identity_pool_id(pool)
        .identity_id(id)
        .send()
        .await?;
    for user in found.developer_user_identifier_list() {
        println!("user={user}");
    }
    Ok(())
}

/// The ids of all pools, by the SDK's paginator, `size` a page.
async fn pools(given: &Given) -> Done {
    let client = identity::Client::from_conf(signed()?);
    let mut pages = client
        .list_identity_pools()
        .into_paginator()
        .page_size(given["size"].parse()?)
        .send();
    while let Some(page) = pages.next().await {
        let page = page?;
        println!("page={}", page.identity_pools().len());
        for pool in page.identity_pools() {
            println!("pool={}", pool.identity_pool_id().unwrap_or_default());
        }
    }
    Ok(())
}

/// The name of the pool `pool`.
async fn describe(given: &Given) -> Done {
    let client = identity::Client::from_conf(signed()?);
    let asked = client
        .describe_identity_pool()
        .identity_pool_id(&given["pool"]);
    match asked.send().await {
        Ok(answer) => {
            println!("name={}", answer.identity_pool_name());
            Ok(())
        }
        Err(error) => refused(error, |error| match error {
            DescribeIdentityPoolError::ResourceNotFoundException(_) => "ResourceNotFoundException",
            DescribeIdentityPoolError::NotAuthorizedException(_) => "NotAuthorizedException",
            _ => "unhandled",
        }),
    }
}

/// Shows the credentials of an identity, and what the STS says of whoever signs with them.
async fn show_credentials(client: &identity::Client, id: &str, logins: Option<Logins>) -> Done {
    let asked = client
        .get_credentials_for_identity()
        .identity_id(id)
        .set_logins(logins);
    let answer = match asked.send().await {
        Ok(answer) => answer,
        Err(error) => return refused(error, credentials_variant),
    };
    let given = answer
        .credentials()
        .ok_or("an answer without credentials")?;
    let missing = "credentials without a member";
    let keys = Credentials::new(
        given.access_key_id().ok_or(missing)?,
        given.secret_key().ok_or(missing)?,
        given.session_token().map(str::to_owned),
        None,
        "the identity pool",
    );
    let expires = given.expiration().ok_or(missing)?.secs();
    let config = sts::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(env::var("COGNATE_REGION")?))
        .endpoint_url(env::var("COGNATE_ENDPOINT")?)
        .http_client(http::Builder::new().build_http())
        .credentials_provider(keys)
        .build();
    let caller = sts::Client::from_conf(config)
        .get_caller_identity()
        .send()
        .await?;
    println!("identity={}", answer.identity_id().unwrap_or_default());
    println!("expires={expires}");
    println!("arn={}", caller.arn().unwrap_or_default());
    Ok(())
}

/// What every client of Cognito Identity is set to.
fn settings() -> Result<identity::config::Builder, env::VarError> {
    Ok(identity::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(env::var("COGNATE_REGION")?))
        .endpoint_url(env::var("COGNATE_ENDPOINT")?)
        .http_client(http::Builder::new().build_http()))
}

/// That, with the administrator's access key.
fn signed() -> Result<identity::Config, env::VarError> {
    let (id, secret) = (
        env::var("AWS_ACCESS_KEY_ID")?,
        env::var("AWS_SECRET_ACCESS_KEY")?,
    );
    let keys = Credentials::new(id, secret, None, None, "the environment");
    Ok(settings()?.credentials_provider(keys).build())
}

/// Shows what the service refused, by the variant of its error; whatever else went wrong is a failure.
fn refused<E, R>(error: SdkError<E, R>, variant: impl Fn(&E) -> &'static str) -> Done
where
    E: Error + ProvideErrorMetadata + 'static,
    R: std::fmt::Debug + 'static,
{
    let Some(service) = error.as_service_error() else {
        return Err(error.into());
    };
    println!("error={}", variant(service));
    println!("code={}", service.code().unwrap_or_default());
    println!("message={}", service.message().unwrap_or_default());
    Ok(())
}

fn get_id_variant(error: &GetIdError) -> &'static str {
    match error {
        GetIdError::NotAuthorizedException(_) => "NotAuthorizedException",
        GetIdError::ResourceNotFoundException(_) => "ResourceNotFoundException",
        GetIdError::InvalidParameterException(_) => "InvalidParameterException",
        _ => "unhandled",
    }
}

fn credentials_variant(error: &GetCredentialsForIdentityError) -> &'static str {
    match error {
        GetCredentialsForIdentityError::NotAuthorizedException(_) => "NotAuthorizedException",
        GetCredentialsForIdentityError::ResourceNotFoundException(_) => "ResourceNotFoundException",
        GetCredentialsForIdentityError::InvalidIdentityPoolConfigurationException(_) => {
            "InvalidIdentityPoolConfigurationException"
        }
        _ => "unhandled",
    }
}

fn developer_variant(error: &GetOpenIdTokenForDeveloperIdentityError) -> &'static str {
    match error {
        GetOpenIdTokenForDeveloperIdentityError::DeveloperUserAlreadyRegisteredException(_) => {
            "DeveloperUserAlreadyRegisteredException"
        }
        GetOpenIdTokenForDeveloperIdentityError::NotAuthorizedException(_) => {
            "NotAuthorizedException"
        }
        GetOpenIdTokenForDeveloperIdentityError::ResourceNotFoundException(_) => {
            "ResourceNotFoundException"
        }
        _ => "unhandled",
    }
}
