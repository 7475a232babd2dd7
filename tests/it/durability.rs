//! What was answered is kept: the server is killed while many clients write, again and again.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cognate::ambient::{Ambient, Real};
use cognate::model::identity::{Login, LoginKey};
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::world::{Answer, Issuer, Key, Running, Start, client, login, real_token};

const CLIENTS: usize = 64;
const KILLS: usize = 20;

/// How many users sign in from every client at once.
const SHARED: usize = 8;

/// What the clients were told.
#[derive(Default)]
struct Told {
    identities: Vec<String>,
    logins: Vec<Known>,
}

/// A login whose identity was told.
struct Known {
    logins: Value,
    identity: String,
    /// The identity that it may have instead: somebody asked for a merge and was not answered.
    or: Option<String>,
}

impl Told {
    fn of(identity: &str) -> Self {
        Self {
            identities: vec![identity.to_owned()],
            logins: Vec::new(),
        }
    }

    fn add(&mut self, more: Self) {
        self.identities.extend(more.identities);
        self.logins.extend(more.logins);
    }

    /// The login of `token` belongs to `identity`.
    fn login(&mut self, logins: Value, identity: &str) -> usize {
        self.logins.push(Known {
            logins,
            identity: identity.to_owned(),
            or: None,
        });
        self.logins.len() - 1
    }
}

/// The pool, its issuers, and the way to the server.
struct Scene {
    server: Running,
    pool: String,
    issuers: Arc<[Issuer; 2]>,
}

/// The identity id in an answer; `None` where the server is gone.
fn identity(answer: reqwest::Result<Answer>) -> Option<String> {
    let answer = answer.ok()?.ok();
    Some(answer["IdentityId"].as_str().expect("an id").to_owned())
}

impl Scene {
    async fn get_id(&self, logins: Value) -> Option<String> {
        let input = json!({ "IdentityPoolId": self.pool, "Logins": logins });
        identity(self.server.try_public("GetId", input).await)
    }

    async fn present(&self, operation: &str, identity_id: &str, logins: Value) -> Option<String> {
        let input = json!({ "IdentityId": identity_id, "Logins": logins });
        identity(self.server.try_public(operation, input).await)
    }

    /// One client, until the server is gone: its guests, its users, and users that all clients share.
    async fn client(&self, number: usize) -> Told {
        let mut told = Told::default();
        for turn in 0.. {
            let user = format!("{}-{number}-{turn}", self.server.base);
            let done = match (number + turn) % 5 {
                0 | 1 => self.guest(&mut told).await.map(drop),
                2 => self.sign_in(&mut told, &user, turn).await,
                3 => self.upgrade(&mut told, &user).await,
                _ => self.merge(&mut told, &user).await,
            };
            if done.is_none() {
                break;
            }
        }
        told
    }

    async fn guest(&self, told: &mut Told) -> Option<String> {
        let id = self.get_id(json!({})).await?;
        told.identities.push(id.clone());
        Some(id)
    }

    async fn sign_in(&self, told: &mut Told, user: &str, turn: usize) -> Option<()> {
        let [issuer, _] = self.issuers.as_ref();
        let shared = format!("shared-{}", turn % SHARED);
        for subject in [user, &shared] {
            let logins = login(issuer, &real_token(issuer, subject));
            let id = self.get_id(logins.clone()).await?;
            told.identities.push(id.clone());
            told.login(logins, &id);
        }
        Some(())
    }

    /// A guest signs in, and stays who they are.
    async fn upgrade(&self, told: &mut Told, user: &str) -> Option<()> {
        let [issuer, _] = self.issuers.as_ref();
        let guest = self.guest(told).await?;
        let logins = login(issuer, &real_token(issuer, user));
        let id = self
            .present("GetCredentialsForIdentity", &guest, logins.clone())
            .await?;
        assert_eq!(id, guest);
        told.login(logins, &id);
        Some(())
    }

    /// Two identities of one user become one.
    async fn merge(&self, told: &mut Told, user: &str) -> Option<()> {
        let mut held = Vec::new();
        for issuer in self.issuers.iter() {
            let logins = login(issuer, &real_token(issuer, user));
            let id = self.get_id(logins.clone()).await?;
            told.add(Told::of(&id));
            held.push((told.login(logins.clone(), &id), id, logins));
        }
        let (_, one, mut both) = held[0].clone();
        let (second, _, more) = held[1].clone();
        let more = more.as_object().expect("a map").clone();
        both.as_object_mut().expect("a map").extend(more);
        told.logins[second].or = Some(one.clone());
        let id = self.present("GetOpenIdToken", &one, both).await?;
        assert_eq!(id, one);
        told.logins[second] = Known {
            identity: one,
            or: None,
            logins: told.logins[second].logins.clone(),
        };
        Some(())
    }

    /// Checks that everything that was told is so, and learns what became of what wasn't.
    async fn check(self: &Arc<Self>, told: Told) -> Told {
        let mut tasks = JoinSet::new();
        for part in split(told) {
            let scene = Arc::clone(self);
            tasks.spawn(async move { scene.check_part(part).await });
        }
        let mut all = Told::default();
        while let Some(part) = tasks.join_next().await {
            all.add(part.expect("a check that holds"));
        }
        all
    }

    async fn check_part(&self, mut told: Told) -> Told {
        for id in &told.identities {
            let input = json!({ "IdentityId": id });
            let found = self.server.admin("DescribeIdentity", input).await.ok();
            assert_eq!(found["IdentityId"], json!(id));
        }
        for known in &mut told.logins {
            let id = self.get_id(known.logins.clone()).await.expect("an answer");
            assert!(
                id == known.identity || Some(&id) == known.or.as_ref(),
                "a login of {} has become one of {id}",
                known.identity
            );
            known.identity = id;
            known.or = None;
        }
        told
    }
}

