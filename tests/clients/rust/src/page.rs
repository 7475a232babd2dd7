//! The code of `docs/clients.md`, which a test compares with this file.

use aws_sdk_cognitoidentity::config::{BehaviorVersion, Region};

/// Prints the identity of a new guest of the demo pool.
pub async fn guest() -> super::Done {
    let config = aws_sdk_cognitoidentity::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(std::env::var("AWS_ENDPOINT_URL_COGNITO_IDENTITY")?)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    let cognito = aws_sdk_cognitoidentity::Client::from_conf(config);
    let guest = cognito
        .get_id()
        .identity_pool_id("us-east-1:c09a7e00-0000-4000-8000-000000000001")
        .send()
        .await?;
    let identity = guest.identity_id().ok_or("no identity id")?;
    println!("identity={identity}");
    Ok(())
}
