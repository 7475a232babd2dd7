//! A database that is away, stalls, or loses connections: errors come in time, nothing that was answered is lost, and
//! everything works again by itself.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use super::interleaved::{POOL, prepare, sign_in};
use super::{Database, PostgresStore, server};
use crate::model::identity::Login;
use crate::store::conformance::{Inspect, origin};
use crate::store::identities::{Answer, Question};
use crate::store::{Store, StoreError};

const PASS: u8 = 0;
const REFUSE: u8 = 1;
const STALL: u8 = 2;

/// A proxy in front of the database.
struct Proxy {
    address: SocketAddr,
    mode: Arc<AtomicU8>,
    /// Each change cuts every connection.
    cuts: watch::Sender<u64>,
}

impl Proxy {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mode = Arc::new(AtomicU8::new(PASS));
        let (cuts, cut) = watch::channel(0);
        let url = server();
        let target = url.rsplit_once('@').unwrap().1.split('/').next().unwrap();
        let (target, modes) = (target.to_owned(), Arc::clone(&mode));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if modes.load(Ordering::SeqCst) == REFUSE {
                    continue;
                }
                let upstream = TcpStream::connect(&target).await.unwrap();
                let mut cut = cut.clone();
                cut.mark_unchanged();
                tokio::spawn(forward(client, upstream, Arc::clone(&modes), cut));
            }
        });
        Self {
            address,
            mode,
            cuts,
        }
    }

    fn set(&self, mode: u8) {
        self.mode.store(mode, Ordering::SeqCst);
    }

    fn cut(&self) {
        self.cuts.send_modify(|number| *number += 1);
    }

    /// The database, through the proxy.
    async fn store(&self, database: &Database) -> PostgresStore {
        database.make().await;
        let mut settings = database.settings();
        let url = settings.url.as_str();
        let (user, rest) = url.rsplit_once('@').unwrap();
        let name = rest.rsplit_once('/').unwrap().1;
        settings.url = format!("{user}@{}/{name}", self.address).into();
        PostgresStore::open(&settings, Arc::new(crate::ambient::Real))
            .await
            .unwrap()
    }
}

/// Forwards both directions until the connection is cut; while the proxy stalls, nothing passes to the database.
async fn forward(
    client: TcpStream,
    upstream: TcpStream,
    mode: Arc<AtomicU8>,
    mut cut: watch::Receiver<u64>,
) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_upstream, mut to_upstream) = upstream.into_split();
    let requests = async {
        let mut bytes = vec![0; 1 << 16];
        while let Ok(length @ 1..) = from_client.read(&mut bytes).await {
            while mode.load(Ordering::SeqCst) == STALL {
                sleep(Duration::from_millis(10)).await;
            }
            if to_upstream.write_all(&bytes[..length]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = requests => {}
        _ = copy(&mut from_upstream, &mut to_client) => {}
        _ = cut.changed() => {}
    }
}

fn guest(number: u128) -> Question {
    Question::AddGuest(POOL, Uuid::from_u128(number))
}

fn now() -> crate::store::event::Origin {
    origin(Timestamp::from_second(300).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_or_stalls_is_an_error_in_time() {
    let database = Database::default();
    let proxy = Proxy::start().await;
    let store = proxy.store(&database).await;
    prepare(&store).await;
    for (number, mode) in [(1000, REFUSE), (1001, STALL)] {
        proxy.set(mode);
        if mode == REFUSE {
            proxy.cut();
        }
        let begin = Instant::now();
        for refused in [
            store.change(&guest(number), &now()).await.map(drop),
            store
                .read(&Question::Find(Uuid::from_u128(10)))
                .await
                .map(drop),
            store.check().await.map(drop),
        ] {
            let error = refused.unwrap_err();
            assert!(
                matches!(error, StoreError::Unavailable(_) | StoreError::Unknown(_)),
                "{error:?}"
            );
        }
        assert!(
            begin.elapsed() < Duration::from_secs(45),
            "{:?}",
            begin.elapsed()
        );
        proxy.set(PASS);
        let again = timeout(Duration::from_secs(10), async {
            while store.check().await.is_err() {
                sleep(Duration::from_millis(100)).await;
            }
            store.change(&guest(number), &now()).await
        });
        assert!(matches!(again.await.unwrap(), Ok(Answer::Identity(_))));
    }
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_answered_is_lost_when_connections_break() {
    let database = Database::default();
    let proxy = Proxy::start().await;
    let store = Arc::new(proxy.store(&database).await);
    prepare(&*store).await;
    let calls = Arc::new(AtomicU32::new(0));
    let mut workers = JoinSet::new();
    for worker in 0..16_u128 {
        let (store, calls) = (Arc::clone(&store), Arc::clone(&calls));
        workers.spawn(async move {
            let mut acknowledged = Vec::new();
            for step in 0..40_u128 {
                let new = 10_000 + worker * 1000 + step;
                let question = if step % 2 == 0 {
                    guest(new)
                } else {
                    // Two workers share each user.
                    let user = format!("{}-{step}", worker / 2);
                    sign_in(None, vec![Login::public("a", &user)], new)
                };
                if let Ok(Answer::Identity(identity)) = store.change(&question, &now()).await {
                    acknowledged.push(identity);
                }
                calls.fetch_add(1, Ordering::Relaxed);
            }
            acknowledged
        });
    }
    let breaking = async {
        let mut cut_at = 24;
        loop {
            sleep(Duration::from_millis(1)).await;
            if calls.load(Ordering::Relaxed) >= cut_at {
                proxy.cut();
                cut_at += 24;
            }
        }
    };
    let acknowledged = tokio::select! {
        all = workers.join_all() => all.concat(),
        () = breaking => unreachable!("it breaks connections until the workers end"),
    };
    assert!(acknowledged.len() > 400, "{} answers", acknowledged.len());
    let dump = store.dump().await;
    dump.check();
    for identity in acknowledged {
        let found = dump.identities.iter().find(|one| one.id == identity.id);
        assert_eq!(found.map(|one| &one.logins), Some(&identity.logins));
    }
    store.close().await;
}
