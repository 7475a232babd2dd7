//! Promises about sign-ins at once.

use super::*;
use crate::model::sign_in::Refusal;
use tokio::task::JoinSet;

const TASKS: u128 = 64;

/// Signs in with all of `questions` at once, all having met at a barrier.
async fn at_once(store: &Arc<dyn Inspect>, questions: Vec<SignIn>) -> Vec<SignedIn> {
    let barrier = Arc::new(tokio::sync::Barrier::new(questions.len()));
    let mut tasks = JoinSet::new();
    for question in questions {
        let (store, barrier) = (Arc::clone(store), Arc::clone(&barrier));
        tasks.spawn(async move {
            barrier.wait().await;
            store.sign_in(question).await.unwrap()
        });
    }
    tasks.join_all().await
}

pub(super) async fn sign_ins_at_once_get_one_identity(store: Arc<dyn Inspect>) {
    add_pool(&*store, 1).await;
    for round in 0..10 {
        let text = format!("a:{round}");
        let new = |number| ask(1000 * (round + 1) + number, None, &[text.as_str()]);
        let answers = at_once(&store, (0..TASKS).map(new).collect()).await;
        assert!(answers.iter().all(|answer| *answer == answers[0]));
        assert!(matches!(answers[0], SignedIn::Identity(_)));
    }
    assert_eq!(store.dump().await.identities.len(), 10);
}

pub(super) async fn a_guest_signs_in_once(store: Arc<dyn Inspect>) {
    add_pool(&*store, 1).await;
    store.add_guest(guest(9, 1)).await.unwrap();
    let text = |number: u128| format!("a:{number}");
    let new = |number| ask(1000 + number, 9, &[text(number).as_str()]);
    let answers = at_once(&store, (0..TASKS).map(new).collect()).await;
    let (in_, out): (Vec<SignedIn>, Vec<SignedIn>) = answers
        .into_iter()
        .partition(|answer| matches!(answer, SignedIn::Identity(_)));
    assert_eq!(in_.len(), 1);
    let refused = SignedIn::Refused(Refusal::LoginsDontMatch);
    assert!(out.iter().all(|answer| *answer == refused));
}

pub(super) async fn two_guests_do_not_share_a_login(store: Arc<dyn Inspect>) {
    add_pool(&*store, 1).await;
    for number in 0..TASKS {
        store.add_guest(guest(number + 10, 1)).await.unwrap();
    }
    let new = |number| ask(1000 + number, number + 10, &["a:1"]);
    let answers = at_once(&store, (0..TASKS).map(new).collect()).await;
    let mut winners = HashSet::new();
    for answer in answers {
        match answer {
            SignedIn::Identity(identity) => winners.insert(identity.id),
            other => panic!("{other:?}"),
        };
    }
    assert_eq!(winners.len(), 1, "the others were merged into the first");
}

pub(super) async fn links_and_merges_at_once_leave_every_login_one_owner(store: Arc<dyn Inspect>) {
    add_pool(&*store, 1).await;
    let mut new = 1_000_u128;
    let mut below = dice(7);
    for _ in 0..12 {
        for _ in 0..4 {
            new += 1;
            store.add_guest(guest(new, 1)).await.unwrap();
        }
        let known: Vec<Uuid> = store
            .dump()
            .await
            .identities
            .iter()
            .map(|one| one.id)
            .collect();
        let questions = (0..TASKS).map(|_| {
            new += 1;
            let first = below(6);
            let second = below(6);
            let mut texts = vec![format!("{first}:{}", below(5))];
            if second != first {
                texts.push(format!("{second}:{}", below(5)));
            }
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let mut question = ask(new, None, &texts);
            if below(3) > 0 {
                let nth = below(known.len() as u64);
                question.presented = Some(known[usize::try_from(nth).unwrap()]);
            }
            question
        });
        let questions: Vec<SignIn> = questions.collect();
        let answers = at_once(&store, questions).await;
        assert!(!answers.contains(&SignedIn::NoIdentity));
        let dump = store.dump().await;
        dump.check();
        for answer in answers {
            if let SignedIn::Identity(identity) = answer {
                assert!(dump.identities.iter().any(|one| one.id == identity.id));
            }
        }
    }
    let merged = store.dump().await.identities;
    let merged = merged.iter().filter(|one| one.state != State::Live);
    assert!(merged.count() > 10, "the races had something to merge");
}

pub(super) async fn a_pool_that_is_removed_meanwhile_takes_everything_along(
    store: Arc<dyn Inspect>,
) {
    add_pool(&*store, 1).await;
    let mut tasks = JoinSet::new();
    for number in 0..TASKS {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            if number == TASKS / 2 {
                assert!(store.remove_pool(id(1)).await.unwrap());
            } else if number % 2 == 0 {
                let text = format!("a:{number}");
                let answer = store.sign_in(ask(1000 + number, None, &[&text])).await;
                assert!(matches!(
                    answer.unwrap(),
                    SignedIn::Identity(_) | SignedIn::NoPool
                ));
            } else {
                let added = store.add_guest(guest(2000 + number, 1)).await.unwrap();
                assert!(matches!(added, GuestAdded::Added | GuestAdded::NoPool));
            }
        });
    }
    tasks.join_all().await;
    let left = purged(&*store).await;
    assert_eq!((left.identities.len(), left.logins.len()), (0, 0));
}
