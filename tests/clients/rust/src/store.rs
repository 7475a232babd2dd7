//! A program that knows nothing of its credentials: it stores the lines that it reads, with what the SDK finds by itself.

use std::env;
use std::io;

use aws_config::BehaviorVersion;
use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;

/// Stores each line as the object `FOLDER/note`, reads the object, and prints it.
pub async fn lines() -> super::Done {
    let provider = Provider::Rustls(CryptoMode::Ring);
    let http = super::http::Builder::new()
        .tls_provider(provider)
        .build_https();
    let settings = aws_config::defaults(BehaviorVersion::latest()).http_client(http);
    let client = aws_sdk_s3::Client::new(&settings.load().await);
    let key = format!("{}/note", env::var("FOLDER")?);
    for line in io::stdin().lines() {
        let put = client.put_object().bucket("homes").key(&key);
        put.body(ByteStream::from(line?.into_bytes()))
            .send()
            .await?;
        let got = client.get_object().bucket("homes").key(&key).send().await?;
        let bytes = got.body.collect().await?.into_bytes();
        println!("{}", String::from_utf8_lossy(&bytes));
    }
    Ok(())
}
