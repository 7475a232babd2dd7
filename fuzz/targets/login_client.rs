//! The client that a server publishes for `cognate login`: people are sent nowhere but to https, or to this machine.
#![no_main]

use cognate::model::issuer::url_is_loopback;
use cognate::model::json;
use cognate::model::login_client::LoginClient;
use url::Url;

cognate_fuzz::target!(|bytes: &[u8]| {
    let Ok(client) = json::read_as::<LoginClient>(bytes) else {
        return;
    };
    if client.mistake().is_some() {
        return;
    }
    let issuer = Url::parse(&client.issuer).expect("a URL");
    let is_safe =
        issuer.scheme() == "https" || issuer.scheme() == "http" && url_is_loopback(&issuer);
    assert!(is_safe, "{issuer}");
    assert!(client.scopes.iter().any(|scope| scope == "openid"));
    let printable = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
    assert!(printable(&client.issuer) && printable(&client.client_id));
    assert!(client.scopes.iter().all(|scope| printable(scope)));
    let written = serde_json::to_vec(&client).expect("JSON");
    assert_eq!(
        json::read_as::<LoginClient>(&written).expect("the same"),
        client
    );
});
