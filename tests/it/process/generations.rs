//! `cognate new-generation` on a store that was restored.

use std::fs;

use cognate::ambient::{Ambient, Real};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{Data, failed};
use crate::world::idp::{IdentityProvider, Says};
use crate::world::{Credentials, Running, Start};

const ARN: &str = "arn:aws:iam::123456789012:saml-provider/corp";
const USED: &str = "Invalid login token. The SAML response was used before.";

fn new_generation(data: &Data) -> Start {
    Start::command(&["new-generation"]).flag("--data-dir", data.path())
}

/// A response of `user` that was issued `seconds` from now.
fn response(idp: &IdentityProvider, user: &str, seconds: i64) -> Value {
    let mut says = Says::of(idp, user, Real.now() + SignedDuration::from_secs(seconds));
    says.assertion_id = format!("_{user}");
    json!({ ARN: says.login(idp) })
}

async fn stop(server: Running) {
    let ended = server.stop().await;
    assert!(ended.status.success(), "{ended:?}");
}

async fn is_live(server: &Running, who: &Credentials) -> bool {
    let caller = [("Action", "GetCallerIdentity"), ("Version", "2011-06-15")];
    server.signed_query(who, "sts", &caller).await.status == 200
}

async fn session(server: &Running, guest: &str) -> Credentials {
    let answer = server.credentials(guest, json!({})).await.ok();
    Credentials::of(&answer["Credentials"])
}

#[tokio::test]
async fn nothing_from_before_a_restore_is_accepted_after_a_new_generation() {
    let data = Data::new();
    let idp = IdentityProvider::new("https://idp.example/metadata");
    let server = Start::serve(&data.path()).up().await;
    let document = idp.metadata();
    let provider = [("Name", "corp"), ("SAMLMetadataDocument", &*document)];
    let answer = server.iam("CreateSAMLProvider", &provider).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let named = json!({ "SamlProviderARNs": [ARN] });
    let pools = [server.pool(named.clone()).await, server.pool(named).await];
    let guest = server.identity(&pools[0], json!({})).await;
    let old_session = session(&server, &guest).await;
    let (used, unused) = (response(&idp, "ada", 0), response(&idp, "eve", 0));
    stop(server).await;
    let file = data.file("cognate.sqlite");
    let backup = fs::read(&file).unwrap();

    let server = Start::serve(&data.path()).up().await;
    assert!(
        is_live(&server, &old_session).await,
        "a restart ends no session"
    );
    server.identity(&pools[0], used.clone()).await;
    let refused = new_generation(&data).run().await;
    failed(&refused, &["in use by another cognate process"]);
    assert!(is_live(&server, &old_session).await);
    stop(server).await;

    fs::write(&file, backup).unwrap();
    let ended = new_generation(&data).run().await;
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    for words in [
        "has a new generation",
        "The newest change in the store is from 2",
    ] {
        assert!(ended.out.contains(words), "{ended:?}");
    }

    let server = Start::serve(&data.path()).up().await;
    for logins in [&used, &unused] {
        for pool in &pools {
            let answer = server.get_id(pool, logins.clone()).await;
            answer.refused("NotAuthorizedException", USED);
        }
    }
    assert!(!is_live(&server, &old_session).await);
    let new_session = session(&server, &guest).await;
    assert!(is_live(&server, &new_session).await);
    server.identity(&pools[1], response(&idp, "joe", 2)).await;
    stop(server).await;
}

#[tokio::test]
async fn a_generation_begins_only_in_a_store_that_is_there_and_served_again() {
    let nothing = Data::new();
    failed(
        &new_generation(&nothing).run().await,
        &["there is no store in"],
    );
    assert!(!nothing.path().exists(), "no store is made");
    fs::create_dir(nothing.path()).unwrap();
    fs::write(nothing.file("cognate.sqlite"), b"").unwrap();
    failed(
        &new_generation(&nothing).run().await,
        &["there is no store in"],
    );
    assert_eq!(fs::read(nothing.file("cognate.sqlite")).unwrap(), b"");

    let (moved, copy) = (Data::used().await, Data::new());
    let ended = Start::command(&["store", "copy"])
        .flag("--from", format!("sqlite:{}", moved.path().display()))
        .flag("--to", format!("sqlite:{}", copy.path().display()))
        .run()
        .await;
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    failed(&new_generation(&moved).run().await, &["was moved"]);

    // The configuration file of the servers says where the store is. The command may run again.
    let settings = format!("data_dir = {:?}\n", copy.path());
    let config = copy.beside("cognate.toml", settings);
    for _ in 0..2 {
        let command = Start::command(&["new-generation"]).flag("--config", &config);
        let ended = command.run().await;
        assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    }
    let config = copy.beside("wrong.toml", "data_dri = 1\n");
    let command = Start::command(&["new-generation"]).flag("--config", config);
    failed(&command.run().await, &["data_dri"]);
}
