//! What batching is worth at the store's trait: the same questions from many clients, answered in batches and one by one.
//!
//! `store URL SECONDS`: for 64 and 512 clients, durable sign-ins of new users, get-or-create and reads per second on the
//! PostgreSQL database at URL, once with batches and once with one transaction for each question on all connections. The
//! two take turns, three rounds each. Prints the medians and their ratios.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cognate::ambient::{Ambient, Real};
use cognate::model::identity::Login;
use cognate::model::ids::PoolId;
use cognate::model::json;
use cognate::model::pool::Pool;
use cognate::model::sign_in::Asker;
use cognate::store::event::{GuestHash, Origin};
use cognate::store::identities::{PoolRef, PoolVersion, Question, SignIn};
use cognate::store::postgres::{PostgresSettings, PostgresStore};
use cognate::store::record::RecordWrite;
use cognate::store::{Store, ask};
use tokio::task::JoinSet;
use uuid::Uuid;
use zeroize::Zeroizing;

const ROUNDS: usize = 3;

#[derive(Debug, Clone, Copy)]
enum Work {
    Create,
    GetOrCreate,
    Read,
}

struct Bench {
    pool: PoolVersion,
    guests: GuestHash,
    users: AtomicU64,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let (Some(url), Some(seconds)) = (words.next(), words.next()) else {
        return Err("usage: store URL SECONDS".into());
    };
    let time = Duration::from_secs(seconds.parse()?);
    let batched = open(&url, false).await?;
    let single = open(&url, true).await?;
    let bench = Arc::new(Bench {
        pool: add_pool(batched.as_ref()).await?,
        guests: GuestHash::new(&[0; 32]),
        users: AtomicU64::new(0),
    });
    println!("| clients | questions | batched/s | one by one/s | ratio |");
    println!("|---|---|---|---|---|");
    for clients in [64, 512] {
        for work in [Work::Create, Work::GetOrCreate, Work::Read] {
            let (mut with, mut without) = (Vec::new(), Vec::new());
            for _ in 0..ROUNDS {
                with.push(measure(&bench, &batched, work, clients, time).await?);
                without.push(measure(&bench, &single, work, clients, time).await?);
            }
            let (with, without) = (median(with), median(without));
            let ratio = with / without;
            println!("| {clients} | {work:?} | {with:.0} | {without:.0} | {ratio:.2} |");
        }
    }
    batched.close().await;
    single.close().await;
    Ok(())
}

async fn open(url: &str, one_by_one: bool) -> Result<Arc<PostgresStore>, Box<dyn Error>> {
    let settings = PostgresSettings {
        url: Zeroizing::new(url.to_owned()),
        url_file: None,
        password_file: None,
        ca_file: None,
        client_files: None,
        unverified: false,
        connections: 16,
        clock_tolerance: None,
        serializable: false,
        one_by_one,
    };
    Ok(Arc::new(
        PostgresStore::open(&settings, Arc::new(Real)).await?,
    ))
}

fn origin(guests: &GuestHash) -> Origin {
    Origin::of_server("Bench", &Real, guests)
}

async fn add_pool(store: &PostgresStore) -> Result<PoolVersion, Box<dyn Error>> {
    let id = Real.uuid();
    let text = format!(
        r#"{{"id":"eu-west-1:{id}","settings":{{"name":"bench","allow_unauthenticated":true,"allow_classic_flow":null,
        "supported_login_providers":{{}},"developer_provider_name":"dev","oidc_provider_arns":[],"user_pool_clients":[],
        "tags":{{}}}},"roles":{{"authenticated":null,"unauthenticated":null}}}}"#
    );
    let pool: Pool = json::read_as(text.as_bytes())?;
    let PoolId { uuid: id, .. } = pool.id;
    let guests = GuestHash::new(&[0; 32]);
    store
        .put(&[RecordWrite::add(&pool, 1_000_000)], &origin(&guests))
        .await?;
    let incarnation = pool.incarnation;
    Ok(PoolVersion {
        pool: PoolRef { id, incarnation },
        version: 1,
    })
}

/// Questions per second.
async fn measure(
    bench: &Arc<Bench>,
    store: &Arc<PostgresStore>,
    work: Work,
    clients: usize,
    time: Duration,
) -> Result<f64, Box<dyn Error>> {
    let begin = Instant::now();
    let mut tasks = JoinSet::new();
    for client in 0..clients {
        let (bench, store) = (Arc::clone(bench), Arc::clone(store));
        tasks.spawn(async move {
            let mut done = 0_u64;
            while begin.elapsed() < time {
                let question = bench.question(work, client);
                ask(store.as_ref(), &question, || origin(&bench.guests)).await?;
                done += 1;
            }
            Ok::<_, cognate::store::StoreError>(done)
        });
    }
    let mut done = 0;
    while let Some(task) = tasks.join_next().await {
        done += task??;
    }
    Ok(done as f64 / begin.elapsed().as_secs_f64())
}

impl Bench {
    fn question(&self, work: Work, client: usize) -> Question {
        let number = match work {
            Work::Create => self.users.fetch_add(1, Ordering::Relaxed),
            // Each user comes four times: once to be made.
            Work::GetOrCreate => 1_000_000_000 + self.users.fetch_add(1, Ordering::Relaxed) / 4,
            Work::Read => client as u64 % 64,
        };
        let login = Login::public("accounts.example.com", &format!("user-{number}"));
        if let Work::Read = work {
            return Question::Owner(self.pool.pool, login);
        }
        Question::SignIn(SignIn {
            asker: Asker::User,
            pool: self.pool,
            presented: None,
            logins: vec![(login.key(), login)],
            only_found: Vec::new(),
            new_id: new_id(),
        })
    }
}

fn new_id() -> Uuid {
    Real.uuid()
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}
