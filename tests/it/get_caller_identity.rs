use serde_json::json;

use crate::world::{ACCOUNT, Credentials, World, form, form_headers};

const CALLER: [(&str, &str); 2] = [("Action", "GetCallerIdentity"), ("Version", "2011-06-15")];

#[tokio::test]
async fn the_root_key_is_the_accounts_root() {
    let world = World::new().await;
    let answer = world
        .signed_query(&Credentials::root(), "sts", &CALLER)
        .await;
    assert_eq!(answer.header("content-type").as_deref(), Some("text/xml"));
    let id = answer.header("x-amzn-requestid").unwrap();
    assert_eq!(
        answer.text,
        format!(
            "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
             <UserId>{ACCOUNT}</UserId><Account>{ACCOUNT}</Account><Arn>arn:aws:iam::{ACCOUNT}:root</Arn>\
             </GetCallerIdentityResult><ResponseMetadata><RequestId>{id}</RequestId></ResponseMetadata>\
             </GetCallerIdentityResponse>"
        )
    );
}

#[tokio::test]
async fn a_session_is_its_role_and_its_name() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    let guest = world.identity(&pool, json!({})).await;
    let answer = world.credentials(&guest, json!({})).await.ok();
    let who = Credentials::of(&answer["Credentials"]);
    let answer = world.signed_query(&who, "sts", &CALLER).await;
    let id = answer.xml("UserId").unwrap();
    assert!(
        id.starts_with("AROA") && id.ends_with(":CognitoIdentityCredentials"),
        "{id}"
    );
    assert_eq!(id.find(':'), Some(21));
}

#[tokio::test]
async fn who_accepts_json_gets_json() {
    let world = World::new().await;
    let body = form(&CALLER);
    let mut headers = form_headers();
    headers.insert("accept", "application/json".parse().unwrap());
    let signed = world.sign(&Credentials::root(), "sts", headers.clone(), &body);
    let answer = world.send("POST", "/", signed, body.clone()).await;
    assert_eq!(
        answer.header("content-type").as_deref(),
        Some("application/json")
    );
    let answer = answer.ok();
    let arn = format!("arn:aws:iam::{ACCOUNT}:root");
    assert_eq!(
        answer["GetCallerIdentityResponse"]["GetCallerIdentityResult"]["Arn"],
        json!(arn)
    );
    let unsigned = world.send("POST", "/", headers, body).await;
    assert_eq!(unsigned.status, 403);
    assert_eq!(
        unsigned.json()["Error"]["Code"],
        json!("MissingAuthenticationToken")
    );
}
