//! An issuer changes its key while many sign in, and while somebody floods the server with tokens of made-up keys: nobody
//! with a good token is refused, and nobody else is held up.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cognate::ambient::{Ambient, Real};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::world::{Answer, Issuer, Key, Running, Start};

const CLIENTS: usize = 64;

/// Tokens of made-up keys, and how many calls show them at once: more than may wait.
const FLOOD: usize = 10_000;
const FLOODERS: usize = 400;

/// How long a sign-in may take while the issuer changes its key.
const LONGEST: Duration = Duration::from_secs(6);
/// How long anything else may take, on a machine that is busy with all of this.
const SOON: Duration = Duration::from_secs(3);

fn token(issuer: &Issuer, key: &Key, subject: &str) -> String {
    let now = Real.now().as_second();
    key.token(&json!({
        "iss": issuer.url(), "aud": "app", "sub": subject, "iat": now, "exp": now + 3600,
    }))
}

struct Scene {
    server: Running,
    issuer: Issuer,
    pool: String,
    /// The key that the issuer signs with.
    key: watch::Sender<Key>,
    began: Instant,
    _folder: tempfile::TempDir,
}

/// How often something went well, and how long it took at most.
#[derive(Debug, Default)]
struct Went {
    times: usize,
    longest: Duration,
}

impl Went {
    fn add(&mut self, other: &Self) {
        self.times += other.times;
        self.longest = self.longest.max(other.longest);
    }
}

impl Scene {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let issuer = Issuer::with(Key::p256("old")).await;
        let server = Start::serve(&folder.path().join("data"))
            .without_rates()
            .up()
            .await;
        let pool = server.pool_of(&issuer).await;
        let key = watch::Sender::new(issuer.key.clone());
        Self {
            server,
            issuer,
            pool,
            key,
            began: Instant::now(),
            _folder: folder,
        }
    }

    async fn sign_in(&self, key: &Key, subject: &str) -> Answer {
        let token = token(&self.issuer, key, subject);
        let logins = json!({ self.issuer.name(): token });
        self.server.get_id(&self.pool, logins).await
    }

    /// The issuer publishes a new key beside the old one, and signs with it from now on.
    fn rotate(&self, new: Key) {
        let keys = json!({ "keys": [self.issuer.key.jwk(), new.jwk()] });
        self.issuer.serve_keys(keys);
        self.key.send_replace(new);
    }

    /// That there were no more fetches than could be allowed so far.
    fn check_fetches(&self) {
        let allowed = 1 + usize::try_from(self.began.elapsed().as_secs() / 5).unwrap();
        let fetches = self.issuer.fetches();
        assert!(fetches <= allowed, "{fetches} fetches, {allowed} allowed");
    }
}

/// Asks again and again, with pauses, until `over`; every answer must be good.
async fn again<F: Future<Output = Answer>>(
    over: watch::Receiver<bool>,
    what: &str,
    ask: impl Fn() -> F,
) -> Went {
    let mut went = Went::default();
    while !*over.borrow() {
        let began = Instant::now();
        let answer = ask().await;
        assert_eq!(answer.status, 200, "{what}: {}", answer.text);
        went.add(&Went {
            times: 1,
            longest: began.elapsed(),
        });
        sleep(Duration::from_millis(50)).await;
    }
    went
}

/// Sixty-four users sign in with whatever key the issuer signs with, until `over`.
fn clients(scene: &Arc<Scene>, over: &watch::Receiver<bool>) -> JoinSet<Went> {
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        let (scene, over) = (Arc::clone(scene), over.clone());
        clients.spawn(async move {
            let subject = format!("user-{number}");
            let sign_in = || async {
                let key = scene.key.borrow().clone();
                scene.sign_in(&key, &subject).await
            };
            again(over, "a client", sign_in).await
        });
    }
    clients
}

async fn all(tasks: JoinSet<Went>) -> Went {
    let mut sum = Went::default();
    for went in tasks.join_all().await {
        sum.add(&went);
    }
    sum
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_changes_its_key_while_many_sign_in_and_nobody_is_refused() {
    let scene = Arc::new(Scene::new().await);
    let (stop, over) = watch::channel(false);
    let clients = clients(&scene, &over);
    sleep(Duration::from_secs(1)).await;
    scene.rotate(Key::p256("new"));
    sleep(Duration::from_secs(6)).await;
    stop.send_replace(true);
    let went = all(clients).await;
    assert!(went.times > 2 * CLIENTS, "{went:?}");
    assert!(went.longest <= LONGEST, "{went:?}");
    assert_eq!(scene.issuer.fetches(), 2);
    scene.check_fetches();
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_tokens_of_made_up_keys_hold_up_nobody() {
    let scene = Arc::new(Scene::new().await);
    let (stop, over) = watch::channel(false);
    let clients = clients(&scene, &over);
    let mut bystanders = JoinSet::new();
    // A guest, and a user whose token is of the old key, which is published on.
    let (guest, user) = (Arc::clone(&scene), Arc::clone(&scene));
    let (first, second) = (over.clone(), over.clone());
    bystanders.spawn(async move {
        let ask = || guest.server.get_id(&guest.pool, json!({}));
        again(first, "a guest", ask).await
    });
    bystanders.spawn(async move {
        let ask = || user.sign_in(&user.issuer.key, "old");
        again(second, "a known key", ask).await
    });

    let shown = Arc::new(AtomicUsize::new(0));
    let stranger = token(&scene.issuer, &Key::p256("stranger"), "mallory");
    let mut flood = JoinSet::new();
    for _ in 0..FLOODERS {
        let (scene, shown) = (Arc::clone(&scene), Arc::clone(&shown));
        let stranger = stranger.clone();
        flood.spawn(async move {
            loop {
                let number = shown.fetch_add(1, Ordering::Relaxed);
                if number >= FLOOD {
                    return;
                }
                let logins = json!({ scene.issuer.name(): of_another_key(&stranger, number) });
                let answer = scene.server.get_id(&scene.pool, logins).await;
                let (status, code, text) = answer.error();
                let known = ["NotAuthorizedException", "TooManyRequestsException"];
                assert!(
                    status == 400 && known.contains(&code.as_str()),
                    "{code}: {text}"
                );
            }
        });
    }
    // In the middle of it.
    while shown.load(Ordering::Relaxed) < FLOOD / 4 {
        sleep(Duration::from_millis(10)).await;
    }
    scene.rotate(Key::p256("new"));
    flood.join_all().await;
    stop.send_replace(true);
    let (went, by) = (all(clients).await, all(bystanders).await);
    assert!(went.times > 2 * CLIENTS, "{went:?}");
    assert!(went.longest <= LONGEST, "{went:?}");
    assert!(by.longest <= SOON, "{by:?}");
    scene.check_fetches();
}

/// The same token, saying that another key signed it.
fn of_another_key(token: &str, number: usize) -> String {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let header: Value = json!({ "alg": "ES256", "typ": "JWT", "kid": format!("k{number}") });
    let (_, rest) = token.split_once('.').unwrap();
    format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header.to_string()))
}
