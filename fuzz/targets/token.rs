//! A login token. The first letter says how it comes: `r` as it stands, `p` in three lines, `s` in two lines that the
//! issuer signs. Only what the issuer signed is believed.
#![no_main]

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::routing::get;
use cognate::blocking::WorkPools;
use cognate::logins::id_token::{Audience, AudienceSource, OpenIdConnect};
use cognate::logins::report::Report;
use cognate::logins::{LoginAttempt, LoginRules, Logins};
use cognate::outgoing::{Outgoing, OutgoingSettings};
use cognate_fuzz::{IssuerKey, now, runtime, token};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

const NAME: &str = "issuer.example";

struct Scene {
    key: IssuerKey,
    logins: Logins,
    provider: OpenIdConnect,
}

fn scene() -> &'static Scene {
    static SCENE: OnceLock<Scene> = OnceLock::new();
    SCENE.get_or_init(|| runtime().block_on(set()))
}

/// An issuer in this process, reached through an upstream.
async fn set() -> Scene {
    let (key, issuer) = (IssuerKey::default(), format!("https://{NAME}"));
    let (keys, discovery) = (
        key.key_set().to_string(),
        json!({ "issuer": issuer, "jwks_uri": format!("{issuer}/keys") }).to_string(),
    );
    let router = Router::new().route("/keys", get(async move || keys)).route(
        "/.well-known/openid-configuration",
        get(async move || discovery),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let settings = OutgoingSettings {
        upstreams: [(NAME.to_owned(), base.parse().expect("a URL"))]
            .into_iter()
            .collect(),
        ..OutgoingSettings::default()
    };
    let client = Audience {
        client_id: "app".to_owned(),
        source: AudienceSource::Pool,
    };
    let pools = WorkPools::for_this_machine();
    let outgoing = Arc::new(Outgoing::new(settings).expect("a client"));
    Scene {
        key,
        logins: Logins::new(LoginRules::default(), outgoing, pools),
        provider: OpenIdConnect {
            name: NAME.to_owned(),
            issuer,
            thumbprints: Vec::new(),
            audiences: vec![client],
        },
    }
}

/// Far enough from the last one that a token of an unknown key needn't wait for the next fetch; within an hour.
fn moment() -> Timestamp {
    static TOKENS: AtomicI64 = AtomicI64::new(0);
    let nth = TOKENS.fetch_add(1, Ordering::Relaxed) % 500;
    now() + SignedDuration::from_secs(6 * nth)
}

fn attempt<'a>(key: &'a str, token: &'a str, now: Timestamp) -> LoginAttempt<'a> {
    LoginAttempt { key, token, now }
}

cognate_fuzz::target!(init: {
    scene();
}, |bytes: &[u8]| {
    let Scene { key, logins, provider } = scene();
    let Some((how, rest)) = bytes.split_first() else { return };
    let text = match how {
        b'r' => String::from_utf8_lossy(rest).into_owned(),
        b'p' => token(rest, None),
        b's' => token(rest, Some(key)),
        _ => return,
    };
    let now = moment();
    let (on_pool, unknown) = (attempt(NAME, &text, now), attempt("other.example", &text, now));
    let verified = runtime().block_on(async {
        let mut report = Report::disabled();
        logins.verify(Some(provider), &on_pool, &mut report).await
    });
    if let Ok(verified) = verified {
        assert_eq!(*how, b's', "nobody else has the key");
        assert_eq!(verified.login.provider, NAME);
        assert!(!verified.login.subject.is_empty());
        assert_eq!(verified.audience, "app");
        assert!(verified.expires.is_some_and(|end| end > now));
    }
    // A key that the pool has nothing under.
    let refused = runtime().block_on(async {
        let mut report = Report::disabled();
        logins.verify(None, &unknown, &mut report).await
    });
    assert!(refused.is_err());
});