fn split(told: Told) -> Vec<Told> {
    let mut parts: Vec<Told> = (0..16).map(|_| Told::default()).collect();
    for (at, id) in told.identities.into_iter().enumerate() {
        parts[at % 16].identities.push(id);
    }
    for (at, known) in told.logins.into_iter().enumerate() {
        parts[at % 16].logins.push(known);
    }
    parts
}

/// That every login that was told to many is one identity's.
fn one_identity_a_login(told: &Told) {
    let mut owners: HashMap<String, &str> = HashMap::new();
    for known in &told.logins {
        for (provider, token) in known.logins.as_object().expect("a map") {
            let login = format!("{provider} {}", subject(token.as_str().expect("a token")));
            let owner = *owners.entry(login).or_insert(&known.identity);
            assert!(owner == known.identity || Some(owner) == known.or.as_deref());
        }
    }
}

fn subject(token: &str) -> String {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let claims = token.split('.').nth(1).expect("claims");
    let claims = URL_SAFE_NO_PAD.decode(claims).expect("base64");
    let claims = cognate::model::json::read(&claims).expect("JSON");
    claims["sub"].as_str().expect("a subject").to_owned()
}

/// Kills a server while 64 clients use it. Gives what they had been told.
async fn kill_in_the_middle(scene: Scene) -> Told {
    let scene = Arc::new(scene);
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        let scene = Arc::clone(&scene);
        clients.spawn(async move { scene.client(number).await });
    }
    let mut moment = [0; 1];
    Real.fill(&mut moment);
    sleep(Duration::from_millis(60 + u64::from(moment[0]))).await;
    scene.server.signal(rustix::process::Signal::KILL);
    let mut told = Told::default();
    while let Some(part) = clients.join_next().await {
        told.add(part.expect("a client that is answered as it should be"));
    }
    told
}

/// Starts the server, and measures how long it takes until it has answered.
async fn start(data: &Path, client: &reqwest::Client) -> (Running, Duration) {
    let begun = Instant::now();
    let server = Start::serve(data)
        .without_rates()
        .up_with(client.clone())
        .await;
    assert_eq!(server.get("/health").await.status, 200);
    (server, begun.elapsed())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_survives_every_kill() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let issuers = [
        Issuer::with(Key::p256("a")).await,
        Issuer::with(Key::p256("b")).await,
    ];
    let issuers = Arc::new(issuers);
    let client = client();
    let (server, _) = start(&data, &client).await;
    let arns = [
        server.register(&issuers[0], &["app"]).await,
        server.register(&issuers[1], &["app"]).await,
    ];
    let pool = server
        .pool(json!({ "OpenIdConnectProviderARNs": arns }))
        .await;
    let mut scene = Scene {
        server,
        pool: pool.clone(),
        issuers: Arc::clone(&issuers),
    };
    let mut all = Told::default();
    let mut slowest = Duration::ZERO;
    for _ in 0..KILLS {
        let told = kill_in_the_middle(scene).await;
        assert!(!told.identities.is_empty(), "killed before it began");
        one_identity_a_login(&told);
        let (server, took) = start(&data, &client).await;
        slowest = slowest.max(took);
        let next = Arc::new(Scene {
            server,
            pool: pool.clone(),
            issuers: Arc::clone(&issuers),
        });
        all.add(next.check(told).await);
        scene = Arc::into_inner(next).expect("a check that is over");
    }
    // What an early round was told, later kills have not taken away.
    let scene = Arc::new(scene);
    let all = scene.check(all).await;
    one_identity_a_login(&all);
    println!(
        "{KILLS} kills: {} identities and {} logins are as they were told; the slowest start took {slowest:?}",
        all.identities.len(),
        all.logins.len()
    );
    assert!(slowest < Duration::from_secs(1), "a start took {slowest:?}");
    let scene = Arc::into_inner(scene).expect("a check that is over");
    kill_in_the_middle(scene).await;
    rows_agree(&data);
}

/// A pool, a login's key, and the identity that has it.
type Row = ([u8; 16], LoginKey, [u8; 16]);

/// That, as a kill left the files, the index of logins says what the identities' own rows say.
fn rows_agree(data: &Path) {
    let copy = tempfile::tempdir().unwrap();
    for name in ["cognate.sqlite", "cognate.sqlite-wal"] {
        fs::copy(data.join(name), copy.path().join(name)).unwrap();
    }
    let path = copy.path().join("cognate.sqlite");
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let whole: String = db
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(whole, "ok");

    let mut index = db
        .prepare("SELECT pool, login_key, identity FROM login")
        .unwrap();
    let index = index.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    let index: HashSet<Row> = index.unwrap().map(Result::unwrap).collect();

    let mut identities = db
        .prepare("SELECT pool, id, state, logins FROM identity")
        .unwrap();
    let identities = identities.query_map([], |row| {
        let (pool, id, state): ([u8; 16], [u8; 16], i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let logins: String = row.get(3)?;
        Ok((pool, id, state, logins))
    });
    let (mut held, mut keys) = (HashSet::new(), HashSet::new());
    for identity in identities.unwrap() {
        let (pool, id, state, logins) = identity.unwrap();
        let logins: Vec<Login> = cognate::model::json::read_as(logins.as_bytes()).unwrap();
        assert!(state == 1 || logins.is_empty(), "merged away, with logins");
        for login in logins {
            assert!(keys.insert((pool, login.key())), "held by two");
            held.insert((pool, login.key(), id));
        }
    }
    assert!(!held.is_empty());
    assert_eq!(held, index);
}
